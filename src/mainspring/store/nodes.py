"""Nodes in the store: who lives, until when, and who is asked to stop which run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mainspring.core.node import Node, NodeCommand, NodeState
from mainspring.store import codes
from mainspring.store.database import Database, Record, sure


@dataclass(frozen=True, slots=True)
class Beat:
    """Answer to a beat.

    The database backend that took it (0 where there is none), the runs that were asked to stop, what an operator wants of the node (None:
    nothing was ever said), and whether the whole fleet rests.
    """

    backend: int
    cancels: tuple[str, ...]
    command: NodeCommand | None = None
    is_maintained: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What live nodes have code for, and the ids of those that fire schedules, sorted."""

    schedules: frozenset[str]
    tasks: frozenset[str]
    firing: tuple[str, ...]


class NodeStore:
    """Presence and leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, node_id: str, *, name: str, host: str, pid: int, lease: timedelta, facts: Mapping[str, Any]) -> None:
        """Say that a process lives."""
        await self._database.write(
            "nodes_register",
            id=node_id,
            name=name,
            host=host,
            pid=pid,
            lease_ms=lease.total_seconds() * 1000,
            facts=json.dumps(facts),
        )

    async def beat(
        self,
        node_id: str,
        *,
        lease: timedelta,
        running: int,
        state: NodeState = NodeState.ALIVE,
        facts: Mapping[str, Any] | None = None,
        is_direct: bool = False,
        vitals: Mapping[str, Any] | None = None,
    ) -> Beat | None:
        """Renew a lease in one statement.

        None means that others have declared the node dead. ``is_direct``: the same backend took the last beats.
        """
        values: dict[str, Any] = {
            "id": node_id,
            "lease_ms": lease.total_seconds() * 1000,
            "running": running,
            "state": codes.NODE_CODE[state],
            "facts": None if facts is None else json.dumps(facts),
            "vitals": None if vitals is None else json.dumps(vitals),
        }
        if self._database.dialect == "postgres":
            # a pooler's connection is nobody's sign of life
            values["is_direct"] = is_direct and not getattr(self._database, "is_pooled", False)
        rows = await self._database.write("nodes_beat", **values)
        if not rows:
            return None
        backend, cancels, command, maintenance = rows[0]
        is_maintained = maintenance is not None and bool(json.loads(maintenance).get("is_on"))
        return Beat(
            backend, tuple(json.loads(cancels) if isinstance(cancels, str) else cancels), codes.COMMAND_OF.get(command), is_maintained
        )

    async def command(
        self, node_ids: Sequence[str], command: NodeCommand, *, actor: str | None = None, reason: str | None = None
    ) -> list[str]:
        """Say what an operator wants of living nodes; answers the ids of those that will do so.

        Who is told to leave already cannot be called back, and is left out.
        """
        ids, code = self._database.to_list(list(node_ids)), codes.COMMAND_CODE[command]
        return [row[0] for row in await self._database.write("nodes_command", ids=ids, command=code, actor=actor, reason=reason)]

    async def reap(self, me: str, *, found: Sequence[str] = (), may_expire: bool = True) -> list[str]:
        """Declare nodes dead and return their ids.

        Those ``found`` dead, those whose backend is gone and, if ``may_expire``, those past their lease.
        """
        rows = await self._database.write("nodes_reap", me=me, found=self._database.to_list(list(found)), may_expire=may_expire)
        return [row[0] for row in rows]

    async def alive_on(self, host: str, me: str) -> list[str]:
        """Return the other nodes of a host that count as alive."""
        return [row["id"] for row in await self._database.read("nodes_alive_on", host=host, me=me)]

    async def known_tasks(self) -> set[str]:
        """Return the tasks that live nodes say they can run."""
        rows = await self._database.read("nodes_tasks")
        return {name for row in rows for name in json.loads(row["facts"]).get("tasks", ())}

    async def known_schedules(self) -> Knowledge:
        """Return what the code of live nodes knows, and which of them fire schedules."""
        rows = [(row["id"], json.loads(row["facts"])) for row in await self._database.read("nodes_tasks")]
        return Knowledge(
            frozenset(name for _, facts in rows for name in facts.get("schedules", ())),
            frozenset(name for _, facts in rows for name in facts.get("tasks", ())),
            tuple(sorted(id_ for id_, facts in rows if facts.get("fires"))),
        )

    async def stop(self, node_id: str) -> None:
        """Say good-bye."""
        await self._database.write("nodes_stop", id=node_id)

    async def forget(self, older: timedelta) -> int:
        """Forget dead and stopped nodes that hold nothing; answers how many."""
        return len(await self._database.write("nodes_forget", older_ms=older.total_seconds() * 1000))

    async def list(self) -> list[Node]:
        """Return all nodes that are remembered, the youngest first."""
        return [self._node(row) for row in await self._database.read("nodes_list")]

    def _node(self, row: Record) -> Node:
        time = self._database.from_time
        return Node(
            id=row["id"],
            name=row["name"],
            host=row["host"],
            pid=row["pid"],
            state=codes.NODE_STATE[row["state"]],
            started_at=sure(time(row["started_at"])),
            beat_at=sure(time(row["beat_at"])),
            lease_until=sure(time(row["lease_until"])),
            running=row["running"],
            facts=json.loads(row["facts"]),
            vitals=json.loads(row["vitals"] or "{}"),
            command=codes.COMMAND_OF.get(row["command"]),
            commanded_at=time(row["commanded_at"]),
            commanded_by=row["commanded_by"],
            command_reason=row["command_reason"],
        )
