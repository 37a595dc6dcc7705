"""The tasks of a small shop, for platforms where nothing runs for longer than a request: each has a timeout that fits into a pulse."""

from __future__ import annotations

from datetime import UTC, datetime

from mainspring import Mainspring, Retry, cron, task


@task(timeout="20s", retry=Retry(retries=5))
async def send_receipt(order: int) -> str:
    """Send the receipt of an order; views enqueue it."""
    return f"the receipt of order {order} is sent"


@task(timeout="30s", schedule=cron("*/5 * * * *"))
async def forget_abandoned_carts() -> datetime:
    """Every five minutes, when the pulse comes by."""
    return datetime.now(UTC)


app = Mainspring(tasks=[send_receipt, forget_abandoned_carts])
