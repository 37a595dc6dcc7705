"""Operations: verbs that a person or a program may ask for. Faces (CLI, later HTTP and MCP) are derived from them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict

from mainspring.app import Mainspring
from mainspring.core.access import SYSTEM, Scope, User, Verb
from mainspring.core.errors import Forbidden
from mainspring.store.audit import Entry
from mainspring.store.runs import ADDING, added_id
from mainspring.store.store import Store


class Request(BaseModel):
    """What is asked for. Required fields stand first on a command line, the others are options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What is answered: plain values, the same for every face. Keys never change their meaning."""

    model_config = ConfigDict(frozen=True)

    def trace(self) -> Mapping[str, Any] | None:
        """Return what the audit row of a mutation tells beside its object, if anything."""
        return None


Q = TypeVar("Q", bound=Request)
V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by which door; both end in the audit trail.

    ``user`` has the rights; whoever has the process in hand has all. ``tenant`` is the one that new runs belong to.
    """

    actor: str
    source: str
    user: User = SYSTEM
    tenant: str = ""
    request_id: str | None = None
    address: str | None = None
    locale: str | None = None  # the language of who asks, for bodies that want it
    authorize: Callable[[User, Verb, str], bool | Awaitable[bool]] | None = None
    hidden: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    async def agrees(self, verb: Verb, object_: str) -> bool:
        """Ask the host application, where it wants to be asked, whether it lets this user do this; our own rules have said yes before."""
        if self.authorize is None:
            return True
        answer = self.authorize(self.user, verb, object_)
        return bool(await answer if isinstance(answer, Awaitable) else answer)

    @property
    def scope(self) -> Scope:
        """What can be seen. Inside of an operation it is complete; elsewhere `settled` makes it so."""
        if not self.hidden and not self.private:
            return self.user.scope
        return replace(self.user.scope, hidden=self.hidden, private=self.private, viewer=self.user.name)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Q, V]):
    """One verb: called with an app, a checked request and who asks; answers a view.

    ``changes`` names what a mutation touches, for the audit trail, with fields of its view (``run:{id}``); it is None
    for an operation that only reads. ``is_dangerous``: hard to undo, so a face may ask twice.
    """

    name: str
    request: type[Q]
    response: type[V]
    perform: Callable[[Mainspring, Q, Caller], Coroutine[Any, Any, V]]
    summary: str
    changes: str | None
    is_dangerous: bool
    keeps_own_audit: bool
    needs: Verb
    asks_tasks: bool = False
    is_of_host: bool = False

    @property
    def noun(self) -> str:
        """The part before the dot."""
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        """The part behind the dot."""
        return self.name.partition(".")[2]

    @property
    def is_read_only(self) -> bool:
        """Whether nothing is written."""
        return self.changes is None

    async def __call__(self, app: Mainspring, request: Q, caller: Caller) -> V:
        """Perform it; a mutation leaves an audit row in its own transaction. Raises `MainspringError` with a stable ``code``.

        `Forbidden` is raised before anything is done; of a mutation that leaves a row as well.
        """
        if caller.user is SYSTEM:
            return await self._performed(app, request, caller)
        try:
            if not self._is_open_to(app, caller):
                raise Forbidden(f"{caller.user.name!r} ({caller.user.role}) may not {self.name}: it needs {self.needs}")
            if not self.asks_tasks and not await caller.agrees(self.needs, self.name):
                raise Forbidden(f"this application does not let {caller.user.name!r} {self.name}")
            return await self._performed(app, request, await settled(app, caller))
        except Forbidden as error:
            if self.changes is not None:
                trail = (await app.store()).audit
                about = error.about or f"user:{caller.user.name}"
                await trail.refuse(entry_of(self.name, about, request, caller, {"refused": "forbidden", "needs": str(self.needs)}))
            raise

    def _is_open_to(self, app: Mainspring, caller: Caller) -> bool:
        """Tell whether somebody may ask for it at all; a task's own rules may allow more than the role, and are asked by the verb."""
        user = caller.user
        if self.is_of_host and (user.tenants is not None or user.sees_own_only):
            return False
        return user.may(self.needs) or (
            self.asks_tasks and any(user.may(self.needs, each.spec.access, is_owner=True) for each in app.registry)
        )

    async def _performed(self, app: Mainspring, request: Q, caller: Caller) -> V:
        if self.changes is None or self.keeps_own_audit:
            return await self.perform(app, request, caller)
        trail = (await app.store()).audit
        told = Told()
        token = _told.set(told)
        try:
            with trail.with_next_change(lambda query, values, rows: self._entry(told, request, caller, query, values, rows)) as along:
                view = await self.perform(app, request, caller)
            if not along.is_written:  # nothing was changed, and that is said as well
                object_ = told.object or self.changes.format_map(dict(view))
                await trail.add_entry(entry_of(self.name, object_, request, caller, told.data or view.trace()))
            return view
        finally:
            _told.reset(token)

    def _entry(
        self, told: Told, request: Q, caller: Caller, query: str, values: Mapping[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> Entry | None:  # fmt: skip
        """Return the audit row of a change that is being committed: its object was told, or comes from the change or the request."""
        assert self.changes is not None
        if told.object is not None:
            return entry_of(self.name, told.object, request, caller, told.data or None)
        added = added_id(query, values, rows)
        found = dict(request) if added is None else {**dict(request), "id": added}
        if added is None and query in ADDING:
            return None  # somebody else was writing about its key: it is asked again
        try:
            object_ = self.changes.format_map(found)
        except KeyError:  # only what is answered names it
            return None
        return entry_of(self.name, object_, request, caller, told.data or None)


@dataclass(slots=True)
class Told:
    """What a verb says of its change for the audit trail, before it makes it."""

    object: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


_told: ContextVar[Told | None] = ContextVar("mainspring_told", default=None)


def tell(object_: str | None = None, **data: Any) -> None:
    """Say for the audit trail what is about to be changed, where the request alone does not name it, and what else is to be known of it."""
    if (told := _told.get()) is not None:
        told.object = object_ or told.object
        told.data |= data


def entry_of(verb: str, object_: str, request: Request, caller: Caller, data: Mapping[str, Any] | None = None) -> Entry:
    """Return an audit row: who did what, to which object, by which door, from where and why."""
    tenants = caller.user.tenants
    tenant = caller.tenant or (next(iter(tenants)) if tenants is not None and len(tenants) == 1 else "")
    return Entry(
        verb, object_, caller.actor, caller.source, getattr(request, "reason", None), data, tenant, caller.address, caller.request_id
    )  # fmt: skip


async def settled(app: Mainspring, caller: Caller) -> Caller:
    """Return a caller who knows which tasks are kept from their eyes: by the rules of those, or by what a token is for."""
    user = caller.user
    if user is SYSTEM:
        return caller
    hidden: set[str] = set()
    private: set[str] = set()
    for task in app.registry:
        rules = task.spec.access
        if not user.covers(task.name):
            hidden.add(task.name)
        elif rules is None or user.may(Verb.VIEW, rules):
            continue
        elif user.may(Verb.VIEW, rules, is_owner=True):
            private.add(task.name)
        else:
            hidden.add(task.name)
    if not hidden and not private:
        return caller
    return replace(caller, hidden=frozenset(hidden), private=frozenset(private))


async def audit(store: Store, done: Operation[Any, Any], request: Request, view: View, caller: Caller) -> None:
    """Write down a change that has been made in several transactions: for verbs that keep their own trail."""
    assert done.changes is not None
    await store.audit.add_entry(entry_of(done.name, done.changes.format_map(dict(view)), request, caller, view.trace()))


class OperationDecorator(Protocol):
    """What ``@operation(...)`` returns."""

    def __call__(self, perform: Callable[[Mainspring, Q, Caller], Coroutine[Any, Any, V]], /) -> Operation[Q, V]:
        """Make the function an operation."""


def operation(
    name: str, *, changes: str | None = None, dangerous: bool = False, keeps_own_audit: bool = False, needs: Verb = Verb.VIEW,
    asks_tasks: bool = False, of_host: bool = False,
) -> OperationDecorator:  # fmt: skip
    """Make an async function an `Operation`: its summary is the docstring's first line, its models the annotations.

    ``needs`` is the verb that its caller has to have. ``asks_tasks``: the function asks `permit`, so that a task's own rules may allow more
    than the role. ``of_host``: it tells of everybody's runs, so nobody of one tenant may ask.
    """

    def decorate(perform: Callable[[Mainspring, Q, Caller], Coroutine[Any, Any, V]], /) -> Operation[Q, V]:
        hints = get_type_hints(perform)
        summary, _, _ = (inspect.getdoc(perform) or "").partition("\n")
        return Operation(
            name, hints["request"], hints["return"], perform, summary, changes, dangerous, keeps_own_audit, needs, asks_tasks, of_host
        )

    return decorate
