"""Where no socket is to be had: server-sent events, and polling. The messages are those of the socket, to the letter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mainspring.core.errors import Conflict, InvalidParams, Problem, StoreError
from mainspring.web.access import caller_of
from mainspring.web.live.hub import CHANGES, POLLING, Viewer
from mainspring.web.live.rights import holds
from mainspring.web.live.socket import BLOCKED

if TYPE_CHECKING:
    from mainspring.web.site import Site

log = logging.getLogger("mainspring")

LONGEST_WAIT = 30.0  # seconds that a poll may ask for: proxies give up after a minute
SILENCE = 15.0  # seconds after which a stream shows that it lives; rights are asked for anew then, too
RETRY_MS = 1000  # when a client is to come again after a stream has ended
# Proxies are not to gather what is to be seen at once, nor to keep or to squeeze it.
UNBUFFERED = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}


class Streams:
    """Answers requests of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def stream(self, request: Request) -> Response:
        """Answer ``GET /api/v1/runs/{id}/stream``: events of a run past ``Last-Event-ID`` or ``?after=``, until the last one.

        204 where there is nothing more to come, which lets a browser rest.
        """
        self._site.hub.heed(request.scope)
        if request.scope.get(POLLING):
            raise Conflict("this server holds no connection open: ask /events instead, from time to time")
        given = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        viewer = self._open(request)
        try:
            after = _number("after", given, 0)
            watched = await viewer.watch(request.path_params["id"], after)
            if watched.is_final and after >= watched.seq:
                viewer.close()
                return Response(status_code=204, headers=UNBUFFERED)
        except BaseException:
            viewer.close()
            raise
        return EventStream(self._site, viewer, watched.id)

    async def events(self, request: Request) -> Response:
        """Answer ``GET /api/v1/runs/{id}/events``: what a run has told past ``?after=``, after ``?wait=`` seconds at the latest.

        With ``?until=`` it is what lies between two numbers: for those who were told that something was left out.
        """
        query, caller = request.query_params, caller_of(request)
        after, until = _number("after", query.get("after", "0"), 0), query.get("until")
        if until is not None:
            polled = await self._site.hub.between(request.path_params["id"], caller, after, _number("until", until, after))
        else:
            wait = self._patience(request)
            polled = await self._site.hub.poll(request.path_params["id"], caller, after, wait)
        return Response(polled.text, media_type="application/json", headers=UNBUFFERED)

    async def changes(self, request: Request) -> Response:
        """Answer ``GET /api/v1/changes``: the token of what lists show, when it differs from ``?after=``, or after ``?wait=`` seconds."""
        query = request.query_params
        token = await self._site.hub.changed(caller_of(request), query.get("after"), self._patience(request))
        kind = "at" if token == query.get("after") else "tick"
        text = f'{{"t":"{CHANGES[0]}","m":[{{"k":"{kind}","token":"{token}"}}],"token":"{token}"}}'
        return Response(text, media_type="application/json", headers=UNBUFFERED)

    def _patience(self, request: Request) -> float:
        """Return how many seconds an answer may wait."""
        self._site.hub.heed(request.scope)
        wait = min(_number("wait", request.query_params.get("wait", "0"), 0), LONGEST_WAIT)
        return 0.0 if request.scope.get(POLLING) else wait

    def _open(self, request: Request) -> Viewer:
        viewer: Viewer = self._site.hub.open_viewer(caller_of(request))
        return viewer


class EventStream(Response):
    """Frames of one viewer as server-sent events; the id of each is the number of the latest event in it."""

    def __init__(self, site: Site, viewer: Viewer, run_id: str) -> None:
        super().__init__(headers={**UNBUFFERED, "Content-Type": "text/event-stream; charset=utf-8"})
        del self.headers["content-length"]
        self._site, self._viewer, self._run_id = site, viewer, run_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the run has ended, the client has gone, or the process goes."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            leaving = asyncio.get_running_loop().create_task(_left(receive, self._viewer))
            try:
                async for text in self._texts():
                    async with asyncio.timeout(BLOCKED):
                        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
                if not leaving.done():
                    async with asyncio.timeout(BLOCKED):
                        await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                leaving.cancel()
        except (TimeoutError, OSError):
            log.info("a viewer has read nothing for %g s and is let go", BLOCKED)
        finally:
            self._viewer.close()

    async def _texts(self) -> AsyncIterator[str]:
        cursor = self._viewer.cursor(self._run_id)
        yield f"retry: {RETRY_MS}\n\n"
        frames = self._viewer.frames()
        waiting: asyncio.Task[str | None] | None = None
        try:
            while True:
                waiting = waiting or asyncio.get_running_loop().create_task(_next(frames))
                done, _ = await asyncio.wait([waiting], timeout=SILENCE)
                if not done:
                    if not await holds(self._site.guard, self._viewer.caller):
                        return
                    yield ": here\n\n"
                    continue
                frame, waiting = waiting.result(), None
                if frame is None:
                    yield f"retry: {RETRY_MS}\nevent: bye\ndata: {{}}\n\n"  # the process goes: come again, and go on from the last id
                    return
                yield f"id: {cursor.last}\ndata: {frame}\n\n"
                if cursor.is_over:
                    return
        except StoreError as error:
            log.info("a viewer is let go, for the store is away: %s", error)
        finally:
            if waiting is not None:
                waiting.cancel()


async def _next(frames: AsyncIterator[str]) -> str | None:
    return await anext(frames, None)


async def _left(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.leave()


def _number(name: str, text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        raise InvalidParams("wrong number", [Problem(name, f"is to be a whole number from {least} on", text)])
    return int(text)
