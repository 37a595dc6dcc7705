"""The groups ``errors``, ``dead``, ``events`` and ``audit``: how their views look."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.ansi import clean
from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_facts, print_table
from mainspring.i18n import t


def _status(error: Any) -> str:
    if error.ignored_at is not None:
        return t("error.status.ignored")
    return t(f"error.status.{'reopened' if error.is_open and error.reopened else 'open' if error.is_open else 'resolved'}")


def _show_errors(view: Any) -> None:
    rows = [
        [
            each.fingerprint,
            _status(each),
            str(each.n),
            each.task,
            f"{each.type}: {each.message}",
            each.first_at,
            each.last_at,
            each.last_run,
        ]
        for each in view.items
    ]
    columns = ["error", "status", "count", "task", "message", "first", "last", "last run"]
    print_table(columns, rows, empty=t("error.none"), spare=("first", "last run", "status"))


def _show_error(view: Any) -> None:
    print_facts([
        ("error", view.fingerprint),
        ("status", _status(view)),
        ("task", view.task),
        ("kind", view.kind),
        ("message", f"{view.type}: {view.message}"),
        ("count", str(view.n)),
        ("first", view.first_at),
        ("last", view.last_at),
        ("resolved", view.resolved_at),
        ("by", view.resolved_by),
        ("reason", view.reason),
        ("reopened", str(view.reopened) if view.reopened else None),
    ])  # fmt: skip
    if view.traceback:
        click.echo("\n" + clean(view.traceback).rstrip())
    if view.occurrences:
        click.echo()
        rows = [[each.run_id, str(each.attempt), each.outcome, each.reason, each.at] for each in view.occurrences]
        print_table(["run", "attempt", "outcome", "reason", "at"], rows)


def _show_resolved(view: Any) -> None:
    click.echo(t("error.resolved" if view.was_open else "error.resolved-already", fingerprint=view.fingerprint, task=view.task))


def _show_ignored(view: Any) -> None:
    click.echo(t("error.ignored" if view.is_ignored else "error.heeded", fingerprint=view.fingerprint, task=view.task))


errors = noun_group(
    "errors",
    "list",
    command_for("errors.list", _show_errors),
    command_for("errors.show", _show_error),
    command_for("errors.resolve", _show_resolved),
    command_for("errors.ignore", _show_ignored),
    command_for("errors.heed", _show_ignored),
)


def _show_dead(view: Any) -> None:
    rows = [
        [
            each.id,
            each.task,
            each.state,
            str(each.attempt),
            f"{each.error_type or ''}: {each.message or each.reason or ''}",
            each.finished_at,
        ]
        for each in view.items
    ]
    print_table(["run", "task", "state", "attempt", "error", "finished"], rows, empty=t("dead.none"))


def _show_groups(view: Any) -> None:
    rows = [
        [each.task, each.error_type, str(each.n), *(str(n or "") for n in each.ages), each.fingerprint, each.last_at] for each in view.items
    ]
    columns = ["task", "error", "count", "1 h", "1 d", "7 d", "older", "fingerprint", "last"]
    print_table(columns, rows, empty=t("dead.none"), spare=("fingerprint",))
    if not view.is_all:
        click.echo(t("dead.newest", n=view.n))


def _show_discarded(view: Any) -> None:
    click.echo(t("dead.discarded", n=view.n))


dead = noun_group(
    "dead",
    "list",
    command_for("dead.list", _show_dead),
    command_for("dead.groups", _show_groups),
    command_for("dead.discard", _show_discarded),
)


def _show_tap(view: Any) -> None:
    rows = [
        [each.at, each.severity, each.kind, each.object, each.who, each.run_id, " ".join(f"{k}={v}" for k, v in each.data.items() if v)]
        for each in view.items
    ]
    print_table(["at", "severity", "what", "object", "who", "run", "more"], rows, empty=t("tap.none"), spare=("who", "severity"))


events = noun_group("events", "list", command_for("events.list", _show_tap))


def _show_audit(view: Any) -> None:
    rows = [
        [str(each.id), each.at, each.actor, each.source, t("audit.refused", verb=each.verb) if each.is_refused else each.verb, each.object,
         each.reason]
        for each in view.items
    ]  # fmt: skip
    print_table(["number", "at", "actor", "by", "verb", "object", "reason"], rows, empty=t("audit.none"))


audit = noun_group("audit", "list", command_for("audit.list", _show_audit))
