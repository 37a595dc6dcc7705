"""A program that enqueues one run and may die over it.

``python -m tests.chaos.enqueuer URL KEY [before-commit|after-commit|by-session-before-commit|by-session-after-commit]``
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from typing import Any

import psycopg

from mainspring import Mainspring
from mainspring.engine.faults import arm_from
from tests.chaos.chaos_tasks import touch


def session_on(connection: Any) -> Any:
    """Return a session of SQLAlchemy's that uses a driver's connection."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    driver = "sqlite+pysqlite" if isinstance(connection, sqlite3.Connection) else "postgresql+psycopg"
    return Session(create_engine(f"{driver}://", creator=lambda: connection))


async def main(url: str, key: str, dies: str | None) -> None:
    """Enqueue by the app, or in a transaction of this program's own."""
    arm_from(os.environ)
    async with Mainspring(url) as app:
        if dies is None:
            print((await app.enqueue(touch.options(key=key, delay="1h"), n=1)).id, flush=True)
            return
        connection: Any = psycopg.connect(url) if url.startswith("postgres") else sqlite3.connect(url.removeprefix("sqlite:///"))
        if dies.startswith("by-session"):
            connection = session_on(connection)
        await app.enqueue(touch.options(key=key, delay="1h", connection=connection), n=1)
        if dies.endswith("after-commit"):
            connection.commit()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
