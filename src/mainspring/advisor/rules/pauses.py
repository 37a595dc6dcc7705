"""MS508: services and clients that rest, work, and rest again: schedules without the schedule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Finding, Kind
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Loop, Value, ValueForm
from mainspring.advisor.rules.definitions import Definition
from mainspring.advisor.rules.enqueues import enqueues
from mainspring.advisor.rules.literals import duration, span

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

_WAITS_FOR_OTHERS = pattern(
    r"(connect|subscribe|listen|consume|recv|receive|poll|watch|idle|accept|serve|blpop|brpop|xread|getmessage|get_message|stream|websocket"
    r"|start_polling|wait_for|acquire|select)$",
    re.IGNORECASE,
)
LEAST_REST = 30.0  # seconds: what works more often than that is better kept alive than started each time


def sleeps(project: Project, definition: Definition) -> Iterator[Finding]:
    """Find a service that only rests for a fixed time, works, and rests again: a schedule without the schedule."""
    function = definition.function
    for number, loop in enumerate(function.loops):
        if loop.parent >= 0 or not (loop.is_endless or _is_paced(loop)):
            continue
        rest = _rest_of(project, definition.file, function, number, loop)
        if rest is None or rest < LEAST_REST or _holds_something(function, number):
            continue
        works = [call for call in function.calls if is_in(function, call, number) and not _is_rest(call) and not _is_talk(call)]
        if works:
            yield project.finding("MS508", definition.file, function, loop.place, kind=Kind.CRON, task=definition.name, period=span(rest))
            return


def _is_paced(loop: Loop) -> bool:
    return loop.is_while and re.search(r"\.sleep\(|stopping", loop.head) is not None


def is_in(function: Function, call: Call, number: int) -> bool:
    """Tell whether a call stands in a loop, at any depth."""
    at = call.loop
    while at >= 0:
        if at == number:
            return True
        at = function.loops[at].parent
    return False


_TALK = frozenset(("log", "info", "debug", "warning", "error", "exception", "print", "progress", "time", "monotonic", "ready", "now"))


def _is_rest(call: Call) -> bool:
    return call.ref.rpartition(".")[2] == "sleep" or call.source.endswith(".sleep")


def _is_talk(call: Call) -> bool:
    """Tell whether a call only says or measures something."""
    return call.ref.rpartition(".")[2] in _TALK


def _rest_of(project: Project, file: FileFacts, function: Function, number: int, loop: Loop) -> float | None:
    """Return the fixed seconds that a round of a loop rests, None where it does not, or more than once, or who knows how long."""
    rests = [call for call in function.calls if call.loop == number and _is_rest(call)]
    if len(rests) != 1 or any(each.startswith("except") for each in rests[0].inside):
        return None
    if "if" in rests[0].inside or "else" in rests[0].inside:
        return None
    length = duration(project, file, function, rests[0].argument(0, "duration"))
    return length.total_seconds() if isinstance(length, timedelta) else None


def _holds_something(function: Function, number: int) -> bool:
    """Tell whether a service keeps a connection, or waits for others in its rounds: then it is one."""
    for call in function.calls:
        if _WAITS_FOR_OTHERS.search(call.ref.rpartition(".")[2]) and not _is_rest(call):
            return True
        if not is_in(function, call, number) and any(each.startswith("with:") for each in call.inside):
            return True
    return any(other.is_async for other in function.loops)


def fired_by_timer(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Find a client that makes a run every so often: the engine keeps time, once for all processes and over restarts."""
    if not function.loops:
        return
    found = [each for each in enqueues(project, function) if each.call.loop >= 0 and each.definition is not None]
    for enqueue in found:
        number = enqueue.call.loop
        loop = function.loops[number]
        if not loop.is_endless or any(name and _depends(value) for name, value in enqueue.params) or enqueue.definition is None:
            continue
        if "if" in enqueue.call.inside or "else" in enqueue.call.inside:
            continue
        rest = _rest_of(project, file, function, number, loop)
        if rest is None or rest < 1:
            continue
        yield project.finding(
            "MS508", file, function, enqueue.call, kind=Kind.CRON, variant="client", task=enqueue.definition.name, period=span(rest)
        )
        return


def _depends(value: Value) -> bool:
    """Tell whether an argument is anything but a constant: then each run is for something of its own."""
    return value.form in (ValueForm.REF, ValueForm.CALL, ValueForm.OTHER) and not value.text.isupper()
