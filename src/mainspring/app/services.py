"""The services of an app: what they are doing in the whole fleet, and what operators want of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainspring.app.definitions import Definitions
from mainspring.app.opening import Opening
from mainspring.core.errors import ConfigurationError, Conflict, UnknownService
from mainspring.core.node import NodeState

if TYPE_CHECKING:
    from mainspring.core.service import Sample, ServiceRow


class Services:
    """Reaches every node by the store: what is wanted here is done by the node that has the service, at once or within seconds."""

    def __init__(self, opening: Opening, definitions: Definitions) -> None:
        self._opening, self._definitions = opening, definitions

    @property
    def names(self) -> tuple[str, ...]:
        """The services whose code is here, sorted."""
        return tuple(self._definitions.registry.services)

    @property
    def problem(self) -> str | None:
        """Why no service starts in this place, as a code (``disabled``, ``serverless``); None where they do."""
        return self._definitions.settings.services_problem

    async def list(self, name: str | None = None) -> list[ServiceRow]:
        """Return every instance by name and place; of a service that each node has its own of, the shared row stands first.

        Raises `UnknownService` for a name of which neither this code nor any node has told.
        """
        rows = await (await self._opening.opened()).store.services.list(name=name or "")
        if name is not None and not rows and name not in self._definitions.registry.services:
            raise await self._unknown(name)
        return rows

    async def samples(self, name: str, node: str = "", *, n: int = 100) -> Sequence[Sample]:
        """Return what the probe of an instance has answered, the latest first; ``node`` is a node's name, empty for the fleet's one."""
        return await (await self._opening.opened()).store.services.samples(name, node, n=n)

    async def start(self, name: str, *, node: str | None = None, actor: str | None = None, reason: str | None = None) -> int:
        """Start a service that was stopped, has completed or has failed; its window of crashes begins anew.

        On all nodes, or on one by its name. Answers how many rows that concerned; raises `UnknownService`, `ConfigurationError`.
        """
        store = (await self._opening.opened()).store.services
        return await self._done(name, node, await store.start_anew(name, node, actor=actor, reason=reason))

    async def stop(self, name: str, *, node: str | None = None, actor: str | None = None, reason: str | None = None) -> int:
        """Stop a service until it is started again, over restarts and deploys; see `start`."""
        store = (await self._opening.opened()).store.services
        return await self._done(name, node, await store.stop(name, node, actor=actor, reason=reason))

    async def restart(self, name: str, *, node: str | None = None, actor: str | None = None, reason: str | None = None) -> int:
        """Replace what runs of a service, and start what does not; see `start`."""
        store = (await self._opening.opened()).store.services
        return await self._done(name, node, await store.restart(name, node, actor=actor, reason=reason))

    async def enable(self, name: str, *, actor: str | None = None, reason: str | None = None) -> int:
        """Enable a service over what its code says; one that was stopped stays so. See `start`."""
        return await self._switch(name, True, actor, reason)

    async def disable(self, name: str, *, actor: str | None = None, reason: str | None = None) -> int:
        """Disable a service over what its code says: it is stopped, and does not start. See `start`."""
        return await self._switch(name, False, actor, reason)

    async def forget(self, name: str) -> None:
        """Forget a service that no code has any more; its runs stay as long as runs do.

        Raises `UnknownService`, and `Conflict` while it runs or a living node knows it.
        """
        held = await self._opening.opened()
        rows = await held.store.services.list(name=name)
        if not rows:
            raise await self._unknown(name)
        nodes = [
            node.name
            for node in await held.store.nodes.list()
            if node.state in (NodeState.ALIVE, NodeState.DRAINING) and name in node.facts.get("services", ())
        ]
        if nodes:
            raise Conflict(f"{name} is known to {', '.join(sorted(nodes))}: take it out of the code there, or disable it")
        if not await held.store.services.drop(name):
            raise Conflict(f"{name} runs: stop it first, or wait until its node is known to be dead")

    async def _switch(self, name: str, is_enabled: bool, actor: str | None, reason: str | None) -> int:
        store = (await self._opening.opened()).store.services
        rows = await store.list(name=name)
        said = None if rows and rows[0].is_enabled_in_code is is_enabled else is_enabled  # an operator who agrees takes his word back
        return await self._done(name, None, await store.enable(name, said, actor=actor, reason=reason))

    async def _done(self, name: str, node: str | None, places: Sequence[str]) -> int:
        held = await self._opening.opened()
        if not places:
            rows = await held.store.services.list(name=name)
            if not rows:
                raise await self._unknown(name)
            there = ", ".join(row.place for row in rows if row.place) or "none: the fleet has one of it, leave the node out"
            raise ConfigurationError(f"node={node!r}: {name} has no row for a node of that name; there are {there}")
        await held.bus.services_changed()
        return len(places)

    async def _unknown(self, name: str) -> UnknownService:
        known = {row.name for row in await (await self._opening.opened()).store.services.list()} | set(self.names)
        if name in self.names:
            return UnknownService(f"no node has told of the service {name!r} yet: start one, with 'mainspring runner'")
        near = difflib.get_close_matches(name, known, n=2)
        guess = f", did you mean {' or '.join(repr(each) for each in near)}?" if near else ""
        return UnknownService(f"there is no service named {name!r}{guess}")
