"""The rescuer: finds dead nodes and gives their runs back. Level-triggered, on every node; two of them at once change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mainspring.core.node import NodeState
from mainspring.core.policy import PoolKind, Retry
from mainspring.core.rollback import as_loss, decide_whole
from mainspring.core.run import ClaimedRun, Decision, ErrorKind, Lost, Outcome, Reason, Suspicion, TimedOut
from mainspring.core.task import Task
from mainspring.engine.alerts import tell_losses
from mainspring.engine.faults import FAULT
from mainspring.engine.loop import log
from mainspring.engine.presence import Presence
from mainspring.engine.ration import Ration
from mainspring.store.files import FileLock
from mainspring.store.runs import Orphan, Settlement
from mainspring.store.store import Store

EVERY = 2.0
BATCH = 500
FORGET_AFTER = timedelta(days=1)
FORGET_EVERY = 1800  # rounds


class Rescuer:
    """Gives runs back whose node is gone, and takes runs from nodes that hold them past their time."""

    name = "rescuer"

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], presence: Presence, *, clock: Callable[[], float], default_retry: Retry
    ) -> None:
        self._store, self._tasks, self._presence, self._clock, self._default_retry = store, tasks, presence, clock, default_retry
        self._rounds = 0
        # Dead index entries make these looks dear while somebody holds a snapshot. A new death is always looked into at once.
        self._orphans, self._strays, self._overdue = Ration(0.0, 6.0), Ration(60.0, 600.0), Ration(0.0, 60.0)
        self.on_released: Callable[[], None] = lambda: None
        self.rescued = 0

    async def tick(self) -> float:
        """Look once; answers at once when there is more."""
        found = await self._dead_on_this_host()
        may_judge = self._presence.may_rescue(self._clock())
        dead = await self._store.nodes.reap(self._presence.id, found=found, may_expire=may_judge)
        if freed := self._free_among(sorted(set(dead) - set(found))):  # died since the look at the locks: their leases are over as well
            await self._store.nodes.reap(self._presence.id, found=freed, may_expire=False)
        if dead:
            log.warning("dead nodes: %s", ", ".join(id_[-8:] for id_ in dead))
            self._orphans.renew()
        self._sweep({*found, *dead})
        FAULT("after_reap")
        runs = self._store.runs
        orphans = [*await self._look(self._orphans, runs.orphans), *await self._look(self._strays, runs.strays)]
        gone = {each.run.id for each in orphans}  # a run without a node may be past its time as well: it is one loss, not two
        # A node that was cut off together with us may only be unable to say that its bodies ended in time, or be dead since long.
        late = await self._look(self._overdue, runs.overdue) if may_judge else []
        overdue = [each for each in late if each.run.id not in gone]
        settled = await self._settle([*((each, _loss(each)) for each in orphans), *((each, _overdue(each)) for each in overdue)])
        if self._rounds % FORGET_EVERY == 0:  # the first time at once: whoever buried a node may have died over it
            ended = (NodeState.DEAD, NodeState.STOPPED)
            self._sweep({each.id for each in await self._store.nodes.list() if each.host == self._presence.host and each.state in ended})
            await self._store.nodes.forget(FORGET_AFTER)
        self._rounds += 1
        return 0.0 if settled >= BATCH else EVERY

    async def _look(self, ration: Ration, look: Callable[[int], Awaitable[list[Orphan]]]) -> list[Orphan]:
        """Look, if it is time; again in the next round where there is more than fits into one."""
        began = self._clock()
        if not ration.is_due(began):
            return []
        found = await look(BATCH)
        ended = self._clock()
        ration.took(ended - began, ended)
        if len(found) >= BATCH:
            ration.renew()
        return found

    async def _dead_on_this_host(self) -> list[str]:
        """Return nodes of this host whose lock file is there but free: the kernel freed it when their process ended."""
        return self._free_among(await self._store.nodes.alive_on(self._presence.host, self._presence.id))

    def _free_among(self, node_ids: Iterable[str]) -> list[str]:
        dead = []
        for node_id in node_ids:
            path = self._presence.lock_path(node_id)
            if not path.exists():
                continue  # another mount or user: only the lease can tell
            lock = FileLock(path)
            try:
                if lock.try_acquire():
                    dead.append(node_id)
            finally:
                lock.close()
        return dead

    def _sweep(self, node_ids: Iterable[str]) -> None:
        """Take away the lock files of nodes that the store knows to be gone: none of them ever comes back under its id."""
        for node_id in node_ids:
            self._presence.lock_path(node_id).unlink(missing_ok=True)

    async def _settle(self, ends: Sequence[tuple[Orphan, Outcome]]) -> int:
        if not ends:
            return 0
        besides = await self._store.runs.besides([orphan.run.id for orphan, _ in ends])
        for orphan, _ in ends:
            if (more := besides.get(orphan.run.id)) is not None:
                orphan.run.ending, orphan.run.error = more.ending, more.error
        settlements = [Settlement(orphan.run.id, orphan.run.claim_id, self._decision(orphan.run, outcome)) for orphan, outcome in ends]
        states = await self._store.runs.settle(settlements, is_owner=False)
        FAULT("after_rescue_commit")
        decided = [(orphan.run, each.decision) for (orphan, _), each in zip(ends, settlements, strict=True)]
        await tell_losses(self._store.notices, decided, states)
        self.rescued += len(states)
        if states:
            told = ", ".join(f"{n} {state}" for state, n in sorted(Counter(states.values()).items()))
            log.warning("%d runs were taken from their nodes: %s", len(states), told)
            self.on_released()
        return len(ends)

    def _decision(self, run: ClaimedRun, outcome: Outcome) -> Decision:
        task = self._tasks.get(run.task)
        retry = (task.spec.retry if task is not None else None) or self._default_retry
        if run.ending is not None:
            outcome = as_loss(outcome)
        may_owe = task.hooks.rollback is not None if task is not None else run.pool != PoolKind.SERVICE
        return decide_whole(run, outcome, retry, may_owe=may_owe)


def _loss(orphan: Orphan) -> Outcome:
    node = (orphan.node_id or "?")[-8:]
    error = {"kind": ErrorKind.CRASH, "type": "NodeLost", "message": f"the node {node} was lost while the body ran", "node": orphan.node_id}
    is_alone = orphan.together <= 1 or orphan.run.suspicion == Suspicion.NODE
    is_first = is_alone or orphan.run.suspicion == Suspicion.NONE
    return Lost(Reason.LOST, error, is_alone=is_alone, suspicion=Suspicion.WITNESS if is_first else Suspicion.NODE)


def _overdue(orphan: Orphan) -> Outcome:
    message = "the node did not stop the body in time: another took the run from it"
    error = {"kind": ErrorKind.TIMEOUT, "type": "TimedOut", "message": message, "node": orphan.node_id}
    if not orphan.run.is_repeatable:  # its body may go on where it is: another must never begin
        return Lost(Reason.LOST, error, is_alone=True)
    return TimedOut(error)
