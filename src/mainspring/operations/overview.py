"""What an overview shows: how a window of time went, from what is kept and from a few runs drawn, at the same price in every store."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.node import Node
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.store.samples import ALL, Sample
from mainspring.store.store import Store
from mainspring.store.trends import LOOKED_AT, Seen

WindowWord = Literal["15m", "1h", "6h", "24h", "7d"]
WINDOWS: Mapping[WindowWord, tuple[timedelta, timedelta]] = {
    "15m": (timedelta(minutes=15), timedelta(minutes=1)),
    "1h": (timedelta(hours=1), timedelta(minutes=1)),
    "6h": (timedelta(hours=6), timedelta(minutes=5)),
    "24h": (timedelta(hours=24), timedelta(minutes=20)),
    "7d": (timedelta(days=7), timedelta(hours=2)),
}
"""Each window, and how wide a point of its charts is: whole minutes, which is what counts are kept by."""

DRAWS = 3  # looks into the log for each point
MOST_QUEUES = 6  # lines of one chart; the others are summed up
MOST_MARKS = 20
DEGRADED_FROM, DEGRADED_RATE = 5, 0.1  # runs that have to have ended before a task can be degraded, and the part of them that failed
JUDGED = timedelta(days=1)  # how far back at most a task is called degraded for
_ENDS = (RunState.COMPLETED, RunState.FAILED, RunState.TIMEOUT, RunState.CANCELLED, RunState.SKIPPED)
_MARKS = {
    "queues.pause": "paused", "queues.resume": "resumed", "runner.pause": "nodes_paused", "runner.resume": "nodes_resumed",
    "maintenance.on": "maintenance", "maintenance.off": "maintenance_over",
}  # fmt: skip


class OverviewRequest(Request):
    """How far back, and of what."""

    window: WindowWord = Field("1h", description="how far back: 15m, 1h, 6h, 24h or 7d")
    task: str | None = Field(None, description="only runs of this task")
    queue: str | None = Field(None, description="only runs of this queue")


class SamplesRequest(Request):
    """How far back, and of what."""

    window: WindowWord = Field("24h", description="how far back: 15m, 1h, 6h, 24h or 7d")
    queue: str | None = Field(None, description="only this queue")


class Counts(View):
    """How many runs ended how."""

    completed: int = 0
    failed: int = 0
    timeout: int = 0
    cancelled: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.completed + self.failed + self.timeout + self.cancelled + self.skipped

    @property
    def tried(self) -> int:
        """Those that were carried out."""
        return self.completed + self.wrong

    @property
    def wrong(self) -> int:
        """Those that failed or took too long."""
        return self.failed + self.timeout


class Point(Counts):
    """What ended between ``at`` and the next point. The percentiles are of waiting and running together, None where nothing is known."""

    at: datetime
    p50_ms: float | None
    p95_ms: float | None


class QueueNow(View):
    """What waits in a queue at the moment; ``oldest_seconds`` is how long the oldest that could start has waited."""

    name: str
    is_paused: bool
    ready: int
    running: int
    oldest_seconds: float | None


class QueueDepths(View):
    """How many runs could have started in a queue, point by point: a mean; None where nobody looked. The name of all others is ``*``."""

    name: str
    ready: list[float | None]


class Mark(View):
    """Something that was done meanwhile: ``version`` (a node of another release came), ``paused``, ``maintenance`` …, and to what."""

    at: datetime
    kind: str
    about: str


class DegradedTask(View):
    """A task of which too many runs have failed in the window, or in its last day."""

    task: str
    wrong: int
    tried: int


class OverviewView(View):
    """A window of time: ``since`` to ``until``, in points of ``width_seconds``, the last of which is not over yet.

    ``basis`` is ``all`` where counts are of everything that ended; ``latest`` where they are of the newest runs that could be looked at (of
    one queue, or of somebody who does not see everything), and then ``is_cut`` says whether there were more. Lengths are of a sample
    in either case: ``drawn`` is how many runs it has. ``before`` counts the window before this one, None where that is not known.
    """

    window: WindowWord
    since: datetime
    until: datetime
    width_seconds: float
    basis: Literal["all", "latest"]
    is_cut: bool
    looked_at: int
    points: list[Point]
    now: Counts
    before: Counts | None
    drawn: int
    p95_ms: float | None
    waited_p95_ms: float | None
    ran_p95_ms: float | None
    ready: int
    oldest_seconds: float | None
    queues: list[QueueNow]
    depths: list[QueueDepths]
    has_depths: bool
    marks: list[Mark]
    degraded: list[DegradedTask]


class SampleView(View):
    """What waited in a queue around a time (means of a span), and how long the oldest that could start had waited, at worst."""

    at: datetime
    queue: str
    ready: float
    later: float
    running: float
    blocked: float
    oldest_ms: float


class SampleList(View):
    """Samples, the oldest first; of the queue ``*`` are all together. Spans in which nobody looked, or nothing waited, are missing."""

    items: list[SampleView]
    width_seconds: float


@operation("stats.samples")
async def list_samples(app: Mainspring, request: SamplesRequest, caller: Caller) -> SampleList:
    """List how much waited in each queue, minute by minute or in wider spans."""
    store = await app.store()
    window, width = WINDOWS[request.window]
    found: list[Sample] = []
    if caller.scope.is_everything:  # they are of everybody's runs
        found = await store.samples.list(_began(await store.database.now(), window, width), width, request.queue)
    items = [
        SampleView(
            at=each.at, queue=each.queue or "*", ready=each.ready, later=each.later, running=each.running, blocked=each.blocked,
            oldest_ms=each.oldest_ms,
        )
        for each in found
    ]  # fmt: skip
    return SampleList(items=items, width_seconds=width.total_seconds())


@operation("stats.overview")
async def show_overview(app: Mainspring, request: OverviewRequest, caller: Caller) -> OverviewView:
    """Show how a window of time went: what ended how, how long it took, what waited, and what was done meanwhile."""
    store = await app.store()
    window, width = WINDOWS[request.window]
    now = await store.database.now()
    since = _began(now, window, width)
    starts = [since + n * width for n in range(int(window / width))]
    scope = caller.scope
    is_all = scope.is_everything and request.queue is None
    is_cut, degraded = False, list[DegradedTask]()
    before: Counts | None = None
    lengths: list[list[tuple[float, float]]]
    if is_all:
        kept = {row.name for row in await store.services.list()} | set(app.registry.services)
        by_span = await store.trends.counts(since - window, width, request.task, kept)
        counts = [_counts(by_span.get(at, {})) for at in starts]
        before = _sum(_counts(found) for at, found in by_span.items() if at < since)
        lengths = await _drawn(store, starts, now, width, request.task)
        degraded = await _degraded(store, max(since, now - JUDGED), request.task, kept)
    else:
        seen, is_cut = await store.trends.latest(since, scope=scope, queue=request.queue, task=request.task)
        counts, lengths = _by_span(seen, starts)
    total = _sum(counts)
    weighed = [
        (waited, ran, one.total / len(found))
        for one, found in zip(counts, lengths, strict=True) for waited, ran in found if one.total
    ]  # fmt: skip
    points = [
        Point(
            at=at, **one.model_dump(), p50_ms=_percentile([(sum(each), 1.0) for each in found], 0.5),
            p95_ms=_percentile([(sum(each), 1.0) for each in found], 0.95),
        )
        for at, one, found in zip(starts, counts, lengths, strict=True)
    ]  # fmt: skip
    queues = await _queues(store, caller, now, request.queue)
    depths = await _depths(store, starts, width, request.queue) if scope.is_everything else []
    oldest = [each.oldest_seconds for each in queues if each.oldest_seconds is not None and not each.is_paused]
    return OverviewView(
        window=request.window, since=since, until=now, width_seconds=width.total_seconds(), basis="all" if is_all else "latest",
        is_cut=is_cut, looked_at=LOOKED_AT, points=points, now=total, before=before, drawn=len(weighed),
        p95_ms=_percentile([(waited + ran, weight) for waited, ran, weight in weighed], 0.95),
        waited_p95_ms=_percentile([(waited, weight) for waited, _, weight in weighed], 0.95),
        ran_p95_ms=_percentile([(ran, weight) for _, ran, weight in weighed], 0.95),
        ready=sum(each.ready for each in queues), oldest_seconds=max(oldest, default=None), queues=queues, depths=depths,
        has_depths=scope.is_everything, marks=await _marks(store, since, request.queue) if scope.tenants is None else [],
        degraded=degraded,
    )  # fmt: skip


def _began(now: datetime, window: timedelta, width: timedelta) -> datetime:
    """Return where the window begins, so that its points lie where counts are kept by: the last one is the one that goes on."""
    seconds = width.total_seconds()
    last = datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo)
    return last + width - window


def _counts(found: Mapping[RunState, int]) -> Counts:
    return Counts(**{str(state): found.get(state, 0) for state in _ENDS})


def _sum(counts: Iterable[Counts]) -> Counts:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each.model_dump())
    return Counts(**total)


def _by_span(seen: Sequence[Seen], starts: Sequence[datetime]) -> tuple[list[Counts], list[list[tuple[float, float]]]]:
    """Return how many of these ended how in each span, and how long each had waited and taken."""
    tallies: list[Counter[RunState]] = [Counter() for _ in starts]
    lengths: list[list[tuple[float, float]]] = [[] for _ in starts]
    for each in seen:
        place = bisect_right(starts, each.finished_at) - 1
        if place >= 0:
            tallies[place][each.state] += 1
            if each.ran_ms is not None and each.waited_ms is not None:
                lengths[place].append((each.waited_ms, each.ran_ms))
    return [_counts(each) for each in tallies], lengths


async def _drawn(
    store: Store, starts: Sequence[datetime], now: datetime, width: timedelta, task: str | None
) -> list[list[tuple[float, float]]]:  # fmt: skip
    """Return how long some of the runs of each span had waited and taken: a few from each of its parts."""
    part = width / DRAWS
    parts = [at + n * part for at in starts for n in range(DRAWS)]
    lengths: list[list[tuple[float, float]]] = [[] for _ in starts]
    for each in await store.trends.draw(parts, starts[-1] + width, task=task):
        lengths[bisect_right(starts, each.at) - 1] += zip(each.waited, each.ran, strict=True)
    return lengths


async def _degraded(store: Store, since: datetime, task: str | None, besides: Collection[str]) -> list[DegradedTask]:
    by_task: dict[str, dict[RunState, int]] = {}
    for row in await store.stats.by_task(since):
        if task in (None, row.task) and row.task not in besides:
            by_task.setdefault(row.task, {})[row.state] = row.n
    found = [DegradedTask(task=name, wrong=each.wrong, tried=each.tried) for name, each in ((n, _counts(c)) for n, c in by_task.items())]
    bad = [each for each in found if each.tried >= DEGRADED_FROM and each.wrong / each.tried >= DEGRADED_RATE]
    return sorted(bad, key=lambda each: (-each.wrong / each.tried, each.task))


def _percentile(values: Sequence[tuple[float, float]], part: float) -> float | None:
    """Return the value that this part of the weight lies at or below; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    bound, passed = part * sum(weight for _, weight in ordered), 0.0
    for value, weight in ordered:
        passed += weight
        if passed >= bound - 1e-9:
            return round(value, 3)
    return round(ordered[-1][0], 3)


async def _queues(store: Store, caller: Caller, now: datetime, only: str | None) -> list[QueueNow]:
    paused = await store.queues.paused()
    found: dict[str, dict[str, Any]] = {}
    for row in await store.runs.waiting(scope=caller.scope):
        one = found.setdefault(row["queue"], {"ready": 0, "running": 0, "oldest_seconds": None})
        if row["state"] is RunState.RUNNING:
            one["running"] += row["n"]
        elif row["state"] is RunState.PENDING and row["oldest_at"] is not None:
            one["ready"] += row["n"]
            one["oldest_seconds"] = round(max((now - row["oldest_at"]).total_seconds(), 0.0), 3)
    return [QueueNow(name=name, is_paused=name in paused, **found[name]) for name in sorted(found) if only in (None, name)]


async def _depths(store: Store, starts: Sequence[datetime], width: timedelta, only: str | None) -> list[QueueDepths]:
    """Return the samples of the fullest queues point by point. Behind a sample of an empty fleet nothing waited."""
    place = {at: n for n, at in enumerate(starts)}
    looked: list[bool | None] = [None] * len(starts)  # True: something waited
    found: dict[str, list[float]] = {}
    for each in await store.samples.list(starts[0], width):
        if each.at not in place:
            continue
        if each.queue == ALL:
            looked[place[each.at]] = each.ready + each.later + each.running + each.blocked > 0
        elif only in (None, each.queue):
            found.setdefault(each.queue, [0.0] * len(starts))[place[each.at]] = each.ready
    if only is not None:
        found.setdefault(only, [0.0] * len(starts))
    is_known = [state is not None for state in looked]
    for n in range(1, len(starts)):
        if looked[n] is None and is_known[n - 1] and not looked[n - 1]:
            looked[n], is_known[n] = False, True
    fullest = sorted(found, key=lambda name: (-sum(found[name]), name))
    shown = {name: found[name] for name in fullest[: MOST_QUEUES if len(fullest) <= MOST_QUEUES else MOST_QUEUES - 1]}
    if rest := fullest[len(shown) :]:
        shown["*"] = [sum(values) for values in zip(*(found[name] for name in rest), strict=True)]
    return [
        QueueDepths(name=name, ready=[round(value, 2) if known else None for value, known in zip(values, is_known, strict=True)])
        for name, values in shown.items()
    ]


async def _marks(store: Store, since: datetime, queue: str | None) -> list[Mark]:
    """Return what operators paused, and when nodes of another release came."""
    marks = [
        Mark(at=at, kind=_MARKS[verb], about=about.partition(":")[2])
        for at, verb, about in await store.trends.marks(since, sorted(_MARKS))
        if queue is None or about == f"queue:{queue}" or not about.startswith("queue:")
    ]
    marks += _versions(await store.nodes.list(), since)
    return sorted(marks, key=lambda each: each.at)[-MOST_MARKS:]


def _versions(nodes: Sequence[Node], since: datetime) -> list[Mark]:
    first: dict[str, datetime] = {}
    for node in nodes:
        version = str(node.facts.get("version") or "")
        first[version] = min(first.get(version, node.started_at), node.started_at)
    earliest = min(first.values(), default=None)
    return [Mark(at=at, kind="version", about=version) for version, at in first.items() if version and at >= since and at != earliest]
