"""The hub: who watches what in this process. It starts no run and changes none; it reads the store, so it does not matter where a run is.

A `Viewer` is one connection with its topics: ``run:ID``, ``list`` and ``overview``. It yields frames at its own pace, at most twenty a
second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from mainspring.app import Mainspring
from mainspring.core.errors import MainspringError, StoreError
from mainspring.operations.changes import ChangesRequest, show_changes
from mainspring.operations.live import Watched, find_watched, must_look
from mainspring.operations.operation import Caller
from mainspring.web.live import messages
from mainspring.web.live.feed import FRAME_EVERY, Cursor, Feed

log = logging.getLogger("mainspring")

CLOSING: Final = "mainspring.closing"  # in a scope, by `mainspring.web.server`: an event that is set when the server is about to close
POLLING: Final = "mainspring.polling"  # in a scope, by `mainspring.web.wsgi`: the server can hold no connection open
CHANGES = ("list", "overview")  # topics that are told that something has changed
HOUSE = Caller("live", "web")  # looks once for all who want to know whether anything has changed
LOOK_EVERY = 1.0  # seconds between two looks for changes while anybody wants to know
LINGER = 5.0  # seconds that a feed waits for viewers who come back, as those do who poll
MOST_TOPICS = 20  # of one viewer


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll is answered: frames as one list of messages, the number to ask from next, and whether there is more to come."""

    topic: str
    body: str
    last: int
    is_over: bool

    @property
    def text(self) -> str:
        """The answer as JSON."""
        over = "true" if self.is_over else "false"
        return f'{{"t":"{self.topic}","m":[{self.body}],"last":{self.last},"is_over":{over}}}'


class Hub:
    """Feeds by run, and the look for changes. One a process; it belongs to the event loop that first uses it."""

    def __init__(self, app: Mainspring) -> None:
        self._app = app
        self._feeds: dict[str, Feed] = {}
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._viewers: dict[Viewer, None] = {}
        self._ticker: asyncio.Task[None] | None = None
        self.token: str | None = None
        self.is_closed = False
        self._closing: asyncio.Event | None = None
        self._heeding: set[asyncio.Task[None]] = set()

    @property
    def app(self) -> Mainspring:
        """Whose runs are watched."""
        return self._app

    @property
    def feeds(self) -> dict[str, Feed]:
        """What is followed now, by run."""
        return self._feeds

    def open_viewer(self, caller: Caller) -> Viewer:
        """Return a viewer for one connection; close it when that ends."""
        viewer = Viewer(self, caller)
        self._viewers[viewer] = None
        if self.is_closed:
            viewer.leave()
        return viewer

    def forget(self, viewer: Viewer) -> None:
        """Take note that a connection has ended."""
        self._viewers.pop(viewer, None)

    async def close(self) -> None:
        """Let every viewer go: sockets close with 1012, streams end with a hint when to come again, polls are answered at once."""
        self.is_closed = True
        for viewer in list(self._viewers):
            viewer.leave()
        for timer in self._lingering.values():
            timer.cancel()
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()
        if self._ticker is not None:
            self._ticker.cancel()

    def heed(self, scope: Mapping[str, Any]) -> None:
        """Close when the server of a connection is about to; another server may open it again."""
        closing = scope.get(CLOSING)
        if closing is None or closing is self._closing:
            return
        self._closing = closing
        self.is_closed = closing.is_set()
        if not self.is_closed:
            self._heeding.add(task := asyncio.get_running_loop().create_task(self._close_with(closing), name="mainspring-live-closing"))
            task.add_done_callback(self._heeding.discard)

    async def _close_with(self, closing: asyncio.Event) -> None:
        await closing.wait()
        if closing is self._closing:
            await self.close()

    # -- runs

    def join(self, watched: Watched, wake: Callable[[], None]) -> Feed:
        """Return the feed of a run, and wake somebody with each of its frames."""
        feed = self._feeds.get(watched.id)
        if feed is None or feed.is_broken:
            clock = asyncio.get_running_loop().time
            feed = self._feeds[watched.id] = Feed(self._app, watched, buffer=self._app.settings.buffer_size, clock=clock)
            feed.open()
        if (timer := self._lingering.pop(watched.id, None)) is not None:
            timer.cancel()
        feed.wakes[wake] = None
        return feed

    def part(self, feed: Feed, wake: Callable[[], None]) -> None:
        """Wake somebody no more; a feed that nobody looks at goes after a while."""
        feed.wakes.pop(wake, None)
        if not feed.wakes and self._feeds.get(feed.id) is feed and feed.id not in self._lingering:
            self._lingering[feed.id] = asyncio.get_running_loop().call_later(LINGER, self._drop, feed)

    def _drop(self, feed: Feed) -> None:
        self._lingering.pop(feed.id, None)
        if not feed.wakes and self._feeds.get(feed.id) is feed:
            del self._feeds[feed.id]
            feed.close()

    async def poll(self, text: str, caller: Caller, after: int, wait: float) -> Polled:
        """Return what a run has told past a number; waits up to ``wait`` seconds for it. Raises `UnknownRun`, `Forbidden`.

        For those who can hold no connection open: the messages are those of the socket.
        """
        async with self._viewing(caller) as viewer:
            watched = await viewer.watch(text, after)
            cursor = viewer.cursor(watched.id)
            found = await cursor.take()
            if found is None and wait > 0 and not cursor.is_over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        found = await anext(viewer.frames(), None)
            body = "" if found is None else found[len(messages.frame_text(f"run:{watched.id}", "")) - 2 : -2]
            return Polled(f"run:{watched.id}", body, cursor.last, cursor.is_over)

    async def between(self, text: str, caller: Caller, after: int, until: int) -> Polled:
        """Return what a run has told past ``after``, up to ``until`` at most, as far as a frame goes. Raises `UnknownRun`, `Forbidden`."""
        watched = await find_watched(self._app, text, caller)
        until = min(until, watched.seq)
        feed = Feed(self._app, watched, buffer=1, clock=asyncio.get_running_loop().time)
        frame = await feed.page(after, until) if until > after else None
        topic = f"run:{watched.id}"
        return Polled(topic, "", after, False) if frame is None else Polled(topic, frame.body, frame.last, frame.is_last)

    @asynccontextmanager
    async def _viewing(self, caller: Caller) -> AsyncIterator[Viewer]:
        viewer = self.open_viewer(caller)
        try:
            yield viewer
        finally:
            viewer.close()

    # -- changes

    async def present_token(self) -> str:
        """Return the token of what lists show now; the looks of all who ask within a second are one."""
        if self._ticker is None or self._ticker.done() or self.token is None:
            self.token = (await show_changes(self._app, ChangesRequest(), HOUSE)).token
        return self.token

    async def changed(self, caller: Caller, known: str | None, wait: float) -> str:
        """Return the token of what lists show: at once where it is not the one that is known, else when it changes, or after ``wait``."""
        async with self._viewing(caller) as viewer:
            await viewer.subscribe("list", known or "-")
            if self.token == known and wait > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await anext(viewer.frames(), None)
        return self.token or ""

    def tick(self) -> None:
        """Begin to look for changes, where nobody did."""
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.get_running_loop().create_task(self._look(), name="mainspring-changes")

    async def _look(self) -> None:
        while any(viewer.wants_changes for viewer in self._viewers):
            try:
                token = (await show_changes(self._app, ChangesRequest(), HOUSE)).token
            except StoreError as error:
                log.info("changes cannot be looked for now: %s", error)
            else:
                self.token = token
                for viewer in list(self._viewers):
                    viewer.hear(token)
            await asyncio.sleep(LOOK_EVERY)


class Viewer:
    """One connection: its topics, and the frames that it is to be sent."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        self._hub, self.caller = hub, caller
        self._cursors: dict[str, Cursor] = {}
        self._changes: dict[str, str | None] = {}  # topics of changes, with the token that was last told
        self._refused: list[str] = []
        self._token: str | None = None
        self._awake = asyncio.Event()
        self.is_leaving = self.is_broken = False

    @property
    def wants_changes(self) -> bool:
        """Whether it is to be told of changes."""
        return bool(self._changes)

    def cursor(self, run_id: str) -> Cursor:
        """Return where it is in a run."""
        return self._cursors[f"run:{run_id}"]

    async def subscribe(self, topic: str, after: object) -> None:
        """Begin to tell of a topic; what it is refused is told, too. ``after`` is a number of a run's event, or a token of changes."""
        try:
            if topic in CHANGES:
                must_look(self.caller)
                self._changes[topic] = after if isinstance(after, str) and after else None
                self._token = await self._hub.present_token()
                if self._changes[topic] is None:
                    self._changes[topic] = self._token
                    self._refused.append(messages.frame_text(topic, messages.encode({"k": "at", "token": self._token})))
                self._hub.tick()
            elif topic.startswith("run:") and len(self._cursors) < MOST_TOPICS:
                await self.watch(topic[4:], after if isinstance(after, int) and not isinstance(after, bool) else 0)
            else:
                self._refuse(topic, "unknown-topic" if len(self._cursors) < MOST_TOPICS else "too-many-topics")
        except MainspringError as error:
            self._refuse(topic, error.code)
        self._awake.set()

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left that it could be told of."""
        return not self._cursors and not self._changes and not self._refused

    def unsubscribe(self, topic: str) -> None:
        """Tell of a topic no more."""
        self._changes.pop(topic, None)
        if (cursor := self._cursors.pop(topic, None)) is not None:
            self._hub.part(cursor.feed, self._awake.set)

    async def watch(self, text: str, after: int) -> Watched:
        """Begin to tell of a run; raises `UnknownRun`, `Forbidden`."""
        watched = await find_watched(self._hub.app, text, self.caller)
        topic = f"run:{watched.id}"
        self.unsubscribe(topic)
        feed = self._hub.join(watched, self._awake.set)
        self._cursors[topic] = Cursor(feed, min(max(after, 0), max(watched.seq, feed.head)))
        self._awake.set()
        return watched

    def _refuse(self, topic: str, code: str) -> None:
        safe = "".join(letter for letter in topic if letter.isalnum() or letter in ":-")[:80]
        self._refused.append(messages.frame_text(safe, messages.refusal(code)))

    def hear(self, token: str) -> None:
        """Take note of a change."""
        if self._changes and any(told != token for told in self._changes.values()):
            self._token = token
            self._awake.set()

    def leave(self) -> None:
        """End: the process goes away."""
        self.is_leaving = True
        self._awake.set()

    def close(self) -> None:
        """Let everything go."""
        for topic in list(self._cursors):
            self.unsubscribe(topic)
        self._changes.clear()
        self._hub.forget(self)

    async def frames(self) -> AsyncIterator[str]:
        """Yield frames as they come, until the connection is to end. Raises `StoreError` where the past cannot be read."""
        clock = asyncio.get_running_loop().time
        while not self.is_leaving:
            self._awake.clear()
            began, is_told = clock(), False
            refused, self._refused = self._refused, []
            for text in refused:
                yield text
            for topic, told in list(self._changes.items()):
                if self._token is not None and told != self._token:
                    self._changes[topic] = self._token
                    is_told = True
                    yield messages.frame_text(topic, messages.encode({"k": "tick", "token": self._token}))
            for topic, cursor in list(self._cursors.items()):
                if (frame := await self._next(topic, cursor)) is not None:
                    is_told = True
                    yield frame
            if is_told:
                await asyncio.sleep(max(began + FRAME_EVERY - clock(), 0.0))
            elif not self.is_leaving:
                await self._awake.wait()

    async def _next(self, topic: str, cursor: Cursor) -> str | None:
        if cursor.feed.is_broken:
            self.is_broken = self.is_leaving = True
            return None
        try:
            text = await cursor.take()
        except StoreError:
            raise
        except MainspringError as error:  # the run was deleted meanwhile
            self.unsubscribe(topic)
            return messages.frame_text(topic, messages.refusal(error.code))
        if cursor.is_over:
            self.unsubscribe(topic)
        return text
