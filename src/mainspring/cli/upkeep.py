"""``prune``, ``runs delete|pin|unpin``: what stays and what goes."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from mainspring.cli.derive import command_for, print_view
from mainspring.cli.exits import USAGE
from mainspring.cli.session import Session, command
from mainspring.i18n import t

_FINAL = click.Choice(["completed", "failed", "timeout", "cancelled", "skipped"])


def sure(session: Session, words: str, *, is_yes: bool) -> bool:
    """Ask before something that cannot be undone; without a terminal, or for a program, only ``--yes`` is an answer."""
    if is_yes:
        return True
    if session.is_json or not sys.stdin.isatty():
        click.echo(t("sure.needs-yes", words=words), err=True)
        return False
    return click.confirm(f"{words} {t('task.confirm')}", err=True)


@command(name="prune", help=t("cli.command.prune"))
@click.option("--dry-run", is_flag=True, help=t("cli.option.dry-run"))
@click.option("--older-than", metavar="DURATION", help=t("cli.option.older-than"))
@click.option("-s", "--state", multiple=True, type=_FINAL, help=t("cli.option.final-state"))
@click.option("-t", "--task", metavar="NAME", help=t("cli.option.only-task"))
@click.option("--reason", help=t("cli.option.reason"))
@click.option("--yes", "is_yes", is_flag=True, help=t("cli.option.sure"))
def prune(session: Session, dry_run: bool, is_yes: bool, reason: str | None, **given: Any) -> int:
    """Delete what is past its time, or list it."""
    asked = {name: value for name, value in given.items() if value}
    _ = session.app
    if dry_run:
        return asyncio.run(_list_expired(session, asked))
    # By the policies alone it does what the workers do all along; an age of one's own is a decision.
    if asked.get("older_than") and not sure(session, t("prune.sure", age=asked["older_than"]), is_yes=is_yes):
        return USAGE
    view = session.answer("runs.prune", **asked, **({} if reason is None else {"reason": reason}))
    if session.is_json:
        print_view(view)
    else:
        click.echo(t("prune.done-days" if view.days else "prune.done", runs=view.runs, days=view.days))
    return 0


async def _list_expired(session: Session, asked: dict[str, Any]) -> int:
    from mainspring.cli.present import cell

    n, after = 0, None
    try:
        while True:
            page = await session.ask("runs.expired", **asked, **({} if after is None else {"after": after}))
            n += len(page.items)
            if session.is_json:
                print_view(page)
            else:
                for each in page.items:
                    click.echo(f"{each.id}  {cell(each.finished_at)}  {str(each.state).ljust(9)}  {cell(each.task)}")
            if (after := page.next) is None:
                break
    finally:
        await session.app.close()
    if not session.is_json:
        click.echo(t("prune.would", runs=n), err=True)
    return 0


def _show_pinned(view: Any) -> None:
    click.echo(t(f"run.{'pinned' if view.is_pinned else 'unpinned'}{'' if view.has_changed else '-already'}", id=view.id))


@command(name="delete", help=t("cli.command.runs.delete"))
@click.argument("id_", metavar="ID")
@click.option("--reason", help=t("cli.option.reason"))
@click.option("--yes", "is_yes", is_flag=True, help=t("cli.option.sure"))
def delete(session: Session, id_: str, reason: str | None, is_yes: bool) -> int:
    """Delete one finished run."""
    _ = session.app
    if not sure(session, t("run.delete-sure", id=id_), is_yes=is_yes):
        return USAGE
    view = session.answer("runs.delete", id=id_, **({} if reason is None else {"reason": reason}))
    if session.is_json:
        print_view(view)
    else:
        click.echo(t("run.deleted", id=view.id, task=view.task))
    return 0


pin = command_for("runs.pin", _show_pinned)
unpin = command_for("runs.unpin", _show_pinned)
