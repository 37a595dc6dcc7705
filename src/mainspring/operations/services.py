"""Verbs about services: what they are doing in the whole fleet, starting, stopping, replacing and switching them, and their past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError, Conflict, InvalidParams, Problem
from mainspring.core.service import Instances, Sample, Service, ServiceRow, ServiceState
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.runs import EventPage, ListRequest, PageRequest, RunPage, list_logs, list_runs
from mainspring.store.services import Span

LONGEST_WINDOW = timedelta(days=30)
BEFORE = timedelta(days=7)  # that a start may lie before the window and still be seen to have ended in it


class ServiceView(View):
    """An instance of a service. ``node`` is the one it has its place on, where each has its own; ``on`` the one that runs it now.

    ``crashes`` are those that count towards the limit of restarts. A state of ``waiting`` with the reason ``no_node`` says that no node
    which knows the code lives.
    """

    name: str
    node: str | None
    title: str
    category: str
    instances: Instances
    state: ServiceState
    reason: str | None
    error: str | None
    is_enabled: bool
    is_enabled_in_code: bool
    is_wanted: bool
    on: str | None
    run_id: str | None
    fence: int
    starts: int
    restarts: int
    crashes: int
    is_healthy: bool | None
    probed_at: datetime | None
    started_at: datetime | None
    ready_at: datetime | None
    ended_at: datetime | None
    next_start_at: datetime | None
    changed_at: datetime | None
    changed_by: str | None
    change_reason: str | None


class ServiceList(View):
    """Services by name. ``problem`` says why none starts in the place that was asked, with ``why`` as a sentence; None where they do."""

    items: list[ServiceView]
    problem: str | None = None
    why: str | None = None


class UptimeView(View):
    """When an instance was up, in ``slots`` of equal length up to now, the oldest first: the part of each in which it ran.

    None stands for a slot before anything is known of it; ``crashes`` counts failures in each, ``hour_restarts`` the starts within the last
    hour beside the first. ``memory`` and ``cpu`` are what its probe last measured: bytes, and the part of a processor between two answers.
    """

    name: str
    node: str | None
    slots: list[float | None]
    crashes: list[int]
    up: float | None
    hour_restarts: int
    memory: int | None
    cpu: float | None


class UptimeList(View):
    """Instances by name and node, and from when on they were looked at."""

    items: list[UptimeView]
    since: datetime
    slot_seconds: float


class ServiceDetail(View):
    """A service with all its instances, and what its code says of it."""

    name: str
    description: str
    facts: dict[str, Any]
    is_here: bool
    instances: list[ServiceView]


class SampleView(View):
    """One answer of a probe; ``cpu`` is processor seconds of the process so far, ``memory`` bytes."""

    at: datetime
    is_ok: bool
    ms: float
    message: str | None
    memory: int | None
    cpu: float | None
    run_id: str | None


class SampleList(View):
    """Answers of a probe, the latest first."""

    items: list[SampleView]


class ServiceChanged(View):
    """What was asked of a service, and of how many instances; nodes do it at once, or within seconds."""

    name: str
    node: str | None
    verb: str
    rows: int

    def trace(self) -> Mapping[str, Any] | None:
        """Name the node, where it was about one."""
        return None if self.node is None else {"node": self.node}


class ServicesRequest(Request):
    """Which services."""

    category: str | None = Field(None, description="only those of a category")


class ServiceRequest(Request):
    """Which service."""

    name: str = Field(description="the service's name")


class InstanceRequest(ServiceRequest):
    """Which instance of a service."""

    node: str | None = Field(None, description="the node's name, where each node has its own")


class ChangeRequest(InstanceRequest):
    """What is to be done to which instances."""

    reason: str | None = Field(None, description="why; kept with the service and in the audit trail")


class SwitchRequest(ServiceRequest):
    """Which service is to be switched, or forgotten."""

    reason: str | None = Field(None, description="why; kept with the service and in the audit trail")


class UptimeRequest(Request):
    """Of which service, and how finely."""

    name: str | None = Field(None, description="only this service")
    within: str = Field("24h", description="how far back, as 24h or 7d")
    slots: int = Field(90, ge=1, le=500, description="in how many parts")


class SamplesRequest(InstanceRequest):
    """Which answers."""

    limit: int = Field(20, ge=1, le=1000, description="how many at most")


class HistoryRequest(ServiceRequest):
    """Which starts of a service."""

    before: str | None = Field(None, description="only runs older than this id: the next page")
    limit: int = Field(20, ge=1, le=1000, description="how many at most")


class LogRequest(InstanceRequest):
    """Which lines."""

    after: int = Field(0, ge=0, description="only events past this number")
    limit: int = Field(1000, ge=1, le=10_000, description="how many at most")


def service_view(row: ServiceRow) -> ServiceView:
    """Return an instance as plain values."""
    is_lost = row.state.is_up and not row.is_running
    return ServiceView(
        name=row.name, node=row.place or None, title=row.facts.get("title", row.name), category=row.facts.get("category", ""),
        instances=row.instances, state=ServiceState.WAITING if is_lost else row.state, reason="no_node" if is_lost else row.reason,
        error=None if row.error is None or row.state is ServiceState.RUNNING else str(row.error.get("message")),
        is_enabled=row.is_enabled, is_enabled_in_code=row.is_enabled_in_code, is_wanted=row.is_wanted,
        on=row.node if row.is_running else None, run_id=row.run_id, fence=row.fence, starts=row.starts, restarts=row.restarts,
        crashes=row.crashes, is_healthy=row.is_healthy if row.is_running else None, probed_at=row.probed_at, started_at=row.started_at,
        ready_at=row.ready_at, ended_at=row.ended_at, next_start_at=row.next_start_at, changed_at=row.changed_at, changed_by=row.changed_by,
        change_reason=row.change_reason,
    )  # fmt: skip


def _untold(service: Service[..., Any]) -> ServiceView:
    """Return a service of which no node has told yet."""
    spec = service.spec
    return ServiceView(
        name=spec.name, node=None, title=spec.title, category=spec.category, instances=service.policy.instances, state=ServiceState.WAITING,
        reason="no_node", error=None, is_enabled=spec.is_enabled, is_enabled_in_code=spec.is_enabled, is_wanted=True, on=None, run_id=None,
        fence=0, starts=0, restarts=0, crashes=0, is_healthy=None, probed_at=None, started_at=None, ready_at=None, ended_at=None,
        next_start_at=None, changed_at=None, changed_by=None, change_reason=None,
    )  # fmt: skip


async def _views(app: Mainspring, name: str | None = None) -> list[ServiceView]:
    """Return the instances that people mean: where each node has its own, the row which speaks of all is left out."""
    rows = await app.services.list(name)
    of_nodes = {row.name for row in rows if row.place}
    views = [service_view(row) for row in rows if row.place or row.name not in of_nodes]
    here = [each for each in app.registry.services.values() if isinstance(each, Service) and name in (None, each.name)]
    told = {row.name for row in rows}
    return sorted([*views, *(_untold(each) for each in here if each.name not in told)], key=lambda each: (each.name, each.node or ""))


async def _run_of(app: Mainspring, request: InstanceRequest) -> str:
    """Return the run of an instance's latest start."""
    views = [each for each in await _views(app, request.name) if request.node in (None, each.node)]
    if not views:
        raise ConfigurationError(f"node={request.node!r}: {request.name} has no instance there")
    if len(views) > 1:
        raise ConfigurationError(f"{request.name} has an instance on each of {', '.join(each.node or '' for each in views)}: give the node")
    if views[0].run_id is None:
        raise Conflict(f"{request.name} has never been started")
    return views[0].run_id


@operation("services.list", of_host=True)
async def list_services(app: Mainspring, request: ServicesRequest, caller: Caller) -> ServiceList:
    """List services and what they are doing."""
    views = await _views(app)
    problem = app.services.problem
    return ServiceList(
        items=[each for each in views if request.category in (None, each.category)],
        problem=problem,
        why=None if problem is None else app.capabilities()["services"].why,
    )


@operation("services.show", of_host=True)
async def show_service(app: Mainspring, request: ServiceRequest, caller: Caller) -> ServiceDetail:
    """Show a service with its instances and its policy."""
    rows = await app.services.list(request.name)
    service = app.registry.services.get(request.name)
    facts = dict(rows[0].facts) if rows else {}
    description = facts.pop("description", "") or ("" if service is None else service.spec.description)
    return ServiceDetail(
        name=request.name, description=description, facts=facts, is_here=service is not None, instances=await _views(app, request.name)
    )


@operation("services.uptime", of_host=True)
async def show_uptime(app: Mainspring, request: UptimeRequest, caller: Caller) -> UptimeList:
    """Show when services were up, how often they were started again, and what they use."""
    store = await app.store()
    window = parse_duration(request.within, "within")
    if not timedelta(0) < window <= LONGEST_WINDOW:
        raise InvalidParams("wrong span", [Problem("within", "must be a while of at most 30 days", repr(request.within))])
    now = await store.database.now()
    since, width = now - window, window / request.slots
    views = await _views(app, request.name)
    spans = await store.services.spans(sorted({each.name for each in views}), since - BEFORE, scope=caller.scope)
    latest = await store.services.latest_samples()
    items = []
    for each in views:
        of = spans.get((each.name, each.node or ""), ())
        slots, crashes = _slots_of(of, since, now, width, request.slots)
        known = [part for part in slots if part is not None]
        sample = latest.get((each.name, each.node or ""), ())
        items.append(UptimeView(
            name=each.name, node=each.node, slots=slots, crashes=crashes, up=sum(known) / len(known) if known else None,
            hour_restarts=max(sum(span.began_at >= now - timedelta(hours=1) for span in of[1:]), 0),
            memory=sample[0].memory if sample and each.on else None, cpu=_cpu_of(sample) if each.on else None,
        ))  # fmt: skip
    return UptimeList(items=items, since=since, slot_seconds=width.total_seconds())


def _slots_of(
    spans: Sequence[Span], since: datetime, now: datetime, width: timedelta, n: int
) -> tuple[list[float | None], list[int]]:  # fmt: skip
    """Return which part of each slot an instance was up, from its first known start on, and how often it failed in each."""
    slots: list[float | None] = [None] * n
    crashes = [0] * n
    if not spans:
        return slots, crashes
    for place in range(max(int((spans[0].began_at - since) / width), 0), n):
        begins, ends = since + place * width, since + (place + 1) * width
        up = sum((max(min(span.ended_at or now, ends) - max(span.began_at, begins), timedelta(0)) for span in spans), start=timedelta(0))
        first = max(begins, spans[0].began_at)
        slots[place] = min(up / max(ends - first, timedelta(microseconds=1)), 1.0)
    for span in spans:
        if span.ended_at is not None and span.state in (RunState.FAILED, RunState.TIMEOUT) and since <= span.ended_at <= now:
            crashes[min(int((span.ended_at - since) / width), n - 1)] += 1
    return slots, crashes


def _cpu_of(samples: Sequence[Sample]) -> float | None:
    """Return which part of a processor was used between the two latest answers of one run."""
    if len(samples) < 2 or samples[0].run_id != samples[1].run_id or samples[0].cpu is None or samples[1].cpu is None:
        return None
    seconds = (samples[0].at - samples[1].at).total_seconds()
    return round(max(samples[0].cpu - samples[1].cpu, 0.0) / seconds, 4) if seconds > 0 else None


@operation("services.start", changes="service:{name}", needs=Verb.CONTROL_SERVICES)
async def start_service(app: Mainspring, request: ChangeRequest, caller: Caller) -> ServiceChanged:
    """Start a service that was stopped, has completed or has failed."""
    n = await app.services.start(request.name, node=request.node, actor=caller.actor, reason=request.reason)
    return ServiceChanged(name=request.name, node=request.node, verb="start", rows=n)


@operation("services.stop", changes="service:{name}", dangerous=True, needs=Verb.CONTROL_SERVICES)
async def stop_service(app: Mainspring, request: ChangeRequest, caller: Caller) -> ServiceChanged:
    """Stop a service until it is started again."""
    n = await app.services.stop(request.name, node=request.node, actor=caller.actor, reason=request.reason)
    return ServiceChanged(name=request.name, node=request.node, verb="stop", rows=n)


@operation("services.restart", changes="service:{name}", needs=Verb.CONTROL_SERVICES)
async def restart_service(app: Mainspring, request: ChangeRequest, caller: Caller) -> ServiceChanged:
    """Replace what runs of a service, and start what does not."""
    n = await app.services.restart(request.name, node=request.node, actor=caller.actor, reason=request.reason)
    return ServiceChanged(name=request.name, node=request.node, verb="restart", rows=n)


@operation("services.enable", changes="service:{name}", needs=Verb.CONTROL_SERVICES)
async def enable_service(app: Mainspring, request: SwitchRequest, caller: Caller) -> ServiceChanged:
    """Enable a service, over what its code says."""
    n = await app.services.enable(request.name, actor=caller.actor, reason=request.reason)
    return ServiceChanged(name=request.name, node=None, verb="enable", rows=n)


@operation("services.disable", changes="service:{name}", dangerous=True, needs=Verb.CONTROL_SERVICES)
async def disable_service(app: Mainspring, request: SwitchRequest, caller: Caller) -> ServiceChanged:
    """Disable a service, over what its code says: it stops, and does not start."""
    n = await app.services.disable(request.name, actor=caller.actor, reason=request.reason)
    return ServiceChanged(name=request.name, node=None, verb="disable", rows=n)


@operation("services.forget", changes="service:{name}", dangerous=True, needs=Verb.CONTROL_SERVICES)
async def forget_service(app: Mainspring, request: SwitchRequest, caller: Caller) -> ServiceChanged:
    """Forget a service that no code has any more."""
    await app.services.forget(request.name)
    return ServiceChanged(name=request.name, node=None, verb="forget", rows=0)


@operation("services.history", of_host=True)
async def list_starts(app: Mainspring, request: HistoryRequest, caller: Caller) -> RunPage:
    """List the starts of a service as the runs that they are, newest first."""
    await app.services.list(request.name)
    asked = {"task": request.name, "before": request.before, "limit": request.limit}
    return await list_runs.perform(app, ListRequest.model_validate(asked), caller)


@operation("services.samples", of_host=True)
async def list_samples(app: Mainspring, request: SamplesRequest, caller: Caller) -> SampleList:
    """List what a service's probe has answered, newest first."""
    await app.services.list(request.name)
    samples = await app.services.samples(request.name, request.node or "", n=request.limit)
    return SampleList(
        items=[
            SampleView(at=each.at, is_ok=each.is_ok, ms=each.ms, message=each.message, memory=each.memory, cpu=each.cpu, run_id=each.run_id)
            for each in samples
        ]
    )


@operation("services.logs", of_host=True)
async def list_service_logs(app: Mainspring, request: LogRequest, caller: Caller) -> EventPage:
    """Print what the latest start of a service wrote to its log."""
    run_id = await _run_of(app, request)
    return await list_logs.perform(app, PageRequest(id=run_id, after=request.after, limit=request.limit), caller)
