"""Tenants in the store: what somebody has said of them, what they have, and the moving of their runs.

A tenant needs no row. One that is suspended or deleted gives nothing to claims from the moment of its row, whatever hints and watermarks
remember; its runs are moved behind that, some at a time, by whoever has changed its state and by any node (`mainspring.engine.steward`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from mainspring.core.run import Reason
from mainspring.core.tenant import Standing, Tenant, TenantState
from mainspring.store.database import LOWEST, Database, Record, sure
from mainspring.store.retention import RetentionStore
from mainspring.store.runs import Grown, Lane, RunStore

CODES: Mapping[TenantState, int] = {TenantState.ACTIVE: 1, TenantState.SUSPENDED: 2, TenantState.DELETED: 3}
_STATES = {code: state for state, code in CODES.items()}
TOGETHER = 500  # runs in one statement


class TenantStore:
    """Looking, saying, and moving runs."""

    def __init__(self, database: Database, runs: RunStore, retention: RetentionStore) -> None:
        self._database, self._runs, self._retention = database, runs, retention

    # -- looking

    async def get(self, name: str) -> Tenant | None:
        """Return what was said of a tenant; None where nothing was."""
        rows = await self._database.read("tenants_get", name=name)
        return self._tenant(rows[0]) if rows else None

    async def list(self, *, state: TenantState | None = None, after: str = "", n: int = 100) -> list[Tenant]:
        """Return the tenants that something was said of, past a name, sorted by it."""
        rows = await self._database.read("tenants_list", after=after, state=None if state is None else CODES[state], n=n)
        return [self._tenant(row) for row in rows]

    async def special(self) -> dict[str, Standing]:
        """Return the tenants that are not active, or have a quota, by name."""
        return {
            row["name"]: Standing(_STATES[row["state"]], row["reason"], row["max_waiting"], row["max_bytes"])
            for row in await self._database.read("tenants_special")
        }

    async def waiting(self, name: str, bound: int = 100_000) -> int:
        """Return how many of a tenant's runs wait, counted up to a bound."""
        return int((await self._database.read("tenants_waiting", tenant=name, bound=bound))[0]["n"])

    async def running(self, name: str) -> int:
        """Return how many of a tenant's runs are being carried out."""
        return int((await self._database.read("tenants_running", tenant=name))[0]["n"])

    async def bytes(self, name: str) -> int:
        """Return how many bytes of files a tenant has, large parameters and results among them."""
        return int((await self._database.read("tenants_bytes", tenant=name))[0]["n"])

    # -- saying

    async def add(self, name: str, title: str | None = None, *, actor: str | None = None) -> bool:
        """Give a tenant a row; answers False where it has one."""
        return bool(await self._database.write("tenants_add", name=name, title=title, actor=actor))

    async def put_state(self, name: str, state: TenantState, *, actor: str | None = None, reason: str | None = None) -> bool:
        """Let a tenant be in another state; answers False for one that is deleted, which is for good."""
        rows = await self._database.write("tenants_state", name=name, state=CODES[state], is_moving=True, actor=actor, reason=reason)
        return bool(rows)

    async def set_quota(self, name: str, *, max_waiting: int | None, max_bytes: int | None, actor: str | None = None) -> None:
        """Set how much may wait and lie among the files; None takes a quota back."""
        await self._database.write("tenants_quota", name=name, max_waiting=max_waiting, max_bytes=max_bytes, actor=actor)

    async def set_retention(self, name: str, *, completed: timedelta | None, others: timedelta | None, actor: str | None = None) -> None:
        """Set how long finished runs are kept; None leaves it to tasks and app."""
        await self._database.write("tenants_keep", name=name, completed_ms=_ms(completed), others_ms=_ms(others), actor=actor)

    # -- moving runs to where they belong

    async def look(self) -> dict[str, set[str]]:
        """Return in one look what there is to do, by kind: names of a ``tenant`` or ``owner`` to be moved, of who has ``lost`` rights.

        Of ``suspended`` tenants, ``people``, ``local`` ones among them and ``held`` runs one stands for all.
        """
        found: dict[str, set[str]] = {}
        for row in await self._database.read("tenants_look"):
            found.setdefault(row["kind"], set()).add(row["name"])
        return found

    async def moving(self) -> dict[str, TenantState]:
        """Return the tenants whose runs are still to be moved, with what they are to be."""
        return {row["name"]: _STATES[row["state"]] for row in await self._database.read("tenants_moving")}

    async def hold(self, name: str) -> int:
        """Take what waits of a suspended tenant out of the lanes and lists; answers how many runs that were."""
        held, after = 0, LOWEST
        while rows := await self._database.read("tenants_ready", tenant=name, after=after, n=TOGETHER):
            ids = self._database.to_list([row["id"] for row in rows])
            held += len(await self._database.write("runs_hold_some", ids=ids, reason=str(Reason.TENANT_SUSPENDED)))
            after = rows[-1]["id"]
        return held

    async def free(self, name: str) -> tuple[int, set[Lane]]:
        """Let what is held of a tenant go on; answers how many runs, and the lanes that grew."""
        freed, lanes, after = 0, set[Lane](), LOWEST
        while rows := await self._database.read("tenants_held", tenant=name, after=after, n=TOGETHER):
            ids = self._database.to_list([row["id"] for row in rows])
            moved = await self._database.write("runs_free_some", ids=ids, reason=str(Reason.TENANT_SUSPENDED))
            freed += len(moved)
            lanes |= Grown(moved)
            after = rows[-1]["id"]
        return freed, lanes

    async def purge(self, name: str, *, actor: str | None = None) -> int:
        """Take away what there is of a deleted tenant, a batch of each kind; answers how much is left at least.

        What waits is cancelled, what runs is asked to stop and goes when it has ended, what has finished is deleted with its files, pinned
        or not.
        """
        left = await self.waiting(name, bound=1) + await self.running(name)
        if rows := await self._database.read("tenants_unfinished", tenant=name, n=TOGETHER):
            await self._runs.cancel([row["id"] for row in rows], actor=actor, reason=Reason.TENANT_DELETED)
        finished = [str(row["id"]) for row in await self._database.read("tenants_finished", tenant=name, n=TOGETHER)]
        if finished:
            left += len(finished)
            for run_id in finished:
                if await self._retention.pin_of(run_id) is not None:
                    await self._retention.unpin(run_id)
            await self._retention.delete(finished)
        await self._database.write("tenants_clear", tenant=name)
        return left

    async def moved(self, name: str, state: TenantState) -> None:
        """Note that a tenant's runs are where they belong."""
        await self._database.write("tenants_moved", name=name, state=CODES[state])

    def _tenant(self, row: Record) -> Tenant:
        time = self._database.from_time
        return Tenant(
            name=row["name"], title=row["title"], state=_STATES[row["state"]], reason=row["reason"],
            completed=_duration(row["completed_ms"]), others=_duration(row["others_ms"]), max_waiting=row["max_waiting"],
            max_bytes=row["max_bytes"], created_at=sure(time(row["created_at"])), created_by=row["created_by"],
            changed_at=sure(time(row["changed_at"])), changed_by=row["changed_by"], is_moving=bool(row["is_moving"]),
            purged_at=time(row["purged_at"]),
        )  # fmt: skip


def _ms(age: timedelta | None) -> int | None:
    return None if age is None else round(age.total_seconds() * 1000)


def _duration(ms: int | None) -> timedelta | None:
    return None if ms is None else timedelta(milliseconds=ms)
