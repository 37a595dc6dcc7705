"""The groups ``presets`` and ``favourites``, and what ``tasks`` says of what tasks do."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_table
from mainspring.i18n import t


def _length(ms: float | None) -> str:
    from datetime import timedelta

    from mainspring.core.duration import describe

    return "" if ms is None else describe(timedelta(milliseconds=max(round(ms), 1)))


def _part(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.0%}"


def _show_overview(view: Any) -> None:
    rows = [
        [
            each.name, each.category, each.health, "" if each.last is None else str(each.last.state), _part(each.success_rate),
            _length(each.mean_ms), _length(each.p95_ms), str(each.running), each.next_at,
        ]
        for each in view.items
    ]  # fmt: skip
    print_table(["task", "category", "health", "last", "success", "mean", "p95", "running", "next"], rows, empty=t("preset.no-tasks"))


def _show_measures(view: Any) -> None:
    click.echo(t("preset.measured", name=view.name, n=view.n, rate=_part(view.success_rate) or "-", running=view.running))
    if view.ran is not None:
        figures = (view.ran.mean_ms, view.ran.p50_ms, view.ran.p95_ms, view.ran.p99_ms, view.ran.max_ms)
        print_table(["mean", "p50", "p95", "p99", "most"], [[_length(each) for each in figures]])


def _show_options(view: Any) -> None:
    print_table(["value", "name"], [[each.value, each.label] for each in view.items], empty=t("preset.no-options"))


def _show_presets(view: Any) -> None:
    rows = [[str(each.id), each.name, each.owner, "shared" if each.is_shared else "own", str(each.params)] for each in view.items]
    print_table(["id", "name", "owner", "for", "values"], rows, empty=t("preset.none"))


def _show_favourites(view: Any) -> None:
    print_table(["task"], [[each.task] for each in view.items], empty=t("preset.no-favourites"))


overview = command_for("tasks.overview", _show_overview)
measure = command_for("tasks.measure", _show_measures)
options = command_for("tasks.options", _show_options)
presets = noun_group(
    "presets",
    "list",
    command_for("presets.list", _show_presets),
    command_for("presets.save", lambda view: click.echo(t("preset.saved", name=view.name, task=view.task, id=view.id))),
    command_for("presets.delete", lambda view: click.echo(t("preset.deleted", name=view.name, task=view.task))),
)
favourites = noun_group(
    "favourites",
    "list",
    command_for("favourites.list", _show_favourites),
    command_for("favourites.add", lambda view: click.echo(t("preset.marked", task=view.task))),
    command_for("favourites.remove", lambda view: click.echo(t("preset.unmarked", task=view.task))),
)
