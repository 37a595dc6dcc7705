"""Programs of the operating system as bodies: started without a shell, watched, and stopped with everything that they started."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mainspring.core.command import Command, CommandFailed, CommandResult, CommandTask
from mainspring.core.context import Context, current_run
from mainspring.core.errors import ConfigurationError
from mainspring.engine.capture import Tape
from mainspring.engine.proc import how_it_ended
from mainspring.engine.records import Stream

TAIL = 4000  # characters of the end of each stream that are kept for the result and for the error
LEFT_OPEN = 1.0  # seconds that those who hold a pipe may go on after the program itself has ended
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}


def body_of(task: CommandTask[...]) -> Callable[..., Any]:
    """Return the body of a command: ask the task's function what to run, and run it."""

    async def run(*args: Any, **kwargs: Any) -> CommandResult:
        wanted = task.fn(*args, **kwargs)
        if not isinstance(wanted, Command):
            raise ConfigurationError(f"{task.name} is a command and returned {type(wanted).__name__}: return Command('program', ...)")
        context = current_run()
        assert context is not None
        return await execute(wanted, context)

    return run


async def execute(command: Command, context: Context) -> CommandResult:
    """Run a program to its end; raises `CommandFailed`, and `ConfigurationError` for one that cannot be started here.

    Cancelled, it ends the program's whole process group: SIGTERM, and SIGKILL when half of the grace is over.
    """
    watch = _Watch(context)
    began = time.monotonic()
    transport = await _start(command, watch)
    pid = transport.get_pid()
    try:
        await watch.exited.wait()
        if not await _in_time(watch.closed, LEFT_OPEN):
            context.log(f"{command.program} ended and left processes running, which were killed", level="warning")
            _signal_group(pid, signal.SIGKILL)
            await _in_time(watch.closed, LEFT_OPEN)
    except asyncio.CancelledError:
        await _stop(command, watch, pid, context)
        raise
    finally:
        watch.flush()
        transport.close()
    code = transport.get_returncode()
    assert code is not None
    if code not in command.success:
        raise CommandFailed(f"{command.program} {how_it_ended(code)}", exit_code=code, stderr=watch.tails[2].strip())
    return CommandResult(code, timedelta(seconds=round(time.monotonic() - began, 3)), watch.tails[1])


async def _start(command: Command, watch: _Watch) -> asyncio.SubprocessTransport:
    env = {**os.environ, **command.env} if command.inherit_env else dict(command.env)
    more: dict[str, Any] = {}
    if sys.platform == "linux":
        more["preexec_fn"] = _die_with_parent()
    try:
        transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: watch, command.program, *command.args, stdin=asyncio.subprocess.DEVNULL, cwd=command.cwd, env=env,
            start_new_session=True, **more,
        )  # fmt: skip
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        what = repr(error.filename) if error.filename == command.cwd else f"the program {command.program!r}"  # the other is the cwd
        raise ConfigurationError(f"{what} is not to be had on this node: {error.strerror}") from error
    return transport


class _Watch(asyncio.SubprocessProtocol):
    """Puts what a program says into its run's log, and sees it end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.exited, self.closed = asyncio.Event(), asyncio.Event()
        self.tails = {1: "", 2: ""}
        self._decoders = {fd: codecs.getincrementaldecoder("utf-8")("replace") for fd in _STREAMS}
        self._open = set(_STREAMS)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._say(fd, self._decoders[fd].decode(data))

    def _say(self, fd: int, text: str) -> None:
        self.tails[fd] = (self.tails[fd] + text)[-TAIL:]
        sink = self._context.sink
        if isinstance(sink, Tape):
            sink.write(_STREAMS[fd], text)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()

    def flush(self) -> None:
        """Take the bytes that were half a character when the streams ended."""
        for fd, decoder in self._decoders.items():
            if rest := decoder.decode(b"", final=True):
                self._say(fd, rest)


async def _stop(command: Command, watch: _Watch, pid: int, context: Context) -> None:
    sink = context.sink
    patience = (sink.grace if isinstance(sink, Tape) else 0.0) / 2
    _signal_group(pid, signal.SIGTERM)
    try:
        if await _in_time(watch.exited, patience):
            context.log(f"{command.program} was stopped by SIGTERM", level="warning")
        else:
            context.log(f"{command.program} was stopped by SIGKILL: it had not heeded SIGTERM for {patience:g} s", level="warning")
    finally:  # what it started may be there still, also where a second cancel ends our patience
        _signal_group(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    await _in_time(watch.exited, patience)


async def _in_time(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _signal_group(pid: int, number: int) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # nobody of it is left


def _die_with_parent() -> Callable[[], None]:
    """Return what the program's process does before it becomes the program: ask to be killed when its executor goes."""
    import ctypes

    set_parent_death_signal = 1
    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec nothing may be imported

    def ask() -> None:
        prctl(set_parent_death_signal, signal.SIGKILL)

    return ask
