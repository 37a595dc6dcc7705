"""Looking on: what sockets, streams and polls are fed with while runs go on.

None of this is in the catalogue, for a stream has no one answer; whoever hands events on to a person comes in here, with the rights of that
person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mainspring.app import Mainspring
from mainspring.core.access import EVERYTHING, Verb
from mainspring.core.errors import Forbidden
from mainspring.core.event import Event
from mainspring.operations.operation import Caller
from mainspring.operations.permit import seen


@dataclass(frozen=True, slots=True)
class Watched:
    """A run that somebody may look at, as it was a moment ago."""

    id: str
    task: str
    seq: int  # of its latest event
    is_final: bool
    started_at: datetime | None  # the try in hand, or the last one


def must_look(caller: Caller) -> None:
    """Raise `Forbidden` for who may look at nothing."""
    if not caller.user.may(Verb.VIEW):
        raise Forbidden(f"{caller.user.name!r} ({caller.user.role}) may not look at runs: it needs {Verb.VIEW}")


async def find_watched(app: Mainspring, text: str, caller: Caller) -> Watched:
    """Return the run that somebody wants to look at, by its id or the end of it.

    Raises `Forbidden` for who may look at nothing, and `UnknownRun` also for a run that this caller cannot see.
    """
    must_look(caller)
    run = await seen(app, caller, text)
    return Watched(run.id, run.task, run.seq, run.is_final, run.started_at)


async def read_events(app: Mainspring, watched: Watched, after: int, n: int, *, over_gap: bool = False) -> Sequence[Event]:
    """Return about ``n`` events of a run past a number, as `EventStore.after` does; raises `UnknownRun` where it is gone.

    Once for all who watch: each was asked for rights of their own by `find_watched`.
    """
    return await (await app.store()).events.after(watched.id, after, n, scope=EVERYTHING, over_gap=over_gap)


def follow_events(app: Mainspring, watched: Watched, after: int) -> AsyncIterator[Sequence[Event]]:
    """Yield a run's events past a number as they come, until its final one; raises `UnknownRun`. Once for all, as `read_events`."""
    return app.follow_pages(watched.id, after, scope=EVERYTHING)


async def read_tail(app: Mainspring, watched: Watched, *, lines: int, before: int | None = None) -> Sequence[Event]:
    """Return the latest events of a run, or the latest before a number: as many as ``lines``, in order."""
    until = min(watched.seq if before is None else before - 1, watched.seq)
    after = max(0, until - lines)
    found: list[Event] = []
    while after < until:
        page = [each for each in await read_events(app, watched, after, until - after, over_gap=watched.is_final) if each.seq <= until]
        if not page:
            break
        found += page
        after = page[-1].seq
    return found
