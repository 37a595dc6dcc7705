"""huey's task, for its producers and its consumer process alike."""

from __future__ import annotations

from collections.abc import Callable

from huey import SqliteHuey

from benchmarks.place import Place
from benchmarks.stamps import SILENT, Stamps


def make(place: Place) -> tuple[SqliteHuey, Callable[[int], object]]:
    """Return a queue on the place's file and its task, which enqueues when called.

    huey has two durabilities: ``fsync=False`` is SQLite's `synchronous` OFF, ``fsync=True`` is FULL (as is its
    default, None, with SQLite's own defaults). It stores no result for a task that returns None.
    """
    queue = SqliteHuey("bench", filename=str(place.file), fsync=place.synchronous != "OFF")
    stamps = Stamps(place.stamps)

    def noop(mark: int) -> None:
        if mark != SILENT:
            stamps.write(mark)

    return queue, queue.task(name="noop")(noop)
