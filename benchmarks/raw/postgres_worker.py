"""The smallest worker there can be: it listens, and claims one row when it is woken."""

from __future__ import annotations

import psycopg

from benchmarks.measure import run_loop
from benchmarks.place import Place
from benchmarks.processes import wait_at_gate
from benchmarks.raw.postgres import CLAIM
from benchmarks.stamps import Stamps


async def work(place: Place) -> None:
    """Claim on one connection, listen on another, until the process is ended."""
    stamps = Stamps(place.stamps)
    listening = await psycopg.AsyncConnection.connect(place.url, autocommit=True)
    claiming = await psycopg.AsyncConnection.connect(place.url, autocommit=True)
    await listening.execute("listen job")
    wait_at_gate(place)
    async for _ in listening.notifies():
        cursor = await claiming.execute(CLAIM, (1,), prepare=True)
        for _, label in await cursor.fetchall():
            stamps.write(int(label))


if __name__ == "__main__":
    run_loop(work(Place.argument()))
