"""What recurs or never ends inside a web process: schedulers, loops, timers, pollers, connections, waits and leaders (MS201-MS207)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mainspring.advisor.finding import Finding, Ground, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Project
from mainspring.advisor.read.facts import Call, FileFacts, Function, Loop
from mainspring.advisor.rules import loops
from mainspring.advisor.rules.endless import head, line_of
from mainspring.advisor.rules.leaders import leaders
from mainspring.advisor.rules.schedulers import schedulers
from mainspring.advisor.rules.sources import pause_of, source_of
from mainspring.advisor.rules.spawn import HINTS
from mainspring.advisor.rules.steps import inside
from mainspring.advisor.rules.timers import timers


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what a file does again and again, or for ever."""
    yield from schedulers(project, file)
    yield from (finding for finding in loops.found_in(project, file) if finding.code.startswith("MS2"))
    for function in project.telling(file, HINTS):
        yield from timers(project, file, function)
        yield from _waits(project, file, function)
        yield from leaders(project, file, function)


# --- MS206 ---

_BOUNDED = pattern(
    r"time|deadline|attempt|retr(y|ies)|tries|max_|limit|elapsed|count|budget|expire|remaining|rounds|iterations|polls|is_disconnected|disconnected|closed|stop|cancel",
    re.IGNORECASE,
)
_LIMITS = (
    "asyncio.timeout",
    "asyncio.timeout_at",
    "async_timeout.timeout",
    "anyio.fail_after",
    "anyio.move_on_after",
    "gevent.Timeout",
    "eventlet.Timeout",
    "trio.fail_after",
)
_JOB_WORDS = pattern(
    r"status|state|done|finish|complet|ready|result|pending|running|progress|job|task|exists|processed|success|fail", re.IGNORECASE
)


def _waits(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Yield loops in which a request sleeps until something is done, with nothing that ends the wait."""
    if not function.loops or function.is_generator:
        return
    for number, loop in enumerate(function.loops):
        if not loop.is_while or (loop.parent >= 0 and function.loops[loop.parent].is_while):
            continue
        body = [call for call in function.calls if inside(function, call.loop, number)]
        if not any(pause_of(project, call) for call in body):
            continue
        if not _asks_for_a_job(function, loop, number) or _is_bounded(project, function, loop, number, body):
            continue
        if project.role(file, function) is not Role.HANDLER:
            continue
        finding = project.finding("MS206", file, function, loop, kind=Kind.ADHOC, severity=Severity.ERROR, loop=f"while {loop.head}"[:80])
        contradicts = ((Ground.SUB_SECOND, "nothing limits the wait"),)
        yield replace(finding, place=head(loop), statement=line_of(loop), contradicts=contradicts)


def _asks_for_a_job(function: Function, loop: Loop, number: int) -> bool:
    """Whether a loop is left when something is done: by its condition, or by a way out of it."""
    if not loop.is_endless or loop.head not in ("True", "1"):
        return bool(_JOB_WORDS.search(loop.head))
    return any(_JOB_WORDS.search(condition) for condition in loop.exits if not condition.startswith("except"))


def _is_bounded(project: Project, function: Function, loop: Loop, number: int, body: list[Call]) -> bool:
    if _BOUNDED.search(loop.head) or any(_BOUNDED.search(condition) for condition in loop.exits):
        return True
    for call in body:
        if any(part.startswith("with:") and project.canonical(part[5:]) in _LIMITS for part in call.inside):
            return True
        if call.source.endswith(("is_disconnected", "receive_text", "receive_json", "receive")) or source_of(project, call) is not None:
            return True
    return False
