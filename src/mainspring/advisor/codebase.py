"""All files beside one another: names across files, classes and their bases, functions, targets of spawns, callers.

Nothing is computed before somebody asks, and answers are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mainspring.advisor import resolve
from mainspring.advisor.memory import SEARCHED, Answers, Memory
from mainspring.advisor.numbers import number_in
from mainspring.advisor.read.facts import Assign, Call, Class, FileFacts, Function, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.settings import Settings
from mainspring.advisor.shelf import Shelf, mentioning
from mainspring.advisor.tables import names

MANY_FILES = 60  # a name that more files mention is too common to follow
Load = Callable[[str], FileFacts | None]

_FIRST = names(
    "functools.partial functools.partialmethod asgiref.sync.sync_to_async asgiref.sync.async_to_sync channels.db.database_sync_to_async",
    "asyncio.wait_for asyncio.shield asyncio.to_thread asyncio.ensure_future asyncio.create_task asyncio.run asyncio.coroutine",
    "asyncio.AbstractEventLoop.run_until_complete asyncio.AbstractEventLoop.create_task contextvars.Context.run",
    "contextvars.copy_context().run starlette.concurrency.run_in_threadpool anyio.to_thread.run_sync trio.to_thread.run_sync",
    "flask.copy_current_request_context django.db.transaction.on_commit",
)
"""What takes a callable or a coroutine and does it: the target is its first argument."""
_FIRST_LAST = names("partial sync_to_async database_sync_to_async")
_SECOND = names("asyncio.AbstractEventLoop.run_in_executor")


@record(frozen=True, slots=True)
class Known:
    """A function of the project, and the file that it stands in."""

    file: FileFacts
    function: Function

    @property
    def ref(self) -> str:
        """Return its dotted name."""
        return f"{self.file.module}.{self.function.name}"


@record(frozen=True, slots=True)
class Target:
    """What a spawned callable is. ``call``: where a coroutine or a partial of it is made."""

    known: Known | None
    ref: str
    source: str
    call: Call | None = None


class Codebase:
    """The facts of all files, and what names, classes and targets in them are."""

    def __init__(
        self,
        files: Mapping[str, FileFacts],
        *,
        settings: Settings | None = None,
        load: Load | None = None,
        search: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self.files = files
        self.settings = settings or Settings()
        self._load = load
        self._search = search
        self._loaded: dict[str, FileFacts | None] = {}
        self._lengths: dict[str, int] = {}  # how much of a dotted name is the module's
        self.memory = Memory()
        if isinstance(files, Shelf):
            files.memory = self.memory
        self._canonical: Answers[str, str] = Answers(self.memory)
        self._ancestors: Answers[str, frozenset[str]] = Answers(self.memory)

    # Files and names

    def file(self, module: str) -> FileFacts | None:
        """Return the facts of a module, read on demand; None where the project has no such module."""
        self.memory.noted.add(module)
        return self._file(module)

    def _file(self, module: str) -> FileFacts | None:
        if module in self._loaded:
            return self._loaded[module]
        facts = self.files.find(module) if isinstance(self.files, Shelf) else self.files.get(module)
        if facts is None and self._load is not None and module:
            facts = self._load(module)
        if facts is not None and facts.problem:
            facts = None
        if facts is None or not isinstance(self.files, Shelf):  # a shelf makes room by forgetting, which must not be undone here
            self._loaded[module] = facts
        return facts

    def split(self, ref: str) -> tuple[FileFacts, str] | None:
        """Return the file that a dotted name leads into, and what is left of the name."""
        length = self._length(ref)
        facts = self.file(ref[:length]) if length else None
        return None if facts is None else (facts, ref[length + 1 :])

    def _length(self, ref: str) -> int:
        """Return how much of a dotted name is the name of a module."""
        length = self._lengths.get(ref)
        if length is None:  # which modules there are is no answer: where any comes or goes, all are judged anew
            above = ref.rpartition(".")[0]
            length = len(ref) if self._file(ref) is not None else self._length(above) if above else 0
            self._lengths[ref] = length
        return length

    def canonical(self, ref: str) -> str:
        """Follow a dotted name through imports, re-exports, aliases, objects and base classes to where it is defined."""
        return self._canonical.ask(ref, ref, resolve.canonical, self, ref)  # what leads back to itself stays as it is

    def class_of(self, ref: str) -> Class | None:
        """Return a class of the project."""
        found = self.class_in(ref)
        return found[1] if found is not None else None

    def class_in(self, ref: str) -> tuple[FileFacts, Class] | None:
        """Return a class of the project with its file."""
        found = self.split(self.canonical(ref))
        if found is None or not found[1]:
            return None
        return next(((found[0], each) for each in found[0].classes if each.name == found[1]), None)

    def ancestors(self, class_ref: str) -> frozenset[str]:
        """Return all bases of a class, canonical, itself included."""
        ref = self.canonical(class_ref)
        return self._ancestors.ask(ref, frozenset((ref,)), self._ancestors_of, ref)

    def _ancestors_of(self, ref: str) -> frozenset[str]:
        each = self.class_in(ref)
        return frozenset((ref,)).union(*(self.ancestors(base) for base in (each[1].bases if each is not None else ())))

    def is_a(self, class_ref: str, *bases: str) -> bool:
        """Say whether a class is one of these, or inherits from one. A base that ends in a dot is a prefix."""
        plain = tuple(base for base in bases if not base.endswith("."))
        prefixes = tuple(base for base in bases if base.endswith("."))
        return any(each in plain or (prefixes and each.startswith(prefixes)) for each in self.ancestors(class_ref))

    # Functions and targets

    def function(self, ref: str) -> Known | None:
        """Return the function of the project that a dotted name leads to: also through a partial, an instance or a base class."""
        found = self.split(self.canonical(ref))
        if found is None or not found[1]:
            return None
        file, name = found
        function = file.function(name)
        if function is not None:
            return Known(file, function)
        for assign in self.assigned(file, name):
            if assign.value.form is ValueForm.CALL:
                return self.target(file, file.top, assign.value).known
        return None

    def assigned(self, file: FileFacts, name: str) -> Iterator[Assign]:
        """Return what a file assigns to one of its own names at its own level."""
        return (each for each in file.top.assigns if each.target == name) if file.outermost else iter(())

    def target(self, file: FileFacts, function: Function, value: Value) -> Target:
        """Say what a spawned callable or coroutine is."""
        return self._target(file, function, value, 0)

    def _target(self, file: FileFacts, function: Function, value: Value, depth: int) -> Target:
        if value.form is ValueForm.CALL and 0 <= value.call < len(function.calls) and depth < 6:
            call = function.calls[value.call]
            ref = self.canonical(call.ref)
            position = 1 if ref in _SECOND else 0 if ref in _FIRST or ref.rpartition(".")[2] in _FIRST_LAST else len(call.args)
            if position < len(call.args):
                inner = self._target(file, function, call.args[position], depth + 1)
                return Target(inner.known, inner.ref, inner.source, inner.call or call)
            if ref.endswith((".si", ".s")):  # a signature of Celery's
                return Target(self.function(ref.rpartition(".")[0]), ref.rpartition(".")[0], call.source, call)
            known = self.function(call.ref)
            if known is None and (made := self.class_in(call.ref)) is not None:
                known = self.function(f"{made[0].module}.{made[1].name}.__call__")
            return Target(known, ref, call.source, call)
        if value.form is ValueForm.REF:
            if depth < 6 and (local := self._local(file, function, value.text)) is not None:
                return self._target(*local, depth + 1)
            known = self.function(value.text)
            if known is None and value.type:
                known = self.function(f"{value.type}.__call__")
            return Target(known, self.canonical(value.text), value.text)
        return Target(None, "", value.text)

    def _local(self, file: FileFacts, function: Function, name: str) -> tuple[FileFacts, Function, Value] | None:
        """A local name that a call is bound to: ``job = partial(send, 1)``, ``coro = send()``."""
        if "." in name:
            return None
        around: Function | None = function
        while around is not None:
            for number in range(len(around.calls) - 1, -1, -1):
                if around.calls[number].target == name and _is_all_of_its_statement(around.calls[number]):
                    return file, around, Value(ValueForm.CALL, around.calls[number].ref, number)
            if any(param.name == name for param in around.params):
                return None
            around = self.parents(file, around)
        return None

    def parents(self, file: FileFacts, function: Function) -> Function | None:
        """Return the function around a nested one."""
        outer = function.name.rpartition(".<locals>.")[0]
        return file.function(outer) if outer else None

    def owner(self, file: FileFacts, function: Function) -> str:
        """Return the dotted class that a function is a method of, or nothing."""
        outer, _, _ = function.name.rpartition(".")
        if not outer or outer.endswith("<locals>"):
            return ""
        return f"{file.module}.{outer}" if any(each.name == outer for each in file.classes) else ""

    def callers(
        self, file: FileFacts, function: Function, modules: Sequence[str] | None = None
    ) -> Sequence[tuple[FileFacts, Function, Call]]:
        """Return every call of a function in the project, or in some modules of it; none where more than `MANY_FILES` speak of its name."""
        last = function.name.rpartition(".")[2]
        if modules is None:
            modules = self.mentioning(last)
            modules = modules if len(modules) <= MANY_FILES else ()
        wanted = f"{file.module}.{function.name}"
        found: list[tuple[FileFacts, Function, Call]] = []
        for module in modules:
            caller = self.file(module)
            if caller is not None:
                found += [
                    (caller, each, call)
                    for each in caller.calling(last)
                    for call in each.calls
                    if call.ref.rpartition(".")[2] == last and self._is_same(call.ref, wanted)
                ]
        return found

    def _is_same(self, ref: str, wanted: str) -> bool:
        if ref == wanted:
            return True
        return ref[:1] != "?" and self.canonical(ref) == wanted

    def mentioning(self, word: str) -> Sequence[str]:
        """Return the modules that call or name something whose last part is this word."""
        return mentioning(self.files, word)

    def search(self, word: str) -> Sequence[str]:
        """Return the modules whose text holds a word, also those that hold no word of the rules: read when this is asked, so seldom."""
        self.memory.noted.add(SEARCHED)
        return tuple(self.files) if self._search is None else self._search(word)

    def number(self, file: FileFacts, value: Value | None) -> float | None:
        """Return a number that an argument is or that a constant of the project holds, also as a product of such."""
        if value is None:
            return None
        if value.form is ValueForm.NUMBER:
            return number_in(value.text)
        if value.form is ValueForm.OTHER:
            return number_in(value.text)
        if value.form is ValueForm.REF:
            found = self.split(self.canonical(value.text))
            if found is not None:
                for assign in self.assigned(found[0], found[1]):
                    if assign.value.form in (ValueForm.NUMBER, ValueForm.OTHER):
                        return number_in(assign.value.text)
        return None


def _is_all_of_its_statement(call: Call) -> bool:
    """Say whether nothing stands behind a call where it is assigned: it is the value, not a part of it."""
    whole = call.statement_place
    return not call.is_awaited and whole is not None and (call.place.end_line, call.place.end_column) == (whole.end_line, whole.end_column)
