"""What starts work that may outlive its caller: the calls, where their callable stands, and what makes them begin.

One table for all frameworks. A method is listed under the class that has it; whoever inherits it, in the project or elsewhere, is found by
the class. Receivers that nobody knows count only where the name alone says enough (`SURE`) or the arguments do (`spawn_of`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Protocol

from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, Fate, Value, ValueForm
from mainspring.advisor.record import record


class Way(StrEnum):
    """How the work runs, which decides what counts as waiting for it."""

    COROUTINE = "coroutine"  # begins by itself; awaited or cancelled
    THREAD = "thread"  # begins with start(); joined
    FUTURE = "future"  # begins by itself; its result is read
    AFTER = "after"  # begun by the framework when the response is out: nobody can wait for it
    PROCESS = "process"  # begins by itself; waited for or killed
    GREENLET = "greenlet"  # begins by itself; joined
    TIMER = "timer"  # begins after a delay; cancelled


@record(frozen=True, slots=True)
class Spawn:
    """One way to start work. ``target`` is the position of what is started (-1: it has none), ``keyword`` its name."""

    code: str
    way: Way
    target: int = 0
    keyword: str = ""
    start: str = ""  # the method that has to be called on the handle before anything runs
    delay: int = -1  # position of the delay
    delay_keyword: str = ""
    args: str = ""  # keyword that carries the arguments of the target, where they do not simply follow it

    is_chained: bool = False  # what waits for it are the callbacks that are added to what it gives

    @property
    def is_waitable(self) -> bool:
        """Whether there is a handle that somebody could wait for."""
        return self.way is not Way.AFTER


_COROUTINE = Spawn("MS101", Way.COROUTINE, 0, "coro")
CALLBACK = Spawn("MS101", Way.COROUTINE, 0, "callback")  # work only where what is called back is a coroutine
_SOON = Spawn("MS101", Way.COROUTINE, 0, "func")
_THREAD = Spawn("MS102", Way.THREAD, 1, "target", start="start", args="args")
_SUBMIT = Spawn("MS103", Way.FUTURE, 0, "fn")
_POOL = Spawn("MS103", Way.FUTURE, 0, "func", args="args")
_AFTER = Spawn("MS104", Way.AFTER, 0, "func")
_PROCESS = Spawn("MS105", Way.PROCESS, -1)
_FORKED = Spawn("MS105", Way.PROCESS, 1, "target", start="start", args="args")
_GREENLET = Spawn("MS106", Way.GREENLET, 0, "function")
_LATER = Spawn("MS108", Way.TIMER, 1, "callback", delay=0, delay_keyword="delay")


def _each(names: str, spawn: Spawn) -> dict[str, Spawn]:
    return dict.fromkeys(names.split(), spawn)


SPAWNS: Mapping[str, Spawn] = {
    **_each(
        "asyncio.create_task asyncio.ensure_future asyncio.async asyncio.run_coroutine_threadsafe asyncio.tasks.create_task"
        " asyncio.tasks.ensure_future asyncio.tasks.run_coroutine_threadsafe asyncio.TaskGroup.create_task asyncio.Task"
        " asyncio.AbstractEventLoop.create_task asyncio.AbstractEventLoop.ensure_future asyncio.BaseEventLoop.create_task"
        " uvloop.Loop.create_task sanic.Sanic.add_task sanic.app.Sanic.add_task",
        _COROUTINE,
    ),
    **_each(
        "anyio.abc.TaskGroup.start_soon trio.Nursery.start_soon trio.lowlevel.spawn_system_task trio.from_thread.run_soon"
        " tornado.ioloop.IOLoop.spawn_callback",
        _SOON,
    ),
    **_each("tornado.ioloop.IOLoop.add_callback tornado.ioloop.IOLoop.add_callback_from_signal", CALLBACK),
    **_each("twisted.internet.defer.ensureDeferred twisted.internet.defer.Deferred.fromCoroutine", replace(_COROUTINE, is_chained=True)),
    **_each("twisted.internet.threads.deferToThread twisted.internet.reactor.callInThread", replace(_SUBMIT, keyword="f", is_chained=True)),
    "twisted.internet.threads.deferToThreadPool": replace(_SUBMIT, target=2, keyword="f", is_chained=True),
    "twisted.internet.reactor.callLater": _LATER,
    "aiojobs.aiohttp.spawn": replace(_COROUTINE, target=1, way=Way.AFTER),  # what is awaited is that it is taken
    "aiojobs.Scheduler.spawn": replace(_COROUTINE, way=Way.AFTER),
    **_each("threading.Thread multiprocessing.dummy.Process", _THREAD),
    **_each("_thread.start_new_thread thread.start_new_thread _thread.start_new", Spawn("MS102", Way.THREAD, 0, "function", args="args")),
    **_each(
        "concurrent.futures.Executor.submit concurrent.futures.ThreadPoolExecutor.submit concurrent.futures.ProcessPoolExecutor.submit"
        " concurrent.futures.thread.ThreadPoolExecutor.submit concurrent.futures.process.ProcessPoolExecutor.submit"
        " flask_executor.Executor.submit flask_executor.Executor.map loky.ProcessPoolExecutor.submit"
        " concurrent.futures.Executor.map concurrent.futures.ThreadPoolExecutor.map concurrent.futures.ProcessPoolExecutor.map",
        _SUBMIT,
    ),
    "flask_executor.Executor.submit_stored": replace(_SUBMIT, target=1),
    **{
        f"{owner}.{method}": _POOL
        for owner in ("multiprocessing.pool.Pool", "multiprocessing.pool.ThreadPool", "multiprocessing.Pool", "multiprocessing.dummy.Pool")
        for method in ("apply_async", "map_async", "starmap_async", "imap", "imap_unordered")
    },
    **_each(
        "asyncio.AbstractEventLoop.run_in_executor tornado.ioloop.IOLoop.run_in_executor",
        Spawn("MS103", Way.FUTURE, 1, "func"),
    ),
    **_each("asyncio.to_thread anyio.to_thread.run_sync starlette.concurrency.run_in_threadpool", _SUBMIT),
    **_each(
        "fastapi.BackgroundTasks.add_task fastapi.background.BackgroundTasks.add_task starlette.background.BackgroundTasks.add_task"
        " starlette.background.BackgroundTask fastapi.background.BackgroundTask fastapi.BackgroundTask"
        " litestar.background_tasks.BackgroundTask"
        " starlite.BackgroundTask quart.Quart.add_background_task quart.app.Quart.add_background_task"
        " quart.utils.run_sync_background werkzeug.wrappers.Response.call_on_close flask.Response.call_on_close",
        _AFTER,
    ),
    **_each(
        "subprocess.Popen psutil.Popen gevent.subprocess.Popen eventlet.green.subprocess.Popen"
        " asyncio.create_subprocess_exec asyncio.create_subprocess_shell asyncio.subprocess.create_subprocess_exec"
        " asyncio.subprocess.create_subprocess_shell anyio.open_process os.fork os.forkpty pty.fork os.posix_spawn os.posix_spawnp",
        _PROCESS,
    ),
    **{f"os.spawn{form}": _PROCESS for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
    **_each(
        "multiprocessing.Process multiprocessing.context.Process multiprocessing.process.BaseProcess billiard.Process"
        " multiprocessing.context.SpawnProcess multiprocessing.context.ForkProcess multiprocessing.get_context.Process",
        _FORKED,
    ),
    **_each(
        "gevent.spawn gevent.spawn_raw gevent.Greenlet.spawn gevent.greenlet.Greenlet.spawn gevent.pool.Pool.spawn"
        " gevent.pool.Pool.apply_async"
        " gevent.pool.Group.spawn gevent.threadpool.ThreadPool.spawn gevent.threadpool.ThreadPool.apply_async"
        " eventlet.spawn eventlet.spawn_n"
        " eventlet.greenthread.spawn eventlet.greenthread.spawn_n eventlet.GreenPool.spawn eventlet.GreenPool.spawn_n"
        " eventlet.greenpool.GreenPool.spawn eventlet.greenpool.GreenPool.spawn_n eventlet.tpool.execute_async",
        _GREENLET,
    ),
    **_each("gevent.Greenlet gevent.greenlet.Greenlet", replace(_GREENLET, start="start")),
    **_each(
        "flask_socketio.SocketIO.start_background_task socketio.Server.start_background_task socketio.AsyncServer.start_background_task"
        " engineio.Server.start_background_task engineio.AsyncServer.start_background_task"
        " flask_socketio.start_background_task",
        replace(_GREENLET, keyword="target"),
    ),
    **_each("threading.Timer", Spawn("MS108", Way.TIMER, 1, "function", start="start", delay=0, delay_keyword="interval", args="args")),
    **_each(
        "asyncio.AbstractEventLoop.call_later uvloop.Loop.call_later tornado.ioloop.IOLoop.call_later tornado.ioloop.IOLoop.add_timeout",
        _LATER,
    ),
    **_each("asyncio.AbstractEventLoop.call_at tornado.ioloop.IOLoop.call_at", replace(_LATER, delay=-1, delay_keyword="")),
    **_each(
        "gevent.spawn_later gevent.Greenlet.spawn_later eventlet.spawn_after eventlet.greenthread.spawn_after eventlet.spawn_after_local",
        Spawn("MS108", Way.TIMER, 1, "function", delay=0, delay_keyword="seconds"),
    ),
}

# Methods whose name alone says what they do, whoever has them.
SURE: Mapping[str, Spawn] = {
    "run_in_executor": SPAWNS["asyncio.AbstractEventLoop.run_in_executor"],
    "create_subprocess_exec": _PROCESS,
    "create_subprocess_shell": _PROCESS,
    "start_background_task": replace(_GREENLET, keyword="target"),
    "add_background_task": _AFTER,
    "run_coroutine_threadsafe": _COROUTINE,
}

# A class of the project that inherits one of these is started by start() and does what its run() does.
RUNNERS: Mapping[str, Spawn] = {
    "threading.Thread": replace(_THREAD, target=-1),
    "multiprocessing.Process": replace(_FORKED, target=-1),
    "multiprocessing.context.Process": replace(_FORKED, target=-1),
    "multiprocessing.process.BaseProcess": replace(_FORKED, target=-1),
    "gevent.Greenlet": replace(_GREENLET, target=-1, start="start"),
}

# Calls of a shell, whose text says whether the command stays behind.
SHELLS = frozenset(
    {
        "os.system",
        "os.popen",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.getoutput",
    }
)
_STAYS_BEHIND = pattern(r"(?<![&>|])&\s*[)'\"]?\s*$|(?<!\S)(?:nohup|setsid|disown)\s|(?<!\S)start\s+/b\s", re.IGNORECASE)

# Targets that keep the process itself going: their thread is the server or the loop, and not work of a user.
LOOPS = frozenset({"run_forever", "serve_forever", "start_http_server", "mainloop", "wait_for_termination"})
SERVERS = frozenset(
    {
        "uvicorn.run", "uvicorn.Server.run", "uvicorn.Server.serve", "uvicorn.server.Server.run", "hypercorn.asyncio.serve",
        "hypercorn.trio.serve", "waitress.serve", "werkzeug.serving.run_simple", "flask.Flask.run", "aiohttp.web.run_app",
        "http.server.HTTPServer.handle_request", "os.getppid", "websockets.serve", "websockets.server.serve",
        "websockets.asyncio.server.serve", "asyncio.start_server", "asyncio.start_unix_server",
        "watchfiles.run_process", "watchgod.run_process",
        "quart.Quart.run_task", "quart.app.Quart.run_task",
    }
)  # fmt: skip

# Hooks that end the process or answer a signal: what they start is the shutdown.
EXITS = frozenset({"add_signal_handler", "signal.signal", "atexit.register", "addAsyncCleanup", "weakref.finalize", "push_async_callback"})

# What runs its callback when a transaction has been committed.
COMMIT_HOOKS = frozenset({"django.db.transaction.on_commit", "django.db.connection.on_commit", "on_commit"})
COMMIT_SIGNALS = frozenset(
    {"post_save", "post_delete", "m2m_changed", "after_commit", "after_flush", "after_flush_postexec", "after_insert", "after_update"}
)


_LASTS = frozenset(
    {each.rpartition(".")[2] for each in (*SPAWNS, *SHELLS)}
    | set(SURE)
    | {"create_task", "ensure_future", "start_soon", "spawn_callback", "add_callback", "add_task", "submit", "apply_async", "map_async"}
    | {"call_later", "call_at", "call_soon_threadsafe", "call_soon", "partial"}
)
# A name that says that what is given is done in the background, whoever has it.
_SAYS_SO = pattern(
    r"_*(?:(?:run|start|spawn|do|execute|launch|call|schedule|submit|process)_(?:in|as|to)(?:_an?|_the)?_background(?:_(?:process|task|thread|job))?"
    r"|(?:run|start|spawn|launch|schedule|create|submit|add|enqueue)_background(?:_(?:process|task|thread|job|coroutine))?"
    r"|fire_and_forget|run_and_forget|background_call)",
)


# A name that says that a task is made of what is given: of a coroutine, as far as that is known.
_TASKISH = pattern(r"_*(?:create|spawn|start|launch|make|schedule|run|fire|new|add)_(?:\w+_)?(?:task|coroutine|coro)")
_OF_TASKS = pattern(r"(?:^|[._])tasks?\.create$")  # background_task.create


def may_make_a_task(call: Call) -> bool:
    """Return whether a call says in its name that it makes a task."""
    return _TASKISH.fullmatch(call.source.rpartition(".")[2]) is not None or _is_of_tasks(call)


def _is_of_tasks(call: Call) -> bool:
    """Whether a module or an object that is called after tasks is told to begin one, and nobody takes what it gives."""
    return _OF_TASKS.search(call.source) is not None and call.fate is Fate.DROPPED and not call.is_awaited


def may_spawn(call: Call) -> bool:
    """Return whether a call is worth a closer look, by the last part of its name; a class may inherit what makes it one."""
    last = call.ref.rpartition(".")[2]
    method = call.source.rpartition(".")[2]
    return (
        last in _LASTS
        or last.lstrip("_")[:1].isupper()
        or method in _LASTS
        or _SAYS_SO.fullmatch(method) is not None
        or may_make_a_task(call)
    )


class Names(Protocol):
    """What the table needs to know of the project."""

    def canonical(self, ref: str) -> str:
        """Follow imports and aliases."""

    def ancestors(self, class_ref: str) -> frozenset[str]:
        """Return all bases of a class."""

    def function(self, ref: str) -> object | None:
        """Return a function of the project, or None."""


_LOOPISH = pattern(
    r"(^|[._])(event_)?loop(\(\))?$|get_event_loop\(\)$|get_running_loop\(\)$|IOLoop\.(current|instance)\(\)$", re.IGNORECASE
)
_POOLISH = pattern(r"(executor|pool)s?(\(\)|[\"'\]]+)?$", re.IGNORECASE)
_GROUPISH = pattern(r"(^|[._])(tg|task_?group|nursery)(\(\))?$", re.IGNORECASE)
_BACKGROUNDISH = pattern(r"(background|bg)_?(tasks?|jobs?)?(\(\))?[\"'\])]*$", re.IGNORECASE)


STARTS = frozenset(
    {
        *(ref.rpartition(".")[2] for ref in SPAWNS), *SURE, "create_task", "ensure_future", "start_soon", "spawn_callback", "add_callback",
        "add_task", "submit", "apply_async", "map_async", "call_later", "call_at"
    }
)  # fmt: skip
"""Last parts of all names that start work; classes, which may have a runner among their bases, are told by their capital."""
HINTS = STARTS | {"start", "cls"}
"""Names that a function calls which starts work: a thread of the project's own is made by its class, and begins when it is told to."""


def spawn_of(names: Names, call: Call, is_coroutine: bool) -> Spawn | None:
    """Return how a call starts work, or None. ``is_coroutine``: its first argument is known to be a coroutine, which only a spawn takes."""
    short = call.ref.rpartition(".")[2]
    if (by_name := _by_its_name(names, call)) is not None:
        return by_name
    if not is_coroutine and short not in STARTS and not short[:1].isupper():
        return None  # most calls of a program: nobody need follow their names through its files
    ref = names.canonical(call.ref)
    if (found := SPAWNS.get(ref)) is not None:
        return found if _fits(ref, call) else None
    owner, _, method = ref.rpartition(".")
    if owner and not owner.startswith("?"):
        for base in names.ancestors(owner):
            if (found := SPAWNS.get(f"{base}.{method}")) is not None:
                return found
        for base in names.ancestors(ref):
            if (found := RUNNERS.get(base)) is not None:
                return found
    if method == "submit" and owner.rpartition(".")[2].removesuffix("()").endswith(("Executor", "Pool")):
        return _SUBMIT  # one of the project's own making
    return _by_the_look(call, method, is_coroutine) if owner and (is_coroutine or not names.function(ref)) else None


def _by_its_name(names: Names, call: Call) -> Spawn | None:
    """Return the spawn of a call that says in its name that it goes on in the background, and whose result nobody takes."""
    method = call.source.rpartition(".")[2]
    if call.fate is not Fate.DROPPED or call.is_awaited or method in SURE or _SAYS_SO.fullmatch(method) is None:
        return None
    for position, value in enumerate(call.args[:3]):
        if value.form is ValueForm.REF and names.function(value.text) is not None:
            return replace(_SUBMIT, code="MS101", target=position)
        if value.form is ValueForm.CALL:
            return replace(_COROUTINE, target=position)
    return None


def _fits(ref: str, call: Call) -> bool:
    if ref.endswith(".add_task") and "Background" in ref:
        return not call.args or call.args[0].form is not ValueForm.TEXT
    if ref.startswith("os.spawn"):
        mode = call.argument(0, "mode")
        return mode is not None and mode.text.rpartition(".")[2].startswith("P_NOWAIT")
    return True


def _by_the_look(call: Call, method: str, is_coroutine: bool) -> Spawn | None:
    if (found := SURE.get(method)) is not None:
        return found
    receiver = call.source.rpartition(".")[0]
    first = call.args[0] if call.args else None
    callable_first = first is not None and first.form in (ValueForm.REF, ValueForm.OTHER, ValueForm.CALL) and "." not in first.text[:1]
    match method:
        case "create_task" | "ensure_future":
            return _COROUTINE if is_coroutine or _LOOPISH.search(receiver) or _GROUPISH.search(receiver) else None
        case "start_soon":
            return _SOON if callable_first else None
        case "spawn_callback":
            return _SOON if _LOOPISH.search(receiver) and callable_first else None
        case "add_callback":
            return CALLBACK if _LOOPISH.search(receiver) and callable_first else None
        case "add_task":
            return _AFTER if _BACKGROUNDISH.search(receiver) and callable_first else _COROUTINE if is_coroutine else None
        case "submit":
            return _SUBMIT if _POOLISH.search(receiver) and first is not None and first.form is ValueForm.REF else None
        case "apply_async" | "map_async":
            return _POOL if _POOLISH.search(receiver) and first is not None and first.form is ValueForm.REF else None
        case "callInThread":  # of Twisted, that an object was given
            return SPAWNS["twisted.internet.reactor.callInThread"] if receiver.endswith("reactor") and call.args else None
        case "call_later":
            return _LATER if _LOOPISH.search(receiver) or (len(call.args) >= 2 and call.args[0].form is ValueForm.NUMBER) else None
        case "call_at":
            return replace(_LATER, delay=-1, delay_keyword="") if _LOOPISH.search(receiver) else None
        case _:
            return _COROUTINE if is_coroutine and may_make_a_task(call) else None


def stays_behind(names: Names, call: Call) -> str:
    """Return the command of a shell call that sends its work to the background, or nothing."""
    if not call.args or not _STAYS_BEHIND.search(call.args[0].text.strip().strip("\"'")):
        return ""
    ref = names.canonical(call.ref)
    if ref not in SHELLS:
        return ""
    if ref.startswith("subprocess.") and ref != "subprocess.getoutput":
        shell = call.keyword("shell")
        if shell is None or shell.text != "True":
            return ""
    return call.args[0].text.strip().strip("\"'")


def seconds(value: Value | None) -> float | None:
    """Return a number of seconds as it is written, or None where only the run knows it."""
    if value is None:
        return None
    if value.form is ValueForm.NUMBER:
        return float(value.text.replace("_", ""))
    total = 1.0
    for factor in value.text.replace(" ", "").split("*"):
        try:
            total *= float(factor)
        except ValueError:
            return None
    return total


def mentions(value: Value, words: Iterable[str]) -> bool:
    """Return whether any of these names stands in a value, alone or at the end of a dotted name."""
    every = {value.text, *value.names}
    return any(name == word or name.endswith(f".{word}") for name in every for word in words)
