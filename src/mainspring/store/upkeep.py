"""Upkeep of the store: partitions ahead of time, retention, vacuum. Small idempotent rounds that any node may run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mainspring.core.ids import first_id_of
from mainspring.store.database import Database

PARTITIONED = ("history", "attempts", "events")
DAYS_AHEAD = 14
DEAD_ROWS = 50_000  # dead rows in the hot table past which our own vacuum runs
PRUNED_TOGETHER = 1000  # rows in one transaction of a prune: short enough for others to write in between
_DAY = timedelta(days=1)


class Upkeep:
    """What keeps the store small and fast."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make_partitions(self, days_ahead: int = DAYS_AHEAD) -> list[str]:
        """Make the day partitions from yesterday to some days ahead (PostgreSQL); answers the new ones.

        Rows of a day that came before its partition lie in the default partition and move over.
        """
        if self._database.dialect == "sqlite":
            return []
        today = (await self._database.now()).replace(hour=0, minute=0, second=0, microsecond=0)
        wanted = [
            (f"{table}_{day:%Y%m%d}", table, day)
            for day in (today + offset * _DAY for offset in range(-1, days_ahead + 1))
            for table in PARTITIONED
        ]
        if {name for name, _, _ in wanted} <= set(await self.partitions()):
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

    async def prune(self, keep: timedelta) -> int:
        """Drop what finished longer ago than ``keep``; answers how many whole days (PostgreSQL) and rows went.

        A partition goes by the time in its ids, which is when runs were made. So it may fall only when its whole day is
        past ``keep``, nothing in it finished later and none of its runs is unfinished. What lies outside of days goes
        row by row.
        """
        dropped = 0
        if self._database.dialect == "postgres":
            oldest = await self._database.now() - keep
            days = {name.rpartition("_")[2] for name in await self.partitions()}
            for digits in sorted(days):
                day = datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC)
                if day + _DAY < oldest and not await self._is_needed(day, oldest):
                    for table in PARTITIONED:
                        await self._database.execute(f"drop table if exists mainspring.{table}_{digits}")
                    dropped += 1
        while True:
            rows = await self._database.write("upkeep_prune", keep_ms=round(keep.total_seconds() * 1000), n=PRUNED_TOGETHER)
            dropped += len(rows)
            if len(rows) < PRUNED_TOGETHER:
                return dropped

    async def _is_needed(self, day: datetime, oldest: datetime) -> bool:
        low, high = first_id_of(day), first_id_of(day + _DAY)
        days = f"id >= '{low}' and id < '{high}'"
        young = f"{days} and finished_at >= '{oldest.isoformat()}'"
        # Unfinished ones first: what finishes between the two questions is found by the second.
        for table, condition in (("hot_runs", days), ("history", young)):
            sql = f"select 1 as found from mainspring.{table} where {condition} limit 1"
            if await self._database.execute(sql):
                return True
        return False

    async def vacuum(self, dead_rows: int = DEAD_ROWS) -> bool:
        """Vacuum the hot table when it holds many dead rows (PostgreSQL); answers whether it did.

        Autovacuum comes round once a minute, which lets millions pile up.
        """
        if self._database.dialect == "sqlite":
            return False
        rows = await self._database.read("upkeep_dead_rows")
        if not rows or rows[0]["dead"] < dead_rows:
            return False
        await self._database.execute("vacuum (truncate off, index_cleanup on, skip_locked) mainspring.hot_runs")
        return True

    async def threats(self) -> dict[str, float]:
        """Return what slows the queue down from outside (PostgreSQL; empty on SQLite).

        ``oldest_transaction`` is the age in seconds of the oldest open transaction of anybody, ``idle_slots`` how many
        replication slots nobody reads, ``dead_rows`` and ``live_rows`` are those of the hot table.
        """
        if self._database.dialect == "sqlite":
            return {}
        return {name: float(value or 0) for name, value in (await self._database.read("upkeep_threats"))[0].items()}
