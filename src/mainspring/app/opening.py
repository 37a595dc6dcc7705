"""The store, held open for one event loop of one process, with the bus and the switches that belong to it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainspring.app.definitions import Definitions
from mainspring.core.errors import ConfigurationError
from mainspring.core.ids import make_claim_id
from mainspring.core.switch import Switches

if TYPE_CHECKING:
    from mainspring.config import Settings
    from mainspring.engine.alerts import Alerts, OnAlert
    from mainspring.engine.bus import Bus
    from mainspring.engine.runner import Runner
    from mainspring.engine.steward import TenantBoard
    from mainspring.engine.switcher import SwitchBoard
    from mainspring.store.store import Store

ALERT_SECONDS = 5.0  # that calls of `on_alert` get when the app closes
Clocked = Any  # a database made by a test, with a clock of its own


@dataclass(slots=True)
class Opened:
    """What belongs to one event loop of one process."""

    loop: asyncio.AbstractEventLoop
    pid: int
    store: Store
    bus: Bus
    board: SwitchBoard
    bus_task: asyncio.Task[None]
    stop: asyncio.Event
    tenants: TenantBoard
    is_listening: bool = False
    alerts: Alerts | None = None
    runner: Runner | None = None
    pulsing: asyncio.Lock = field(default_factory=asyncio.Lock)  # held while a pulse beats: one at a time for each process

    async def listen(self) -> None:
        """Hear the hints of other processes from now on."""
        if not self.is_listening:
            self.is_listening = True
            await self.bus.listen()


class Opening:
    """The way to the open store: it opens when it is first asked, in the loop of who asks.

    ``now`` is what is open, if anything is; ``switches`` what operators have switched, as this process last read it. ``database`` is one
    that a test made, to be used instead of what the settings name.
    """

    def __init__(self, settings: Settings, definitions: Definitions, database: Clocked | None) -> None:
        self.settings, self._definitions, self._database = settings, definitions, database
        self.now: Opened | None = None
        self.switches = Switches()
        self.on_alert: OnAlert | None = None
        self._lock: asyncio.Lock | None = None
        self._scratch: Path | None = None  # where the files of a store in memory lie

    def twin(self) -> Opening:
        """Return the same way once more, for another event loop."""
        twin = copy(self)
        twin.now = twin._lock = None
        return twin

    def closed_store(self) -> Store:
        """Return the store, not opened, for what needs to know it only."""
        from mainspring.store.store import Store, database_for

        return Store(self._database if self._database is not None else database_for(self.settings.url))

    @asynccontextmanager
    async def unchecked_store(self) -> AsyncIterator[Store]:
        """Open the store as it is, without a look at tasks or schema; it closes with the block."""
        store = self.closed_store()
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def opened(self) -> Opened:
        """Return what is open in this event loop; the first caller opens it. Raises `ConfigurationError` where another loop has it."""
        held = self.now
        loop = asyncio.get_running_loop()
        if held is not None and held.loop is loop and held.pid == os.getpid():
            return held
        if held is not None and not held.loop.is_closed() and held.pid == os.getpid() and held.loop.is_running():
            raise ConfigurationError(
                "this app is open in another event loop of this process: use app.blocking there, or one app for each loop"
            )
        if self._lock is None or held is not None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self.now is None or self.now is held:
                self.now = await self._open_fresh(loop)
        return self.now

    async def _open_fresh(self, loop: asyncio.AbstractEventLoop) -> Opened:
        from mainspring.engine.alerts import Alerts
        from mainspring.engine.bus import Bus
        from mainspring.engine.loop import Driver
        from mainspring.engine.means import blobs_for
        from mainspring.engine.steward import TenantBoard
        from mainspring.engine.switcher import SwitchBoard

        _ = self._definitions.registry  # bad definitions stop the start before anything is touched
        store = self.closed_store()
        store.files.settle(lambda: blobs_for(self.place_of_files()))
        await store.open()
        try:
            wanted = self.settings.auto_migrate
            is_ours_to_migrate = store.database.dialect == "sqlite" if wanted is None else wanted
            if is_ours_to_migrate and (await store.migrations.status()).waiting:
                await store.migrations.apply(phase="pre")
                await store.upkeep.make_partitions()
            await store.migrations.check()
        except BaseException:
            await store.close()
            raise
        alerts = None if self.on_alert is None else Alerts(self.on_alert)
        if alerts is not None:
            store.notices.on_alert = alerts
        board = SwitchBoard(store, self.switches, clock=loop.time)
        bus = Bus(store)
        driver = Driver(bus)
        bus.wake = driver.wake.set
        stop = asyncio.Event()
        bus_task, tenants = loop.create_task(driver.run(stop), name="mainspring-bus"), TenantBoard(store, clock=loop.time)
        return Opened(loop, os.getpid(), store, bus, board, bus_task, stop, tenants, alerts=alerts)

    async def close(self) -> None:
        """Stop this process's own node, if it has one, and let the store go. Runs in hand are given back."""
        held, self.now = self.now, None
        if held is None or held.pid != os.getpid():
            return
        if held.runner is not None:
            await held.runner.stop(drain=0.0)
        held.stop.set()
        held.bus_task.cancel()
        await asyncio.gather(held.bus_task, return_exceptions=True)
        if held.alerts is not None:
            await held.alerts.settled(ALERT_SECONDS)
        await held.bus.close()
        await held.board.close()
        await held.store.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def place_of_files(self) -> str | None:
        """Return where files lie: as the settings say, beside an SQLite file, or for a store in memory in a folder that goes with it."""
        if self.settings.files is not None:
            return self.settings.files
        database = self.closed_store().database
        if database.dialect != "sqlite":
            return None
        path: Path | None = getattr(database, "path", None)
        if path is not None:
            return f"{path.absolute()}.files"
        if self._scratch is None:
            self._scratch = Path(tempfile.gettempdir()) / f"mainspring-files-{make_claim_id()}"
        return str(self._scratch)
