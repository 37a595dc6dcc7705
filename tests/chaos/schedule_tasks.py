"""Tasks that run by themselves, for real runners: each writes down what it does."""

from __future__ import annotations

from mainspring import every, task, when
from tests.chaos.chaos_tasks import engine_pid, write_down


async def is_second() -> bool:
    """Say yes, and from where."""
    write_down("asked", engine=engine_pid())
    return True


@task(schedule=every("1s", misfire="all:60"), overlap="allow")
async def each_second() -> None:
    write_down("ticked")


@task(schedule=when(is_second, every="1s"), overlap="allow")
async def where_asked() -> None:
    write_down("wanted")
