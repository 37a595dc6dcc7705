"""The group ``services``: how services look, and how they are started, stopped and switched from anywhere."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli import events
from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_facts, print_table
from mainspring.core.ids import short
from mainspring.core.size import describe_size
from mainspring.i18n import t


def _rows(views: Any) -> None:
    rows = [
        [
            each.name,
            each.node,
            str(each.state),
            _why(each),
            each.on if each.on != each.node else None,
            None if each.is_healthy is None else t("service.healthy" if each.is_healthy else "service.unhealthy"),
            str(each.restarts),
            str(each.fence),
            each.started_at if each.on is not None else None,
            each.next_start_at,
            None if each.run_id is None else short(each.run_id),
        ]
        for each in views
    ]
    columns = ["service", "node", "state", "reason", "on", "health", "restarts", "fence", "since", "again at", "run"]
    print_table(columns, rows, empty=t("service.none"), spare=("again at", "fence", "node", "on"))


def _why(each: Any) -> str | None:
    if not each.is_enabled:
        return t("service.disabled")
    words = f"service.reason.{each.reason}"
    told = t(words) if each.reason in ("crash_loop", "no_node", "unhealthy", "not_ready") else each.reason
    return f"{told}: {each.error}" if each.error else told


def _show_list(view: Any) -> None:
    _rows(view.items)
    if view.why is not None:
        click.echo(t("service.not-here", why=view.why), err=True)


def _show_service(view: Any) -> None:
    facts = view.facts
    print_facts([
        ("name", view.name),
        ("title", facts.get("title")),
        ("description", view.description or None),
        ("category", facts.get("category")),
        ("priority", facts.get("priority")),
        ("code", None if view.is_here else t("task.elsewhere")),
        ("restarts", t("service.policy", **facts) if "restart" in facts else None),
        ("on a deploy", facts.get("switch")),
        ("stops within", t("service.seconds", n=facts["stop_within"]) if "stop_within" in facts else None),
        ("probed every", t("service.seconds", n=facts["probe_every"]) if facts.get("has_probe") else None),
        ("defined at", facts.get("defined_at")),
    ])  # fmt: skip
    click.echo()
    _rows(view.instances)
    for each in view.instances:
        if each.changed_by is not None or each.change_reason is not None:
            why = f": {each.change_reason}" if each.change_reason else ""
            click.echo(t("service.changed-by", node=each.node or view.name, by=each.changed_by or "-", why=why))


def _show_changed(view: Any) -> None:
    click.echo(t(f"service.{view.verb}", name=view.name if view.node is None else f"{view.name} on {view.node}"))


def _show_samples(view: Any) -> None:
    rows = [
        [
            each.at,
            t("service.healthy" if each.is_ok else "service.unhealthy"),
            f"{each.ms:.0f} ms",
            each.message,
            None if each.memory is None else describe_size(each.memory),
            None if each.cpu is None else f"{each.cpu:.1f} s",
        ]
        for each in view.items
    ]
    print_table(["at", "health", "took", "message", "memory", "cpu"], rows, empty=t("service.no-samples"))


def _show_uptime(view: Any) -> None:
    rows = [
        [
            each.name,
            each.node,
            None if each.up is None else f"{each.up:.1%}",
            str(sum(each.crashes)),
            str(each.hour_restarts),
            None if each.memory is None else describe_size(each.memory),
            None if each.cpu is None else f"{each.cpu:.0%}",
        ]
        for each in view.items
    ]
    print_table(["service", "node", "up", "crashes", "restarts (1 h)", "memory", "cpu"], rows, empty=t("service.none"))


def _show_starts(view: Any) -> None:
    from mainspring.cli.nouns import show_runs

    show_runs(view)


def _show_logs(view: Any) -> None:
    for each in view.items:
        events.print_event(each, is_error=False)


services = noun_group(
    "services",
    "list",
    command_for("services.list", _show_list),
    command_for("services.show", _show_service),
    command_for("services.start", _show_changed),
    command_for("services.stop", _show_changed),
    command_for("services.restart", _show_changed),
    command_for("services.enable", _show_changed),
    command_for("services.disable", _show_changed),
    command_for("services.forget", _show_changed),
    command_for("services.history", _show_starts),
    command_for("services.logs", _show_logs),
    command_for("services.samples", _show_samples),
    command_for("services.uptime", _show_uptime),
)
