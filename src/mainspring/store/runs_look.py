"""Runs as people look at them: by id, page by page, try by try, and counted. Nothing here changes anything.

Every look takes a `Scope`. A run outside of it is answered exactly as one that does not exist. What belongs to the engine and to code of
the host says `EVERYTHING`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mainspring.core.access import Scope
from mainspring.core.errors import ConfigurationError, Conflict, StoreUnavailable, UnknownFile, UnknownRun
from mainspring.core.file import Artifact
from mainspring.core.ids import is_id, looks_like_id
from mainspring.core.payload import is_reference
from mainspring.core.policy import Priority
from mainspring.core.run import Attempt, AttemptOutcome, Run
from mainspring.core.run_filter import RunFilter
from mainspring.core.state import RunState
from mainspring.core.status import Stuck
from mainspring.store import codes
from mainspring.store.database import NEWEST, Database, Record, parsed, seen_by, sure
from mainspring.store.file_store import FileStore
from mainspring.store.run_lists import RunListStore
from mainspring.store.search import SearchStore

# Runs that are searched for the end of an id at first; a few hundredths of a second.
FOUND_SOON = 50_000


@dataclass(frozen=True, slots=True)
class Latest:
    """How far a run is: the number of its latest event, and whether it is the last."""

    seq: int
    is_final: bool


class OfSchedule(Protocol):
    """What may be a schedule's: a run, whole or brief."""

    @property
    def schedule_id(self) -> int | None: ...


class RunReader:
    """Looks up runs, in both tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.files, self.search = FileStore(database), SearchStore(database)
        self.lists = RunListStore(database, self.search)

    async def get(self, run_id: str, *, scope: Scope) -> Run:
        """Return a run; raises `UnknownRun`, also for one outside of the scope."""
        found = await self.get_many([run_id], scope=scope)
        if not found:
            raise UnknownRun(f"there is no run {run_id}")
        return found[run_id]

    async def get_many(self, ids: Sequence[str], *, scope: Scope) -> dict[str, Run]:
        """Return the runs that exist among these ids, as far as they are seen."""
        found = [run for run, _ in await self.get_with_claim(ids, scope=scope)]
        return {run.id: run if not _is_spilled(run) else await self._whole(run) for run in found}

    async def _whole(self, run: Run) -> Run:
        """Return a run with its payloads in place of references; one that cannot be read stays a reference."""

        async def text_of(text: str) -> str:
            with suppress(UnknownFile, ConfigurationError, StoreUnavailable):
                return await self.files.text_of(text) if is_reference(text) else text
            return text

        return replace(run, params=await text_of(run.params), result=None if run.result is None else await text_of(run.result))

    async def get_with_claim(self, ids: Sequence[str], *, scope: Scope) -> list[tuple[Run, int | None]]:
        """Return runs with the event number of their last claim, as far as they are seen."""
        ids = [each for each in ids if is_id(each)]  # nothing else names a run, and PostgreSQL would refuse to compare it
        if not ids:
            return []
        rows = await self._database.read("runs_get", ids=self._database.to_list(ids), lowest=min(ids), highest=max(ids))
        if scope.is_everything:
            return [(self._run(row), row["claim_seq"]) for row in rows]
        return [(self._run(row), row["claim_seq"]) for row in rows if scope.sees(row["tenant"], row["actor"], row["task"])]

    async def seqs(self, ids: Sequence[str]) -> dict[str, Latest]:
        """Return how far the runs are that exist among these ids: what is cheap to ask again and again."""
        ids = [each for each in ids if is_id(each)]
        if not ids:
            return {}
        rows = await self._database.read("runs_seqs", ids=self._database.to_list(ids), lowest=min(ids), highest=max(ids))
        return {row["id"]: Latest(row["seq"], row["state"] >= codes.FIRST_FINAL) for row in rows}

    async def find(self, text: str, *, scope: Scope) -> str:
        """Return the id that a person means by an id or by its last characters; runs outside of the scope are none of them.

        Raises `UnknownRun` and, where several fit, `Conflict`.
        """
        given = text.strip().lower()
        if not looks_like_id(given):
            raise UnknownRun(f"{text!r} is no run id: give the whole id or at least its last four characters")
        if len(given) == 36:
            if not scope.is_everything and not await self.get_with_claim([given], scope=scope):
                raise UnknownRun(f"there is no run {given}")
            return given
        rows: list[Record] = []
        for bound in (FOUND_SOON, 2**31):  # people ask for young runs; the whole history is searched only if they do not
            rows = rows or await self._database.read("runs_find", ending=f"%{given}", bound=bound, **seen_by(self._database, scope))
        if not rows:
            raise UnknownRun(f"there is no run whose id ends with {given!r}")
        if len(rows) > 1:
            raise Conflict(f"several runs end with {given!r}: give more characters of one of " + ", ".join(str(row["id"]) for row in rows))
        return str(rows[0]["id"])

    async def page(
        self,
        *,
        scope: Scope,
        states: Sequence[RunState] | None = None,
        task: str | None = None,
        queue: str | None = None,
        label: str | None = None,
        before: str | None = None,
        n: int = 50,
        where: Sequence[tuple[str, str]] = (),
    ) -> list[Run]:
        """Return runs, newest first, below an id; filters are joined by *and*. ``where`` are search terms, see `Param`.

        More than these are `RunListStore`'s to look for.
        """
        if where or not scope.is_everything:
            only = RunFilter(states=states, task=task, queue=queue, label=label)
            ids = await self.lists.ids(only, scope=scope, start=before, n=n, terms=where)
            return sorted((run for run, _ in await self.get_with_claim(ids, scope=scope)), key=lambda run: run.id, reverse=True)
        wanted = None if states is None else [code for state in states for code in codes.CODES_OF[state]]
        values: dict[str, Any] = {"task": task, "queue": queue, "label": label, "before": before or NEWEST, "n": n}
        values["states"] = self._database.to_list(wanted)
        # Only final states: then no unfinished run is looked at, however many wait.
        values["n_unfinished"] = n if wanted is None or any(code < codes.FIRST_FINAL for code in wanted) else 0
        if states is not None and RunState.COMPLETED not in states:
            query = "runs_page_of_states"
            values["final_states"] = self._database.to_list([code for code in wanted or () if code >= codes.FIRST_FINAL])
        else:
            query = "runs_page" if task is None else "runs_page_of_task"
        rows = await self._database.read(query, **values)
        return [self._run(row) for row in rows]

    async def schedule_names(self, runs: Iterable[OfSchedule]) -> dict[int, str]:
        """Return what the schedules of runs are called; those that were deleted are missing."""
        ids = sorted({run.schedule_id for run in runs if run.schedule_id is not None})
        if not ids:
            return {}
        return {row["id"]: row["name"] for row in await self._database.read("runs_schedules", ids=self._database.to_list(ids))}

    async def artifacts(self, run_id: str, *, scope: Scope) -> list[Artifact]:
        """Return the files that a run has left behind, in order; none where the run is not seen."""
        if not scope.is_everything and not await self.get_with_claim([run_id], scope=scope):
            return []
        return await self.files.artifacts(run_id)

    async def attempts(self, run_id: str, *, scope: Scope) -> list[Attempt]:
        """Return the finished tries of a run, in order; a first try that succeeded is made up from the run."""
        run: Run | None = None
        if not scope.is_everything and (run := (await self.get_many([run_id], scope=scope)).get(run_id)) is None:
            return []
        tries = [each for each, _, _ in await self.attempts_with_seq(run_id)]
        if tries:
            return tries
        run = run or (await self.get_many([run_id], scope=scope)).get(run_id)
        if run is None or run.state is not RunState.COMPLETED or run.attempt != 1 or run.finished_at is None:
            return []
        return [Attempt(run.id, 1, AttemptOutcome.COMPLETED, None, run.node_id, run.started_at, run.finished_at, None, None)]

    async def attempts_with_seq(self, run_id: str) -> list[tuple[Attempt, int, int]]:
        """Return attempts with the event numbers of their claim and their end."""
        rows = await self._database.read("runs_attempts", id=run_id)
        return [(self._attempt(row), row["claim_seq"], row["end_seq"]) for row in rows]

    async def retried(self, ids: Iterable[str]) -> set[str]:
        """Return those of these runs that were done again already."""
        wanted = list(ids)
        if not wanted:
            return set()
        return {row["retry_of"] for row in await self._database.read("runs_retried", ids=self._database.to_list(wanted))}

    async def waiting(self, *, scope: Scope, bound: int = 100_000) -> list[Record]:
        """Return how many unfinished runs each queue has in each state, and since when the oldest is ready.

        Counts up to ``bound`` runs in all: nobody should wait for an exact large number.
        """
        rows = await self._database.read("runs_waiting", bound=bound, **seen_by(self._database, scope))
        return [
            {
                "queue": row["queue"],
                "state": codes.STATE_OF[row["state"]],
                "n": row["n"],
                "oldest_at": self._database.from_time(row["oldest_at"]),
            }
            for row in rows
        ]

    async def of_task(self, task: str, *, scope: Scope, bound: int = 100_000) -> dict[RunState, int]:
        """Return how many unfinished runs of a task there are in each state, those that wait for their turn counted up to a bound."""
        counts: dict[RunState, int] = {}
        for row in await self._database.read("runs_of_task", task=task, bound=bound, **seen_by(self._database, scope)):
            state = codes.STATE_OF[row["state"]]
            counts[state] = counts.get(state, 0) + row["n"]
        return counts

    async def running(self, *, scope: Scope) -> dict[str, int]:
        """Return the tasks of which runs are being carried out, sorted, with how many."""
        return {row["task"]: row["n"] for row in await self._database.read("runs_running", **seen_by(self._database, scope))}

    async def stuck(self, *, scope: Scope) -> list[Stuck]:
        """Return the tasks of which runs wait for a node that knows them, sorted."""
        rows = await self._database.read("runs_stuck", **seen_by(self._database, scope))
        return [Stuck(row["task"], row["n"], float(row["since_ms"])) for row in rows]

    def _run(self, row: Record) -> Run:
        time = self._database.from_time
        return Run(
            id=row["id"],
            task=row["task"],
            state=codes.STATE_OF[row["state"]],
            reason=row["reason"],
            queue=row["queue"],
            tenant=row["tenant"],
            priority=Priority(row["priority"]),
            attempt=row["attempt"],
            retries=row["retries"],
            max_retries=row["max_retries"],
            rescues=row["rescues"],
            created_at=sure(time(row["created_at"])),
            run_at=time(row["run_at"]),
            started_at=time(row["started_at"]),
            finished_at=time(row["finished_at"]),
            node_id=row["node_id"],
            params=row["params"],
            result=row["result"],
            error=parsed(row["error"]),
            progress=parsed(row["progress"]),
            key=row["key"],
            label=row["label"],
            origin=row["origin"],
            actor=row["actor"],
            retry_of=row["retry_of"],
            cancel_requested=bool(row["cancel_requested"]),
            cancelled_by=row["cancelled_by"],
            seq=row["seq"],
            schedule_id=row["schedule_id"],
            slot_at=time(row["slot_at"]),
            blocked_by=row["blocked_by"],
            blocked_on=row["blocked_on"],
        )

    def _attempt(self, row: Record) -> Attempt:
        time = self._database.from_time
        return Attempt(
            run_id=row["run_id"],
            number=row["number"],
            outcome=codes.OUTCOME_OF[row["outcome"]],
            reason=row["reason"],
            node_id=row["node_id"],
            started_at=time(row["started_at"]),
            finished_at=sure(time(row["finished_at"])),
            retry_at=time(row["retry_at"]),
            error=parsed(row["error"]),
        )


def _is_spilled(run: Run) -> bool:
    return is_reference(run.params) or is_reference(run.result)
