"""Verbs about nodes as they live: how they are, and what is wanted of them. They reach every node, from anywhere, through the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import Conflict, UnknownNode
from mainspring.core.ids import looks_like_id
from mainspring.core.node import Node, NodeCommand, NodeState
from mainspring.core.role import Role
from mainspring.operations.maintenance import MaintenanceView, read_maintenance
from mainspring.operations.nodes import NodeView, node_view
from mainspring.operations.operation import Caller, Request, View, operation, tell
from mainspring.store.store import Store

LOOK = 0.1  # seconds between looks whether nodes have done what they were told
BRIEF = (Role.LOCAL, Role.PULSE)  # they live for their own runs or for a round; who is meant by "all" stays
_LIVING = (NodeState.ALIVE, NodeState.DRAINING)


class RunnerRequest(Request):
    """Which nodes."""

    all: bool = Field(False, description="also those that have stopped or died")


class RunnerView(View):
    """The living nodes, the youngest first, and whether all of them rest."""

    nodes: list[NodeView]
    maintenance: MaintenanceView


class CommandRequest(Request):
    """Which nodes, why, and how long to wait for them."""

    nodes: list[str] = Field(default_factory=list, description="nodes by name, by id or by its end")
    all: bool = Field(False, description="every living node but those of app.run and of pulses")
    reason: str | None = Field(None, description="why; kept with the node and in the audit trail")
    wait: str | None = Field(None, description="wait until they have done so, for so long at most, as 30s")


class Told(View):
    """One node that was told something. ``is_done``: it has done so already; ``is_late``: it was leaving, and is not called back."""

    id: str
    name: str
    state: NodeState
    is_done: bool
    is_late: bool


class Commanded(View):
    """What was wanted, and of whom; ``name`` are the names of the nodes."""

    command: NodeCommand
    name: str
    nodes: list[Told]


@operation("runner.status")
async def show_runner(app: Mainspring, request: RunnerRequest, caller: Caller) -> RunnerView:
    """Show the nodes with their roles, how they are doing, and what operators want of them."""
    store = await app.store()
    nodes = [node_view(each) for each in await store.nodes.list() if request.all or each.state in _LIVING]
    return RunnerView(nodes=nodes, maintenance=await read_maintenance(store))


@operation("runner.stop", changes="node:{name}", dangerous=True, needs=Verb.CONTROL_NODES)
async def stop_nodes(app: Mainspring, request: CommandRequest, caller: Caller) -> Commanded:
    """Stop nodes: nothing more is begun, bodies get the drain budget, then the process ends."""
    return await _command(app, NodeCommand.STOP, request, caller)


@operation("runner.pause", changes="node:{name}", dangerous=True, needs=Verb.CONTROL_NODES)
async def pause_nodes(app: Mainspring, request: CommandRequest, caller: Caller) -> Commanded:
    """Pause nodes: they claim and fire nothing, what they hold goes on; other nodes do the rest."""
    return await _command(app, NodeCommand.PAUSE, request, caller)


@operation("runner.resume", changes="node:{name}", needs=Verb.CONTROL_NODES)
async def resume_nodes(app: Mainspring, request: CommandRequest, caller: Caller) -> Commanded:
    """Let paused nodes go on."""
    return await _command(app, NodeCommand.RUN, request, caller)


@operation("runner.quiet", changes="node:{name}", dangerous=True, needs=Verb.CONTROL_NODES)
async def quiet_nodes(app: Mainspring, request: CommandRequest, caller: Caller) -> Commanded:
    """Let nodes begin nothing more, for good: the first half of a stop."""
    return await _command(app, NodeCommand.QUIET, request, caller)


async def _command(app: Mainspring, command: NodeCommand, request: CommandRequest, caller: Caller) -> Commanded:
    wait = None if request.wait is None else parse_duration(request.wait, "wait").total_seconds()
    store = await app.store()
    chosen = _chosen([each for each in await store.nodes.list() if each.state in _LIVING], request)
    tell("node:" + ", ".join(sorted({each.name for each in chosen})))
    told = set(await store.nodes.command([each.id for each in chosen], command, actor=caller.actor, reason=request.reason))
    if chosen and not told:
        names = ", ".join(each.name for each in chosen)
        raise Conflict(f"{names}: told to leave already, which is not taken back; start another node instead")
    await app.nodes_told()
    ids = [each.id for each in chosen]
    nodes = await _read(store, ids)
    if wait is not None:
        try:
            async with asyncio.timeout(wait):
                while not all(_has_done(each, command) for each in nodes if each.id in told):
                    await asyncio.sleep(LOOK)
                    nodes = await _read(store, ids)
        except TimeoutError:
            pass  # the view says who has not
    items = [
        Told(id=each.id, name=each.name, state=each.state, is_done=_has_done(each, command), is_late=each.id not in told) for each in nodes
    ]
    return Commanded(command=command, name=", ".join(sorted({each.name for each in items})), nodes=items)


def _chosen(living: Sequence[Node], request: CommandRequest) -> list[Node]:
    """Return the living nodes that are meant; raises `UnknownNode` for a name that none has."""
    if request.all:
        lasting = [each for each in living if each.facts.get("role") not in BRIEF]
        if not lasting:
            raise UnknownNode("no node lives on this store")
        return lasting
    if not request.nodes:
        raise UnknownNode(f"say which node, or all: {_names(living)}")
    chosen: dict[str, Node] = {}
    for text in request.nodes:
        found = [each for each in living if each.name == text or (looks_like_id(text) and (each.id == text or each.id.endswith(text)))]
        if not found:
            raise UnknownNode(f"no living node is called {text!r}: {_names(living)}")
        chosen |= {each.id: each for each in found}
    return list(chosen.values())


def _names(living: Sequence[Node]) -> str:
    return f"there are {', '.join(sorted({each.name for each in living}))}" if living else "no node lives on this store"


async def _read(store: Store, ids: Sequence[str]) -> list[Node]:
    by_id = {each.id: each for each in await store.nodes.list()}
    return [by_id[each] for each in ids if each in by_id]


def _has_done(node: Node, command: NodeCommand) -> bool:
    if node.state not in _LIVING:
        return command in (NodeCommand.QUIET, NodeCommand.STOP)
    match command:
        case NodeCommand.STOP:
            return False
        case NodeCommand.QUIET:
            return node.state is NodeState.DRAINING
    return bool(node.vitals.get("is_paused")) is (command is NodeCommand.PAUSE)
