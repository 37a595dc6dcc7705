"""How often `mainspring advise` is right about a description in words, and how often it asks.

``descriptions.jsonl`` holds descriptions as people write them, in English, German and Polish, each labelled with its kind before the
advisor saw it. Those of the split "held" were never used to extend the lexicons. Run: ``python -m benchmarks.governance.descriptions``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mainspring.advisor.advise.advice import Advice, advise
from mainspring.advisor.advise.describe import describe

FILE = Path(__file__).with_name("descriptions.jsonl")
FLOOR = 0.62  # of a guess by keywords alone


@dataclass(frozen=True, slots=True)
class Labelled:
    """A description and the kind that a person gave it."""

    id: str
    split: str
    language: str
    kind: str
    text: str


@dataclass(slots=True)
class Figures:
    """What became of the descriptions of a split. ``silent``: wrong, and nothing was asked or assumed aloud."""

    n: int = 0
    right: int = 0
    asked: int = 0
    wrong_but_asked: int = 0
    silent: int = 0


def read() -> Iterator[Labelled]:
    """Yield all descriptions."""
    for line in FILE.read_text("utf-8").splitlines():
        yield Labelled(**json.loads(line))


def kind_of(advice: Advice) -> str:
    """Return the kind that is advised, empty where none is."""
    return "" if advice.kind is None else str(advice.kind)


def measure(split: str, language: str | None = None) -> Figures:
    """Advise on every description of a split and count."""
    found = Figures()
    for each in read():
        if each.split != split or (language is not None and each.language != language):
            continue
        advice = advise(description=describe(each.text))
        is_right = kind_of(advice) == each.kind
        found.n += 1
        found.right += is_right
        found.asked += bool(advice.questions)
        found.wrong_but_asked += not is_right and bool(advice.questions)
        found.silent += not is_right and not advice.questions and not advice.assumptions
    return found


def main() -> None:
    """Print the figures of both splits."""
    labels = list(read())
    print(f"{len(labels)} descriptions: " + ", ".join(f"{n} {kind}" for kind, n in Counter(each.kind for each in labels).most_common()))
    print(f"{'split':8}{'language':10}{'n':>5}{'right':>8}{'asked':>8}{'wrong, asked':>14}{'wrong, silent':>15}")
    for split in ("tune", "held"):
        for language in (None, "en", "de", "pl"):
            got = measure(split, language)
            shares = f"{got.right / got.n:>8.1%}{got.asked / got.n:>8.1%}{got.wrong_but_asked:>14}{got.silent:>15}"
            print(f"{split:8}{language or 'all':10}{got.n:>5}{shares}")
    print(f"a guess by keywords alone: {FLOOR:.0%}")


if __name__ == "__main__":
    main()
