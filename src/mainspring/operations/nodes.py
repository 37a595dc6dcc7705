"""Verbs about nodes: the processes that work."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.node import Node, NodeCommand, NodeState
from mainspring.operations.operation import Caller, Request, View, operation


class NodeView(View):
    """A node as every face shows it; ``host`` is the machine's name, ``tasks`` are those it can carry out.

    ``is_ready`` and ``is_alive`` are what it last said of itself (None: a node of an earlier release), ``loops`` the seconds since the last
    good round of each, ``command`` what an operator last wanted of it.
    """

    id: str
    name: str
    host: str
    pid: int
    state: NodeState
    running: int
    started_at: datetime
    beat_at: datetime
    lease_until: datetime
    queues: list[str]
    tasks: list[str]
    version: str | None
    role: str
    environment: str | None
    is_ready: bool | None
    is_alive: bool | None
    is_paused: bool
    problems: list[str]
    loops: dict[str, float]
    command: NodeCommand | None
    commanded_at: datetime | None
    commanded_by: str | None
    command_reason: str | None


class NodeList(View):
    """Nodes, the youngest first."""

    items: list[NodeView]


class NodesRequest(Request):
    """Which nodes."""

    all: bool = Field(False, description="also those that have stopped or died")


def node_view(node: Node) -> NodeView:
    """Return a node as plain values."""
    facts, vitals = node.facts, node.vitals
    return NodeView(
        id=node.id,
        name=node.name,
        host=node.host.partition(":")[0],
        pid=node.pid,
        state=node.state,
        running=node.running,
        started_at=node.started_at,
        beat_at=node.beat_at,
        lease_until=node.lease_until,
        queues=list(facts.get("queues", ())),
        tasks=list(facts.get("tasks", ())),
        version=facts.get("version"),
        role=facts.get("role", "worker"),
        environment=facts.get("environment"),
        is_ready=vitals.get("is_ready"),
        is_alive=vitals.get("is_alive"),
        is_paused=bool(vitals.get("is_paused")),
        problems=list(vitals.get("problems", ())),
        loops=dict(vitals.get("loops", {})),
        command=node.command,
        commanded_at=node.commanded_at,
        commanded_by=node.commanded_by,
        command_reason=node.command_reason,
    )


@operation("nodes.list")
async def list_nodes(app: Mainspring, request: NodesRequest, caller: Caller) -> NodeList:
    """List the nodes that work on this store."""
    nodes = await (await app.store()).nodes.list()
    return NodeList(items=[node_view(node) for node in nodes if request.all or node.state in (NodeState.ALIVE, NodeState.DRAINING)])
