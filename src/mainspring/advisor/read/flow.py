"""The memory of one function while it is read: calls so far, and every mention of a name (`fate.Flow`)."""

from __future__ import annotations

import ast
from typing import Protocol

from mainspring.advisor.read.facts import Call, Fate, Value
from mainspring.advisor.read.fate import USE, Binding, Event, Sink, at_first_sight, follow, is_gathering, is_plain
from mainspring.advisor.read.module import Module
from mainspring.advisor.read.names import Names
from mainspring.advisor.read.words import holds_word

_WAITING = ("TaskGroup", "Nursery", "Executor", "create_task_group", "open_nursery")
_STARTS = frozenset({"create_task", "start_soon", "submit", "map", "spawn", "apply_async", "map_async", "starmap_async", "imap_unordered"})


class Mentioning(Protocol):
    """A function inside another one."""

    def mentions(self, path: str) -> list[Event]: ...


class Pending:
    """A call whose fate is not known yet."""

    __slots__ = (
        "args", "blocks", "inside", "is_awaited", "keywords", "loop", "method", "node", "order", "receiver", "ref", "sink", "source",
        "statement", "type",
    )  # fmt: skip

    def __init__(
        self, sink: Sink, node: ast.Call, blocks: tuple[int, ...], loop: int, inside: tuple[str, ...], statement: ast.stmt | None
    ) -> None:
        self.sink, self.node, self.blocks, self.loop, self.inside, self.statement = sink, node, blocks, loop, inside, statement
        self.ref = self.source = self.method = self.receiver = self.type = ""
        self.order = 0
        self.is_awaited = False
        self.args: tuple[Value, ...] = ()
        self.keywords: tuple[tuple[str, Value], ...] = ()


class Flow:
    """Where values go in one function."""

    def __init__(self, module: Module, names: Names) -> None:
        self.module = module
        self.names = names
        self.nested: list[Mentioning] = []
        self._is_apart = False  # what functions in this one do counts for nothing
        self._order = 0
        self._blocks: tuple[int, ...] = ()
        self._inside: tuple[str, ...] = ()
        self._loop = -1
        self._loop_parents: list[int] = []
        self._calls: list[Pending] = []
        self._events: dict[str, list[Event]] = {}
        self._all_events: dict[str, list[Event]] = {}  # those of nested functions as well, when all is read
        self._bindings: dict[str, list[Binding]] = {}
        self._managed: dict[str, str] = {}  # names that a with block holds, and their classes
        self._declared: set[str] = set()  # global and nonlocal
        self._awaits: dict[str, None] = {}

    def _mention(self, path: str, sink: Sink) -> None:
        """Note where the value of a name flows."""
        self._order += 1
        event = Event(self._order, sink, self._loop, self._inside)
        known = self._events.get(path)
        if known is None:
            self._events[path] = [event]
        else:
            known.append(event)
        is_awaited = sink.kind == "await" or any(each.kind == "await" for each in sink.many)  # and what it gives flows on
        if is_awaited or (sink.kind == "arg" and is_gathering(self._calls[sink.call].ref)):
            self._awaits[path] = None

    def _rebind(self, path: str) -> None:
        """Note that a name holds something else from here on."""
        self._order += 1
        self._bindings.setdefault(path, []).append(Binding(self._order, self._blocks))

    # What `fate` asks

    def events(self, path: str) -> list[Event]:
        """Return where a name is mentioned, also in nested functions, where it has no time of its own."""
        if self._is_apart or not self.nested:
            return self._events.get(path, [])
        known = self._all_events.get(path)
        if known is None:
            known = self._all_events[path] = list(self._events.get(path, ()))
            for inner in self.nested:
                known += [event._replace(order=-1, loop=-1) for event in inner.mentions(path) if event.sink.kind != "name"]
        return known

    def mentions(self, path: str) -> list[Event]:
        """Return where a name of a block around this is mentioned."""
        return [] if path.partition(".")[0] in self.names.known else self.events(path)

    def bindings(self, path: str) -> list[Binding]:
        """Return where a name is bound, in order."""
        return self._bindings.get(path, [])

    def loops_of(self, loop: int) -> tuple[int, ...]:
        """Return a loop and those around it."""
        found = []
        while loop >= 0:
            found.append(loop)
            loop = self._loop_parents[loop]
        return tuple(found)

    def origin(self, call: int) -> tuple[str, str, str, Sink]:
        """Return what is called: dotted name, method, its object as written, and where its own value flows."""
        if call >= len(self._calls):
            return "", "", "", USE
        pending = self._calls[call]
        return pending.ref, pending.method, pending.receiver, pending.sink

    def outlives(self, path: str) -> bool:
        """Say whether what a name holds is still there when the function is left."""
        root, dot, _ = path.partition(".")
        return self.names.is_module or bool(dot) or root in self._declared or root not in self.names.known

    # The end

    def _finished(self, pending: Pending) -> Call:
        """Make the facts of a call, when all of the function is known."""
        node, statement, source = pending.node, pending.statement, self.module.source
        if is_plain(pending.ref):
            fate, binds, passed_to = at_first_sight(pending.sink)
        else:
            self._is_apart = self.names.is_module and not holds_word(f"{pending.ref}(")
            fate, binds, passed_to = follow(self, pending.sink, pending.order, pending.blocks, pending.loop, pending.inside)
        managed = self._managed.get(pending.receiver) if pending.receiver else None
        if managed is not None:
            fate, binds = _in_manager(managed, pending.method, fate, binds)
        shown = pending.source or source.cut(node.func, 80)
        text, place, target = self.module.statement(statement) if statement is not None else ("", None, "")
        return Call(
            pending.ref, shown, source.place(node), text, pending.args, pending.keywords, fate, pending.is_awaited,
            passed_to, pending.loop, pending.inside, place, target, binds,
        )  # fmt: skip


def _in_manager(manager: str, method: str, fate: Fate, binds: tuple[str, ...]) -> tuple[Fate, tuple[str, ...]]:
    """A with block that waits for what was started inside: task groups, nurseries, executors; a pool of processes stops its own."""
    if method not in _STARTS:
        return fate, binds
    last = manager.rpartition(".")[2].removesuffix("()")
    if last.endswith(_WAITING):
        if fate not in (Fate.AWAITED, Fate.JOINED):
            fate = Fate.JOINED if last.endswith("Executor") else Fate.AWAITED
        return fate, (*binds, "with")
    if last == "Pool" and fate in (Fate.DROPPED, Fate.BOUND, Fate.KEPT, Fate.PASSED):
        return Fate.CANCELLED, (*binds, "with")
    return fate, binds
