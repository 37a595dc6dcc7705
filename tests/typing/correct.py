"""What users write: both checkers find no mistake here, and every result has exactly the type of its function."""

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, assert_type

from mainspring import Context, Mainspring, Priority, Retry, RunHandle, task


@dataclass
class Report:
    rows: int


@task
async def backup(ctx: Context, database: str, format: Literal["sql", "tar"] = "sql") -> Report:
    ctx.progress(1, 2, message=database)
    return Report(rows=1)


@task
def prune(keep: int = 14) -> int:
    return keep


@task(title="Database backup", tags=["db"], timeout="5m", retry=Retry(retries=3), priority="high", danger="Overwrites.")
async def dressed(ctx: Context, database: str, *, tables: list[str] | None = None) -> Report:
    return Report(rows=len(tables or []))


@task(retry=3, timeout=timedelta(minutes=5), priority=Priority.LOW, enabled=False, repeatable=False)
def dressed_sync(ctx: Context, count: int) -> list[str]:
    return [ctx.run_id] * count


@task(queue="slow")
async def no_parameters() -> None: ...


@task
def only_context(ctx: Context) -> None: ...


@task
def odd_names(self: int, format: str, async_: bool, task: str) -> str:
    return format


async def by_app(app: Mainspring) -> None:
    assert_type(await app.enqueue(backup, database="orders"), RunHandle[Report])
    assert_type(await app.enqueue(backup, "orders", "tar"), RunHandle[Report])
    assert_type(await app.run(backup, database="orders", format="tar"), Report)
    assert_type(await app.enqueue(prune), RunHandle[int])
    assert_type(await app.run(prune, keep=3), int)
    assert_type(await app.run(dressed, "orders", tables=["a"]), Report)
    assert_type(await app.run(dressed_sync, 3), list[str])
    assert_type(await app.enqueue(no_parameters), RunHandle[None])
    assert_type(await app.enqueue(only_context), RunHandle[None])
    assert_type(await app.run(odd_names, self=1, format="x", async_=True, task="t"), str)
    assert_type(await app.enqueue(backup.options(delay="10m", key="orders", priority="high"), database="o"), RunHandle[Report])
    assert_type(await app.run(prune.options(timeout=30), 3), int)


def takes_any_report(handle: RunHandle[object]) -> None: ...


def from_threads(app: Mainspring) -> None:
    app.blocking.enqueue(backup, database="orders")
    assert_type(app.blocking.run(prune, keep=3), int)
    assert_type(app.blocking.run(backup.options(key="k"), "orders"), Report)


async def by_task() -> None:
    run = await backup.enqueue(database="orders")
    assert_type(run, RunHandle[Report])
    assert_type(await run.result(), Report)
    assert_type(await run, Report)
    takes_any_report(run)
    assert_type(await prune.enqueue(3), RunHandle[int])
    assert_type(await prune.options(queue="slow", retry=5, deadline="1h").enqueue(keep=3), RunHandle[int])
    assert_type(await dressed.options(label="night").enqueue("orders", tables=None), RunHandle[Report])
    assert_type(await odd_names.enqueue(self=1, format="x", async_=True, task="t"), RunHandle[str])


async def as_functions(ctx: Context) -> None:
    waiting: Coroutine[Any, Any, Report] = backup(ctx, "orders")
    assert_type(await waiting, Report)
    assert_type(await backup(ctx, database="orders", format="tar"), Report)
    assert_type(prune(3), int)
    assert_type(await dressed(ctx, "orders", tables=["a"]), Report)
    assert_type(dressed_sync(ctx, count=3), list[str])
    await no_parameters()
