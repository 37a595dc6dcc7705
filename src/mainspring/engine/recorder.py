"""The recorder: everything that a node has to say about its runs, written in batches, in order, fenced by the claim.

A flush goes out at once when none is under way; while one is, the rest gathers. What the store cannot take now is kept and tried again;
only log lines and progress have a bound, past which they are dropped, counted and shown as a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import StoreUnavailable
from mainspring.core.event import EventKind
from mainspring.core.run import AttemptOutcome, ClaimedRun, Decision, ErrorKind
from mainspring.core.state import RunState
from mainspring.engine.alerts import tell_losses
from mainspring.engine.faults import FAULT
from mainspring.engine.loop import log
from mainspring.engine.records import Record
from mainspring.store.file_store import FileStore, Left, Role, file_of
from mainspring.store.notices import NoticeStore
from mainspring.store.runs import Appended, Completion, Entry, RunStore, Settlement

MOST = 1000  # finishes in one statement
BACKLOG = 10_000  # unwritten finishes past which the worker claims nothing more
MOST_RECORDS = 20_000  # unwritten log lines of a whole node past which they are dropped
SOON = timedelta(seconds=1)  # a run that waits longer is found in time by those who look once a second
MOMENT, MOMENTS = 0.01, 20  # seconds between looks whether log lines are written whose batch is under way, and how many looks
GATHER = 0.1  # seconds that log lines of running runs wait for company
BRIEFLY, FOLLOWED_EVERY = 0.02, 0.05  # likewise where somebody follows one of them, and seconds from one such write to the next

T = TypeVar("T")


class Told(Protocol):
    """Who wants to know what became of the writes."""

    def accepted(self, ended: Sequence[str]) -> None:
        """Hear of runs that have ended, by id."""

    def refused(self, runs: Sequence[ClaimedRun]) -> None:
        """Hear of runs that are no longer this node's."""

    def put_back(self, runs: Sequence[ClaimedRun]) -> None:
        """Hear of runs that wait again, and not for long."""

    def let_go(self, keys: Collection[str]) -> None:
        """Hear of limits of which a run is no longer running."""


@dataclass(slots=True)
class _Finish:
    run: ClaimedRun
    ran_ms: float
    records: list[Record]
    result: str | None
    decision: Decision | None
    node_id: str
    is_uncertain: bool = False  # an earlier try to write it broke off: it may have been carried out

    @property
    def outcome(self) -> AttemptOutcome:
        return AttemptOutcome.COMPLETED if self.decision is None else self.decision.outcome


@dataclass(slots=True)
class _Spoken:
    run: ClaimedRun
    records: list[Record] = field(default_factory=list)
    dropped: int = 0


class Recorder:
    """Writes completions, settlements and records of one node."""

    def __init__(
        self, runs: RunStore, told: Told, *, clock: Callable[[], float], node_id: Callable[[], str], files: FileStore | None = None,
        notices: NoticeStore | None = None,
    ) -> None:  # fmt: skip
        self._runs, self._told, self._clock, self._node_id, self._files = runs, told, clock, node_id, files
        self._notices = notices
        self._finishes: list[_Finish] = []
        self._spoken: dict[str, _Spoken] = {}
        self._appending: dict[str, list[_Finish]] = {}  # runs whose records are under way, with the finish that waits for them
        self._append_batch: list[_Spoken] = []
        self._own: dict[str, _Spoken] = {}  # runs that their own bodies complete: what they say now waits for their end
        self._own_finishes: dict[str, _Finish] = {}
        self._own_tasks: set[asyncio.Task[None]] = set()
        self._n_records = 0
        self._in_flight: list[_Finish] = []
        self._finish_task: asyncio.Task[None] | None = None
        self._append_task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.dropped = 0
        self.lost_leases = 0
        self.on_tasks: Callable[[Collection[str]], None] = lambda tasks: None  # hears of which tasks runs have ended, or wait again
        self.is_followed: Callable[[str], bool] = lambda run_id: False  # whether somebody watches a run now
        self.on_said: Callable[[Collection[str]], None] = lambda run_ids: None  # hears of which runs records are written
        self._hurry = asyncio.Event()  # somebody watches a run that has said something
        self._appended_at = float("-inf")

    @property
    def backlog(self) -> int:
        """How many finishes are not written yet."""
        return len(self._finishes) + len(self._in_flight) + len(self._appending) + len(self._own_finishes)

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
        return any(each.run.id == run_id for batch in (self._finishes, self._in_flight) for each in batch) or (
            run_id in self._appending or run_id in self._own_finishes
        )

    def unwritten(self) -> set[str]:
        """Return the ids of all runs about which something is still to be written."""
        return {each.run.id for batch in (self._finishes, self._in_flight) for each in batch} | (
            self._appending.keys() | self._spoken.keys() | self._own_finishes.keys()
        )

    # -- taking

    def completed(self, run: ClaimedRun, result: str | None, ran_ms: float, records: list[Record]) -> None:
        """Take a run that completed."""
        self._finish(_Finish(run, ran_ms, records, result, None, self._node_id()))

    def decided(self, run: ClaimedRun, decision: Decision, ran_ms: float, records: list[Record]) -> None:
        """Take a decision about a run whose try ended in any other way."""
        self._finish(_Finish(run, ran_ms, records, None, decision, self._node_id()))

    def said(self, run: ClaimedRun, records: Sequence[Record]) -> None:
        """Take records of a run that goes on."""
        spoken = self._own.get(run.id) or self._spoken.get(run.id)
        if spoken is None:
            spoken = self._spoken[run.id] = _Spoken(run)
        room = MOST_RECORDS - self._n_records
        kept = list(records[: max(room, 0)])
        if len(kept) < len(records):
            kept += [each for each in records[len(kept) :] if each.kind == "artifact"]  # a file that is stored must have its row
        spoken.records.extend(kept)
        self._n_records += len(kept)
        if len(kept) < len(records):
            spoken.dropped += len(records) - len(kept)
            self.dropped += len(records) - len(kept)
        if run.id in self._own:
            return
        self._idle.clear()
        if self.is_followed(run.id):
            self._hurry.set()
        if self._append_task is None:
            self._append_task = asyncio.get_running_loop().create_task(self._append_all(), name="mainspring-append")

    def forget(self, run_id: str) -> None:
        """Drop what is unwritten about a run that is no longer ours."""
        for spoken in (self._spoken.pop(run_id, None), self._own.pop(run_id, None)):
            if spoken is not None:
                self._n_records -= len(spoken.records)

    async def flushed(self) -> None:
        """Wait until everything taken so far is written or refused."""
        await self._idle.wait()

    async def close(self) -> None:
        """Give up what the store has not taken: a rescuer will find those runs."""
        left = [task for task in (self._finish_task, self._append_task, *self._own_tasks) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    # -- finishing

    def _finish(self, finish: _Finish) -> None:
        run_id = finish.run.id
        if (spoken := self._spoken.pop(run_id, None)) is not None:  # what was said before rides along
            self._n_records -= len(spoken.records)
            finish.records = [*spoken.records, *_gap(spoken, self._clock()), *finish.records]
        self._idle.clear()
        if (own := self._own.pop(run_id, None)) is not None:
            self._n_records -= len(own.records)
            finish.records = [*own.records, *_gap(own, self._clock()), *finish.records]
            self._own_finishes[run_id] = finish
            task = asyncio.get_running_loop().create_task(self._finish_own(finish), name="mainspring-finish-own")
            self._own_tasks.add(task)
            task.add_done_callback(self._own_tasks.discard)
            return
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

    async def _leave(self, spoken: Iterable[tuple[ClaimedRun, Sequence[Record]]]) -> None:
        """Keep the files that runs left behind, before they may end: fenced by their claims, as everything."""
        left = [
            Left(run.id, run.claim_id, run.attempt, Role(record.data["role"]), file_of(record.data))
            for run, records in spoken for record in records if record.kind == "artifact" and record.data is not None
        ]  # fmt: skip
        if left and self._files is not None:
            await self._files.leave(left)

    async def _write_finishes(self, batch: list[_Finish]) -> None:
        await self._leave((each.run, each.records) for each in batch if each.records)
        now = self._clock()
        completions = [
            Completion(each.run.id, each.run.claim_id, each.ran_ms, each.result, entries_of(each.records, now))
            for each in batch
            if each.decision is None
        ]
        settlements = [
            Settlement(each.run.id, each.run.claim_id, each.decision, each.ran_ms, entries_of(each.records, now))
            for each in batch if each.decision is not None
        ]  # fmt: skip
        states: dict[str, RunState] = {}
        try:
            if completions:
                states |= dict.fromkeys(await self._runs.complete(completions), RunState.COMPLETED)
            if settlements:
                states |= await self._runs.settle(settlements)
            states |= await self._written_before([each for each in batch if each.is_uncertain and each.run.id not in states])
        except StoreUnavailable:
            for each in batch:
                each.is_uncertain = True
            raise
        if waiting := [each.run for each in batch if states.get(each.run.id) is RunState.PENDING and _is_soon(each.decision)]:
            self._told.put_back(waiting)
        if len(states) < len(batch):
            self._lost([each.run for each in batch if each.run.id not in states])
        if keys := {key for each in batch for key in each.run.limits if key is not None}:
            self._told.let_go(keys)
        self.on_tasks({each.run.task for each in batch})
        self._told.accepted([id_ for id_, state in states.items() if state.is_final])
        if settlements and self._notices is not None:
            await tell_losses(self._notices, [(each.run, each.decision) for each in batch], states)

    async def _written_before(self, finishes: Sequence[_Finish]) -> dict[str, RunState]:
        """Return where runs are now whose finish was written by an earlier try, of which only the answer was lost."""
        states: dict[str, RunState] = {}
        for node_id in sorted({each.node_id for each in finishes}):
            mine = [each for each in finishes if each.node_id == node_id]
            tries = {each.run.id: each.run.attempt for each in mine}
            states |= await self._runs.outcome_of(node_id, tries, {each.run.id: each.outcome for each in mine})
        return states

    # -- runs that their own bodies complete

    def is_appending(self, run_id: str) -> bool:
        """Tell whether log lines of a run are being written now."""
        return run_id in self._appending

    async def appended(self, run_id: str) -> list[Record]:
        """Wait a moment for the log lines of a run that are being written; answers those that are still not.

        On SQLite they wait for the transaction that the run's own body holds, and it must not wait for them.
        """
        for _ in range(MOMENTS):
            if run_id not in self._appending:
                return []
            await asyncio.sleep(MOMENT)
        return [record for each in self._append_batch if each.run.id == run_id for record in each.records]

    def hold_back(self, run: ClaimedRun, records: Sequence[Record]) -> list[Record]:
        """Hear that a body is about to complete its run itself, and what it said last; answers all that is not written.

        The completion writes that. It is kept here as well, with what the run says from now on, for a transaction that rolls back.
        """
        own = self._own.setdefault(run.id, _Spoken(run))
        if (spoken := self._spoken.pop(run.id, None)) is not None:
            own.records += spoken.records
            own.dropped += spoken.dropped
        own.records += records
        self._n_records += len(records)
        return [*own.records, *_gap(own, self._clock())]

    async def _finish_own(self, finish: _Finish) -> None:
        """End a run whose body was about to complete it: by itself, so that a transaction that was left open holds up nobody else."""
        try:
            await self._insist([finish], self._write_own, self._refuse_finish, "results")
        finally:
            self._own_finishes.pop(finish.run.id, None)
            self._settle_idle()

    async def _write_own(self, batch: list[_Finish]) -> None:
        run = batch[0].run
        found = (await self._runs.get_many([run.id], scope=EVERYTHING)).get(run.id)
        if found is None or found.state is not RunState.COMPLETED or found.attempt != run.attempt:
            await self._write_finishes(batch)  # its transaction was rolled back: the run ends as any other
            return
        if keys := {key for key in run.limits if key is not None}:
            self._told.let_go(keys)
        self.on_tasks({run.task})
        self._told.accepted([run.id])

    # -- appending

    async def _append_all(self) -> None:
        try:
            while self._spoken:
                await self._gather()
                batch = list(self._spoken.values())
                if not batch:
                    break
                self._spoken, self._append_batch = {}, batch
                self._n_records = sum(len(each.records) for each in self._own.values())
                self._appending = {each.run.id: [] for each in batch}
                FAULT("before_append")
                await self._insist(batch, self._write_records, self._refuse_records, "log lines")
                FAULT("after_append_commit")
                waited, self._appending = self._appending, {}
                self.on_said(waited.keys())
                for finishes in waited.values():
                    for finish in finishes:
                        self._finish(finish)
        finally:
            self._append_task = None
            self._settle_idle()

    async def _gather(self) -> None:
        """Let log lines wait for company; not for long where somebody looks at them come in."""
        now = asyncio.get_running_loop().time
        until = now() + GATHER
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), GATHER)
        if self._hurry.is_set():
            self._hurry.clear()
            await asyncio.sleep(max(min(max(now() + BRIEFLY, self._appended_at + FOLLOWED_EVERY), until) - now(), 0.0))
        self._appended_at = now()

    async def _write_records(self, batch: list[_Spoken]) -> None:
        await self._leave((each.run, each.records) for each in batch)
        now = self._clock()
        appended = [
            Appended(each.run.id, each.run.claim_id, entries_of([*each.records, *_gap(each, now)], now), _progress(each.records))
            for each in batch
        ]
        accepted = await self._runs.append(appended)
        if len(accepted) < len(batch):  # one that its own body has completed is gone, and not lost
            self._lost([each.run for each in batch if each.run.id not in accepted | self._own.keys() | self._own_finishes.keys()])

    # -- both

    async def _insist(
        self, batch: list[T], write: Callable[[list[T]], Awaitable[None]], refuse: Callable[[T, Exception], Awaitable[None]], what: str
    ) -> None:
        """Write until the store takes it: a run's outcome outlives an outage.

        A write whose answer was lost is repeated: a finish is refused by the fence then, and found to be written; a log line may stand
        there twice, which is better than not at all. What the store refuses for its content is looked for by halves: one run's oddity
        holds up nobody else.
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
        plain = _Finish(finish.run, finish.ran_ms, [], None, decision, finish.node_id)
        await self._insist([plain], self._write_finishes, self._give_up_finish, "results")

    async def _give_up_finish(self, finish: _Finish, error: Exception) -> None:
        log.error("the run %s cannot be ended at all: a rescuer takes it when its time is over", finish.run.id)

    async def _refuse_records(self, spoken: _Spoken, error: Exception) -> None:
        """Count log lines that cannot be stored as dropped; the run goes on."""
        self.dropped += len(spoken.records)
        gap = _Spoken(spoken.run, [], spoken.dropped + len(spoken.records))
        await self._insist([gap], self._write_records, self._give_up_records, "log lines")

    async def _give_up_records(self, gap: _Spoken, error: Exception) -> None:
        log.error("not even the gap in the log of the run %s can be written", gap.run.id)

    def _lost(self, runs: list[ClaimedRun]) -> None:
        self.lost_leases += len(runs)
        self._told.refused(runs)

    def _settle_idle(self) -> None:
        is_written = self._finish_task is None and self._append_task is None and not self._finishes and not self._spoken
        if is_written and not self._own_finishes:
            self._idle.set()


def _is_soon(decision: Decision | None) -> bool:
    return decision is not None and decision.until is None and (decision.delay is None or decision.delay <= SOON)


def entries_of(records: Sequence[Record], now: float) -> list[Entry]:
    """Return records as the store keeps them; ``now`` is of the clock that they were made by."""
    return [
        Entry(max(now - record.at, 0.0) * 1000, _KIND[record.kind], _data(record))
        for record in records if record.kind != "artifact" or _is_left(record)
    ]  # fmt: skip


def _is_left(record: Record) -> bool:
    """Tell whether a file is something that the body left: a large result is a file, too, and no event."""
    return record.data is not None and record.data["role"] == Role.LEFT


_KIND = {"log": EventKind.LOG, "progress": EventKind.PROGRESS, "gap": EventKind.GAP, "artifact": EventKind.ARTIFACT}


def _data(record: Record) -> Mapping[str, Any]:
    if record.kind == "log":
        data: dict[str, Any] = {"level": record.level, "message": record.message}
        if record.stream != "log":
            data["stream"] = record.stream
        if record.data:
            data["data"] = record.data
        return data
    if record.kind == "artifact":
        held = record.data or {}
        return {"file": held["id"], "name": held["name"], "size": held["size"], "media_type": held["media_type"]}
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
