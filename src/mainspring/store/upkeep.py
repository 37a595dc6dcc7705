"""Upkeep of the store: partitions ahead of time, vacuum, what threatens it. Small idempotent rounds that any node may run."""

from __future__ import annotations

from datetime import datetime, timedelta

from mainspring.core.ids import first_id_of
from mainspring.store.database import Database

PARTITIONED = ("history", "attempts", "events")
DAYS_AHEAD = 14
DEAD_ROWS = 50_000  # dead rows in the hot table past which our own vacuum runs
_DAY = timedelta(days=1)


class Upkeep:
    """What keeps the store small and fast."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stuck = 0  # dead rows that the latest vacuum had to leave: somebody holds a snapshot

    async def may_change_schema(self) -> bool:
        """Tell whether this login owns the tables (PostgreSQL); a node with the role ``work`` does not, and leaves days to the owner."""
        return self._database.dialect == "sqlite" or bool((await self._database.read("upkeep_owner"))[0]["is_owner"])

    async def make_partitions(self, days_ahead: int = DAYS_AHEAD) -> list[str]:
        """Make the day partitions from yesterday to some days ahead (PostgreSQL); answers the new ones.

        Rows of a day that came before its partition lie in the default partition and move over. A login that does not own the tables makes
        none: its days are made by ``mainspring migrate``, and until then lie in the default partition.
        """
        if self._database.dialect == "sqlite":
            return []
        today = (await self._database.now()).replace(hour=0, minute=0, second=0, microsecond=0)
        wanted = [
            (f"{table}_{day:%Y%m%d}", table, day)
            for day in (today + offset * _DAY for offset in range(-1, days_ahead + 1))
            for table in PARTITIONED
        ]
        if {name for name, _, _ in wanted} <= set(await self.partitions()) or not await self.may_change_schema():
            return []
        made = []
        async with self._database.exclusive("partitions"):
            existing = set(await self.partitions())
            for name, table, day in wanted:
                if name not in existing:
                    await self._make_partition(name, table, day)
                    made.append(name)
        return made

    async def _make_partition(self, name: str, table: str, day: datetime) -> None:
        low, high = first_id_of(day), first_id_of(day + _DAY)
        id_ = "id" if table == "history" else "run_id"
        # One text is one transaction. The default partition is locked first, or a row could arrive between the two.
        await self._database.execute(
            f"lock table mainspring.{table}_rest in access exclusive mode; "
            f"create table mainspring.{name} (like mainspring.{table} including defaults including constraints); "
            f"with moved as "
            f"(delete from mainspring.{table}_rest where {id_} >= '{low}' and {id_} < '{high}' returning *) "
            f"insert into mainspring.{name} select * from moved; "
            f"alter table mainspring.{table} attach partition mainspring.{name} for values from ('{low}') to ('{high}')"
        )

    async def partitions(self) -> list[str]:
        """Return the names of all day partitions (PostgreSQL)."""
        if self._database.dialect == "sqlite":
            return []
        rows = await self._database.read("upkeep_partitions")
        return [row["name"] for row in rows]

    async def vacuum(self, dead_rows: int = DEAD_ROWS) -> bool:
        """Vacuum the hot table when it holds many dead rows (PostgreSQL); answers whether it did.

        Autovacuum comes round once a minute, which lets millions pile up. While a snapshot is held that keeps them all, each round would
        read the whole table for nothing: then it waits until they are twice as many, and leaves what the snapshot frees to autovacuum.
        """
        if self._database.dialect == "sqlite":
            return False
        dead = await self._dead()
        self._stuck = min(self._stuck, dead)
        if dead < max(dead_rows, 2 * self._stuck):
            return False
        await self._database.execute("vacuum (truncate off, index_cleanup on, skip_locked) mainspring.hot_runs")
        self._stuck = await self._dead()
        return True

    async def _dead(self) -> int:
        rows = await self._database.read("upkeep_dead_rows")
        return int(rows[0]["dead"]) if rows else 0

    async def threats(self) -> dict[str, float]:
        """Return what slows the queue down from outside (PostgreSQL; empty on SQLite).

        ``oldest_transaction`` is the age in seconds of the oldest open transaction of anybody, ``idle_slots`` how many
        replication slots nobody reads, ``dead_rows`` and ``live_rows`` are those of the hot table.
        """
        if self._database.dialect == "sqlite":
            return {}
        return {name: float(value or 0) for name, value in (await self._database.read("upkeep_threats"))[0].items()}
