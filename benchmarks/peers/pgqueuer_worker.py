"""pgqueuer's worker process: arguments are the place and the batch size.

As its guides advise: asyncpg, one connection of its own for the queue manager, uvloop (its command line runs on it as
well), and `batch_size` raised for short jobs. pgqueuer gives the body bytes, so there is nothing to parse or
validate.
"""

from __future__ import annotations

import sys

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job

from benchmarks.measure import run_loop
from benchmarks.place import Place
from benchmarks.processes import wait_at_gate
from benchmarks.stamps import Stamps


async def work(place: Place, batch_size: int) -> None:
    """Run the queue manager until the process is ended."""
    pgq = PgQueuer(AsyncpgDriver(await asyncpg.connect(place.url)))
    stamps = Stamps(place.stamps)

    async def noop(job: Job) -> None:
        if job.payload != b"0":
            stamps.write(int(job.payload or b"0"))

    async def stamp(job: Job) -> None:
        stamps.write(int(job.payload or b"0"))

    pgq.entrypoint("noop")(noop)
    pgq.entrypoint("stamp")(stamp)
    wait_at_gate(place)
    await pgq.run(batch_size=batch_size)


if __name__ == "__main__":
    run_loop(work(Place.argument(), int(sys.argv[2])))
