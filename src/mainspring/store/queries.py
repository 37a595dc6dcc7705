"""Named queries: one ``.sql`` file each, in ``sql/common`` or, where it pays, in a dialect's folder.

Files are plain SQL that can be pasted into a shell, with four kinds of slots: ``:name`` (a value), ``mainspring.``
(the schema on PostgreSQL, a prefix of table names on SQLite), the two clocks: ``{NOW}``, stable within a
statement, for predicates, and ``{CLOCK}`` for assignments, and ``{SEEN}``: the condition that a run (its columns, without an alias) is
one that a scope lets through, see `seen_by`. ``{WANTED}`` is that a run is one that a filter lets through, and
``{ANY column :list type}`` that a column is in a list.

A file may be several queries that differ in what they stand on. Lines ``--@ task: H | P`` in it make ``NAME_by_task_down`` and
``NAME_by_task_up`` of NAME, where ``{HOT}`` is H, ``{PAST}`` is P, and ``{HOT ORDER}`` and ``{PAST ORDER}`` are newest first or oldest
first as an index has them of which ``{ONE column :value type}`` is the first column. PostgreSQL is not told that a list of one is no list:
else it would take an index of ids alone for as good, and read all of it for a value that is rare. ``{STILL order}`` is the order that a
subquery with a limit has: SQLite reads it row by row as it comes, and would sort it whole if it were asked for it again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Dialect = Literal["sqlite", "postgres"]

_SEEN: dict[Dialect, str] = {
    "sqlite": (
        "((:tenants is null or tenant in (select value from json_each(:tenants))) and (:owner is null or actor = :owner) "
        "and (:hidden is null or task not in (select value from json_each(:hidden))) "
        "and (:private is null or actor = :viewer or task not in (select value from json_each(:private))))"
    ),
    "postgres": (
        "((:tenants::text[] is null or tenant = any(:tenants::text[])) and (:owner::text is null or actor = :owner::text) "
        "and (:hidden::text[] is null or task <> all(:hidden::text[])) "
        "and (:private::text[] is null or actor = :viewer::text or task <> all(:private::text[])))"
    ),
}
_WANTED = """(
    (cast(:states as text) is null or :states like '%,' || state || ',%' or (state = 11 and :lost like '%,' || reason || ',%'))
    and (cast(:has_tasks as smallint) = 0 or {ANY task :tasks text}) and (cast(:has_nodes as smallint) = 0 or {ANY node_id :nodes uuid})
    and (cast(:reason as text) is null or reason = :reason) and (cast(:queue as text) is null or queue = :queue)
    and (cast(:label as text) is null or label = :label) and (cast(:origin as text) is null or origin = :origin)
    and (cast(:key as text) is null or key = :key) and (cast(:actor as text) is null or actor = :actor)
    and (cast(:tenant as text) is null or tenant = :tenant) and (cast(:priority as smallint) is null or priority = :priority)
    and (cast(:schedule as bigint) is null or schedule_id = :schedule) and created_at >= :since and created_at < :until
    and (cast(:longer as interval) is null or finished_at - started_at >= cast(:longer as interval))
    and (cast(:shorter as interval) is null or finished_at - started_at < cast(:shorter as interval))
)"""  # SQLite takes an interval for a number, which is how it keeps times
_PREFIX = re.compile(r"\bmainspring\.")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_COMMENT = re.compile(r"--[^\n]*")
_ANY = re.compile(r"\{ANY (\w+) :(\w+) (\w+)\}")
_LISTED: dict[Dialect, str] = {"sqlite": r"\1 in (select value from json_each(:\2))", "postgres": r"\1 = any(:\2::\3[])"}
_ONE = re.compile(r"\{ONE (\w+) :(\w+) (\w+)\}")
_SAME: dict[Dialect, str] = {"sqlite": r"\1 = :\2", "postgres": r"\1 = any(array[:\2::\3])"}
_STILL = re.compile(r"\{STILL ([^}]*)\}")
_BY = re.compile(r"^--@ (\w+): (.+?) \| (.+)$", re.MULTILINE)
_WAYS = {"down": "desc", "up": "asc"}


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
    if (base := base_of(name)) != name and name in (found := _variants(base, read_sql(dialect, base))):
        return found[name]
    raise LookupError(f"there is no query {name!r} for {dialect}")


def base_of(name: str) -> str:
    """Return the name of the file that a query is made of, if it is one of several."""
    return re.sub(r"_by_[a-z]+_(down|up)$", "", name)


def _variants(base: str, text: str) -> dict[str, str]:
    made = {}
    for by, hot, past in _BY.findall(text):
        for way, order in _WAYS.items():
            slots = {"{HOT}": hot, "{PAST}": past, "{HOT ORDER}": _ordered(hot, order), "{PAST ORDER}": _ordered(past, order)}
            made[f"{base}_by_{by}_{way}"] = re.sub("|".join(slots), lambda found, slots=slots: slots[found[0]], text)  # type: ignore[misc]
    return made


def _ordered(condition: str, order: str) -> str:
    return ", ".join(f"{column} {order}" for column in (*(each[0] for each in _ONE.findall(condition)), "id"))


def names(dialect: Dialect) -> list[str]:
    """Return the names of all queries of a dialect."""
    found: set[str] = set()
    for folder in (dialect, "common"):
        for each in files("mainspring.store").joinpath("sql", folder).iterdir():
            if each.name.endswith(".sql"):
                found |= _variants(each.name[:-4], each.read_text("utf-8")).keys() or {each.name[:-4]}
    return sorted(found)


def render(dialect: Dialect, text: str, *, prefix: str, now: str, clock: str) -> str:
    """Fill in the schema and the clocks."""
    bare = _COMMENT.sub("", text)
    bare = _STILL.sub("" if dialect == "sqlite" else r"order by \1", _ONE.sub(_SAME[dialect], bare))
    filled = (
        _ANY.sub(_LISTED[dialect], bare.replace("{WANTED}", _WANTED))
        .replace("{SEEN}", _SEEN[dialect])
        .replace("{NOW}", now)
        .replace("{CLOCK}", clock)
    )
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
