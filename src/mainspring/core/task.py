"""Tasks: the decorator, the frozen definition behind it, and the options of one call."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import update_wrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, Protocol, Self, TypedDict, TypeVar, Unpack, cast, overload

from mainspring.core.access import TaskAccess, parse_access
from mainspring.core.active import active_enqueuer
from mainspring.core.capability import parse_requirement
from mainspring.core.category import DEFAULT_CATEGORY, DEFAULT_ICON, ICON, LONGEST, category_of
from mainspring.core.context import Context
from mainspring.core.dedupe import Dedupe
from mainspring.core.dependency import Dependency, parse_dependencies
from mainspring.core.depends import Call, Plans, filled_in, plan_body, plan_hook
from mainspring.core.docstring import parse_docstring
from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError, DefinitionError, InvalidParams, Problem
from mainspring.core.limit import MOST as MOST_AT_ONCE
from mainspring.core.limit import Limit, Rate, parse_rate, task_key
from mainspring.core.overlap import SKIP, Overlap, parse_overlap
from mainspring.core.policy import MOST_RETRIES, Isolation, PoolKind, Priority, Retry, check_whole
from mainspring.core.retention import Retention
from mainspring.core.schedule import Schedule, as_schedules
from mainspring.core.signature import takes_context
from mainspring.core.words import humanise

if TYPE_CHECKING:
    from mainspring.core.form import FormField
    from mainspring.core.handle import RunHandle
    from mainspring.core.params import Params, Result

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)  # so that a task of a str goes where one of an object is asked for: print(await app.run(…))
T = TypeVar("T")

DEFAULT_QUEUE = "default"
EXPENSIVE_QUEUE = "expensive"  # the lane of expensive tasks that name no queue
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,199}")
QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = timedelta(milliseconds=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a definition stands in the code."""

    module: str
    qualname: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Surface(StrEnum):
    """The doors by which people and programs reach a task; a definition may be kept off any of them."""

    WEB = "web"
    CLI = "cli"
    MCP = "mcp"


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions of a definition beside its body; None where there is none.

    ``validate`` is a semantic check of the parameters: it raises ValueError for what cannot be, at enqueue or before the body. ``rollback``
    undoes what the body did, once, when the run has finally failed or timed out; ``on_error`` hears of each failed attempt. These three
    may be ``def`` or ``async def`` and are called as the body is: the context first where it is asked for, those of the parameters that
    they name, and ``Depends``. ``ctx.error`` says what went wrong, ``ctx.will_retry`` whether another attempt follows. ``upgrade(params,
    from_version)`` turns parameters of an older ``params_version``, as plain JSON values, into today's.
    """

    validate: Callable[..., Any] | None = None
    rollback: Callable[..., Any] | None = None
    on_error: Callable[..., Any] | None = None
    upgrade: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Everything that a definition says, as plain values.

    ``timeout`` None means the app's default, ``retry`` likewise. ``concurrency`` and ``rate`` bound the task in the whole fleet, ``limit``
    bounds what shares its key.
    """

    name: str
    title: str
    description: str
    category: str
    icon: str
    tags: tuple[str, ...]
    danger: str | None
    is_expensive: bool
    queue: str
    priority: Priority
    retry: Retry | None
    timeout: timedelta | None
    deadline: timedelta | None
    isolation: Isolation
    is_enabled: bool
    is_repeatable: bool
    max_rescues: int
    is_async: bool
    takes_context: bool
    source: Source
    concurrency: int | None = None
    rate: Rate | None = None
    limit: Limit | None = None
    dedupe: Dedupe | None = None
    retention: Retention | None = None
    requires: tuple[str, ...] = ()
    hidden_from: frozenset[Surface] = frozenset()
    access: TaskAccess | None = None
    params_version: int = 1
    variant_of: str | None = None
    schedules: tuple[Schedule, ...] = ()
    overlap: Overlap | None = None
    depends_on: tuple[Dependency, ...] = ()

    def isolation_in(self, app: Isolation) -> Isolation:
        """Return where bodies run in an app: as it says, unless the task says otherwise."""
        return app if self.isolation is Isolation.PROCESS else self.isolation

    def pool_in(self, app: Isolation) -> PoolKind:
        """Return the pool that runs belong to in an app of that isolation."""
        return PoolKind.of(self.isolation_in(app), is_async=self.is_async, is_repeatable=self.is_repeatable)

    @property
    def limit_task(self) -> str | None:
        """The limit key of the whole task, where its definition bounds it; None where it does not."""
        return None if self.concurrency is None and self.rate is None else task_key(self.name)

    @property
    def overlap_policy(self) -> Overlap | None:
        """What the code says of runs that would overlap: with a schedule they are skipped. None where nothing keeps them apart."""
        overlap = SKIP if self.overlap is None and self.schedules else self.overlap
        return None if overlap is None or (overlap.key is None and not overlap.is_gate) else overlap


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Options of one enqueue; None leaves what the task says."""

    delay: timedelta | None = None
    run_at: datetime | None = None
    key: str | None = None
    dedupe: Dedupe | None = None
    tenant: str | None = None
    priority: Priority | None = None
    queue: str | None = None
    retry: Retry | None = None
    timeout: timedelta | None = None
    deadline: timedelta | None = None
    label: str | None = None
    connection: object | None = None


class Bound(Generic[P, R_co]):
    """A task with the options of one call. Made by ``task.options(...)``; holds nothing but values."""

    __slots__ = ("call", "task")

    def __init__(self, task: Task[P, R_co], call: CallOptions) -> None:
        self.task, self.call = task, call

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R_co]:
        """Enqueue by the active app and return the run's handle."""
        return cast("RunHandle[R_co]", await active_enqueuer(self.task.name).enqueue(self, *args, **kwargs))


class TaskOptions(TypedDict, total=False):
    """The options of `task`, for those that are handed on: a variant's, a module's. See there."""

    name: str | None
    title: str | None
    description: str | None
    category: str
    icon: str | None
    tags: Sequence[str]
    danger: str | None
    expensive: bool
    queue: str | None
    priority: Priority | str
    retry: Retry | int | None
    timeout: Duration | None
    deadline: Duration | None
    isolation: Isolation | str
    enabled: bool
    repeatable: bool
    max_rescues: int
    concurrency: int | None
    rate: Rate | str | None
    limit: Limit | None
    dedupe: Dedupe | str | None
    retention: Retention | Duration | None
    requires: Sequence[str] | str
    validate: Callable[..., Any] | None
    rollback: Callable[..., Any] | None
    on_error: Callable[..., Any] | None
    params_version: int
    upgrade: Callable[..., Any] | None
    overlap: Overlap | str | None
    depends_on: Sequence[str | Dependency | Task[..., Any]] | str | Dependency | Task[..., Any]
    schedule: Schedule | str | Sequence[Schedule | str] | None
    no_web: bool
    no_cli: bool
    no_mcp: bool
    access: Mapping[str, str | Sequence[str]] | None
    admin_only: bool


class Task(Generic[P, R_co]):
    """A definition: inert, frozen, and still callable as the plain function that it wraps.

    ``given`` are the options as they were written.
    """

    __slots__ = ("__dict__", "_inspected", "_plans", "_problems", "filled", "fn", "given", "hooks", "spec")
    is_here: ClassVar[bool] = True  # False for one that only a manifest knows: it can be enqueued, and is carried out elsewhere
    is_service: ClassVar[bool] = False  # True for one that is started and watched, never enqueued
    result_type: ClassVar[type | None] = None  # where it is not what the function returns

    def __init__(
        self, fn: Callable[..., Any], spec: TaskSpec, problems: Sequence[Problem] = (), hooks: Hooks | None = None,
        given: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.fn, self.spec, self.hooks, self.given = fn, spec, hooks or Hooks(), given
        self._problems = tuple(problems)
        self.filled = filled_in(fn)
        self._plans: Plans | None = None
        self._inspected: tuple[Params | None, Result | None, tuple[Problem, ...]] | None = None
        update_wrapper(cast("Callable[..., Any]", self), fn)

    @property
    def name(self) -> str:
        """The name under which runs are stored and operators find the task."""
        return self.spec.name

    def __repr__(self) -> str:
        return f"<task {self.spec.name} at {self.spec.source}>"

    def problems(self) -> tuple[Problem, ...]:
        """Return everything that is wrong with the definition, each with file and line; empty for a good one."""
        return self._inspect()[2]

    @property
    def params(self) -> Params:
        """The model of the parameters; raises `DefinitionError` for a bad definition."""
        return self._good()[0]

    @property
    def result(self) -> Result:
        """The model of the result; raises `DefinitionError` for a bad definition."""
        return self._good()[1]

    @property
    def plans(self) -> Plans:
        """How body and hooks are called; raises `DefinitionError` for a bad definition."""
        self._good()
        assert self._plans is not None
        return self._plans

    def form(self) -> tuple[FormField, ...]:
        """Return the parameters as fields of a form, in the order of the signature; raises `DefinitionError` for a bad definition."""
        from mainspring.core.form import fields_of

        return fields_of(self.params.schema())

    def variant(self, **overrides: Unpack[TaskOptions]) -> Self:
        """Return another task around the same function, with other options; this one stays as it is.

        ``name`` is needed, and the title comes from it unless given. Everything else is this task's own until overridden, wholly: ``tags``
        replaces the tags. A schedule is not taken over. Assign it in a module: the registry finds it there as any other.
        """
        made = _define(self, overrides, _source_of_caller(self.spec.source))
        return cast("Self", made)

    def options(
        self, *, delay: Duration | None = None, run_at: datetime | None = None, key: str | None = None,
        dedupe: Dedupe | str | None = None, tenant: str | None = None, priority: Priority | str | None = None,
        queue: str | None = None, retry: Retry | int | None = None,
        timeout: Duration | None = None, deadline: Duration | None = None, label: str | None = None,
        connection: object | None = None,
    ) -> Bound[P, R_co]:  # fmt: skip
        """Return the task with options for one call; they never mix with its parameters.

        ``delay`` and ``run_at`` (aware) exclude each other. ``key``: while an unfinished run of this task has the same
        key, that run is returned and nothing is added; ``dedupe`` is a template over the parameters, with another policy if you like.
        ``tenant``: on whose behalf; tenants share workers fairly. ``connection``: a connection of the caller's (psycopg, sqlite3)
        in whose transaction the run is added; it exists when that commits. ``deadline`` is counted from the enqueue and
        spans all attempts, ``timeout`` one. Raises `ConfigurationError` naming the option.
        """
        if delay is not None and run_at is not None:
            raise ConfigurationError("delay and run_at exclude each other: give one of them")
        if key is not None and dedupe is not None:
            raise ConfigurationError("key and dedupe exclude each other: a Dedupe has its key with it")
        call = CallOptions(
            delay=None if delay is None else parse_duration(delay, "delay"),
            run_at=_as_moment(run_at, "run_at"),
            key=_as_short_text(key, "key", 500),
            dedupe=_as_dedupe(dedupe),
            tenant=_as_tenant(tenant),
            priority=None if priority is None else Priority.parse(priority),
            queue=None if queue is None else _as_queue(queue),
            retry=_as_retry(retry),
            timeout=_as_timeout(timeout, "timeout"),
            deadline=_as_timeout(deadline, "deadline"),
            label=_as_short_text(label, "label", 200),
            connection=connection,
        )
        return Bound(self, call)

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R_co]:
        """Enqueue by the active app and return the run's handle; raises `NoActiveApp` where there is none."""
        return cast("RunHandle[R_co]", await active_enqueuer(self.name).enqueue(self, *args, **kwargs))

    def _good(self) -> tuple[Params, Result]:
        params, result, problems = self._inspect()
        if problems or params is None or result is None:
            raise DefinitionError(f"the task {self.name!r} cannot be used", problems)
        return params, result

    def _inspect(self) -> tuple[Params | None, Result | None, tuple[Problem, ...]]:
        if self._inspected is None:
            if not inspect.isfunction(self.fn):  # that it is none is told already
                self._inspected = (None, None, self._problems)
            else:
                from mainspring.core.params import inspect_params  # late: pydantic is most of the time that our import takes

                params, result, problems = inspect_params(
                    self.name, self.fn, skip_first=self.spec.takes_context, result_type=self.result_type
                )
                problems = [*problems, *self._plan(params)]
                located = tuple(replace(each, where=f"{self.spec.source} {self.name}({each.where})") for each in problems)
                others = (*self._unknown_in_keys(params), *self._unfit_schedules(params))
                self._inspected = (params, result, self._problems + located + others)
        return self._inspected

    def problems_told(self) -> tuple[Problem, ...]:
        """Return what was wrong with the options, before anybody looks at the signature."""
        return self._problems

    def _alike(self, made: Task[..., Any]) -> Task[..., Any]:
        """Return a task that was just made as one of this task's kind."""
        return made

    def _plan(self, params: Params | None) -> Iterator[Problem]:
        """Plan how body and hooks are called, and yield what is wrong with their signatures."""
        body, found = plan_body(self.fn)
        yield from (Problem(name, what) for name, what in found)
        names = () if params is None else params.names
        plans: dict[str, Call] = {}
        for hook in ("validate", "rollback", "on_error"):
            if (function := getattr(self.hooks, hook)) is not None and params is not None:
                plans[hook], found = plan_hook(function, names)
                yield from (Problem(f"{hook}: {name}", what) for name, what in found)
        self._plans = Plans(body, upgrade=self.hooks.upgrade, **plans)

    def _demand_filled(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        """Refuse a plain call without what only a run fills in: the function would meet the marker instead of the thing."""
        given = inspect.signature(self.fn).bind_partial(*args, **kwargs).arguments
        if missing := [name for name in self.filled if name not in given]:
            what = ", ".join(f"{name} ({self.filled[name]})" for name in missing)
            raise TypeError(f"{self.name}() called as a plain function needs {what}: give it yourself, only a run fills it in")

    def _unknown_in_keys(self, params: Params | None) -> Iterator[Problem]:
        """Yield a problem for each field of a key template that names no parameter."""
        for option, said in (("dedupe", self.spec.dedupe), ("limit", self.spec.limit), ("overlap", self.spec.overlap)):
            if said is None or said.key is None or params is None:
                continue
            for name in said.key.parameters:
                if name not in params.names:
                    has = ", ".join(params.names) or "none"
                    what = f"{option}: the key {said.key.text!r} names the parameter {name!r}, the task has {has}"
                    yield Problem(f"{self.spec.source} {self.name}", what)

    def _unfit_schedules(self, params: Params | None) -> Iterator[Problem]:
        """Yield a problem for each schedule whose parameters are not enough to call the task."""
        if params is None or self._problems:
            return
        for schedule in self.spec.schedules:
            try:
                params.dump_json_text(schedule.params_json)
            except InvalidParams as error:
                fields = "; ".join(str(each) for each in error.problems) or str(error)
                remedy = "give params= to the schedule, or defaults to the task"
                yield Problem(f"{self.spec.source} {self.name}", f"schedule {schedule.name}: it cannot call the task ({fields}): {remedy}")


class AsyncTask(Task[P, R_co]):
    """A task around ``async def``."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        if self.filled:
            self._demand_filled(args, kwargs)
        return cast("Coroutine[Any, Any, R_co]", self.fn(*args, **kwargs))


class SyncTask(Task[P, R_co]):
    """A task around ``def``."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        if self.filled:
            self._demand_filled(args, kwargs)
        return cast("R_co", self.fn(*args, **kwargs))


class ContextAsyncTask(Task[P, R_co]):
    """A task around ``async def f(ctx: Context, …)``; the context is no part of the public signature."""

    def __call__(self, ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        if self.filled:
            self._demand_filled((ctx, *args), kwargs)
        return cast("Coroutine[Any, Any, R_co]", self.fn(ctx, *args, **kwargs))


class ContextSyncTask(Task[P, R_co]):
    """A task around ``def f(ctx: Context, …)``."""

    def __call__(self, ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        if self.filled:
            self._demand_filled((ctx, *args), kwargs)
        return cast("R_co", self.fn(ctx, *args, **kwargs))


# The overloads overlap by intent: the first that fits wins, so a coroutine's result is never taken for a plain value.
# Their limit: a first parameter annotated as object or Any accepts a Context too, and type checkers take it for one.


class TaskDecorator(Protocol):
    """What ``@task(...)`` returns."""

    @overload
    def __call__(self, fn: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /) -> ContextAsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Callable[Concatenate[Context, P], R], /) -> ContextSyncTask[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Callable[P, R], /) -> SyncTask[P, R]: ...


@overload
def task(fn: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /) -> ContextAsyncTask[P, R]: ...  # type: ignore[overload-overlap]
@overload
def task(fn: Callable[Concatenate[Context, P], R], /) -> ContextSyncTask[P, R]: ...
@overload
def task(fn: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
@overload
def task(fn: Callable[P, R], /) -> SyncTask[P, R]: ...
@overload
def task(
    *, name: str | None = None, title: str | None = None, description: str | None = None, category: str = ...,
    icon: str | None = None, tags: Sequence[str] = ..., danger: str | None = None, expensive: bool = False, queue: str | None = None,
    priority: Priority | str = ..., retry: Retry | int | None = None, timeout: Duration | None = None,
    deadline: Duration | None = None, isolation: Isolation | str = ..., enabled: bool = True, repeatable: bool = True,
    max_rescues: int = 3, concurrency: int | None = None, rate: Rate | str | None = None, limit: Limit | None = None,
    dedupe: Dedupe | str | None = None, retention: Retention | Duration | None = None, requires: Sequence[str] | str = (),
    validate: Callable[..., Any] | None = None, rollback: Callable[..., Any] | None = None,
    on_error: Callable[..., Any] | None = None, params_version: int = 1, upgrade: Callable[..., Any] | None = None,
    overlap: Overlap | str | None = None,
    depends_on: Sequence[str | Dependency | Task[..., Any]] | str | Dependency | Task[..., Any] = (),
    schedule: Schedule | str | Sequence[Schedule | str] | None = None,
    no_web: bool = False, no_cli: bool = False, no_mcp: bool = False,
    access: Mapping[str, str | Sequence[str]] | None = None, admin_only: bool = False,
) -> TaskDecorator: ...  # fmt: skip


def task(
    fn: Callable[..., Any] | None = None, /, *, name: str | None = None, title: str | None = None,
    description: str | None = None, category: str = DEFAULT_CATEGORY, icon: str | None = None,
    tags: Sequence[str] = (), danger: str | None = None, expensive: bool = False, queue: str | None = None,
    priority: Priority | str = Priority.MEDIUM, retry: Retry | int | None = None, timeout: Duration | None = None,
    deadline: Duration | None = None, isolation: Isolation | str = Isolation.PROCESS, enabled: bool = True,
    repeatable: bool = True, max_rescues: int = 3,
    concurrency: int | None = None, rate: Rate | str | None = None, limit: Limit | None = None,
    dedupe: Dedupe | str | None = None, retention: Retention | Duration | None = None, requires: Sequence[str] | str = (),
    validate: Callable[..., Any] | None = None, rollback: Callable[..., Any] | None = None,
    on_error: Callable[..., Any] | None = None, params_version: int = 1, upgrade: Callable[..., Any] | None = None,
    overlap: Overlap | str | None = None,
    depends_on: Sequence[str | Dependency | Task[..., Any]] | str | Dependency | Task[..., Any] = (),
    schedule: Schedule | str | Sequence[Schedule | str] | None = None,
    no_web: bool = False, no_cli: bool = False, no_mcp: bool = False,
    access: Mapping[str, str | Sequence[str]] | None = None, admin_only: bool = False,
) -> Any:  # fmt: skip
    """Make a function a durable task. Calling the task still calls the function; ``enqueue`` and ``app.run`` make runs.

    ``name`` is the function's name unless given; ``title`` and ``description`` come from the name and the docstring, the help of each
    parameter from the docstring too (Google, numpy or reST style). ``category`` may be any; ``maintenance``, ``data``, ``admin`` and
    ``report`` have an order and an ``icon`` (a name such as ``chart-column``) of their own.
    ``timeout`` bounds one attempt (the app's default is five minutes), ``deadline`` the whole run.
    ``repeatable=False``: an attempt that was lost with its node is not repeated. ``max_rescues``: how many losses of
    its own a run may cause.

    ``expensive`` tasks have a queue of their own, ``expensive``, unless they name one. ``concurrency`` and ``rate`` (``"10/s"``) bound the
    runs of this task in the whole fleet, ``limit`` those that share its key. ``dedupe`` is a key template over the parameters, or a
    `Dedupe` with a policy. ``retention``: how long finished runs are kept. ``requires`` (``"engine>=1.2"``): the task is not registered
    where that does not hold. ``overlap`` (``"skip"``, ``"queue:3"``, ``"replace"``, ``"allow:4"``, or an `Overlap` with a key) says what
    becomes of a run that is due while an earlier one has not ended; ``depends_on`` names tasks whose last run has to have succeeded.
    ``validate``, ``rollback``, ``on_error`` and ``upgrade`` are functions, see `Hooks`. ``no_web``, ``no_cli`` and ``no_mcp`` keep the task
    off a door. ``access`` says who may ``view``, ``start``, ``cancel``, ``retry``, ``delete`` or ``configure`` it, or see its ``payload``:
    ``{"start": "viewer", "view": ["finance", "owner"]}`` names roles (the least), teams and users, and ``owner`` for who started the run;
    what it does not say follows the roles. ``admin_only`` leaves nothing to others.

    ``schedule`` says when the task is run by itself: a cron text (in UTC), ``cron``, ``every``, ``at``, ``when`` or ``manual``, or several
    of them. A variant has none but its own.

    A bad definition does not raise here but when the registry is built, together with all
    others.
    """

    options = {option: value for option, value in locals().items() if option != "fn"}

    def decorate(function: Callable[..., Any], at: Source | None = None) -> Task[..., Any]:
        source = at or _source_of(function)
        given: Any = getattr(function, "__name__", type(function).__name__) if name is None else name
        problems: list[Problem] = []

        def say(what: str) -> None:
            problems.append(Problem(f"{source} {given}", what))

        def check(make: Callable[..., T], *values: Any, otherwise: T) -> T:
            try:
                return make(*values)
            except ConfigurationError as error:
                say(str(error))
                return otherwise

        if not inspect.isfunction(function):
            say(f"@task needs a function, this is {_kind_of(function)}")
        elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            say("a generator cannot be a task: return the result, and report on the way with ctx.progress and ctx.log")
        if not isinstance(given, str) or not NAME.fullmatch(given):
            allowed = "letters, digits and _ . : - after a first letter, 200 at most"
            say(f"name={given!r} is not allowed: give name= of {allowed}")
            given = str(given)
        check(check_whole, max_rescues, 1, 100, "max_rescues", otherwise=None)
        usual_queue = EXPENSIVE_QUEUE if expensive is True else DEFAULT_QUEUE
        docs = parse_docstring(getattr(function, "__doc__", None)).description
        usual_icon = category_of(str(category)).icon
        spec = TaskSpec(
            name=given,
            title=check(_as_text, title, "title", otherwise=None) or humanise(given),
            description=check(_as_text, docs if description is None else description, "description", otherwise=None) or "",
            category=check(_as_category, category, otherwise=DEFAULT_CATEGORY),
            icon=check(_as_icon, usual_icon if icon is None else icon, otherwise=DEFAULT_ICON),
            tags=check(_as_tags, tags, otherwise=()),
            danger=check(_as_text, danger, "danger", otherwise=None),
            is_expensive=check(_as_flag, expensive, "expensive", otherwise=False),
            queue=check(_as_queue, usual_queue if queue is None else queue, otherwise=DEFAULT_QUEUE),
            priority=check(Priority.parse, priority, otherwise=Priority.MEDIUM),
            retry=check(_as_retry, retry, otherwise=None),
            timeout=check(_as_timeout, timeout, "timeout", otherwise=None),
            deadline=check(_as_timeout, deadline, "deadline", otherwise=None),
            isolation=check(_as_isolation, isolation, otherwise=Isolation.PROCESS),
            is_enabled=check(_as_flag, enabled, "enabled", otherwise=True),
            is_repeatable=check(_as_flag, repeatable, "repeatable", otherwise=True),
            max_rescues=max_rescues,
            is_async=inspect.iscoroutinefunction(function),
            takes_context=takes_context(function),
            source=source,
            concurrency=check(_as_concurrency, concurrency, otherwise=None),
            rate=None if rate is None else check(parse_rate, rate, otherwise=None),
            limit=check(_as_limit, limit, otherwise=None),
            dedupe=check(_as_dedupe, dedupe, otherwise=None),
            retention=check(_as_retention, retention, otherwise=None),
            overlap=None if overlap is None else check(parse_overlap, overlap, otherwise=None),
            depends_on=check(parse_dependencies, depends_on, otherwise=()),
            requires=check(_as_requirements, requires, otherwise=()),
            hidden_from=frozenset(
                surface for surface, no in zip(Surface, (no_web, no_cli, no_mcp), strict=True)
                if check(_as_flag, no, f"no_{surface}", otherwise=False)
            ),
            access=check(lambda: parse_access(access, is_admin_only=_as_flag(admin_only, "admin_only")), otherwise=None),
            params_version=params_version,
            schedules=check(as_schedules, schedule, given, otherwise=()),
        )  # fmt: skip
        check(check_whole, params_version, 1, 30_000, "params_version", otherwise=None)
        functions = {"validate": validate, "rollback": rollback, "on_error": on_error, "upgrade": upgrade}
        hooks = Hooks(**{each: check(_as_function, given, each, otherwise=None) for each, given in functions.items()})
        return _KINDS[spec.takes_context, spec.is_async](function, spec, problems, hooks, MappingProxyType(options))

    return decorate if fn is None else decorate(fn)


_KINDS: Mapping[tuple[bool, bool], type[Task[..., Any]]] = {
    (True, True): ContextAsyncTask,
    (True, False): ContextSyncTask,
    (False, True): AsyncTask,
    (False, False): SyncTask,
}  # by (takes the context, is async)


def _define(task_: Task[..., Any], overrides: Mapping[str, Any], source: Source) -> Task[..., Any]:
    """Return a variant of a task."""
    if not overrides.get("name"):
        raise ConfigurationError(f"a variant of {task_.name!r} needs a name of its own: variant(name='{task_.name}_weekly', …)")
    if unknown := sorted(overrides.keys() - TaskOptions.__annotations__.keys()):
        raise ConfigurationError(f"variant({unknown[0]}=…) is no option of a task; known are {', '.join(TaskOptions.__annotations__)}")
    decorate = cast("Any", task)(**{**task_.given, "title": None, "schedule": None, **overrides})
    made: Task[..., Any] = task_._alike(decorate(task_.fn, source))
    made.spec = replace(made.spec, variant_of=task_.name)
    return made


def _source_of_caller(of: Source) -> Source:
    """Return where the caller of our caller stands: a variant belongs to the module that makes it."""
    frame = sys._getframe(2)
    return Source(str(frame.f_globals.get("__name__", "?")), of.qualname, frame.f_code.co_filename, frame.f_lineno)


def _source_of(function: Callable[..., Any]) -> Source:
    module: str = getattr(function, "__module__", None) or "?"
    qualname: str = getattr(function, "__qualname__", None) or repr(function)
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        return Source(module, qualname, code.co_filename, code.co_firstlineno)
    try:  # a class, for instance: no task, but the report is to say where it stands
        file, line = inspect.getsourcefile(cast("Any", function)), inspect.getsourcelines(cast("Any", function))[1]
    except (TypeError, OSError):
        file, line = getattr(sys.modules.get(module), "__file__", None), 0
    return Source(module, qualname, file or "?", line)


def _kind_of(thing: object) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def _as_retry(value: Retry | int | None) -> Retry | None:
    if value is None or isinstance(value, Retry):
        return value
    check_whole(value, 0, MOST_RETRIES, "retry")
    return Retry(retries=value)


def _as_timeout(value: Duration | None, field_name: str) -> timedelta | None:
    if value is None:
        return None
    found = parse_duration(value, field_name)
    if not SHORTEST_TIMEOUT <= found <= LONGEST_TIMEOUT:
        raise ConfigurationError(f"{field_name}={value!r} is out of range: from 1ms to 30 days")
    return found


def _as_isolation(value: Isolation | str) -> Isolation:
    try:
        return Isolation(value)
    except ValueError:
        raise ConfigurationError(f"isolation={value!r} is unknown: choose one of {', '.join(Isolation)}") from None


def _as_queue(value: object) -> str:
    if not isinstance(value, str) or not QUEUE.fullmatch(value):
        allowed = "letters, digits and _ . : - after a first letter or digit, 100 at most"
        raise ConfigurationError(f"queue={value!r} is not allowed: {allowed}")
    return value


def _as_moment(value: object, field_name: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise ConfigurationError(f"{field_name}={value!r} is no datetime; for a while from now give delay=")
    if value.utcoffset() is None:
        raise ConfigurationError(f"{field_name}={value} has no time zone: give an aware datetime, for instance with tzinfo=UTC")
    return value


def _as_text(value: object, field_name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{field_name}={value!r}: a text is needed")
    return value


def _as_category(value: object) -> str:
    text = _as_short_text(value, "category", LONGEST)
    return text.strip() or DEFAULT_CATEGORY if text else DEFAULT_CATEGORY


def _as_icon(value: object) -> str:
    text = _as_short_text(value, "icon", LONGEST) or DEFAULT_ICON
    if not ICON.fullmatch(text):
        raise ConfigurationError(f"icon={value!r} is no name of an icon: small letters, digits and single hyphens, as 'chart-column'")
    return text


def _as_short_text(value: object, field_name: str, most: int) -> str | None:
    text = _as_text(value, field_name)
    if text is not None and not 0 < len(text) <= most:
        raise ConfigurationError(f"{field_name} has {len(text)} characters: 1 to {most} are allowed")
    return text


def _as_tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"tags={value!r}: a list of texts is needed")
    return tuple(value)


def _as_flag(value: object, field_name: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{field_name}={value!r}: True or False is needed")
    return value


def _as_concurrency(value: object) -> int | None:
    if value is None:
        return None
    check_whole(value, 1, MOST_AT_ONCE, "concurrency")
    return cast("int", value)


def _as_limit(value: object) -> Limit | None:
    if value is not None and not isinstance(value, Limit):
        raise ConfigurationError(f"limit={value!r}: a Limit is needed, as Limit('tenant:{{tenant_id}}', concurrency=2)")
    return value


def _as_dedupe(value: Dedupe | str | None) -> Dedupe | None:
    return Dedupe(value) if isinstance(value, str) or not (value is None or isinstance(value, Dedupe)) else value


def _as_retention(value: Retention | Duration | None) -> Retention | None:
    return value if value is None or isinstance(value, Retention) else Retention(value, others=value)


def _as_requirements(value: object) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not all(isinstance(each, str) for each in given):
        raise ConfigurationError(f"requires={value!r}: texts such as 'engine>=1.2' are needed")
    for each in given:
        parse_requirement(each)
    return tuple(given)


def _as_function(value: object, field_name: str) -> Callable[..., Any] | None:
    if value is not None and not inspect.isroutine(value):
        raise ConfigurationError(f"{field_name}={value!r}: a function is needed")
    return cast("Callable[..., Any] | None", value)


def _as_tenant(value: object) -> str | None:
    return _as_short_text(value, "tenant", 200)
