"""Sentences out of phrases: what the floors below have to say, put together in one of the languages.

A phrase is a key and its values. A value may be a phrase itself, or a tuple of phrases, texts and numbers, which becomes a list as the
language writes lists. Where there is a value ``n``, the key has a form for each plural: ``schedule.every.day.one``, ``….few``, ``….many``,
``….other``, by the rules of Unicode's CLDR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mainspring.i18n import ENGLISH, has, t


class Phrase(Protocol):
    """What is said, without words."""

    @property
    def key(self) -> str:
        """The key of the catalogues."""
        ...

    @property
    def values(self) -> Mapping[str, object]:
        """What the text is filled in with."""
        ...


def sentence(phrases: Sequence[Phrase], *, language: str = ENGLISH) -> str:
    """Return phrases as one sentence, joined by commas, that begins with a capital."""
    said = ", ".join(say(phrase, language=language) for phrase in phrases)
    return said[:1].upper() + said[1:]


def say(phrase: Phrase, *, language: str = ENGLISH) -> str:
    """Return one phrase in words."""
    values = {name: _said(value, language) for name, value in phrase.values.items()}
    number = phrase.values.get("n")
    if isinstance(number, int):
        key = f"{phrase.key}.{plural(number, language)}"
        if has(key, language=language):
            return t(key, language=language, **values)
    return t(phrase.key, language=language, **values)


def plural(n: int, language: str) -> str:
    """Return which plural form a whole number takes: one, few, many or other."""
    if n == 1:
        return "one"
    if not language.lower().startswith("pl"):
        return "other"
    return "few" if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else "many"


def _said(value: object, language: str) -> object:
    if isinstance(value, tuple) and not hasattr(value, "key"):
        said = [str(_said(each, language)) for each in value]
        if len(said) < 2:
            return "".join(said)
        return t("list.and", language=language, before=", ".join(said[:-1]), last=said[-1])
    if hasattr(value, "key") and hasattr(value, "values"):
        return say(value, language=language)
    return value
