"""The groups ``errors`` and ``audit``: how their views look."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.ansi import clean
from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_facts, print_table
from mainspring.i18n import t


def _status(error: Any) -> str:
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


errors = noun_group(
    "errors",
    "list",
    command_for("errors.list", _show_errors),
    command_for("errors.show", _show_error),
    command_for("errors.resolve", _show_resolved),
)


def _show_audit(view: Any) -> None:
    rows = [
        [str(each.id), each.at, each.actor, each.source, t("audit.refused", verb=each.verb) if each.is_refused else each.verb, each.object,
         each.reason]
        for each in view.items
    ]  # fmt: skip
    print_table(["number", "at", "actor", "by", "verb", "object", "reason"], rows, empty=t("audit.none"))


audit = noun_group("audit", "list", command_for("audit.list", _show_audit))
