"""The group ``limits``: how limits look, and how they are set while everything runs."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_table
from mainspring.i18n import t


def pace(concurrency: int | None, rate: str | None, burst: int | None) -> str:
    """Return what a limit allows, in words."""
    parts = [] if concurrency is None else [t("limit.at-once", n=concurrency)]
    if rate is not None:
        parts.append(rate if burst in (None, 1) else t("limit.burst", rate=rate, burst=burst))
    return ", ".join(parts) or t("limit.none")


def _show_limits(view: Any) -> None:
    rows = [
        [
            each.key,
            pace(each.concurrency, each.rate, each.burst),
            each.source,
            pace(each.code_concurrency, each.code_rate, None) if each.source == "operator" else None,
            str(each.running),
            str(each.waiting),
            each.changed_by,
            each.reason,
        ]
        for each in view.items
    ]
    print_table(["limit", "allows", "said by", "in code", "running", "waiting", "set by", "reason"], rows, empty=t("limit.nothing"))
    if view.next is not None:
        click.echo(t("limit.more", key=view.next))


def _show_changed(view: Any) -> None:
    key = "limit.changed" if view.has_changed else "limit.unchanged"
    click.echo(t(key, key=view.key, pace=pace(view.concurrency, view.rate, view.burst)))


def _set() -> click.Command:
    made = command_for("limits.set", _show_changed)
    flag = next(each for each in made.params if each.name == "is_unlimited")
    made.params[made.params.index(flag)] = click.Option(["--unlimited", "is_unlimited"], is_flag=True, help=getattr(flag, "help", None))
    return made


limits = noun_group("limits", "list", command_for("limits.list", _show_limits), _set(), command_for("limits.clear", _show_changed))
