"""What endless loops are, and where that is said.

A loop is looked at once, wherever it is started from: by a spawn in the web process (`started`), by a base class (`inherited`), or
as the body of a process of its own (`owned`). What it turns out to be decides the rule: a queue in memory, on a broker or a table
(MS301-303), a poller of what users ask for (MS204), a connection (MS205), or a home-made schedule (MS202).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project, Target
from mainspring.advisor.read.facts import Call, Fate, FileFacts, Function, Loop, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.roles import serves
from mainspring.advisor.rules.endless import Endless, endless, head, is_forever, is_inner, line_of, source_iterated
from mainspring.advisor.rules.harmless import is_given_a_connection
from mainspring.advisor.rules.sources import WATCHES, Nature
from mainspring.advisor.rules.spawn import HINTS, RUNNERS, Spawn, Way, spawn_of
from mainspring.advisor.rules.steps import WRITES, steps_within


@record(frozen=True, slots=True)
class Verdict:
    """Which rule a loop breaks, how much, and with which words. ``code`` is empty where it may stay."""

    code: str
    kind: Kind
    severity: Severity = Severity.WARNING
    variant: str = ""


NOTHING = Verdict("", Kind.NONE)


def verdict(loop: Endless, *, is_apart: bool) -> Verdict:
    """Return what a loop is. ``is_apart``: it is a process of its own, which starts nothing of the web."""
    match loop.nature:
        case Nature.PIPE:
            return NOTHING
        case _ if loop.only_enqueues:  # MS508 says it, in every role
            return NOTHING
        case Nature.BROKER:
            return Verdict("MS302", Kind.ADHOC)
        case Nature.STREAM:
            return Verdict("MS302", Kind.ADHOC, variant="stream")
        case Nature.TABLE:
            return Verdict("MS204" if loop.writer else "MS303", Kind.ADHOC)
        case Nature.NOTIFY if any(effect is not Effect.NETWORK for effect, _ in loop.shared):
            return Verdict("MS303", Kind.ADHOC, variant="listen")
        case Nature.MEMORY:
            is_own = loop.is_local or loop.is_own_log or (loop.is_answered and not loop.writes)
            return Verdict("MS301", Kind.ADHOC, Severity.NOTICE, "local") if is_own else Verdict("MS301", Kind.ADHOC)
        case Nature.CONNECTION | Nature.NOTIFY:
            if is_apart:
                return NOTHING
            is_own = loop.is_local or (loop.what.rpartition(".")[2] in WATCHES and not loop.writes)
            return Verdict("MS205", Kind.SIDE, Severity.NOTICE, "local") if is_own else Verdict("MS205", Kind.SIDE)
        case _ if is_apart:
            return Verdict("MS202", Kind.CRON, variant="worker") if loop.nature is Nature.PERIOD and loop.shared else NOTHING
        case _ if (loop.shared or loop.telling or loop.does_more) and not loop.is_sign_of_life:
            return Verdict("MS202", Kind.CRON if loop.nature is Nature.PERIOD else Kind.SIDE)
        case _:
            return Verdict("MS202", Kind.CRON if loop.nature is Nature.PERIOD else Kind.SIDE, Severity.NOTICE, "local")


@record(frozen=True, slots=True)
class Site:
    """A spawn whose target never ends."""

    call: Call
    spawn: Spawn
    loop: Endless


def target_of(project: Project, file: FileFacts, function: Function, call: Call, spawn: Spawn) -> Known | None:
    """Return the function that a spawn starts: what it is given, or the ``run`` of a class of the project."""
    if spawn.target < 0 or (spawn.target >= len(call.args) and call.keyword(spawn.keyword) is None):
        owner = project.canonical(call.ref)
        if any(base in RUNNERS for base in project.ancestors(owner)):
            return project.function(f"{owner}.run") or project.function(f"{owner}._run")
        return None
    value = call.argument(spawn.target, spawn.keyword)
    if value is not None and project.canonical(value.text).endswith(_RUNNERS_OF_COROUTINES):
        given = call.keyword(spawn.args) if spawn.args else None
        value = given.items[0] if given is not None and given.items else None
    return project.target(file, function, value).known if value is not None else None


_RUNNERS_OF_COROUTINES = ("asyncio.run", "anyio.run", "trio.run", ".run_until_complete")
"""What runs the coroutine that it is given to its end: that is the target then."""


def is_coroutine(project: Project, function: Function, call: Call) -> bool:
    """Return whether the first argument of a call is a coroutine of the project."""
    if not call.args or call.args[0].form is not ValueForm.CALL:
        return False
    known = project.function(call.args[0].text)
    return known is not None and known.function.is_async and not known.function.is_generator


_spawns: WeakKeyDictionary[Project, tuple[tuple[int, str], dict[tuple[str, int], list[tuple[Call, Spawn]]]]] = WeakKeyDictionary()


def spawns_of(project: Project, file: FileFacts, function: Function) -> Sequence[tuple[Call, Spawn]]:
    """Return the calls of a function that start work. Several rules ask, one after the other, of all functions of a file."""
    last = _spawns.get(project)
    if last is None or last[0] != (project.turn, file.module):
        found: dict[tuple[str, int], list[tuple[Call, Spawn]]] = {}
        for each in project.telling(file, HINTS):
            for call in each.calls:
                spawn = spawn_of(project, call, is_coroutine(project, each, call))
                if spawn is not None:
                    found.setdefault((each.name, each.place.line), []).append((call, spawn))  # a name may be defined in two branches
        last = _spawns[project] = ((project.turn, file.module), found)
    return last[1].get((function.name, function.place.line), ())


def site(project: Project, file: FileFacts, function: Function, call: Call) -> Site | None:
    """Return the endless target that a call starts, or None for every other call."""
    spawn = next((spawn for each, spawn in spawns_of(project, file, function) if each is call), None)
    if spawn is None or spawn.way is Way.TIMER:
        return None
    known = target_of(project, file, function, call, spawn)
    loop = endless(project, known) if known is not None else None
    return Site(call, spawn, loop) if loop is not None else None


def takes(project: Project, file: FileFacts, function: Function, call: Call, target: Target) -> bool:
    """Return whether a spawn is judged here, because its target never ends and it is not started for one request."""
    if target.known is None or endless(project, target.known) is None:
        return False
    return project.role(file, function) not in (Role.HANDLER, Role.STREAM)


def kind_of(project: Project, target: Target) -> Kind | None:
    """Return what an endless target should be, or None where it ends."""
    loop = endless(project, target.known) if target.known is not None else None
    return None if loop is None else verdict(loop, is_apart=False).kind


def starts_itself(project: Project, owner: str) -> Call | None:
    """Return the call by which a thread's class starts itself while it is made: whoever makes one says nothing new."""
    made = project.function(f"{owner}.__init__")
    if made is None or not any(base in RUNNERS for base in project.ancestors(owner)):
        return None
    return next((call for call in made.function.calls if call.source in ("self.start", "super().start")), None)


_WAITING = ("while ", "while(", "onsumer", "subscribe", "pubsub", "listen")
"""Words of loops that wait, beside those of all rules."""
_APART = (Role.WORKER, Role.CLI)
_SILENT = (Role.HANDLER, Role.STREAM, Role.TASK)


def role_of(project: Project, file: FileFacts, function: Function) -> Role:
    """Return what a function is there for; a program that is started like a command is none where it stays to serve the web."""
    role = project.role(file, function)
    if role is not Role.CLI:
        return role
    is_server = _is_a_server(project, file) if file.has_main_guard else _is_in_one(project, file, function)
    return Role.SERVICE if is_server else role


_servers: WeakKeyDictionary[Project, dict[str, bool]] = WeakKeyDictionary()


def _is_a_server(project: Project, file: FileFacts) -> bool:
    """Whether a program binds a web server: itself, or in a thread or task that it starts."""
    known = _servers.setdefault(project, {})
    if file.module not in known:
        known[file.module] = any(_serves(project, file, function) for function in file.functions)
    return known[file.module]


def _is_in_one(project: Project, file: FileFacts, function: Function) -> bool:
    """Whether a command binds a web server, this function or one around it."""
    outer = function.name.partition(".<locals>")[0]
    around = (each for each in file.functions if each.name == outer or each.name.startswith(f"{outer}.<locals>"))
    return function is not file.top and any(_serves(project, file, each) for each in around)


def _serves(project: Project, file: FileFacts, function: Function) -> bool:
    if any(serves(project.canonical(call.ref)) for call in function.calls):
        return True
    targets = (target_of(project, file, function, call, spawn) for call, spawn in spawns_of(project, file, function))
    return any(
        serves(project.canonical(step.call.ref)) for target in targets if target is not None for step in steps_within(project, target)
    )


def _sites(project: Project, file: FileFacts, function: Function) -> Iterator[Site]:
    """Yield the calls of a function that start what never ends, and those by which an object starts itself."""
    for call, _ in spawns_of(project, file, function):
        found = site(project, file, function, call)
        if found is not None and not (found.spawn.target < 0 and starts_itself(project, call.ref)):
            yield found
    owner, _, method = function.name.rpartition(".")
    own = starts_itself(project, f"{file.module}.{owner}") if method == "__init__" else None
    if own is not None:
        known = project.function(f"{file.module}.{owner}.run")
        loop = endless(project, known) if known is not None else None
        if loop is not None:
            yield Site(own, RUNNERS["threading.Thread"], loop)


def started(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield a finding for every endless loop that a function of a file starts beside itself."""
    for function in project.telling(file, HINTS):
        role: Role | None = None
        for found in _sites(project, file, function):
            call = found.call
            if role is None:
                role = role_of(project, file, function)
            if role in _SILENT or _is_joined(project, file, function, found, role):
                continue
            said = verdict(found.loop, is_apart=role in _APART)
            if not found.loop.writes and _is_of_one(project, file, function, found):
                said = replace(said, severity=Severity.NOTICE)
            if said.code and not _is_a_commands_own(said, role):
                yield _finding(project, file, function, call, found.loop, said)


def _is_a_commands_own(said: Verdict, role: Role) -> bool:
    """Whether a loop belongs to a command that somebody started and looks at. A queue on a broker or a table serves others all the same."""
    return role is Role.CLI and said.code not in ("MS204", "MS302", "MS303")


def _is_of_one(project: Project, file: FileFacts, function: Function, found: Site) -> bool:
    """Whether a loop is there for one connection, or for what one call has made, and ends with it."""
    return (
        is_of_a_connection(project, file, function)
        or is_given_a_connection(found.call, found.spawn, function)
        or _serves_one(file, function, found.loop)
        or _reads_its_own_queue(function, found.loop)
    )


def _reads_its_own_queue(function: Function, loop: Endless) -> bool:
    """Whether a loop reads a queue that the function around it has made for it."""
    return (
        loop.nature is Nature.MEMORY
        and loop.function.name.startswith(f"{function.name}.<locals>.")
        and any(call.target and call.target == loop.what.partition(".")[0] for call in function.calls)
    )


_OF_A_CONNECTION = frozenset(
    {
        "on_open", "on_message", "on_close", "on_connect", "on_disconnect", "on_pong", "connection_made", "connection_lost",
        "data_received",
        "websocket_connect", "websocket_receive", "websocket_disconnect", "open", "close", "send", "receive", "send_message",
    }
)  # fmt: skip


_CONNECTIONS = (
    "tornado.websocket.",
    "channels.generic.",
    "starlette.endpoints.WebSocketEndpoint",
    "twisted.internet.protocol.",
    "autobahn.twisted.websocket.",
    "autobahn.asyncio.websocket.",
    "autobahn.websocket.",
)
_CONNECTIONISH = pattern(r"socket|connection|channel|session|protocol|peer", re.IGNORECASE)


def is_of_a_connection(project: Project, file: FileFacts, function: Function) -> bool:
    """Return whether a function belongs to the object of one connection, which ends with it: a class that is told of its messages."""
    owner, _, rest = function.name.partition(".")
    if not rest:
        return False
    methods = {each.name.rpartition(".")[2] for each in file.outermost if each.name.startswith(f"{owner}.")}
    told = {name for name in methods & _OF_A_CONNECTION if name.startswith(("on_", "connection_", "websocket_", "data_"))}
    if told and (len(methods & _OF_A_CONNECTION) >= 2 or _CONNECTIONISH.search(owner)):
        return True
    return project.is_a(f"{file.module}.{owner}", *_CONNECTIONS)


_ONE_CONNECTION = pattern(r"(Connection|Protocol|Socket|Peer|Transport)$")


def _serves_one(file: FileFacts, function: Function, loop: Endless) -> bool:
    """Whether a loop of no other nature belongs to a class that is one connection by its name, and is closed and written to like one."""
    owner, _, rest = function.name.partition(".")
    if not rest or not _ONE_CONNECTION.search(owner) or loop.nature not in (Nature.PERIOD, Nature.OTHER):
        return False
    methods = {each.name.rpartition(".")[2] for each in file.outermost if each.name.startswith(f"{owner}.")}
    return "close" in methods and any(re.match(r"_?(send|write)", each) for each in methods)


def _is_joined(project: Project, file: FileFacts, function: Function, found: Site, role: Role) -> bool:
    """Whether a function waits for what it started, as a fan-out does that ends with it. A start-up hook outlives its start."""
    call, spawn = found.call, found.spawn
    if function.name.rpartition(".")[2] in ("__enter__", "__aenter__"):
        # The object of a block ends with it; but a queue whose worker writes for others is a service, which somebody enters.
        return not (found.loop.nature is Nature.MEMORY and found.loop.writes)
    is_context = role is Role.STARTUP or any("contextmanager" in decorator.ref for decorator in function.decorators)
    if function.is_generator and not is_context:
        return call.fate is not Fate.KEPT  # a stream: what it starts is for whoever reads it, unless a global or an object keeps it
    if role is Role.STARTUP:
        return False
    if function.is_generator:  # of a context: one that lets its thread come to its end is a scope, one that cancels is a lifespan
        return spawn.way is Way.THREAD and (call.fate is Fate.JOINED or _is_told_to_stop(function, call))
    if call.fate is Fate.RETURNED:  # whoever asked for the one object that runs does not wait for it
        return spawn.target >= 0 and not _is_taken_and_left(project, file, function)
    return call.fate in (Fate.AWAITED, Fate.JOINED, Fate.CANCELLED)


def _is_taken_and_left(project: Project, file: FileFacts, function: Function) -> bool:
    """Whether those who ask for a handle only keep it, or drop it."""
    callers = [call for _, _, call in project.callers(file, function)]
    return bool(callers) and all(_takes_and_leaves(function, call) for call in callers)


def _takes_and_leaves(function: Function, call: Call) -> bool:
    if function.is_async and call.is_awaited:  # that gives the handle only: an object keeps it, or nobody takes it
        return "." in call.target or (call.target == "" and call.passed_to < 0 and not call.statement.startswith("return "))
    return call.fate in (Fate.KEPT, Fate.DROPPED, Fate.BOUND)


def _is_told_to_stop(function: Function, call: Call) -> bool:
    """Whether a function sets an event that it has given to what it started."""
    given = {name for value in call.given for name in (value.text, *value.names)}
    given |= {item.text for value in call.given for item in value.items}
    return any(other.source.endswith(".set") and other.source.removesuffix(".set") in given for other in function.calls)


def owned(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield a finding for every endless loop that is a process of its own: a queue or a schedule that somebody built."""
    for function in file.speaking((*file.words, *_WAITING)):
        for number, loop in enumerate(function.loops):
            if is_inner(function, loop) or not (is_forever(loop) or source_iterated(project, function, loop) is not None):
                continue
            role = role_of(project, file, function)
            if role not in _APART or function.is_generator:
                continue
            found = endless(project, Known(file, function))
            if found is None or found.loop is not function.loops[number] or found.function is not function:
                continue
            said = verdict(found, is_apart=True)
            if said.code and not _is_a_commands_own(said, role) and not _is_started(project, file, function):
                yield _finding(project, file, function, loop, found, said)


def _is_started(project: Project, file: FileFacts, function: Function) -> bool:
    """Whether somebody starts this function beside itself, where the finding stands then."""
    own = ((file, other) for other in project.telling(file, HINTS))
    others = ((caller_file, caller) for caller_file, caller, _ in project.callers(file, function) if caller_file is not file)
    for other_file, other in (*own, *others):
        for call, _ in spawns_of(project, other_file, other):
            found = site(project, other_file, other, call)
            if found is not None and found.loop.function is function:
                return True
    return False


def _finding(project: Project, file: FileFacts, function: Function, where: Call | Loop, loop: Endless, said: Verdict) -> Finding:
    what = loop.what or ", ".join(dict.fromkeys(effect.value for effect, _ in loop.shared)) or loop.telling or "?"
    finding = project.finding(
        said.code, file, function, where, kind=said.kind, severity=said.severity, variant=said.variant,
        target=loop.name, what=what, queue=loop.what or "?", writer=loop.writer or "?",
    )  # fmt: skip
    if isinstance(where, Loop):
        finding = replace(finding, place=head(where), statement=line_of(where))
    line = loop.loop.place.line if loop.loop is not None else loop.function.place.line
    text = line_of(loop.loop) if loop.loop is not None else loop.what
    evidence = (Evidence(loop.file.path, line, text), *(evidence for _, evidence in loop.shared))
    return replace(finding, evidence=tuple(dict.fromkeys(evidence))[:5], contradicts=_contradicted(loop))


def _contradicted(loop: Endless) -> tuple[tuple[Ground, str], ...]:
    forever = f"{loop.name} never ends"
    found = [(Ground.SUB_SECOND, forever), (Ground.REQUEST_SCOPED, forever)]
    writing = next((evidence for effect, evidence in loop.shared if effect in WRITES), None)
    if writing is not None:
        found.append((Ground.PROCESS_LOCAL, f"{writing.path}:{writing.line}: {writing.text}"))
    return tuple(found)


def inherited(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield a finding for every endless method that a base class of the project starts beside itself: a daemon's ``_run``."""
    for function in file.speaking((*file.words, *_WAITING)):
        owner, _, method = function.name.rpartition(".")
        if not owner or "<locals>" in function.name or not any(is_forever(loop) for loop in function.loops):
            continue
        for base in project.ancestors(f"{file.module}.{owner}"):
            if not _base_starts(project, base, method):
                continue
            role = role_of(project, file, function)
            found = endless(project, Known(file, function))
            if found is None or found.loop is None or found.function is not function or role in _SILENT:
                break
            said = verdict(found, is_apart=role in _APART)
            if said.code and not _is_a_commands_own(said, role):
                yield _finding(project, file, function, found.loop, found, said)
            break


def _base_starts(project: Project, base: str, method: str) -> bool:
    """Whether a class of the project starts its own method of this name, which others write."""
    known = project.function(f"{base}.{method}")
    if known is None or any(is_forever(loop) for loop in known.function.loops):
        return False
    owner = base.rpartition(".")[2]
    for function in project.telling(known.file, HINTS):
        if not function.name.startswith(f"{owner}."):
            continue
        for call in function.calls:
            spawn = spawn_of(project, call, is_coroutine(project, function, call))
            if spawn is None or spawn.way is Way.TIMER:
                continue
            target = target_of(project, known.file, function, call, spawn)
            if target is not None and target.function is known.function:
                return True
    return False


_found: WeakKeyDictionary[Project, tuple[tuple[int, str], tuple[Finding, ...]]] = WeakKeyDictionary()


def found_in(project: Project, file: FileFacts) -> tuple[Finding, ...]:
    """Return what the endless loops of a file are, of all rules: two families ask one after the other."""
    last = _found.get(project)
    if last is None or last[0] != (project.turn, file.module):
        last = _found[project] = ((project.turn, file.module), (*started(project, file), *owned(project, file), *inherited(project, file)))
    return last[1]
