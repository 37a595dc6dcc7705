"""MS407 and MS409: what callers do beside their enqueue: a transaction that it is no part of, a column that the body writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Evidence, Finding, Ground, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function
from mainspring.advisor.rules import status
from mainspring.advisor.rules.carried import object_kind
from mainspring.advisor.rules.definitions import (
    Enqueue,
    Sort,
    canonical,
    handlers_named,
)

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


# MS407

_TRANSACTIONS = pattern(
    r"^(django\.db\.transaction\.atomic|sqlalchemy\..*\.(begin|begin_nested)|sqlmodel\..*\.begin|sqlite3\.Connection|psycopg\..*\.transaction"
    r"|asyncpg\..*\.transaction|tortoise\.transactions\.in_transaction|peewee\..*\.atomic|\?\.begin|\?\.begin_nested|\?\.transaction|\?\.atomic)$"
)
_COMMITS = ("commit",)


def in_transaction(project: Project, file: FileFacts, function: Function, enqueue: Enqueue) -> Iterator[Finding]:
    """Yield an enqueue that commits by itself while the caller's transaction is open."""
    if "connection" in enqueue.options or enqueue.call.ref.endswith("on_commit"):
        return
    block = next((each for each in reversed(enqueue.call.inside) if each.startswith("with:") and _opens(project, each[5:])), None)
    decorator = next(
        (each for each in function.decorators if canonical(project, each.ref).startswith("django.db.transaction.atomic")), None
    )
    if block is not None or decorator is not None:
        what = block[5:].rpartition(".")[2] if block is not None else "transaction.atomic"
        is_certain = block is None or not block.startswith("with:?.")
        severity = None if is_certain else Severity.NOTICE  # who knows what begins there
        yield project.finding("MS407", file, function, enqueue.call, severity=severity, task=enqueue.name, what=what)
        return
    commit = _commit_after(project, function, enqueue.call)
    if commit is not None:
        yield replace(
            project.finding("MS407", file, function, enqueue.call, variant="before", task=enqueue.name, what=commit.source),
            evidence=(Evidence(file.path, commit.place.line, commit.statement),),
        )


def _opens(project: Project, ref: str) -> bool:
    return _TRANSACTIONS.match(canonical(project, ref)) is not None


def _commit_after(project: Project, function: Function, call: Call) -> Call | None:
    """Return the commit that follows an enqueue in the same block, of a session that something was put into before."""
    wrote = False
    for each in function.calls:
        owner, _, verb = each.ref.rpartition(".")
        if verb in ("add", "add_all", "flush", "merge") and object_kind(project, owner) == "session":
            wrote |= each.place.line <= call.place.line
        if verb in _COMMITS and each.place.line < call.place.line:
            wrote = False  # that much is committed already
        if verb in _COMMITS and object_kind(project, owner) == "session" and each.place.line > call.place.line:
            is_alike = each.inside[: len(call.inside)] == call.inside and not handlers_named(each.inside)
            return each if wrote and is_alike and each.loop == call.loop else None
    return None


# MS409


def second_writer(project: Project, file: FileFacts, function: Function, enqueue: Enqueue) -> Iterator[Finding]:
    """Yield a column of a task's own that its caller writes as well."""
    definition = enqueue.definition
    if definition is None or definition.sort is Sort.SERVICE:
        return
    if (definition.file.module, definition.function.name) == (file.module, function.name):
        return  # a task that follows itself is one writer
    mine = [each for each in status.writes(project, file, function) if status.is_state_column(each.column)]
    if not mine:
        return
    theirs = [
        write
        for where, body in status.bodies(project, definition.file, definition.function)
        for write in status.writes(project, where, body)
        if status.is_state_column(write.column)
    ]
    for write in mine:
        other = next((each for each in theirs if status.is_same(write, each)), None)
        if other is None or status.is_initial(write, enqueue.call):
            continue
        if write.place.line <= enqueue.call.place.line and project.role(file, function) is Role.TASK:
            continue  # one step after the other: what it writes before it hands on is its own
        is_certain = write.owner == other.owner and bool(write.owner)
        finding = project.finding(
            "MS409", file, function, write.place, severity=None if is_certain else Severity.NOTICE,
            task=definition.name, column=write.shown, where=definition.function.name,
        )  # fmt: skip
        yield replace(
            finding,
            evidence=(
                Evidence(other.path, other.place.line, other.shown),
                Evidence(file.path, enqueue.call.place.line, enqueue.call.statement),
            ),
            contradicts=((Ground.PROCESS_LOCAL, f"{write.shown} is a shared row"), (Ground.SUB_SECOND, f"{write.shown} is a shared row")),
        )
        return
