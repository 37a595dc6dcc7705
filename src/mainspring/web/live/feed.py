"""A feed: one watched run in one process. One reader for all who look, and every frame made once.

Who begins earlier than the feed reads pages from the store, at a pace of their own; pages are shared, too. Who falls behind by more than
the buffer loses what is in between, is told so, and can fetch it. Nobody waits for anybody else.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable

from mainspring.app import Mainspring
from mainspring.core.errors import StoreError, UnknownRun
from mainspring.core.event import Event
from mainspring.operations.live import Watched, follow_events, read_events
from mainspring.web.live import messages
from mainspring.web.live.messages import MOST_CHARACTERS, MOST_LINES, Encoder, Frame

log = logging.getLogger("mainspring")

FRAME_EVERY = 0.05  # seconds from one frame to the next: twenty a second
PAGE = 1000  # events that are read from the store at once
MOST_HELD = 8 * 1024 * 1024  # characters of frames that a feed keeps for those behind, whatever the buffer allows
PAGES_KEPT = 32  # frames of the past that are kept for others who come just now
LOOKS = 3  # at numbers whose events are not there, until they count as gone
AGAIN_AT_MOST = 5.0  # seconds between two looks at a store that is away


class Feed:
    """What is told of one run. ``on_frame`` is called with every change, to wake viewers."""

    def __init__(self, app: Mainspring, watched: Watched, *, buffer: int, clock: Callable[[], float]) -> None:
        self._app, self._watched, self._clock, self._buffer = app, watched, clock, buffer
        self.id, self.topic, self.is_over = watched.id, f"run:{watched.id}", watched.is_final
        self.base = self.head = watched.seq  # what the ring holds: the events from base + 1 to head
        self._encoder = Encoder(watched.started_at)
        self._started_at = watched.started_at
        self._frames: list[Frame] = []
        self._lasts: list[int] = []
        self._held = 0
        self._pages: OrderedDict[int, Frame] = OrderedDict()
        self._reads: dict[tuple[int, int], asyncio.Task[None]] = {}
        self.wakes: dict[Callable[[], None], None] = {}
        self.is_broken = False
        self.reads = 0  # pages that were read from the store
        self._reader: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to read, where there is anything to come."""
        if not self.is_over:
            self._reader = asyncio.get_running_loop().create_task(self._read(), name="mainspring-live")
            self._reader.add_done_callback(self._read_ended)

    def close(self) -> None:
        """Read no more."""
        for task in (self._reader, *self._reads.values()):
            if task is not None:
                task.cancel()

    # -- the reader

    async def _read(self) -> None:
        tries = 0
        while not self.is_over:
            try:
                async for events in follow_events(self._app, self._watched, self.head):
                    tries, began = 0, self._clock()
                    for frame in self._encoder.frames(events, self.head):
                        self._keep(frame)
                    self._wake()
                    if self.is_over:
                        return
                    await asyncio.sleep(max(began + FRAME_EVERY - self._clock(), 0.0))  # let others come along
                self._end()  # the run has ended, and nothing more of it is to be seen
            except UnknownRun:
                self._end()  # it was deleted while somebody looked
            except StoreError as error:
                tries += 1
                if tries == 1:
                    log.warning("the run %s cannot be followed now, it is tried again: %s", self.id, error)
                await asyncio.sleep(min(0.2 * 2**tries, AGAIN_AT_MOST))

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the run %s cannot be followed: viewers are to come again", self.id, exc_info=error)
            self.is_broken = True
            self._wake()

    def _end(self) -> None:
        self._keep(Frame(self.head + 1, self.head, 0, messages.end(self.head), is_last=True))
        self._wake()

    def _keep(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._lasts.append(frame.last)
        self._held += len(frame.body)
        self.head, self.is_over = frame.last, frame.is_last
        surplus = len(self._frames) - self._buffer
        while surplus > 0 or (self._held > MOST_HELD and len(self._frames) > 1):
            self.base = self._lasts[0]
            self._held -= len(self._frames[0].body)
            del self._frames[0], self._lasts[0]
            surplus -= 1

    def _wake(self) -> None:
        for wake in list(self.wakes):
            wake()

    # -- what viewers take

    def newest(self) -> Frame:
        """Return the latest frame."""
        return self._frames[-1]

    def following(self, last: int) -> Frame | None:
        """Return what the ring holds past a number, several frames together where they have gathered; None where nothing is there."""
        at = bisect_right(self._lasts, last)
        if at == len(self._frames):
            closing = self._frames[-1] if self._frames else None  # one that stands for no event
            return closing if closing is not None and closing.first > closing.last == last else None
        first = self._frames[at]
        if first.first <= last:  # somebody stands in the middle of it
            return first
        lines, size, until = first.lines, len(first.body), at + 1
        while until < len(self._frames):
            lines, size = lines + self._frames[until].lines, size + len(self._frames[until].body)
            if lines > MOST_LINES or size > MOST_CHARACTERS:
                break
            until += 1
        if until == at + 1:
            return first
        together = self._frames[at:until]
        body = ",".join(each.body for each in together)
        return Frame(first.first, together[-1].last, 0, body, together[-1].is_last)

    async def page(self, after: int, until: int) -> Frame | None:
        """Return a frame of the past, from just behind a number to ``until`` at most; None where nothing is to be seen yet.

        Raises `UnknownRun`, `StoreUnavailable`.
        """
        found = self._pages.get(after)
        if found is None or found.last > until:
            reading = self._reads.get((after, until))
            if reading is None:
                reading = asyncio.get_running_loop().create_task(self._read_page(after, until), name="mainspring-live-page")
                self._reads[after, until] = reading
                reading.add_done_callback(lambda task: self._page_read((after, until), task))
            await asyncio.shield(reading)
            found = self._pages.get(after)
        return found if found is not None and found.last <= until else None

    def _page_read(self, key: tuple[int, int], task: asyncio.Task[None]) -> None:
        del self._reads[key]
        if not task.cancelled():
            task.exception()  # told to those who wait for it, and to nobody where they have left

    async def _read_page(self, after: int, until: int) -> None:
        n = min(PAGE, until - after)
        events: list[Event] = []
        for look in range(LOOKS + 1):
            self.reads += 1
            read = await read_events(self._app, self._watched, after, n, over_gap=look == LOOKS)
            events = [event for event in read if event.seq <= until]
            if events or look == LOOKS:
                break
            await asyncio.sleep(FRAME_EVERY)  # a number is taken whose row we cannot see yet; or it is gone for good
        frames = Encoder(self._started_at).frames(events, after)
        if not frames:
            frames = [Frame(after + 1, until, 0, messages.gap(after + 1, until))]
        for frame in frames:
            self._pages[frame.first - 1] = frame
            self._pages.move_to_end(frame.first - 1)
        while len(self._pages) > max(PAGES_KEPT, len(frames)):
            self._pages.popitem(last=False)


class Cursor:
    """Where one viewer is in one run."""

    def __init__(self, feed: Feed, after: int) -> None:
        self.feed, self.last = feed, after
        self._is_live = False  # whether it has caught up once
        self.is_over = False

    async def take(self) -> str | None:
        """Return the next frame, or None where nothing is to be told now. Raises what reading the past may raise."""
        feed = self.feed
        if self.is_over:
            return None
        if self.last < feed.base:
            return self._skip() if self._is_live else await self._past(feed.base)
        self._is_live = True
        frame = feed.following(self.last)
        if frame is None:
            if feed.is_over and self.last >= feed.head:  # whoever comes late has seen all of it
                self.is_over = True
                return messages.frame_text(feed.topic, messages.end(feed.head))
            return None
        if frame.first <= self.last < frame.last:  # it begins in the middle of what was put together for others
            return await self._past(frame.last)
        return self._told(frame)

    def _skip(self) -> str:
        newest = self.feed.newest()
        missing = messages.skip(self.last + 1, newest.first - 1)
        return self._told(Frame(newest.first, newest.last, newest.lines, f"{missing},{newest.body}", newest.is_last))

    async def _past(self, until: int) -> str | None:
        frame = await self.feed.page(self.last, until)
        return None if frame is None else self._told(frame)

    def _told(self, frame: Frame) -> str:
        self.last, self.is_over = frame.last, frame.is_last
        return messages.frame_text(self.feed.topic, frame.body)
