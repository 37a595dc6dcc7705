"""The event stream of a run: kept records merged with the ordinary life of the run, which is columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mainspring.core.access import Scope
from mainspring.core.errors import UnknownRun
from mainspring.core.event import Event, EventKind
from mainspring.core.run import Attempt, AttemptOutcome, Reason, Run
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import Database, sure
from mainspring.store.runs import RunStore

PAGE = 1000

_END_OF_TRY = {
    AttemptOutcome.SNOOZED: EventKind.SNOOZED,
    AttemptOutcome.RELEASED: EventKind.RELEASED,
    AttemptOutcome.LOST: EventKind.LOST,
    AttemptOutcome.FAILED: EventKind.RETRY_SCHEDULED,
    AttemptOutcome.TIMEOUT: EventKind.RETRY_SCHEDULED,
}


class EventStore:
    """Reads events in order. Numbers are gapless from 1, whoever wrote which."""

    def __init__(self, database: Database, runs: RunStore) -> None:
        self._database, self._runs = database, runs

    async def after(self, run_id: str, seq: int = 0, n: int = PAGE, *, scope: Scope, over_gap: bool = False) -> list[Event]:
        """Return up to about ``n`` events past a number, in order, up to now; raises `UnknownRun`, also outside of the scope.

        What is answered has no gap, and none before it but with ``over_gap``: for runs of which events are gone for good.
        """
        found = await self._runs.get_with_claim([run_id], scope=scope)
        if not found:
            raise UnknownRun(f"there is no run {run_id}")
        run, claim_seq = found[0]
        rows = await self._database.read("events_after", id=run_id, after=seq, n=n)
        kept = [
            Event(
                run_id,
                row["seq"],
                codes.EVENT_OF[row["kind"]],
                sure(self._database.from_time(row["at"])),
                row["attempt"],
                json.loads(row["data"]) if row["data"] else {},
            )
            for row in rows
        ]
        tries = await self._runs.attempts_with_seq(run_id)
        facts = [each for each in ordinary_events(run, claim_seq, tries) if each.seq > seq]
        if len(rows) == n:  # more may follow: facts past the last kept one wait for the next page
            facts = [each for each in facts if each.seq < kept[-1].seq]
        # What a writer commits while we read shows in one query and not in the other. The run was read first, so that
        # everything up to its number is there; nothing past it goes out, for a try that ended since might be its last.
        merged = sorted((each for each in [*kept, *facts] if each.seq <= run.seq), key=lambda event: event.seq)
        whole: list[Event] = []
        if over_gap and merged:
            seq = merged[0].seq - 1
        for event in merged:
            if event.seq != seq + len(whole) + 1:
                break
            whole.append(event)
        return whole


def ordinary_events(run: Run, claim_seq: int | None, tries: list[tuple[Attempt, int, int]]) -> list[Event]:
    """Return what columns say about a run's life, as events with their numbers."""

    def event(seq: int, kind: EventKind, at: datetime, attempt: int, **data: Any) -> Event:
        told: Mapping[str, Any] = {key: value for key, value in data.items() if value is not None}
        return Event(run.id, seq, kind, at, attempt, told)

    events = [event(1, EventKind.QUEUED, run.created_at, 0, queue=run.queue, priority=run.priority.name.lower(), actor=run.actor)]
    seen = set()
    for attempt, claimed, ended in tries:
        seen.add(claimed)
        start = attempt.started_at or attempt.finished_at
        events.append(event(claimed, EventKind.CLAIMED, start, attempt.number, node=attempt.node_id))
        events.append(event(claimed + 1, EventKind.STARTED, start, attempt.number))
        if run.is_final and ended == run.seq:
            continue
        is_blocked = attempt.reason in (Reason.NO_CAPABLE_NODE, Reason.DISABLED, Reason.OWNER_GONE)
        kind = EventKind.BLOCKED if is_blocked else _END_OF_TRY.get(AttemptOutcome(attempt.outcome), EventKind.RELEASED)
        events.append(
            event(
                ended,
                kind,
                attempt.finished_at,
                attempt.number,
                reason=attempt.reason,
                error=attempt.error,
                retry_at=None if attempt.retry_at is None else attempt.retry_at.isoformat(),
            )
        )
    if claim_seq is not None and claim_seq not in seen:
        start = run.started_at or run.created_at
        events.append(event(claim_seq, EventKind.CLAIMED, start, run.attempt, node=run.node_id))
        events.append(event(claim_seq + 1, EventKind.STARTED, start, run.attempt))
    if run.is_final and run.finished_at is not None:
        events.append(
            event(
                run.seq,
                codes.FINAL_EVENT[RunState(run.state)],
                run.finished_at,
                run.attempt,
                reason=run.reason,
                error=run.error if run.state is not RunState.COMPLETED else None,
                by=run.cancelled_by,
            )
        )
    return events
