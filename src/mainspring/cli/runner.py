"""``mainspring runner``, ``start`` and ``serve``: whole nodes; and the commands that tell nodes what to do, from anywhere.

``runner`` and ``start`` are everything at once: runs, schedules, services and the loops that keep the fleet in order; ``start`` answers
HTTP as well. ``serve`` only enqueues and answers HTTP. ``--role`` splits a fleet up.
"""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.derive import print_view
from mainspring.cli.groups import noun_group
from mainspring.cli.node import LISTEN, NodePlan, health_option, live, log, log_option, node_options, split_names
from mainspring.cli.present import print_table
from mainspring.cli.session import Session, command
from mainspring.core.ids import short
from mainspring.core.role import Role
from mainspring.i18n import t

EXIT_LATE = 1  # some node has not done so in time

role_option = click.option(
    "--role",
    type=click.Choice([each.value for each in (Role.ALL, Role.WORKER, Role.SCHEDULER)]),
    default=Role.ALL.value,
    show_default=True,
    help=t("cli.option.role"),
)
processes_option = click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help=t("cli.option.processes"))


def _live(session: Session, role: Role, listen: str | None, processes: int, *, console: str | None = None, **given: Any) -> int:
    """Be a node of a role, or several of them; where the settings switch the runner off, one that executes nothing."""
    queues, name = split_names(given.pop("queues")), given.pop("name")
    if not session.app.settings.runner_enabled:
        log.warning("%s", t("runner.disabled"))
        role, processes = Role.SERVE, 1
    plan = NodePlan(Role(role), queues, name, listen=listen, console=console)
    if processes > 1:
        from mainspring.cli.processes import live_in_many

        return live_in_many(session, plan, processes, **given)
    return live(session, plan, **given)


@command(name="run", help=t("cli.command.runner"))
@node_options
@role_option
@processes_option
@health_option
def _run(session: Session, role: str, processes: int, health_port: str | None, **given: Any) -> int:
    """Be a node until stopped."""
    return _live(session, Role(role), health_port, processes, **given)


@command(name="start", help=t("cli.command.start"))
@node_options
@role_option
@processes_option
@click.option("--listen", metavar="ADDRESS", help=t("cli.option.listen", default=LISTEN))
def start(session: Session, role: str, processes: int, listen: str | None, **given: Any) -> int:
    """Be a node until stopped, and answer HTTP."""
    return _live(session, Role(role), None, processes, console=_console(session, listen), **given)


def _console(session: Session, listen: str | None) -> str:
    return listen or session.app.settings.listen or LISTEN


@command(name="serve", help=t("cli.command.serve"))
@click.option("-n", "--name", help=t("cli.option.name"))
@click.option("--listen", metavar="ADDRESS", help=t("cli.option.listen", default=LISTEN))
@log_option
def serve(session: Session, name: str | None, listen: str | None, log_level: str) -> int:
    """Answer HTTP and execute nothing."""
    plan = NodePlan(Role.SERVE, name=name, console=_console(session, listen))
    return live(session, plan, concurrency=None, drain=None, log_level=log_level)


# -- telling nodes what to do


@command(name="status", help=t("cli.command.runner.status"))
@click.option("--all", "is_all", is_flag=True, help=t("cli.option.all-nodes"))
def _status(session: Session, is_all: bool) -> None:
    """Show how the nodes are."""
    view = session.answer("runner.status", all=is_all)
    if session.is_json:
        print_view(view)
        return
    rows = [
        [
            short(each.id),
            each.name,
            each.role,
            _mood(each),
            str(each.running),
            each.beat_at,
            each.host,
            str(each.pid),
            "; ".join(each.problems),
        ]
        for each in view.nodes
    ]
    columns = ["id", "name", "role", "state", "running", "last beat", "host", "pid", "problems"]
    print_table(columns, rows, empty=t("finding.no-nodes"), spare=("pid", "host"))
    if view.maintenance.is_on:
        click.echo(t("maintenance.is-on", by=view.maintenance.by or "-", reason=view.maintenance.reason or "-"))


def _mood(node: Any) -> str:
    """Return the state of a node in a word, and what it was told where it has not done so yet."""
    word = (
        "paused"
        if node.is_paused and node.state == "alive"
        else "not ready"
        if node.is_ready is False and node.state == "alive"
        else node.state
    )
    due = {"pause": "paused", "stop": "stopped", "quiet": "draining"}.get(node.command or "")
    return word if due in (None, word) or node.state in ("dead", "stopped") else f"{word}, told to {node.command}"


def _commander(verb: str) -> click.Command:
    @command(name=verb, help=t(f"cli.command.runner.{verb}"))
    @click.argument("nodes", nargs=-1)
    @click.option("--all", "is_all", is_flag=True, help=t("cli.option.every-node"))
    @click.option("--reason", help=t("cli.option.reason"))
    @click.option("--wait", metavar="DURATION", help=t("cli.option.wait-for-nodes"))
    def call(session: Session, nodes: tuple[str, ...], is_all: bool, reason: str | None, wait: str | None) -> int:
        view = session.answer(f"runner.{verb}", nodes=list(nodes), all=is_all, reason=reason, wait=wait)
        if session.is_json:
            print_view(view)
        else:
            for each in view.nodes:
                key = "runner.too-late" if each.is_late else "runner.has-done" if each.is_done else "runner.was-told"
                click.echo(t(key, name=each.name, id=short(each.id), what=t(f"runner.{verb}")))
        return EXIT_LATE if wait is not None and not all(each.is_done for each in view.nodes) else 0

    return call


runner = noun_group("runner", "run", _run, _status, *(_commander(verb) for verb in ("pause", "resume", "quiet", "stop")))


# -- maintenance


def _switch(verb: str) -> click.Command:
    @command(name=verb, help=t(f"cli.command.maintenance.{verb}"))
    @click.option("--reason", help=t("cli.option.reason"))
    def call(session: Session, reason: str | None) -> None:
        _show(session, session.answer(f"maintenance.{verb}", reason=reason))

    return call


@command(name="show", help=t("cli.command.maintenance.show"))
def _show_maintenance(session: Session) -> None:
    """Say whether the fleet is in maintenance."""
    _show(session, session.answer("maintenance.show"))


def _show(session: Session, view: Any) -> None:
    if session.is_json:
        print_view(view)
    elif view.is_on:
        click.echo(t("maintenance.is-on", by=view.by or "-", reason=view.reason or "-"))
    else:
        click.echo(t("maintenance.is-off"))


maintenance = noun_group("maintenance", "show", _switch("on"), _switch("off"), _show_maintenance)
