"""Output: tables and details for people, JSON for programs. Rich is imported only when a terminal is to be painted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.ansi import clean, clean_line
from mainspring.core.duration import describe
from mainspring.core.ids import is_id, short

if TYPE_CHECKING:
    from pydantic import BaseModel

VERSION = 1  # of the JSON: it grows when a key goes or changes its meaning
_COLOURS = {
    "completed": "green", "running": "cyan", "failed": "red", "timeout": "red", "cancelled": "yellow", "skipped": "dim",
    "blocked": "yellow", "alive": "green", "draining": "yellow", "dead": "red", "lost": "red", "released": "yellow",
    "problem": "red", "warning": "yellow", "paused": "yellow", "missing": "yellow",
}  # fmt: skip
_GAP = 2  # blanks between two columns
_LEAST = 20  # columns of a terminal that words keep at least; a whole time fits in


def wants_colour(is_error: bool = False) -> bool:
    """Whether colours may be shown: on a terminal, and nobody set ``NO_COLOR`` (no-color.org)."""
    stream = sys.stderr if is_error else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_json(value: BaseModel | Mapping[str, Any]) -> None:
    """Print one object on a line of its own, with the version of the format first."""
    if not isinstance(value, Mapping):
        value = value.model_dump(mode="json", by_alias=True)
    click.echo(json.dumps({"v": VERSION, **value}, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "", spare: Collection[str] = ()) -> None:
    """Print rows: on a terminal a table that fits it, else columns that line up and are never cut.

    ``spare`` are the columns that a narrow terminal may go without, the first of them first; ``--json`` has them all.
    """
    given = [list(row) for row in rows]
    if not given:
        if empty:
            click.echo(empty, err=True)
        return
    if sys.stdout.isatty():
        _paint(columns, given, spare)
        return
    shown = [list(columns), *([cell(each) for each in row] for row in given)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        click.echo("  ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)).rstrip())


def _paint(columns: Sequence[str], rows: Sequence[Sequence[object]], spare: Collection[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    fitted = _fitted(columns, rows, spare, console.width)
    is_roomy = _needed(fitted) <= console.width
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style="bold")
    for name, cells in fitted.items():
        table.add_column(name, overflow="fold", no_wrap=is_roomy and not _can_wrap(name, cells))
    for row in zip(*fitted.values(), strict=True):
        table.add_row(*(Text(each, style=_COLOURS.get(each, "")) for each in row))
    console.print(table)


def _fitted(columns: Sequence[str], rows: Sequence[Sequence[object]], spare: Collection[str], room: int) -> dict[str, list[str]]:
    """Return the cells by column. With little room, empty columns go first, then ids and times get short, then ``spare`` goes."""
    given = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    found = {name: [cell(each) for each in cells] for name, cells in given.items()}
    if _needed(found) > room:
        found = {name: cells for name, cells in found.items() if not set(cells) <= {cell(None), "0"}}
    if _needed(found) > room:
        today = datetime.now(UTC).date()
        found = {name: [_briefly(each, today) for each in given[name]] for name in found}
    for name in spare:
        if _needed(found) > room:
            found.pop(name, None)
    return found


def _needed(found: Mapping[str, Sequence[str]]) -> int:
    widths = (max(map(len, (name, *cells))) for name, cells in found.items())
    least = (min(width, _LEAST) if _can_wrap(name, found[name]) else width for name, width in zip(found, widths, strict=True))
    return sum(least) + _GAP * (len(found) - 1)


def _can_wrap(name: str, cells: Sequence[str]) -> bool:
    """Whether a column holds words, which may go on in the next line; ids, times and numbers may not."""
    return any(len(each) > _LEAST and not is_id(each) for each in (name, *cells))


def _briefly(value: object, today: date) -> str:
    """Return a cell for a narrow terminal: of an id the end, which is enough for every command, of a time what is not plain."""
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        return at.strftime("%H:%M:%SZ" if at.date() == today else "%Y-%m-%d")
    if isinstance(value, str) and is_id(value):
        return short(value)
    return cell(value)


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


def spent(milliseconds: float) -> str:
    """Return a duration that may be less than a millisecond."""
    return f"{milliseconds:.1f}ms" if milliseconds < 10 else describe(timedelta(milliseconds=milliseconds))


def pretty(value: Any) -> str:
    """Return a JSON value for people: text as it is, everything else indented."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
