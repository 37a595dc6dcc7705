"""Frames: how the engine and its executor children talk over a socketpair.

A frame is a length (4 bytes, little endian) and a JSON array whose first item says what it is. Whatever a loop
iteration gathers travels as one frame, so that the cost of a system call is shared by the runs of a batch.

To the child: ``be`` (what it shall be), ``run`` (a batch of runs), ``cancel``, ``told`` (the answer to an ``ask``).
From the child: ``ready``, ``broken``, ``done`` (a batch of outcomes), ``said`` (records of runs that go on), ``ask``
(enqueue), ``lag``. Runs are known by a serial number that grows within one child; a closed socket ends the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic_core import from_json, to_json

from mainspring.core.dedupe import Dedupe
from mainspring.core.policy import Priority, Retry
from mainspring.core.run import (
    CancelledByRequest,
    ClaimedRun,
    Completed,
    Failed,
    Lost,
    Outcome,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
)
from mainspring.core.task import CallOptions

Message = list[Any]  # JSON as it came: its shape is said by the first item

_LENGTH = struct.Struct("<I")
_HEAD = _LENGTH.size
READ_SIZE = 256 * 1024


def encode(message: Message) -> bytes:
    """Return a message as one frame."""
    body = to_json(message)
    return _LENGTH.pack(len(body)) + body


def tolerant(kind: str, items: Sequence[Any]) -> bytes:
    """Return a frame of items with texts of the user: lone surrogates, which UTF-8 cannot carry, are replaced."""
    try:
        return encode([kind, items])
    except ValueError:
        return encode([kind, _clean(items)])


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(each) for each in value]
    return value


class FrameReader:
    """Cut a stream of bytes into messages. Feeding a large frame piece by piece costs no more than its size."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes and return the messages that are complete now."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < _HEAD + self._wanted():
                return []
            data = bytes(self._buffer)
            self._buffer = bytearray()
        messages, position, end = [], 0, len(data)
        while end - position >= _HEAD:
            start = position + _HEAD
            after = start + _LENGTH.unpack_from(data, position)[0]
            if after > end:
                break
            messages.append(from_json(data[start:after]))
            position = after
        if position < end:
            self._buffer += data[position:]
        return messages

    def _wanted(self) -> int:
        return int(_LENGTH.unpack_from(self._buffer)[0]) if len(self._buffer) >= _HEAD else 0


class Channel(asyncio.Protocol):
    """One end of the socketpair inside an event loop. Whoever owns it sets ``on_message`` and ``on_closed``."""

    def __init__(self, reader: FrameReader | None = None, unread: Iterable[Message] = ()) -> None:
        self._reader = FrameReader() if reader is None else reader
        self._transport: asyncio.Transport | None = None
        self._unread = list(unread)
        self._on_message: Callable[[Message], None] | None = None
        self.on_closed: Callable[[], None] | None = None
        self.is_closed = False

    @classmethod
    async def over(cls, sock: socket.socket, reader: FrameReader | None = None, unread: Iterable[Message] = ()) -> Channel:
        """Open a channel on a connected socket, in the running loop, after what was read from it already."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(lambda: cls(reader, unread), sock=sock)
        return channel

    def listen(self, on_message: Callable[[Message], None], on_closed: Callable[[], None]) -> None:
        """Say who receives from now on; messages that came before are handed over first."""
        self._on_message, self.on_closed = on_message, on_closed
        unread, self._unread = self._unread, []
        for message in unread:
            on_message(message)
        if self.is_closed:
            on_closed()

    def send(self, message: Message) -> None:
        """Send a message; does nothing when the other end is gone."""
        self.send_bytes(encode(message))

    def send_bytes(self, frames: bytes) -> None:
        """Send frames that are encoded already."""
        if self._transport is not None and not self.is_closed:
            self._transport.write(frames)

    @property
    def backlog(self) -> int:
        """Bytes that the other end has not taken yet."""
        return 0 if self._transport is None or self.is_closed else self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Close this end once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            if self._on_message is None:
                self._unread.append(message)
            else:
                self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if self.on_closed is not None:
            self.on_closed()


class Wire:
    """The child's end of the socket, read and written by waiting."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.reader = sock, FrameReader()
        self.unread: deque[Message] = deque()
        self._sending = threading.Lock()

    def receive(self) -> Message | None:
        """Return the next message, or None when the engine has closed the socket or is gone."""
        while not self.unread:
            try:
                data = self.sock.recv(READ_SIZE)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self.unread.extend(self.reader.feed(data))
        return self.unread.popleft()

    def send(self, message: Message) -> None:
        """Send a message; an engine that is gone is noticed by `receive`."""
        self.send_frame(encode(message))

    def send_frame(self, frame: bytes) -> None:
        """Send a message that is encoded already, from any thread."""
        with self._sending, contextlib.suppress(ConnectionError):
            self.sock.sendall(frame)


# -- values on the wire


def pack_run(serial: int, run: ClaimedRun) -> list[Any]:
    """Return what a child needs of a run. The parameters stay JSON text: the child's model parses them, once."""
    return [serial, run.id, run.claim_id, run.task, run.attempt, run.queue, run.tenant, run.timeout_ms, packed(run)]


def packed(run: ClaimedRun) -> str | list[Any]:
    """Return a run's parameters, in an envelope where its executor has to know more."""
    return run.params if run.extras is None else [run.params, run.extras]


def pack_outcome(outcome: Outcome) -> str | list[Any] | None:
    """Return an outcome as JSON. The common ones are the short ones: null and the text of the result."""
    match outcome:
        case Completed(result):
            return result
        case Failed(error, is_terminal, after, reason):
            return ["failed", dict(error), is_terminal, _seconds(after), reason]
        case TimedOut(error):
            return ["timeout", dict(error)]
        case CancelledByRequest(error):
            return ["cancelled", None if error is None else dict(error)]
        case Skipped(why):
            return ["skipped", why]
        case Snoozed(delay, until, waits_for):
            return ["snoozed", _seconds(delay), None if until is None else until.isoformat(), waits_for]
        case Released(reason, delay):
            return ["released", reason, _seconds(delay)]
        case Lost(reason, error, is_alone, is_innocent):
            return ["lost", reason, dict(error), is_alone, is_innocent]


_NOTHING = Completed()


def unpack_outcome(packed: str | list[Any] | None) -> Outcome:
    """Return the outcome of `pack_outcome`."""
    if packed is None:
        return _NOTHING
    if isinstance(packed, str):
        return Completed(packed)
    match packed:
        case ["failed", error, is_terminal, after, reason]:
            return Failed(error, is_terminal, _duration(after), reason)
        case ["timeout", error]:
            return TimedOut(error)
        case ["cancelled", error]:
            return CancelledByRequest(error)
        case ["skipped", why]:
            return Skipped(why)
        case ["snoozed", delay, until, waits_for]:
            return Snoozed(_duration(delay), None if until is None else datetime.fromisoformat(until), waits_for)
        case ["released", reason, delay]:
            return Released(reason, _duration(delay))
        case ["lost", reason, error, is_alone, is_innocent]:
            return Lost(reason, error, is_alone, is_innocent)
    raise ValueError(f"no outcome: {packed!r}")


def pack_call(call: CallOptions) -> dict[str, Any]:
    """Return the options of one enqueue as JSON; what was left out stays out."""
    retry = call.retry
    packed: dict[str, Any] = {
        "delay": _seconds(call.delay),
        "run_at": None if call.run_at is None else call.run_at.isoformat(),
        "key": call.key,
        "dedupe": None if call.dedupe is None else [call.dedupe.key.text, call.dedupe.policy, _seconds(call.dedupe.window)],
        "tenant": call.tenant,
        "priority": None if call.priority is None else int(call.priority),
        "queue": call.queue,
        "retry": None if retry is None else _pack_retry(retry),
        "timeout": _seconds(call.timeout),
        "deadline": _seconds(call.deadline),
        "label": call.label,
    }
    return {name: value for name, value in packed.items() if value is not None}


def unpack_call(packed: Mapping[str, Any]) -> CallOptions:
    """Return the options of `pack_call`."""
    get = packed.get
    return CallOptions(
        delay=_duration(get("delay")),
        run_at=datetime.fromisoformat(packed["run_at"]) if "run_at" in packed else None,
        key=get("key"),
        dedupe=None if (dedupe := get("dedupe")) is None else Dedupe(dedupe[0], dedupe[1], window=dedupe[2]),
        tenant=get("tenant"),
        priority=Priority(packed["priority"]) if "priority" in packed else None,
        queue=get("queue"),
        retry=Retry(**packed["retry"]) if "retry" in packed else None,
        timeout=_duration(get("timeout")),
        deadline=_duration(get("deadline")),
        label=get("label"),
    )


def _pack_retry(retry: Retry) -> dict[str, Any]:
    # Classes do not travel; those that end a task for good are read from the task's own policy, where the code is.
    assert isinstance(retry.delay, timedelta)
    assert isinstance(retry.cap, timedelta)
    return {
        "retries": retry.retries,
        "delay": retry.delay.total_seconds(),
        "factor": retry.factor,
        "cap": retry.cap.total_seconds(),
        "jitter": retry.jitter,
        "seed": retry.seed,
    }


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
