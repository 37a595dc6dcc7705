"""Verbs about pulses: beat once, say how they are doing, and list what they have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import describe
from mainspring.core.pulse import Deferred, PulseHealth, PulseRecord, PulseReport, PulseState
from mainspring.operations.operation import Caller, Request, View, audit, operation


class ExecuteRequest(Request):
    """How long the pulse may take, and what is asked of it besides the usual."""

    budget: str | None = Field(None, description="how long it may take, as 10s; MAINSPRING_PULSE_BUDGET where it is not given")
    dry_run: bool = Field(False, description="list what is due, with reasons, and write nothing")
    force: list[str] = Field(default_factory=list, description="enqueue one run of this task, whatever its schedule says; may be repeated")
    only: list[str] = Field(default_factory=list, description="do nothing for other tasks than this; may be repeated")
    reason: str | None = Field(None, description="why; kept in the audit trail where runs are forced")


class HistoryRequest(Request):
    """Which pulses."""

    before: int | None = Field(None, ge=1, description="only those below this number: the next page")
    limit: int = Field(20, ge=1, le=1000, description="how many at most")


class StatusRequest(Request):
    """Nothing needs to be said."""


class DeferredView(View):
    """Runs of a task that are due; ``reason`` says why they were not begun, ``timeout`` is the shortest among them where that is why."""

    task: str
    runs: int
    reason: str
    timeout: str | None


class RanView(View):
    """One attempt."""

    id: str
    task: str
    outcome: str
    ran_ms: float


class SlotView(View):
    """A slot that is due: ``verdict`` is ``fire``, ``ask`` (a predicate decides), or why it will not have a run."""

    schedule: str
    task: str
    slot_at: datetime
    verdict: str


class PulseView(View):
    """What a pulse has done. ``is_more``: another that follows at once would find work; else ``next_in_seconds`` says when one would."""

    id: int | None
    source: str
    budget: str
    seconds: float
    is_dry_run: bool
    is_ok: bool
    fired: int
    executed: int
    succeeded: int
    failed: int
    given_back: int
    remaining: int
    is_more: bool
    next_in_seconds: float | None
    ran: list[RanView]
    deferred: list[DeferredView]
    forced: list[str]
    due: list[DeferredView]
    slots: list[SlotView]
    errors: dict[str, str]

    def trace(self) -> Mapping[str, Any] | None:
        """Return the runs that were forced."""
        return {"forced": self.forced}


class PulseHealthView(View):
    """How pulses are doing, over the latest hundred. ``success_rate`` is a part of one; ``missed`` counts intervals."""

    state: PulseState
    in_a_row: int
    judged: int
    succeeded: int
    success_rate: float | None
    last_pulse_at: datetime | None
    last_success_at: datetime | None
    mean_seconds: float | None
    interval: str
    missed: int


class PulseRecordView(View):
    """A pulse of the past. Without ``finished_at`` it is under way, or was killed (``is_ok`` is False then)."""

    id: int
    source: str
    started_at: datetime
    finished_at: datetime | None
    budget: str
    is_ok: bool | None
    fired: int
    executed: int
    succeeded: int
    failed: int
    given_back: int
    remaining: int
    deferred: list[DeferredView]
    error: str | None


class PulsePage(View):
    """Pulses, the latest first; ``next`` is where the following page begins."""

    items: list[PulseRecordView]
    next: int | None


def pulse_view(report: PulseReport) -> PulseView:
    """Return what a pulse has done as plain values."""
    return PulseView(
        id=report.id, source=report.source, budget=describe(report.budget), seconds=round(report.duration.total_seconds(), 3),
        is_dry_run=report.is_dry_run, is_ok=report.is_ok, fired=report.fired, executed=report.executed, succeeded=report.succeeded,
        failed=report.failed, given_back=report.given_back, remaining=report.remaining, is_more=report.is_more,
        next_in_seconds=_seconds(report.next_in),
        ran=[RanView(id=each.run_id, task=each.task, outcome=each.outcome, ran_ms=round(each.ran_ms, 1)) for each in report.ran],
        deferred=_deferred(report.deferred), forced=list(report.forced), due=_deferred(report.due),
        slots=[
            SlotView(schedule=each.schedule, task=each.task, slot_at=each.slot_at, verdict=each.verdict) for each in report.slots
        ],
        errors=dict(report.errors),
    )  # fmt: skip


def health_view(health: PulseHealth) -> PulseHealthView:
    """Return how pulses are doing as plain values."""
    return PulseHealthView(
        state=health.state, in_a_row=health.in_a_row, judged=health.judged, succeeded=health.succeeded,
        success_rate=None if health.success_rate is None else round(health.success_rate, 4), last_pulse_at=health.last_pulse_at,
        last_success_at=health.last_success_at, mean_seconds=_seconds(health.mean_duration), interval=describe(health.interval),
        missed=health.missed,
    )  # fmt: skip


def _record_view(record: PulseRecord) -> PulseRecordView:
    return PulseRecordView(
        id=record.id, source=record.source, started_at=record.started_at, finished_at=record.finished_at, budget=describe(record.budget),
        is_ok=record.is_ok, fired=record.fired, executed=record.executed, succeeded=record.succeeded, failed=record.failed,
        given_back=record.given_back, remaining=record.remaining, deferred=_deferred(record.deferred), error=record.error,
    )  # fmt: skip


def _deferred(deferred: Sequence[Deferred]) -> list[DeferredView]:
    return [
        DeferredView(task=each.task, runs=each.runs, reason=each.reason, timeout=None if each.timeout is None else describe(each.timeout))
        for each in deferred
    ]


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)


async def beat(app: Mainspring, request: ExecuteRequest, caller: Caller, *, mark: str | None = None) -> PulseView:
    """Beat once, for a face; ``mark`` is that of a signed request, which counts once."""
    report = await app.pulse(
        budget=request.budget, dry_run=request.dry_run, only=request.only, force=request.force, source=caller.source, actor=caller.actor,
        request=mark,
    )  # fmt: skip
    view = pulse_view(report)
    if request.force and not request.dry_run:  # what a timer does every minute has its own record; what a person wants leaves a trace
        await audit(await app.store(), execute_pulse, request, view, caller)
    return view


@operation("pulse.execute", changes="pulse:{id}", keeps_own_audit=True, needs=Verb.CONTROL_NODES)
async def execute_pulse(app: Mainspring, request: ExecuteRequest, caller: Caller) -> PulseView:
    """Do what a runner does, once and within a budget: fire due slots, carry out due runs, keep everything in order."""
    return await beat(app, request, caller)


@operation("pulse.status", of_host=True)
async def show_pulses(app: Mainspring, request: StatusRequest, caller: Caller) -> PulseHealthView:
    """Say how pulses are doing: healthy, failing, or missed."""
    return health_view(await app.pulse_health())


@operation("pulse.history", of_host=True)
async def list_pulses(app: Mainspring, request: HistoryRequest, caller: Caller) -> PulsePage:
    """List what pulses have done, the latest first."""
    before = {} if request.before is None else {"before": request.before}
    found = await (await app.store()).pulses.page(**before, n=request.limit + 1)
    page = found[: request.limit]
    return PulsePage(items=[_record_view(each) for each in page], next=page[-1].id if len(found) > request.limit else None)
