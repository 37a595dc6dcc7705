"""Procrastinate's app, for its producers and its worker process alike."""

from __future__ import annotations

from procrastinate import App, PsycopgConnector

from benchmarks.place import Place
from benchmarks.stamps import SILENT, Stamps

CONCURRENCY = 20  # of 5, 10, 20, 50 and 100 the fastest for tasks that do nothing
POOL = 10


def make(place: Place) -> App:
    """Return an app with the two tasks. Nothing below warnings is logged, as Python has it by default."""
    app = App(connector=PsycopgConnector(conninfo=place.url, min_size=POOL, max_size=POOL))
    stamps = Stamps(place.stamps)

    async def noop(mark: int) -> None:
        if mark != SILENT:
            stamps.write(mark)

    async def stamp(mark: int) -> None:
        stamps.write(mark)

    app.task(name="noop")(noop)
    app.task(name="stamp")(stamp)
    return app
