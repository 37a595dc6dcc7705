"""What one file says, as values that fit into a cache: rules see these and never a syntax tree.

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

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Place

if TYPE_CHECKING:
    from dataclasses import dataclass as fact
else:

    def fact(*, frozen, slots):
        """Make a dataclass that the type checker alone holds frozen: while files are read, the lock would double what a fact costs."""
        return dataclass(slots=slots, unsafe_hash=frozen)


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


@fact(frozen=True, slots=True)
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


@fact(frozen=True, slots=True)
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

    def argument(self, position: int, name: str = "") -> Value | None:
        """Return an argument by its position, or else by its name."""
        return self.args[position] if position < len(self.args) else self.keyword(name) if name else None


@fact(frozen=True, slots=True)
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


@fact(frozen=True, slots=True)
class Assign:
    """An assignment to an attribute, an item or a name of the module: ``row.status = "done"``, ``JOBS[id] = …``."""

    target: str  # as written: "row.status"
    owner: str  # dotted class or name of what is written to, "?" where nobody knows it
    attribute: str  # "status"; "[]" for an item; the name at module level
    value: Value
    place: Place
    inside: tuple[str, ...] = ()
    loop: int = -1


@fact(frozen=True, slots=True)
class Param:
    """A parameter. ``type`` is the dotted class behind its annotation (without Optional, Annotated and the like)."""

    name: str
    annotation: str
    type: str
    default: Value | None = None
    place: Place | None = None
    depends: str = ""  # dotted name inside Depends(…), in the default or in Annotated


@fact(frozen=True, slots=True)
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


@fact(frozen=True, slots=True)
class Function:
    """A function, a method, a lambda, or with the name ``<module>`` the file's own level (class bodies belong to it)."""

    name: str  # inside the module: "Shop.send", "export.<locals>.inner"
    place: Place
    is_async: bool
    is_generator: bool
    params: tuple[Param, ...]
    decorators: tuple[Decorator, ...]
    calls: tuple[Call, ...]
    loops: tuple[Loop, ...]
    assigns: tuple[Assign, ...]
    raises: tuple[str, ...] = ()  # dotted names
    returns: tuple[Value, ...] = ()
    globals: tuple[str, ...] = ()  # dotted names that it reads and that are no calls: "settings.API_KEY", "os.environ"
    captures: tuple[str, ...] = ()  # names of an enclosing function that it uses
    docstring: str = ""  # its first line
    awaits: tuple[str, ...] = ()  # what is awaited, gathered or waited for and is no call, as written: "self._task"
    texts: tuple[tuple[int, str], ...] = ()  # lines and texts that look like SQL, at most 400 characters each
    gives: str = ""  # dotted class behind the annotation of what it returns, or of what its returns have in common


@fact(frozen=True, slots=True)
class Class:
    """A class of the file. ``attributes``: of the class body and of ``self`` in any method, with the dotted class where it is known."""

    name: str
    place: Place
    bases: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    decorators: tuple[Decorator, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()  # what the body gives names to


@fact(frozen=True, slots=True)
class Comment:
    """A comment that speaks to the checker, whole, as written; ``is_alone``: nothing else stands on its line."""

    text: str
    line: int
    column: int
    is_alone: bool


@dataclass(slots=True, unsafe_hash=True, weakref_slot=True)
class FileFacts:
    """Everything that rules may know of one file. ``problem``: why it could not be read, and then nothing else is there."""

    path: str
    module: str
    names: tuple[
        tuple[str, str], ...
    ] = ()  # module level: imported, or assigned from what has a name: "Tasks" -> "fastapi.BackgroundTasks"
    types: tuple[tuple[str, str], ...] = ()  # module level: "app" -> "fastapi.FastAPI", of an object's class
    stars: tuple[str, ...] = ()  # modules of ``from x import *``
    functions: tuple[Function, ...] = ()
    classes: tuple[Class, ...] = ()
    comments: tuple[Comment, ...] = ()
    statements: tuple[tuple[int, int], ...] = ()  # first and last line of every logical line that holds a call, for directives
    lines: int = 0
    has_main_guard: bool = False
    problem: str = ""
    problem_line: int = 0
    is_approximate: bool = False
    is_outline: bool = False  # functions have heads only: what names mean is known, what is done is not
