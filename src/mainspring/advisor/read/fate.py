"""What becomes of a handle: from where each value flows to what it ends as.

While a body is read, every call and every name in it gets a *sink*: what takes its value (`Sink`). Names are written as in the code, so
that ``self._task`` is one as well. Afterwards the sinks of a call are followed: through the names that it is bound to until they are bound
anew, into containers and out of them again, through loops over them, into nested functions, and through calls that only hand on
(``gather``, ``list``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, Protocol

from mainspring.advisor.read.facts import Fate
from mainspring.advisor.tables import names, words


class Sink(NamedTuple):
    """What takes a value. ``is_element``: only one part of what is taken, as in a list of tasks."""

    kind: str  # drop await return use name keep arg method attr with iter item many
    name: str = ""  # a path as written, or a method
    call: int = -1
    is_element: bool = False
    many: tuple[Sink, ...] = ()


DROP, AWAIT, RETURN, USE, WITH = Sink("drop"), Sink("await"), Sink("return"), Sink("use"), Sink("with")


class Event(NamedTuple):
    """One mention of a name: where its value flows there. ``order`` -1: in a nested function, at any time."""

    order: int
    sink: Sink
    loop: int
    inside: tuple[str, ...]


class Binding(NamedTuple):
    """One assignment to a name, by which what it held before is forgotten there."""

    order: int
    blocks: tuple[int, ...]


class Flow(Protocol):
    """What following asks of a body."""

    def events(self, path: str) -> list[Event]: ...
    def bindings(self, path: str) -> list[Binding]: ...
    def loops_of(self, loop: int) -> tuple[int, ...]: ...
    def origin(self, call: int) -> tuple[str, str, str, Sink]: ...
    def outlives(self, path: str) -> bool: ...


JOINS = names("join result get wait communicate shutdown wait_closed joinall exception get_result wait_for")
ENDS = names("cancel terminate kill send_signal cancel_scope aclose stop")
ADDS = names("append add appendleft insert extend update put put_nowait setdefault push register __setitem__")
TAKES = names("pop popleft popitem values items copy get get_nowait keys __iter__")
_GATHERS = names("gather wait wait_for shield as_completed joinall gather_with_concurrency iwait")
_GATHER_ROOTS = words("asyncio. concurrent.futures. gevent. anyio. trio. uvloop. multiprocessing.connection. eventlet.")
_HAND_ON = names("list tuple set frozenset sorted reversed zip enumerate dict filter iter next map chain cast")
_AT_ONCE = names("run_until_complete run_sync async_to_sync run_coroutine_sync")
_PLAIN = ADDS | names(
    "len str int float bool isinstance getattr hasattr repr round sum max min abs print format range get items keys values strip",
    "lstrip rstrip split rsplit lower upper replace startswith endswith encode decode join dumps loads isoformat strftime info",
    "debug warning error exception now utcnow time uuid4 getenv model_dump model_validate basename dirname exists group match",
    "search sub fetchone fetchall filter first order_by all json getLogger pop sorted Path HTTPException JSONResponse Field Column",
    "Depends",
)
"""Calls whose value is data: nobody asks what becomes of it, and half of all calls are such."""

_BROAD = names("except except:Exception except:BaseException")
_FAR = 60  # names that one value is followed through; a function in which that is not enough keeps nothing apart
_KNOWN: dict[str, tuple[Fate, tuple[str, ...], int]] = {
    "drop": (Fate.DROPPED, (), -1),
    "use": (Fate.USED, (), -1),
    "await": (Fate.AWAITED, ("await",), -1),
    "with": (Fate.JOINED, ("with",), -1),
    "return": (Fate.RETURNED, ("return",), -1),
}
_RANK = (Fate.AWAITED, Fate.JOINED, Fate.CANCELLED, Fate.RETURNED, Fate.KEPT, Fate.PASSED, Fate.USED, Fate.BOUND, Fate.DROPPED)
_WEIGHT = {fate: weight for weight, fate in enumerate(_RANK)}


@lru_cache(maxsize=4096)
def is_plain(ref: str) -> bool:
    """Say whether what a call gives is no handle, so that its fate is what its own place says."""
    return ref.rpartition(".")[2] in _PLAIN and not ref.startswith(_GATHER_ROOTS)


def at_first_sight(sink: Sink) -> tuple[Fate, tuple[str, ...], int]:
    """Return the fate that a call's own place shows, without following any name."""
    while sink.kind in ("many", "item", "iter") and sink.many:
        sink = sink.many[0]
    known = _KNOWN.get(sink.kind)
    if known is not None:
        return known
    if sink.kind == "arg":
        return Fate.PASSED, (), sink.call
    return {"keep": Fate.KEPT, "name": Fate.BOUND, "item_of": Fate.BOUND}.get(sink.kind, Fate.USED), (), -1


def is_gathering(ref: str) -> bool:
    """Say whether a call waits for what it is given."""
    return ref.rpartition(".")[2] in _GATHERS and ref.startswith(_GATHER_ROOTS)


def follow(
    flow: Flow, sink: Sink, order: int, blocks: tuple[int, ...], loop: int, inside: tuple[str, ...] = ()
) -> tuple[Fate, tuple[str, ...], int]:
    """Return what becomes of a value that flows into a sink, what happens to it on the way, and the call that it is passed to or -1.

    ``inside`` are the blocks around it: what is done with it only where anything goes wrong is no end of it.
    """
    known = _KNOWN.get(sink.kind)
    if known is not None:
        return known
    binds: dict[str, None] = {}
    trail = _Trail(flow, binds, is_on_error=not _BROAD.isdisjoint(inside))
    best, weight = Fate.DROPPED, _WEIGHT[Fate.DROPPED]
    for fate in trail.fates(sink, order, blocks, loop, False):
        if _WEIGHT[fate] < weight:
            best, weight = fate, _WEIGHT[fate]
            if fate is Fate.AWAITED:
                break
    return best, tuple(binds), trail.passed_to


class _Trail:
    """One value on its way."""

    def __init__(self, flow: Flow, binds: dict[str, None], *, is_on_error: bool) -> None:
        self._flow = flow
        self._is_on_error = is_on_error
        self._binds = binds
        self._seen: set[tuple[str, int, bool]] = set()
        self.passed_to = -1

    def fates(
        self, sink: Sink, order: int, blocks: tuple[int, ...], loop: int, is_element: bool, inside: tuple[str, ...] = ()
    ) -> Iterator[Fate]:
        is_element = is_element or sink.is_element
        match sink.kind:
            case "drop":
                yield Fate.DROPPED
            case "use":
                yield Fate.USED
            case "await":
                self._binds["await"] = None
                yield Fate.AWAITED
            case "with":
                self._binds["with"] = None
                yield Fate.JOINED
            case "return":
                self._binds["return"] = None
                yield Fate.RETURNED
            case "many":
                for part in sink.many:
                    yield from self.fates(part, order, blocks, loop, is_element, inside)
            case "name":
                yield from self._named(sink.name, order, blocks, loop, is_element)
            case "keep":
                self._binds[f"set:{sink.name}"] = None
                yield Fate.KEPT
                yield from self._named(sink.name, order, blocks, loop, is_element, is_kept=True)
            case "item_of":
                self._binds[f"set:{sink.name}[]"] = None
                yield Fate.KEPT if self._flow.outlives(sink.name) else Fate.BOUND
                yield from self._named(sink.name, order, blocks, loop, True, is_kept=True)
            case "store":
                self._binds[f"attr:{sink.name}"] = None
                yield Fate.BOUND
            case "iter":
                yield from self._iterated(sink, order, blocks, loop, is_element)
            case "item":
                if is_element:
                    yield from self.fates(sink.many[0], order, blocks, loop, False, inside)
                else:
                    yield Fate.USED
            case "method":
                yield from self._method(sink, order, blocks, loop, is_element, inside)
            case "attr":
                yield from self._attribute(sink, is_element)
            case _:
                yield from self._argument(sink, order, blocks, loop, is_element)

    def _named(
        self, path: str, order: int, blocks: tuple[int, ...], loop: int, is_element: bool, *, is_kept: bool = False
    ) -> Iterator[Fate]:
        if (path, order, is_element) in self._seen or len(self._seen) > _FAR:
            return
        self._seen.add((path, order, is_element))
        if not is_kept:
            yield Fate.BOUND
        if self._flow.outlives(path) and not is_kept:
            self._binds[f"set:{path}"] = None
            yield Fate.KEPT
        end = 1 << 60
        if not is_element:
            later_bindings = [binding for binding in self._flow.bindings(path) if binding.order > order]
            for binding in later_bindings[1:]:  # the first is the very one that the value came by
                if blocks[: len(binding.blocks)] == binding.blocks:
                    end = binding.order
                    break
        around = self._flow.loops_of(loop)
        for event in self._flow.events(path):
            later = event.order < 0 or order < event.order <= end
            again = not later and loop >= 0 and bool(set(around) & set(self._flow.loops_of(event.loop)))
            if not self._is_on_error and not _BROAD.isdisjoint(event.inside):
                self._binds["mention@except"] = None
            elif later or again:
                yield from self.fates(event.sink, max(event.order, order), blocks, event.loop, is_element, event.inside)

    def _iterated(self, sink: Sink, order: int, blocks: tuple[int, ...], loop: int, is_element: bool) -> Iterator[Fate]:
        if is_element and sink.many:
            yield from self.fates(sink.many[0], order, blocks, loop, False)
        else:
            self._binds["iterate"] = None
            yield Fate.JOINED

    def _method(
        self, sink: Sink, order: int, blocks: tuple[int, ...], loop: int, is_element: bool, inside: tuple[str, ...]
    ) -> Iterator[Fate]:
        name, call = sink.name, sink.call
        if is_element:
            if name in TAKES:
                _, _, _, further = self._flow.origin(call)
                yield from self.fates(further, order, blocks, loop, name in {"values", "items", "copy"}, inside)
            return
        place = "@finally" if "finally" in inside else "@loop" if loop >= 0 else ""
        self._binds[f"{name}{place}"] = None
        if name in JOINS:
            yield Fate.JOINED
        elif name in ENDS:
            is_conditional = any(part in {"if", "else"} for part in inside)
            is_leaving = any(part.startswith(("finally", "except", "with:")) for part in inside)
            yield Fate.CANCELLED if is_leaving or not is_conditional else Fate.BOUND
        elif name == "__aenter__":
            yield Fate.JOINED
        else:
            yield Fate.DROPPED

    def _attribute(self, sink: Sink, is_element: bool) -> Iterator[Fate]:
        if not is_element:
            self._binds[f"attr:{sink.name}"] = None
            yield Fate.CANCELLED if sink.name in ENDS and sink.call >= 0 else Fate.BOUND

    def _argument(self, sink: Sink, order: int, blocks: tuple[int, ...], loop: int, is_element: bool) -> Iterator[Fate]:
        ref, method, receiver, further = self._flow.origin(sink.call)
        last = ref.rpartition(".")[2] or method
        if last in _GATHERS and (ref.startswith(_GATHER_ROOTS) or method in {"as_completed", "gather", "joinall"}):
            if not ref.startswith("asyncio.") or ref == "asyncio.as_completed":
                self._binds["wait"] = None
                yield Fate.JOINED
            else:
                yield from self.fates(further, order, blocks, loop, False)
        elif last in _AT_ONCE or ref == "asyncio.run":
            self._binds["await"] = None
            yield Fate.AWAITED
        elif last in _HAND_ON:
            if is_element:
                yield from self.fates(further, order, blocks, loop, True)
            else:
                self._binds["iterate"] = None
                yield Fate.JOINED
        elif method in ADDS and receiver:
            self._binds[f"{method}:{receiver}"] = None
            is_kept = self._flow.outlives(receiver)
            yield Fate.KEPT if is_kept else Fate.BOUND
            yield from self._named(receiver, order, blocks, loop, True, is_kept=True)
        elif method in ADDS and not receiver:
            self._binds[f"{method}:?"] = None
            yield Fate.KEPT
        elif method in {"enter_context", "enter_async_context", "push_async_exit", "push"}:
            self._binds["with"] = None
            yield Fate.JOINED
        else:
            self._binds[f"pass:{ref}"] = None
            if self.passed_to < 0:
                self.passed_to = sink.call
            yield Fate.PASSED
