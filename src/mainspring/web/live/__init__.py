"""Live: pages are told what happens while it happens, by socket, by server-sent events or by polling, from whatever node it happens on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route, WebSocketRoute

from mainspring.web.live.hub import Hub
from mainspring.web.live.logs import Logs, Tail, tail_of
from mainspring.web.live.socket import Sockets
from mainspring.web.live.streams import Streams

if TYPE_CHECKING:
    from mainspring.web.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """Return the addresses that tell what happens."""
    sockets, streams, logs = Sockets(site), Streams(site), Logs(site)
    return [
        WebSocketRoute("/ws", sockets.many),
        WebSocketRoute("/ws/task/{id}", sockets.one),
        Route("/api/v1/runs/{id}/stream", streams.stream, methods=["GET"]),
        Route("/api/v1/runs/{id}/events", streams.events, methods=["GET"]),
        Route("/runs/{id}/log", logs.download, methods=["GET"]),
        Route("/api/v1/changes", streams.changes, methods=["GET"]),
    ]


__all__ = ["Hub", "Tail", "routes", "tail_of"]
