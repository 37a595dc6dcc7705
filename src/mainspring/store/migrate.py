"""Migrations: numbered SQL in two phases, before and after the code.

So the previous release keeps working beside the new one.

``NNNN_pre_name.sql`` only widens (old code keeps working); ``NNNN_post_name.sql`` narrows and is refused while a node of an older version
lives. A database remembers what was applied, with a checksum.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from typing import Literal

from mainspring.core.errors import SchemaMismatch, StoreForeign
from mainspring.core.version import VERSION, release_of
from mainspring.store.database import Database

Phase = Literal["pre", "post"]
_FILE = re.compile(r"^(\d{4})_(pre|post)_(\w+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. ``checksum`` is of its text."""

    number: int
    phase: Phase
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return blake2b(self.text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Where a database stands.

    ``applied``: the last step applied (0: none); ``known``: the last that this code knows; ``waiting``: what is still
    to be applied; ``narrowed``: the last step of the second phase that this code does not know (0: none).
    """

    applied: int
    known: int
    waiting: tuple[Migration, ...]
    narrowed: int = 0


class Migrations:
    """Brings a database to this code's schema, and says where it stands."""

    def __init__(self, database: Database, steps: Sequence[Migration] | None = None) -> None:
        self._database = database
        self._steps = tuple(steps) if steps is not None else _read(database.dialect)

    def steps(self) -> tuple[Migration, ...]:
        """Return all steps in order."""
        return self._steps

    async def status(self) -> SchemaStatus:
        """Compare database and code, by number."""
        applied = await self._applied()
        known = {each.number for each in self._steps}
        return SchemaStatus(
            max(applied, default=0),
            max(known, default=0),
            tuple(each for each in self._steps if each.number not in applied),
            max((number for number, phase in applied.items() if number not in known and phase == "post"), default=0),
        )

    async def check(self) -> None:
        """Raise `SchemaMismatch` where database and code do not fit, naming what is behind and the command that helps.

        A newer database that was only widened does fit: that is how the previous release works beside the new one.
        """
        status = await self.status()
        if status.narrowed:
            raise SchemaMismatch(
                f"the database's schema is at {status.applied}, mainspring {VERSION} knows {status.known}: "
                "the code is behind; upgrade it with 'pip install --upgrade mainspring'"
            )
        missing = [each for each in status.waiting if each.phase == "pre"]
        if missing:
            raise SchemaMismatch(
                f"the database's schema is at {status.applied}, mainspring {VERSION} needs {missing[-1].number}: "
                "the database is behind; run 'mainspring migrate'"
            )

    async def apply(self, *, phase: Phase | None = None) -> list[Migration]:
        """Apply what is missing, under a lock that other processes wait for; answers what was applied.

        Raises `SchemaMismatch` at a step of the second phase while nodes of an older version live; what comes before it is applied.
        """
        async with self._database.exclusive("migrate"):
            await self._begin()
            applied = await self._applied()
            done = []
            for step in self._steps:
                if step.number in applied or (phase is not None and step.phase != phase):
                    continue
                if step.phase == "post" and applied:  # where nothing was applied before, nobody lives
                    await self._refuse_beside_older_nodes(step)
                record = (
                    f"insert into mainspring.migrations (number, phase, name, checksum, version) "
                    f"values ({step.number}, '{step.phase}', '{step.name}', '{step.checksum}', '{VERSION}')"
                )
                # One text is one transaction: a step that fails leaves nothing behind.
                await self._database.execute(f"{step.text.rstrip().rstrip(';')};\n{record};")
                done.append(step)
            return done

    async def _refuse_beside_older_nodes(self, step: Migration) -> None:
        older = []
        for node in await self._database.read("nodes_living"):
            version = str(json.loads(node["facts"]).get("version", ""))
            if release_of(version) < release_of(VERSION):
                older.append(f"{node['name']} ({version or 'no version told'}, process {node['pid']} on {node['host'].partition(':')[0]})")
        if older:
            raise SchemaMismatch(
                f"step {step.number} ({step.name}) takes away what code before mainspring {VERSION} needs, and such nodes live: "
                f"{', '.join(older)}; stop or upgrade them, then run 'mainspring migrate --phase post' again"
            )

    async def _begin(self) -> None:
        if self._database.dialect == "postgres":
            schema = getattr(self._database, "schema", "mainspring")
            await self._database.execute(f"create schema if not exists {schema}")
        await self._database.execute(
            "create table if not exists mainspring.migrations (number integer primary key, phase text not null, "
            "name text not null, checksum text not null, version text not null, "
            "applied_at timestamp not null default current_timestamp)"
        )

    async def _applied(self) -> dict[int, str]:
        if self._database.dialect == "postgres":
            schema = getattr(self._database, "schema", "mainspring")
            exists = await self._database.execute(f"select to_regclass('{schema}.migrations') is not null as is_there")
            if not exists[0]["is_there"]:
                return {}
        else:
            exists = await self._database.execute("select 1 as is_there from sqlite_master where name = 'mainspring_migrations'")
            if not exists:
                return {}
        rows = await self._database.execute("select number, phase, name, checksum from mainspring.migrations")
        by_number = {step.number: step for step in self._steps}
        for row in rows:
            step = by_number.get(row["number"])
            if step is not None and step.checksum != row["checksum"]:
                raise StoreForeign(
                    f"migration {row['number']} ({row['name']}) of this database has another text than in "
                    f"mainspring {VERSION}: it was made by a development version; start from a new database"
                )
        return {row["number"]: row["phase"] for row in rows}


def newest(dialect: str) -> int:
    """Return the number of the last step that this code knows: what every store has that it opens."""
    return max(step.number for step in _read(dialect))


def _read(dialect: str) -> tuple[Migration, ...]:
    steps = []
    for file in files("mainspring.store").joinpath("sql", "migrations", dialect).iterdir():
        found = _FILE.match(file.name)
        if found:
            steps.append(Migration(int(found[1]), "pre" if found[2] == "pre" else "post", found[3], file.read_text("utf-8")))
    return tuple(sorted(steps, key=lambda step: step.number))
