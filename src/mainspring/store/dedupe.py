"""Dedupe in the store: enqueues whose keys say more than "answer the unfinished run".

A key is held by a row of the hot table, whose unique index is the judge; ``once`` has a ledger besides, because finished runs leave that
table. What is written about a key is written in the statement that adds its run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mainspring.core.dedupe import LONGEST_WAIT, DedupePolicy, How
from mainspring.core.errors import Conflict
from mainspring.core.run import Added, NewRun
from mainspring.store import codes
from mainspring.store.database import Database, Row

# How often an enqueue asks again for a holder that came, went or began between its snapshot and its look. Each time something did happen
# to the key, so more than two are rare.
AGAIN = 10
SWEPT_TOGETHER = 1000
FREE = "free"  # what dedupe_add says of a key that nobody holds, in a statement that changes runs and adds none


def has_policy(run: NewRun) -> bool:
    """Tell whether adding this run takes more than the unique index of keys: a policy, or a retry that takes a key's place over."""
    return run.key is not None and (run.dedupe is not DedupePolicy.EXISTING or run.retry_of is not None)


def values_of(run: NewRun, columns: dict[str, Any], ord_: int = 0) -> dict[str, Any]:
    """Return one row of the batch of ``dedupe_add``: a run's ``columns`` and what its policy needs."""
    window = run.window
    told = {"policy": run.dedupe, "by": run.id, "actor": run.actor, "origin": run.origin}
    return columns | {
        "ord": ord_,
        "policy": run.dedupe,
        "window_ms": None if window is None else window.total_seconds() * 1000,
        "longest": LONGEST_WAIT,
        "told": json.dumps({name: value for name, value in told.items() if value is not None}),
        "handed": json.dumps({"key": run.key, "by": run.id}),
    }


def answer_of(row: Row) -> Added | None:
    """Return what a row of ``dedupe_add`` says; None where the key was being written just then: ask again."""
    _, id_, how, state = row
    if id_ is None:
        return None
    if how == "again":
        return Added(str(id_), False)
    said = How(how)
    return Added(str(id_), said is How.NEW, said, codes.STATE_OF[state] if said is How.REJECTED else None)


def crowded(run: NewRun) -> Conflict:
    """Return the error for a key at which too much happens at once."""
    return Conflict(f"{run.task}: other runs with the key {run.key!r} came and went just now; enqueue again")


class DedupeStore:
    """Adds runs by their policies, and forgets keys whose time is over."""

    def __init__(self, database: Database, dump: Callable[[object], str]) -> None:
        self._database, self._dump = database, dump

    async def add(self, runs: Sequence[tuple[NewRun, dict[str, Any]]], *, is_repeated: bool) -> list[Added]:
        """Add runs, each with its columns, in the order given; a key that is there twice is asked twice.

        ``is_repeated``: an earlier try of the same call may have been committed. Then its runs, and what it has replaced, are found
        by their ids, whatever has become of them since.
        """
        answers: dict[int, Added] = {}
        for batch in _rounds(runs):
            # A batch leaves out what others are writing, or two of them could wait for each other, and it does not add where it changes:
            # that is a second one. A single row may wait.
            left = await self._ask(batch, runs, answers, is_repeated=is_repeated)
            if len(free := [ord_ for ord_, why in left.items() if why == FREE]) > 1:
                left = {ord_: why for ord_, why in left.items() if why != FREE}
                left |= await self._ask(free, runs, answers, is_repeated=is_repeated, may_change=False)
            for ord_ in sorted(left):
                for _ in range(AGAIN):
                    if not await self._ask([ord_], runs, answers, is_repeated=is_repeated):
                        break
                else:
                    raise crowded(runs[ord_][0])
        return [answers[ord_] for ord_ in range(len(runs))]

    async def _ask(
        self,
        batch: Sequence[int],
        runs: Sequence[tuple[NewRun, dict[str, Any]]],
        answers: dict[int, Added],
        *,
        is_repeated: bool,
        may_change: bool = True,
    ) -> dict[int, str]:
        """Ask once; returns those without an answer, each with what is known about its key."""
        values: dict[str, Any] = {
            "batch": self._dump([values_of(*runs[ord_], ord_) for ord_ in batch]),
            "is_repeated": is_repeated,
        }
        if self._database.dialect == "postgres":
            values |= {"may_wait": len(batch) == 1, "may_change": may_change, "is_own": True}
        left: dict[int, str] = {}
        for row in await self._database.write("dedupe_add", **values):
            if (answer := answer_of(row)) is not None:
                answers[row[0]] = answer
            else:
                left[row[0]] = row[2]
        return left

    async def sweep(self) -> int:
        """Forget what has expired, by the database's clock; answers how many keys are free now."""
        freed = 0
        while True:
            keys, requests = (int(n) for n in (await self._database.write("dedupe_sweep", n=SWEPT_TOGETHER))[0])
            freed += keys
            if max(keys, requests) < SWEPT_TOGETHER:
                return freed


def _rounds(runs: Iterable[tuple[NewRun, dict[str, Any]]]) -> list[list[int]]:
    """Return the places of runs in batches in which no id and no key is twice, the earlier first."""
    rounds: list[list[int]] = []
    seen: dict[tuple[str, ...], int] = {}
    for ord_, (run, _) in enumerate(runs):
        assert run.key is not None
        names = ((run.id,), (run.tenant, run.task, run.key))
        turn = max(seen.get(name, 0) for name in names)
        seen.update(dict.fromkeys(names, turn + 1))
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(ord_)
    return rounds
