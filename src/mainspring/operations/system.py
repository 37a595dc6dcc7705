"""Verbs about the whole: is it well, and does the schema fit."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.config import explain
from mainspring.core.access import EVERYTHING, Verb
from mainspring.core.duration import describe
from mainspring.core.errors import DefinitionError, MainspringError, StoreError
from mainspring.core.node import NodeState
from mainspring.core.version import VERSION
from mainspring.operations.nodes import NodeView, node_view
from mainspring.operations.operation import Caller, Request, View, audit, operation
from mainspring.store.grants import DatabaseRole, grants
from mainspring.store.migrate import SchemaStatus
from mainspring.store.store import Store

MOST_OFFSET = timedelta(seconds=30)  # between a node's clock and the database's: leases hold, but people misread times
STUCK_AFTER = timedelta(seconds=60)  # without a node that knows the task: a deployment takes less
OLD_TRANSACTION = 300.0  # seconds past which an open transaction keeps vacuum from the hot table
MOST_DEAD = 100_000  # dead rows in the hot table, twice what our own vacuum waits for
_PASSWORD = re.compile(r"(://[^:/@]*):[^@/]*@")
_SECRET_OPTION = re.compile(r"([?&](?:password|sslpassword)=)[^&]*", re.IGNORECASE)


class SettingView(View):
    """One setting: its value, where that came from, and what it means."""

    name: str
    value: str
    source: str
    about: str


class Finding(View):
    """Something that a person should know. ``code`` names it for good, ``values`` are what its text is made of.

    A ``problem`` stops work: kind ``unavailable`` is the store's fault, ``usage`` that of code or configuration.
    """

    level: Literal["warning", "problem"]
    kind: Literal["usage", "unavailable"] | None
    code: str
    values: dict[str, Any]


class SchemaView(View):
    """Where the database's schema stands; ``waiting`` are steps that are still to be applied, as number_phase_name."""

    applied: int
    known: int
    waiting: list[str]
    is_current: bool


class DatabaseView(View):
    """The database behind the store. ``clock_offset_ms`` is ours minus its own."""

    dialect: str
    is_reachable: bool
    answered_in_ms: float | None
    clock_offset_ms: float | None
    partitions: int
    threats: dict[str, float]


class CapabilityView(View):
    """One thing that this engine can or cannot do here; ``why`` says what is missing."""

    name: str
    is_available: bool
    value: str
    why: str


class UpkeepView(View):
    """What stays and what is to be looked at. Durations are words, None is for ever; ``own`` are tasks that say otherwise."""

    completed: str | None
    others: str | None
    keep_last: int
    own: list[str]
    pins: int
    open_errors: int


class Diagnosis(View):
    """Everything that ``doctor`` found out. Healthy when no finding is a problem."""

    version: str
    is_healthy: bool
    settings: list[SettingView]
    database: DatabaseView
    schema_: SchemaView | None = Field(None, serialization_alias="schema")
    nodes: list[NodeView]
    tasks: list[str]
    capabilities: list[CapabilityView]
    upkeep: UpkeepView | None
    findings: list[Finding]


class NothingRequest(Request):
    """Nothing to say."""


class MigrateRequest(Request):
    """How far to migrate."""

    phase: Literal["pre", "post"] = Field(
        "pre", description="pre widens and may run beside the old release, post narrows and comes after it is gone"
    )


class HasRequest(Request):
    """Which capability."""

    name: str = Field(description="a capability, as services, schedules or pulse, or a requirement, as engine>=1.2")


class GrantsRequest(Request):
    """Which role."""

    role: Literal["own", "work", "enqueue", "read", "all"] = Field("all", description="the role of the database")


class GrantsView(View):
    """SQL statements, each with its end, in the order in which they are to be run; comments are lines of their own."""

    statements: list[str]


class Migrated(View):
    """What was applied, and where the schema stands now."""

    applied: list[str]
    partitions: list[str]
    schema_: SchemaView = Field(serialization_alias="schema")


def hide(url: str) -> str:
    """Return a URL without its password."""
    return _SECRET_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def _problem(error: MainspringError) -> Finding:
    kind: Literal["usage", "unavailable"] = "unavailable" if isinstance(error, StoreError) else "usage"
    return Finding(level="problem", kind=kind, code=error.code, values={"message": str(error)})


def _warning(code: str, **values: Any) -> Finding:
    return Finding(level="warning", kind=None, code=code, values=values)


@dataclass(slots=True)
class _Looked:
    """What a look at the store has shown so far; a store that fails halfway leaves the first half."""

    database: DatabaseView
    schema: SchemaView | None = None
    upkeep: UpkeepView | None = None
    slots: int | None = None  # those that an operator has set for every node
    nodes: list[NodeView] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@operation("system.doctor", of_host=True)
async def diagnose(app: Mainspring, request: NothingRequest, caller: Caller) -> Diagnosis:
    """Look at settings, store, schema, clock, nodes and tasks, and say what is wrong."""
    findings: list[Finding] = []
    tasks: list[str] = []
    try:
        tasks = sorted(app.registry.by_name)
        if not tasks:
            findings.append(_warning("no-tasks"))
        findings += [_warning("task-unmet", task=name, why="; ".join(why)) for name, why in app.registry.unmet.items()]
    except DefinitionError as error:
        findings.append(_problem(error))
    findings[:0] = [_warning("setting", message=each) for each in app.warnings]  # looking at the tasks may have added some
    looked = _Looked(
        DatabaseView(
            dialect=app.settings.url.partition(":")[0],
            is_reachable=False,
            answered_in_ms=None,
            clock_offset_ms=None,
            partitions=0,
            threats={},
        )
    )
    try:
        async with app.unchecked_store() as store:
            await _look_at(store, app, looked)
    except MainspringError as error:
        looked.findings.append(_problem(error))
    findings += looked.findings
    return Diagnosis(
        version=VERSION,
        is_healthy=not any(each.level == "problem" for each in findings),
        settings=[
            SettingView(name=name, value=hide(value), source=source, about=about)
            for name, value, source, about in _overruled(explain(app.settings), looked.slots)
        ],
        database=looked.database,
        schema_=looked.schema,
        nodes=looked.nodes,
        tasks=tasks,
        upkeep=looked.upkeep,
        capabilities=[
            CapabilityView(name=each.name, is_available=each.is_available, value=each.value, why=each.why)
            for each in app.capabilities(_schema_of(looked)).values()
        ],
        findings=findings,
    )


def _schema_of(looked: _Looked) -> int | None:
    """Return the schema that was found; None where nobody could look, or where the next opening brings it up to date."""
    if looked.schema is None or any(each.code == "schema-waits" for each in looked.findings):
        return None
    return looked.schema.applied


def _overruled(told: list[tuple[str, str, str, str]], slots: int | None) -> list[tuple[str, str, str, str]]:
    """Return the settings with what counts instead of one of them, because an operator has set it in the database."""
    if slots is None:
        return told
    source = "database (mainspring limits set node)"
    return [(each[0], str(slots), source, each[3]) if each[0] == "TASK_MAX_CONCURRENT" else each for each in told]


async def _look_at(store: Store, app: Mainspring, looked: _Looked) -> None:
    asked = time.monotonic()
    now = await store.database.now()
    took = time.monotonic() - asked
    offset = datetime.now(UTC) - now - timedelta(seconds=took / 2)
    dialect = store.database.dialect
    looked.database = DatabaseView(
        dialect=dialect,
        is_reachable=True,
        answered_in_ms=round(took * 1000, 3),
        clock_offset_ms=round(offset.total_seconds() * 1000, 1),
        partitions=0,
        threats={},
    )
    if abs(offset) > MOST_OFFSET:
        looked.findings.append(_warning("clock-offset", seconds=round(offset.total_seconds(), 1)))
    status = await store.migrations.status()
    looked.schema = _schema_view(status)
    migrates_itself = dialect == "sqlite" if app.settings.auto_migrate is None else app.settings.auto_migrate
    if status.waiting and not status.narrowed and migrates_itself:
        looked.findings.append(_warning("schema-waits"))
        return  # there is nothing in it yet that could be looked at
    await store.migrations.check()
    looked.slots = (await store.limits.told()).slots
    looked.nodes = [node_view(each) for each in await store.nodes.list() if each.state in (NodeState.ALIVE, NodeState.DRAINING)]
    if not looked.nodes:
        looked.findings.append(_warning("no-nodes"))
    looked.findings += [
        _warning("no-capable-node", task=each.task, count=each.n, seconds=round(each.since_ms / 1000))
        for each in await store.runs.stuck(scope=EVERYTHING)
        if each.since_ms > STUCK_AFTER.total_seconds() * 1000
    ]
    keeping, retention = app.settings.keeping, store.retention
    looked.upkeep = UpkeepView(
        completed=None if keeping.completed is None else describe(keeping.completed),
        others=None if keeping.others is None else describe(keeping.others),
        keep_last=keeping.last,
        own=sorted((await retention.policies(keeping)).own),
        pins=await retention.pins(),
        open_errors=await store.errors.open_count(),
    )
    partitions, threats = await store.upkeep.partitions(), await store.upkeep.threats()
    looked.database = looked.database.model_copy(update={"partitions": len(partitions), "threats": threats})
    looked.findings += _threats(threats)
    if dialect == "postgres" and not _has_tomorrow(partitions):
        looked.findings.append(_warning("partitions-missing"))


def _threats(threats: dict[str, float]) -> list[Finding]:
    findings = []
    if threats.get("oldest_transaction", 0) > OLD_TRANSACTION:
        findings.append(_warning("long-transaction", seconds=round(threats["oldest_transaction"])))
    if threats.get("idle_slots", 0) > 0:
        findings.append(_warning("idle-replication-slot", count=round(threats["idle_slots"])))
    if threats.get("dead_rows", 0) > MOST_DEAD:
        findings.append(_warning("bloat", dead=round(threats["dead_rows"]), live=round(threats["live_rows"])))
    return findings


def _has_tomorrow(partitions: list[str]) -> bool:
    return f"history_{datetime.now(UTC) + timedelta(days=1):%Y%m%d}" in partitions


def _schema_view(status: SchemaStatus) -> SchemaView:
    waiting = [f"{each.number:04}_{each.phase}_{each.name}" for each in status.waiting]
    return SchemaView(applied=status.applied, known=status.known, waiting=waiting, is_current=not waiting)


@operation("system.schema")
async def show_schema(app: Mainspring, request: NothingRequest, caller: Caller) -> SchemaView:
    """Say where the database's schema stands."""
    async with app.unchecked_store() as store:
        return _schema_view(await store.migrations.status())


@operation("system.has")
async def show_capability(app: Mainspring, request: HasRequest, caller: Caller) -> CapabilityView:
    """Say whether something can be done here: by this code, with this store, in this environment."""
    applied = await _applied(app)
    found = app.capability(request.name, applied)
    return CapabilityView(name=found.name, is_available=found.is_available, value=found.value, why=found.why)


async def _applied(app: Mainspring) -> int | None:
    """Return the schema of the store; None for an SQLite file that will be made or migrated when it is opened."""
    migrates_itself = app.settings.auto_migrate
    if migrates_itself if migrates_itself is not None else app.closed_store().database.dialect == "sqlite":
        return None
    async with app.unchecked_store() as store:
        return (await store.migrations.status()).applied


@operation("system.grants", of_host=True)
async def show_grants(app: Mainspring, request: GrantsRequest, caller: Caller) -> GrantsView:
    """Print the statements that give the roles of a PostgreSQL database their rights."""
    database = app.closed_store().database
    if database.dialect != "postgres":
        return GrantsView(statements=["-- SQLite knows no roles: who may open the file may do everything; it is its owner's alone (0600)."])
    roles = list(DatabaseRole) if request.role == "all" else [DatabaseRole(request.role)]
    return GrantsView(statements=[each for role in roles for each in grants(role, getattr(database, "schema", "mainspring"))])


@operation("system.migrate", changes="schema", dangerous=True, keeps_own_audit=True, needs=Verb.EDIT_SETTINGS)
async def migrate(app: Mainspring, request: MigrateRequest, caller: Caller) -> Migrated:
    """Bring the database to this release's schema."""
    async with app.unchecked_store() as store:
        applied = await store.migrations.apply(phase=request.phase)
        await store.migrations.check()
        partitions = await store.upkeep.make_partitions()
        view = Migrated(
            applied=[f"{each.number:04}_{each.phase}_{each.name}" for each in applied],
            partitions=partitions,
            schema_=_schema_view(await store.migrations.status()),
        )
        await audit(store, migrate, request, view, caller)  # here, for the app's own door stays shut to broken tasks
        return view
