"""Rows as text that is written while they are read: JSON, JSON Lines and CSV, however many there are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what makes a spreadsheet calculate instead of show (OWASP, CSV injection)
LINES, CSV, JSON = "jsonl", "csv", "json"


async def pieces(rows: AsyncIterator[Mapping[str, Any]], form: str) -> AsyncIterator[str]:
    """Yield the text of rows, one after the other; ``form`` is ``jsonl``, ``csv`` or ``json``. The first row says what the columns are."""
    if form == CSV:
        columns: list[str] | None = None
        async for row in rows:
            if columns is None:
                columns = list(row)
                yield line(columns)
            yield line([cell(row.get(name)) for name in columns])
        return
    is_first = True
    async for row in rows:
        text = json.dumps(row, ensure_ascii=False, default=str)
        if form == LINES:
            yield text + "\n"
        else:
            yield ("[\n" if is_first else ",\n") + text
        is_first = False
    if form == JSON:
        yield "[]\n" if is_first else "\n]\n"


def table_of(value: Any) -> tuple[list[str], list[list[Any]]]:
    """Return a value as columns and rows: a list of objects as it is meant, anything else as a table of its own making.

    Columns are in the order in which they first occur. A list of other things has the one column ``value``, an object is one row.
    """
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(each, dict) for each in items):
        return ["value"], [[each] for each in items]
    columns = list(dict.fromkeys(name for each in items for name in each))
    return columns, [[each.get(name) for name in columns] for each in items]


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[str]:
    """Yield a table as lines of CSV, the names of its columns first."""
    yield line([cell(name) for name in columns])
    for row in rows:
        yield line([cell(value) for value in row])


def line(cells: Sequence[str]) -> str:
    """Return one line of CSV (RFC 4180)."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerow(cells)
    return made.getvalue()


def cell(value: Any) -> str:
    """Return a value as a cell that a spreadsheet shows and does not calculate."""
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
