"""Findings and entries of a cache as JSON and back: lists in the order of the fields, what is as by default left out at the end.

JSON and nothing cleverer, because a cache lies in a tree that nobody need trust.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def plain_of(value: Any) -> Any:
    """Return a value as lists and plain things."""
    kind: Any = type(value)
    if kind is str or kind is int or value is None or kind is bool:
        return value
    if kind is tuple:
        return [plain_of(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if (shape := _shape(kind)) is not None:
        found = []
        length = 0
        for number, (name, default) in enumerate(shape, 1):
            each = getattr(value, name)
            found.append(plain_of(each))
            if each is not default and each != default:
                length = number
        del found[length:]
        return found
    if kind is float:
        return value
    if kind is frozenset:
        return sorted(plain_of(each) for each in value)
    raise TypeError(f"{kind.__name__} has no form in JSON")


def value_of(kind: type[T], plain: Any) -> T:
    """Return the value behind lists and plain things; raises `ValueError` where they do not fit."""
    try:
        asked: Any = kind
        made: T = _reader(asked)(plain)
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from None
    return made


@cache
def _shape(kind: Any) -> tuple[tuple[str, Any], ...] | None:
    """Return the fields of a class and their defaults; a field without one has a default that nothing equals."""
    if not is_dataclass(kind):
        return None
    return tuple((each.name, each.default if each.default is not MISSING else _NOTHING) for each in fields(kind))


_NOTHING = object()


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin = get_origin(kind)
    if origin is tuple:
        return _tuple_reader(get_args(kind))
    if origin is frozenset:
        (item,) = map(_reader, get_args(kind))
        return lambda plain: frozenset(map(item, plain))
    if origin in (Union, types.UnionType):
        (inner,) = (_reader(each) for each in get_args(kind) if each is not type(None))
        return lambda plain: None if plain is None else inner(plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {each.value: each for each in kind}.__getitem__
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        readers = [None if (kind_ := hints[each.name]) in (str, int, bool) else _Later(kind_) for each in fields(kind)]
        return _class_reader(kind, readers)
    if kind in (str, int, bool, float):
        return _checked(kind)
    raise TypeError(f"{kind} has no form in JSON")


class _Later:
    """A reader that is made when it is first needed: classes hold themselves."""

    __slots__ = ("__dict__", "_kind")

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def __call__(self, plain: Any) -> Any:
        return _reader(self._kind)(plain)


def _class_reader(kind: Any, readers: list[Any]) -> Callable[[Any], Any]:
    most = len(readers)

    def read(plain: Any) -> Any:
        if type(plain) is not list or len(plain) > most:
            raise ValueError(f"no {kind.__name__}")
        return kind(*[each if reader is None else reader(each) for reader, each in zip(readers, plain, strict=False)])

    return read


def _tuple_reader(items: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(items) == 2 and items[1] is Ellipsis:
        if items[0] in (str, int):
            return tuple
        item = _Later(items[0])
        return lambda plain: tuple([item(each) for each in plain]) if plain else ()
    each_of = [_Later(item) for item in items]

    def read(plain: Any) -> Any:
        if len(plain) != len(each_of):
            raise ValueError("a list of another length")
        return tuple([reader(each) for reader, each in zip(each_of, plain, strict=True)])

    return read


def _checked(kind: type) -> Callable[[Any], Any]:
    def read(plain: Any) -> Any:
        if type(plain) is not kind:
            raise ValueError(f"no {kind.__name__}")
        return plain

    return read
