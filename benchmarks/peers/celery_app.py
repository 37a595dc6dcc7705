"""Celery's app, for its worker. Celery imports it by name, so the place comes in the environment."""

from __future__ import annotations

import os

from celery import Celery

from benchmarks.place import Place
from benchmarks.stamps import SILENT, Stamps

VARIABLE = "MAINSPRING_BENCH_PLACE"

place = Place.load(os.environ[VARIABLE])
stamps = Stamps(place.stamps)
app = Celery("bench", broker=place.url)
# What its guide on optimizing says for many short tasks: prefetch far ahead, keep no results, no rate limits.
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=128,
    worker_disable_rate_limits=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


def noop(mark: int) -> None:
    """Do nothing; the first and the last leave a stamp."""
    if mark != SILENT:
        stamps.write(mark)


app.task(name="noop")(noop)
