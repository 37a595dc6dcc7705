"""The recorder: everything that a node has to say about its runs, written in batches, in order, fenced by the claim.

A flush goes out at once when none is under way; while one is, the rest gathers. What the store cannot take now is kept and tried again;
only log lines and progress have a bound, past which they are dropped, counted and shown as a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from mainspring.core.errors import StoreUnavailable
from mainspring.core.event import EventKind
from mainspring.core.run import AttemptOutcome, ClaimedRun, Decision, ErrorKind
from mainspring.core.state import RunState
from mainspring.engine.faults import FAULT
from mainspring.engine.loop import log
from mainspring.engine.records import Record
from mainspring.store.runs import Appended, Completion, Entry, RunStore, Settlement

MOST = 1000  # finishes in one statement
BACKLOG = 10_000  # unwritten finishes past which the worker claims nothing more
MOST_RECORDS = 20_000  # unwritten log lines of a whole node past which they are dropped
SOON = timedelta(seconds=1)  # a run that waits longer is found in time by those who look once a second
GATHER = 0.1  # seconds that log lines of running runs wait for company

T = TypeVar("T")


class Told(Protocol):
    """Who wants to know what became of the writes."""

    def accepted(self, ended: Sequence[str]) -> None:
        """Hear of runs that have ended, by id."""

    def refused(self, runs: Sequence[ClaimedRun]) -> None:
        """Hear of runs that are no longer this node's."""

    def put_back(self, runs: Sequence[ClaimedRun]) -> None:
        """Hear of runs that wait again, and not for long."""


@dataclass(slots=True)
class _Finish:
    run: ClaimedRun
    ran_ms: float
    records: list[Record]
    result: str | None
    decision: Decision | None


@dataclass(slots=True)
class _Spoken:
    run: ClaimedRun
    records: list[Record] = field(default_factory=list)
    dropped: int = 0


class Recorder:
    """Writes completions, settlements and records of one node."""

    def __init__(self, runs: RunStore, told: Told, *, clock: Callable[[], float]) -> None:
        self._runs, self._told, self._clock = runs, told, clock
        self._finishes: list[_Finish] = []
        self._spoken: dict[str, _Spoken] = {}
        self._appending: dict[str, list[_Finish]] = {}  # runs whose records are under way, with the finish that waits for them
        self._n_records = 0
        self._in_flight: list[_Finish] = []
        self._finish_task: asyncio.Task[None] | None = None
        self._append_task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.dropped = 0
        self.lost_leases = 0

    @property
    def backlog(self) -> int:
        """How many finishes are not written yet."""
        return len(self._finishes) + len(self._in_flight) + len(self._appending)

    @property
    def is_full(self) -> bool:
        """Whether the store lags so far behind that no more should be claimed."""
        return self.backlog >= BACKLOG

    @property
    def is_idle(self) -> bool:
        """Whether everything taken so far is written or refused."""
        return self._idle.is_set()

    def knows(self, run_id: str) -> bool:
        """Tell whether a finish of this run is still to be written."""
        return any(each.run.id == run_id for batch in (self._finishes, self._in_flight) for each in batch) or run_id in self._appending

    # -- taking

    def completed(self, run: ClaimedRun, result: str | None, ran_ms: float, records: list[Record]) -> None:
        """Take a run that completed."""
        self._finish(_Finish(run, ran_ms, records, result, None))

    def decided(self, run: ClaimedRun, decision: Decision, ran_ms: float, records: list[Record]) -> None:
        """Take a decision about a run whose try ended in any other way."""
        self._finish(_Finish(run, ran_ms, records, None, decision))

    def said(self, run: ClaimedRun, records: Sequence[Record]) -> None:
        """Take records of a run that goes on."""
        spoken = self._spoken.get(run.id)
        if spoken is None:
            spoken = self._spoken[run.id] = _Spoken(run)
        room = MOST_RECORDS - self._n_records
        kept = records[: max(room, 0)]
        spoken.records.extend(kept)
        self._n_records += len(kept)
        if len(kept) < len(records):
            spoken.dropped += len(records) - len(kept)
            self.dropped += len(records) - len(kept)
        self._idle.clear()
        if self._append_task is None:
            self._append_task = asyncio.get_running_loop().create_task(self._append_all(), name="mainspring-append")

    def forget(self, run_id: str) -> None:
        """Drop what is unwritten about a run that is no longer ours."""
        if (spoken := self._spoken.pop(run_id, None)) is not None:
            self._n_records -= len(spoken.records)

    async def flushed(self) -> None:
        """Wait until everything taken so far is written or refused."""
        await self._idle.wait()

    # -- finishing

    def _finish(self, finish: _Finish) -> None:
        run_id = finish.run.id
        if (spoken := self._spoken.pop(run_id, None)) is not None:  # what was said before rides along
            self._n_records -= len(spoken.records)
            finish.records = [*spoken.records, *_gap(spoken, self._clock()), *finish.records]
        self._idle.clear()
        if run_id in self._appending:  # a finish that overtook its own log lines would get them refused
            self._appending[run_id].append(finish)
            return
        self._finishes.append(finish)
        if self._finish_task is None:
            self._finish_task = asyncio.get_running_loop().create_task(self._finish_all(), name="mainspring-finish")

    async def _finish_all(self) -> None:
        try:
            await asyncio.sleep(0)  # let what ends in this round of the event loop come along
            while self._finishes:
                batch, self._finishes = self._finishes[:MOST], self._finishes[MOST:]
                self._in_flight = batch
                FAULT("before_finish")
                await self._insist(batch, self._write_finishes, self._refuse_finish, "results")
                FAULT("after_finish_commit")
                self._in_flight = []
        finally:
            self._finish_task = None
            self._in_flight = []
            self._settle_idle()

    async def _write_finishes(self, batch: list[_Finish]) -> None:
        now = self._clock()
        completions = [
            Completion(each.run.id, each.run.claim_id, each.ran_ms, each.result, _entries(each.records, now))
            for each in batch
            if each.decision is None
        ]
        settlements = [
            Settlement(each.run.id, each.run.claim_id, each.decision, each.ran_ms, _entries(each.records, now))
            for each in batch if each.decision is not None
        ]  # fmt: skip
        accepted: set[str] = set()
        ended: list[str] = []
        if completions:
            accepted = await self._runs.complete(completions)
            ended += accepted
        if settlements:
            states = await self._runs.settle(settlements)
            accepted |= states.keys()
            ended += [id_ for id_, state in states.items() if state is not RunState.PENDING and state is not RunState.BLOCKED]
            if waiting := [each.run for each in batch if states.get(each.run.id) is RunState.PENDING and _is_soon(each.decision)]:
                self._told.put_back(waiting)
        if len(accepted) < len(batch):
            self._lost([each.run for each in batch if each.run.id not in accepted])
        self._told.accepted(ended)

    # -- appending

    async def _append_all(self) -> None:
        try:
            while self._spoken:
                await asyncio.sleep(GATHER)
                batch = list(self._spoken.values())
                if not batch:
                    break
                self._spoken = {}
                self._n_records = 0
                self._appending = {each.run.id: [] for each in batch}
                FAULT("before_append")
                await self._insist(batch, self._write_records, self._refuse_records, "log lines")
                FAULT("after_append_commit")
                waited, self._appending = self._appending, {}
                for finishes in waited.values():
                    for finish in finishes:
                        self._finish(finish)
        finally:
            self._append_task = None
            self._settle_idle()

    async def _write_records(self, batch: list[_Spoken]) -> None:
        now = self._clock()
        appended = [
            Appended(each.run.id, each.run.claim_id, _entries([*each.records, *_gap(each, now)], now), _progress(each.records))
            for each in batch
        ]
        accepted = await self._runs.append(appended)
        if len(accepted) < len(batch):
            self._lost([each.run for each in batch if each.run.id not in accepted])

    # -- both

    async def _insist(
        self, batch: list[T], write: Callable[[list[T]], Awaitable[None]], refuse: Callable[[T, Exception], Awaitable[None]], what: str
    ) -> None:
        """Write until the store takes it: a run's outcome outlives an outage.

        A write whose answer was lost is repeated: a finish is refused by the fence then; a log line may stand there twice, which is better
        than not at all. What the store refuses for its content is looked for by halves: one run's oddity holds up nobody else.
        """
        tries = 0
        while True:
            try:
                await write(batch)
            except StoreUnavailable as error:
                tries += 1
                if tries == 1:
                    log.warning("%s cannot be written now, they are kept: %s", what, error)
                await asyncio.sleep(min(0.05 * 2**tries, 2.0))
            except Exception as error:  # noqa: BLE001 - anything else that comes out of here would end the recorder, and every run with it
                if len(batch) == 1:
                    log.error("%s of a run are refused by the store: %s", what, error, exc_info=error)
                    await refuse(batch[0], error)
                    return
                middle = len(batch) // 2
                await self._insist(batch[:middle], write, refuse, what)
                await self._insist(batch[middle:], write, refuse, what)
                return
            else:
                if tries:
                    log.info("%s are written again", what)
                return

    async def _refuse_finish(self, finish: _Finish, error: Exception) -> None:
        """End a run whose outcome cannot be stored as it is: failed, with the reason, and without what it said."""
        told = {"kind": ErrorKind.SYSTEM, "type": type(error).__name__, "message": f"the store refuses what the run left: {error}"[:2000]}
        decision = Decision(RunState.FAILED, AttemptOutcome.FAILED, error=told)
        plain = _Finish(finish.run, finish.ran_ms, [], None, decision)
        try:
            await self._write_finishes([plain])
        except Exception:  # noqa: BLE001 - the last resort of the recorder, which must go on
            log.exception("the run %s cannot be ended at all: a rescuer takes it when its time is over", finish.run.id)

    async def _refuse_records(self, spoken: _Spoken, error: Exception) -> None:
        """Count log lines that cannot be stored as dropped; the run goes on."""
        self.dropped += len(spoken.records)
        gap = _Spoken(spoken.run, [], spoken.dropped + len(spoken.records))
        try:
            await self._write_records([gap])
        except Exception:  # noqa: BLE001 - as above
            log.exception("not even the gap in the log of the run %s can be written", spoken.run.id)

    def _lost(self, runs: list[ClaimedRun]) -> None:
        self.lost_leases += len(runs)
        self._told.refused(runs)

    def _settle_idle(self) -> None:
        if self._finish_task is None and self._append_task is None and not self._finishes and not self._spoken:
            self._idle.set()


def _is_soon(decision: Decision | None) -> bool:
    return decision is not None and decision.until is None and (decision.delay is None or decision.delay <= SOON)


def _entries(records: Sequence[Record], now: float) -> list[Entry]:
    return [Entry(max(now - record.at, 0.0) * 1000, _KIND[record.kind], _data(record)) for record in records]


_KIND = {"log": EventKind.LOG, "progress": EventKind.PROGRESS, "gap": EventKind.GAP}


def _data(record: Record) -> Mapping[str, Any]:
    if record.kind == "log":
        data: dict[str, Any] = {"level": record.level, "message": record.message}
        if record.stream != "log":
            data["stream"] = record.stream
        if record.data:
            data["data"] = record.data
        return data
    data = dict(record.data or {})
    if record.message:
        data["message"] = record.message
    return data


def _progress(records: Sequence[Record]) -> Mapping[str, Any] | None:
    for record in reversed(records):
        if record.kind == "progress":
            return _data(record)
    return None


def _gap(spoken: _Spoken, now: float) -> list[Record]:
    return [Record("gap", now, data={"dropped": spoken.dropped})] if spoken.dropped else []
