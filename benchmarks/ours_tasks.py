"""Our app and its tasks, for the producers and for `mainspring worker -A benchmarks.ours_tasks:app`.

The worker imports this by name, so the place comes in the environment.
"""

from __future__ import annotations

import asyncio
import logging
import os

from benchmarks.place import Place
from benchmarks.stamps import SILENT, Stamps
from mainspring import Limit, Mainspring, task

VARIABLE = "MAINSPRING_BENCH_PLACE"

place = Place.load(os.environ[VARIABLE])
stamps = Stamps(place.stamps)
logger = logging.getLogger(__name__)


@task
async def noop(mark: int) -> None:
    """Do nothing; the first and the last of a drain leave a stamp."""
    if mark != SILENT:
        stamps.write(mark)


@task(concurrency=100)
async def noop_limited(mark: int) -> None:
    """Do nothing, a hundred at once in the whole fleet."""
    if mark != SILENT:
        stamps.write(mark)


@task(limit=Limit("lane:{lane}", concurrency=10))
async def noop_keyed(mark: int, lane: int) -> None:
    """Do nothing, ten at once of each key."""
    if mark != SILENT:
        stamps.write(mark)


@task
def noop_in_process(mark: int) -> None:
    """Do nothing, in a child process."""
    if mark != SILENT:
        stamps.write(mark)


@task
async def talk(mark: int) -> None:
    """Log two lines."""
    logger.info("began %s", mark)
    if mark != SILENT:
        stamps.write(mark)
    logger.info("ended %s", mark)


@task
async def stamp(mark: int) -> None:
    """Leave a stamp, for latency."""
    stamps.write(mark)


@task
async def hold(mark: int) -> None:
    """Leave a stamp and stay, for a take-over."""
    stamps.write(mark)
    await asyncio.sleep(250)


def url() -> str:
    """Return the app's URL: SQLite's `synchronous` FULL is our default, NORMAL is called relaxed."""
    return f"{place.url}?durability=relaxed" if place.synchronous == "NORMAL" else place.url


app = Mainspring(url(), tasks=[noop, noop_limited, noop_keyed, noop_in_process, talk, stamp, hold], auto_migrate=True)
