"""The sweeper: looks for what no other loop would ever see, and puts it right once, with a notice.

Each loop finds what it is there for by its state: the rescuer running runs without a living node, the limiter those that wait for a limit,
the switcher and the gatekeeper what is blocked. What falls between them (a bug, a restored backup, a hand in the tables) would lie for
ever: a run that has a final record and an unfinished row as well, or one that waits and nobody could say for what. Runs have no children
yet, so there are no parents to look after.

It walks over all unfinished runs in small pages, and begins anew every few minutes. While a node of a newer release lives it repairs
nothing: what it does not know may be that one's.
"""

from __future__ import annotations

from collections.abc import Callable

from mainspring.core.capability import version_key
from mainspring.core.node import NodeState
from mainspring.core.notice import Severity
from mainspring.core.version import VERSION
from mainspring.engine.loop import log
from mainspring.store.runs import Lane
from mainspring.store.store import Store
from mainspring.store.sweep import FIRST, Found

EVERY = 300.0  # seconds between two walks
PAGE_EVERY = 1.0  # seconds between two pages of a walk: a thousand rows each, so a million take a quarter of an hour
PAGE = 1000


class Sweeper:
    """One node's eye on what cannot be. Any node may, all do."""

    name = "sweeper"
    patience = 600.0

    def __init__(self, store: Store) -> None:
        self._store, self._after = store, FIRST
        self._doubts: set[Found] = set()  # seen once: it may have been on its way from one state to another
        self._seen: set[Found] = set()
        self.repaired = 0
        self.on_ready: Callable[[Lane], None] = lambda lane: None

    async def tick(self) -> float:
        """Look at one page; repair what was wrong in the walk before, too."""
        page = await self._store.sweep.page(self._after, PAGE)
        if page.found and not await self._has_newer_nodes():
            for each in page.found:
                if each in self._doubts:
                    await self._repair(each)
                else:
                    self._seen.add(each)
        if page.last_id is not None:
            self._after = page.last_id
            return PAGE_EVERY
        self._after, self._doubts, self._seen = FIRST, self._seen, set()
        return PAGE_EVERY if self._doubts else EVERY  # what is doubtful is looked at again at once

    async def _repair(self, found: Found) -> None:
        has_repaired, lanes = await self._store.sweep.repair(found)
        if not has_repaired:
            return
        self.repaired += 1
        log.warning("the run %s of %s was put right: %s", found.run_id, found.task, found.what)
        data = {"what": found.what, "task": found.task}
        await self._store.notices.add(f"run:{found.run_id}", "run_repaired", Severity.WARNING, data, run_id=found.run_id)
        for lane in sorted(lanes):
            self.on_ready(lane)

    async def _has_newer_nodes(self) -> bool:
        own = version_key(VERSION)
        living = (each for each in await self._store.nodes.list() if each.state in (NodeState.ALIVE, NodeState.DRAINING))
        return any(version_key(str(each.facts.get("version") or "0")) > own for each in living)
