"""A server that loads its application before it forks: ``python -m tests.engine.preload URL used|unused``.

Each child enqueues in every way; what it added is counted by the test. Prints what went wrong.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import traceback
import warnings
from typing import Any

import psycopg

from mainspring import Mainspring, task

CHILDREN, RUNS = 3, 5


@task
async def note(child: int, n: int) -> None: ...


def connect(url: str) -> Any:
    return sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)


def serve(app: Mainspring, url: str, child: int) -> None:
    """Be one child: a blocking view, an async one, and one with a transaction of its own."""
    for n in range(RUNS):
        handle = app.blocking.enqueue(note, child, n)
        assert app.blocking.status(handle.id).task == "note"

    async def view() -> None:
        for n in range(RUNS):
            assert str((await (await app.enqueue(note, child, n)).status()).state) == "pending"
        await app.close()

    asyncio.run(view())
    connection = connect(url)
    for n in range(RUNS):
        app.blocking.enqueue(note.options(connection=connection), child, n)
        connection.commit()
    connection.close()
    app.blocking.close()


def main(url: str, how: str) -> int:
    app = Mainspring(url, tasks=[note])
    if how == "used":
        app.blocking.enqueue(note, -1, 0)
        held = connect(url)
        app.blocking.enqueue(note.options(connection=held), -1, 1)
        held.commit()
        held.close()
    children = []
    for child in range(CHILDREN):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads beside a fork, which is the point
            pid = os.fork()
        if pid == 0:
            code = 1
            try:
                serve(app, url, child)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    if how == "used":
        app.blocking.enqueue(note, -1, 2)  # and the parent is as well as before
    app.blocking.close()
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
