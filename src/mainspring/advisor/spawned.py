"""What a request starts: tasks, threads, futures, processes and work for after the response, each with the place that started it.

A context variable says to which request a piece of code belongs; it goes with every asyncio task, and with the threads in which frameworks
call plain functions. Four constructors and the loop's task factory are asked to write down what they make while a guard is on, and are as
they were when the last one is off. What a library starts for itself (a pool's threads, a connection's reader) is none of a handler's doing:
only what user code starts itself counts.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import os
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DEEPEST = 60  # frames that are looked at for the place that started something
SHOWN = 8  # frames of user code that are kept of it


class Frame(NamedTuple):
    """One line of a stack."""

    path: str
    line: int
    function: str


@dataclass(eq=False, slots=True)
class Work:
    """One thing that was started. ``what`` is task, thread, future, process or background; ``ended`` is when, by the request's clock."""

    what: str
    name: str
    stack: tuple[Frame, ...]  # innermost first, user code alone
    is_alive: Callable[[], bool]
    ended: float | None = None
    is_cancelled: bool = False
    is_told: bool = False
    is_left: bool = False  # it ran when the response was over, or began later
    is_stopping: Callable[[], bool] = lambda: False  # somebody has asked it to end
    wait: Callable[[float], object] | None = None  # for what ends without a loop: waits so many seconds for it


@dataclass(eq=False, slots=True)
class Unit:
    """One request, or one connection of a socket, and what it has started."""

    handler: Callable[[], str]  # asked late: a router says who handles a request while it is handled
    clock: Callable[[], float]
    works: list[Work] = field(default_factory=list)
    later: list[Work] = field(default_factory=list)  # what a framework was given to do after the response
    answered: float | None = None
    is_returned: bool = False

    def add(self, work: Work) -> None:
        """Note something that was started; frameworks know best now who handles the request, and some forget it with the response."""
        work.is_left = self.answered is not None
        self.works.append(work)
        self.handler()

    def answer(self) -> None:
        """Note that the response is over. What was cancelled by then, as a stream does with its own tasks, is not left behind."""
        if self.answered is None:
            self.answered = self.clock()
            for work in self.works:
                work.is_left = work.is_alive() and not work.is_stopping()
                work.is_told |= not work.is_left

    def alive(self) -> list[Work]:
        """Return what still runs."""
        return [work for work in self.works if work.is_alive()]

    def deferred(self) -> list[Work]:
        """Return what runs after the response, before the application returns."""
        if self.is_returned:
            return []
        return [work for work in self.later if work.ended is None] or [Work("background", "", (), lambda: True)]


current: contextvars.ContextVar[Unit | None] = contextvars.ContextVar("mainspring_guarded", default=None)

# -- whose code a line is

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = tuple({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")})
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@functools.lru_cache(maxsize=4096)
def _owner(path: str) -> str:
    """Return whose a file is: stdlib, library or user."""
    if path.startswith("<"):
        return "stdlib"  # frozen modules, and code that was made in flight
    real = os.path.realpath(path)
    if real.startswith(_OURS) or any(part in real for part in _LIBRARIES):
        return "library"
    return "stdlib" if real.startswith(_STDLIB) else "user"


def started_by(*, through_libraries: bool = False) -> tuple[Frame, ...]:
    """Return the user code that starts something right now, innermost first; nothing where a library does it for itself."""
    frame = sys._getframe(2)
    found: list[Frame] = []
    for _ in range(DEEPEST):
        owner = _owner(frame.f_code.co_filename)
        if owner == "user":
            found.append(Frame(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname))
            if len(found) == SHOWN:
                break
        elif owner == "library" and not found and not through_libraries:
            return ()
        if frame.f_back is None:
            break
        frame = frame.f_back
    return tuple(found)


def name_of(target: object) -> str:
    """Return what people call a callable or a coroutine."""
    while isinstance(target, functools.partial):
        inner = target.func
        # `asyncio.to_thread` wraps a function into its context's `run`.
        is_run = getattr(inner, "__name__", "") == "run" and isinstance(getattr(inner, "__self__", None), contextvars.Context)
        target = target.args[0] if is_run and target.args else inner
    return str(getattr(target, "__qualname__", None) or getattr(target, "__name__", None) or type(target).__qualname__)


# -- the hooks

_lock = threading.Lock()
_users = 0
_undo: list[Callable[[], None]] = []


def watch() -> None:
    """Begin to write down what is started; each call needs one of `unwatch`."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _install()


def unwatch() -> None:
    """Stop it, with the last guard that is on."""
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            while _undo:
                _undo.pop()()


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Let a loop write down the tasks that it makes for requests. It goes on after `unwatch`, with nothing to write down."""
    _install_starlette()
    before = loop.get_task_factory()
    if not getattr(before, "is_of_mainspring", False):
        loop.set_task_factory(_factory(before))


def _factory(before: Any) -> Any:
    def make(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **settings: Any) -> Any:
        task = asyncio.Task(coroutine, loop=loop, **settings) if before is None else before(loop, coroutine, **settings)
        if (unit := current.get()) is not None and (stack := started_by()):
            _add_task(unit, task, name_of(coroutine), stack)
        return task

    make.is_of_mainspring = True  # type: ignore[attr-defined]
    return make


def _add_task(unit: Unit, task: asyncio.Task[Any], name: str, stack: tuple[Frame, ...]) -> None:
    weak = weakref.ref(task)  # a task that nobody holds may vanish, with a guard as without

    def is_alive() -> bool:
        return (found := weak()) is not None and not found.done() and not found.get_loop().is_closed()

    def is_stopping() -> bool:
        return (found := weak()) is not None and found.cancelling() > 0

    work = Work("task", name, stack, is_alive, is_stopping=is_stopping)

    def end(done: asyncio.Future[Any]) -> None:
        work.ended, work.is_cancelled = unit.clock(), done.cancelled()

    task.add_done_callback(end)
    unit.add(work)


def _install() -> None:
    _replace(threading.Thread, "start", _starting)
    for pool in (ThreadPoolExecutor, ProcessPoolExecutor):
        _replace(pool, "submit", _submitting)
    _replace(subprocess.Popen, "__init__", _opening)
    _install_starlette()


def _install_starlette() -> None:
    """Ask Starlette as well, once somebody has imported it."""
    room = sys.modules.get("starlette.background")
    if _users and room is not None and not hasattr(room.BackgroundTask.__init__, "is_of_mainspring"):
        _replace(room.BackgroundTask, "__init__", _deferring)
        _replace(room.BackgroundTask, "__call__", _performing)


def _replace(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    before = owner.__dict__[name]
    replacement: Any = functools.wraps(before)(wrap(before))
    replacement.is_of_mainspring = True
    setattr(owner, name, replacement)
    _undo.append(lambda: setattr(owner, name, before))


def _starting(before: Any) -> Any:
    def start(self: threading.Thread) -> None:
        target = getattr(self, "_target", None) or getattr(self, "function", None)  # a Timer has a function
        unit = current.get()
        before(self)
        if unit is None or getattr(self, "is_of_mainspring", False) or not (stack := started_by()):
            return
        module = type(self).__module__.partition(".")[0]
        if getattr(target, "__module__", None) == "concurrent.futures.thread" or module == "anyio":
            return  # a pool's own, which waits for work when it has none: what it was given is a future
        name = name_of(target) if target is not None else type(self).__qualname__
        unit.add(Work("thread", name, stack, self.is_alive, wait=self.join))

    return start


def _submitting(before: Any) -> Any:
    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = before(self, fn, *args, **kwargs)
        if (unit := current.get()) is not None and (stack := started_by()):
            _add_future(unit, future, name_of(fn), stack)
        return future

    return submit


def _add_future(unit: Unit, future: Future[Any], name: str, stack: tuple[Frame, ...]) -> None:
    def wait(seconds: float) -> object:
        return concurrent.futures.wait([future], seconds)

    work = Work("future", name, stack, lambda: not future.done(), wait=wait)

    def end(done: Future[Any]) -> None:
        work.ended, work.is_cancelled = unit.clock(), done.cancelled()

    future.add_done_callback(end)
    unit.add(work)


def _opening(before: Any) -> Any:
    def opened(self: subprocess.Popen[Any], *args: Any, **kwargs: Any) -> None:
        before(self, *args, **kwargs)
        if (unit := current.get()) is not None and (stack := started_by()):
            command = args[0] if args else kwargs.get("args", "?")
            name = command if isinstance(command, (str, bytes, os.PathLike)) else next(iter(command), "?")
            weak = weakref.ref(self)
            unit.add(Work("process", os.path.basename(os.fsdecode(name)), stack, lambda: _is_running(weak())))

    return opened


def _is_running(process: subprocess.Popen[Any] | None) -> bool:
    """Tell whether a child lives, without taking its exit status from whoever waits for it."""
    if process is None or process.returncode is not None:
        return False
    if not hasattr(os, "waitid"):
        return process.poll() is None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def _deferring(before: Any) -> Any:
    def deferred(self: Any, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        before(self, func, *args, **kwargs)
        if (unit := current.get()) is None or type(self).__name__ != "BackgroundTask":
            return
        # Adding to a framework's list goes through the framework: the user's line is beyond it.
        if stack := started_by(through_libraries=True):
            self.work_of_mainspring = work = Work("background", name_of(func), stack, lambda: not unit.is_returned)
            unit.later.append(work)

    return deferred


def _performing(before: Any) -> Any:
    async def performed(self: Any) -> None:
        try:
            await before(self)
        finally:
            if (work := getattr(self, "work_of_mainspring", None)) is not None and (unit := current.get()) is not None:
                work.ended = unit.clock()

    return performed
