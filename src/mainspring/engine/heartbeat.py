"""The heartbeat: one statement renews the lease of everything that a node holds, and brings back who is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from mainspring.core.node import NodeCommand, NodeState
from mainspring.engine.faults import FAULT
from mainspring.engine.loop import log
from mainspring.engine.presence import BEAT, Presence
from mainspring.store.files import FileLock
from mainspring.store.nodes import NodeStore

STOP_BEFORE = 10.0  # seconds before the lease ends at which bodies that must not run twice are stopped


class Held(Protocol):
    """What the heartbeat asks of the worker."""

    def cancel(self, run_ids: Sequence[str]) -> None:
        """Stop runs that somebody asked to stop."""

    def abandon(self) -> None:
        """Let go of everything."""

    def stop_unrepeatable(self) -> None:
        """Stop what must not run twice."""


class Heartbeat:
    """Renews this node's lease; a node that was declared dead lets go of everything and comes back under a new id."""

    name = "heartbeat"

    def __init__(self, nodes: NodeStore, presence: Presence, held: Held, *, clock: Callable[[], float], every: float = BEAT) -> None:
        self._nodes, self._presence, self._held, self._clock, self._every = nodes, presence, held, clock, every
        self._backends: list[int] = []
        self.lock: FileLock | None = None
        self._fence: asyncio.TimerHandle | None = None
        self.on_renewed: Callable[[], None] = lambda: None
        self.on_told: Callable[[NodeCommand | None, bool], None] = lambda command, is_maintained: None
        self.vitals: Callable[[], Mapping[str, Any]] = dict

    async def register(self, pid: int) -> None:
        """Begin to live: take the lock file, then say so in the store."""
        presence = self._presence
        presence.make_folder()
        self.let_go()
        self.lock = FileLock(presence.lock_path(presence.id))
        self.lock.acquire()
        asked_at = self._clock()
        await self._nodes.register(
            presence.id, name=presence.name, host=presence.host, pid=pid, lease=timedelta(seconds=presence.lease), facts=presence.facts
        )
        self._pid = pid
        self._renewed(asked_at)

    def _renewed(self, asked_at: float) -> None:
        """Note a renewal, and set the fence of what must not run twice: a call that hangs cannot keep a timer from going off."""
        self._presence.renewed(asked_at)
        self._disarm()
        lease = self._presence.lease
        ends_in = asked_at + lease - self._clock()
        wait = max(ends_in - min(STOP_BEFORE, lease / 3), 0.0)
        self._fence = asyncio.get_running_loop().call_later(wait, self._held.stop_unrepeatable)

    def _disarm(self) -> None:
        if self._fence is not None:
            self._fence.cancel()
            self._fence = None

    async def tick(self) -> float:
        """Renew once."""
        presence, asked_at = self._presence, self._clock()
        state = NodeState.DRAINING if presence.is_draining else NodeState.ALIVE
        is_direct = (
            len(self._backends) >= 2 and len(set(self._backends)) == 1
        )  # behind a pooler the backend changes, and says nothing of us
        FAULT("before_beat")
        beat = await self._nodes.beat(
            presence.id, lease=timedelta(seconds=presence.lease), running=presence.running, state=state, is_direct=is_direct,
            vitals=self.vitals(),
        )  # fmt: skip
        FAULT("after_beat_commit")
        if beat is None:
            log.warning("others have declared this node dead: it lets go of its runs and comes back under a new id")
            self._held.abandon()
            presence.reborn()
            await self.register(self._pid)
            return self._every
        if beat.backend:
            self._backends = [*self._backends[-2:], beat.backend]
        was_stale = asked_at - presence.renewed_at > self._every * 2
        self._renewed(asked_at)
        if was_stale:
            self.on_renewed()
        self.on_told(beat.command, beat.is_maintained)
        if beat.cancels:
            self._held.cancel(beat.cancels)
        return self._every

    async def stop(self) -> None:
        """Say good-bye, and free the lock file."""
        self._disarm()
        try:
            await self._nodes.stop(self._presence.id)
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Free the lock file, and take it away."""
        if self.lock is not None:
            self.lock.path.unlink(missing_ok=True)
            self.lock.close()
            self.lock = None
