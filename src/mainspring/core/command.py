"""Commands: tasks that are a program of the operating system. A typed function says what is run, the engine runs it.

``@command`` makes a task of a function that returns a `Command`; the function's parameters are the task's. There is never a shell between:
arguments are a list, so that no parameter can be more than one argument.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol, Self, Unpack, cast, overload

from mainspring.core.context import Context
from mainspring.core.errors import Problem
from mainspring.core.task import Task, TaskOptions, task

P = ParamSpec("P")

Argument = str | int | float | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class EnvVar:
    """One variable of a program's environment, as a row of a form: ``env: list[EnvVar]``."""

    name: str
    value: str = ""

    def __post_init__(self) -> None:
        if not self.name or "=" in self.name or "\0" in self.name + self.value:
            raise ValueError(f"{self.name!r} is no name of a variable: it must not be empty or hold '='; neither name nor value holds NUL")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a program ended that ended well; ``output`` is the end of what it wrote to stdout, at most 4,000 characters."""

    exit_code: int
    duration: timedelta
    output: str = ""


class Command:
    """A program and its arguments, each of which reaches it exactly as it is: there is no shell.

    ``env`` (a mapping, or rows of `EnvVar`) is added to the node's environment, or is all of it with ``inherit_env=False``. ``cwd`` is the
    working directory. An exit code that is not in ``success`` is a failure. Raises TypeError or ValueError for what no program can
    be given.
    """

    __slots__ = ("args", "cwd", "env", "inherit_env", "program", "success")

    def __init__(
        self, program: str | os.PathLike[str], /, *args: Argument, env: Mapping[str, str] | Iterable[EnvVar] = MappingProxyType({}),
        cwd: str | os.PathLike[str] | None = None, success: Collection[int] = (0,), inherit_env: bool = True,
    ) -> None:  # fmt: skip
        self.program = _as_text(program, "the program")
        self.args = tuple(_as_text(each, f"argument {place}") for place, each in enumerate(args, 1))
        rows = [EnvVar(name, value) for name, value in env.items()] if isinstance(env, Mapping) else list(env)
        self.env: Mapping[str, str] = MappingProxyType({each.name: each.value for each in rows})
        self.cwd = None if cwd is None else os.fspath(cwd)
        self.success, self.inherit_env = frozenset(success), inherit_env
        if not self.program:
            raise ValueError("the program has no name")
        if not self.success:
            raise ValueError("success=() lets no exit code be a success: name at least one")

    def __repr__(self) -> str:
        return f"Command({', '.join(map(repr, (self.program, *self.args)))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Command) and all(getattr(self, each) == getattr(other, each) for each in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.program, self.args))


def _as_text(value: object, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, os.PathLike)):
        raise TypeError(f"{what} is {value!r}: text, a number or a path is needed")
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(f"{what} cannot be given to a program: {text!r}")
    return text


class CommandFailed(Exception):
    """A program ended with an exit code that is no success, or by a signal; carries the code and the end of its stderr."""

    def __init__(self, message: str, *, exit_code: int, stderr: str) -> None:
        super().__init__(message + (f": {stderr}" if stderr else ""))
        self.exit_code, self.stderr = exit_code, stderr


class CommandTask(Task[P, CommandResult]):
    """A task that is a program. Called as a plain function, it says what it would run."""

    result_type: ClassVar[type | None] = CommandResult

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Command:
        if self.filled:
            self._demand_filled(args, kwargs)
        return cast("Command", self.fn(*args, **kwargs))

    def _alike(self, made: Task[..., Any]) -> Self:
        return cast("Self", _as_command(made))


class ContextCommandTask(CommandTask[P]):
    """A task that is a program, around ``def f(ctx: Context, …)``; the context is no part of the public signature."""

    def __call__(self, ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> Command:  # type: ignore[override]
        if self.filled:
            self._demand_filled((ctx, *args), kwargs)
        return cast("Command", self.fn(ctx, *args, **kwargs))


class CommandDecorator(Protocol):
    """What ``@command(...)`` returns."""

    @overload
    def __call__(self, fn: Callable[Concatenate[Context, P], Command], /) -> ContextCommandTask[P]: ...
    @overload
    def __call__(self, fn: Callable[P, Command], /) -> CommandTask[P]: ...


@overload
def command(fn: Callable[Concatenate[Context, P], Command], /) -> ContextCommandTask[P]: ...
@overload
def command(fn: Callable[P, Command], /) -> CommandTask[P]: ...
@overload
def command(**options: Unpack[TaskOptions]) -> CommandDecorator: ...


def command(fn: Callable[..., Command] | None = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Make a durable task of a function that says which program is run: it returns a `Command`.

    The options are those of `task`. The program runs in a process group of its own, with nothing on stdin; its stdout and stderr are the
    run's log, each line marked with its stream; its exit code decides. Past the timeout, or when the run is cancelled, the whole group is
    sent SIGTERM, then SIGKILL. The result is a `CommandResult`; a failure is a `CommandFailed` that carries the end of stderr.
    """

    def decorate(function: Callable[..., Command]) -> CommandTask[...]:
        return _as_command(cast("Any", task)(**options)(function))

    return decorate if fn is None else decorate(fn)


def _as_command(made: Task[..., Any]) -> CommandTask[...]:
    problems: Sequence[Problem] = made.problems_told()
    if made.spec.is_async or inspect.isgeneratorfunction(made.fn):
        what = "a command's function only says what is run: make it a plain def that returns Command(...)"
        problems = [*problems, Problem(f"{made.spec.source} {made.name}", what)]
    kind = ContextCommandTask if made.spec.takes_context else CommandTask
    return kind(made.fn, replace(made.spec, is_async=True), problems, made.hooks, made.given)
