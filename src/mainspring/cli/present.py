"""Output: tables and details for people, JSON for programs. Rich is imported only when a terminal is to be painted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.ansi import clean, clean_line
from mainspring.core.duration import describe

if TYPE_CHECKING:
    from pydantic import BaseModel

VERSION = 1  # of the JSON: it grows when a key goes or changes its meaning
_COLOURS = {
    "completed": "green", "running": "cyan", "failed": "red", "timeout": "red", "cancelled": "yellow", "skipped": "dim",
    "blocked": "yellow", "alive": "green", "draining": "yellow", "dead": "red", "lost": "red", "released": "yellow",
    "problem": "red", "warning": "yellow", "paused": "yellow", "missing": "yellow",
}  # fmt: skip


def wants_colour(is_error: bool = False) -> bool:
    """Whether colours may be shown: on a terminal, and nobody set ``NO_COLOR`` (no-color.org)."""
    stream = sys.stderr if is_error else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_json(value: BaseModel | Mapping[str, Any]) -> None:
    """Print one object on a line of its own, with the version of the format first."""
    if not isinstance(value, Mapping):
        value = value.model_dump(mode="json", by_alias=True)
    click.echo(json.dumps({"v": VERSION, **value}, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """Print rows: a table on a terminal, else columns that line up and are never cut."""
    shown = [[cell(each) for each in row] for row in rows]
    if not shown:
        if empty:
            click.echo(empty, err=True)
        return
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=column == "id")
        for row in shown:
            table.add_row(*(Text(each, style=_COLOURS.get(each, "")) for each in row))
        Console(highlight=False).print(table)
        return
    widths = [max(len(row[place]) for row in [list(columns), *shown]) for place in range(len(columns))]
    for row in [list(columns), *shown]:
        click.echo("  ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values under each other; values of None are left out, those of several lines are indented."""
    told = [(name, value if isinstance(value, str) else cell(value)) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        lines = clean(value).splitlines() or [""]
        label = click.style(name.ljust(width), bold=True) if wants_colour() else name.ljust(width)
        coloured = _COLOURS.get(lines[0])
        if coloured is not None and coloured != "dim" and wants_colour():
            lines[0] = click.style(lines[0], fg=coloured)
        click.echo(f"{label}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{' ' * width}  {line}")


def cell(value: object) -> str:
    """Return a value as one harmless line."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return moment(value)
        case float():
            return f"{value:.1f}"
        case str():
            return clean_line(value)
        case list() | tuple() if all(isinstance(each, str) for each in value):
            return clean_line(", ".join(value)) or "-"
        case list() | tuple() | dict():
            return clean_line(json.dumps(value, ensure_ascii=False, default=str))
    return clean_line(str(value))


def moment(at: datetime) -> str:
    """Return a time in UTC to the second, as people and programs read it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def lasted(start: datetime | None, end: datetime | None) -> str | None:
    """Return how long something took, or None where it has not begun or ended."""
    return None if start is None or end is None else describe(max(end - start, end - end))


def pretty(value: Any) -> str:
    """Return a JSON value for people: text as it is, everything else indented."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
