"""The group ``pulse``: what a pulse has done, and how pulses are doing, for people."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.derive import command_for
from mainspring.cli.exits import FAILED, UNAVAILABLE
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_facts, print_table
from mainspring.i18n import t

UNWELL = ("critical", "stale")


def _show_pulse(view: Any) -> None:
    key = "pulse.would" if view.is_dry_run else "pulse.did"
    click.echo(t(key, seconds=view.seconds, budget=view.budget, executed=view.executed, fired=view.fired, remaining=view.remaining))
    for slot in view.slots:
        click.echo(t("pulse.slot", schedule=slot.schedule, at=slot.slot_at, verdict=slot.verdict))
    for each in view.due:
        click.echo(t("pulse.due", task=each.task, runs=each.runs))
    for each in view.deferred:
        click.echo(t(f"pulse.why.{each.reason}", task=each.task, runs=each.runs, timeout=each.timeout or "-", budget=view.budget))
    if view.failed:
        click.echo(t("pulse.failed", n=view.failed))
    if view.given_back:
        click.echo(t("pulse.given-back", n=view.given_back))
    if view.is_more:
        click.echo(t("pulse.more"))
    elif view.next_in_seconds is not None:
        click.echo(t("pulse.next", seconds=view.next_in_seconds))
    for name, error in view.errors.items():
        click.echo(t("pulse.error", name=name, error=error), err=True)


def _show_status(view: Any) -> None:
    rate = None if view.success_rate is None else f"{view.succeeded}/{view.judged} ({view.success_rate:.0%})"
    print_facts([
        ("state", str(view.state)),
        ("last pulse", view.last_pulse_at),
        ("last success", view.last_success_at),
        ("success rate", rate),
        ("failing in a row", str(view.in_a_row) if view.in_a_row else None),
        ("missed", str(view.missed) if view.missed else None),
        ("mean seconds", view.mean_seconds),
        ("expected every", view.interval),
    ])  # fmt: skip


def _show_history(view: Any) -> None:
    rows = [
        [
            str(each.id),
            each.started_at,
            None if each.finished_at is None else f"{(each.finished_at - each.started_at).total_seconds():.2f}s",
            each.source,
            {True: "ok", False: "failed", None: "under way"}[each.is_ok],
            *(str(n) for n in (each.fired, each.executed, each.failed, each.remaining)),
            each.error,
        ]
        for each in view.items
    ]
    columns = ["id", "started", "took", "source", "round", "fired", "executed", "failed", "remaining", "error"]
    print_table(columns, rows, empty=t("pulse.none"), spare=("error", "source"))
    if view.next is not None:
        click.echo(t("pulse.older", id=view.next))


pulse = noun_group(
    "pulse",
    "status",
    command_for("pulse.execute", _show_pulse, code=lambda view: 0 if view.is_ok else FAILED),
    command_for("pulse.status", _show_status, code=lambda view: UNAVAILABLE if view.state in UNWELL else 0),
    command_for("pulse.history", _show_history),
)
