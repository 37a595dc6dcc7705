"""A server whose connections are all taken by the application: the engine keeps its own, and goes on."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import pytest

from mainspring import Mainspring, task
from mainspring.core.errors import StoreUnavailable
from tests import postgres


@task
async def double(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


@pytest.mark.failure(41)
async def test_an_application_that_takes_every_connection_does_not_starve_the_engine() -> None:
    cluster = await asyncio.to_thread(postgres.Cluster, {"max_connections": "12", "superuser_reserved_connections": "0"})
    with contextlib.closing(cluster), contextlib.ExitStack() as stack:
        async with Mainspring(cluster.url, tasks=[double], isolation="inline", auto_migrate=True) as app, app.worker() as runner:
            assert await app.run(double, 1) == 2
            with pytest.raises(psycopg.OperationalError):
                while True:  # until there are no more
                    stack.enter_context(psycopg.connect(cluster.url))
            assert await app.run(double, 2) == 4
            runs = await asyncio.gather(*[app.enqueue(double, n) for n in range(200)])
            looks = asyncio.gather(*[run.status() for run in runs for _ in range(3)])  # more than the engine has connections
            before = runner.presence.renewed_at
            while runner.presence.renewed_at == before:
                await runner.heartbeat.tick()
            assert [await run.result(60) for run in runs] == [2 * n for n in range(200)]
            await looks
            assert runner.health().problems == ()


async def test_a_server_that_refuses_the_very_first_connection_is_told() -> None:
    cluster = await asyncio.to_thread(postgres.Cluster, {"max_connections": "5", "superuser_reserved_connections": "0"})
    with contextlib.closing(cluster), contextlib.ExitStack() as stack:
        with pytest.raises(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(cluster.url))
        with pytest.raises(StoreUnavailable, match="cannot reach PostgreSQL .*too many clients"):
            await Mainspring(cluster.url, tasks=[double]).open()
