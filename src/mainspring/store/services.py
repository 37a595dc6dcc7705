"""Services in the store: instances, their starts and ends, what operators want of them, and what their probes have answered.

Every change of an instance's state is a compare-and-set on its ``version``: any number of supervisors may look, one of them acts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mainspring.core.access import Scope
from mainspring.core.ids import first_id_of
from mainspring.core.policy import PoolKind, Priority
from mainspring.core.run import ClaimedRun
from mainspring.core.service import QUEUE, Ended, Instances, Sample, ServiceRow, ServiceState, Standing
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import Database, Record, parsed, seen_by, sure

SAMPLES_FOR = timedelta(days=7)
MOST_SAMPLES = 10_000  # of each instance
FORGET_AFTER = timedelta(days=1)  # rows of nodes that nobody remembers
_NO_BOUND = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

STATE_CODE = {
    ServiceState.WAITING: 0, ServiceState.STARTING: 1, ServiceState.RUNNING: 2, ServiceState.STOPPING: 3, ServiceState.BACKOFF: 4,
    ServiceState.STOPPED: 10, ServiceState.COMPLETED: 11, ServiceState.FAILED: 12,
}  # fmt: skip
STATE_OF = {code: state for state, code in STATE_CODE.items()}
INSTANCES_CODE = {Instances.ONE: 1, Instances.PER_NODE: 2}
INSTANCES_OF = {code: each for each, code in INSTANCES_CODE.items()}


@dataclass(frozen=True, slots=True)
class Declared:
    """What a node's code says of a service, for the row of one place (empty: the fleet's)."""

    name: str
    place: str
    instances: Instances
    is_enabled: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance as a supervisor needs it; ``claim_id`` is that of its run, while it is running."""

    standing: Standing
    claim_id: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a probe, by the node that has the run in hand; ``age`` is seconds by the monotonic clock."""

    name: str
    place: str
    run_id: str
    age: float
    is_ok: bool
    ms: float
    message: str | None = None
    memory: int | None = None
    cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """One start of an instance, from when to when; it goes on where there is no end."""

    began_at: datetime
    ended_at: datetime | None
    state: RunState


class ServiceStore:
    """Instances of services."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- what supervisors do

    async def declare(self, said: Iterable[Declared], *, by: str | None = None) -> None:
        """Write down what the code of a starting node says, in one statement; what operators said stays."""
        batch = [
            {"name": each.name, "node": each.place, "instances": INSTANCES_CODE[each.instances], "is_enabled": each.is_enabled,
             "facts": json.dumps(dict(each.facts), sort_keys=True)}
            for each in sorted(said, key=lambda each: (each.place, each.name))
        ]  # fmt: skip
        if batch:
            await self._database.write("services_declare", batch=json.dumps(batch), by=by)

    async def look(self, place: str) -> list[Seen]:
        """Return the fleet's instances and those of a node (by its name), each with what its run and its holder are doing."""
        return [Seen(self._standing(row), row["claim_id"]) for row in await self._database.read("services_look", node=place)]

    async def start(
        self,
        at: Standing,
        run_id: str,
        claim_id: str,
        node_id: str,
        *,
        priority: Priority = Priority.MEDIUM,
        is_ready: bool = True,
        succeeds: bool = False,
    ) -> tuple[ClaimedRun, int] | None:
        """Start an instance under a node; answers its run and its fence, or None where somebody else changed it, or may still run it.

        Not ``is_ready``: it will say so. ``succeeds``: what runs goes on until then.
        """
        state = STATE_CODE[ServiceState.RUNNING if is_ready else ServiceState.STARTING]
        rows = await self._database.write(
            "services_start", name=at.name, node=at.place, version=at.version, run=run_id, claim=claim_id, owner=node_id, state=state,
            succeeds=succeeds, priority=int(priority), queue=QUEUE, label=at.place or None,
        )  # fmt: skip
        if not rows:
            return None
        run = ClaimedRun(
            run_id, claim_id, at.name, "{}", 1, 0, 0, 0, 1, None, False, 0, queue=QUEUE, pool=PoolKind.SERVICE, priority=int(priority)
        )
        return run, int(rows[0][0])

    async def ready(self, name: str, place: str, run_id: str) -> bool:
        """Note that an instance is ready; False where it was already, or is no more."""
        return bool(await self._database.write("services_ready", name=name, node=place, run=run_id))

    async def stopping(self, name: str, place: str, run_id: str) -> bool:
        """Note that an instance was asked to stop."""
        return bool(await self._database.write("services_stopping", name=name, node=place, run=run_id))

    async def end(self, at: Standing, ended: Ended) -> bool:
        """Write down what follows now that an instance is not running; False where another node was faster."""
        next_at = None if ended.delay is None else at.now + ended.delay
        error = None if at.run_error is None or ended.state is ServiceState.STOPPED else json.dumps(dict(at.run_error))
        rows = await self._database.write(
            "services_end", name=at.name, node=at.place, version=at.version, state=STATE_CODE[ended.state], reason=ended.reason,
            error=error, crashes=json.dumps([_microseconds(each) for each in ended.crashes]), restarts=ended.restarts,
            next_at=self._database.to_time(next_at),
        )  # fmt: skip
        return bool(rows)

    async def sample(self, answers: Sequence[Answer]) -> None:
        """Keep what probes have answered."""
        if not answers:
            return
        batch = [
            {"name": each.name, "node": each.place, "run": each.run_id, "age_ms": each.age * 1000, "is_ok": each.is_ok, "ms": each.ms,
             "message": each.message, "memory": each.memory, "cpu": each.cpu}
            for each in answers
        ]  # fmt: skip
        await self._database.write("services_sample", batch=json.dumps(batch))

    async def prune(self, *, older: timedelta = SAMPLES_FOR, most: int = MOST_SAMPLES, forget: timedelta = FORGET_AFTER) -> int:
        """Forget old answers of probes, and the rows of nodes that are no more; answers how many answers went."""
        now = await self._database.now()
        await self._database.write("services_forget", before=self._database.to_time(now - forget))
        gone = 0
        for row in await self.list():
            before = self._database.to_time(now - older)
            gone += len(await self._database.write("services_prune", name=row.name, node=row.place, before=before, most=most))
        return gone

    # -- what operators do

    async def start_anew(self, name: str, place: str | None = None, *, actor: str | None = None, reason: str | None = None) -> list[str]:
        """Want a service to run, also where it has failed or completed; crashes are forgotten. Answers the places concerned."""
        return await self._command(name, place, actor, reason, is_wanted=True, fresh=True)

    async def stop(self, name: str, place: str | None = None, *, actor: str | None = None, reason: str | None = None) -> list[str]:
        """Want a service to stand still until it is started again. Answers the places concerned."""
        return await self._command(name, place, actor, reason, is_wanted=False)

    async def restart(self, name: str, place: str | None = None, *, actor: str | None = None, reason: str | None = None) -> list[str]:
        """Want what runs of a service replaced, and what does not run started. Answers the places concerned."""
        return await self._command(name, place, actor, reason, is_wanted=True, fresh=True, restarts=True)

    async def enable(self, name: str, is_enabled: bool | None, *, actor: str | None = None, reason: str | None = None) -> list[str]:
        """Enable or disable a service over what the code says; None lets the code decide again. Answers the places concerned."""
        return await self._command(name, None, actor, reason, switches=True, is_enabled=is_enabled)

    async def drop(self, name: str) -> bool:
        """Forget a service and what its probes have answered; its runs stay as long as runs do. False where something of it runs."""
        if not await self._database.write("services_drop", name=name):
            return False
        await self._database.write("services_drop_samples", name=name)
        return True

    async def _command(
        self, name: str, place: str | None, actor: str | None, why: str | None, *, is_wanted: bool | None = None,
        is_enabled: bool | None = None, switches: bool = False, fresh: bool = False, restarts: bool = False,
    ) -> list[str]:  # fmt: skip
        rows = await self._database.write(
            "services_command", name=name, node=place or "", every=place is None, is_wanted=is_wanted, is_enabled=is_enabled,
            switches=switches, fresh=fresh, restarts=restarts, actor=actor, why=why,
        )  # fmt: skip
        return sorted(row[0] for row in rows)

    # -- looking

    async def spans(self, names: Sequence[str], since: datetime, *, scope: Scope, n: int = 500) -> dict[tuple[str, str], Sequence[Span]]:
        """Return when instances were up: the latest starts, the oldest first, by name and place (empty: the fleet's one).

        Starts from before ``since`` are left out unless they go on.
        """
        rows = await self._database.read(
            "services_spans", names=self._database.to_list(sorted(names)), lowest=first_id_of(since), n=n, **seen_by(self._database, scope)
        )
        found: dict[tuple[str, str], list[Span]] = {}
        time_of = self._database.from_time
        for row in rows:
            began = time_of(row["started_at"]) or sure(time_of(row["created_at"]))
            span = Span(began, time_of(row["finished_at"]), codes.STATE_OF[row["state"]])
            found.setdefault((row["task"], row["label"] or ""), []).append(span)
        return dict(found)

    async def list(self, *, name: str = "", after: str = "") -> list[ServiceRow]:
        """Return instances by name and place; of a service that each node has its own of, the shared row comes first."""
        return [self._row(row) for row in await self._database.read("services_list", name=name, after=after)]

    async def samples(self, name: str, place: str = "", *, before: int | None = None, n: int = 100) -> Sequence[Sample]:
        """Return what the probes of an instance have answered, the latest first."""
        rows = await self._database.read("services_samples", name=name, node=place, before=_NO_BOUND if before is None else before, n=n)
        return [self._sample(row) for row in rows]

    async def latest_samples(self) -> dict[tuple[str, str], Sequence[Sample]]:
        """Return the two latest answers of every instance, the latest first, by name and place."""
        found: dict[tuple[str, str], list[Sample]] = {}
        for row in await self._database.read("services_latest"):
            found.setdefault((row["name"], row["node"]), []).append(self._sample(row))
        return dict(found)

    def _sample(self, row: Record) -> Sample:
        return Sample(
            sure(self._database.from_time(row["at"])), bool(row["is_ok"]), float(row["ms"]), row["message"], row["memory"], row["cpu"],
            row["run_id"],
        )  # fmt: skip

    def _standing(self, row: Record) -> Standing:
        time = self._database.from_time
        state = row["run_state"] if row["run_state"] is not None else row["past_state"]
        return Standing(
            name=row["name"],
            place=row["node"],
            state=STATE_OF[row["state"]],
            is_wanted=bool(row["is_wanted"]),
            is_enabled=bool(row["code_enabled"] if row["is_enabled"] is None else row["is_enabled"]),
            now=sure(time(row["now"])),
            version=row["version"],
            fence=row["fence"],
            run_id=row["run_id"],
            run_state=None if state is None else codes.STATE_OF[state],
            run_reason=row["past_reason"],
            run_error=parsed(row["past_error"]),
            node_id=row["node_id"],
            holder=None if row["holder_state"] is None else codes.NODE_STATE[row["holder_state"]],
            holder_until=time(row["holder_until"]),
            started_at=time(row["started_at"]),
            next_start_at=time(row["next_start_at"]),
            crashes=tuple(_EPOCH + each * _MICROSECOND for each in json.loads(row["crashes"])),
            restart_of=row["restart_of"],
            leaving_id=row["leaving_id"],
            leaving_is_running=row["leaving_state"] == codes.RUNNING,
        )

    def _row(self, row: Record) -> ServiceRow:
        time = self._database.from_time
        return ServiceRow(
            name=row["name"],
            place=row["node"],
            instances=INSTANCES_OF[row["instances"]],
            state=STATE_OF[row["state"]],
            is_wanted=bool(row["is_wanted"]),
            is_enabled=bool(row["code_enabled"] if row["is_enabled"] is None else row["is_enabled"]),
            is_enabled_in_code=bool(row["code_enabled"]),
            reason=row["reason"],
            error=parsed(row["error"]),
            run_id=row["run_id"],
            is_running=bool(row["runs"]),
            node_id=row["node_id"],
            node=row["holder_name"],
            fence=row["fence"],
            starts=row["starts"],
            restarts=row["restarts"],
            crashes=len(json.loads(row["crashes"])),
            started_at=time(row["started_at"]),
            ready_at=time(row["ready_at"]),
            ended_at=time(row["ended_at"]),
            next_start_at=time(row["next_start_at"]),
            is_healthy=None if row["is_healthy"] is None else bool(row["is_healthy"]),
            probed_at=time(row["probed_at"]),
            changed_at=sure(time(row["changed_at"])),
            changed_by=row["changed_by"],
            change_reason=row["change_reason"],
            facts=json.loads(row["facts"]),
        )


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
