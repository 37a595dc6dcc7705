"""Tasks that the tests of pulses on real databases and in real processes carry out."""

from __future__ import annotations

import os
import time

from mainspring import every, task


@task(timeout="3s")
async def brisk(n: int = 0) -> int:
    return n


@task(timeout="3s")
def plain(n: int = 0) -> int:
    """Return where it ran."""
    return os.getpid()


@task(timeout="1s", retry=0)
def endless() -> None:
    while True:
        time.sleep(0.02)


@task(timeout="10m")
async def lengthy() -> None: ...


@task(timeout="3s", schedule=every("1s"))
async def ticking() -> None: ...
