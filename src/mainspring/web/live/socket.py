"""The sockets: ``/ws``, one for each tab with any number of topics, and ``/ws/task/{id}``, which tells of one run and closes at its end.

A client sends ``{"sub": topic, "after": number}`` and ``{"unsub": topic}``. Nothing that it sends starts or changes anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from mainspring.core.errors import MainspringError, StoreError
from mainspring.web.access import caller_of
from mainspring.web.live.hub import Viewer
from mainspring.web.live.rights import lapse

if TYPE_CHECKING:
    from mainspring.web.site import Site

log = logging.getLogger("mainspring")

BLOCKED = 5.0  # seconds that a client may leave a frame unread until it is let go
LONGEST_WORD = 1024  # characters that a client may send at once
GOING_AWAY, WRONG, TRY_LATER, SERVICE_RESTART, NO_RIGHT, UNKNOWN = 1001, 1008, 1013, 1012, 4401, 4404  # codes of a close
DONE = 1000


class Sockets:
    """Answers sockets of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def many(self, socket: WebSocket) -> None:
        """Tell of whatever the client subscribes to."""
        await self._serve(socket, None)

    async def one(self, socket: WebSocket) -> None:
        """Tell of one run, from ``?after=`` on, until its end."""
        await self._serve(socket, socket.path_params["id"])

    async def _serve(self, socket: WebSocket, run: str | None) -> None:
        self._site.hub.heed(socket.scope)
        if not self._site.app.settings.websocket_enabled or self._site.hub.is_closed:
            await socket.close(GOING_AWAY)  # before it is accepted: the client sees a refusal, and goes on by other means
            return
        viewer = self._site.hub.open_viewer(caller_of(socket))
        code = DONE
        try:
            if run is not None:
                after = socket.query_params.get("after", "0")
                try:
                    await viewer.watch(run, int(after) if after.isascii() and after.isdigit() else 0)
                except MainspringError:
                    await socket.close(UNKNOWN)  # refused; to who may not see it, the run does not exist
                    return
            await socket.accept()
            code = await self._talk(socket, viewer, is_one=run is not None)
        finally:
            viewer.close()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError, OSError):
            async with asyncio.timeout(BLOCKED):
                await socket.close(code)

    async def _talk(self, socket: WebSocket, viewer: Viewer, *, is_one: bool) -> int:
        """Hear, tell and look after rights until one of them ends it; answers the code of the close."""
        parts = [self._hear(socket, viewer, is_one=is_one), self._tell(socket, viewer, is_one=is_one), self._look_after(viewer)]
        tasks = [asyncio.get_running_loop().create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return min(task.result() for task in done)

    async def _hear(self, socket: WebSocket, viewer: Viewer, *, is_one: bool) -> int:
        try:
            while True:
                text = await socket.receive_text()
                if is_one:
                    continue
                wish = _read(text)
                if wish is None:
                    return WRONG
                if isinstance(topic := wish.get("sub"), str):
                    await viewer.subscribe(topic, wish.get("after"))
                if isinstance(topic := wish.get("unsub"), str):
                    viewer.unsubscribe(topic)
        except (WebSocketDisconnect, RuntimeError, KeyError):
            return DONE

    async def _tell(self, socket: WebSocket, viewer: Viewer, *, is_one: bool) -> int:
        try:
            async for text in viewer.frames():
                async with asyncio.timeout(BLOCKED):
                    await socket.send_text(text)
                if is_one and viewer.is_done:
                    return DONE
        except TimeoutError:
            log.info("a viewer has read nothing for %g s and is let go", BLOCKED)
            return TRY_LATER
        except StoreError as error:
            log.info("a viewer is let go, for the store is away: %s", error)
            return TRY_LATER
        except (WebSocketDisconnect, RuntimeError, OSError):
            return DONE
        return TRY_LATER if viewer.is_broken else SERVICE_RESTART

    async def _look_after(self, viewer: Viewer) -> int:
        await lapse(self._site.guard, viewer.caller)
        return NO_RIGHT


def _read(text: str) -> dict[str, object] | None:
    if len(text) > LONGEST_WORD:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
