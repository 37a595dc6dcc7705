"""Verbs about what tasks do: the catalogue that people search, and how long the runs of one take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from weakref import WeakKeyDictionary

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Scope, Verb
from mainspring.core.category import category_of
from mainspring.core.service import not_enqueued
from mainspring.core.state import RunState
from mainspring.core.task import Task
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.permit import may
from mainspring.operations.tasks import DOORS, read_switches, visible
from mainspring.store.tasks import Outcome, Planned

YesNo = Literal["yes", "no"]
Health = Literal["healthy", "degraded", "problem", "new"]
LATEST = 30  # runs by which a task is judged
MEASURED = 1000  # runs that are measured when one task is looked at
FRESH = 2.0  # seconds for which what all tasks do is kept in a process
_BAD = (RunState.FAILED, RunState.TIMEOUT)
_SPANS, _BINS = 20, 16


class LastOfTask(View):
    """The run that was enqueued last, of those that have ended."""

    id: str
    state: RunState
    finished_at: datetime


class TaskRow(View):
    """A task in the catalogue, with what it did lately: all figures are of its latest 30 runs that have ended, as far as they are seen.

    What the definition says is as `TaskView` has it.

    ``latest`` are their states, the oldest first. ``success_rate`` is the part of those that were carried out which completed,
    ``health`` is made of it: ``problem`` when half of them or the last three went wrong, ``degraded`` when the last one or a tenth did.
    ``refusal`` says why the one who asks may not start it.
    """

    name: str
    title: str
    description: str
    category: str
    category_title: str
    icon: str
    tags: list[str]
    danger: str | None
    is_expensive: bool
    is_enabled: bool
    is_here: bool
    queue: str
    is_favourite: bool
    running: int
    last: LastOfTask | None
    latest: list[RunState]
    success_rate: float | None
    mean_ms: float | None
    p95_ms: float | None
    schedules: int
    next_at: datetime | None
    health: Health
    refusal: Literal["admin", "role"] | None


_SAID = ("name", "title", "description", "category", "icon", "danger", "is_expensive", "queue")


class TaskFacet(View):
    """One value of a filter, and how many tasks have it."""

    name: str
    title: str
    n: int


class TaskCatalogue(View):
    """The tasks that a filter lets through, sorted by category and title, and what else could be filtered by; ``total`` is of all tasks."""

    items: list[TaskRow]
    total: int
    categories: list[TaskFacet]
    tags: list[TaskFacet]


class CatalogueRequest(Request):
    """Which tasks; conditions are joined by *and*."""

    q: str | None = Field(None, max_length=200, description="words that title, name, description, tags or docstring hold")
    category: str | None = Field(None, description="only this category")
    tag: str | None = Field(None, description="only with this tag")
    danger: YesNo | None = Field(None, description="dangerous ones (yes), or only others (no)")
    expensive: YesNo | None = Field(None, description="expensive ones (yes), or only others (no)")
    last: Literal["completed", "failed", "timeout", "cancelled", "skipped", "never"] | None = Field(
        None, description="how the last run ended"
    )
    scheduled: YesNo | None = Field(None, description="those with a schedule (yes), or only others (no)")
    health: Health | None = Field(None, description="only healthy, degraded, problem or new ones")
    enabled: YesNo | None = Field(None, description="enabled ones (yes), or only disabled ones (no)")
    favourite: YesNo | None = Field(None, description="those that the one who asks has marked (yes), or only others (no)")


@dataclass(frozen=True, slots=True)
class _Doing:
    outcomes: dict[str, list[Outcome]]
    running: dict[str, int]
    planned: dict[str, Planned]


_DONE: WeakKeyDictionary[Mainspring, dict[Scope, tuple[float, _Doing]]] = WeakKeyDictionary()
"""What was read last, by app and by what could be seen: many people look at the same list at once."""


async def _doing(app: Mainspring, scope: Scope) -> _Doing:
    held = _DONE.setdefault(app, {})
    now = time.monotonic()
    if scope in held and now - held[scope][0] < FRESH:
        return held[scope][1]
    store = await app.store()
    names = [task.name for task in app.registry if not task.is_service]
    found = _Doing(
        await store.tasks.outcomes(names, LATEST, scope=scope),
        await store.runs.running(scope=scope),
        await store.tasks.planned(scope=scope),
    )
    for old in [each for each, (at, _) in held.items() if now - at >= FRESH]:
        del held[old]
    held[scope] = now, found
    return found


@operation("tasks.overview")
async def show_overview(app: Mainspring, request: CatalogueRequest, caller: Caller) -> TaskCatalogue:
    """List tasks with what they did lately."""
    door = DOORS.get(caller.source)
    tasks = [each for each in app.registry if not each.is_service and door not in each.spec.hidden_from and each.name not in caller.hidden]
    if not tasks:
        return TaskCatalogue(items=[], total=0, categories=[], tags=[])
    doing, switches = await _doing(app, caller.scope), await read_switches(app)
    favourites = set(await (await app.store()).favourites.list(caller.actor))
    rows: list[TaskRow] = []
    for task in tasks:
        if not _is_meant(task, request):
            continue
        is_enabled = not switches.is_off(task.spec) if switches is not None else task.spec.is_enabled
        row = _row(task, doing, is_enabled, task.name in favourites, _refusal(app, task, caller))
        if _is_wanted(row, request):
            rows.append(row)
    rows.sort(key=lambda row: (_order(row), row.category_title, row.title, row.name))
    return TaskCatalogue(
        items=rows,
        total=len(tasks),
        categories=_facets((each.spec.category, _title(each)) for each in tasks),
        tags=_facets((tag, tag) for each in tasks for tag in each.spec.tags),
    )


def _title(task: Task[..., Any]) -> str:
    return category_of(task.spec.category).title


def _order(row: TaskRow) -> int:
    return category_of(row.category).order


def _facets(pairs: Iterable[tuple[str, str]]) -> list[TaskFacet]:
    titles: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name, title in pairs:
        titles[name], counts[name] = title, counts.get(name, 0) + 1
    return [TaskFacet(name=name, title=titles[name], n=counts[name]) for name in sorted(counts, key=lambda each: titles[each].lower())]


def _word(is_so: bool) -> YesNo:
    return "yes" if is_so else "no"


def _is_meant(task: Task[..., Any], request: CatalogueRequest) -> bool:
    """Tell whether a definition fits what is asked of definitions."""
    spec = task.spec
    if request.q is not None:
        doc = getattr(task.fn, "__doc__", None) if task.is_here else None
        text = "\n".join((spec.title, spec.name, spec.description, spec.category, *spec.tags, doc or "")).lower()
        if not all(word in text for word in request.q.lower().split()):
            return False
    return (
        request.category in (None, spec.category)
        and (request.tag is None or request.tag in spec.tags)
        and request.danger in (None, _word(spec.danger is not None))
        and request.expensive in (None, _word(spec.is_expensive))
    )


def _is_wanted(row: TaskRow, request: CatalogueRequest) -> bool:
    """Tell whether a task fits what is asked of what it does."""
    last = "never" if row.last is None else str(row.last.state)
    return (
        request.last in (None, last)
        and request.scheduled in (None, _word(row.schedules > 0))
        and request.health in (None, row.health)
        and request.enabled in (None, _word(row.is_enabled))
        and request.favourite in (None, _word(row.is_favourite))
    )


def _refusal(app: Mainspring, task: Task[..., Any], caller: Caller) -> Literal["admin", "role"] | None:
    if may(app, caller.user, Verb.START, task.name):
        return None
    return "admin" if task.spec.access is not None and task.spec.access.verbs.get(Verb.START) == frozenset({"admin"}) else "role"


def _row(
    task: Task[..., Any], doing: _Doing, is_enabled: bool, is_favourite: bool, refusal: Literal["admin", "role"] | None
) -> TaskRow:  # fmt: skip
    found = doing.outcomes.get(task.name, [])
    planned = doing.planned.get(task.name, Planned())
    took = [each.took_ms for each in found if each.took_ms is not None and each.state is RunState.COMPLETED]
    rate = _rate(found)
    return TaskRow(
        **{each: getattr(task.spec, each) for each in _SAID},
        tags=list(task.spec.tags),
        category_title=_title(task),
        is_enabled=is_enabled,
        is_here=task.is_here,
        is_favourite=is_favourite,
        running=doing.running.get(task.name, 0),
        last=LastOfTask(id=found[0].id, state=found[0].state, finished_at=found[0].finished_at) if found else None,
        latest=[each.state for each in reversed(found)],
        success_rate=rate,
        mean_ms=round(statistics.fmean(took), 3) if took else None,
        p95_ms=_percentile(took, 0.95),
        schedules=planned.schedules,
        next_at=planned.next_at,
        health=_health(found, rate),
        refusal=refusal,
    )


def _rate(found: Sequence[Outcome]) -> float | None:
    tried = [each for each in found if each.state is RunState.COMPLETED or each.state in _BAD]
    return round(sum(each.state is RunState.COMPLETED for each in tried) / len(tried), 4) if tried else None


def _health(found: Sequence[Outcome], rate: float | None) -> Health:
    tried = [each.state in _BAD for each in found if each.state is RunState.COMPLETED or each.state in _BAD]
    if rate is None or not tried:
        return "new"
    if rate <= 0.5 or (len(tried) >= 3 and all(tried[:3])):
        return "problem"
    return "degraded" if tried[0] or rate < 0.9 else "healthy"


def _percentile(values: Sequence[float], part: float) -> float | None:
    """Return a percentile, interpolated between two values."""
    if not values:
        return None
    ordered, place = sorted(values), (len(values) - 1) * part
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return round(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 3)


# -- one task ----------------------------------------------------------------------------------------------------------


class TaskFigures(View):
    """How long some runs took, in milliseconds; percentiles are interpolated."""

    n: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class TaskBin(View):
    """How many runs took from ``low_ms`` to less than ``high_ms``."""

    low_ms: float
    high_ms: float
    n: int


class TaskSpan(View):
    """Runs that ended one after the other, from ``since`` to ``until``."""

    since: datetime
    until: datetime
    n: int
    success_rate: float | None
    ran: TaskFigures | None


class TaskMeasures(View):
    """How a task's latest thousand runs went that have ended and that are seen; durations are of those that completed.

    ``spans`` cut them into at most 20 parts of equally many runs, the oldest first; ``bins`` are a histogram with growing steps.
    """

    name: str
    n: int
    since: datetime | None
    counts: dict[RunState, int]
    success_rate: float | None
    running: int
    ran: TaskFigures | None
    bins: list[TaskBin]
    spans: list[TaskSpan]


class MeasureRequest(Request):
    """Which task."""

    name: str = Field(description="the task's name")


@operation("tasks.measure")
async def measure_task(app: Mainspring, request: MeasureRequest, caller: Caller) -> TaskMeasures:
    """Show how long the runs of a task take, and how many of them succeed."""
    task = visible(app, request.name, caller)
    if task.is_service:
        raise not_enqueued(task.name)
    store = await app.store()
    found = (await store.tasks.outcomes([task.name], MEASURED, scope=caller.scope)).get(task.name, [])
    running = (await store.runs.of_task(task.name, scope=caller.scope)).get(RunState.RUNNING, 0)
    oldest_first = found[::-1]
    size = max(-(-len(found) // _SPANS), 1)
    parts = [oldest_first[start : start + size] for start in range(0, len(found), size)]
    return TaskMeasures(
        name=task.name,
        n=len(found),
        since=min((each.finished_at for each in found), default=None),
        counts={state: sum(each.state is state for each in found) for state in RunState if any(each.state is state for each in found)},
        success_rate=_rate(found),
        running=running,
        ran=_measured(found),
        bins=_bins(_took(found)),
        spans=[
            TaskSpan(
                since=min(each.finished_at for each in part), until=max(each.finished_at for each in part), n=len(part),
                success_rate=_rate(part), ran=_measured(part),
            )
            for part in parts
        ],
    )  # fmt: skip


def _took(found: Sequence[Outcome]) -> list[float]:
    return [each.took_ms for each in found if each.took_ms is not None and each.state is RunState.COMPLETED]


def _measured(found: Sequence[Outcome]) -> TaskFigures | None:
    took = _took(found)
    if not took:
        return None
    p50, p95, p99 = (_percentile(took, part) or 0.0 for part in (0.5, 0.95, 0.99))
    return TaskFigures(
        n=len(took), mean_ms=round(statistics.fmean(took), 3), p50_ms=p50, p95_ms=p95, p99_ms=p99, max_ms=round(max(took), 3)
    )


def _bins(took: Sequence[float]) -> list[TaskBin]:
    """Return a histogram whose steps grow by a factor, as durations spread."""
    if not took:
        return []
    low, high = max(min(took), 0.1), max(max(took), 0.2)
    factor = max((high / low) ** (1 / _BINS), 1.05)
    edges = [low * factor**step for step in range(_BINS + 1)]
    edges[0], edges[-1] = 0.0, max(edges[-1], high) * 1.0001
    return [
        TaskBin(low_ms=round(left, 3), high_ms=round(right, 3), n=sum(left <= each < right for each in took))
        for left, right in pairwise(edges)
    ]
