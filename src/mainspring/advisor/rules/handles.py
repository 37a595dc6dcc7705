"""What becomes of the handle of started work: whether anybody in reach waits for it or calls it off."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import MODULE, Call, Fate, FileFacts, Function
from mainspring.advisor.rules.spawn import Spawn, Way, spawn_of

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


class Hold(StrEnum):
    """Who holds on to the work."""

    SAFE = "safe"  # somebody waits for it, or it never began
    MANAGED = "managed"  # the object that started it also stops it
    RETURNED = "returned"  # its caller has it now
    HANDED = "handed"  # something that nobody here can read has it now
    KEPT = "kept"  # a reference, and nothing else
    BOUND = "bound"  # a name that is never asked
    DROPPED = "dropped"  # nobody


# Calls that wait for what they are given, once they are waited for themselves.
AWAITERS = frozenset(
    {
        "asyncio.gather",
        "asyncio.wait",
        "asyncio.wait_for",
        "asyncio.as_completed",
        "asyncio.shield",
        "asyncio.wrap_future",
        "asyncio.tasks.gather",
    }
)
# Calls that wait for what they are given, at once.
WAITERS = frozenset(
    {
        "asyncio.run", "asyncio.AbstractEventLoop.run_until_complete", "concurrent.futures.wait", "concurrent.futures.as_completed",
        "gevent.joinall", "gevent.wait", "gevent.iwait", "multiprocessing.connection.wait", "asyncio.Runner.run",
        "asgiref.sync.async_to_sync", "tornado.concurrent.chain_future",
    }
)  # fmt: skip
_GATHERERS = frozenset({"gather", "wait", "as_completed", "joinall", "wait_for"})
KEEPERS = frozenset({"add", "append", "appendleft", "insert", "extend", "put", "put_nowait", "setdefault", "update", "__setitem__"})
_WAITS = {
    Way.COROUTINE: frozenset({"cancel", "result"}),
    Way.THREAD: frozenset({"join"}),
    Way.FUTURE: frozenset({"result", "get", "wait", "exception", "cancel"}),
    Way.AFTER: frozenset[str](),
    Way.PROCESS: frozenset({"wait", "communicate", "join", "kill", "terminate", "send_signal"}),
    Way.GREENLET: frozenset({"join", "get", "kill", "wait"}),
    Way.TIMER: frozenset({"cancel", "join"}),
}
_STOPS = frozenset(
    {
        "cancel", "join", "wait", "terminate", "kill", "communicate", "result", "stop", "shutdown", "aclose", "close", "get", "send_signal",
        "poll", "__await__",
    }
)  # fmt: skip
_ENDED_BY = frozenset(
    {
        *(f"asyncio.Task.{each}" for each in ("cancel", "result")), "asyncio.TimerHandle.cancel", "threading.Timer.cancel",
        "threading.Thread.join",
        *(f"{kind}.{each}" for kind in ("subprocess.Popen", "asyncio.subprocess.Process", "multiprocessing.Process")
          for each in ("wait", "communicate", "join", "kill", "terminate", "send_signal")),
    }
)  # fmt: skip
_ENDING = tuple(sorted({f".{each.rpartition('.')[2]}(" for each in _ENDED_BY}))
STOPPERS = (
    "stop", "close", "aclose", "shutdown", "disconnect", "__aexit__", "__exit__", "cancel", "cleanup", "teardown", "__del__", "terminate",
)  # fmt: skip


def hold_of(project: Project, file: FileFacts, function: Function, call: Call, spawn: Spawn) -> Hold:
    """Return who holds on to what a call starts."""
    if not spawn.is_waitable:
        return Hold.DROPPED
    if spawn.start and not is_started(function, call) and not _is_started_elsewhere(file, function, call):
        return Hold.RETURNED if call.fate is Fate.RETURNED else Hold.SAFE
    if spawn.start and call.fate is Fate.USED and any(value.text.endswith(".start") for each in function.calls for value in each.args):
        return Hold.DROPPED  # Thread(…).start, handed on to whoever calls it
    if _is_wait_declined(file, function, call, spawn):
        return Hold.KEPT if call.fate is Fate.KEPT else Hold.BOUND
    if spawn.way is Way.FUTURE and _is_left_by_with(call, ("Executor", "Pool")):
        return Hold.SAFE
    if spawn.way is Way.FUTURE and (_is_shut_down(function, call) or _is_pool_of_callers(project, file, function, call)):
        return Hold.SAFE
    if spawn.way is Way.PROCESS and _is_process_seen_to(file, function, call):
        return Hold.SAFE
    if spawn.way is Way.THREAD and any(made.ref.endswith("Streamer") for made in function.calls):
        return Hold.SAFE  # what a model writes into a streamer is read from it, by this function or by whom it is given to
    if spawn.way is Way.COROUTINE and _is_of_a_group_around(function, call):
        return Hold.SAFE
    if spawn.way is Way.COROUTINE and spawn.keyword == "func" and call.fate not in (Fate.KEPT, Fate.RETURNED):
        return Hold.SAFE if _is_left_by_with(call, ("TaskGroup", "Nursery", "task_group", "nursery")) else Hold.DROPPED
    held = _by_fate(project, file, function, call, spawn, depth=0)
    if held in (Hold.DROPPED, Hold.BOUND) and spawn.code == "MS103" and _is_of_a_given_pool(function, call):
        return Hold.HANDED
    return Hold.SAFE if spawn.is_chained and (held is not Hold.DROPPED or _is_chained(call)) else held


def _is_chained(call: Call) -> bool:
    """Whether somebody has a deferred, or is called back with what it gives."""
    return call.statement.startswith(("return ", "yield ")) or any(
        bind in ("addCallback", "addBoth", "addCallbacks") for bind in call.binds
    )


def is_handle_awaited(function: Function, call: Call) -> bool:
    """Return whether a function awaits the handle that a wrapper has given it, whoever else keeps it."""
    return bool(call.target) and (call.target in function.awaits or "await" in call.binds)


def _is_of_a_group_around(function: Function, call: Call) -> bool:
    """Whether it joins a task group that the function was given, or uses from around it: whoever left it open waits."""
    owner, _, method = call.source.rpartition(".")
    if owner.startswith("self.") and (method == "start_soon" or call.ref.rpartition(".")[0].endswith(("TaskGroup", "Nursery"))):
        return True  # of a group that the object has entered, and leaves
    if not owner.isidentifier() or not (method == "start_soon" or call.ref.rpartition(".")[0].endswith(("TaskGroup", "Nursery"))):
        return False
    return owner in function.captures or any(each.name == owner for each in function.params)


def _by_fate(project: Project, file: FileFacts, function: Function, call: Call, spawn: Spawn, depth: int) -> Hold:
    match call.fate:
        case Fate.AWAITED if call.is_awaited and spawn.way is Way.PROCESS:
            held = Hold.BOUND if call.target else Hold.DROPPED  # only its start was awaited
        case Fate.AWAITED if _is_awaited_when_cancelled(call):
            held = Hold.KEPT
        case Fate.AWAITED | Fate.JOINED | Fate.CANCELLED:
            return Hold.SAFE
        case Fate.RETURNED:
            return Hold.RETURNED
        case Fate.PASSED if call.target and "." not in call.target and _is_given_to_an_await(function, call.target):
            return Hold.SAFE
        case Fate.PASSED:
            return _passed(project, file, function, call, spawn, depth)
        case Fate.USED:
            return Hold.SAFE
        case Fate.KEPT if 0 <= call.passed_to < len(function.calls) and function.calls[call.passed_to].fate is Fate.RETURNED:
            return Hold.RETURNED  # inside of what is returned
        case Fate.KEPT:
            held = Hold.KEPT
        case Fate.BOUND:
            held = Hold.BOUND
        case _:
            held = Hold.DROPPED
    ends = set() if call.fate is Fate.AWAITED and held is Hold.KEPT else {*_WAITS[spawn.way], "await"}
    if any(bind.partition("@")[0] in ends or bind == "poll@loop" for bind in call.binds):
        return Hold.SAFE
    if call.target and "." not in call.target and _is_given_to_an_await(function, call.target):
        return Hold.SAFE
    if held in (Hold.KEPT, Hold.BOUND) and _is_gathered_elsewhere(project, file, function, call):
        return Hold.SAFE
    if held is Hold.KEPT and spawn.way is Way.PROCESS and _is_killed_elsewhere(file, function, call):
        return Hold.MANAGED
    if held is Hold.KEPT and (place := _attribute(call)) and _is_stopped(project, file, function, place):
        return Hold.MANAGED
    return held


def is_only_called_off(call: Call) -> bool:
    """Return whether the only one who waits is who calls it off at the end."""
    order = [bind.partition("@")[0] for bind in call.binds]
    return "cancel" in order and not call.is_awaited and ("await" not in order or order.index("cancel") < order.index("await"))


def may_be_awaited(file: FileFacts, function: Function, call: Call, spawn: Spawn) -> bool:
    """Return whether the object that keeps a handle lets others wait for it."""
    place, owner = _attribute(call), function.name.partition(".")[0]
    waits = {f"{place}.{each}" for each in {"__await__", *_WAITS[spawn.way]} - {"cancel", "kill", "terminate"}}
    if spawn.way is Way.COROUTINE:
        waits.discard(f"{place}.result")  # which waits for nothing
    return bool(place) and any(
        each.name.startswith(f"{owner}.") and (place in each.awaits or any(one.source in waits for one in each.calls))
        for each in file.speaking((place.rpartition(".")[2],))
    )


def _is_awaited_when_cancelled(call: Call) -> bool:
    """Whether the only one who waits is who calls it off, of work that something else keeps: so it goes on by itself otherwise."""
    order = list(call.binds)
    kept = any(bind.startswith("set:") and not bind.startswith("set:self.") for bind in order)
    return (
        kept
        and not call.is_awaited
        and "cancel" in order
        and "await" in order[order.index("cancel") :]
        and "await" not in order[: order.index("cancel")]
    )


def _passed(project: Project, file: FileFacts, function: Function, call: Call, spawn: Spawn, depth: int) -> Hold:
    if not 0 <= call.passed_to < len(function.calls) or depth > 3:
        return Hold.HANDED
    outer = function.calls[call.passed_to]
    ref = project.canonical(outer.ref)
    if ref in WAITERS:
        return Hold.SAFE
    if ref in AWAITERS:
        return Hold.SAFE if outer.is_awaited else _by_fate(project, file, function, outer, spawn, depth + 1)
    if spawn_of(project, outer, True) is not None:
        return Hold.SAFE  # it is that call which starts it
    if outer.source.rpartition(".")[2] in KEEPERS:
        return Hold.KEPT
    if outer.fate is Fate.RETURNED:
        return Hold.RETURNED  # in the hands of whoever gets what it was wrapped into
    if outer.source.rpartition(".")[2] in ("list", "tuple", "set"):
        return Hold.SAFE
    if (known := project.function(ref)) is None:
        return Hold.HANDED
    position = next(
        (
            number
            for number, value in enumerate(outer.args)
            if (value.call >= 0 and function.calls[value.call] is call) or (call.target and value.text == call.target)
        ),
        0,
    )
    params = [each for each in known.function.params if each.name not in ("self", "cls")]
    name = params[position].name if position < len(params) else ""
    if name and (name in known.function.awaits or _waits_for(known.function, name, spawn)):
        return Hold.SAFE
    is_kept = name and (
        any(each.source.rpartition(".")[2] in KEEPERS and any(value.text == name for value in each.args) for each in known.function.calls)
        or any(each.value.text == name and not each.target.startswith("self.") for each in known.function.assigns)
    )
    return Hold.KEPT if is_kept else Hold.HANDED


def _waits_for(function: Function, name: str, spawn: Spawn) -> bool:
    waits = {f"{name}.{method}" for method in _WAITS[spawn.way]} if spawn.way is not Way.COROUTINE else set[str]()
    return any(
        each.source in waits
        or (
            each.source.rpartition(".")[2] in {"gather", "wait", "wait_for", "shield", "as_completed"}
            and any(value.text == name or name in value.names for value in each.args)
        )
        for each in function.calls
    )


def is_started(function: Function, call: Call) -> bool:
    """Return whether a thread or a process that a function makes is started in it."""
    if any(bind.partition("@")[0] == "start" for bind in call.binds) or ".start" in call.statement:
        return True
    return any(each.source.endswith(".start") for each in function.calls)


def _is_started_elsewhere(file: FileFacts, function: Function, call: Call) -> bool:
    """Return whether another method of the object, or another function of the file, starts what this one only makes."""
    place = _attribute(call) or (call.target if function.name == MODULE else "")
    if not place or "[" in place or call.fate is Fate.RETURNED:
        return False
    owner = function.name.partition(".")[0] if place.startswith("self.") else ""
    start = f"{place}.start"
    return any(
        one.source == start for each in file.speaking((start,)) if not owner or each.name.startswith(f"{owner}.") for one in each.calls
    )


def _is_left_by_with(call: Call, owners: tuple[str, ...]) -> bool:
    return any(each.startswith("with:") and each.endswith(owners) for each in call.inside)


def _is_shut_down(function: Function, call: Call) -> bool:
    """Return whether the pool is shut down, and waited for, in the function that has it."""
    pool = call.source.rpartition(".")[0]
    if not pool or pool.startswith("self."):
        return False
    for each in function.calls:
        owner, _, method = each.source.rpartition(".")
        if owner == pool and (
            method == "join" or (method == "shutdown" and ((wait := each.argument(0, "wait")) is None or wait.text != "False"))
        ):
            return True
    return False


def _is_pool_of_callers(project: Project, file: FileFacts, function: Function, call: Call) -> bool:
    """Return whether the pool is given by callers that shut it down, and wait for all that was put into it."""
    pool = call.source.rpartition(".")[0]
    if not any(each.name == pool and not each.depends for each in function.params):
        return False
    return any(
        one.source.endswith((".shutdown", ".join", ".close")) and any(given.text == one.source.rpartition(".")[0] for given in outer.given)
        for _, caller, outer in project.callers(file, function)
        for one in caller.calls
    )


def _is_of_a_given_pool(function: Function, call: Call) -> bool:
    """Return whether work goes into a pool that a function was given to use: whoever made that decides how long it is waited for."""
    pool = call.source.rpartition(".")[0]
    return any(each.name == pool and not each.depends and (each.default is None or each.default.text == "None") for each in function.params)


_ASKED = pattern(r"(?:el)?if (\w+)(?: is True| == True)?:")


def _is_wait_declined(file: FileFacts, function: Function, call: Call, spawn: Spawn) -> bool:
    """Return whether a function waits only for callers that ask for it: ``if wait: process.wait()``."""
    if not call.target or "return" in call.binds or file.source is None or not function.params:
        return False
    waits = {f"{call.target}.{method}" for method in ("wait", "join", "communicate", "result", "get")}
    waiting = [each for each in function.calls if each.source in waits]
    off = {each.name for each in function.params if each.default is not None and each.default.text in ("False", "None")}
    return (
        spawn.way in (Way.THREAD, Way.FUTURE, Way.PROCESS)
        and bool(waiting and off)
        and all(_condition(file, each, len(call.inside)) in off for each in waiting)
    )


def _condition(file: FileFacts, call: Call, depth: int) -> str:
    """Return the name that a call is done for, nothing where its condition is more than a name or none is nearer than so many blocks."""
    if file.source is None or "if" not in call.inside[depth:]:
        return ""
    lines = file.source.lines
    indent = len(lines[call.place.line - 1]) - len(lines[call.place.line - 1].lstrip())
    for line in reversed(lines[max(0, call.place.line - 20) : call.place.line - 1]):
        text = line.strip()
        if text and len(line) - len(line.lstrip()) < indent:
            found = _ASKED.match(text)
            return found[1] if found is not None else ""
    return ""


_LEAVES = frozenset({"sys.exit", "os._exit", "os.abort", "exit", "quit"})


def _is_process_seen_to(file: FileFacts, function: Function, call: Call) -> bool:
    if call.source.startswith(("os.fork", "os.spawn", "pty.fork", "os.posix_spawn")):
        ends = ("os.wait", "os.kill", "os.setsid", "os._exit", "sys.exit")  # somebody waits, or a program becomes a daemon
        return any(each.source.startswith(ends) for one in file.speaking(ends) for each in one.calls)
    if any(each.source in _LEAVES and each.place.line > call.place.line and each.loop == call.loop for each in function.calls):
        return True  # the program begins anew, or makes room for another
    if any(each.startswith("with:") and each.endswith("Popen") for each in call.inside) and call.fate is Fate.JOINED:
        return True
    name = call.target
    if not name or name.startswith("self."):
        return False
    waits = {f"{name}.{method}" for method in _WAITS[Way.PROCESS]}
    for each in (function, *file.within(function)):
        if any(one.source in waits or one.source.startswith((f"{name}.stdout.", f"{name}.stderr.")) for one in each.calls):
            return True
        if each is not function and any(one.source == f"{name}.is_alive" for one in each.calls):
            return True  # a callback that looks again until it has ended
        if any(f"{name}.stdout" in loop.head or f"{name}.poll" in loop.head for loop in each.loops):
            return True
    return False


def _attribute(call: Call) -> str:
    """Return the one attribute or global that keeps a handle, nothing where a collection does."""
    if call.target and call.fate is Fate.KEPT and "[" not in call.target:
        return "" if any(map(_COLLECTS.match, call.binds)) else call.target
    return next((bind[4:] for bind in call.binds if bind.startswith("set:") and "[" not in bind), "")


_COLLECTS = pattern(r"(?:add|append|put|insert):|set:.*\]$")


def _is_given_to_an_await(function: Function, name: str) -> bool:
    """Return whether something that is awaited gets the handle: what else would it do with it than wait?"""
    return any(
        each.is_awaited and each.source.rpartition(".")[2] not in KEEPERS and any(value.text == name for value in each.args)
        for each in function.calls
    )


def _is_waited_for_there(project: Project, function: Function, kept: set[str]) -> bool:
    """Return whether a collection of the function is given to one of the project that waits for what is in it."""
    for each in function.calls:
        for position, value in (*enumerate(each.args), *each.keywords):
            if project.canonical(each.ref) in WAITERS and kept & set(value.names):
                return True  # wrapped into something else: wait(tuple(pending))
            if value.text not in kept or "." in value.text or each.source.rpartition(".")[2] in KEEPERS:
                continue
            if project.canonical(each.ref) in {*WAITERS, *AWAITERS}:
                return True
            known = project.function(each.ref)
            params = [param.name for param in known.function.params if param.name not in ("self", "cls")] if known is not None else []
            name = params[position] if isinstance(position, int) and position < len(params) else str(position)
            if known is not None and name in params and _waits_for_each(project, known.function, name):
                return True
    return False


def _waits_for_each(project: Project, function: Function, name: str) -> bool:
    return any(
        each.source in ("os.wait", "os.waitpid")
        or (project.canonical(each.ref) in {*WAITERS, *AWAITERS} and any(name in {value.text, *value.names} for value in each.args))
        for each in function.calls
    ) or any(loop.iterates is not None and name in {loop.head, loop.iterates.text, *loop.iterates.names} for loop in function.loops)


def _is_gathered_elsewhere(project: Project, file: FileFacts, function: Function, call: Call) -> bool:
    """Return whether a collection of an object is waited for by another of its methods, and not only when everything ends."""
    kept = {bind.partition(":")[2].removesuffix("[]") for bind in call.binds if bind.partition(":")[0] in {*KEEPERS, "set", "key"}}
    if call.target:  # as the key of a dict: {future: what it is about}
        kept |= {each.target.removesuffix(f"[{call.target}]") for each in function.assigns if each.target.endswith(f"[{call.target}]")}
    if _is_waited_for_there(project, function, kept):
        return True
    if (shared := kept & set(function.captures)) and any(_is_waited_for_there(project, each, shared) for each in file.around(function)):
        return True  # a closure's, which the function around it waits for
    kept = {each for each in kept if each.startswith("self.")}
    owner = function.name.partition(".")[0]
    for each in file.speaking(tuple(sorted(kept))) if kept else ():
        if each.name in (f"{owner}.__exit__", f"{owner}.__aexit__"):
            return True  # whoever leaves the object's block sees to what it has collected
        last = each.name.rpartition(".")[2].lstrip("_")
        if not each.name.startswith(f"{owner}.") or last.startswith(STOPPERS):
            continue
        for one in each.calls:
            if one.source.rpartition(".")[2] in _GATHERERS and any(kept & {value.text, *value.names} for value in one.args):
                return True
        if kept & set(each.awaits):
            return True
    return False


def _is_killed_elsewhere(file: FileFacts, function: Function, call: Call) -> bool:
    """Return whether an object ends the processes that it collects."""
    owner = function.name.partition(".")[0]
    ends = tuple(f".{each}" for each in ("kill", "terminate", "wait", "communicate"))
    watched = f"{call.target}.is_alive"
    return owner != function.name and any(
        each.name.startswith(f"{owner}.")
        and each is not function
        and any(one.source.endswith(ends) or (one.source == watched and one.loop >= 0) for one in each.calls)
        for each in file.speaking((*ends, watched))
    )


def _is_stopped(project: Project, file: FileFacts, function: Function, place: str) -> bool:
    """Return whether something else in the class, or in the file for what is no attribute of an object, stops what a place holds."""
    owner = function.name.partition(".")[0] if place.startswith("self.") and function.name != MODULE else ""
    for each in file.speaking((place.rpartition(".")[2], *_ENDING)):
        if owner and not each.name.startswith(f"{owner}."):
            continue
        if any(one.source.startswith(f"{place}.") and one.source.rpartition(".")[2] in _STOPS for one in each.calls):
            return True
        if place in each.awaits:
            return True
        if owner and any(one.ref in _ENDED_BY for one in each.calls) and each is not function:
            return True  # by another name for it, taken from the attribute
        last = each.name.rpartition(".")[2].lstrip("_")
        mentions = place in each.globals or any(place in {value.text, *value.names} for one in each.calls for value in one.args)
        if mentions and each is not function and (last.startswith(STOPPERS) or any(one.source.endswith(".cancel") for one in each.calls)):
            return True
    return False
