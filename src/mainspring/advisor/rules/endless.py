"""Loops that never end: how a function gets into one, what the loop lives on, and what it does to the world."""

from __future__ import annotations

import re
import sys
from weakref import WeakKeyDictionary

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Evidence, Place
from mainspring.advisor.memory import Answers
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Call, Fate, FileFacts, Function, Loop, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.sources import (
    Nature,
    asks_sql_for_waiting,
    is_forever_call,
    iterated,
    looks_for_waiting,
    pause_of,
    skips_locked,
    source_of,
    tables_of,
    writes_state,
)
from mainspring.advisor.rules.spawn import spawn_of
from mainspring.advisor.rules.steps import SHARED, WRITES, Step, inside, is_state, models_of, steps_of, texts_of
from mainspring.advisor.rules.writers import writer_of
from mainspring.advisor.work import is_left_open

SEARCH = 2  # calls that are followed from a spawn to a loop
NEAR = 2  # how deep in a loop's calls its pauses and its sources may stand

_STOPS = pattern(
    r"stop|shut|cancel|exit|quit|clos|running|alive|kill|terminat|is_set|disconnect|sentinel|poison|interrupt|signal|finish_event"
    r"|enabled|active|\bnone\b",
    re.IGNORECASE,
)
_ARRIVES = pattern(
    r"^except|done|complet|finish|succe|result|stat(us|e)|found|ready|deadline|time|attempt|retr(y|ies)|tries|count|empty|last|end|size|len\(|[<>]",
    re.IGNORECASE,
)
"""What a loop is left by that has got somewhere, or has tried often enough."""
_STOPPING_ERRORS = pattern(r"Cancel|Interrupt|Exit|Stop|Clos|Shut|Disconnect|EOF")
_PASSES_ON = frozenset({"write", "flush", "send", "put", "push", "writelines", "print", "drain"})
_OUTLETS = pattern(
    r"(stream|pipe|console|stdout|stderr|writer|outbox|queue|sock(et)?|output|terminal|logger|transport|buffer)$", re.IGNORECASE
)
_FANS_OUT = frozenset(
    {
        "send_json", "send_text", "send_str",
        "send_bytes", "broadcast", "emit", "write_message", "broadcast_json", "broadcast_text", "group_send",
        "send_personal_message", "publish_local", "put_nowait",
    }
)  # fmt: skip
_DELETES = frozenset({"unlink", "rmtree", "removedirs"})  # of files, whatever library has them
_JOB = pattern(r"(^|[._])\w*(func|fn|callback|job|task|handler|callable|coro|method|work|cb|action|command)$|^f$", re.IGNORECASE)
_RUNS = frozenset({"execute", "run", "process", "handle", "dispatch", "perform"})
_DOES = (
    r"save|send|publish|upload|persist|commit|dispatch|archive|reconcile|process|execute|ingest|export|backup|renew|retry|trigger|deliver"
    r"|enqueue|mark_|claim|recover|update_(status|state)|run_(all|once|pending|due|jobs|tasks|cycle|round|iteration)"
)
_ACTS = pattern(rf"_*({_DOES})")
"""Names of functions that do something for others, whatever that is."""
_CHANGES = pattern(
    rf"_*({_DOES}|delete|clean_?up|purge|prune|sweep|remove_(old|stale|expired|dead)|(update|insert|store|sync|finali[sz]e|expire)_\w)"
)
"""Names of what nobody can follow, but that changes something."""


_OWN_CARE = pattern(
    r"metric|heart_?beat|keep_?alive|ping|tick|_lag|stall|stats|statistic|memory|cpu|cache|animat|spinner|progress|uptime|watch_?(parent|dog|modules?|files?|sources?)|monitor_resource"
    r"|reaper|(^|[._])stats?_",
    re.IGNORECASE,
)
"""Names of loops that look after this process alone."""
_OF_LOGS = pattern(r"(^|[._])\w*(Logger|LogHandler|log_?queue|log_?writer|write_logs?|log_?records?)([._]|$)")
"""Names of what writes down what this process says of itself."""
_KEEPS_ALIVE = pattern(r"heart_?beat|keep_?alive|typing|(^|_)ping(_|$)|ping_?loop", re.IGNORECASE)
_LOOKS = pattern(
    r"_*(get|look|is|has|list|read|load|find|count|query|parse|validate|format|make|build|to|as|log|calculate|compute|collect|measure)(_\w+|$)"
    r"|(all|first|one|unique|scalars?|fetchall|fetchone|time|cancelled|done|stat|children|exists|next|items|keys|values|set|inc|dec|observe"
    r"|expire\w*|evict\w*|labels|set_value|wait|acquire|release|cast|poll|_*db|put\w*|close|aclose|admit|add|append|begin|end|cls|self|super|__\w+__)$"
)
_TELLS = frozenset({Effect.NETWORK, Effect.DB_WRITE})  # how a process says that it is there: nobody else could say so for it
_CONNECTED = pattern(r"(^|[._])_?(ws|\w*socket|conn|connection|sock|stream|transport|channel|session)$", re.IGNORECASE)
_LOGS = pattern(r"(^|[._])_?(log|logger|logging|console|tracer|span|gauge|counter|histogram)$", re.IGNORECASE)
_ANSWERS = pattern(r"\w*set_(result|exception)(_\w+)?")
_WORDS = (ValueForm.TEXT, ValueForm.FLAG, ValueForm.NUMBER, ValueForm.NONE)


@record(frozen=True, slots=True)
class Endless:
    """A loop without an end. ``what`` names what it waits for, ``shared`` what it does that others can see, each with a line."""

    file: FileFacts
    function: Function
    loop: Loop | None  # None: a library's call, which holds a connection until the process ends
    nature: Nature
    what: str
    shared: tuple[tuple[Effect, Evidence], ...] = ()
    telling: str = ""  # a call of which nobody knows what it does, but whose name says that it changes something
    opaque: str = ""  # a call of which nobody knows what it does, and whose name does not say that it only looks
    writer: str = ""  # who writes the rows that it works off
    is_answered: bool = False  # it gives each item's result to whoever waits for it
    is_local: bool = False  # everything it does is known, and stays in this process

    @property
    def name(self) -> str:
        """The function that the loop stands in, for people."""
        return self.function.name.replace(".<locals>", "")

    @property
    def is_sign_of_life(self) -> bool:
        """Whether it only tells the other side, again and again, that this process is still there."""
        ways = {effect for effect, _ in self.shared} - {Effect.DB_READ}
        return bool(_KEEPS_ALIVE.search(self.function.name)) and len(ways) < 2 and ways <= _TELLS

    @property
    def does_more(self) -> bool:
        """Whether it does something at a pace of which nobody knows what it is, and which does not call itself this process's own care."""
        return self.nature is Nature.PERIOD and bool(self.opaque) and not _OWN_CARE.search(self.function.name)

    @property
    def is_own_log(self) -> bool:
        """Whether it writes down what this process says of itself, where nobody else keeps that."""
        return bool(_OF_LOGS.search(self.function.name) or _OF_LOGS.search(self.what)) and not self.shared and not self.telling

    @property
    def only_enqueues(self) -> bool:
        """Whether it does nothing but enqueue tasks of ours at a pace: a schedule of which the definitions' own rules speak."""
        return (
            [effect for effect, _ in self.shared] == [Effect.ENQUEUE]
            and ".enqueue" in self.shared[0][1].text
            and self.nature is Nature.PERIOD
        )

    @property
    def writes(self) -> bool:
        """Whether it changes what others share, beyond asking other systems."""
        return any(effect in WRITES for effect, _ in self.shared)


_seen: WeakKeyDictionary[Project, Answers[tuple[str, str, int], Endless | None]] = WeakKeyDictionary()


def endless(project: Project, known: Known) -> Endless | None:
    """Return the loop in which a function ends up for ever, its own or that of a function it waits for, or None where it comes back."""
    if (seen := _seen.get(project)) is None:
        seen = _seen[project] = Answers(project.memory)
    key = (known.file.module, known.function.name, known.function.place.line)
    return seen.ask(key, None, _search, project, known.file, known.function, SEARCH)  # a function that calls itself finds nothing new


def _search(project: Project, file: FileFacts, function: Function, depth: int) -> Endless | None:
    for number, loop in enumerate(function.loops):
        if is_inner(function, loop):
            continue
        found = source_iterated(project, function, loop)
        if found is not None or (is_forever(loop) and not outlasts(loop)):
            return _Look(project, file, function, number).endless(found)
    for call in function.calls:
        if is_forever_call(project, call):
            return Endless(file, function, None, Nature.CONNECTION, call.source)
    for call in function.calls if depth else ():
        callee = _waited_callee(project, function, call)
        if callee is not None and callee.function is not function:
            found_there = endless(project, callee)
            if found_there is not None:
                return found_there
    return None


def is_inner(function: Function, loop: Loop) -> bool:
    """Return whether a loop stands in another one that never ends: the outer one is what it is about."""
    parent = loop.parent
    while parent >= 0:
        if is_forever(function.loops[parent]):
            return True
        parent = function.loops[parent].parent
    return False


def source_iterated(project: Project, function: Function, loop: Loop) -> tuple[Nature, str] | None:
    """Return what a ``for`` waits for, where that has no end of its own: the messages of a connection."""
    if loop.iterates is None:
        return None
    made = function.calls[loop.iterates.call] if loop.iterates.call >= 0 else None
    return iterated(project, loop.iterates, made)


def is_forever(loop: Loop) -> bool:
    """Return whether nothing but a stop, an error or an empty sign in a queue ends a loop."""
    if not loop.is_endless:
        return False
    is_asked = loop.is_while and loop.head not in ("True", "1")  # a stop is looked for: whoever wrote that meant it to go on
    return not loop.has_exit or (
        bool(loop.exits) and all(_is_stop(each) or (is_asked and not _ARRIVES.search(each)) for each in loop.exits)
    )


_WHILE_ANOTHER = pattern(r"(?!self\.\w+\(|.*main_thread)[\w.\[\]]+\.(is_alive|is_running|is_active|running)\(\)$")


def outlasts(loop: Loop) -> bool:
    """Return whether a loop goes on for as long as another object works, a process or a run, and ends with it."""
    return loop.is_while and bool(_WHILE_ANOTHER.match(loop.head))


def _is_stop(condition: str) -> bool:
    if condition.startswith("except"):
        error, _, asked = condition.partition(" and ")
        return bool(_STOPPING_ERRORS.search(error) or (asked and _STOPS.search(asked)))
    return bool(condition) and bool(_STOPS.search(condition))


def _waited_callee(project: Project, function: Function, call: Call) -> Known | None:
    """Return the project's function that a call runs to its end here: called, awaited, or handed to a runner that waits."""
    known = project.function(call.ref)
    if known is None or known.function.is_generator:
        return None
    if (call.target or call.fate in (Fate.KEPT, Fate.BOUND, Fate.USED)) and any(
        value.form not in _WORDS for value in known.function.returns
    ):
        return None  # what never ends gives nothing to anybody, but the word why it was stopped
    if not known.function.is_async:
        return known if call.target or call.passed_to < 0 or _waits(project, function, call) else None
    return known if call.is_awaited or call.fate is Fate.AWAITED or _waits(project, function, call) else None


def _waits(project: Project, function: Function, call: Call) -> bool:
    outer = call
    for _ in range(4):
        if outer.passed_to < 0:
            return False
        outer = function.calls[outer.passed_to]
        method = outer.ref.rpartition(".")[2]
        if method in ("run", "run_until_complete"):
            return True
        if method in ("gather", "wait_for", "shield"):
            return outer.is_awaited or outer.fate in (Fate.AWAITED, Fate.PASSED, Fate.RETURNED)
        if spawn_of(project, outer, True) is not None:
            return outer.fate is Fate.AWAITED
    return False


def head(loop: Loop) -> Place:
    """Return the place of the first line of a loop."""
    start = loop.place
    return Place(start.line, start.column, start.line, start.column + len(line_of(loop)))


def line_of(loop: Loop) -> str:
    """Return the first line of a loop, for people and for what a finding is known by."""
    return f"{'while' if loop.is_while else 'for'} {loop.head}".partition("\n")[0][:200]


class _Look:
    """One loop, while what it does is put together."""

    def __init__(self, project: Project, file: FileFacts, function: Function, number: int) -> None:
        self._project, self._file, self._function, self._number = project, file, function, number
        self._steps = list(steps_of(project, file, function, number))
        self._sources: list[tuple[Nature, str]] = []
        self._shared: dict[Effect, Evidence] = {}
        self._waiting: list[Step] = []  # calls that look for rows that wait
        self._claiming: list[Step] = []  # calls that lock rows which nobody has
        self._pauses = self._forwards = False
        self._is_known = True

    def endless(self, found: tuple[Nature, str] | None) -> Endless:
        """Return what the loop is. ``found``: what it goes through, where that is its source."""
        self._sources = [found] if found is not None else []
        for at, inner in enumerate(self._function.loops):
            if inside(self._function, at, self._number) and (gone := source_iterated(self._project, self._function, inner)) is not None:
                self._sources.append(gone)
        for step in self._steps:
            self._see(step)
        order = list(Nature)
        resting = (Nature.PERIOD if self._pauses else Nature.OTHER), ""
        nature, what = min(self._sources, key=lambda each: order.index(each[0]), default=resting)
        nature, what, writer = self._table(nature, what)
        runs_jobs = nature is Nature.MEMORY and self._runs_jobs()
        return Endless(
            self._file, self._function, self._function.loops[self._number], nature, what, tuple(self._shared.items()),
            telling=self._telling(), opaque=self._opaque(), writer=writer,
            is_answered=any(step.depth < NEAR and _answers(step.call) for step in self._steps),
            is_local=(self._is_known or self._forwards) and not self._shared and not runs_jobs,
        )  # fmt: skip

    def _see(self, step: Step) -> None:
        if step.depth < NEAR:
            if pause_of(self._project, step.call):
                self._pauses = True
                return
            if (source := source_of(self._project, step.call)) is not None:
                if source[0] is not Nature.MEMORY or not (
                    (step.depth and _is_made_in(step.function, source[1])) or self._asks_whether_to_stop(step.call)
                ):
                    self._sources.append(source)
                return
        if _forwards(step.call) and not any(step.call.source.startswith(f"{queue}.") for _, queue in self._sources):
            self._forwards = True
            return
        if step.method in ("getppid", "_exit"):  # a watch over this process, which ends it
            self._sources.append((Nature.PIPE, step.call.source))
        if looks_for_waiting(step.call):
            self._waiting.append(step)
        elif skips_locked(step.call):
            self._claiming.append(step)
        elif step.method in _DELETES or step.call.ref == "os.remove":
            self._shared.setdefault(Effect.FILE, step.evidence)
        if step.depth:
            return
        given = [value.text for value in step.call.args if value.form is ValueForm.REF and self._project.function(value.text) is not None]
        for ref in (step.call.ref, *given):  # what is handed to an executor is done as well
            effects = self._project.effects(ref)
            for effect in SHARED:
                if effects.has(effect):
                    self._shared.setdefault(effect, next((each for each in effects.evidence(effect) if each.path), step.evidence))
            self._is_known = self._is_known and not effects.is_unknown

    def _asks_whether_to_stop(self, call: Call) -> bool:
        """Whether what comes out of a queue is only the word that the loop goes by: ``while not stop: stop = await queue.get()``."""
        head = self._function.loops[self._number].head
        return bool(call.target) and call.target.isidentifier() and re.search(rf"\b{call.target}\b", head) is not None

    def _table(self, nature: Nature, what: str) -> tuple[Nature, str, str]:
        """Return what the loop is when the tables that it reads are looked at, and who writes the rows that it works off."""
        texts = texts_of(self._steps, self._function)
        writes = self._writes_state()
        waiting = [*self._waiting, *(self._claiming if writes else ())]
        claims = [text for text in texts if asks_sql_for_waiting(text)]
        works = writes or bool(self._shared.keys() - {Effect.FILE})
        if (waiting or claims) and works and nature not in (Nature.PIPE, Nature.BROKER, Nature.STREAM):
            models = [name for step in waiting for name in models_of(self._project, step)]
            tables = [table for text in claims for table in tables_of(text)]
            named = (*models, *tables, *(step.call.source for step in waiting), "?")[0]
            return Nature.TABLE, named.rpartition(".")[2] or named, writer_of(self._project, models, tables)
        listens = next((text for text in texts if re.match(r"\W*LISTEN\s+\w", text)), None)
        if listens is not None and nature in (Nature.PERIOD, Nature.OTHER, Nature.CONNECTION):
            return Nature.NOTIFY, listens.strip()[:60], ""
        return nature, what, ""

    def _writes_state(self) -> bool:
        if any(writes_state(step.call) for step in self._steps):
            return True
        own = [assign for assign in self._function.assigns if inside(self._function, assign.loop, self._number)]
        others = {id(step.function): step.function for step in self._steps if step.function is not self._function}
        return any(is_state(assign) for assign in (*own, *(assign for each in others.values() for assign in each.assigns)))

    def _runs_jobs(self) -> bool:
        """Whether the loop calls what it took, or hands it to something that only the run knows: a callback, an executor of jobs."""
        for step in self._steps:
            if step.depth or self._project.function(step.call.ref) is not None or source_of(self._project, step.call) is not None:
                continue
            if _JOB.search(step.call.source) and step.method != "add_done_callback":
                return True
            if step.call.args and step.method in _RUNS and step.call.ref.startswith("?"):
                return True
        return False

    def _keeps_alive(self, call: Call) -> bool:
        """Whether a call speaks to the other side of one connection, to say that this one is still there."""
        return bool(_OWN_CARE.search(self._function.name)) and bool(_CONNECTED.search(call.source.rpartition(".")[0]))

    def _opaque(self) -> str:
        """Return a call near the loop that nobody can follow and that does more than look."""
        for step in self._steps:
            call = step.call
            if step.depth >= NEAR or pause_of(self._project, call) or _only_looks(self._project, call) or _is_cached(call):
                continue
            if any(other.call.source.startswith(f"{step.call.source}().") for other in self._steps):
                continue  # it only gives the object that is spoken to
            if step.depth and "." not in call.source and ("." not in call.ref or call.ref[:1] == "?"):
                continue  # a variable: it was given by who calls it, where it has been seen
            known = self._project.function(step.call.ref)
            if is_left_open(known.function) if known is not None else self._project.effects(step.call.ref).is_unknown:
                return step.call.source
        return ""

    def _telling(self) -> str:
        """Return a call that nobody can follow to its end, but that calls itself a change: ``store().cleanup_expired(…)``."""
        for step in self._steps:
            if not _CHANGES.match(step.method) or self._keeps_alive(step.call) or _is_cached(step.call):
                continue
            known = self._project.function(step.call.ref)
            is_near = self._pauses and step.depth < NEAR and bool(_ACTS.match(step.method))
            if known is not None and (is_left_open(known.function) or (is_near and self._project.effects(known).is_unknown)):
                return step.call.source
            if known is None and self._project.effects(step.call.ref).is_unknown:
                return step.call.source
        return ""


def _is_made_in(function: Function, queue: str) -> bool:
    """Whether a queue is a variable that a function makes each time that it is called: nobody else fills it."""
    return any(queue == each for each in (*(call.target for call in function.calls), *(assign.target for assign in function.assigns)))


def _answers(call: Call) -> bool:
    """Whether a call gives somebody who waits what came of their item, itself or by what it is given to call."""
    return any(_ANSWERS.fullmatch(ref.rpartition(".")[2]) for ref in (call.ref, *(value.text for value in call.args[:3])))


def _only_looks(project: Project, call: Call) -> bool:
    """Whether a call that nobody can follow makes a value, logs or reads, as far as its name says."""
    ref = project.canonical(call.ref)
    last = call.source.rpartition(".")[2]
    is_of_a_base = call.source.count(".") > 1 and not _is_of_python(call.ref)  # an attribute of who inherits from Python's library
    return (
        last.lstrip("_")[:1].isupper()
        or (_is_of_python(ref) and not is_of_a_base)
        or bool(_LOOKS.match(last) or _LOGS.search(call.source.rpartition(".")[0]))
    )


def _is_of_python(ref: str) -> bool:
    return ref.partition(".")[0] in sys.stdlib_module_names


def _is_cached(call: Call) -> bool:
    """Whether a call looks after what this process remembers for itself."""
    return bool(re.search(r"(^|[._])cache$", call.source.rpartition(".")[0]))


def _forwards(call: Call) -> bool:
    """Whether a call passes something on to this process's own clients, or to a pipe, a console or the next queue."""
    receiver, _, method = call.source.rpartition(".")
    return method in _FANS_OUT or method.startswith("broadcast") or (method in _PASSES_ON and bool(_OUTLETS.search(receiver)))
