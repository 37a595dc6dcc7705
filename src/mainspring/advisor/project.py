"""What rules ask of the code: everything of `codebase`, and with it effects, roles and findings."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from mainspring.advisor.catalogue import RULES
from mainspring.advisor.codebase import Codebase, Known, Load, Target
from mainspring.advisor.effects import Effects
from mainspring.advisor.finding import Evidence, Finding, Kind, Place, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.places import Places
from mainspring.advisor.read.facts import MODULE, Assign, Call, Fate, FileFacts, Function, Loop
from mainspring.advisor.settings import Settings
from mainspring.advisor.tables import names
from mainspring.advisor.versions import Versions
from mainspring.advisor.work import Work

T = TypeVar("T")

__all__ = ["Effects", "Known", "Load", "Project", "Target", "wrappers_of"]


class Project(Codebase):
    """All files of a project, and what follows from them together."""

    def __init__(
        self,
        files: Mapping[str, FileFacts],
        *,
        settings: Settings | None = None,
        load: Load | None = None,
        search: Callable[[str], Sequence[str]] | None = None,
        spawners: Iterable[str] | None = None,
    ) -> None:
        super().__init__(files, settings=settings, load=load, search=search)
        words = (word for facts in files.values() for word in wrappers_of(facts)) if spawners is None else spawners
        self._spawners = frozenset(word.partition(" ")[0] for word in words)
        self._starting: dict[frozenset[str], frozenset[str]] = {}
        self.versions = Versions()
        self.starting: frozenset[str] | None = None  # modules with functions that start what they are given; None: nobody has looked
        self.turn = 0  # counts the files that are judged: what rules keep of one is not kept for the next, which would rest on it unnoted
        self.given: dict[str, set[str]] = {}  # what was looked at to say what a module gives to what all are judged by
        self._places = Places(self)
        self._work = Work(self, self._places.is_task_decorator)

    # Effects and roles

    def effects(self, what: Known | str) -> Effects:
        """Return what a function does, through three calls inside the project; of a dotted name of a library, what the tables say."""
        return self._work.effects(what)

    def role(self, file: FileFacts, function: Function) -> Role:
        """Say what a function is there for."""
        return self._places.role(file, function)

    def telling(self, file: FileFacts, names: frozenset[str]) -> Sequence[Function]:
        """Return the functions of a file in which a rule may find something: they hold a word of the rules, or one of these names.

        Whoever calls a wrapper, or makes a thread of the project's own, is one as well.
        """
        if (starting := self._starting.get(names)) is None:
            starting = self._starting[names] = names | self._spawners
        return file.telling(starting)

    def part(self, module: str, find: Iterable[T]) -> Sequence[T]:
        """Return what a module gives to what all modules are judged by. What is looked at for it is noted with it, and with nobody else."""
        with self.memory.noting() as noted:
            found = list(find)
        self.given.setdefault(module, set()).update(noted)
        return found

    # Findings

    def finding(
        self,
        code: str,
        file: FileFacts,
        function: Function | None,
        where: object,
        /,
        *,
        kind: Kind | str | None = "",
        severity: Severity | None = None,
        variant: str = "",
        alternatives: tuple[Kind, ...] = (),
        evidence: tuple[Evidence, ...] = (),
        **values: object,
    ) -> Finding:
        """Make a finding at a call, a loop, an assignment or a place. What is not given comes from the catalogue.

        In tests, migrations and what others wrote it weighs no more than a notice.
        """
        rule = RULES[code]
        role = self.role(file, function) if function is not None else self._places.of_file(file) or Role.SERVICE
        place = where if isinstance(where, Place) else getattr(where, "place", None)
        given = severity or rule.severity
        if role in (Role.TEST, Role.VENDORED, Role.MIGRATION):
            given = Severity.NOTICE
        return Finding(
            code=code, path=file.path, place=place if isinstance(place, Place) else Place(1, 1, 1, 1), severity=given,
            kind=rule.kind if kind == "" else kind or None,  # type: ignore[arg-type]  # a Kind, None or not given
            role=role, function="" if function is None or function.name == MODULE else function.name,
            statement=_statement(where, function),
            values=tuple((name, str(value)) for name, value in values.items()), variant=variant, alternatives=alternatives,
            evidence=evidence, is_approximate=file.is_approximate,
        )  # fmt: skip


def wrappers_of(facts: FileFacts) -> tuple[str, ...]:
    """Return short names of functions that hand a parameter on to what may leave it running, and of threads of the project's own.

    They widen the prefilter: whoever calls them may be a spawn site without any other telling word.
    """
    found = [each.name for each in facts.classes if any(_STARTED.search(base) for base in each.bases) and each.name.isidentifier()]
    if not facts.says.isdisjoint(_REPEATERS):
        found += [short for each in facts.outermost if (short := each.name.rpartition(".")[2]) in _REPEATERS]
    for function in facts.calling(*_SPAWNS):
        given_to = {param.name.lstrip("*") for param in function.params}
        given_to |= {call.target for call in function.calls if call.target and any(each.text in given_to for each in call.args)}
        short = function.name.partition(".<locals>.")[0].removesuffix(".__init__").rpartition(".")[2]
        if short.startswith("__") or not short.isidentifier():
            continue
        for call in function.calls:
            if call.fate in (Fate.DROPPED, Fate.KEPT, Fate.BOUND, Fate.RETURNED) and _may_spawn(call.ref):
                given = call.given
                spoken = [name for value in given for name in (value.text, *value.names)]
                if call.fate is Fate.RETURNED or any(
                    "<locals>" in each or each.partition(".")[0].lstrip("?") in given_to for each in spoken
                ):
                    found.append(short)
                    break
    return tuple(dict.fromkeys(found))


_SPAWNS = names(
    "create_task ensure_future Thread Timer Process submit run_in_executor add_task spawn spawn_n start_soon apply_async",
    "start_background_task call_later call_soon run_coroutine_threadsafe start_new_thread BackgroundTask add_job on_commit",
    "call_soon_threadsafe Popen",
)


_REPEATERS = names(
    "looping_call looping_call_now run_periodically run_periodic run_periodically_in_thread call_periodically run_every call_every",
    "call_repeatedly run_repeatedly schedule_periodic schedule_recurring start_periodic register_timer run_interval set_interval",
)
"""Names of functions of the project that call what they are given again and again."""


_STARTED = pattern(r"(Thread|Process|Timer|Greenlet)$")


def _may_spawn(ref: str) -> bool:
    return ref.rpartition(".")[2] in _SPAWNS


def _statement(where: object, function: Function | None) -> str:
    """Return a statement as `ast.unparse` writes it, its first line: spaces and quotes do not make another finding of it."""
    text = _written(where, function)
    for each in (text, f"{text} pass", f"{text}\n pass"):
        try:
            lines = ast.unparse(ast.parse(each)).split("\n")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return lines[0][:200]
    return text[:200]


def _written(where: object, function: Function | None) -> str:
    """Return what stands at the place of a finding."""
    if isinstance(where, Call):
        return where.statement
    if isinstance(where, Loop):
        return f"{'while' if where.is_while else 'for _ in'} {where.head}:"
    if isinstance(where, Assign):
        return f"{where.target} = {where.value.text}"
    place = where if isinstance(where, Place) else getattr(where, "place", None)
    if function is None or place is None:
        return ""
    for loop in function.loops:
        if loop.place.line == place.line:
            return _written(loop, function)
    for call in function.calls:
        if call.statement_place is not None and call.statement_place.line <= place.line <= call.statement_place.end_line:
            return call.statement
    return "" if function.name == MODULE else f"def {function.name.rpartition('.')[2]}():"
