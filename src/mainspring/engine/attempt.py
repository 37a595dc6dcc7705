"""One attempt, as a pipeline of small total steps: resolve, validate, call, conclude, or classify what was raised.

Executor children, threads and the inline pool share it, so that a body ends the same way wherever it runs. Nothing here
decides what becomes of the run (`mainspring.core.run.decide` does), and nothing a body does gets past it: every step
answers with a value.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pydantic

from mainspring.core.context import Context, enter_run, leave_run
from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import (
    ConfigurationError,
    DefinitionError,
    Fail,
    InvalidParams,
    NoActiveApp,
    RetryLater,
    Skip,
    Snooze,
    TaskVerb,
    UndecodableParams,
)
from mainspring.core.run import (
    CancelledByRequest,
    Completed,
    ErrorKind,
    Failed,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
)
from mainspring.core.task import Task
from mainspring.engine.blame import error_record, said_by
from mainspring.engine.faults import FAULT
from mainspring.engine.page import Why

Step = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]

_DONE = Completed()
_LAZY = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)
_DENIED_NAMES = frozenset({
    "AuthenticationError", "AuthenticationFailed", "AuthenticationException", "AuthorizationError", "Unauthorized",
    "UnauthorizedError", "NotAuthenticated", "NotAuthorized", "PermissionDenied", "PermissionDeniedError", "Forbidden",
    "ForbiddenError", "AccessDenied", "InvalidCredentials", "ExpiredToken", "TokenExpired",
})  # fmt: skip
_DENIED_STATUS = frozenset({401, 403})


class AttemptContext(Context):
    """A context that knows whether its body has seen that it shall stop: who has not ends as if nobody had asked."""

    __slots__ = ("has_noticed",)

    def __init__(self, **fields: Any) -> None:  # the fields of Context, by name
        super().__init__(**fields)
        self.has_noticed = False

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop; reading True is noticed."""
        if self._is_asked():
            self.has_noticed = True
            return True
        return False

    def _is_asked(self) -> bool:
        return self._stopping


@dataclass(frozen=True, slots=True)
class Body:
    """A task as an executor needs it, taken apart once."""

    name: str
    fn: Callable[..., Any]
    load: Callable[[str], dict[str, Any]]
    dump: Callable[[object], str | None]
    is_async: bool
    takes_context: bool
    takes_params: bool
    terminal: tuple[type[BaseException], ...]


class Bodies:
    """The bodies that this process knows, by the names of their tasks."""

    __slots__ = ("_bodies", "_tasks")

    def __init__(self, tasks: Mapping[str, Task[..., Any]]) -> None:
        self._tasks = tasks
        self._bodies: dict[str, Body | Outcome] = {}

    def find(self, name: str) -> Body | Outcome:
        """Return the body, or the outcome of a run whose task is unknown here or cannot be used."""
        found = self._bodies.get(name)
        if found is None:
            task = self._tasks.get(name)
            if task is None:
                return Released(Reason.UNKNOWN_TASK)  # not remembered: a discovery may still be going on
            found = self._bodies[name] = take_apart(task)
        return found


def take_apart(task: Task[..., Any]) -> Body | Outcome:
    """Return a task's body, or how its runs fail when the definition is bad."""
    try:
        params, result = task.params, task.result
    except DefinitionError as error:
        return Failed(error_record(error, ErrorKind.CONFIGURATION, task.name), is_terminal=True)
    spec = task.spec
    return Body(
        name=spec.name,
        fn=task.fn,
        load=params.load,
        dump=result.dump,
        is_async=spec.is_async,
        takes_context=spec.takes_context,
        takes_params=bool(params.names),
        terminal=() if spec.retry is None else spec.retry.terminal,
    )


# -- the steps


def accept(body: Body, params: str) -> dict[str, Any] | Failed:
    """Return the keyword arguments in stored parameters, or how the run fails when the code no longer accepts them."""
    if params == "{}" and not body.takes_params:
        return {}
    try:
        return body.load(params)
    except InvalidParams as error:
        reason = Reason.UNDECODABLE if isinstance(error, UndecodableParams) else Reason.INVALID
        return Failed(error_record(error, ErrorKind.VALIDATION, body.name), is_terminal=True, reason=reason)
    except Exception as error:  # noqa: BLE001 - a validator of the user may raise anything
        return Failed(error_record(error, ErrorKind.VALIDATION, body.name), is_terminal=True, reason=Reason.INVALID)


def conclude(body: Body, value: object) -> Outcome:
    """Return the outcome of a body that returned. A result that JSON cannot hold is a failure that no retry mends."""
    if value is None:
        return _DONE
    if isinstance(value, _LAZY) or hasattr(type(value), "__await__"):
        return _useless_result(body, value)
    try:
        return Completed(body.dump(value))
    except Exception as error:  # noqa: BLE001 - a serialiser of the user may raise anything
        remedy = "return plain values, a dataclass or a pydantic model"
        said = f"the result cannot be stored as JSON ({said_by(error)}): {remedy}"
        return Failed(error_record(error, ErrorKind.EXECUTION, body.name, message=said), is_terminal=True)


def _useless_result(body: Body, value: Any) -> Failed:
    kind = type(value).__name__
    if isinstance(value, types.CoroutineType):
        value.close()  # or Python warns that it was never awaited, long after and far away
    is_lazy = "generator" in kind
    remedy = "collect it first, for instance with list(...)" if is_lazy else "await it first, in an async def task"
    error = TypeError(f"{body.name} returned a {kind}, which is no result: {remedy}")
    return Failed(error_record(error, ErrorKind.EXECUTION, body.name), is_terminal=True)


async def perform(body: Body, context: Context, params: str, step: Step | None = None) -> Outcome:
    """Run an ``async def`` body inside the current asyncio task, which must be its own.

    ``step`` may wrap the coroutine, to see when it runs. A cancellation comes out as an outcome, too: who asked for it
    knows why.
    """
    enter_run(context)
    arguments = accept(body, params)
    if isinstance(arguments, Failed):
        return arguments
    try:
        FAULT("child_before_call")
        coroutine = body.fn(context, **arguments) if body.takes_context else body.fn(**arguments)
        value = await (coroutine if step is None else step(coroutine))
        FAULT("child_after_call")
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body)
    return conclude(body, value)


def perform_def(body: Body, context: Context, params: str) -> Outcome:
    """Run a ``def`` body on this thread."""
    token = enter_run(context)
    try:
        arguments = accept(body, params)
        if isinstance(arguments, Failed):
            return arguments
        FAULT("child_before_call")
        value = body.fn(context, **arguments) if body.takes_context else body.fn(**arguments)
        FAULT("child_after_call")
        return conclude(body, value)
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body)
    finally:
        leave_run(token)


# -- what was raised


def classify(error: BaseException, body: Body) -> Outcome:
    """Return the outcome of a body that raised."""
    verb = _only_leaf(error)
    if isinstance(verb, TaskVerb):
        return _obey(verb, body)
    if isinstance(error, asyncio.CancelledError):
        return CancelledByRequest(
            error_record(error, ErrorKind.EXECUTION, body.name, message=said_by(error) or "the body cancelled itself")
        )
    return Failed(error_record(error, _kind_of(verb), body.name), is_terminal=_is_terminal(verb, body.terminal))


def _only_leaf(error: BaseException) -> BaseException:
    """Look through exception groups of one: a verb raised under a TaskGroup means what it says."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _obey(verb: TaskVerb, body: Body) -> Outcome:
    try:
        match verb:
            case Skip():
                return Skipped(said_by(verb))
            case RetryLater(after=after):
                delay = None if after is None else parse_duration(after, "RetryLater(after)")
                return Failed(error_record(verb, ErrorKind.EXECUTION, body.name), after=delay)
            case Snooze(until=datetime() as until):
                if until.tzinfo is None:
                    remedy = "give an aware datetime, for instance with tzinfo=UTC"
                    raise ConfigurationError(f"Snooze({until.isoformat()}) has no time zone: {remedy}")
                return Snoozed(until=until)
            case Snooze(until=delay):
                return Snoozed(delay=parse_duration(delay, "Snooze(until)"))
            case Fail() | _:
                return Failed(error_record(verb, ErrorKind.EXECUTION, body.name), is_terminal=True)
    except ConfigurationError as error:
        return Failed(error_record(error, ErrorKind.CONFIGURATION, body.name), is_terminal=True)


def _kind_of(error: BaseException) -> ErrorKind:
    match error:
        case pydantic.ValidationError() | InvalidParams():
            return ErrorKind.VALIDATION
        case ConfigurationError() | DefinitionError() | NoActiveApp():
            return ErrorKind.CONFIGURATION
        case MemoryError():
            return ErrorKind.SYSTEM
        case _:
            return ErrorKind.EXECUTION


def _is_terminal(error: BaseException, terminal: tuple[type[BaseException], ...]) -> bool:
    lasting = (
        PermissionError,
        pydantic.ValidationError,
        InvalidParams,
        ConfigurationError,
        DefinitionError,
        NoActiveApp,
    )
    return isinstance(error, lasting + terminal) or is_denied(error)


def is_denied(error: BaseException) -> bool:
    """Tell whether an error means that we are not let in, by what well-known clients share: a name or a status."""
    if any(each.__name__ in _DENIED_NAMES for each in type(error).__mro__):
        return True
    try:
        response = getattr(error, "response", None)
        found = [getattr(each, name, None) for each in (error, response) for name in ("status_code", "status")]
    except Exception:  # noqa: BLE001 - attributes of a user's exception are user code
        return False
    return any(isinstance(each, int) and each in _DENIED_STATUS for each in found)


# -- stops


def stopped(why: Why, task: str, timeout: float | None, error: BaseException | None = None) -> Outcome:
    """Return the outcome of an attempt that ended because it was asked to; ``error`` tells where it was."""
    if why == "timeout":
        return TimedOut(timeout_error(task, timeout, error))
    if why == "requested":
        return CancelledByRequest(None)
    return Released(Reason.SHUTDOWN)


def timeout_error(task: str, timeout: float | None, error: BaseException | None = None) -> dict[str, Any]:
    """Return the error record of an attempt past its timeout."""
    limit = "" if timeout is None else f" of {describe(timedelta(seconds=timeout))}"
    said = f"the attempt took longer than its timeout{limit}"
    return error_record(TimeoutError(said).with_traceback(None if error is None else error.__traceback__), ErrorKind.TIMEOUT, task)


def under_stop(outcome: Outcome, why: Why, task: str, timeout: float | None, *, has_noticed: bool) -> Outcome:
    """Return what an outcome means when its body had been asked to stop before it ended.

    Past the timeout it timed out, whatever it did then. A requested cancel counts when the body noticed it or raised; a
    body that ended well without noticing is as complete as any. At shutdown a verb of the body stands, and everything
    else is given back.
    """
    if why == "timeout":
        return outcome if isinstance(outcome, TimedOut) else TimedOut(_timed_out(outcome, task, timeout))
    if isinstance(outcome, Completed) and not has_noticed:
        return outcome
    if why == "requested":
        return CancelledByRequest(None)
    return outcome if isinstance(outcome, (Skipped, Snoozed)) or _is_verb(outcome) else Released(Reason.SHUTDOWN)


def _timed_out(outcome: Outcome, task: str, timeout: float | None) -> dict[str, Any]:
    record = timeout_error(task, timeout)
    error = getattr(outcome, "error", None)
    if error:
        record["traceback"] = error.get("traceback", "")
        if error.get("type") != "CancelledError":
            record["causes"] = [{"type": error.get("type", ""), "message": error.get("message", "")}]
    return record


def _is_verb(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and (outcome.after is not None or outcome.error.get("type") in ("Fail", "RetryLater"))
