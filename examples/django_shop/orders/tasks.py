"""Tasks of Django's own kind: nothing here knows who carries them out."""

import asyncio
import logging

from orders.models import Order

try:
    from django.tasks import task
except ImportError:  # before Django 6
    from django_tasks import task

logger = logging.getLogger(__name__)


@task(queue_name="mail")
def confirm(order_id: int) -> str:
    """Confirm an order by mail."""
    order = Order.objects.get(pk=order_id)
    Order.objects.filter(pk=order_id).update(is_confirmed=True)
    logger.info("confirmed order %s", order_id)
    return f"Dear {order.customer}"


@task
async def add(first: int, second: int = 1) -> int:
    """Add two numbers, and let others work meanwhile."""
    await asyncio.sleep(0)
    return first + second


@task(takes_context=True)
def tell_attempt(context, note: str = "") -> list:  # type: ignore[no-untyped-def, type-arg]
    """Answer what the context knows."""
    return [context.attempt, context.task_result.id, note]


@task(backend="retried", takes_context=True)
def succeed_at(context, attempt: int) -> int:  # type: ignore[no-untyped-def]
    """Fail until an attempt."""
    if context.attempt < attempt:
        raise ConnectionError(f"attempt {context.attempt} of {attempt}")
    return attempt


@task
def fail(message: str) -> None:
    """Raise."""
    raise ValueError(message)


@task
def return_a_set() -> object:
    """Return what JSON cannot hold."""
    return {1, 2}
