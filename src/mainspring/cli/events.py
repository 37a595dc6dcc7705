"""Events as people read them, and the commands that follow a run: ``runs watch`` and ``runs logs``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from mainspring.cli.ansi import clean_line
from mainspring.cli.exits import exit_code_of_run
from mainspring.cli.present import print_json, wants_colour
from mainspring.cli.session import Session, command
from mainspring.core.event import EventKind
from mainspring.core.ids import short
from mainspring.core.size import describe_size
from mainspring.i18n import t

_LEVELS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}


def print_event(event: Any, *, is_error: bool = False) -> None:
    """Print one event on one line: its time, and what happened."""
    if event.kind is EventKind.PROGRESS:
        told = progress_words(event.data) or ""
    elif event.kind is EventKind.LOG:
        told = log_words(event.data, colours=wants_colour(is_error))
    else:
        told = fact_words(event)
    click.echo(f"{event.at:%H:%M:%S}  {told}", err=is_error, color=wants_colour(is_error))


def log_words(data: Mapping[str, Any], *, colours: bool) -> str:
    """Return a log line with its level, harmless; its own colours stay where colours are wanted."""
    level = str(data.get("level", "info"))
    text = clean_line(str(data.get("message", "")), colours=colours)
    if extra := data.get("data"):
        text += "  " + clean_line(" ".join(f"{name}={value}" for name, value in extra.items()))
    if level == "info":
        return text
    return f"{click.style(level, fg=_LEVELS.get(level)) if colours else level}: {text}"


def fact_words(event: Any) -> str:
    """Return what happened, in words."""
    data = event.data
    error = data.get("error") or {}
    why = f"{error.get('type')}: {error.get('message')}" if error else data.get("reason")
    by = data.get("by") or data.get("actor")
    words = t(
        f"event.{event.kind}",
        attempt=event.attempt,
        node=short(str(data.get("node", ""))),
        dropped=data.get("dropped"),
        name=data.get("name"),
        size=describe_size(int(data.get("size") or 0)),
        when=_clock_time(data.get("retry_at")),
        by=f" by {by}" if by else "",
        why=f": {why}" if why else "",
    )
    return clean_line(words)


def _clock_time(at: object) -> str:
    return f"at {datetime.fromisoformat(at).astimezone(UTC):%H:%M:%S}" if isinstance(at, str) else ""


def progress_words(progress: Mapping[str, Any] | None) -> str | None:
    """Return progress in words: how far, the stage, the message."""
    if not progress:
        return None
    current, total = progress.get("current"), progress.get("total")
    parts = []
    if isinstance(current, (int, float)):
        if isinstance(total, (int, float)) and total > 0:
            parts.append(f"{current:g}/{total:g} ({current / total:.0%})")
        else:
            parts.append(f"{current:g}")
    parts += [clean_line(str(progress[key])) for key in ("stage", "message") if progress.get(key)]
    return " ".join(parts)


@command(name="watch", help=t("cli.command.runs.watch"))
@click.argument("id_", metavar="ID")
def watch(session: Session, id_: str) -> int:
    """Follow a run; the exit code is that of its end."""

    async def follow() -> int:
        try:
            view = await session.ask("runs.show", id=id_)
            async for event in session.app.follow(view.id):
                _tell(session, event)
            return exit_code_of_run((await session.ask("runs.show", id=view.id)).state)
        finally:
            await session.app.close()

    _ = session.app
    return asyncio.run(follow())


@command(name="logs", help="Print what a run wrote to its log.")
@click.argument("id_", metavar="ID")
@click.option("-f", "--follow", "is_following", is_flag=True, help=t("cli.option.follow"))
@click.option("--after", type=int, default=0, help="only events past this number")
def logs(session: Session, id_: str, is_following: bool, after: int) -> int:
    """Print the log of a run, all of it."""

    async def tell() -> int:
        try:
            view = await session.ask("runs.show", id=id_)
            if is_following:
                async for event in session.app.follow(view.id, after):
                    if event.kind in (EventKind.LOG, EventKind.GAP):
                        _tell(session, event)
                return 0
            cursor: int | None = after
            while cursor is not None:
                page = await session.ask("runs.logs", id=view.id, after=cursor)
                for each in page.items:
                    _tell(session, each)
                cursor = page.next
            return 0
        finally:
            await session.app.close()

    _ = session.app
    return asyncio.run(tell())


def _tell(session: Session, event: Any) -> None:
    if session.is_json:
        from mainspring.operations.runs import EventView, event_view

        print_json(event if isinstance(event, EventView) else event_view(event))
    else:
        print_event(event)
