"""The groups ``tasks``, ``runs``, ``queues``, ``nodes`` and ``stats``: commands derived from operations, and how each view looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from mainspring.cli import events
from mainspring.cli.artifacts import artifacts
from mainspring.cli.derive import command_for
from mainspring.cli.explain import explain
from mainspring.cli.export import export_runs
from mainspring.cli.groups import noun_group
from mainspring.cli.limits import pace
from mainspring.cli.parameters import describe, parameters_of
from mainspring.cli.present import lasted, moment, pretty, print_facts, print_table, spent
from mainspring.cli.presets import measure, options, overview
from mainspring.cli.retry import retry
from mainspring.cli.upkeep import delete, pin, unpin
from mainspring.core.ids import short
from mainspring.i18n import t

# -- tasks -------------------------------------------------------------------------------------------------------------


def _show_tasks(view: Any) -> None:
    rows = [
        [
            each.name,
            each.title,
            each.category,
            each.queue,
            each.priority,
            each.timeout,
            ", ".join(_marks(each)) or None,
        ]
        for each in view.items
    ]
    columns = ["name", "title", "category", "queue", "priority", "timeout", "marks"]
    print_table(columns, rows, empty=t("pick.none"), spare=("priority", "title"))


def _marks(task: Any) -> list[str]:
    marks = {"danger": task.danger is not None, "expensive": task.is_expensive, "disabled": not task.is_enabled}
    return [word for word, holds in (marks | {"elsewhere": not task.is_here}).items() if holds]


def show_task(view: Any) -> None:
    """Print a task with its parameters."""
    print_facts([
        ("name", view.name),
        ("title", view.title),
        ("description", view.description or None),
        ("category", view.category),
        ("icon", view.icon),
        ("tags", ", ".join(view.tags) or None),
        ("danger", view.danger),
        ("expensive", True if view.is_expensive else None),
        ("enabled", view.is_enabled if view.switch is not None or not view.is_enabled else None),
        ("enabled in code", view.is_enabled_by_default if view.has_drifted else None),
        ("switched", None if view.switch is None else switched_words(view.switch)),
        ("code", None if view.is_here else t("task.elsewhere")),
        ("queue", f"{view.queue}, {view.priority}"),
        ("pool", view.pool),
        ("concurrency", None if view.concurrency is None else str(view.concurrency)),
        ("rate", view.rate),
        ("overlap", view.overlap),
        ("overlap in code", (view.overlap_by_default or "allow") if view.overlap != view.overlap_by_default else None),
        ("depends on", ", ".join(view.depends_on) or None),
        ("requires", ", ".join(view.requires) or None),
        ("variant of", view.variant_of),
        ("surfaces", ", ".join(view.surfaces) or "-"),
        ("retries", str(view.retries)),
        ("timeout", view.timeout),
        ("deadline", view.deadline),
        ("repeatable", None if view.is_repeatable else False),
        ("defined at", f"{view.file}:{view.line}"),
    ])  # fmt: skip
    click.echo()
    print_parameters(view)


def switched_words(switch: Any) -> str:
    """Return who switched a task, when and why."""
    by = switch.changed_by or "-"
    return t("task.switched", by=by, at=moment(switch.changed_at), why=f": {switch.reason}" if switch.reason else "")


def _show_switched(view: Any) -> None:
    click.echo(t("task.enabled" if view.is_enabled else "task.now-disabled", name=view.name))
    if view.moved:
        click.echo(t("task.let-go" if view.is_enabled else "task.held", n=view.moved))
    if view.has_drifted:
        click.echo(t("task.drifted", default="on" if not view.is_enabled else "off"))


def _show_overlap(view: Any) -> None:
    click.echo(t("task.overlap" if view.has_changed else "task.overlap-already", name=view.name, policy=view.policy or "allow"))
    if view.has_drifted:
        click.echo(t("task.overlap-drifted", name=view.name, default=view.by_default or "allow"))


def print_parameters(view: Any) -> None:
    """Print what may be given to a task."""
    parameters = parameters_of(view.params)
    if not parameters:
        click.echo(t("task.no-parameters"))
        return
    formatter = click.HelpFormatter(max_width=100)
    with formatter.section(t("task.parameters").rstrip(":")):
        formatter.write_dl([describe(each) for each in parameters])
    click.echo(formatter.getvalue().rstrip())


def _show_checked(view: Any) -> int:
    print_table(["field", "problem", "value"], [[each.field, each.what, each.value] for each in view.problems])
    if not view.problems:
        click.echo(t("param.fit"))
    return 2 if view.problems else 0


tasks = noun_group(
    "tasks",
    "list",
    command_for("tasks.list", _show_tasks),
    command_for("tasks.show", show_task),
    command_for("tasks.check", _show_checked),
    command_for("tasks.enable", _show_switched),
    command_for("tasks.disable", _show_switched),
    command_for("tasks.overlap", _show_overlap),
    overview,
    measure,
    options,
)


# -- runs --------------------------------------------------------------------------------------------------------------


_SELDOM: Mapping[str, Callable[[Any], object]] = {
    "schedule": lambda run: run.schedule,
    "slot": lambda run: run.slot_at,
    "in the way": lambda run: run.blocked_by or run.blocked_on,
    "node": lambda run: run.node_id,
}


def show_runs(view: Any) -> None:
    """Print runs as a table."""
    seldom = {name: look for name, look in _SELDOM.items() if any(look(each) is not None for each in view.items)}
    rows = [
        [
            each.id,
            each.task if each.definition == "present" else f"{each.task} (definition missing)",
            each.state,
            each.reason,
            str(each.attempt),
            each.created_at,
            lasted(each.started_at, each.finished_at),
            events.progress_words(each.progress) if each.finished_at is None else None,
            each.label,
            *(look(each) for look in seldom.values()),
        ]
        for each in view.items
    ]
    columns = ["id", "task", "state", "reason", "attempt", "created", "took", "progress", "label", *seldom]
    print_table(columns, rows, empty=t("run.none"), spare=("node", "label", "attempt", "slot", "in the way", "schedule", "reason"))
    if view.total is not None:
        click.echo(t("run.total", n=view.total), err=True)
    if view.searched_back_to is not None:
        click.echo(t("run.searched", at=moment(view.searched_back_to), id=view.next), err=True)


def _show_count(view: Any) -> None:
    click.echo(str(view.total))


def _show_tally(view: Any) -> None:
    rows = [[each.state, f"{each.n}{'+' if each.is_bounded else ''}"] for each in view.items if each.n]
    print_table(["state", "runs"], rows, empty=t("run.none"))


def _show_family(view: Any) -> None:
    rows = [
        [part, each.id, each.task, each.state, each.created_at]
        for part, runs in (("started by", view.above), ("done again", view.tries), ("has started", view.below))
        for each in runs
    ]
    print_table(["", "id", "task", "state", "created"], rows, empty=t("run.alone"))


def _show_bulk(view: Any) -> int:
    if view.is_dry_run:
        print_table(["task", "runs"], [[name, str(n)] for name, n in view.tasks.items()], empty=t("run.none"))
        return 0
    if view.run_id is not None:
        click.echo(t("run.bulk-later", n=view.n, id=view.run_id))
        return 0
    problems = [[each.id, each.problem] for each in view.results if each.outcome == "failed"]
    print_table(["id", "problem"], problems, empty="") if problems else None
    click.echo(t("run.bulk", n=view.done, total=view.n, skipped=view.skipped, failed=view.failed))
    return 1 if problems else 0


def show_run(view: Any) -> None:
    """Print everything about a run."""
    error = view.error or {}
    print_facts([
        ("id", view.id),
        ("task", view.task),
        ("definition", t("run.definition-missing") if view.definition == "missing" else None),
        ("state", str(view.state)),
        ("reason", view.reason),
        ("waits for", _waits(view.waits_for)),
        ("in the way", view.blocked_by),
        ("depends on", view.blocked_on),
        ("queue", f"{view.queue}, {view.priority}"),
        ("attempt", f"{view.attempt} ({view.retries} of {view.max_retries} retries used)"),
        ("created", view.created_at),
        ("by", " via ".join(filter(None, [view.actor, view.origin]))),
        ("schedule", view.schedule),
        ("slot", view.slot_at),
        ("due", view.run_at if not view.is_final and view.run_at != view.created_at else None),
        ("started", view.started_at),
        ("finished", view.finished_at),
        ("took", lasted(view.started_at, view.finished_at)),
        ("node", view.node_id),
        ("key", view.key),
        ("pinned", True if view.is_pinned else None),
        ("label", view.label),
        ("retry of", view.retry_of),
        ("cancelled by", view.cancelled_by),
        ("asked to stop", True if view.cancel_requested else None),
        ("progress", events.progress_words(view.progress)),
        ("parameters", t("run.undecodable", text=view.params_text) if view.params_text is not None else pretty(view.params)),
        ("result", None if view.result is None else pretty(view.result)),
        ("error", f"{error.get('type')}: {error.get('message')}" if error else None),
        ("kind", error.get("kind")),
        ("traceback", error.get("traceback") or None),
        ("rollback", f"{undone.get('type')}: {undone.get('message')}" if (undone := error.get("rollback")) else None),
    ])  # fmt: skip


def _waits(waiting: Any) -> str | None:
    """Return which limit holds a run back, and its place in the list."""
    if waiting is None:
        return None
    words = "run.waits-far" if waiting.is_bounded else "run.waits-for"
    allowed = pace(waiting.concurrency, waiting.rate, None)
    return t(words, key=waiting.key, pace=allowed, position=waiting.position, running=waiting.running)


def _show_attempts(view: Any) -> None:
    rows = [
        [
            str(each.number),
            each.outcome,
            each.reason,
            each.started_at,
            lasted(each.started_at, each.finished_at),
            each.retry_at,
            f"{each.error.get('type')}: {each.error.get('message')}" if each.error else None,
            each.node_id,
        ]
        for each in view.items
    ]
    columns = ["number", "outcome", "reason", "started", "took", "again at", "error", "node"]
    print_table(columns, rows, spare=("node", "again at"))


def _show_events(view: Any) -> None:
    for each in view.items:
        events.print_event(each)


def _show_logs(view: Any) -> None:
    for each in view.items:
        events.print_event(each, is_error=False)


def _show_stopped(view: Any) -> None:
    key = {"cancelled": "run.cancelled-now", "requested": "run.cancel-requested", "already": "run.cancel-already"}
    click.echo(t(key[view.answer], id=view.id, state=view.state))


runs = noun_group(
    "runs",
    "list",
    command_for("runs.list", show_runs),
    command_for("runs.count", _show_count),
    command_for("runs.tally", _show_tally),
    command_for("runs.family", _show_family),
    command_for("runs.bulk", _show_bulk),
    command_for("runs.show", show_run),
    command_for("runs.cancel", _show_stopped),
    retry,
    pin,
    unpin,
    delete,
    events.logs,
    events.watch,
    command_for("runs.events", _show_events),
    command_for("runs.attempts", _show_attempts),
    artifacts,
    explain,
    export_runs,
)


def _show_views(view: Any) -> None:
    rows = [[each.id, each.name, each.query, each.sort, each.owner, "shared" if each.is_shared else "own"] for each in view.items]
    print_table(["id", "name", "search", "order", "owner", "for"], rows, empty=t("run.no-views"))


def _show_saved(view: Any) -> None:
    click.echo(t("run.view", name=view.name, id=view.id))


views = noun_group(
    "views",
    "list",
    command_for("views.list", _show_views),
    command_for("views.save", _show_saved),
    command_for("views.remove", _show_saved),
)


# -- queues, nodes, stats ----------------------------------------------------------------------------------------------


def _queue_rows(queues: Any) -> tuple[list[str], list[list[object]]]:
    columns = ["queue", "state", "ready", "later", "running", "blocked", "suspended", "oldest", "reason"]
    rows: list[list[object]] = [
        [
            each.name,
            "paused" if each.is_paused else "open",
            *(str(n) for n in (each.ready, each.later, each.running, each.blocked, each.suspended)),
            each.oldest_at,
            each.pause_reason,
        ]
        for each in queues
    ]
    return columns, rows


def _show_queues(view: Any) -> None:
    print_table(*_queue_rows(view.items))


def _show_changed(view: Any) -> None:
    click.echo(t("queue.paused" if view.is_paused else "queue.resumed", name=view.name))


queues = noun_group(
    "queues",
    "list",
    command_for("queues.list", _show_queues),
    command_for("queues.show", lambda view: print_table(*_queue_rows([view]))),
    command_for("queues.pause", _show_changed),
    command_for("queues.resume", _show_changed),
)


def _show_nodes(view: Any) -> None:
    rows = [
        [
            short(each.id),
            each.name,
            each.role,
            each.host,
            str(each.pid),
            each.state,
            str(each.running),
            each.beat_at,
            ", ".join(each.queues) or t("worker.all-queues"),
            str(len(each.tasks)),
            each.version,
        ]
        for each in view.items
    ]
    columns = ["id", "name", "role", "host", "pid", "state", "running", "last beat", "queues", "tasks", "version"]
    print_table(columns, rows, empty=t("finding.no-nodes"), spare=("version", "tasks", "name"))


nodes = noun_group("nodes", "list", command_for("nodes.list", _show_nodes))


_ENDS = ("completed", "failed", "timeout", "cancelled", "skipped")


def _ends(each: Any) -> list[object]:
    ran, waited = each.ran, each.waited
    spreads = [None] * 5 if ran is None else [ran.p50_ms, ran.p95_ms, ran.p99_ms, waited.p50_ms, waited.p95_ms]
    rate = None if each.success_rate is None else f"{each.success_rate:.1%}"
    return [*(str(getattr(each, name)) for name in _ENDS), rate, *(None if ms is None else spent(ms) for ms in spreads)]


def _show_stats(view: Any) -> None:
    columns = [*_ENDS, "success", "p50", "p95", "p99", "waited p50", "waited p95"]
    spare = ("waited p50", "p50", "skipped", "cancelled")
    print_table(["task", *columns], [[each.task, *_ends(each)] for each in view.tasks], empty=t("run.none"), spare=spare)
    if view.measured_since > view.since:
        click.echo(t("stats.measured", at=moment(view.measured_since)), err=True)
    if view.trend:
        click.echo()
        print_table(["since", *columns], [[each.at, *_ends(each)] for each in view.trend], spare=spare)
    if view.queues:
        click.echo()
        print_table(*_queue_rows(view.queues))
    for each in view.stuck:
        click.echo(t("finding.no-capable-node", task=each.task, count=each.runs, seconds=round(each.oldest_seconds)))


def _show_overview(view: Any) -> None:
    def lengths(each: Any) -> list[str | None]:
        return [None if ms is None else spent(ms) for ms in (each.p50_ms, each.p95_ms)]

    rows = [[each.at, *(str(getattr(each, name)) for name in _ENDS), *lengths(each)] for each in view.points]
    print_table(["since", *_ENDS, "p50", "p95"], rows, spare=("skipped", "cancelled"))
    for each in view.degraded:
        click.echo(t("stats.degraded", task=each.task, wrong=each.wrong, tried=each.tried))


def _show_samples(view: Any) -> None:
    rows = [
        [each.at, each.queue, *(f"{value:.0f}" for value in (each.ready, each.later, each.running, each.blocked)), spent(each.oldest_ms)]
        for each in view.items
    ]
    print_table(["at", "queue", "ready", "later", "running", "blocked", "oldest"], rows, empty=t("run.none"))


stats = noun_group(
    "stats", "show", command_for("stats.show", _show_stats), command_for("stats.overview", _show_overview),
    command_for("stats.samples", _show_samples),
)  # fmt: skip
