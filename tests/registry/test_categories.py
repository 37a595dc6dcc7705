"""Categories in the registry."""

from typing import Any

from mainspring import task
from mainspring.core.task import Task
from mainspring.registry import Registry


def in_category(name: str) -> Task[..., Any]:
    @task(name=f"in_{name}", category=name)
    async def body() -> None: ...

    return body


def test_the_known_ones_come_first_in_their_order_and_any_other_is_allowed() -> None:
    registry = Registry.build([in_category(name) for name in ("sales", "report", "data", "general", "admin", "maintenance", "Billing")])
    assert list(registry.by_category) == ["maintenance", "data", "admin", "report", "Billing", "general", "sales"]
