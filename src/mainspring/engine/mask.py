"""Masks: what a run must not say. Whatever leaves an executor passes here when its run has been given secrets.

Found are the value itself, each long line of one with several, and the ways in which it is commonly written: escaped as JSON or by
``repr``, quoted for a URL, in base64. Not found is what a body makes of it by other means (reversed, encrypted, hashed, cut in pieces that
are said apart, in base64 together with something else): a body that wants to give a secret away can.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

from mainspring.core.run import CancelledByRequest, Completed, Failed, Lost, Outcome, Skipped, TimedOut

SHORTEST = 4  # characters of a secret: shorter ones would blot out half of every text
STARS = "***"
_LONG_LINE = 12  # characters from which one line of a longer secret counts as a secret itself


class Mask:
    """Puts stars in the place of secrets."""

    __slots__ = ("_forms", "_pattern", "_values")

    def __init__(self, values: Sequence[str]) -> None:
        self._values = frozenset(values)
        self._forms = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._forms)))

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        return self._pattern.sub(STARS, text)

    def cut(self, text: str) -> str:
        """Return the kept head of a longer text without secrets: also without the beginning of one that was cut in two."""
        plain = self._pattern.sub(STARS, text)
        for form in self._forms:
            for length in range(min(len(form) - 1, len(plain)), SHORTEST - 1, -1):
                if plain.endswith(form[:length]):
                    return plain[:-length] + STARS
        return plain

    def has(self, text: str) -> bool:
        """Tell whether a text holds a secret."""
        return self._pattern.search(text) is not None

    def plain(self, value: Any) -> Any:
        """Return a JSON value without secrets, in keys as in values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.plain(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(each) for each in value]
        return STARS if isinstance(value, (int, float)) and str(value) in self._values else value

    def json(self, text: str) -> str:
        """Return JSON text without secrets; it is JSON still."""
        if not self.has(text):
            return text
        return json.dumps(self.plain(json.loads(text)), ensure_ascii=False, separators=(",", ":"))

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome without secrets."""
        match outcome:
            case Completed(str(result)) if not result.startswith("@"):
                return Completed(self.json(result))
            case Failed(error) | TimedOut(error) | Lost(_, error):
                return replace(outcome, error=self.plain(error))
            case CancelledByRequest(dict(error)):
                return CancelledByRequest(self.plain(error))
            case Skipped(why):
                return Skipped(self.text(why))
        return outcome


def _forms(value: str) -> Iterator[str]:
    for each in (value, *(line.strip() for line in value.splitlines() if "\n" in value)):
        if each == value or (len(each) >= _LONG_LINE and not each.startswith("-----")):  # the frame of a PEM file is no secret
            yield each
            yield json.dumps(each)[1:-1]
            yield json.dumps(each, ensure_ascii=False)[1:-1]
            yield repr(each)[1:-1]
            yield quote(each, safe="")
            yield quote_plus(each)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(value.encode()).decode().rstrip("=")
