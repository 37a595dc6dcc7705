"""What may stand beside a measurement: a transaction that somebody holds open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from benchmarks.place import Place


@asynccontextmanager
async def open_transaction(place: Place) -> AsyncIterator[None]:
    """Hold a snapshot for the length of a block, as a long report does: no row that dies can be cleaned up."""
    async with await psycopg.AsyncConnection.connect(place.url) as connection:
        await connection.execute("set transaction isolation level repeatable read")
        await connection.execute("select pg_current_xact_id()")
        yield
        await connection.rollback()
