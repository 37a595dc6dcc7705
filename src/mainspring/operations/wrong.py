"""What is wrong with a request that an operation is asked by, in the words that every face tells."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from mainspring.core.errors import Problem


def faults_of(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each wrong field by the keys that lead to it, none for the whole, and what is wrong with it. Values are not repeated."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        yield each["loc"], _PLAIN.get(each["type"]) or each["msg"][:1].lower() + each["msg"][1:]


def problems_of(error: ValidationError) -> list[Problem]:
    """Return the same as `Problem` values, for `InvalidParams`: keys joined by dots, ``*`` for the whole."""
    return [Problem(".".join(map(str, keys)) or "*", what) for keys, what in faults_of(error)]


_PLAIN = {"missing": "is missing", "extra_forbidden": "is unknown here"}
