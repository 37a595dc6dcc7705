"""The groups ``tenants`` and ``owners``: whose runs these are, what becomes of them, and with whose rights they go on."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.derive import command_for, print_view
from mainspring.cli.exits import USAGE
from mainspring.cli.groups import noun_group
from mainspring.cli.present import moment, print_facts, print_table
from mainspring.cli.session import Session, command
from mainspring.cli.upkeep import sure
from mainspring.i18n import t


def _show_tenants(view: Any) -> None:
    rows = [
        [
            each.name,
            each.title or None,
            str(each.state),
            each.completed,
            each.others,
            _number(each.max_waiting),
            _number(each.max_bytes),
            each.reason,
        ]
        for each in view.items
    ]
    columns = ["tenant", "title", "state", "completed", "others", "may wait", "bytes", "reason"]
    print_table(columns, rows, empty=t("tenant.none"))
    if view.next is not None:
        click.echo(t("tenant.more", name=view.next))


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _show_tenant(view: Any) -> None:
    facts = {
        "tenant": view.name, "title": view.title or None, "state": str(view.state), "reason": view.reason,
        "waiting": str(view.waiting), "may wait": _number(view.max_waiting), "running": str(view.running), "bytes": str(view.bytes),
        "bytes allowed": _number(view.max_bytes), "completed": view.completed, "others": view.others,
        "changed": None if view.changed_at is None else moment(view.changed_at), "by": view.changed_by,
        "purged": None if view.purged_at is None else moment(view.purged_at),
    }  # fmt: skip
    print_facts([(name, value) for name, value in facts.items() if value is not None])


def _show_changed(view: Any) -> None:
    key = f"tenant.{view.state}" if view.has_changed else "tenant.unchanged"
    click.echo(t(key, name=view.name, runs=view.moved, state=str(view.state)))


def _show_set(view: Any) -> None:
    click.echo(t("tenant.set", name=view.name))


@command(name="delete", help=t("cli.command.tenants.delete"))
@click.argument("name")
@click.option("--reason", help=t("cli.option.reason"))
@click.option("--yes", "is_yes", is_flag=True, help=t("cli.option.sure"))
def delete(session: Session, name: str, reason: str | None, is_yes: bool) -> int:
    """Take everything of a tenant away."""
    _ = session.app
    if not sure(session, t("tenant.delete-sure", name=name), is_yes=is_yes):
        return USAGE
    view = session.answer("tenants.delete", name=name, **({} if reason is None else {"reason": reason}))
    if session.is_json:
        print_view(view)
    else:
        _show_changed(view)
    return 0


tenants = noun_group(
    "tenants", "list",
    command_for("tenants.list", _show_tenants), command_for("tenants.show", _show_tenant), command_for("tenants.add", _show_changed),
    command_for("tenants.suspend", _show_changed), command_for("tenants.restore", _show_changed), delete,
    command_for("tenants.quota", _show_set), command_for("tenants.retention", _show_set),
)  # fmt: skip


def _show_owners(view: Any) -> None:
    rows = [
        [each.name, each.kind, str(each.role), None if each.tenants is None else ", ".join(each.tenants), moment(each.seen_at),
         t("owner.is-gone") if each.is_gone else t("owner.has-less") if each.lost_at else None, each.reason]
        for each in view.items
    ]  # fmt: skip
    print_table(["owner", "kind", "role", "tenants", "seen", "standing", "reason"], rows, empty=t("owner.none"))
    if view.next is not None:
        click.echo(t("owner.more", name=view.next))


def _show_gone(view: Any) -> None:
    click.echo(t("owner.gone" if view.has_changed else "owner.gone-already", name=view.name, runs=view.held))


owners = noun_group("owners", "list", command_for("owners.list", _show_owners), command_for("owners.gone", _show_gone))
