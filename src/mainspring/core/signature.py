"""What a function says about itself: its parameters, their types, and whether it asks for the context."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast, get_args, get_type_hints

from mainspring.core.context import Context
from mainspring.core.errors import Problem

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_CONTEXT_NAMES = {"Context", "mainspring.Context"}  # believed where the name cannot be looked up


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters in order, annotations as they stand.

    Names that exist only for type checkers do not raise.
    """
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return list(inspect.signature(function, annotation_format=Format.FORWARDREF).parameters.values())
    return list(inspect.signature(function).parameters.values())


def takes_context(function: Callable[..., object]) -> bool:
    """Tell whether the first parameter is positional and annotated as `Context`, by whatever name it was imported."""
    try:
        first = next(iter(parameters_of(function)), None)
    except (TypeError, ValueError):
        return False
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        return False
    words = first.annotation if isinstance(first.annotation, str) else getattr(first.annotation, "__forward_arg__", None)
    return first.annotation is Context if words is None else _names_context(words.strip("'\" "), function)


def _names_context(words: str, function: Callable[..., object]) -> bool:
    if not _DOTTED.fullmatch(words):
        return False
    first, *rest = words.split(".")
    names = _globals_of(function)
    if first not in names:  # imported under TYPE_CHECKING or inside a function
        return words in _CONTEXT_NAMES
    held: Any = names[first]
    for part in rest:
        held = getattr(held, part, None)
    return held is Context


def mentions_context(hint: object) -> bool:
    """Tell whether a type is the context or, as in ``Context | None``, has it among its parts."""
    return hint is Context or any(mentions_context(part) for part in get_args(hint))


def types_of(function: Callable[..., object], names: Sequence[str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the evaluated annotations of parameters (and ``return``), and a problem for each that is not to be had."""
    annotations = _annotations_of(function)
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in names:
        if name not in annotations:
            continue
        holder = SimpleNamespace(__annotations__={name: annotations[name]})
        try:
            found[name] = get_type_hints(cast("Any", holder), _globals_of(function), include_extras=True)[name]
        except Exception as error:  # noqa: BLE001 - annotations are the user's code, which may raise anything
            what = f"its type {annotations[name]!r} cannot be evaluated: {error}"
            if isinstance(error, NameError):
                what += "; import or define it at module level, not only for type checkers"
            problems.append(Problem(name, what))
    return found, problems


def _annotations_of(function: Callable[..., object]) -> dict[str, Any]:
    plain = inspect.unwrap(function)
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return dict(get_annotations(plain, format=Format.FORWARDREF))
    return dict(getattr(plain, "__annotations__", {}))


def _globals_of(function: Callable[..., object]) -> dict[str, Any]:
    return cast("dict[str, Any]", getattr(inspect.unwrap(function), "__globals__", {}))
