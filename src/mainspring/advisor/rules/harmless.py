"""What speaks for started work being harmless: it ends with what it serves, it serves this process alone, or somebody hears of its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Role
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, ValueForm
from mainspring.advisor.rules.handles import STOPPERS, Hold
from mainspring.advisor.rules.kinds import LEAVES, SHARED, TENDS, UPKEEP, Weight
from mainspring.advisor.rules.signals import is_awaited_by_signal
from mainspring.advisor.rules.sites import Site
from mainspring.advisor.rules.spawn import LOOPS, SERVERS, Spawn, Way, may_spawn, seconds, spawn_of

if TYPE_CHECKING:
    from mainspring.advisor.effects import Effects
    from mainspring.advisor.project import Known, Project, Target

_OPENERS = frozenset({"open", "xdg-open", "explorer", "explorer.exe", "osascript", "notify-send", "say", "start", "cmd"})
_RUNS_A_LOOP = pattern(r"loop\.(start|run)$", re.IGNORECASE)
_ENDS_THE_PROGRAM = frozenset(
    {"sanic.Sanic.stop", "sanic.app.Sanic.stop", "os._exit", "twisted.internet.reactor.stop", "signal.raise_signal"}
)
_WAITS_FOR_A_CHILD = pattern(r"(^|[._])(proc(ess)?|child|popen)\.(wait|join)$", re.IGNORECASE)
_PIPED = pattern(r"readline\b|\.std(out|err)\b|\bpipe\b")


def is_long(site: Site, target: Target | None) -> bool:
    """Say whether a handler starts a thread of its own for something that goes through many: nobody does that for a moment's work."""
    known = target.known if target is not None else None
    return (
        known is not None and site.role is Role.HANDLER and site.spawn.way is Way.THREAD
        and "<locals>" in known.function.name and bool(known.function.loops)
    )  # fmt: skip


def keeps_the_process_going(project: Project, target: Target) -> bool:
    """Say whether a target is a server, an event loop or a watch over this process, or a function whose work is to run one."""
    calls = target.known.function.calls if target.known is not None else ()
    refs = [project.canonical(target.ref), *(project.canonical(each.ref) for each in calls)]
    if any(ref in _ENDS_THE_PROGRAM for ref in refs[1:]) or any(map(_kills_itself, calls)):
        return True  # its end is the end of the program
    effects = project.effects(target.known) if target.known is not None else None
    if (
        effects is not None
        and not effects.has(Effect.NETWORK, Effect.DB_WRITE, Effect.LLM)
        and any(each.text.startswith("os.exec") for each in effects.evidence(Effect.SUBPROCESS))
    ):
        return True  # the program begins anew
    if any(ref.rpartition(".")[2] in LOOPS or ref in SERVERS for ref in refs) or any(
        _RUNS_A_LOOP.search(each.source) or (each.loop >= 0 and each.source.endswith(".accept")) or _is_told_a_port(each) for each in calls
    ):
        return True
    further = (project.function(each.ref) for each in calls)
    return any(
        project.canonical(each.ref) in SERVERS or _is_told_a_port(each)
        for known in further
        if known is not None and known.function.is_async
        for each in known.function.calls
    )


def _kills_itself(call: Call) -> bool:
    """Whether a call sends a signal to this very process."""
    return call.source == "os.kill" and bool(call.args) and call.args[0].text.startswith("os.getpid")


def _is_told_a_port(call: Call) -> bool:
    """Whether a call runs something that is told the port on which it is spoken to: a server."""
    return call.source.rpartition(".")[2] in _SERVES and call.keyword("port") is not None and call.keyword("host") is not None


_SERVES = frozenset({"run", "serve", "run_task", "run_app", "serve_forever", "start_server", "run_server"})


def opens_a_browser(project: Project, site: Site, target: Target | None) -> bool:
    """Say whether work is to show a page to whoever has started the program."""
    names = {site.function.name.rpartition(".")[2]}
    if target is not None:
        names.add(target.ref.rpartition(".")[2])
        calls = target.known.function.calls if target.known is not None else ()
        names.update(each.source.rpartition(".")[2] for each in calls)
        if any(project.canonical(ref).startswith("webbrowser.") for ref in (target.ref, *(each.ref for each in calls))):
            return True
    return any(map(_SHOWS_A_PAGE.search, names)) and site.role is not Role.HANDLER


_SHOWS_A_PAGE = pattern(r"(open|launch|show)_?\w*browser|web_?browser", re.IGNORECASE)


def is_the_program(site: Site) -> bool:
    """Say whether a function goes on to run the very loop for ever: what it has begun there is the program itself."""
    return (
        site.spawn.way is Way.COROUTINE
        and site.role is not Role.HANDLER
        and any(
            each.place.line > site.call.place.line and (each.source.endswith(".run_forever") or _RUNS_A_LOOP.search(each.source))
            for each in site.function.calls
        )
    )


def attends_a_child(project: Project, target: Target | None) -> bool:
    """Say whether a target reads from or waits for a process that somebody else has started."""
    if target is None or target.known is None:
        return False
    function = target.known.function
    if any(_starts_a_process(project, each) for each in function.calls):
        return False
    return any(_PIPED.search(each.head) for each in function.loops) or any(
        _WAITS_FOR_A_CHILD.search(each.source) for each in function.calls
    )


def _starts_a_process(project: Project, call: Call) -> bool:
    spawn = spawn_of(project, call, False) if may_spawn(call) else None
    return spawn is not None and spawn.way is Way.PROCESS


def is_of_one_connection(site: Site) -> bool:
    """Say whether a server starts it for a connection that it has accepted."""
    return any(each.source.rpartition(".")[2] == "accept" and each.loop == site.call.loop >= 0 for each in site.function.calls)


def is_heard_of(site: Site, target: Target | None) -> bool:
    """Say whether the function waits for a sign of the work, or reads what it gives."""
    if site.spawn.way not in (Way.THREAD, Way.FUTURE, Way.GREENLET, Way.PROCESS, Way.COROUTINE):
        return False
    values = site.call.given
    names = {name.rpartition(".")[2] for each in values for name in (each.text, *each.names, *(one.text for one in each.items))}
    known = target.known.function if target is not None and target.known is not None else None
    if known is not None:
        names.update(known.captures)
        if site.spawn.way is not Way.COROUTINE:
            prefix = f"{site.function.name}.<locals>."
            inner = site.file.within(site.function)
            names.update(name for each in inner if each.name.removeprefix(prefix) in known.captures for name in each.captures)
    if site.spawn.way is Way.COROUTINE and any(
        each.is_async and each.place.line > site.call.place.line and _STREAM.search(each.head) for each in site.function.loops
    ):
        return True  # it goes on to read a stream to its end: who else would fill that
    return is_awaited_by_signal(site.file, site.function, site.call, known, names, is_awaiting=site.spawn.way is Way.COROUTINE)


_STREAM = pattern(r"(^|[._])(\w*streamer|stream|queue|chunks)(\(\))?$")


def reads_a_pipe(project: Project, site: Site, target: Target | None) -> bool:
    """Say whether the work is given one end of a pipe, or goes on reading what a child says and tells nobody else."""
    if site.spawn.way not in (Way.THREAD, Way.GREENLET, Way.COROUTINE):
        return False
    known = target.known if target is not None else None
    if known is not None and any(_READS_A_CHILD.search(each.source) for each in known.function.calls):
        return not project.effects(known).has(Effect.NETWORK, Effect.DB_WRITE, Effect.LLM, Effect.ENQUEUE)
    values = site.call.given
    for value in [*values, *(item for each in values for item in each.items)]:
        if any(name.endswith((".stdout", ".stderr", ".stdin")) for name in (value.text, *value.names)):
            return True
        if value.form is ValueForm.CALL and 0 <= value.call < len(site.function.calls):
            inner = site.function.calls[value.call]
            if any(name.endswith((".stdout", ".stderr", ".stdin")) for each in inner.args for name in (each.text, *each.names)):
                return True
    return False


_READS_A_CHILD = pattern(r"\.(stdout|stderr)\.(read|readline|readlines|readuntil|readexactly)$")


def is_answer_to_come(function: Function) -> bool:
    """Say whether a function tells the server that the answer is still to be written: by what it has started."""
    return any(each.text.rpartition(".")[2] == "NOT_DONE_YET" for each in function.returns)


def removes_what_was_sent(site: Site, name: str) -> bool:
    """Say whether a file is deleted after the answer that it was sent with."""
    return (
        site.spawn.way is Way.AFTER
        and _REMOVES.match(name.rpartition(".")[2]) is not None
        and any(each.ref.rpartition(".")[2] == "FileResponse" for each in site.function.calls)
    )


_REMOVES = pattern(r"_*(delete|remove|unlink|rm|clean_?up|cleanup)(_|$)|_*clean")


def is_soon(site: Site) -> bool:
    """Say whether a delay is so short that nothing but a debounce can be meant."""
    if site.spawn.way is not Way.TIMER or site.spawn.delay < 0:
        return False
    delay = seconds(site.call.argument(site.spawn.delay, site.spawn.delay_keyword))
    return delay is not None and delay < 1


def arms_itself(project: Project, site: Site, target: Target | None) -> bool:
    """Say whether a timer's target arms the timer again, which is a schedule and another rule's."""
    if site.spawn.way is not Way.TIMER or target is None or target.known is None:
        return False
    known = target.known
    if _is_same(known, site.file, site.function):
        return True
    for call in known.function.calls:
        spawn = spawn_of(project, call, False)
        if spawn is not None and spawn.way is Way.TIMER and (value := call.argument(spawn.target, spawn.keyword)) is not None:
            again = project.target(known.file, known.function, value).known
            if again is not None and _is_same(again, known.file, known.function):
                return True
        if (callee := project.function(call.ref)) is not None and _is_same(callee, site.file, site.function):
            return True
    return False


def _is_same(known: Known, file: FileFacts, function: Function) -> bool:
    return known.file.module == file.module and known.function.name == function.name and known.function.place == function.place


_REPEATS = pattern(r"Repeat|Periodic|Interval|Recurring", re.IGNORECASE)


def repeats(site: Site) -> bool:
    """Say whether a thread of the project's own making calls what it is given again and again, as its name says."""
    return site.spawn.target < 0 and bool(site.spawn.start) and _REPEATS.search(site.call.source) is not None


def tells_when_done(file: FileFacts, function: Function, target: Target | None) -> bool:
    """Say whether a thread of an object sets an event at its end for which another method of the object waits."""
    if target is None or target.known is None:
        return False
    owner = function.name.partition(".")[0]
    done = {each.source.rpartition(".")[0] for each in target.known.function.calls if each.source.endswith(".set")}
    waits = {f"{each}.wait" for each in done if each.startswith("self.")}
    return any(
        each.name.startswith(f"{owner}.") and each is not target.known.function and any(call.source in waits for call in each.calls)
        for each in file.speaking((".wait",))
    )


def is_leaving(function: Function) -> bool:
    """Say whether a function ends something: what it starts then is the end of it."""
    return function.name.rpartition(".")[2] in _LEAVING or function.name.rpartition(".")[2].strip("_") in STOPPERS


_LEAVING = frozenset({"on_shutdown", "shutdown_event", "on_stop", "before_stop", "__exit__", "__aexit__", "__del__"})
BEGINS = pattern(
    r"^_*(a?enter|init|start|connect|open|run|setup|set_up|launch|resume|ensure|initialize|begin|on_start|on_(\w+_)?(open|connect)|schedule)"
)
_CONNECTIONS = frozenset(
    {
        "on_close", "on_disconnect", "connection_lost", "connection_made", "websocket_disconnect", "on_connection_close",
        "resumeProducing", "pauseProducing", "stopProducing",
    }
)  # fmt: skip

_CONNECTED = pattern(r"socket|connection|channel|session|protocol|peer|client|handler|transport|stream", re.IGNORECASE)


def is_of_a_connection(file: FileFacts, function: Function) -> bool:
    """Say whether an object is one connection, which is told when it ends."""
    owner = function.name.partition(".")[0]
    told = {each.name.rpartition(".")[2] for each in file.outermost if each.name.startswith(f"{owner}.")} & _CONNECTIONS
    return owner != function.name and (
        len(told) > 1 or (bool(told) and _CONNECTED.search(owner) is not None) or _is_made_for_a_connection(file, owner)
    )


def _is_made_for_a_connection(file: FileFacts, owner: str) -> bool:
    """Whether an object is made with the one connection that it speaks over."""
    made = file.function(f"{owner}.__init__")
    return made is not None and any(each.name in _A_CONNECTION for each in made.params)


_A_CONNECTION = frozenset({"websocket", "ws", "sock", "conn", "connection", "reader", "writer", "stream_reader", "stream_writer"})


def is_given_a_connection(call: Call, spawn: Spawn, function: Function) -> bool:
    """Say whether what is started is handed the one connection that it reads or writes."""
    target = call.argument(spawn.target, spawn.keyword) if spawn.target >= 0 else None
    values = [item for each in call.given if each is not target for item in (each, *each.items)]
    if target is not None and target.form is ValueForm.CALL and 0 <= target.call < len(function.calls):
        values.extend(function.calls[target.call].given)
    return any(value.form is ValueForm.REF and value.text.rpartition(".")[2].lstrip("_") in _A_CONNECTION for value in values)


def speaks_to_its_own(target: Target | None) -> bool:
    """Say whether work, by its name and by what it calls, only passes something on over a connection that this process holds."""
    if target is None or target.known is None or not _PASSES_ON.search(target.known.function.name.rpartition(".")[2]):
        return False
    return any(_OVER_A_CONNECTION.search(each.source) for each in target.known.function.calls) or any(
        value.text.rpartition(".")[2] in ("websocket", "ws") for each in target.known.function.calls for value in each.given
    )


_PASSES_ON = pattern(r"(^|_)(send|push|emit|broadcast|forward|stream|relay|pump|changed|tell|notify)(_|$)")
_OVER_A_CONNECTION = pattern(r"(^|[._])(websocket|ws|socket|sock|writer)\.(send|write|emit)\w*$")


def is_a_job(site: Site, method: str) -> bool:
    """Say whether an object is told to begin a piece of work that its caller describes, and not itself."""
    value = site.value
    if value is None or value.form is not ValueForm.CALL or not 0 <= value.call < len(site.function.calls) or not _RUNS.match(method):
        return False
    given = {param.name for param in site.function.params if param.name not in ("self", "cls")}
    return any(given & {name.rpartition(".")[2] for name in (each.text, *each.names)} for each in site.function.calls[value.call].given)


_RUNS = pattern(r"_*(a?start|run|launch|schedule|begin)(_|$)")


def tends(site: Site, hold: Hold, weight: Weight, name: str) -> bool:
    """Say whether work that nobody has seen to matter looks like upkeep of this process: by its name, or as part of an object's life."""
    owner, _, method = site.function.name.rpartition(".")
    last = name.rpartition(".")[2]
    if UPKEEP.match(last) or _KEEPS_ALIVE.search(last) or (method == "__init__" and _is_told_to_leave(site.call)) or _ends_itself(site):
        return True
    if owner.rpartition(".")[2].endswith("Watcher"):  # of files that this process has loaded
        return True
    if weight is Weight.UNKNOWN and TENDS.search(last) and last not in STOPPERS:  # to stop something of another object is to do something
        return True
    if site.role is Role.HANDLER or repeats(site):
        return False
    return weight is Weight.UNKNOWN and bool(
        LEAVES.search(method)
        or (method == "__init__" and site.call.source != "self.start")
        or _ENGINES.search(owner.partition(".")[0])
        or (hold is Hold.KEPT and _is_part_of_the_object(site.call, method))
    )


_KEEPS_ALIVE = pattern(r"keep_?alive|heart_?beat", re.IGNORECASE)


def _ends_itself(site: Site) -> bool:
    """Whether an object has its own end done beside or after what it does now."""
    text = site.value.text if site.value is not None else ""
    owner, _, method = text.rpartition(".")
    own = site.function.name.partition(".")[0]
    return bool(own) and owner.rpartition(".")[2] in ("self", own) and _ENDS_AN_OBJECT.match(method) is not None


_ENDS_AN_OBJECT = pattern(r"_*(a?close|stop|shutdown|disconnect|terminate|cancel)(_|$)")


def is_upkeep_of_memory(target: Target | None) -> bool:
    """Say whether a function that was written for this place only waits, looks and then forgets or settles something."""
    if target is None or target.known is None or "<locals>" not in target.known.function.name or "<lambda" in target.known.function.name:
        return False
    last = [each.source.rpartition(".")[2] for each in target.known.function.calls]
    return any(map(_FORGETS.match, last)) and all(_ASIDE.fullmatch(each) or _FORGETS.match(each) for each in last)


_FORGETS = pattern(r"_*(remove|discard|forget|expire|evict|prune|unregister|set_result|set_exception|give_up)(_|$)")


_ASIDE = pattern(
    r"sleep|done|get|pop|discard|set|set_result|set_exception|cancel\w*|clear|is_set|len|time|monotonic|debug|info|warning|error|exception|log"
)


def is_own_log(effects: Effects, name: str) -> bool:
    """Say whether work only writes down, into a file, what this process says or measures of itself."""
    seen = [each for each in SHARED if effects.has(each)]
    return seen == [Effect.FILE] and _WRITES_DOWN.search(name.rpartition(".")[2]) is not None


def is_logging(function: Function) -> bool:
    """Say whether a function is one of a program's own for writing lines into a log."""
    return re.fullmatch(r"_*log(_(file|line|text|message|msg|record))?", function.name.rpartition(".")[2]) is not None


_WRITES_DOWN = pattern(r"(^|_)(log|profile|measure|metrics|stats|resources)(_|$)")


def _is_told_to_leave(call: Call) -> bool:
    """Whether a thread is given something of its object that tells it to end."""
    args = call.keyword("args")
    return args is not None and any(each.text.startswith("self.") and _LEAVES_BY.search(each.text) for each in args.items)


_LEAVES_BY = pattern(r"(stop|exit|quit|cancel|shutdown|leave|done|finish)(_?(event|flag))?$|stopping$|exiting$", re.IGNORECASE)


def _is_part_of_the_object(call: Call, method: str) -> bool:
    """Whether what runs begins with an object that has one place for it, or a few that it fills as it starts."""
    if call.target.startswith("self.") and "[" not in call.target:
        return BEGINS.match(method) is not None
    return _STARTS.fullmatch(method) is not None and any(bind.partition(":")[2].startswith("self.") for bind in call.binds)


_STARTS = pattern(r"_*(?:a?start|connect|open|enter|aenter|init|setup)_*")
_ENGINES = pattern(r"(Executor|Pool|Timer|Queue)\w*$")


def opens_a_window(function: Function, call: Call) -> bool:
    """Say whether a process only shows something on the desktop of whoever started the program."""
    first = call.args[0] if call.args else None
    if first is None:
        return False
    if "browser" in function.name.rpartition(".")[2].lower():
        return True
    head = first.items[0] if first.items else first
    return head.form is ValueForm.TEXT and head.text.strip("\"'").split(" ")[0].rpartition("/")[2] in _OPENERS
