"""The steward: moves what waits to where it belongs when a tenant or an owner is no more what they were.

The runs of a suspended tenant are held, those of a restored one go on, of a deleted one nothing is left in the end. What somebody has
started goes on with the rights that they have now: where they may start it no more, or are gone, their runs are held and their schedules
paused, with the reason ``owner_gone``, until somebody takes care of it. Nobody's runs begin with rights that their owner has lost.

Rows say what is still to be moved, so that most looks find nothing; a claim does not depend on any of this (see `OwnerBoard`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from mainspring.core.access import User, Verb
from mainspring.core.notice import Severity
from mainspring.core.run import ClaimedRun, Reason
from mainspring.core.task import Task
from mainspring.core.tenant import Standing, TenantState
from mainspring.engine.presence import Presence
from mainspring.store.owners import Owner
from mainspring.store.runs import Lane
from mainspring.store.store import Store

EVERY = 2.0  # seconds between looks
FRESH = 2.0  # seconds for which an enqueue believes what it has read of tenants
STEWARD = "mainspring"  # who pauses a schedule whose owner is gone, and resumes none but those
BATCHES = 10  # of a deleted tenant's rows in one look
LATE_EVERY = 150  # looks after which suspended tenants are searched for what has become ready since; claims leave it alone as it is
PEOPLE_EVERY = 15  # looks after which people with a row of ours are compared with what they were


class OwnerBoard:
    """Those who may do less than they once could, as this process last read it: mostly nobody, and then no claim asks for an owner."""

    def __init__(self, store: Store, tasks: Mapping[str, Task[..., object]]) -> None:
        self._store, self._tasks = store, tasks
        self.lost: Mapping[str, Owner] = {}
        self.has_people = False  # somebody with rights of their own has started something, ever

    async def read(self) -> None:
        """Read who has lost rights."""
        self.lost = await self._store.owners.lost()

    async def refused(self, runs: Sequence[ClaimedRun]) -> set[str]:
        """Return the ids of those of these claimed runs whose owner may start them no more, by what is so at this very moment."""
        await self.read()
        started = await self._store.owners.started([run.id for run in runs])
        tasks = {run.id: run.task for run in runs}
        return {
            each.run_id
            for each in started
            if each.owner is not None
            and (owner := self.lost.get(each.owner)) is not None
            and not may_start(owner, self._tasks.get(tasks[each.run_id]), tasks[each.run_id], each.tenant)
        }


def may_start(owner: Owner, task: Task[..., object] | None, name: str, tenant: str) -> bool:
    """Tell whether somebody may start a task for a tenant with the rights that they have now."""
    user: User = owner.user
    if owner.is_gone or not user.covers(name) or (user.tenants is not None and tenant not in user.tenants):
        return False
    return user.may(Verb.START, None if task is None else task.spec.access)


class Steward:
    """One node's steward: a `Loop`. Level-triggered, and any node may do it."""

    name = "steward"

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., object]], presence: Presence, board: OwnerBoard, *, moves: bool = True
    ) -> None:  # fmt: skip
        self._store, self._tasks, self._presence, self.board, self._moves = store, tasks, presence, board, moves
        self._rounds = 0
        self.on_ready: Callable[[Lane], None] = lambda lane: None

    async def tick(self) -> float:
        """Read what is to be moved, and move some of it."""
        look = await self._store.tenants.look()
        self.board.has_people |= "people" in look
        if "lost" in look or self.board.lost:
            await self.board.read()
        if self._presence.is_quiet or not self._moves:
            return EVERY
        is_late, self._rounds = self._rounds % LATE_EVERY == 0, self._rounds + 1
        is_more = False
        if "tenant" in look:
            for name, state in (await self._store.tenants.moving()).items():
                is_more |= await self._move_tenant(name, state)
        if "suspended" in look and is_late:
            for each in await self._store.tenants.list(state=TenantState.SUSPENDED, n=1000):
                await self._store.tenants.hold(each.name)  # what a retry, a limit or a delay has made ready since
        if "held" in look and is_late:
            self._grown(await self._store.owners.free_strays())
        if "local" in look and self._rounds % PEOPLE_EVERY == 1:
            await self._compare_people()
        if "owner" in look or "local" in look:
            for owner in (await self._store.owners.moving()).values():
                self._grown(await settle_owner(self._store, self._tasks, owner))
        return 0.0 if is_more else EVERY

    def _grown(self, lanes: Collection[Lane]) -> None:
        for lane in sorted(lanes):
            self.on_ready(lane)

    async def _move_tenant(self, name: str, state: TenantState) -> bool:
        tenants = self._store.tenants
        if state is TenantState.SUSPENDED:
            await tenants.hold(name)
            await tenants.moved(name, state)
            return False
        if state is TenantState.ACTIVE:
            _, lanes = await tenants.free(name)
            self._grown(lanes)
            await tenants.moved(name, state)
            return False
        left = 0
        for _ in range(BATCHES):
            if not (left := await tenants.purge(name, actor=STEWARD)):
                await tenants.moved(name, state)
                return False
        return left > await tenants.running(name)  # what runs has to end first

    async def _compare_people(self) -> None:
        """Note what people with a row of ours may do now: whoever has changed it does not have to say so here."""
        after = ""
        while people := await self._store.owners.list(after=after):
            for owner in people:
                if owner.user.kind != "local":
                    continue
                person = await self._store.users.get(owner.user.name)
                if person is None or not person.is_enabled:
                    await self._store.owners.gone(owner.user.name, reason="removed" if person is None else "disabled", actor=STEWARD)
                else:
                    rights = person.rights
                    await self._store.owners.know(User(person.name, rights.role, rights.tenants, teams=rights.teams))
            after = people[-1].user.name


async def settle_owner(store: Store, tasks: Mapping[str, Task[..., object]], owner: Owner) -> set[Lane]:
    """Hold the runs and pause the schedules that somebody may start no more, and let those go on that they may; answers lanes that grew."""
    grown, has_held = set[Lane](), False
    after: str | None = None
    while runs := await store.owners.runs_of(owner.user.name, after):
        allowed = {run.id: may_start(owner, tasks.get(run.task), run.task, run.tenant) for run in runs}
        to_hold = [run.id for run in runs if not allowed[run.id] and not run.is_held]
        to_free = [run.id for run in runs if allowed[run.id] and run.is_held]
        has_held |= not all(allowed.values())
        if to_hold:
            await store.owners.hold(to_hold)
        if to_free:
            grown |= await store.owners.free(to_free)
        after = runs[-1].id
    has_held |= await _settle_schedules(store, tasks, owner)
    await store.owners.moved(owner, has_held=has_held)
    return grown


async def _settle_schedules(store: Store, tasks: Mapping[str, Task[..., object]], owner: Owner) -> bool:
    has_held = False
    for record in await store.owners.schedules_of(owner.user.name):
        is_ours = record["paused_by"] == STEWARD and record["pause_reason"] == Reason.OWNER_GONE
        is_paused = record["paused_at"] is not None and record["resumed_at"] is None
        name, tenant = record["name"], record["tenant"]
        if may_start(owner, tasks.get(record["task"]), record["task"], tenant):
            if is_paused and is_ours:
                await store.schedules.resume(name, tenant=tenant, actor=STEWARD)
            continue
        has_held = True
        if not is_paused:
            await store.schedules.pause(name, reason=str(Reason.OWNER_GONE), tenant=tenant, actor=STEWARD)
            data = {"owner": owner.user.name, "task": record["task"], "is_gone": owner.is_gone}
            await store.notices.add(f"schedule:{name}", "owner_gone", Severity.ALERT, data)
    return has_held


class TenantBoard:
    """What an enqueue has to know of tenants: those that are suspended or deleted, and those with a quota, read when one is asked for."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._special: Mapping[str, Standing] = {}
        self._read_at = float("-inf")

    def known(self, name: str) -> Standing | None:
        """Return what was read last of a tenant; None for one that is like others."""
        return self._special.get(name)

    async def standing(self, name: str) -> Standing | None:
        """Return what is to be known of a tenant, at most a moment old; None for one that is like others."""
        if self._clock() - self._read_at > FRESH:
            self._special, self._read_at = await self._store.tenants.special(), self._clock()
        return self._special.get(name)

    def forget(self) -> None:
        """Read anew the next time."""
        self._read_at = float("-inf")
