"""Tasks whose spans are looked at; in a module of their own, so that children can import them."""

from __future__ import annotations

import logging

from mainspring import Retry, task
from mainspring.telemetry.logs import ids

logger = logging.getLogger(__name__)


@task(category="maintenance", retry=Retry(retries=1, delay=0))
async def fail(message: str) -> None:
    raise ValueError(message)


@task
def add(first: int, second: int) -> int:
    return first + second


@task
async def start_another() -> str:
    run = await add.enqueue(1, second=2)
    return run.id


@task
async def tell_ids() -> dict[str, str | int]:
    return ids()
