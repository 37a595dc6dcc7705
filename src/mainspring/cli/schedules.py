"""The group ``schedules``: how schedules look, and one plain sentence for whatever is done to one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

from mainspring.cli.ansi import clean_line
from mainspring.cli.derive import command_for, print_view
from mainspring.cli.exits import USAGE
from mainspring.cli.groups import noun_group
from mainspring.cli.language import language, local_zone
from mainspring.cli.present import lasted, moment, pretty, print_facts, print_table
from mainspring.cli.session import Session, command
from mainspring.cli.upkeep import sure
from mainspring.core.errors import Conflict
from mainspring.core.ids import short
from mainspring.core.schedule import Schedule
from mainspring.core.schedule_words import describe_schedule
from mainspring.i18n import LANGUAGES, t
from mainspring.i18n.sentence import sentence
from mainspring.operations.catalog import CATALOG

Show = Callable[[Any, str], None]


def _verb(name: str, show: Show, *, sure_of: str | None = None) -> click.Command:
    """Return the command of an operation; ``show`` prints its view in a language. ``sure_of`` is the key of what is asked before."""
    operation = CATALOG[name]
    fields = operation.request.model_fields

    def call(session: Session, lang: str | None, is_yes: bool = False, **given: Any) -> int:
        if "zone" in given:
            given["zone"] = given["zone"] or local_zone()
        asked = {field: value for field, value in given.items() if value not in (None, ())}
        _ = session.app
        if sure_of is not None and not sure(session, t(sure_of, **asked), is_yes=is_yes):
            return USAGE
        view = asyncio.run(_perform(session, name, asked, is_yes=is_yes))
        if view is None:
            return USAGE
        if session.is_json:
            print_view(view)
        else:
            show(view, language(lang))
        return 0

    made = command(name=operation.verb, help=operation.summary)(call)
    derived = command_for(name, lambda view: None).params[: len(fields)]
    own = [_fitted(each) for each in derived if each.name != "is_confirmed"]
    if "is_confirmed" in fields or sure_of is not None:
        key = "cli.option.sure" if sure_of is not None else "cli.option.yes"
        own.append(click.Option(["--yes", "is_yes"], is_flag=True, help=t(key)))
    own.append(click.Option(["--lang"], metavar="|".join(LANGUAGES), help=t("cli.option.lang")))
    made.params[:0] = own
    return made


def _fitted(parameter: click.Parameter) -> click.Parameter:
    """Return a parameter as people want it: the expression as a word of its own, the zone as this machine's."""
    if parameter.name == "expression":
        return click.Argument(["expression"], required=parameter.required)
    if parameter.name == "zone":
        return click.Option(["--zone"], metavar="ZONE", help=t("cli.option.zone"))
    if parameter.name == "tenant":
        return click.Option(["--tenant"], help=getattr(parameter, "help", None))
    return parameter


async def _perform(session: Session, name: str, asked: Mapping[str, Any], *, is_yes: bool) -> Any:
    """Ask for the operation; where it starts a dangerous task, once that is accepted. None where the person would rather not."""
    try:
        if "is_confirmed" not in CATALOG[name].request.model_fields:
            return await session.ask(name, **asked)
        task = asked.get("task")
        if task is None:
            task = (await session.ask("schedules.show", name=asked["name"], tenant=asked.get("tenant", ""))).task
        danger = (await session.ask("tasks.show", name=task)).danger
        if danger is None or is_yes:
            return await session.ask(name, **asked, is_confirmed=is_yes)
        if not session.is_json and sys.stdin.isatty():
            click.echo(t("task.danger", danger=danger), err=True)
            return await session.ask(name, **asked, is_confirmed=True) if click.confirm(t("task.confirm"), err=True) else None
        try:  # the operation refuses by itself, so that the trial is written down
            return await session.ask(name, **asked)
        except Conflict:
            raise Conflict(t("schedules.needs-yes", task=task, danger=danger)) from None
    finally:
        await session.app.close()


# -- words


def words(definition: Mapping[str, Any] | None, tongue: str) -> str:
    """Return what a definition says, as a sentence."""
    if definition is None:
        return t("schedules.unreadable")
    return clean_line(sentence(describe_schedule(Schedule.load(definition)), language=tongue))


def _at(at: datetime | None, definition: Mapping[str, Any] | None) -> str:
    """Return a time as the schedule's clocks show it, and in UTC."""
    if at is None:
        return "-"
    tz = "UTC" if definition is None else definition["tz"]
    return (
        moment(at) if tz == "UTC" else f"{Schedule.load({'kind': 'manual', 'tz': tz}).zone.local(at):%Y-%m-%d %H:%M:%S} {tz} ({moment(at)})"
    )


def _local(text: str) -> str:
    return text.replace("T", " ")


# -- looking


def _show_list(view: Any, tongue: str) -> None:
    has_tasks = any(each.name != each.task for each in view.items)
    has_tenants = any(each.tenant for each in view.items)
    has_operators = any(each.source == "operator" for each in view.items)
    rows = [
        [
            each.name,
            *([each.tenant or None] if has_tenants else []),
            *([each.task] if has_tasks else []),
            _state(each),
            words(each.definition, tongue),
            each.next_at if each.state in ("active", "new") else None,
            each.last_slot,
            *([_source(each)] if has_operators else []),
        ]
        for each in view.items
    ]
    columns = [
        "name", *(["tenant"] if has_tenants else []), *(["task"] if has_tasks else []), "state", "when", "next", "last slot",
        *(["said by"] if has_operators else []),
    ]  # fmt: skip
    print_table(columns, rows, empty=t("schedules.none"), spare=("last slot", "task"))
    for each in view.items:
        if each.has_drifted:
            click.echo(t("schedules.drifted", name=each.name))
    if view.next is not None:
        click.echo(t("schedules.more", name=view.next), err=True)


def _state(row: Any) -> str:
    return t("schedules.paused-until", at=moment(row.paused_until)) if row.state == "paused" and row.paused_until is not None else row.state


def _is_changed(view: Any) -> bool:
    return view.has_drifted or (view.source == "code" and view.is_enabled_by_operator is not None)


def _source(row: Any) -> str:
    return t("schedules.source-drifted") if row.has_drifted else row.source


def _show(view: Any, tongue: str) -> None:
    held = view.definition or {}
    by, why = view.paused_by or "-", f": {view.pause_reason}" if view.pause_reason else ""
    until = "" if view.paused_until is None else t("schedules.until", at=moment(view.paused_until))
    print_facts([
        ("name", view.name),
        ("tenant", view.tenant or None),
        ("task", view.task),
        ("state", view.state),
        ("when", words(view.definition, tongue)),
        ("expression", f"{held['expression'] or held['kind']} ({held['tz']})" if held else None),
        ("problem", view.problem),
        ("said by", f"{_source(view)}" if view.source == "operator" else None),
        ("in code", words(view.code, tongue) if view.has_drifted else None),
        ("back to code", f"mainspring schedules reset {view.name}" if _is_changed(view) else None),
        ("switched", None if view.is_enabled_by_operator is None else t(f"schedules.by-operator.{'on' if view.is_enabled else 'off'}")),
        ("misfire", _misfire(held) if held else None),
        ("predicate", held.get("predicate")),
        ("parameters", pretty(held["params"]) if held.get("params") else None),
        ("paused", None if view.paused_at is None else t("schedules.paused-by", at=moment(view.paused_at), until=until, by=by, why=why)),
        ("left out", None if view.skip_slot is None else _at(view.skip_slot, held)),
        ("last slot", None if view.last_slot is None else _at(view.last_slot, held)),
        ("last run", view.last_run_id),
        ("asked", view.looked_at),
        ("orphaned", None if view.orphaned_at is None else t("schedules.orphaned", at=moment(view.orphaned_at))),
        ("created", view.created_at),
        ("changed", None if view.changed_by is None else t("task.switched", by=view.changed_by, at=moment(view.changed_at), why="")),
    ])  # fmt: skip
    if view.upcoming:
        click.echo()
        _show_times(view.upcoming, held, view.zone)
    _say_why_not(view)


def _misfire(held: Mapping[str, Any]) -> str:
    policy, _, most = str(held.get("misfire", "once")).partition(":")
    grace = held.get("grace")
    late = t("schedules.grace-own", grace=grace) if grace else t("schedules.grace-all" if policy == "all" else "schedules.grace")
    return t(f"schedules.misfire.{policy}", most=most or 10, late=late)


def _show_times(items: Any, held: Mapping[str, Any], zone: str) -> None:
    tz = held["tz"]
    is_spread = any(each.due_at != each.slot for each in items)
    is_odd = any(each.oddity or each.is_skipped for each in items)
    rows = [
        [
            _local(each.local),
            *([_local(each.viewer)] if zone != tz else []),
            *([moment(each.slot)] if "UTC" not in (tz, zone) else []),
            *([moment(each.due_at)] if is_spread else []),
            *([_remark(each)] if is_odd else []),
        ]
        for each in items
    ]
    columns = [
        tz, *([zone] if zone != tz else []), *(["UTC"] if "UTC" not in (tz, zone) else []), *(["due"] if is_spread else []),
        *(["remark"] if is_odd else []),
    ]  # fmt: skip
    print_table(columns, rows, spare=("UTC",))


def _remark(each: Any) -> str | None:
    said = [] if each.oddity is None else [t(f"schedules.oddity.{each.oddity}")]
    return "; ".join([*said, *([t("schedules.is-left-out")] if each.is_skipped else [])]) or None


def _show_next(view: Any, tongue: str) -> None:
    click.echo(words(view.definition, tongue) + ".")
    if view.items:
        click.echo()
        _show_times(view.items, view.definition, view.zone)
    elif view.definition["kind"] != "manual":
        click.echo(t("schedules.no-more"))
    if view.state is not None:
        _say_why_not(view)


def _say_why_not(view: Any) -> None:
    """Say why none of these times comes by itself, where that is so."""
    if view.state in ("new", "paused", "disabled", "orphaned"):
        click.echo(t(f"schedules.why-not.{view.state}", name=view.name))


def _show_history(view: Any, tongue: str) -> None:
    rows = [_pause_cells(each) if each.record == "pause" else _run_cells(each) for each in view.items]
    columns = ["slot", "run", "state", "reason", "origin", "started", "took", "node", "in the way"]
    print_table(columns, rows, empty=t("schedules.no-history"), spare=("origin", "started", "node"))
    if view.next is not None:
        click.echo(t("schedules.more-history", id=short(view.next)), err=True)


def _run_cells(each: Any) -> list[object]:
    reason = each.reason
    if each.slots > 1:
        reason = t("schedules.several", reason=reason, n=each.slots, since="-" if each.slots_from is None else moment(each.slots_from))
    elif each.why:
        reason = f"{reason}: {each.why}"
    way = each.blocked_by or each.blocked_on
    took = lasted(each.started_at, each.finished_at)
    return [each.slot_at, each.id, str(each.state), reason, each.origin, each.started_at, took, each.node or each.node_id, way]


def _pause_cells(each: Any) -> list[object]:
    by = t("explain.by", actor=each.by).strip() if each.by else None
    until = t("schedules.until", at=moment(each.until)) if each.until is not None and each.ended_at is None else ""
    took = lasted(each.began_at, each.ended_at) or t("schedules.still") + until
    return [each.began_at, None, "paused", ": ".join(filter(None, [by, each.pause_reason])) or None, None, None, took, None, None]


# -- what was done


def _next_words(view: Any) -> str:
    if view.next_slot is None:
        return t("schedules.next-none")
    return t("schedules.next", at=_at(view.next_slot, view.definition))


def _say_paused(view: Any, tongue: str) -> None:
    until = "" if view.paused_until is None else t("schedules.until", at=_at(view.paused_until, view.definition))
    why = f" ({view.pause_reason})" if view.pause_reason else ""
    click.echo(clean_line(t("schedules.paused", name=view.name, until=until, why=why, misfire=_policy(view.definition))))


def _policy(definition: Mapping[str, Any] | None) -> str:
    return str((definition or {}).get("misfire", "once"))


def _say_resumed(view: Any, tongue: str) -> None:
    click.echo(t("schedules.resumed", name=view.name, next=_next_words(view), misfire=_policy(view.definition)))


def _say_skipped(view: Any, tongue: str) -> None:
    if view.skip_slot is None:
        click.echo(t("schedules.unskipped", name=view.name, next=_next_words(view)))
        return
    after = t("schedules.next-none") if view.slot_after is None else t("schedules.slot-after", at=_at(view.slot_after, view.definition))
    click.echo(t("schedules.skipped", name=view.name, at=_at(view.skip_slot, view.definition), after=after))


def _say_run(view: Any, tongue: str) -> None:
    upcoming = t("schedules.next-none") if view.next_slot is None else t("schedules.next-stays", at=moment(view.next_slot))
    click.echo(t("schedules.run", id=view.id, name=view.name, task=view.task, next=upcoming))


def _say_backfilled(view: Any, tongue: str) -> None:
    had = view.slots - len(view.runs)
    others = "" if had <= 0 else t("schedules.had-theirs", n=had)
    key = "schedules.backfilled" if view.runs else "schedules.backfilled-none"
    click.echo(t(key, name=view.name, n=len(view.runs), since=moment(view.since), until=moment(view.until), others=others))


def _say_edited(view: Any, tongue: str) -> None:
    key = "schedules.edited" if view.has_changed else "schedules.not-edited"
    drift = t("schedules.edit-drifted", name=view.name) if view.has_drifted else ""
    click.echo(t(key, name=view.name, words=words(view.definition, tongue), next=_next_words(view)) + drift)


def _say_reset(view: Any, tongue: str) -> None:
    key = "schedules.reset" if view.has_changed else "schedules.not-reset"
    click.echo(t(key, name=view.name, words=words(view.definition, tongue), next=_next_words(view)))


def _say_enabled(view: Any, tongue: str) -> None:
    click.echo(t("schedules.enabled" if view.has_changed else "schedules.enabled-already", name=view.name, next=_next_words(view)))


def _say_disabled(view: Any, tongue: str) -> None:
    click.echo(t("schedules.disabled" if view.has_changed else "schedules.disabled-already", name=view.name))


def _say_created(view: Any, tongue: str) -> None:
    said = words(view.definition, tongue)
    click.echo(t("schedules.created", name=view.name, task=view.task, words=said, next=_next_words(view)))


def _show_agenda(view: Any, tongue: str) -> None:
    due = sorted((slot, each.name, each.task) for each in view.items for slot in each.slots)
    print_table(["due", "schedule", "task"], [list(each) for each in due], empty=t("schedules.none-due"))
    for each in view.items:
        if not each.slots:
            click.echo(t("schedules.many-due", name=each.name, n=each.runs))


def _say_deleted(view: Any, tongue: str) -> None:
    click.echo(t("schedules.deleted", name=view.name))


schedules = noun_group(
    "schedules",
    "list",
    _verb("schedules.list", _show_list),
    _verb("schedules.show", _show),
    _verb("schedules.next", _show_next),
    _verb("schedules.preview", _show_next),
    _verb("schedules.agenda", _show_agenda),
    _verb("schedules.history", _show_history),
    _verb("schedules.pause", _say_paused),
    _verb("schedules.resume", _say_resumed),
    _verb("schedules.skip", _say_skipped),
    _verb("schedules.run", _say_run),
    _verb("schedules.backfill", _say_backfilled),
    _verb("schedules.edit", _say_edited),
    _verb("schedules.reset", _say_reset),
    _verb("schedules.enable", _say_enabled),
    _verb("schedules.disable", _say_disabled),
    _verb("schedules.create", _say_created),
    _verb("schedules.delete", _say_deleted, sure_of="schedules.delete-sure"),
)
