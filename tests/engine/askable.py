"""Tasks whose predicates do what predicates do on a bad day. The children of the tests import them."""

from __future__ import annotations

import asyncio
import os
import time

from mainspring import task, when


async def is_wanted() -> bool:
    """Say yes, from a process that is not the engine's."""
    return os.getpid() != int(os.environ["ASKING_ENGINE"])


async def is_not_wanted() -> bool:
    return False


async def raises() -> bool:
    raise RuntimeError("the queue cannot be reached")


async def waits() -> bool:
    await asyncio.sleep(3600)
    return True


async def holds() -> bool:
    time.sleep(3600)
    return True


async def dies() -> bool:
    os._exit(3)


async def mumbles() -> bool:
    return "yes"  # type: ignore[return-value]


@task(
    schedule=[
        when(each, every="1m", name=each.__name__, timeout="300ms" if each in (waits, holds) else "5s")
        for each in (is_wanted, is_not_wanted, raises, waits, holds, dies, mumbles)
    ]
)
async def drain_backlog() -> None:
    """Work off what has gathered."""
