"""Bodies that complete their own runs: a module of its own, which executor children import, so that it stays light."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import psycopg

from mainspring import Context, Mainspring, Retry, task
from mainspring.core.errors import LeaseLost

ONCE = Retry(retries=3, delay="1ms", jitter=False)


def connected(url: str) -> contextlib.closing[Any]:
    """Return a connection that begins a transaction by itself."""
    connection: Any = sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)
    return contextlib.closing(connection)


class Oops(Exception):
    """What a body raises after it has done its work."""


@task(retry=ONCE)
def pay(ctx: Context, url: str, n: int, how: str = "commit") -> str:
    """Write one order and complete in the same transaction, in many moods."""
    print(f"attempt {ctx.attempt} says this before")
    with connected(url) as connection:
        connection.execute(f"insert into orders values ({n})")
        ctx.complete_in(connection, {"paid": n})
        if how == "roll back once" and ctx.attempt == 1:
            connection.rollback()
            raise Oops("rolled back")
        if how == "roll back and return":
            connection.rollback()
            return "returned"
        if how == "kill before" and ctx.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        connection.commit()
        print("and this after")
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "raise":
            raise Oops("after the commit")
    return "not this"


@task(retry=ONCE)
async def pay_async(ctx: Context, url: str, n: int, kind: str) -> str:
    """The same on an event loop, with whatever connection is asked for."""
    from tests.transactions.callers import Place, async_caller

    ctx.log("before")
    async with async_caller(kind, Place("sqlite" if url.startswith("sqlite") else "postgres", url)) as caller:
        await caller.begin()
        await caller.execute(f"insert into orders values ({n})")
        await ctx.complete_in(caller.given, {"paid": n})
        await caller.commit()
    return "not this"


@task
async def pay_in_thread(ctx: Context, url: str, n: int) -> None:
    """A blocking transaction of an async body, both on the loop and beside it."""

    def beside() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("insert into orders values (%s)", (n,))
            ctx.complete_in(connection)

    await asyncio.to_thread(beside)


@task
async def pay_blocking_on_the_loop(ctx: Context, url: str, n: int) -> None:
    """A blocking connection on a loop: awaited all the same."""
    with psycopg.connect(url) as connection:
        connection.execute("insert into orders values (%s)", (n,))
        await ctx.complete_in(connection, [n])


@task
def refused(ctx: Context, url: str, n: int, told: str) -> None:
    """Somebody takes the run away while the body works."""
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute("update mainspring.hot_runs set claim_id = gen_random_uuid() where id = %s", (ctx.run_id,))
    with psycopg.connect(url) as connection:
        connection.execute("insert into orders values (%s)", (n,))
        try:
            ctx.complete_in(connection)
        except LeaseLost as error:
            Path(told).write_text(str(error))
            raise


@task
def talk(ctx: Context, url: str) -> None:
    """Say much before, complete, say much after."""
    for n in range(50):
        ctx.log(f"line {n}")
    ctx.progress(1, 2)
    with connected(url) as connection:
        ctx.complete_in(connection, "said")
        ctx.log("held back")
        connection.commit()


@task
def order_more(ctx: Context, url: str) -> list[str]:
    """Enqueue in transactions of the body's own, by an app of this process, which has no connection of the store's."""
    app = Mainspring(url, tasks=[pay, order_more])
    ids = []
    with connected(url) as connection:
        for n, is_committed in enumerate((False, True), 1):
            connection.execute(f"insert into orders values ({n})")
            ids.append(app.blocking.enqueue(pay.options(connection=connection, delay="1h"), url, n).id)
            (connection.commit if is_committed else connection.rollback)()
    app.blocking.close()
    return ids
