"""Named queries: one ``.sql`` file each, in ``sql/common`` or, where it pays, in a dialect's folder.

Files are plain SQL that can be pasted into a shell, with three kinds of slots: ``:name`` (a value), ``mainspring.``
(the schema on PostgreSQL, a prefix of table names on SQLite), and the two clocks: ``{NOW}``, stable within a
statement, for predicates, and ``{CLOCK}`` for assignments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Dialect = Literal["sqlite", "postgres"]

_PREFIX = re.compile(r"\bmainspring\.")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True, slots=True)
class Query:
    """A query ready for its driver.

    Statements in order; several run in one transaction, and the last one answers.
    """

    name: str
    statements: tuple[str, ...]
    parameters: tuple[str, ...]
    numbered: str = ""  # PostgreSQL only: the statement with $n slots, in the order of the parameters
    together: tuple[tuple[str, tuple[str, ...]], ...] = ()  # PostgreSQL, where there are several: each with $n slots of its own


@cache
def read_sql(dialect: Dialect, name: str) -> str:
    """Return the text of a query's file, the dialect's before the common one."""
    for folder in (dialect, "common"):
        file = files("mainspring.store").joinpath("sql", folder, f"{name}.sql")
        if file.is_file():
            return file.read_text("utf-8")
    raise LookupError(f"there is no query {name!r} for {dialect}")


def names(dialect: Dialect) -> list[str]:
    """Return the names of all queries of a dialect."""
    found = set()
    for folder in (dialect, "common"):
        found |= {each.name[:-4] for each in files("mainspring.store").joinpath("sql", folder).iterdir() if each.name.endswith(".sql")}
    return sorted(found)


def render(dialect: Dialect, text: str, *, prefix: str, now: str, clock: str) -> str:
    """Fill in the schema and the clocks."""
    bare = _COMMENT.sub("", text)
    filled = bare.replace("{NOW}", now).replace("{CLOCK}", clock)
    return _PREFIX.sub(prefix, filled)


def load(dialect: Dialect, name: str, *, prefix: str, now: str, clock: str) -> Query:
    """Return a query in its driver's style: ``:name`` for sqlite3, ``%(name)s`` for psycopg."""
    text = render(dialect, read_sql(dialect, name), prefix=prefix, now=now, clock=clock)
    parameters = tuple(dict.fromkeys(_PARAMETER.findall(text)))
    if dialect == "postgres":
        parts = [part.strip() for part in text.split(";") if part.strip()]
        together = tuple(_numbered(part) for part in parts)
        statements = tuple(_PARAMETER.sub(r"%(\1)s", part.replace("%", "%%")) for part in parts)
        return Query(name, statements, parameters, together[0][0], together if len(together) > 1 else ())
    return Query(name, tuple(part.strip() for part in text.split(";") if part.strip()), parameters)


def _numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with ``$n`` slots, and the names of its parameters in that order."""
    parameters = tuple(dict.fromkeys(_PARAMETER.findall(text)))
    return _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", text), parameters
