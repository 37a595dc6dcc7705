"""What stands between a person and a dangerous or expensive task."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from mainspring.cli.session import Session
from mainspring.core.errors import Conflict
from mainspring.i18n import t

V = TypeVar("V")


async def confirmed(session: Session, task: Any, ask: Callable[[bool], Awaitable[V]], *, is_yes: bool) -> V | None:
    """Ask for something that starts a task, once its danger is accepted; None where the person would rather not.

    Without a terminal, or for a program, only ``--yes`` accepts it. Then the operation itself refuses, so that the trial is written down.
    """
    if task.danger is None or is_yes:
        return await ask(is_yes)
    if not session.is_json and sys.stdin.isatty():
        click.echo(t("task.danger", danger=task.danger), err=True)
        return await ask(True) if click.confirm(t("task.confirm"), err=True) else None
    try:
        return await ask(False)
    except Conflict:
        raise Conflict(t("task.needs-yes", name=task.name, danger=task.danger)) from None


async def warn_of_expense(session: Session, task: Any) -> None:
    """Say what an expensive task usually takes, from what finished lately."""
    if not task.is_expensive or session.is_json:
        return
    from datetime import timedelta

    from mainspring.core.duration import describe

    stats = await session.ask("stats.show", since="30d")
    own = next((each for each in stats.tasks if each.task == task.name), None)
    if own is None:
        click.echo(t("task.expensive-unknown", name=task.name, queue=task.queue), err=True)
        return
    runs = own.completed + own.failed + own.timeout + own.cancelled + own.skipped
    took = describe(timedelta(milliseconds=max(round(own.mean_ran_ms), 1)))
    click.echo(t("task.expensive", name=task.name, queue=task.queue, took=took, runs=runs), err=True)
