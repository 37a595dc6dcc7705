"""Operations: verbs that a person or a program may ask for. Faces (CLI, later HTTP and MCP) are derived from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict

from mainspring.app import Mainspring
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
    """Who asks, and by which door; both end in the audit trail."""

    actor: str
    source: str


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
        """Perform it; a mutation leaves an audit row. Raises `MainspringError` with a stable ``code``."""
        view = await self.perform(app, request, caller)
        if self.changes is not None and not self.keeps_own_audit:
            await audit(await app.store(), self, request, view, caller)
        return view


async def audit(store: Store, done: Operation[Any, Any], request: Request, view: View, caller: Caller) -> None:
    """Write down who did what, to which object, by which door and why."""
    assert done.changes is not None
    object_ = done.changes.format_map(dict(view))
    reason = getattr(request, "reason", None)
    await store.audit.add(done.name, object_, actor=caller.actor, source=caller.source, reason=reason, data=view.trace())


class OperationDecorator(Protocol):
    """What ``@operation(...)`` returns."""

    def __call__(self, perform: Callable[[Mainspring, Q, Caller], Coroutine[Any, Any, V]], /) -> Operation[Q, V]:
        """Make the function an operation."""


def operation(name: str, *, changes: str | None = None, dangerous: bool = False, keeps_own_audit: bool = False) -> OperationDecorator:
    """Make an async function an `Operation`: its summary is the docstring's first line, its models the annotations."""

    def decorate(perform: Callable[[Mainspring, Q, Caller], Coroutine[Any, Any, V]], /) -> Operation[Q, V]:
        hints = get_type_hints(perform)
        summary, _, _ = (inspect.getdoc(perform) or "").partition("\n")
        return Operation(name, hints["request"], hints["return"], perform, summary, changes, dangerous, keeps_own_audit)

    return decorate
