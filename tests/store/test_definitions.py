"""What nodes say about their tasks: written when it is new or has changed, and left alone otherwise."""

from dataclasses import replace
from datetime import timedelta

from mainspring import Limit, Retry, task
from mainspring.core.definition import definition_of
from mainspring.core.policy import Isolation
from tests.store.harness import Stage


@task
async def plain() -> None: ...


@task(queue="paper", retry=Retry(retries=7), timeout="3m", concurrency=2, limit=Limit("shop:{shop}", rate="5/s"), dedupe="{shop}")
def rich(shop: str) -> None: ...


async def test_only_what_has_changed_is_written(stage: Stage) -> None:
    told = [definition_of(each.spec, isolation=Isolation.PROCESS, timeout=timedelta(minutes=5), retries=3) for each in (rich, plain)]
    register = stage.store.definitions.register
    assert await register([]) == 0
    assert await register(told) == 2
    assert await register(told) == 0
    await stage.clock.advance(60)
    assert await register([told[0], replace(told[1], timeout=None)]) == 1
    columns = "task, queue, pool, timeout_ms, max_retries, limit_task, limit_key, dedupe_key"
    first, second = await stage.sql(f"select {columns} from mainspring.definitions order by task")
    assert tuple(first.values()) == ("plain", "default", 0, None, 3, None, None, None)
    assert tuple(second.values()) == (
        "rich", "paper", 1, 180_000, 7, "task:rich", '[["shop:", ["shop"]]]', '[["", ["shop"]]]'
    )  # fmt: skip
    times = await stage.sql("select task from mainspring.definitions order by registered_at")
    assert [row["task"] for row in times] == ["rich", "plain"]
    await stage.sql("delete from mainspring.definitions")
