"""How everything is, in one answer: what ``mainspring health`` prints and ``/healthz`` sends. It looks, and never works."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import MainspringError, SchemaMismatch
from mainspring.core.node import Node, NodeState
from mainspring.core.pulse import PulseState
from mainspring.core.role import Role
from mainspring.core.state import RunState
from mainspring.core.version import VERSION
from mainspring.operations.maintenance import MaintenanceView, read_maintenance
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.pulse import PulseHealthView, health_view
from mainspring.operations.queues import read_queues
from mainspring.store.migrate import SchemaStatus
from mainspring.store.stats import whole_minute
from mainspring.store.store import Store

UNSERVED = 60.0  # seconds that runs may wait for a node that claims before it is critical: a deploy takes less
LATELY = timedelta(minutes=10)  # a node that died within it is worth a word
MEASURED = timedelta(hours=1)  # what the success rate is of
JUDGED_FROM = 20  # runs that have to have ended before their rate is worth a word
GOOD_RATE, BAD_RATE = 0.9, 0.5  # below the first it is a warning, below the second it is critical
LATE_SLOTS = 10.0  # seconds that slots may be late by
SWEPT_WITHIN = 900.0  # seconds since somebody last looked for what no other loop sees: three of the sweeper's rounds

Status = Literal["healthy", "warning", "critical"]


class HealthRequest(Request):
    """How long to wait."""

    patience: float = Field(10.0, gt=0, description="seconds for the database to answer")


class HealthProblem(View):
    """Something that is not as it should be. ``code`` names it for good, ``values`` are what its text is made of."""

    level: Literal["warning", "critical"]
    code: str
    values: dict[str, Any]


class VersionsView(View):
    """Which engine this is, which schema the database has (None: unknown), and which one this engine needs at least and knows."""

    engine: str
    schema_applied: int | None = None
    schema_needed: int | None = None


class LoopView(View):
    """One loop of this process's node: seconds since its last good round, and whether its rounds come and end."""

    name: str
    age_seconds: float
    rounds: int
    failures: int
    is_turning: bool
    error: str | None


class OwnNode(View):
    """The node of this process."""

    id: str
    name: str
    role: Role
    is_ready: bool
    is_alive: bool
    is_draining: bool
    is_paused: bool
    in_hand: int
    claim_age_seconds: float
    loops: list[LoopView]
    problems: list[str]


class WaitingView(View):
    """What waits in all queues, and since when the oldest run that could start does (seconds, None: there is none)."""

    ready: int
    later: int
    running: int
    blocked: int
    suspended: int
    oldest_seconds: float | None


class FleetView(View):
    """The nodes: how many live, by role; leases that ran out and nodes that died lately; what their loops say.

    ``sweep_age_seconds`` is since anybody last looked for what no other loop sees, ``scheduler_lag_seconds`` how late slots fire at worst.
    """

    living: int
    roles: dict[str, int]
    paused: list[str]
    draining: list[str]
    died_lately: list[str]
    expired_leases: int
    sweep_age_seconds: float | None
    scheduler_lag_seconds: float | None


class WorkView(View):
    """What has been carried out within the last hour. Skipped and cancelled runs do not count; the mean is of all that ended."""

    since: datetime
    completed: int
    failed: int
    success_rate: float | None
    mean_ran_ms: float | None


class HealthView(View):
    """Everything about health. ``is_ready``: this process can do its work; ``reasons`` say why not."""

    status: Status
    is_ready: bool
    reasons: list[str]
    versions: VersionsView
    environment: str
    database_answered_in_ms: float | None
    node: OwnNode | None
    fleet: FleetView | None
    waiting: WaitingView | None
    work: WorkView | None
    pulse: PulseHealthView | None
    maintenance: MaintenanceView | None
    problems: list[HealthProblem]


@dataclass(slots=True)
class SeenStore:
    """What a look at the store has shown; one that fails halfway leaves the first half."""

    versions: VersionsView
    answered_in_ms: float | None = None
    fleet: FleetView | None = None
    waiting: WaitingView | None = None
    work: WorkView | None = None
    pulse: PulseHealthView | None = None
    maintenance: MaintenanceView | None = None
    problems: list[HealthProblem] = field(default_factory=list)


@operation("health.show")
async def show_health(app: Mainspring, request: HealthRequest, caller: Caller) -> HealthView:
    """Say how everything is: this process's node, the fleet, what waits, database and schema, maintenance."""
    return tell_health(app, await look_at_store(app, request.patience))


async def look_at_store(app: Mainspring, patience: float) -> SeenStore:
    """Look at the store, for ``patience`` seconds at most; what is wrong with it is told, never raised."""
    seen = SeenStore(VersionsView(engine=VERSION))
    try:
        async with asyncio.timeout(patience):
            await _look(app, seen)
    except SchemaMismatch as error:
        seen.versions = _versions(await _schema(app, patience))
        seen.problems.append(_critical("schema-mismatch", message=str(error)))
    except TimeoutError:
        seen.problems.append(_critical("database", message=f"no answer within {patience:g} s"))
    except MainspringError as error:
        seen.problems.append(_critical("database", message=str(error)))
    return seen


def tell_health(app: Mainspring, seen: SeenStore) -> HealthView:
    """Put together what was seen of the store and how this process's node is at this moment."""
    problems = list(seen.problems)
    reasons = [each.values["message"] for each in problems if each.code in ("database", "schema-mismatch")]
    node = _own(app)
    if node is not None:
        reasons += _why_not(node)
        if not node.is_alive:
            problems.append(_critical("node", name=node.name, problems="; ".join(node.problems)))
        elif node.problems:
            problems.append(_warning("node", name=node.name, problems="; ".join(node.problems)))
    levels = {each.level for each in problems}
    return HealthView(
        status="critical" if "critical" in levels else "warning" if levels else "healthy", is_ready=not reasons, reasons=reasons,
        versions=seen.versions, environment=app.settings.runner_environment.value, node=node, problems=problems,
        database_answered_in_ms=seen.answered_in_ms, fleet=seen.fleet, waiting=seen.waiting, work=seen.work, pulse=seen.pulse,
        maintenance=seen.maintenance,
    )  # fmt: skip


async def _look(app: Mainspring, seen: SeenStore) -> None:
    store, clock, problems = await app.store(), asyncio.get_running_loop().time, seen.problems
    asked = clock()
    now = await store.database.now()
    seen.answered_in_ms = round((clock() - asked) * 1000, 3)
    await store.migrations.check()
    seen.versions = _versions(await store.migrations.status())
    nodes = await store.nodes.list()
    fleet = seen.fleet = _fleet(nodes, now)
    seen.waiting = waiting = await _waiting(app, now)
    maintenance = seen.maintenance = await read_maintenance(store)
    if maintenance.is_on:
        problems.append(_warning("maintenance", by=maintenance.by or "-", reason=maintenance.reason or "-"))
    oldest = waiting.oldest_seconds
    if not any(Role(role).claims for role in fleet.roles) and oldest is not None:
        is_bad = oldest > UNSERVED and not maintenance.is_on
        problems.append((_critical if is_bad else _warning)("no-workers", ready=waiting.ready, seconds=round(oldest)))
    if fleet.died_lately:
        problems.append(_warning("nodes-died", names=", ".join(fleet.died_lately)))
    if fleet.expired_leases:
        problems.append(_warning("leases-expired", count=fleet.expired_leases))
    if fleet.sweep_age_seconds is not None and fleet.sweep_age_seconds > SWEPT_WITHIN:
        problems.append(_warning("not-swept", seconds=round(fleet.sweep_age_seconds)))
    if (fleet.scheduler_lag_seconds or 0.0) > LATE_SLOTS:
        problems.append(_warning("slots-late", seconds=round(fleet.scheduler_lag_seconds or 0.0, 1)))
    await _look_at_work(app, store, now, seen)


async def _look_at_work(app: Mainspring, store: Store, now: datetime, seen: SeenStore) -> None:
    """See how the work goes, by what is kept and never counted, and how the pulses do."""
    work = seen.work = await _work(store, now)
    ended = work.completed + work.failed
    if work.success_rate is not None and ended >= JUDGED_FROM and work.success_rate < GOOD_RATE:
        level = _critical if work.success_rate < BAD_RATE else _warning
        seen.problems.append(level("success-rate", percent=round(work.success_rate * 100, 1), failed=work.failed, ended=ended))
    found = await app.pulse_health()
    if found.state is PulseState.UNUSED:
        return
    seen.pulse = health_view(found)
    if found.state is PulseState.STALE:
        seen.problems.append(_warning("pulse-stale", missed=found.missed))
    elif found.in_a_row:
        level = _critical if found.state is PulseState.CRITICAL else _warning
        seen.problems.append(level("pulse-failed", count=found.in_a_row))


async def _work(store: Store, now: datetime) -> WorkView:
    rows = [row for row in await store.stats.by_task(now - MEASURED) if row.state not in (RunState.SKIPPED, RunState.CANCELLED)]
    completed = sum(row.n for row in rows if row.state is RunState.COMPLETED)
    ended = sum(row.n for row in rows)
    return WorkView(
        since=whole_minute(now - MEASURED), completed=completed, failed=ended - completed,
        success_rate=round(completed / ended, 4) if ended else None,
        mean_ran_ms=round(sum(row.mean_ran_ms * row.n for row in rows) / ended, 3) if ended else None,
    )  # fmt: skip


def _fleet(nodes: Sequence[Node], now: datetime) -> FleetView:
    living = [each for each in nodes if each.state in (NodeState.ALIVE, NodeState.DRAINING)]

    def ages(name: str) -> list[float]:
        return [
            each.vitals["loops"][name] + (now - each.beat_at).total_seconds() for each in living if name in each.vitals.get("loops", {})
        ]

    lags = [each.vitals["scheduler_lag"] for each in living if each.vitals.get("scheduler_lag") is not None]
    return FleetView(
        living=len(living),
        roles=dict(sorted(Counter(str(each.facts.get("role", "worker")) for each in living).items())),
        paused=sorted(each.name for each in living if each.vitals.get("is_paused")),
        draining=sorted(each.name for each in living if each.state is NodeState.DRAINING),
        died_lately=sorted(each.name for each in nodes if each.state is NodeState.DEAD and now - each.beat_at < LATELY),
        expired_leases=sum(each.lease_until < now for each in living),
        sweep_age_seconds=round(min(ages("sweeper")), 3) if ages("sweeper") else None,
        scheduler_lag_seconds=max(lags, default=None),
    )


async def _waiting(app: Mainspring, now: datetime) -> WaitingView:
    queues = await read_queues(app, EVERYTHING)  # how the house is, whoever asks
    oldest = min((each.oldest_at for each in queues if each.oldest_at is not None and not each.is_paused), default=None)

    def total(name: str) -> int:
        return sum(getattr(each, name) for each in queues)

    return WaitingView(
        ready=total("ready"), later=total("later"), running=total("running"), blocked=total("blocked"), suspended=total("suspended"),
        oldest_seconds=None if oldest is None else round(max((now - oldest).total_seconds(), 0.0), 3),
    )  # fmt: skip


def _own(app: Mainspring) -> OwnNode | None:
    health = app.health()
    if health is None:
        return None
    loops = [
        LoopView(
            name=each.name, age_seconds=round(each.age(health.at), 3), rounds=each.rounds, failures=each.failures,
            is_turning=each.is_turning(health.at), error=each.error,
        )
        for each in health.loops
    ]  # fmt: skip
    return OwnNode(
        id=health.node_id, name=health.name, role=health.role, is_ready=health.is_ready, is_alive=health.is_alive,
        is_draining=health.is_draining, is_paused=health.is_paused, in_hand=health.in_hand,
        claim_age_seconds=round(health.claim_age, 3), loops=loops, problems=list(health.problems),
    )  # fmt: skip


def _why_not(node: OwnNode) -> list[str]:
    if node.is_ready:
        return []
    return ["the node is leaving"] if node.is_draining else node.problems or ["the node is not ready"]


async def _schema(app: Mainspring, patience: float) -> SchemaStatus | None:
    try:
        async with asyncio.timeout(patience), app.unchecked_store() as store:
            return await store.migrations.status()
    except (MainspringError, TimeoutError):
        return None


def _versions(status: SchemaStatus | None) -> VersionsView:
    if status is None:
        return VersionsView(engine=VERSION)
    return VersionsView(engine=VERSION, schema_applied=status.applied, schema_needed=status.known)


def _critical(code: str, **values: Any) -> HealthProblem:
    return HealthProblem(level="critical", code=code, values=values)


def _warning(code: str, **values: Any) -> HealthProblem:
    return HealthProblem(level="warning", code=code, values=values)
