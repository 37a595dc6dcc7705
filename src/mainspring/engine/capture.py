"""Capture: whatever a body says becomes records of its own run: ``ctx.log``, ``logging``, ``print``, progress.

A run's words are kept on its tape, which is bounded: what does not fit is counted and shown as a gap, so that a body
that prints a gigabyte hurts nobody else. A silent body costs one small object. Words are attributed by the context
variable of the run; outside a run they go where they always went.
"""

from __future__ import annotations

import codecs
import io
import logging
import math
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TextIO

from pydantic_core import to_json, to_jsonable_python

from mainspring.core.context import Context, current_run, enter_run
from mainspring.core.errors import Conflict
from mainspring.core.file import File
from mainspring.engine.blame import keep_ends, shorten
from mainspring.engine.mask import Mask
from mainspring.engine.pools import GRACE
from mainspring.engine.records import Stream
from mainspring.engine.resting import rest

MOST_RECORDS = 1000  # of one run between two flushes (TASK_BUFFER_SIZE)
MOST_CHARACTERS = 512 * 1024  # likewise: a thousand long lines would fill a frame and the database behind it
LONGEST_LINE = 8 * 1024
LONGEST_DATA = 16 * 1024  # characters of JSON that one record may carry
PROGRESS_EVERY = 0.25  # seconds between two progress reports of a run
FLUSH_EVERY = 0.1  # seconds that a line of a run that goes on may wait for company

Row = tuple[str, float, str, str, str, Mapping[str, Any] | None]  # the fields of a Record: rows are cheaper to make and to send


class Keeper(Protocol):
    """Who stores what bodies leave behind (`mainspring.engine.means.Means`)."""

    def attach(self, tape: Tape, source: Any, name: str | None, media_type: str | None) -> File:
        """Store a file and tell the tape of it."""


class Completes(Protocol):
    """Who completes runs in their bodies' own transactions (`mainspring.engine.finish.Finisher`)."""

    def complete(self, context: Context, tape: Tape, connection: object, result: object) -> Awaitable[None]:
        """Write the completion, or return what writes it."""


Unlocks = Callable[["Tape", list[str]], "Future[Any]"]  # promises ["told", number, values by reference, why not]


class Tapes:
    """The open tapes of an executor. ``wake`` is called when one of them has something to say, from any thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wake: Callable[[], None] = lambda: None,
        most: int = MOST_RECORDS,
        grace: float = GRACE,
        keeper: Keeper | None = None,
    ) -> None:
        self.clock, self.wake, self.most, self.grace, self.keeper = clock, wake, most, grace, keeper
        self.lock = threading.Lock()
        self._dirty: list[Tape] = []
        self.finisher: Completes | None = None
        self.unlocker: Unlocks | None = None

    def open(self, serial: int) -> Tape:
        """Return the tape of a run that begins."""
        return Tape(self, serial)

    def mark(self, tape: Tape) -> None:
        """Remember a tape that has something to say."""
        self._dirty.append(tape)
        self.wake()

    def drain(self) -> list[tuple[int, list[Row]]]:
        """Return what the runs that go on have said, by serial. A progress that comes too early is kept for later."""
        dirty, self._dirty = self._dirty, []
        said = [(tape.serial, rows) for tape in dirty if (rows := tape.take())]
        self._dirty += [tape for tape in dirty if tape.is_dirty]
        return said

    @property
    def is_waiting(self) -> bool:
        """Whether a tape has something that was not drained."""
        return bool(self._dirty)


class Tape:
    """The words of one run, on their way out. Any thread of the body may write."""

    __slots__ = (
        "__weakref__", "_dropped", "_partial", "_progress", "_reported_at", "_rows", "_size", "_tapes", "is_dirty",
        "is_over", "mask", "serial", "tasks", "threads",
    )  # fmt: skip

    def __init__(self, tapes: Tapes, serial: int) -> None:
        self._tapes, self.serial = tapes, serial
        self._rows: list[Row] | None = None
        self._partial: dict[tuple[Stream, int], tuple[str, int]] | None = None  # unfinished lines, and how much of each is cut
        self._progress: Row | None = None
        self._reported_at = -math.inf
        self._size = self._dropped = 0
        self.is_dirty = self.is_over = False
        self.mask: Mask | None = None  # of a run that has been given secrets: nothing of it leaves without
        self.threads: list[weakref.ref[threading.Thread]] | None = None
        self.tasks: weakref.WeakSet[Any] | None = None  # asyncio tasks that the body started

    @property
    def grace(self) -> float:
        """Seconds that a body has to end in when it is asked to stop."""
        return self._tapes.grace

    # -- what bodies say

    def log(self, level: str, message: str, data: Mapping[str, Any] | None) -> None:
        """Take one line; it is kept verbatim, cut where it is very long."""
        held = None if not data else _plain(data)
        self._say("log", level, message, held if held is None or self.mask is None else self.mask.plain(held))

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None:
        """Take the latest progress, in place of one that was not sent yet."""
        if self.is_over or not _is_number(current):
            return
        data = {
            "current": current,
            "total": total if total is None or _is_number(total) else None,
            "stage": self._masked(_text(stage)),
        }
        self._progress = ("progress", self._tapes.clock(), "info", "log", self._masked(_text(message)) or "", data)
        self._touch()

    def attach(self, source: Any, name: str | None, media_type: str | None) -> File:
        """Take a file that the body leaves behind; it is stored when this returns."""
        if self._tapes.keeper is None or self.is_over:
            raise Conflict("nothing can be attached here: only a body that runs leaves files behind")
        return self._tapes.keeper.attach(self, source, name, media_type)

    def complete(self, context: Context, connection: object, result: object) -> Awaitable[None]:
        """Complete the run in the body's own transaction."""
        if self._tapes.finisher is None:
            raise Conflict("complete_in works in a body that runs")
        return self._tapes.finisher.complete(context, self, connection, result)

    def unlock(self, references: list[str]) -> Future[Any] | None:
        """Ask for secrets that the store keeps; None where nobody could be asked."""
        return None if self._tapes.unlocker is None else self._tapes.unlocker(self, references)

    def left(self, file: File, role: int) -> None:
        """Take note of a file that is stored; it has room on a full tape, too."""
        with self._tapes.lock:
            rows = self._rows = [] if self._rows is None else self._rows
            rows.append(("artifact", self._tapes.clock(), "info", "log", "", {**file.as_json(), "role": int(role)}))
        self._touch()

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take a fact for the engine, which no log keeps; it has room on a full tape, too."""
        if self.is_over:
            return
        with self._tapes.lock:
            rows = self._rows = [] if self._rows is None else self._rows
            rows.append((kind, self._tapes.clock(), "info", "log", "", dict(data)))
        self._touch()

    def rest(self, context: Context, seconds: float) -> Awaitable[bool]:
        """Wait for a body, or return what waits."""
        return rest(context, seconds)

    def write(self, stream: Stream, text: str) -> bool:
        """Take a piece of output, line by line; answers False when the run is over and the text is not its own."""
        if self.is_over:
            return False
        with self._tapes.lock:
            self._write(stream, text)
        if self._rows or self._dropped:
            self._touch()
        return True

    def _write(self, stream: Stream, text: str) -> None:
        partial = self._partial = {} if self._partial is None else self._partial
        key = (stream, threading.get_ident())
        begun, cut = partial.pop(key, ("", 0))
        position = 0
        while not self._is_full():
            end = text.find("\n", position)
            if end < 0:
                begun, cut = _grow(begun, cut, text, position, len(text))
                if begun:
                    partial[key] = (begun, cut)
                return
            line, cut = _grow(begun, cut, text, position, end)
            self._keep(stream, "info" if stream == "stdout" else "warning", self._line(line, cut), None)
            begun, cut, position = "", 0, end + 1
        # The cheap way out: a full tape looks at nothing but the line ends.
        self._dropped += text.count("\n", position)

    def _say(self, stream: Stream, level: str, message: str, data: Mapping[str, Any] | None) -> None:
        if self.is_over:
            return
        with self._tapes.lock:
            if self._is_full():
                self._dropped += 1
            else:
                self._keep(stream, level, shorten(message if self.mask is None else self.mask.text(message), LONGEST_LINE), data)
        self._touch()

    def _masked(self, text: str | None) -> str | None:
        return text if self.mask is None or text is None else self.mask.text(text)

    def _line(self, line: str, cut: int) -> str:
        """Return a line of output as it is kept."""
        if self.mask is not None:
            line = self.mask.cut(line) if cut else self.mask.text(line)
        return line + _mark(cut)

    def _keep(self, stream: Stream, level: str, message: str, data: Mapping[str, Any] | None) -> None:
        rows = self._rows = [] if self._rows is None else self._rows
        rows.append(("log", self._tapes.clock(), level, stream, message, data))
        self._size += len(message) + 64

    def _is_full(self) -> bool:
        return self._size >= MOST_CHARACTERS or (self._rows is not None and len(self._rows) >= self._tapes.most)

    def _touch(self) -> None:
        if not self.is_dirty:
            self.is_dirty = True
            self._tapes.mark(self)

    def note(self, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Take a warning of the engine's own, which has room on a full tape, too."""
        with self._tapes.lock:
            self._keep("log", "warning", message if self.mask is None else self.mask.text(message), data)
        self._touch()

    def tell_threads(self) -> None:
        """Name the threads that the body started and that are still running now that it has ended."""
        alive = [thread for each in self.threads or () if (thread := each()) is not None and thread.is_alive()]
        if alive:
            names = ", ".join(thread.name for thread in alive[:10])
            self.note(f"the body ended and left {len(alive)} threads running: {names}")

    # -- what executors take

    def take(self) -> list[Row]:
        """Return what was said since the last time; an empty list for nothing."""
        if self.is_over:
            self.is_dirty = False
            return []
        with self._tapes.lock:
            rows = self._swap()
            progress, now = self._progress, self._tapes.clock()
            is_due = now - self._reported_at >= PROGRESS_EVERY
            self.is_dirty = progress is not None and not is_due
            if progress is not None and is_due:
                self._progress, self._reported_at = None, now
                rows.append(progress)
        return rows

    def close(self) -> list[Row] | None:
        """End the tape and return its last words, unfinished lines and progress included; None for a silent run."""
        if not (self.is_dirty or self._partial):
            self.is_over = True
            return None
        with self._tapes.lock:
            self.is_over = True
            for (stream, _), (line, cut) in (self._partial or {}).items():
                self._keep(stream, "info" if stream == "stdout" else "warning", self._line(line, cut), None)
            rows = self._swap()
            if self._progress is not None:
                rows.append(self._progress)
        return rows or None

    def _swap(self) -> list[Row]:
        rows, self._rows = self._rows or [], None
        if self._dropped:
            rows.append(("gap", self._tapes.clock(), "warning", "log", "", {"dropped": self._dropped}))
        self._size = self._dropped = 0
        return rows


def _grow(begun: str, cut: int, text: str, start: int, end: int) -> tuple[str, int]:
    room = max(LONGEST_LINE - len(begun), 0)
    return begun + text[start : min(end, start + room)], cut + max(end - start - room, 0)


def _mark(cut: int) -> str:
    return f"… [{cut} more characters]" if cut else ""


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data as JSON can hold it, taken now: the body may change its objects afterwards."""
    try:
        found: dict[str, Any] = to_jsonable_python(dict(data), fallback=str)
        size = len(to_json(found))
    except Exception as error:  # noqa: BLE001 - __str__ and serialisers of a user's object are user code
        return {"unreadable": type(error).__name__}
    if size > LONGEST_DATA:
        return {"shortened": keep_ends(to_json(found).decode(), LONGEST_DATA)}
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _text(value: object) -> str | None:
    return None if value is None else shorten(str(value), LONGEST_LINE)


# -- where output and logging are caught


def current_tape() -> Tape | None:
    """Return the tape of the run that this code belongs to."""
    context = current_run()
    sink = None if context is None else context.sink
    return sink if isinstance(sink, Tape) else None


class Capture:
    """Catches output and logging of a process. ``owner`` names the run of code that carries no context."""

    def __init__(self, *, level: str = "info", is_child: bool = False, owner: Callable[[], Tape | None] = lambda: None) -> None:
        self._level, self._is_child, self._owner = logging.getLevelName(level.upper()), is_child, owner
        self._undo: list[Callable[[], None]] = []

    def tape(self) -> Tape | None:
        """Return the tape that a line said here and now belongs to."""
        return current_tape() or self._owner()

    def install(self) -> None:
        """Catch from now on. In a child the rest goes to stderr: the engine's stdout may be read by a machine."""
        stdout, stderr = sys.stdout, sys.stderr
        out = RunStream(self, "stdout", stderr if self._is_child else stdout)
        err = RunStream(self, "stderr", stderr)
        sys.stdout, sys.stderr = out, err

        def put_back() -> None:
            # Somebody else may have replaced them since (a test's capture, for instance): that is left alone.
            if sys.stdout is out:
                sys.stdout = stdout
            if sys.stderr is err:
                sys.stderr = stderr

        self._undo.append(put_back)
        self._install_logging(stderr)
        if self._is_child:
            self._undo.append(_follow_threads())

    def _install_logging(self, stderr: TextIO) -> None:
        root = logging.getLogger()
        handler = RunLog(self, stderr if self._is_child and not root.handlers else None)
        handler.setLevel(self._level)
        before, is_ours = root.level, self._is_child or not root.handlers
        root.addHandler(handler)
        self._undo.append(lambda: root.removeHandler(handler))
        if is_ours and root.level in (logging.NOTSET, logging.WARNING):  # what Python sets when nobody cares
            root.setLevel(self._level)
            self._undo.append(lambda: root.setLevel(before))

    def uninstall(self) -> None:
        """Put everything back as it was."""
        while self._undo:
            self._undo.pop()()


class RunStream(io.TextIOBase):
    """A ``sys.stdout`` that gives each run its own lines and everybody else the real stream."""

    def __init__(self, capture: Capture, stream: Stream, real: TextIO) -> None:
        self._capture, self._stream, self._real = capture, stream, real
        self._bytes = _Bytes(self)

    @property
    def real(self) -> TextIO:
        """The stream behind this one."""
        return self._real

    def write(self, text: str, /) -> int:
        tape = self._capture.tape()
        if tape is None or not tape.write(self._stream, text):
            return self._real.write(text)
        return len(text)

    def flush(self) -> None:
        if self._capture.tape() is None:
            self._real.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._capture.tape() is None and self._real.isatty()

    def fileno(self) -> int:
        return self._real.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed declares an attribute; a property reads the same
        return getattr(self._real, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> io.RawIOBase:
        """The bytes' way in, for those who write to ``sys.stdout.buffer``."""
        return self._bytes


class _Bytes(io.RawIOBase):
    def __init__(self, text: RunStream) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # whatever has a buffer
        view = bytes(data)
        self._text.write(self._decoder.decode(view))
        return len(view)


_TAKEN, _ENGINE = "mainspring_taken", "mainspring"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", _TAKEN}
_LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))


class RunLog(logging.Handler):
    """Puts what ``logging`` says inside a run on its tape; outside a run it says it to ``otherwise``, if anywhere."""

    def __init__(self, capture: Capture, otherwise: TextIO | None) -> None:
        super().__init__()
        self._capture = capture
        self._otherwise = None if otherwise is None else logging.StreamHandler(otherwise)

    def emit(self, record: logging.LogRecord) -> None:
        # The engine's own lines are nobody's, even where a body's step made the engine speak (inline, in the same context).
        tape = None if record.name == _ENGINE else self._capture.tape()
        if tape is None:
            if self._otherwise is not None:
                self._otherwise.handle(record)
            return
        if getattr(record, _TAKEN, False):
            return  # several pools of one process listen: the line is written once
        setattr(record, _TAKEN, True)
        try:
            tape.log(_level_of(record.levelno), _message_of(record), _data_of(record))
        except Exception:  # noqa: BLE001 - as every handler of logging: the body must not fail for a line that cannot be shown
            self.handleError(record)


def _level_of(number: int) -> str:
    return next((name for least, name in _LEVELS if number >= least), "debug")


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong format string is no reason to lose the line
        return f"{record.msg!s} {record.args!r}"


def _data_of(record: logging.LogRecord) -> dict[str, Any]:
    data = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if record.name != "root":
        data["logger"] = record.name
    if record.exc_info and record.exc_info[0] is not None:
        data["exception"] = keep_ends("".join(traceback.format_exception(*record.exc_info)), LONGEST_LINE)
    return data


# Pools outlive the body that happened to start their threads, asyncio's carries the context of each call, ours are ours.
_NOBODYS = ("asyncio_", "ThreadPoolExecutor-", "mainspring-", "waitpid-")


def _follow_threads() -> Callable[[], None]:
    """Make threads belong to the run that starts them; returns the way back.

    Only in a child, where all code is the tasks': their lines are the run's, and a thread that outlives its body can be
    named.
    """
    start = threading.Thread.start

    def start_in_run(thread: threading.Thread) -> None:
        context, tape = current_run(), current_tape()
        if context is not None and tape is not None and not thread.name.startswith(_NOBODYS):
            run = thread.run

            def run_in_run() -> None:
                enter_run(context)
                try:
                    run()
                finally:
                    thread.__dict__.pop("run", None)  # or thread and closure would hold each other

            thread.run = run_in_run  # type: ignore[method-assign]
            tape.threads = tape.threads or []
            tape.threads.append(weakref.ref(thread))
        start(thread)

    threading.Thread.start = start_in_run  # type: ignore[method-assign, assignment]

    def put_back() -> None:
        threading.Thread.start = start  # type: ignore[method-assign]

    return put_back
