"""One attempt, as a pipeline of small total steps: resolve, validate, call, conclude, or classify what was raised.

Executor children, threads and the inline pool share it, so that a body ends the same way wherever it runs. Nothing here
decides what becomes of the run (`mainspring.core.run.decide` does), and nothing a body does gets past it: every step
answers with a value.
"""

from __future__ import annotations

import asyncio
import json
import types
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pydantic
from pydantic_core import to_json

from mainspring.core.body import is_empty
from mainspring.core.command import CommandTask
from mainspring.core.context import Context, enter_run, leave_run
from mainspring.core.depends import Call, Plans
from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import (
    ConfigurationError,
    Conflict,
    DefinitionError,
    Fail,
    InvalidParams,
    NoActiveApp,
    NotHere,
    PayloadTooLarge,
    Problem,
    RetryLater,
    Skip,
    Snooze,
    StoreError,
    TaskVerb,
    UndecodableParams,
    WaitFor,
)
from mainspring.core.file import File
from mainspring.core.payload import is_reference
from mainspring.core.run import (
    CancelledByRequest,
    Completed,
    ErrorKind,
    Failed,
    NewRun,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
)
from mainspring.core.service import Service
from mainspring.core.task import NAME, Task
from mainspring.engine.blame import error_record, said_by
from mainspring.engine.commands import body_of
from mainspring.engine.faults import FAULT
from mainspring.engine.means import NO_MEANS, Means, masked
from mainspring.engine.page import Why
from mainspring.engine.provide import CallBeside, Caller, Provided, call_here, call_planned, drive
from mainspring.engine.serving import body_of as service_body_of
from mainspring.telemetry.tracing import attempting

CHECKED = "checked"  # in a run's meta: the version of the parameters that ``validate`` has passed
Packed = str | list[Any]  # stored parameters, or those and an envelope with what the engine wants: [parameters, extras]
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
    plans: Plans
    params_version: int
    is_empty: bool
    is_plain: bool  # nothing is to be done around the body
    carries: bool = False  # files or secrets are among the parameters
    means: Means = NO_MEANS


class Bodies:
    """The bodies that this process knows, by the names of their tasks."""

    __slots__ = ("_bodies", "_means", "_tasks")

    def __init__(self, tasks: Mapping[str, Task[..., Any]], means: Means = NO_MEANS) -> None:
        self._tasks, self._means = tasks, means
        self._bodies: dict[str, Body | Outcome] = {}

    def find(self, name: str) -> Body | Outcome:
        """Return the body, or the outcome of a run whose task is unknown here or cannot be used."""
        found = self._bodies.get(name)
        if found is None:
            task = self._tasks.get(name)
            if task is None:
                return Released(Reason.UNKNOWN_TASK)  # not remembered: a discovery may still be going on
            found = self._bodies[name] = take_apart(task, self._means)
        return found


def take_apart(task: Task[..., Any], means: Means = NO_MEANS) -> Body | Outcome:
    """Return a task's body, or how its runs fail when the definition is bad."""
    try:
        params, result = task.params, task.result
    except DefinitionError as error:
        return Failed(error_record(error, ErrorKind.CONFIGURATION, task.name), is_terminal=True)
    spec, has_no_work = task.spec, is_empty(task.fn)
    carries = params.marks.has_files or params.marks.has_secrets
    return Body(
        name=spec.name,
        fn=body_of(task) if isinstance(task, CommandTask) else service_body_of(task) if isinstance(task, Service) else task.fn,
        load=params.load,
        dump=result.dump,
        is_async=spec.is_async,
        takes_context=spec.takes_context or task.is_service,
        takes_params=bool(params.names),
        terminal=() if spec.retry is None else spec.retry.terminal,
        plans=task.plans,
        params_version=spec.params_version,
        is_empty=has_no_work,
        is_plain=not has_no_work and not task.plans.body.needs and not carries,
        carries=carries,
        means=means,
    )


# -- the steps


def accept(body: Body, params: str) -> dict[str, Any] | Failed:
    """Return the keyword arguments in stored parameters, or how the run fails when the code no longer accepts them."""
    if params == "{}" and not body.takes_params:
        return {}
    try:
        return body.load(params)
    except Exception as error:  # noqa: BLE001 - a validator of the user may raise anything
        return _refused(body, error)


async def accept_carrying(body: Body, params: str, context: Context) -> dict[str, Any] | Failed:
    """Return the keyword arguments, of which files can be read and secrets have their values; or how the run fails."""
    try:
        return await body.means.furnish(lambda: body.load(params), context, can_wait=body.is_async)
    except Exception as error:  # noqa: BLE001 - a validator of the user may raise anything
        return _refused(body, error)


def _refused(body: Body, error: Exception) -> Failed:
    if isinstance(error, ConfigurationError):
        return Failed(error_record(error, ErrorKind.CONFIGURATION, body.name), is_terminal=True)
    reason = Reason.UNDECODABLE if isinstance(error, UndecodableParams) else Reason.INVALID
    return Failed(error_record(error, ErrorKind.VALIDATION, body.name), is_terminal=True, reason=reason)


def conclude(body: Body, value: object, context: Context) -> Outcome:
    """Return the outcome of a body that returned. A result that JSON cannot hold is a failure that no retry mends; so is one too large."""
    if value is None:
        return _DONE
    if isinstance(value, _LAZY) or hasattr(type(value), "__await__"):
        return _useless_result(body, value)
    try:
        result = body.dump(value)
        if result is None or (len(result) <= body.means.surely_small and not body.carries):
            return Completed(result)
        return Completed(body.means.fit(result, body.name, context))
    except (PayloadTooLarge, ConfigurationError) as error:
        return Failed(error_record(error, ErrorKind.EXECUTION, body.name), is_terminal=True)
    except StoreError as error:
        return Failed(error_record(error, ErrorKind.SYSTEM, body.name))
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


async def perform(body: Body, context: Context, params: Packed, step: Step | None = None) -> Outcome:
    """Run an ``async def`` body inside the current asyncio task, which must be its own.

    ``step`` may wrap the coroutine, to see when it runs. A cancellation comes out as an outcome, too: who asked for it
    knows why.
    """
    enter_run(context)
    if type(params) is not str or not body.is_plain or params[:1] == "@":
        work = _perform_dressed(body, context, params, call_here)
        return cast("Outcome", await (work if step is None else step(work)))
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
    return conclude(body, value, context)


def perform_def(body: Body, context: Context, params: Packed) -> Outcome:
    """Run a ``def`` body on this thread."""
    token = enter_run(context)
    try:
        if type(params) is not str or not body.is_plain or params[:1] == "@":
            with closing(CallBeside()) as beside:
                return drive(_perform_dressed(body, context, params, beside))
        arguments = accept(body, params)
        if isinstance(arguments, Failed):
            return arguments
        FAULT("child_before_call")
        value = body.fn(context, **arguments) if body.takes_context else body.fn(**arguments)
        FAULT("child_after_call")
        return conclude(body, value, context)
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body)
    finally:
        leave_run(token)


# -- the steps of what has more than a body


async def _perform_dressed(body: Body, context: Context, packed: Packed, call: Caller) -> Outcome:
    noted = None if isinstance(packed, str) else packed[1].get("trace")
    try:
        if noted is None:
            return masked(await _perform_all(body, context, packed, call), context)
        with attempting(noted, context) as attempted:
            outcome = masked(await _perform_all(body, context, packed, call), context)  # spans leave the executor, too
            attempted.ended(outcome)
            return outcome
    finally:
        context.end()


async def _perform_all(body: Body, context: Context, packed: Packed, call: Caller) -> Outcome:
    """Run a body with everything around it, or one of its hooks: what the engine wants is in the envelope around the parameters."""
    params, extras = (packed, {}) if isinstance(packed, str) else packed
    provided = Provided(context, call)
    if "service" in extras:
        context.serve(extras["service"])
    if "who" in extras:
        context.introduce(**extras["who"])
    try:
        if is_reference(params):
            params = await asyncio.to_thread(body.means.text_of, params) if body.is_async else body.means.text_of(params)
        arguments = await _accept_dressed(body, context, params, extras, call)
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body)
    if isinstance(arguments, Failed):
        return arguments
    match extras.get("stage"):
        case "rollback":
            outcome, raised = await _call_hook(body, body.plans.rollback, context, arguments, extras, provided)
        case "on_error":
            outcome, raised = await _call_hook(body, body.plans.on_error, context, arguments, extras, provided)
        case _:
            outcome, raised = await _call_body(body, context, arguments, provided)
    trouble = await provided.close(raised)
    return outcome if trouble is None else classify(trouble, body, ErrorKind.DEPENDENCY)


async def _accept_dressed(body: Body, context: Context, params: str, extras: Mapping[str, Any], call: Caller) -> dict[str, Any] | Failed:
    """Return the keyword arguments in stored parameters: upgraded where the code has gone on since, and checked for their meaning."""
    stored = extras.get("version", body.params_version)
    is_old = stored < body.params_version
    if is_old and body.plans.upgrade is not None:
        try:
            params = await upgrade_params(body.plans.upgrade, params, stored, call)
        except Exception as error:  # noqa: BLE001 - the user's upgrader may raise anything
            said = f"the parameters of version {stored} cannot be upgraded to version {body.params_version}: {said_by(error)}"
            record = error_record(error, ErrorKind.VALIDATION, body.name, message=said)
            return Failed(record, is_terminal=True, reason=Reason.INVALID)
    arguments = await accept_carrying(body, params, context) if body.carries else accept(body, params)
    if isinstance(arguments, Failed):
        if is_old:
            how = "its upgrade= made of them what the code does not take" if body.plans.upgrade is not None else "it declares no upgrade="
            said = f"the parameters are of version {stored}, the code has version {body.params_version} and {how}: "
            return replace(arguments, error={**arguments.error, "message": said + arguments.error["message"]})
        return arguments
    if body.plans.validate is not None and (is_old or extras.get("check")):
        try:
            await check_meaning(body.plans.validate, body.name, context, arguments, call)
        except InvalidParams as error:
            return Failed(error_record(error, ErrorKind.VALIDATION, body.name), is_terminal=True, reason=Reason.INVALID)
    return arguments


async def upgrade_params(upgrade: Callable[..., Any], params: str, stored: int, call: Caller) -> str:
    """Return parameters as the upgrader of a task makes them, as JSON text; raises what it raises, and TypeError for no dict."""
    made = await call(upgrade, json.loads(params), stored)
    if not isinstance(made, dict):
        raise TypeError(f"the upgrader returned {type(made).__name__}, a dict of parameters is needed")
    return to_json(made).decode()


async def check_meaning(plan: Call, task: str, context: Context, arguments: Mapping[str, Any], call: Caller) -> None:
    """Ask a task's ``validate`` about parameters that fit; raises `InvalidParams` where it refuses them by a ValueError.

    Raises `ConfigurationError` where it returns something: whoever wrote it thinks that this refuses, and nothing would.
    """
    provided = Provided(context, call)
    trouble: BaseException | None = None
    try:
        said = await call_planned(plan, context, arguments, provided)
    except ValueError as error:
        trouble = error
        raise InvalidParams(f"{task} refuses these parameters", [Problem("*", said_by(error))]) from error
    except BaseException as error:
        trouble = error
        raise
    finally:
        await provided.close(trouble)
    if said is not None:
        raise ConfigurationError(f"validate of {task} returned {said!r}: it refuses parameters by raising ValueError, and returns nothing")


class _Nowhere:
    """Where the words of a check go that is made before there is a run."""

    def log(self, level: str, message: str, data: Mapping[str, Any] | None) -> None: ...

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None: ...

    def attach(self, source: Any, name: str | None, media_type: str | None) -> File:
        raise Conflict("a check of parameters leaves no files behind: there is no run yet")


async def check_new(run: NewRun, task: Task[..., Any], call: Caller = call_here) -> NewRun:
    """Ask a task's ``validate`` about a run that is not added yet; answers the run with a note that it passed.

    Raises `InvalidParams` where it refuses, and whatever else it raises.
    """
    plan = task.plans.validate
    if plan is None:
        return run
    context = Context(run_id=run.id, task=task.name, attempt=0, claim_id="", queue=run.queue, tenant=run.tenant, sink=_Nowhere())
    await check_meaning(plan, task.name, context, task.params.load(run.params), call)
    marks = json.loads(run.meta) if run.meta else {}
    return replace(run, meta=json.dumps({**marks, CHECKED: run.params_version}))


def check_new_here(run: NewRun, task: Task[..., Any]) -> NewRun:
    """Do as `check_new` on this thread, which has no event loop."""
    with closing(CallBeside()) as beside:
        return drive(check_new(run, task, beside))


async def _call_body(
    body: Body, context: Context, arguments: Mapping[str, Any], provided: Provided
) -> tuple[Outcome, BaseException | None]:
    if body.is_empty:
        context.log(f"no work: the body of {body.name} is empty", level="warning")
    try:
        own = await provided.fill(body.plans.body.needs)
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body, ErrorKind.DEPENDENCY), error
    try:
        FAULT("child_before_call")
        value = body.fn(context, **arguments, **own) if body.takes_context else body.fn(**arguments, **own)
        if body.is_async:
            value = await value
        FAULT("child_after_call")
        return conclude(body, value, context), None  # before anything is closed: results may read from what is open
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body), error


async def _call_hook(
    body: Body, plan: Call | None, context: Context, arguments: Mapping[str, Any], extras: Mapping[str, Any], provided: Provided
) -> tuple[Outcome, BaseException | None]:
    if plan is None:
        return _DONE, None
    context.attempt = extras.get("attempt", context.attempt)
    context.tell(extras["error"], will_retry=extras.get("will_retry", False))
    try:
        FAULT("child_before_hook")
        await call_planned(plan, context, arguments, provided)
        FAULT("child_after_hook")
    except BaseException as error:  # noqa: BLE001 - the attempt's call into user code
        return classify(error, body), error
    return _DONE, None


# -- what was raised


def classify(error: BaseException, body: Body, kind: ErrorKind | None = None) -> Outcome:
    """Return the outcome of a body that raised; ``kind`` says what it was where it was not the body itself."""
    verb = _only_leaf(error)
    if isinstance(verb, TaskVerb):
        return _obey(verb, body, kind or ErrorKind.EXECUTION)
    if isinstance(error, asyncio.CancelledError):
        return CancelledByRequest(
            error_record(error, ErrorKind.EXECUTION, body.name, message=said_by(error) or "the body cancelled itself")
        )
    return Failed(error_record(error, kind or _kind_of(verb), body.name), is_terminal=_is_terminal(verb, body.terminal))


def _only_leaf(error: BaseException) -> BaseException:
    """Look through exception groups of one: a verb raised under a TaskGroup means what it says."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _obey(verb: TaskVerb, body: Body, kind: ErrorKind) -> Outcome:
    try:
        match verb:
            case Skip():
                return Skipped(said_by(verb))
            case RetryLater(after=after):
                delay = None if after is None else parse_duration(after, "RetryLater(after)")
                return Failed(error_record(verb, kind, body.name), after=delay)
            case Snooze(until=datetime() as until):
                if until.tzinfo is None:
                    remedy = "give an aware datetime, for instance with tzinfo=UTC"
                    raise ConfigurationError(f"Snooze({until.isoformat()}) has no time zone: {remedy}")
                return Snoozed(until=until)
            case WaitFor(task=str(task)) if NAME.fullmatch(task):
                return Snoozed(waits_for=task)
            case WaitFor():
                raise ConfigurationError(f"WaitFor({verb.task!r}) names no task: give a task, or the name of one")
            case Snooze(until=delay):
                return Snoozed(delay=parse_duration(delay, "Snooze(until)"))
            case Fail() | _:
                return Failed(error_record(verb, kind, body.name), is_terminal=True)
    except ConfigurationError as error:
        return Failed(error_record(error, ErrorKind.CONFIGURATION, body.name), is_terminal=True)


def _kind_of(error: BaseException) -> ErrorKind:
    match error:
        case pydantic.ValidationError() | InvalidParams():
            return ErrorKind.VALIDATION
        case ConfigurationError() | DefinitionError() | NoActiveApp() | NotHere():
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
        NotHere,
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
