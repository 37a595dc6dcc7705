"""What a function does, followed through the calls that it makes inside the project."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mainspring.advisor.codebase import Codebase, Known
from mainspring.advisor.effects import Effect, Effects, effect_of
from mainspring.advisor.finding import Evidence
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm
from mainspring.advisor.record import record

DEPTH = 3  # calls inside the project that are followed
_SHOWN = 8  # lines of evidence that are kept for each effect


@record(frozen=True, slots=True)
class _Seen:
    """The effects of a function, as they are where it was not come to from one of those that it reaches."""

    effects: Effects
    reached: frozenset[str]  # itself and all that it calls
    cut: frozenset[str] = frozenset()  # those of them that led here and were not followed again
    noted: frozenset[str] = frozenset()  # what was looked at


class Work:
    """Effects of a project's functions, kept. ``is_task`` says of a canonical decorator whether it makes a task that an engine keeps."""

    def __init__(self, code: Codebase, is_task: Callable[[str], bool]) -> None:
        self.code = code
        self.is_task = is_task
        self.given: Mapping[str, Effect] = {name: Effect(effect) for name, effect in code.settings.effects}
        self._seen: dict[tuple[str, int, int], _Seen] = {}

    def effects(self, what: Known | str) -> Effects:
        """Return the effects of a function of the project or of a library's."""
        if not isinstance(what, str):
            return self.of(what, DEPTH, frozenset()).effects
        known = self.code.function(what)
        if known is not None:
            return self.of(known, DEPTH, frozenset()).effects
        found = effect_of(self.code.canonical(what), self.given)
        return Effects(is_unknown=True) if found is None else Effects({found: (Evidence("", 0, what),)})

    def of(self, known: Known, depth: int, around: frozenset[str]) -> _Seen:
        """Return the effects of a function through so many further calls. ``around`` are those that led here: a circle ends there."""
        ref = known.ref
        key = (ref, known.function.place.line, depth)
        seen = self._seen.get(key)
        memory = self.code.memory
        if seen is not None and seen.reached.isdisjoint(around):
            memory.noted |= seen.noted
            return seen
        with memory.noting() as noted:
            gathered = _Gathered(self, known, depth, around | {ref})
            effects = gathered.effects()
        memory.noted |= noted
        seen = _Seen(effects, frozenset(gathered.reached), frozenset(gathered.cut - {ref}), frozenset(noted))
        if not seen.cut:
            self._seen[key] = seen
        return seen


class _Gathered:
    """The effects of one function while they are put together."""

    def __init__(self, work: Work, known: Known, depth: int, around: frozenset[str]) -> None:
        self._work = work
        self._code = work.code
        self._known = known
        self._depth = depth
        self._around = around
        self._found: dict[Effect, dict[Evidence, None]] = {}
        self._sleep: float | None = None
        self._is_unknown = False
        self.reached = {known.ref}
        self.cut: set[str] = set()

    def effects(self) -> Effects:
        file, function = self._known.file, self._known.function
        own = self._work.given.get(self._known.ref)
        if own is not None:
            return Effects({own: (Evidence(file.path, function.place.line, function.name),)})
        for loop in function.loops:
            if loop.is_endless and not loop.has_exit:
                head = f"{'while' if loop.is_while else 'for'} {loop.head}"
                self._add(Effect.FOREVER, Evidence(file.path, loop.place.line, head))
        for line, text in function.texts:
            self._add(Effect.DB_READ if _SELECTS.match(text) else Effect.DB_WRITE, Evidence(file.path, line, text[:60]))
        for call in function.calls:
            self._call(file, call)
            for value in call.given:
                self._handed_on(file, value)
        return Effects({key: tuple(value)[:_SHOWN] for key, value in self._found.items()}, self._sleep, self._is_unknown)

    def _add(self, effect: Effect, evidence: Evidence) -> None:
        self._found.setdefault(effect, {})[evidence] = None

    def _call(self, file: FileFacts, call: Call) -> None:
        ref = self._code.canonical(call.ref)
        evidence = Evidence(file.path, call.place.line, call.source)
        if ref in _OPENS:
            self._add(Effect.FILE if _is_written(call) else Effect.LOCAL, evidence)
            return
        if self._is_enqueue(ref):
            self._add(Effect.ENQUEUE, evidence)
            return
        target = self._code.function(ref) or self._constructor(ref)
        if target is not None:
            self._follow(target)
            return
        if self._code.class_in(ref) is not None:
            return  # a class of the project, even where the project is one of the libraries that the tables know
        effect = effect_of(ref, self._work.given)
        if effect is Effect.SLEEP:
            self._slept(file, call, evidence)
        elif effect is not None:
            self._add(effect, evidence)
        else:
            self._is_unknown = True

    def _constructor(self, ref: str) -> Known | None:
        made = self._code.class_in(ref)
        return self._code.function(f"{made[0].module}.{made[1].name}.__init__") if made is not None else None

    def _follow(self, target: Known) -> None:
        if target.ref in self._around:
            self.cut.add(target.ref)
        elif self._depth <= 0 or is_left_open(target.function):
            self._is_unknown = True
        else:
            seen = self._work.of(target, self._depth - 1, self._around)
            self.reached |= seen.reached
            self.cut |= seen.cut
            inner = seen.effects
            for effect, lines in inner.found.items():
                for line in lines:
                    self._add(effect, line)
            self._is_unknown = self._is_unknown or inner.is_unknown
            if inner.sleep is not None:
                self._sleep = max(self._sleep or 0.0, inner.sleep)

    def _handed_on(self, file: FileFacts, value: Value) -> None:
        """A function that is given to a call is as good as called: ``asyncio.to_thread(work)``, ``map(send, rows)``."""
        if value.form is ValueForm.REF and not value.type:
            target = self._code.function(value.text)
            if target is not None:
                self._follow(target)

    def _is_enqueue(self, ref: str) -> bool:
        """Say whether a call hands work to an engine that keeps it: a method of a task, ours or another durable one's."""
        head, _, last = ref.rpartition(".")
        if not head or last not in _ENQUEUES:
            return False
        task = head.removesuffix("()").removesuffix(".options").removesuffix(".blocking")
        known = self._code.function(task)
        if known is None:
            return last in ("apply_async", "enqueue") and ref.startswith(("mainspring.", "celery."))
        return any(self._work.is_task(self._code.canonical(each.ref)) for each in known.function.decorators)

    def _slept(self, file: FileFacts, call: Call, evidence: Evidence) -> None:
        given = call.argument(0, "timeout") or call.keyword("delay") or call.keyword("seconds")
        seconds = self._code.number(file, given)
        if seconds != 0:
            self._add(Effect.SLEEP, evidence)
        if seconds is not None:
            self._sleep = max(self._sleep or 0.0, seconds)


def is_left_open(function: Function) -> bool:
    """Say whether a method is there for others to write: it says nothing."""
    is_silent = not function.calls and not function.assigns and not function.returns and not function.loops
    return is_silent and "." in function.name and not function.name.endswith("__init__")


_SELECTS = pattern(r"\s*(with|select|listen)\b(?!.*\b(insert|update|delete)\b)", re.IGNORECASE)
_OPENS = frozenset({"open", "io.open", "pathlib.Path.open", "aiofiles.open", "gzip.open", "codecs.open", "anyio.open_file", "bz2.open"})
_ENQUEUES = frozenset({"enqueue", "delay", "apply_async", "send", "send_with_options", "kiq", "defer", "defer_async", "enqueue_many"})


def _is_written(call: Call) -> bool:
    mode = call.argument(0 if call.ref.endswith("Path.open") else 1, "mode")
    return mode is not None and mode.form is ValueForm.TEXT and any(letter in mode.text for letter in "wax+")
