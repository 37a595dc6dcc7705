"""Runs in the store: add, claim, finish, append, stop, promote. What people look up is beside it, in `mainspring.store.runs_look`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from mainspring.core.dependency import dump_wait
from mainspring.core.errors import (
    Conflict,
    PayloadTooLarge,
    TransactionConflict,
    UnknownRun,
)
from mainspring.core.event import EventKind
from mainspring.core.run import Added, AttemptOutcome, ClaimedRun, Decision, Ending, ErrorKind, NewRun, Reason, Suspicion
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.along import along_with
from mainspring.store.batch import GroupCommit
from mainspring.store.beside import follow_changes, write_beside
from mainspring.store.database import Database, Record, Row, parsed
from mainspring.store.dedupe import AGAIN, DedupeStore, answer_of, has_policy, values_of
from mainspring.store.runs_look import RunReader

# Runs in one statement: larger ones gain nothing (measured 161k/s at 100, 225k/s at 1,000, 233k/s at 5,000).
CHUNK = 1000
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # the escape, but not an escaped backslash before the same letters
_BY_ID = attrgetter("id")  # batches lock rows in one order
_COMPLETION = ("id", "claim", "ms", "result", "records")
_LATE = json.dumps({
    "kind": ErrorKind.TIMEOUT, "type": "DeadlineExceeded", "message": "the run's deadline passed before it was done",
    "traceback": "", "causes": [],
})  # fmt: skip
_AGAIN = 3  # how often an enqueue looks again for a winner that committed after its snapshot


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """Queue x tenant x pool x priority, and the ready time from which a claim looks (None: from the beginning)."""

    queue: str
    tenant: str
    pool: int
    priority: int
    since: Any = None


@dataclass(frozen=True, slots=True)
class Within:
    """What who has little time may claim: runs of these tasks whose timeout is at most ``room``; those without have the ``default``."""

    tasks: Sequence[str]
    room: timedelta
    default: timedelta


class Grown(set[Lane]):
    """The lanes that grew; ``keys`` are the limits in whose lists something waits now."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        rows = list(rows)
        super().__init__(Lane(*row[:4]) for row in rows if row[4] is None)
        self.keys = {row[4] for row in rows if row[4] is not None}

    def __bool__(self) -> bool:
        return len(self) > 0 or bool(self.keys)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to be kept: how long ago by the monotonic clock, what, and its data."""

    age_ms: float
    kind: EventKind
    data: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Completion:
    """A run that completed, by the node that holds it."""

    id: str
    claim_id: str
    ran_ms: float
    result: str | None
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was decided about a run whose try ended in any other way."""

    id: str
    claim_id: str
    decision: Decision
    ran_ms: float = 0.0
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """Records of a run that goes on; ``progress`` is the latest, if there is any."""

    id: str
    claim_id: str
    entries: Sequence[Entry]
    progress: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Answer to a request to stop one run: its state before, and the node that holds it if it was running."""

    id: str
    was_running: bool
    node_id: str | None


@dataclass(frozen=True, slots=True)
class Besides:
    """What a running run has besides what a claim answers: how it ends after its rollback, its latest error, and its marks."""

    ending: Ending | None
    error: Mapping[str, Any] | None
    meta: Mapping[str, Any]
    key: str | None = None
    origin: str = "api"
    schedule_id: int | None = None
    slot_at: datetime | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running run without a living node. ``together``: how many that node held."""

    run: ClaimedRun
    node_id: str | None
    together: int


class RunStore(RunReader):
    """Everything about runs, written once for both databases."""

    def __init__(self, database: Database, shard: int = 0) -> None:
        super().__init__(database)
        self._shard = shard
        self._add = GroupCommit(self._add_hinted, most=CHUNK)
        self.dedupe = DedupeStore(database, _json)

    # -- adding

    async def add(self, run: NewRun, hint: str | None = None) -> Added:
        """Add one run; concurrent callers share a commit. Answers the run that won where key or id was taken.

        ``hint`` is sent to other processes right behind the commit.
        """
        if along_with("runs_add") is not None:  # with its row in the audit trail, so in a transaction of its own
            return (await self._add_hinted([(run, hint)]))[0]
        return await self._add((run, hint))

    async def _add_hinted(self, items: Sequence[tuple[NewRun, str | None]]) -> list[Added]:
        hint = next((hint for _, hint in items if hint is not None), None)
        return await self._add_batch([run for run, _ in items], hint)

    async def add_many(self, runs: Sequence[NewRun]) -> list[Added]:
        """Add runs in the order given, one round trip per thousand; each is answered for itself."""
        added: list[Added] = []
        for start in range(0, len(runs), CHUNK):
            added += await self._add_batch(runs[start : start + CHUNK])
        return added

    async def add_within(self, runs: Sequence[NewRun]) -> list[Added]:
        """Add runs inside a transaction that somebody else holds, one statement after the other; answers as `add_many`.

        Waits for nothing but the database, so that a blocking caller can drive it without an event loop.
        """
        if any(run.beside is not None for run in runs):
            for run in runs:
                if run.beside is not None and run.beside.is_large:
                    raise PayloadTooLarge(
                        f"the parameters of {run.task} are too large for their row, and in somebody's transaction they cannot go among the "
                        "files: put the data first, with app.files.put(…), and hand over the File"
                    )
            await write_beside(self.files, self.search, runs)
        alone = [ord_ for ord_, run in enumerate(runs) if has_policy(run) or len(runs) == 1]
        found = {ord_: await self._add_alone(runs[ord_]) for ord_ in alone}
        others = [ord_ for ord_ in range(len(runs)) if ord_ not in found]
        for start in range(0, len(others), CHUNK):
            chunk = others[start : start + CHUNK]
            found |= zip(chunk, await self._add_simply([runs[ord_] for ord_ in chunk], is_repeated=False), strict=True)
        added = [found[ord_] for ord_ in range(len(runs))]
        await follow_changes(self.files, self.search, runs, added)
        return added

    async def _add_alone(self, run: NewRun) -> Added:
        for turn in range(AGAIN):
            name, values = self.statement(run, may_wait=turn % 2 == 1)
            if (added := self.answer(run, await self._database.write(name, **values))) is not None:
                return added
        raise TransactionConflict(
            f"{run.task}: a run with the key {run.key!r} is being written beside this transaction; roll it back and run it again"
        )

    async def add_alike(self, like: NewRun, rows: Sequence[tuple[str, str]]) -> None:
        """Add runs that differ from ``like`` in nothing but id and parameters, and have no key.

        Two statements are under way at once. Raises `Conflict` where an id is taken.
        """
        values = self.one_values(like)
        del values["id"], values["params"]
        at_once = asyncio.Semaphore(2)  # one is made ready while the other is written

        async def add(chunk: Sequence[tuple[str, str]]) -> None:
            async with at_once:
                if self._database.dialect == "sqlite":
                    await self._database.write("runs_add_alike", rows=to_json(chunk).decode(), **values)
                else:
                    ids, params = zip(*chunk, strict=True)
                    await self._database.write("runs_add_alike", ids=ids, paramses=params, **values)

        try:
            async with asyncio.TaskGroup() as group:
                for start in range(0, len(rows), CHUNK):
                    group.create_task(add(rows[start : start + CHUNK]))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _add_batch(self, runs: Sequence[NewRun], hint: str | None = None) -> list[Added]:
        is_repeated = False
        try:
            if len(runs) == 1 and runs[0].is_plain:
                await self._database.write("runs_add_one", behind=hint, **self.one_values(runs[0]))
                return [Added(runs[0].id, True)]
            shape = _shape(runs[0]) if len(runs) > 1 else None
            if shape is not None and all(_shape(run) == shape for run in runs[1:]):
                await self.add_alike(runs[0], [(run.id, run.params) for run in runs])
                if hint is not None:
                    await self._database.notify(hint)
                return [Added(run.id, True) for run in runs]
        except Conflict:  # an id is there: an earlier try of this call was committed
            is_repeated = True
        added = await self._add_together(runs, is_repeated=is_repeated)
        if hint is not None:
            await self._database.notify(hint)
        return added

    async def add_again(self, run: NewRun) -> Added:
        """Add a run whose first try may or may not have been committed.

        The same id is never added twice, even when its run has already finished; then it is answered as not new.
        """
        return (await self.add_many_again([run]))[0]

    async def add_many_again(self, runs: Sequence[NewRun]) -> list[Added]:
        """Add runs of which the first try may have committed some; as `add_again`, for many."""
        added: list[Added] = []
        for start in range(0, len(runs), CHUNK):
            added += await self._add_together(runs[start : start + CHUNK], is_repeated=True)
        return added

    async def _add_together(self, runs: Sequence[NewRun], *, is_repeated: bool) -> list[Added]:
        if any(run.beside is not None for run in runs):
            runs = await write_beside(self.files, self.search, runs)
            answers = await self._add_together_bare(runs, is_repeated=is_repeated)
            await follow_changes(self.files, self.search, runs, answers)
            return answers
        return await self._add_together_bare(runs, is_repeated=is_repeated)

    async def _add_together_bare(self, runs: Sequence[NewRun], *, is_repeated: bool) -> list[Added]:
        special = [ord_ for ord_, run in enumerate(runs) if has_policy(run)]
        if special:
            others = [ord_ for ord_ in range(len(runs)) if not has_policy(runs[ord_])]
            found: dict[int, Added] = {}
            if others:
                found |= zip(others, await self._add_simply([runs[ord_] for ord_ in others], is_repeated=is_repeated), strict=True)
            columns = [(runs[ord_], self.many_values(runs[ord_])) for ord_ in special]
            found |= zip(special, await self.dedupe.add(columns, is_repeated=is_repeated), strict=True)
            return [found[ord_] for ord_ in range(len(runs))]
        return await self._add_simply(runs, is_repeated=is_repeated)

    async def _add_simply(self, runs: Sequence[NewRun], *, is_repeated: bool) -> list[Added]:
        answers: dict[int, Added] = {}
        first_with: dict[tuple[str, ...], int] = {}  # doubles within the batch follow the first
        follows: dict[int, int] = {}
        for ord_, run in enumerate(runs):
            leader = first_with.setdefault((run.id,), ord_)
            if run.key is not None:
                leader = min(leader, first_with.setdefault((run.tenant, run.task, run.key), ord_))
            if leader != ord_:
                follows[ord_] = leader
        asked = [ord_ for ord_ in range(len(runs)) if ord_ not in follows]
        for _ in range(_AGAIN):
            batch = _json([self.many_values(runs[ord_]) | {"ord": ord_} for ord_ in asked])
            rows = await self._database.write("runs_add", batch=batch, is_repeated=is_repeated)
            answers |= {ord_: Added(id_, bool(is_new)) for ord_, id_, is_new in rows if id_ is not None}
            asked = [ord_ for ord_ in asked if ord_ not in answers]
            if not asked:
                break
        if asked:
            run = runs[asked[0]]
            raise Conflict(f"{run.task}: another run with the key {run.key!r} came and went just now; enqueue again")
        return [answers[ord_] if ord_ in answers else Added(answers[follows[ord_]].id, False) for ord_ in range(len(runs))]

    def statement(self, run: NewRun, *, may_wait: bool = False) -> tuple[str, dict[str, Any]]:
        """Return the query that adds one run on somebody else's connection, and its values; `answer` reads its rows. Does nothing.

        ``may_wait``: for another transaction that is writing about the run's key, where the policy is about runs that wait. To be left out
        in the first try: mostly the other one is a claim, for whose run nobody should wait with a transaction open.
        """
        if run.is_plain:
            return "runs_add_one", self.one_values(run)
        if has_policy(run):
            values: dict[str, Any] = {"batch": _json([values_of(run, self.many_values(run))]), "is_repeated": False}
            if self._database.dialect == "postgres":
                values |= {"may_wait": may_wait, "may_change": True, "is_own": False}
            return "dedupe_add", values
        return "runs_add", {"batch": _json([self.many_values(run) | {"ord": 0}]), "is_repeated": False}

    def answer(self, run: NewRun, rows: Sequence[Sequence[Any]]) -> Added | None:
        """Read the rows that the query of `statement` has answered; None where the key was being written just then: ask again."""
        if run.is_plain:
            return Added(run.id, True)
        if has_policy(run):
            return answer_of(tuple(rows[0]))
        _, id_, is_new = rows[0]
        return None if id_ is None else Added(str(id_), bool(is_new))

    def one_values(self, run: NewRun) -> dict[str, Any]:
        """Return the values of ``runs_add_one``, for this database or for a caller's own connection."""
        return {
            "id": run.id,
            "task": run.task,
            "params": run.params,
            "queue": run.queue,
            "tenant": run.tenant,
            "pool": int(run.pool),
            "priority": int(run.priority),
            "delay_ms": 0.0 if run.delay is None else run.delay.total_seconds() * 1000,
            "run_at": self._database.to_time(run.run_at),
            "timeout_ms": _milliseconds(run.timeout),
            "deadline_ms": _milliseconds(run.deadline),
            "max_retries": run.max_retries,
            "max_rescues": run.max_rescues,
            "is_repeatable": run.is_repeatable,
            "label": run.label,
            "origin": run.origin,
            "actor": run.actor,
            "params_version": run.params_version,
            "meta": run.meta,
        }

    def many_values(self, run: NewRun) -> dict[str, Any]:
        """Return a run as the columns of a batch."""
        overlap = run.overlap
        return self.one_values(run) | {
            "key": run.key,
            "retry_of": run.retry_of,
            "limit_queue": run.limit_queue,
            "limit_task": run.limit_task,
            "limit_key": run.limit_key,
            "schedule_id": run.schedule_id,
            "slot_at": self._database.to_time(run.slot_at),
            "gate": int(run.gate),
            "overlap": None if overlap is None else codes.POLICY_CODE[overlap.policy],
            "overlap_most": None if overlap is None else overlap.most,
            "overlap_key": run.overlap_key,
            "depends": run.depends,
        }

    # -- the life of a run in a node's hands

    async def lanes(self) -> list[tuple[Lane, Any]]:
        """Return the lanes that hold ready runs, each with the ready time of its oldest; paused queues are left out."""
        rows = await self._database.write("runs_lanes")
        return [(Lane(queue, tenant, pool, priority), oldest) for queue, tenant, pool, priority, oldest in rows]

    async def claim(
        self, node_id: str, claim_id: str, lanes: Sequence[Lane], n: int, grace: timedelta, *, within: Within | None = None
    ) -> list[ClaimedRun]:
        """Take up to ``n`` ready runs from lanes in the order given; a node that was declared dead gets none.

        Sorted by priority, ready time and id. ``grace`` is added to a run's timeout for the moment when a rescuer
        takes it. ``within``: only what is of some tasks and short enough.
        """
        values: dict[str, Any] = {"node": node_id, "claim": claim_id, "n": n, "grace_ms": _milliseconds(grace)}
        if self._database.dialect == "sqlite":
            values["lanes"] = json.dumps([[lane.queue, lane.tenant, lane.pool, lane.priority, self._since(lane.since)] for lane in lanes])
        else:
            values["queues"] = [lane.queue for lane in lanes]
            values["tenants"] = [lane.tenant for lane in lanes]
            values["pools"] = [lane.pool for lane in lanes]
            values["priorities"] = [lane.priority for lane in lanes]
            values["watermarks"] = [self._since(lane.since) for lane in lanes]
        if within is not None:
            values["tasks"] = self._database.to_list(list(within.tasks))
            values["room_ms"], values["default_ms"] = _milliseconds(within.room), _milliseconds(within.default)
        rows = await self._database.write("runs_claim" if within is None else "runs_claim_within", **values)
        runs = [_claimed(claim_id, row) for row in rows]
        order = {(lane.queue, lane.tenant, lane.pool, lane.priority): place for place, lane in enumerate(lanes)}
        runs.sort(key=lambda run: (order[run.queue, run.tenant, run.pool, run.priority], run.ready_at, run.id))
        return runs

    async def take(self, run_id: str, node_id: str, claim_id: str, grace: timedelta) -> ClaimedRun | None:
        """Take one run by its id, if it is ready; None where another was faster or it is not due."""
        rows = await self._database.write("runs_take", id=run_id, node=node_id, claim=claim_id, grace_ms=_milliseconds(grace))
        return _claimed(claim_id, rows[0]) if rows else None

    async def claimed_under(self, claim_id: str, node_id: str) -> list[ClaimedRun]:
        """Return what a claim took whose answer was lost on the way."""
        rows = await self._database.write("runs_claimed_under", claim=claim_id, node=node_id)
        return [_claimed(claim_id, row) for row in rows]

    async def besides(self, ids: Sequence[str]) -> dict[str, Besides]:
        """Return what running runs have besides what a claim answers, by id: for rollbacks and for tasks with hooks."""
        rows = await self._database.read("runs_besides", ids=self._database.to_list(list(ids)))
        return {
            row["id"]: Besides(
                Ending.load(row["ending"]), parsed(row["error"]), parsed(row["meta"]) or {}, row["key"], row["origin"], row["schedule_id"],
                self._database.from_time(row["slot_at"]), row["actor"],
            )
            for row in rows
        }  # fmt: skip

    async def params_version(self, run_id: str) -> int:
        """Return the version of the code's parameters under which a run was stored; raises `UnknownRun`."""
        rows = await self._database.read("runs_params_version", id=run_id)
        if not rows:
            raise UnknownRun(f"there is no run {run_id}")
        return int(rows[0]["params_version"])

    async def held_by(self, node_id: str) -> dict[str, str]:
        """Return id and claim of every run that the store thinks a node holds."""
        return {row[0]: row[1] for row in await self._database.write("runs_held_by", node=node_id)}

    async def complete(self, completions: Sequence[Completion]) -> set[str]:
        """Finish runs that completed.

        Answers the ids accepted. A missing one had been taken from its node: nothing was written for it.
        """
        rows: list[Any] = [
            (each.id, each.claim_id, each.ran_ms, each.result, _records(each.entries)) for each in sorted(completions, key=_BY_ID)
        ]
        values: dict[str, Any] = {"shard": self._shard}
        if self._database.dialect == "sqlite":
            values["has_records"] = any(each.entries for each in completions)
        else:
            rows = [dict(zip(_COMPLETION, row, strict=True)) for row in rows]
        values["batch"] = _json(rows)
        return {row[0] for row in await self._database.write("runs_complete", **values)}

    async def settle(self, settlements: Sequence[Settlement], *, is_owner: bool = True) -> dict[str, RunState]:
        """Write decisions.

        Answers the state that each accepted run is in now (a cancel or a deadline may have overruled the decision).
        A rescuer is no owner: it leaves out what others are writing right now, so that it never waits for them.
        """
        batch = _json([self._settled(each) for each in sorted(settlements, key=_BY_ID)])
        values: dict[str, Any] = {"batch": batch, "shard": self._shard, "late": _LATE}
        if self._database.dialect == "postgres":
            values["is_owner"] = is_owner
        rows = await self._database.write("runs_settle", **values)
        return {row[0]: codes.STATE_OF[row[1]] for row in rows}

    def _settled(self, settlement: Settlement) -> dict[str, Any]:
        decision = settlement.decision
        if decision.state is RunState.PENDING:
            state = codes.READY
        elif decision.state is RunState.BLOCKED:
            state = codes.BLOCKED
        else:
            state = codes.FINAL_CODE[decision.state]
        error = decision.error
        return {
            "id": settlement.id,
            "claim": settlement.claim_id,
            "state": state,
            "outcome": codes.OUTCOME_CODE[decision.outcome],
            "reason": _clean(decision.reason),
            "delay_ms": None if decision.delay is None else decision.delay.total_seconds() * 1000,
            "until": self._database.to_time(decision.until),
            "burns_retry": decision.burns_retry,
            "burns_rescue": decision.burns_rescue,
            "suspicion": None if decision.suspicion is None else int(decision.suspicion),
            "home": None if decision.pool is None else int(decision.pool),
            "result": decision.result,
            "error": None if error is None else _json(error),
            "fingerprint": None if error is None else error.get("fingerprint"),
            "ms": settlement.ran_ms,
            "records": _records(settlement.entries),
            "aside": _aside(decision),
        }

    async def outcome_of(
        self, node_id: str, tries: Mapping[str, int], outcomes: Mapping[str, AttemptOutcome] | None = None
    ) -> dict[str, RunState]:
        """Return where runs are now of which these tries under a node have ended (run id: attempt number).

        For a node that did not hear the answer to `complete` or `settle`, and finds its second call refused: an id in this answer was
        written by the first call if its try ended as the node had said (``outcomes``, where given); else it was taken from the node.
        """
        if not tries:
            return {}
        ids = sorted(tries)
        rows = await self._database.read("runs_outcome", ids=self._database.to_list(ids), lowest=ids[0], highest=ids[-1], node=node_id)
        return {
            row["id"]: codes.STATE_OF[row["state"]]
            for row in rows
            if tries[row["id"]] == row["attempt"] and (outcomes is None or outcomes[row["id"]] is codes.OUTCOME_OF[row["outcome"]])
        }

    async def append(self, records: Sequence[Appended]) -> set[str]:
        """Append records of running runs; answers the ids accepted, as `complete` does."""
        batch = _json([
            {
                "id": each.id,
                "claim": each.claim_id,
                "progress": None if each.progress is None else _json(each.progress),
                "records": _records(each.entries) or [],
            }
            for each in sorted(records, key=_BY_ID)
        ])  # fmt: skip
        return {row[0] for row in await self._database.write("runs_append", batch=batch)}

    # -- stopping, promoting, rescuing

    async def cancel(self, ids: Sequence[str], *, actor: str | None = None, reason: str | None = None) -> dict[str, Stopped]:
        """Cancel waiting runs and flag running ones.

        An id that is missing in the answer has finished or is being written right now.
        """
        return await self._stop(ids, RunState.CANCELLED, actor, reason)

    async def expire(self, n: int = 500) -> int:
        """End waiting runs whose deadline has passed; answers how many."""
        ids = [row[0] for row in await self._database.write("runs_expired", n=n)]
        stopped = await self._stop(ids, RunState.TIMEOUT, None, "deadline") if ids else {}
        return sum(not each.was_running for each in stopped.values())  # one may have been claimed in between

    async def _stop(self, ids: Sequence[str], final: RunState, actor: str | None, reason: str | None) -> dict[str, Stopped]:
        rows = await self._database.write(
            "runs_stop",
            ids=self._database.to_list(list(ids)),
            final=codes.FINAL_CODE[final],
            actor=actor,
            reason=reason,
            shard=self._shard,
            late=_LATE,
            data=json.dumps({key: value for key, value in (("actor", actor), ("reason", reason)) if value is not None}),
        )
        return {id_: Stopped(id_, state == codes.RUNNING, node) for id_, state, node in rows}

    async def promote(self, n: int = 500, since: Any = None) -> Grown:
        """Make runs ready that are due at or after a watermark (None: all), or let them wait for their limits; answers what grew."""
        return Grown(await self._database.write("runs_promote", n=n, since=self._since(since)))

    async def next_due(self) -> timedelta | None:
        """Return how long until the next waiting run is due (zero or less: now), or None."""
        return (await self.next_due_from(None))[0]

    async def next_due_from(self, since: Any) -> tuple[timedelta | None, Any]:
        """Return how long until the next run is due that waits at or after a watermark (None: any), and the watermark for the next look.

        What was committed late lies behind it: it is found by a look from the beginning.
        """
        rows = await self._database.read("runs_next_due", since=self._since(since))
        return (timedelta(milliseconds=float(rows[0]["ms"])), rows[0]["since"]) if rows else (None, since)

    def _since(self, since: Any) -> Any:
        """Return a watermark as a value for queries; they are opaque to everybody else."""
        if self._database.dialect == "sqlite":
            return since or 0
        return "-infinity" if since is None else since.isoformat()

    async def unblock_known(self, tasks: Sequence[str], n: int = 500) -> Grown:
        """Let runs go on that waited for a node which knows their task; answers what grew."""
        reason = str(Reason.NO_CAPABLE_NODE)
        return Grown(await self._database.write("runs_unblock", tasks=self._database.to_list(list(tasks)), reason=reason, n=n))

    async def orphans(self, n: int = 500) -> list[Orphan]:
        """Return running runs whose node is dead or stopped."""
        return [_orphan(row) for row in await self._database.read("runs_orphans", n=n)]

    async def strays(self, n: int = 500) -> list[Orphan]:
        """Return running runs whose node nobody remembers: a look over everything that runs."""
        return [_orphan(row) for row in await self._database.read("runs_strays", n=n)]

    async def overdue(self, n: int = 500) -> list[Orphan]:
        """Return running runs that are past the time their node had for them."""
        return [Orphan(_bare(row), row["node_id"], 1) for row in await self._database.read("runs_overdue", n=n)]


ADDING = frozenset({"runs_add_one", "runs_add", "dedupe_add"})  # what adds one run, for whoever asks for it


def added_id(query: str, values: Mapping[str, Any], rows: Sequence[Row]) -> str | None:
    """Return the id of the run that a query has added, or that won; None for a query that adds none."""
    if query == "runs_add_one":
        return str(values["id"])
    if query == "runs_add" and rows and rows[0][1] is not None:
        return str(rows[0][1])
    return str(answer.id) if query == "dedupe_add" and rows and (answer := answer_of(tuple(rows[0]))) is not None else None


def _shape(run: NewRun) -> tuple[object, ...] | None:
    """Return everything but id and parameters of a run that cannot meet another, or None."""
    if not run.is_plain:
        return None
    return (run.task, run.queue, run.tenant, run.pool, run.priority, run.delay, run.run_at, run.timeout, run.deadline, run.max_retries,
            run.max_rescues, run.is_repeatable, run.label, run.origin, run.actor, run.params_version, run.meta)  # fmt: skip


def _claimed(claim_id: str, row: Row) -> ClaimedRun:
    (
        id_,
        task,
        params,
        attempt,
        retries,
        max_retries,
        rescues,
        max_rescues,
        timeout_ms,
        is_repeatable,
        suspicion,
        queue,
        tenant,
        pool,
        priority,
        ready_at,
        params_version,
        limits,
    ) = row
    return ClaimedRun(
        id_,
        claim_id,
        task,
        params,
        attempt,
        retries,
        max_retries,
        rescues,
        max_rescues,
        timeout_ms,
        bool(is_repeatable),
        suspicion,
        queue,
        tenant,
        pool,
        priority,
        ready_at,
        params_version,
        limits=() if limits is None else tuple(json.loads(limits)),
    )


def _orphan(row: Record) -> Orphan:
    return Orphan(_bare(row), row["node_id"], max(row["together"], row["node_running"]))


def _bare(row: Record) -> ClaimedRun:
    return ClaimedRun(
        id=row["id"],
        claim_id=row["claim_id"],
        task=row["task"],
        params="",
        attempt=row["attempt"],
        retries=row["retries"],
        max_retries=row["max_retries"],
        rescues=row["rescues"],
        max_rescues=row["max_rescues"],
        timeout_ms=None,
        is_repeatable=bool(row["is_repeatable"]),
        suspicion=Suspicion(row["suspicion"]),
        pool=row["pool"],
    )


def _aside(decision: Decision) -> dict[str, Any] | None:
    """Return what a decision says about rollbacks and waits, for ``runs_settle``; None for nearly all.

    ``ending``: what is left to do is the rollback; ``kept``: a rollback is what ended, and this the run keeps; ``owes``: no deadline
    ends it without one; ``no_try``: no body was begun, so there is no attempt; ``waits``: for which task the run waits, as dependencies are
    kept, and its name.
    """
    told: dict[str, Any] = {}
    if decision.ending is not None:
        told["ending"] = decision.ending.dump()
    if decision.rolled_back is not None:
        told["kept"] = {"reason": _clean(decision.rolled_back.reason), "error": _json(decision.rolled_back.error)}
    if decision.owes_rollback:
        told["owes"] = True
    if not decision.is_try:
        told["no_try"] = True
    if decision.waits_for is not None:
        told["waits"], told["waits_on"] = dump_wait(decision.waits_for), decision.waits_for
    return told or None


def _records(entries: Sequence[Entry]) -> list[list[Any]] | None:
    if not entries:
        return None
    return [[each.age_ms, codes.EVENT_CODE[each.kind], each.data] for each in entries]


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration.total_seconds() * 1000)


def _clean(text: str | None) -> str | None:
    """Return a text without the one character that PostgreSQL cannot keep: it must not bring a whole batch down."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _json(value: object) -> str:
    """Return JSON that every database reads, whatever a body has put into it: no NaN, no half characters, no NUL."""
    try:
        text = to_json(value, fallback=str, inf_nan_mode="strings").decode()
    except (PydanticSerializationError, UnicodeError):
        whole = json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace")
        text = to_json(json.loads(whole), inf_nan_mode="strings").decode()
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text
