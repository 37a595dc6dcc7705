"""Depends: parameters that a run fills in for its body, and how every function of a definition is called.

``async def send(to: str, smtp: Smtp = Depends(get_smtp))``: callers give ``to``, the run gives ``smtp``. A provider may be a function, an
``async def``, a generator or an async generator (what stands behind its ``yield`` is done after the body), a class; it may ask for the
context first and have parameters with ``Depends`` of its own. Bodies and hooks are called in one way, which `Call` describes: the context
first where it is asked for, parameters by name, the rest by providers.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, overload

from mainspring.core.signature import parameters_of, takes_context

T = TypeVar("T")


class Dependency:
    """The default of a parameter that the run fills in. Made by `Depends`."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"Depends({name_of(self.function)})"


# A provider that yields or awaits stands for the one thing that it gives; a checker takes the first overload that fits.
@overload
def Depends(function: Callable[..., AsyncIterator[T]], /) -> T: ...
@overload
def Depends(function: Callable[..., Iterator[T]], /) -> T: ...
@overload
def Depends(function: Callable[..., Coroutine[Any, Any, T]], /) -> T: ...
@overload
def Depends(function: Callable[..., T], /) -> T: ...


def Depends(function: Callable[..., Any], /) -> Any:  # noqa: N802 - reads as the type that it stands for
    """Say that the run fills a parameter in, by calling ``function``; the default of a parameter of a task or of another provider.

    Each provider is called once an attempt, however many ask for it. It is not part of the task's public signature: callers neither see
    nor give it. Whoever calls the plain function has to give it, as any argument.
    """
    return Dependency(function)


class Kind(StrEnum):
    """How a provider gives its value."""

    VALUE = "value"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"


@dataclass(frozen=True, slots=True)
class Provider:
    """A function that fills parameters in; ``needs`` are those of its own."""

    function: Callable[..., Any]
    kind: Kind
    takes_context: bool
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """A parameter, and who fills it in."""

    parameter: str
    provider: Provider


@dataclass(frozen=True, slots=True)
class Call:
    """How a function of a definition is called: with the context first or without, and with which parameters of the task (None: all)."""

    function: Callable[..., Any]
    takes_context: bool
    names: frozenset[str] | None
    needs: tuple[Need, ...]

    def chosen(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that the function names."""
        return {name: value for name, value in arguments.items() if self.names is None or name in self.names}


def filled_in(function: Callable[..., Any]) -> dict[str, Dependency]:
    """Return the parameters of a function that the run fills in; cheap, for every definition is asked."""
    defaults = getattr(function, "__defaults__", None) or ()
    by_name = getattr(function, "__kwdefaults__", None) or {}
    if not any(isinstance(each, Dependency) for each in (*defaults, *by_name.values())):
        return {}
    return {each.name: each.default for each in parameters_of(function) if isinstance(each.default, Dependency)}


def plan_body(function: Callable[..., Any]) -> tuple[Call, list[tuple[str, str]]]:
    """Return how a body is called, and what is wrong with its dependencies: pairs of a parameter and a sentence."""
    needs, problems = _needs_of(function, ())
    problems += _behind_a_dependency(function)
    return Call(function, takes_context(function), None, needs), problems


def plan_hook(function: Callable[..., Any], params: Sequence[str]) -> tuple[Call, list[tuple[str, str]]]:
    """Return how a hook is called, and what is wrong with it: as the body, with as many of the task's parameters as it names."""
    try:
        found = parameters_of(function)
    except (TypeError, ValueError):  # a builtin without a signature
        return Call(function, False, None, ()), []
    has_context = takes_context(function)
    needs, problems = _needs_of(function, ())
    names, takes_all = set(), False
    for each in found[1 if has_context else 0 :]:
        if isinstance(each.default, Dependency) or each.kind is each.VAR_POSITIONAL:
            continue
        if each.kind is each.VAR_KEYWORD:
            takes_all = True
        elif each.name in params and each.kind is not each.POSITIONAL_ONLY:
            names.add(each.name)
        elif each.default is each.empty:
            problems.append((each.name, f"no parameter of the task has this name: it has {', '.join(params) or 'none'}"))
    return Call(function, has_context, None if takes_all else frozenset(names), needs), problems


@dataclass(frozen=True, slots=True)
class Plans:
    """How the functions of a definition are called; None for hooks that it does not have."""

    body: Call
    validate: Call | None = None
    rollback: Call | None = None
    on_error: Call | None = None
    upgrade: Callable[..., Any] | None = None


def _needs_of(function: Callable[..., Any], path: tuple[Callable[..., Any], ...]) -> tuple[tuple[Need, ...], list[tuple[str, str]]]:
    needs: list[Need] = []
    problems: list[tuple[str, str]] = []
    for name, dependency in filled_in(function).items():
        provider, found = _provider_of(dependency.function, path)
        problems += [(name, what) for what in found]
        if provider is not None:
            needs.append(Need(name, provider))
    return tuple(needs), problems


def _provider_of(function: Callable[..., Any], path: tuple[Callable[..., Any], ...]) -> tuple[Provider | None, list[str]]:
    if not callable(function):
        return None, [f"Depends({function!r}) is nothing that can be called: give it a function"]
    if function in path:
        circle = " -> ".join(name_of(each) for each in (*path[path.index(function) :], function))
        return None, [f"its dependencies go round in a circle: {circle}"]
    problems = [f"{name_of(function)}({name}): {what}" for name, what in _ungiven(function)]
    needs, found = _needs_of(function, (*path, function))
    return Provider(function, _kind_of(function), takes_context(function), needs), problems + [what for _, what in found]


def _ungiven(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a provider that nobody would give."""
    try:
        found = parameters_of(function)
    except (TypeError, ValueError):
        return
    for each in found[1 if takes_context(function) else 0 :]:
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            yield each.name, "nobody gives it: a provider has the context first, parameters with Depends, and parameters with a default"


def _behind_a_dependency(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Yield parameters that a caller could not give by position as the function's signature says: they stand behind a dependency."""
    last: str | None = None
    for each in parameters_of(function) if filled_in(function) else ():
        if isinstance(each.default, Dependency):
            last = each.name
        elif last is not None and each.kind is each.POSITIONAL_OR_KEYWORD:
            yield each.name, f"stands behind {last}, which the run fills in: put what is filled in last, or behind a *"


def _kind_of(function: Callable[..., Any]) -> Kind:
    if inspect.isasyncgenfunction(function):
        return Kind.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(function):
        return Kind.GENERATOR
    return Kind.COROUTINE if inspect.iscoroutinefunction(function) else Kind.VALUE


def name_of(function: object) -> str:
    """Return a function's name, for people."""
    return getattr(function, "__qualname__", None) or repr(function)


# -- in tests

_overrides: dict[Callable[..., Any], Provider] = {}


@contextmanager
def override(function: Callable[..., Any], by: Callable[..., Any]) -> Iterator[None]:
    """Let another provider stand in for one, in this process and while the block lasts; for tests (`mainspring.testing`).

    Raises `ValueError` for a stand-in that nobody could call.
    """
    provider, problems = _provider_of(by, ())
    if provider is None or problems:
        raise ValueError(f"{name_of(by)} cannot stand in for {name_of(function)}: {'; '.join(problems)}")
    before = _overrides.get(function)
    _overrides[function] = provider
    try:
        yield
    finally:
        if before is None:
            del _overrides[function]
        else:
            _overrides[function] = before


def standing_in(provider: Provider) -> Provider:
    """Return who fills in for a provider now; itself outside tests."""
    return _overrides.get(provider.function, provider) if _overrides else provider
