"""What one file says, as values: rules see these and never a syntax tree.

Names are dotted and absolute as far as the file itself knows them, whatever they are called there:

=====================================  =================================================================================
``asyncio.create_task``                of ``import asyncio as aio`` … ``aio.create_task``, or ``from asyncio import create_task as ct``
``concurrent.futures.ThreadPoolExecutor.submit``  a method of an object whose class is known, by construction or annotation
``shop.views.export``                  what this file defines (its own dotted name comes first), or imports from the project
``shop.views.Shop.send``               a method of a class of the project, also behind ``self``
``shop.views.export.<locals>.inner``   a nested function; ``….<lambda:12:8>`` a lambda by its line and column
``shop.deps.get_pool().submit``        a method of what a call gives, whose class another file knows (`Project.canonical` follows it)
``?.run_in_executor``                  a method of an object that nobody knows
``?callback``                          a call of a local name or parameter that nobody knows
=====================================  =================================================================================
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Place
from mainspring.advisor.read.words import holds_word, words_in
from mainspring.advisor.record import record

if TYPE_CHECKING:
    from mainspring.advisor.read.source import Source


MODULE = "<module>"  # the function that stands for a file's own level


class Fate(StrEnum):
    """What becomes of the value of a call, inside the function that makes it."""

    AWAITED = "awaited"  # awaited in place or later, gathered, or waited for by a task group that is left
    JOINED = "joined"  # join, result, get, wait, communicate on this very object or its container, or a with block
    CANCELLED = "cancelled"  # cancelled or killed in a finally, an except or when a with block is left
    RETURNED = "returned"  # handed to the caller: returned or yielded
    PASSED = "passed"  # an argument of another call and nothing else: see ``passed_to``
    KEPT = "kept"  # put into an attribute, a global or a container that outlives the function
    BOUND = "bound"  # a local name that nothing is done with but what leaves it running
    DROPPED = "dropped"  # a statement of its own
    USED = "used"  # part of an expression: a condition, an operand


class ValueForm(StrEnum):
    """What an argument is."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    NONE = "none"
    REF = "ref"  # text is the dotted name
    CALL = "call"  # text is what it calls, ``call`` its number
    LIST = "list"  # items
    DICT = "dict"  # items, by ``keys``; a key that is no text is ""
    OTHER = "other"  # text is its source, at most 200 characters


@record(frozen=True, slots=True)
class Value:
    """An argument, a default or the right side of an assignment. ``names`` are the dotted names that occur anywhere in it.

    A local name that nobody knows more of stands as written: ``job.id``.
    """

    form: ValueForm
    text: str
    call: int = -1
    items: tuple[Value, ...] = ()
    names: tuple[str, ...] = ()
    type: str = ""  # dotted class, where it is known
    keys: tuple[str, ...] = ()


@record(frozen=True, slots=True)
class Call:
    """One call in a function, in source order. A bare decorator ``@x`` counts as none; ``@x(…)`` is in `Function.decorators`."""

    ref: str
    source: str  # what is called, as written, at most 80 characters
    place: Place  # of the whole call
    statement: str  # its statement as `ast.unparse` writes it, first line, at most 200 characters
    args: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    fate: Fate
    is_awaited: bool = False  # in place
    passed_to: int = -1  # number of the call that it is an argument of
    loop: int = -1  # number of the innermost loop around it
    inside: tuple[str, ...] = ()  # outermost first: "try", "except", "except:ValueError", "finally", "else", "if", "with:dotted.name"
    statement_place: Place | None = None  # of the whole statement
    target: str = ""  # the name or attribute that it is bound to, as written: "task", "self._task"
    binds: tuple[str, ...] = ()  # what is done with its value: "await", "join", "cancel@finally", "add:self.tasks", "set:x", "pass:f"

    def keyword(self, name: str) -> Value | None:
        """Return a keyword argument."""
        return next((value for key, value in self.keywords if key == name), None)

    @property
    def given(self) -> tuple[Value, ...]:
        """Return all arguments, those by position first."""
        return (*self.args, *[value for _, value in self.keywords]) if self.keywords else self.args

    def argument(self, position: int, name: str = "") -> Value | None:
        """Return an argument by its position, or else by its name."""
        return self.args[position] if position < len(self.args) else self.keyword(name) if name else None


@record(frozen=True, slots=True)
class Loop:
    """One loop of a function. ``is_endless``: nothing but a stop signal, a break or an error ends it, as far as its head says."""

    place: Place
    is_while: bool
    head: str  # the condition or what is iterated, as written, at most 200 characters
    is_endless: bool
    has_exit: bool  # a break or return that belongs to it, which its body reaches on progress or a deadline
    parent: int = -1
    iterates: Value | None = None
    is_async: bool = False
    exits: tuple[str, ...] = ()  # conditions under which it is left, as written


@record(frozen=True, slots=True)
class Assign:
    """An assignment to an attribute, an item or a name of the module: ``row.status = "done"``, ``JOBS[id] = …``."""

    target: str  # as written: "row.status"
    owner: str  # dotted class or name of what is written to, "?" where nobody knows it
    attribute: str  # "status"; "[]" for an item; the name at module level
    value: Value
    place: Place
    inside: tuple[str, ...] = ()
    loop: int = -1


@record(frozen=True, slots=True)
class Param:
    """A parameter. ``type`` is the dotted class behind its annotation (without Optional, Annotated and the like)."""

    name: str
    annotation: str
    type: str
    default: Value | None = None
    place: Place | None = None
    depends: str = ""  # dotted name inside Depends(…), in the default or in Annotated


@record(frozen=True, slots=True)
class Decorator:
    """A decorator, with the call's arguments where it is one."""

    ref: str
    args: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    place: Place
    is_call: bool

    def keyword(self, name: str) -> Value | None:
        """Return a keyword argument."""
        return next((value for key, value in self.keywords if key == name), None)


class Function:
    """A function, a method, a lambda, or with the name ``<module>`` the file's own level (class bodies belong to it).

    Its head is there from the beginning. What it does is read when somebody asks, by ``read``: most functions are never asked.
    """

    __slots__ = (
        "assigns", "awaits", "calls", "captures", "decorators", "docstring", "gives", "globals", "inner", "is_async", "is_generator",
        "line", "loops", "name", "params", "place", "raises", "read", "returns", "texts",
    )  # fmt: skip

    name: str  # inside the module: "Shop.send", "export.<locals>.inner"
    place: Place
    is_async: bool
    params: tuple[Param, ...]
    decorators: tuple[Decorator, ...]
    docstring: str  # its first line
    line: int  # where the text of an outermost one begins, decorators included; 0 for what is always read: the file's own level

    # What it does
    is_generator: bool
    calls: tuple[Call, ...]
    loops: tuple[Loop, ...]
    assigns: tuple[Assign, ...]
    raises: tuple[str, ...]  # dotted names
    returns: tuple[Value, ...]
    globals: tuple[str, ...]  # dotted names that it reads and that are no calls: "settings.API_KEY", "os.environ"
    captures: tuple[str, ...]  # names of an enclosing function that it uses
    awaits: tuple[str, ...]  # what is awaited, gathered or waited for and is no call, as written: "self._task"
    texts: tuple[tuple[int, str], ...]  # lines and texts that look like SQL, at most 400 characters each
    gives: str  # dotted class behind the annotation of what it returns, or of what its returns have in common
    inner: tuple[Function, ...]  # of an outermost one: the functions in it, at any depth

    def __init__(
        self,
        name: str,
        place: Place,
        *,
        is_async: bool = False,
        params: tuple[Param, ...] = (),
        decorators: tuple[Decorator, ...] = (),
        docstring: str = "",
        line: int = 0,
        gives: str = "",
        read: Callable[[Function], None] | None = None,
    ) -> None:
        self.name, self.place, self.is_async, self.docstring = name, place, is_async, docstring
        self.params, self.decorators = params, decorators
        self.line, self.read = line, read
        if read is None:
            self.does(gives=gives)
        elif gives:
            self.gives = gives

    def does(
        self,
        *,
        is_generator: bool = False,
        calls: tuple[Call, ...] = (),
        loops: tuple[Loop, ...] = (),
        assigns: tuple[Assign, ...] = (),
        raises: tuple[str, ...] = (),
        returns: tuple[Value, ...] = (),
        globals: tuple[str, ...] = (),
        captures: tuple[str, ...] = (),
        awaits: tuple[str, ...] = (),
        texts: tuple[tuple[int, str], ...] = (),
        gives: str = "",
        inner: tuple[Function, ...] = (),
    ) -> None:
        """Say what the function does: it is read now."""
        self.read = None
        self.is_generator, self.calls, self.loops, self.assigns = is_generator, calls, loops, assigns
        self.raises, self.returns = raises, returns
        self.globals, self.captures, self.awaits, self.texts, self.gives, self.inner = globals, captures, awaits, texts, gives, inner

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Read the function: only what it does can be missing."""
            if name not in _DONE or self.read is None:
                raise AttributeError(name)
            self.read(self)
            return getattr(self, name)

    def __repr__(self) -> str:
        return f"Function({self.name!r})"


_DONE = frozenset(
    {"assigns", "awaits", "calls", "captures", "gives", "globals", "inner", "is_generator", "loops", "raises", "returns", "texts"}
)


@record(frozen=True, slots=True)
class Class:
    """A class of the file. ``attributes``: of the class body and of ``self`` in any method, with the dotted class where it is known."""

    name: str
    place: Place
    bases: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    decorators: tuple[Decorator, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()  # what the body gives names to


@record(frozen=True, slots=True)
class Comment:
    """A comment that speaks to the checker, whole, as written; ``is_alone``: nothing else stands on its line."""

    text: str
    line: int
    column: int
    is_alone: bool


@record(slots=True, eq=False, weakref_slot=True)
class FileFacts:
    """Everything that rules may know of one file. ``problem``: why it could not be read, and then nothing else is there."""

    path: str
    module: str
    names: tuple[
        tuple[str, str], ...
    ] = ()  # module level: imported, or assigned from what has a name: "Tasks" -> "fastapi.BackgroundTasks"
    types: tuple[tuple[str, str], ...] = ()  # module level: "app" -> "fastapi.FastAPI", of an object's class
    stars: tuple[str, ...] = ()  # modules of ``from x import *``
    outermost: tuple[Function, ...] = ()  # the file's own level, and the functions, methods and lambdas that stand in no other one
    classes: tuple[Class, ...] = ()
    comments: tuple[Comment, ...] = ()
    statements: tuple[tuple[int, int], ...] = ()  # where there are comments: first and last line of every logical line that holds a call
    lines: int = 0
    has_main_guard: bool = False
    problem: str = ""
    problem_line: int = 0
    is_approximate: bool = False
    source: Source | None = None
    holds: Sequence[str] | None = None  # words of the rules in its text, where somebody has looked for them
    _says: frozenset[str] | None = None
    _words: tuple[str, ...] | None = None
    _named: dict[str, Function] | None = None
    _begins: list[int] | None = None
    _spoken: dict[Hashable, Sequence[Function]] = field(default_factory=dict)

    @property
    def functions(self) -> Sequence[Function]:
        """Return all functions, also those in others, which reads everything that has not been read. The file's own level comes first."""
        return [*self.outermost, *(inner for each in self.outermost for inner in each.inner)]

    @property
    def top(self) -> Function:
        """Return the function that stands for the file's own level."""
        return self.outermost[0]

    @property
    def says(self) -> frozenset[str]:
        """Return all words of its text: names, and those of comments and texts."""
        if self._says is None:
            self._says = frozenset() if self.source is None else self.source.words()
        return self._says

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the rules that it holds, and what it calls things that have them in their own names."""
        if self._words is None:
            if self.holds is None:
                self.holds = words_in("" if self.source is None else self.source.text)
            others = (name for name, ref in (*self.names, *self.types) if not holds_word(f"{name}(") and holds_word(f"{ref}("))
            self._words = (*self.holds, *others)
        return self._words

    def function(self, name: str) -> Function | None:
        """Return the function of a name, of several the last, as Python has it; None where there is none."""
        if self._named is None:
            self._named = {each.name: each for each in self.outermost}
        outer, dot, _ = name.partition(".<locals>.")
        around = self._named.get(outer)
        if around is None or not dot:
            return around
        return next((each for each in reversed(around.inner) if each.name == name), None)

    def within(self, function: Function) -> Iterator[Function]:
        """Return the functions in another one, at any depth."""
        outer = function.name.partition(".<locals>.")[0]
        prefix = f"{function.name}.<locals>."
        return (inner for each in self.outermost if each.name == outer for inner in each.inner if inner.name.startswith(prefix))

    def around(self, function: Function) -> Iterator[Function]:
        """Return the functions that another one stands in, the nearest first."""
        name = function.name
        while ".<locals>." in name:
            name = name.rpartition(".<locals>.")[0]
            if (outer := self.function(name)) is not None:
                yield outer

    def telling(self, names: frozenset[str] = frozenset()) -> Sequence[Function]:
        """Return the functions in which a rule may find something: they hold one of its words, or call one of these names."""
        known = self._spoken.get(names)
        if known is None:
            known = self._spoken[names] = self.speaking((*self.words, *(f"{name}(" for name in sorted(self.says & names))))
        return known

    def decorated(self) -> Sequence[Function]:
        """Return the functions that have decorators."""
        known = self._spoken.get("@")
        if known is None:
            lines = self.source.lines_that_begin("@") if self.source is not None else ()
            nested = self._around(lines, is_inside=True)
            several = (self.outermost, *(each.inner for each in nested))
            known = self._spoken["@"] = [each for part in several for each in part if each.decorators]
        return known

    def calling(self, *names: str) -> Sequence[Function]:
        """Return the functions that call one of these names, which may be the last part of one, or what the file calls it."""
        return self.speaking(tuple([f"{name}(" for name in self._called(names)]))

    def naming(self, *names: str) -> Sequence[Function]:
        """Return the functions that speak of one of these names, which may be the last part of one, or what the file calls it."""
        return self.speaking(tuple(self._called(names)))

    def _called(self, names: tuple[str, ...]) -> Sequence[str]:
        return sorted(self.says.intersection((*names, *(name for name, ref in self.names if ref.rpartition(".")[2] in names))))

    def speaking(self, words: tuple[str, ...]) -> Sequence[Function]:
        """Return the functions whose text holds one of these words, with all functions in them, and the file's own level.

        A word may begin or end in the middle of a name. Only what is returned is read.
        """
        known = self._spoken.get(words)
        if known is None:
            found = self._holding(words)
            known = self._spoken[words] = (*found, *(inner for each in found for inner in each.inner))
        return known

    def _holding(self, words: tuple[str, ...]) -> Sequence[Function]:
        if self.source is None:
            return self.outermost
        return [*(each for each in self.outermost if not each.line), *self._around(self.source.lines_with(words))]

    def _around(self, lines: Iterable[int], *, is_inside: bool = False) -> Sequence[Function]:
        """Return the outermost functions in which some lines stand; ``is_inside``: in their own bodies."""
        defined = [each for each in self.outermost if each.line]
        if self._begins is None:
            self._begins = [each.line for each in defined]
        found = set()
        for line in lines:
            number = bisect_right(self._begins, line) - 1
            if number >= 0 and (defined[number].place.line if is_inside else 0) < line <= defined[number].place.end_line:
                found.add(number)
        return [defined[number] for number in sorted(found)]
