"""Celery with prefork children on Redis: what people use for plain functions in child processes.

Redis keeps nothing on disk here and Celery acknowledges a task before it runs it (its default): faster than anything
durable, and a crash of either loses tasks. One child for each core.
"""

from __future__ import annotations

import os
import sys

import redis.asyncio
from celery import Celery

from benchmarks import clock, stamps
from benchmarks.place import Place
from benchmarks.processes import started
from benchmarks.readings import Reading

APP = "benchmarks.peers.celery_app"


async def drain_processes(place: Place, count: int) -> Reading:
    """One worker with its prefork children empties a filled queue."""
    producer = Celery("producer", broker=place.url)
    with producer.producer_or_acquire() as connection:
        for index in range(count):
            producer.send_task("noop", (stamps.mark_of(index, count),), producer=connection, ignore_result=True)
    watch = redis.asyncio.from_url(place.url)

    async def is_empty() -> bool:
        return not await watch.llen("celery") and not await watch.hlen("unacked")

    children = os.cpu_count() or 1
    options = ["--pool=prefork", f"--concurrency={children}", "--loglevel=ERROR"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = [sys.executable, "-m", "celery", "-A", APP, "worker", *options, *quiet]
    async with started(command, place, environment={"MAINSPRING_BENCH_PLACE": place.dump()}):
        return await clock.time_drain(place, count, is_empty, note=f"{children} prefork children, Redis without persistence")
