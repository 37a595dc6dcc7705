"""What the engine must know of a task's parameters before it sees a call, read once from their JSON Schema.

Also the detector of secrets that travel as plain texts: by a parameter's name when tasks are registered, by a value's shape at enqueue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mainspring.core.param import OURS, scalars

LONGEST_SEARCHED = 500  # characters: longer values are no search terms, and an index has no room for them

_NAME = re.compile(
    r"(^|_)(pass(word|wd|phrase)|secret|token|credentials?|(api|access|private|signing|encryption)_?key)(_?[0-9]+)?$", re.IGNORECASE
)
_SHAPES = {
    "an AWS access key": re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a Stripe key": re.compile(r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
}


def looks_secret(name: str) -> bool:
    """Tell whether a parameter is called like a secret."""
    return _NAME.search(name) is not None


def secret_in(text: str) -> str | None:
    """Return what a text holds that looks like a key, as "a Stripe key"; None where it holds none."""
    return next((kind for kind, shape in _SHAPES.items() if shape.search(text)), None)


@dataclass(frozen=True, slots=True)
class Marks:
    """``searched`` are the parameters by which runs can be found, ``named`` those that are called like a secret and are plain texts.

    ``silenced`` are those that say that they are no secrets.
    """

    has_files: bool
    has_secrets: bool
    searched: tuple[str, ...]
    named: tuple[str, ...]
    silenced: frozenset[str]

    @property
    def is_plain(self) -> bool:
        """Whether a call carries nothing beside its JSON."""
        return not (self.has_files or self.has_secrets or self.searched)


def marks_of(schema: Mapping[str, Any]) -> Marks:
    """Read the marks of a JSON Schema of parameters."""
    said = list(_said_by_us(schema))
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    silenced = frozenset(name for name, each in properties.items() if each.get(OURS, {}).get("secret") is False)
    return Marks(
        has_files=any("file" in each for each in said),
        has_secrets=any(each.get("secret") is True for each in said),
        searched=tuple(name for name, each in properties.items() if each.get(OURS, {}).get("search")),
        named=tuple(name for name, each in properties.items() if name not in silenced and _NAME.search(name) and _is_text(each)),
        silenced=silenced,
    )


def _said_by_us(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get(OURS), Mapping):
            yield schema[OURS]
        for each in schema.values():
            yield from _said_by_us(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _said_by_us(each)


def masked_types(schema: Mapping[str, Any]) -> list[str]:
    """Return the parameters with a type that writes itself as stars, so that its value would be lost on the way."""

    def holds(part: Any, seen: frozenset[str] = frozenset()) -> bool:
        if isinstance(part, Mapping):
            reference = part.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                return holds(schema.get("$defs", {}).get(reference.rpartition("/")[2]), seen | {reference})
            is_it = part.get("format") == "password" and part.get("writeOnly") is True
            return is_it or any(holds(each, seen) for each in part.values())
        return isinstance(part, list) and any(holds(each, seen) for each in part)

    return [name for name, each in schema.get("properties", {}).items() if holds(each)]


def _is_text(schema: Mapping[str, Any]) -> bool:
    return any(
        each.get("type") == "string" and "enum" not in each and "const" not in each and not each.get(OURS, {}).get("secret")
        for each in scalars(dict(schema))
    )


def is_suspicious(text: str) -> bool:
    """Tell whether a text of JSON may hold something that looks like a key; sometimes wrong, and cheap: it is asked at every enqueue."""
    return (
        "AKIA" in text or "ASIA" in text or "eyJ" in text or "_live_" in text or "xox" in text or "-----BEGIN" in text
        or ("gh" in text and ("github_pat_" in text or any(f"gh{kind}_" in text for kind in "pousr")))
    )  # fmt: skip


def raw_secrets(text: str, silenced: frozenset[str]) -> list[tuple[str, str]]:
    """Return which parameters hold something that looks like a key, and what like; never the value."""
    found: list[tuple[str, str]] = []
    for name, value in json.loads(text).items():
        if name in silenced:
            continue
        words = value if isinstance(value, str) else json.dumps(value)
        found += [(name, kind) for kind, shape in _SHAPES.items() if shape.search(words)]
    return found


def search_terms(names: tuple[str, ...], params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a run can be found by: (parameter, value as text), one for each element of a list; long values are none."""
    terms: dict[tuple[str, str], None] = {}
    for name in names:
        value = params.get(name)
        for each in value if isinstance(value, list) else [value]:
            if (term := search_term(each)) is not None:
                terms[name, term] = None
    return list(terms)


def search_term(value: Any) -> str | None:
    """Return a JSON value as a search term: texts as they are, the rest as compact JSON; None for one that is too long."""
    term = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return term if len(term) <= LONGEST_SEARCHED else None
