"""Verbs about queues."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Scope, Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError, InvalidParams, Problem
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation


class QueueView(View):
    """A queue that holds runs or was ever paused. ``ready`` and ``later`` are both pending; ``oldest_at`` is of the
    run that has been ready the longest."""

    name: str
    is_paused: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    paused_until: datetime | None
    ready: int
    later: int
    running: int
    blocked: int
    suspended: int
    oldest_at: datetime | None


class QueueList(View):
    """Queues, sorted by name."""

    items: list[QueueView]


class QueuesRequest(Request):
    """All queues."""


class PauseRequest(Request):
    """Which queue, and why."""

    name: str = Field(min_length=1, max_length=100, description="the queue's name")
    reason: str | None = Field(None, description="why; kept with the queue and in the audit trail")


class ShowRequest(Request):
    """Which queue."""

    name: str = Field(min_length=1, max_length=100, description="the queue's name")


class QueuePause(PauseRequest):
    """Which queue, why, and until when."""

    until: str | None = Field(None, description="resume by itself after a while, as 30m, or at a time with its zone")


class QueueChanged(View):
    """What became of a queue; ``has_changed`` is False where it was so already."""

    name: str
    is_paused: bool
    has_changed: bool


async def read_queues(app: Mainspring, scope: Scope) -> list[QueueView]:
    """Return the queues with what waits in them."""
    store = await app.store()
    found: dict[str, dict[str, object]] = {}

    def at(name: str) -> dict[str, object]:
        return found.setdefault(name, {"ready": 0, "later": 0, "running": 0, "blocked": 0, "suspended": 0})

    for row in await store.queues.list():
        at(row["name"]).update(
            paused_at=row["paused_at"], paused_by=row["paused_by"], pause_reason=row["pause_reason"], paused_until=row["paused_until"]
        )
    for row in await store.runs.waiting(scope=scope):
        counts, state = at(row["queue"]), row["state"]
        # What is ready has been so since a time; what comes later has not.
        waits = "later" if row["oldest_at"] is None else "ready"
        word = waits if state is RunState.PENDING else str(state)
        counts[word] = int(str(counts[word])) + row["n"]
        if word == "ready":
            counts["oldest_at"] = row["oldest_at"]
    empty = {"paused_at": None, "paused_by": None, "pause_reason": None, "paused_until": None, "oldest_at": None}
    return [
        QueueView.model_validate({
            "name": name, **empty, **found[name], "is_paused": found[name].get("paused_at") is not None,
        })
        for name in sorted(found)
    ]  # fmt: skip


@operation("queues.list")
async def list_queues(app: Mainspring, request: QueuesRequest, caller: Caller) -> QueueList:
    """List the queues with what waits in them."""
    return QueueList(items=await read_queues(app, caller.scope))


@operation("queues.show")
async def show_queue(app: Mainspring, request: ShowRequest, caller: Caller) -> QueueView:
    """Show a queue; one that nobody has used is empty."""
    found = {each.name: each for each in await read_queues(app, caller.scope)}
    return found.get(request.name) or QueueView(
        name=request.name, is_paused=False, paused_at=None, paused_by=None, pause_reason=None, paused_until=None, ready=0, later=0,
        running=0, blocked=0, suspended=0, oldest_at=None,
    )  # fmt: skip


def future(text: str, field: str, now: datetime) -> datetime:
    """Return the time that a person has written: a while from now, or a time with its zone that is still to come."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        with suppress(ConfigurationError):
            return now + parse_duration(text, field)
    else:
        if at.tzinfo is not None and at > now:
            return at
    raise InvalidParams("wrong time", [Problem(field, "give a while such as 30m, or a time that is still to come, with its zone", text)])


@operation("queues.pause", changes="queue:{name}", dangerous=True, needs=Verb.CONTROL_QUEUES)
async def pause_queue(app: Mainspring, request: QueuePause, caller: Caller) -> QueueChanged:
    """Stop claims from a queue, until it is resumed or for a while; its runs stay."""
    store = await app.store()
    queues, until = store.queues, None if request.until is None else future(request.until, "until", await store.database.now())
    was_paused = request.name in await queues.paused()
    await queues.pause(request.name, actor=caller.actor, reason=request.reason, until=until)
    return QueueChanged(name=request.name, is_paused=True, has_changed=not was_paused)


@operation("queues.resume", changes="queue:{name}", needs=Verb.CONTROL_QUEUES)
async def resume_queue(app: Mainspring, request: PauseRequest, caller: Caller) -> QueueChanged:
    """Let claims from a queue go on."""
    has_changed = await (await app.store()).queues.resume(request.name)
    return QueueChanged(name=request.name, is_paused=False, has_changed=has_changed)
