"""Locks by which one of several processes is chosen for what runs again and again, or for ever (MS207)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mainspring.advisor.finding import Finding, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Project
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value
from mainspring.advisor.rules import loops
from mainspring.advisor.rules.endless import is_forever
from mainspring.advisor.rules.jobs import library_of
from mainspring.advisor.rules.steps import inside

_SILENT = (Role.VENDORED, Role.MIGRATION, Role.TASK)

_LEADERISH = pattern(r"lead(er)?|elect|master|sched|cron|beat|singleton|primary|only_one|one_worker|owner|background|poll", re.IGNORECASE)
_ADVISORY = pattern(r"pg_(try_)?advisory_(xact_)?lock|get_lock\s*\(", re.IGNORECASE)
_LOCKS = frozenset(
    {
        "fcntl.flock",
        "fcntl.lockf",
        "portalocker.lock",
        "msvcrt.locking",
        "filelock.FileLock",
        "portalocker.Lock",
        "fasteners.InterProcessLock",
    }
)

_LOCKING = {name.rpartition(".")[2] for name in _LOCKS} | {"setnx", "set", "execute", "scalar", "fetchval", "text", "fetchone", "add"}


def leaders(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Yield the lock by which one of several processes is chosen for a scheduler or an endless loop."""
    locks = [(call, how) for call in function.calls if (how := _lock(project, call)) != ""]
    if not locks:
        return
    role = project.role(file, function)
    if role in _SILENT:
        return
    call, how = locks[0]
    guarded = _guarded(project, file, function, call)
    if guarded:
        yield project.finding("MS207", file, function, call, kind=Kind.CRON, severity=Severity.WARNING, lock=how, what=guarded)


def _lock(project: Project, call: Call) -> str:
    """Return how a lock between processes is called, or nothing for every other call."""
    if call.ref.rpartition(".")[2] not in _LOCKING:
        return ""
    ref = project.canonical(call.ref)
    method = ref.rpartition(".")[2]
    text = " ".join(_leaves(call.args))
    if ref in _LOCKS:
        return call.source
    if method in ("setnx", "set") and (method == "setnx" or ((nx := call.keyword("nx")) is not None and nx.text == "True")):
        return call.source
    if method in ("execute", "scalar", "fetchval", "text", "fetchone") and (found := _ADVISORY.search(text)):
        return found.group(0)
    if method == "add" and call.source.startswith("cache.") and _LEADERISH.search(text):
        return call.source
    return ""


def _leaves(values: tuple[Value, ...]) -> Iterator[str]:
    for value in values:
        yield value.text
        yield from _leaves(value.items)


def _guarded(project: Project, file: FileFacts, function: Function, lock: Call) -> str:
    """Return what runs behind a lock for ever: a scheduler or an endless loop of the same function, or of one that it calls."""
    scope = {part for call in function.calls for part in call.inside if _is_with(project, part, lock)}
    for call in function.calls:
        if call is lock or (scope and scope.isdisjoint(call.inside)):
            continue
        ref = project.canonical(call.ref)
        if ref.rpartition(".")[2] in ("start", "add_job", "run_pending") and library_of(ref):
            return library_of(ref)
        if (started := loops.site(project, file, function, call)) is not None and started.loop.nature.value in ("period", "other", "table"):
            return started.loop.name
        known = project.function(call.ref)
        if known is not None and any(
            library_of(name := project.canonical(each.ref)) and name.rpartition(".")[2] in ("start", "add_job")
            for each in known.function.calls
        ):
            return known.function.name
    for number, loop in enumerate(function.loops):
        if is_forever(loop) and inside(function, lock.loop, number) and _is_election(lock):
            return f"while {loop.head}"
    return ""


def _is_with(project: Project, part: str, lock: Call) -> bool:
    """Whether a block is the one for which a lock is held: what stands outside of it is not guarded."""
    name = part.removeprefix("with:").removesuffix("()")
    return part.startswith("with:") and name != "" and (name == lock.target or project.canonical(name) == project.canonical(lock.ref))


def _is_election(lock: Call) -> bool:
    return bool(
        _LEADERISH.search(
            " ".join(
                (lock.source, *_leaves(lock.args), *(name for value in lock.args for name in value.names), lock.target, lock.statement)
            )
        )
    )
