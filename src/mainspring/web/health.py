"""Health over HTTP, as a plain ASGI application: mount it in a web app of your own, or let a node answer with ``--health-port``.

=============  ================================================================================================================
``/livez``     the process turns: 200, or 503 when a loop of its node hangs or fails again and again. A database that is away is no reason.
``/readyz``    it can do its work: the database answers, its schema fits, the node is not leaving and its claims go well
``/healthz``   how everything is, as JSON: the operation ``health.show``; 503 when it is critical
``/metrics``   for Prometheus, where the package is installed and this process has a node
=============  ================================================================================================================

Nothing here is on the way of a run, and questions that come together are answered by one look at the database.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mainspring.app import Mainspring
from mainspring.operations.health import SeenStore, look_at_store, tell_health

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

FRESH = 1.0  # seconds for which a look at the store is good
PATIENCE = 5.0  # seconds for a database to answer
PATHS = ("/livez", "/readyz", "/healthz", "/metrics")


class HealthApp:
    """Answers GET and HEAD on `PATHS`; everything else is 404 or 405."""

    def __init__(self, app: Mainspring) -> None:
        self._app = app
        self._looking: asyncio.Task[SeenStore] | None = None
        self._seen: tuple[float, SeenStore] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in PATHS:
            await _answer(scope, send, 404, {"problems": [f"there is {', '.join(PATHS)}"]})
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(scope, send, 405, {"problems": ["only GET and HEAD"]}, allow="GET, HEAD")
        elif path == "/metrics":
            text = self._app.metrics_text()
            if text is None:
                await _answer(scope, send, 404, {"problems": ["metrics need a node in this process and pip install 'mainspring[metrics]'"]})
            else:
                await _send(scope, send, 200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")
        elif path == "/livez":
            health = self._app.health()
            is_alive = health is None or health.is_alive
            await _answer(
                scope, send, 200 if is_alive else 503, {"is_alive": is_alive, "problems": list(health.problems if health else ())}
            )
        else:
            view = tell_health(self._app, await self._look())
            if path == "/readyz":
                body = {"is_ready": view.is_ready, "problems": view.reasons}
                await _answer(scope, send, 200 if view.is_ready else 503, body)
            else:
                text = view.model_dump_json(by_alias=True)
                await _send(scope, send, 503 if view.status == "critical" else 200, text.encode(), "application/json")

    async def _look(self) -> SeenStore:
        clock = asyncio.get_running_loop().time
        if self._seen is not None and clock() - self._seen[0] < FRESH:
            return self._seen[1]
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._see(), name="mainspring-health")
        return await asyncio.shield(self._looking)

    async def _see(self) -> SeenStore:
        try:
            seen = await look_at_store(self._app, PATIENCE)
            self._seen = (asyncio.get_running_loop().time(), seen)
            return seen
        finally:
            self._looking = None


async def _answer(scope: Scope, send: Send, status: int, body: Mapping[str, Any], *, allow: str | None = None) -> None:
    await _send(scope, send, status, json.dumps(body).encode(), "application/json", allow=allow)


async def _send(scope: Scope, send: Send, status: int, body: bytes, kind: str, *, allow: str | None = None) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    if allow is not None:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
