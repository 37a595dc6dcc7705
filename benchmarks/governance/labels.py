"""What people found by reading: one row for each place of the corpus, without a line of anybody's code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

LABELS = Path(__file__).parent / "labels.jsonl"
PACKAGES = Path(__file__).parent / "packages.txt"


class Verdict(StrEnum):
    """What a reader says of a place."""

    VIOLATION = "violation"  # the checker has to say something here
    OK = "ok"  # it must not: at most a notice
    UNCLEAR = "unclear"  # readers may differ, so it counts for neither side


class Split(StrEnum):
    """Which part of the packages a label belongs to. Rules were written while looking at the first part only."""

    TUNE = "tune"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Label:
    """One judged place. ``lines`` are all lines where a finding speaks of the same thing, the judged one first."""

    package: str
    version: str
    path: str
    lines: tuple[int, ...]
    sha256: str  # of the judged line without its indentation
    verdict: Verdict
    codes: frozenset[str]  # any of them is right; empty where nothing should be found
    kinds: frozenset[str]
    why: str
    split: Split
    is_exhaustive: bool = False  # all of this file's places were judged
    readers: int = 1  # who judged it without knowing of one another: where they differ, it is unclear

    @property
    def folder(self) -> str:
        """The package's folder in the corpus."""
        return f"{self.package}-{self.version}"


@cache
def _splits() -> Mapping[str, Split]:
    found: dict[str, Split] = {}
    split = Split.TUNE
    for line in PACKAGES.read_text("utf-8").splitlines():
        if line.startswith("# ") and line[2:] in list(Split):
            split = Split(line[2:])
        elif line and not line.startswith("#"):
            found[line.partition("==")[0]] = split
    return found


def split_of(package: str) -> Split | None:
    """Return the part that a package belongs to, None for one that is not in the corpus."""
    return _splits().get(package)


def read(path: Path = LABELS) -> Sequence[Label]:
    """Return all labels."""
    return [_label(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def stale(labels: Iterable[Label], corpus: Path) -> Sequence[Label]:
    """Return the labels whose line is not in the corpus as it was when it was judged."""
    return [each for each in labels if not _is_there(each, corpus)]


def _is_there(label: Label, corpus: Path) -> bool:
    try:
        lines = (corpus / label.folder / label.path).read_text("utf-8", errors="replace").split("\n")
        return hashlib.sha256(lines[label.lines[0] - 1].strip().encode()).hexdigest() == label.sha256
    except (OSError, IndexError):
        return False


def _label(row: Mapping[str, object]) -> Label:
    def texts(key: str) -> frozenset[str]:
        value = row[key]
        assert isinstance(value, list)
        return frozenset(map(str, value))

    also = row.get("also", [])
    assert isinstance(also, list)
    return Label(
        package=str(row["package"]),
        version=str(row["version"]),
        path=str(row["path"]),
        lines=(int(str(row["line"])), *map(int, also)),
        sha256=str(row["sha256"]),
        verdict=Verdict(str(row["verdict"])),
        codes=texts("codes"),
        kinds=texts("kinds"),
        why=str(row["why"]),
        split=Split(str(row["split"])),
        is_exhaustive=bool(row.get("exhaustive", False)),
        readers=int(str(row.get("readers", 1))),
    )
