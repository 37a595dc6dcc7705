"""What users write: both checkers find no mistake here, and every result has exactly the type of its function."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, assert_type

from mainspring import (
    Command,
    CommandResult,
    Context,
    Depends,
    EnvVar,
    Mainspring,
    Priority,
    Retry,
    Run,
    RunHandle,
    TaskStatus,
    command,
    service,
    task,
)


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


weekly = backup.variant(name="backup_weekly", tags=["weekly"], timeout="1h")


async def asks(app: Mainspring, run: RunHandle[Report]) -> None:
    assert_type(await app.enqueue(weekly, database="orders"), RunHandle[Report])
    assert_type(await app.task_status("backup"), TaskStatus)
    assert_type(app.blocking.task_status("backup"), TaskStatus)
    assert_type(await app.is_running("backup"), bool)
    assert_type(await app.running(), list[str])
    assert_type(app.supports_services, bool)
    assert_type(await run.status(), Run)
    assert_type(await run.progress(), dict[str, Any] | None)


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


class Smtp:
    async def send(self, to: str) -> None: ...


def get_plain() -> Smtp:
    return Smtp()


async def get_awaited() -> Smtp:
    return Smtp()


def get_generated() -> Iterator[Smtp]:
    yield Smtp()


async def get_generated_async(ctx: Context, plain: Smtp = Depends(get_plain)) -> AsyncIterator[Smtp]:  # noqa: B008 - likewise
    yield plain


assert_type(Depends(get_plain), Smtp)
assert_type(Depends(get_awaited), Smtp)
assert_type(Depends(get_generated), Smtp)
assert_type(Depends(get_generated_async), Smtp)
assert_type(Depends(Smtp), Smtp)


def undo(ctx: Context, to: str) -> None: ...


def check(to: str) -> None: ...


def upgraded(params: dict[str, Any], from_version: int) -> dict[str, Any]:
    return params


@task(validate=check, rollback=undo, on_error=undo, params_version=2, upgrade=upgraded)
async def send(ctx: Context, to: str, *, smtp: Smtp = Depends(get_generated_async)) -> int:  # noqa: B008 - filled in by the run
    await smtp.send(to)
    return 1


@command
def listing(path: str, env: list[EnvVar] = []) -> Command:  # noqa: B006 - a default that is never changed
    return Command("ls", path, env=env, cwd="/")


@command(timeout="1m", retry=0)
def here(ctx: Context, deep: bool = False) -> Command:
    return Command("ls", *(["-R"] if deep else []), env={"LANG": "C"})


async def with_more_than_a_body(app: Mainspring, ctx: Context) -> None:
    assert_type(await app.run(send, to="x"), int)
    assert_type(await send.enqueue("x"), RunHandle[int])
    assert_type(await send(ctx, "x", smtp=Smtp()), int)
    assert_type(await app.run(listing, path="x", env=[EnvVar("A", "1")]), CommandResult)
    assert_type(await app.enqueue(here.options(delay="1m"), deep=True), RunHandle[CommandResult])
    assert_type(listing("x"), Command)
    assert_type(here(ctx, True), Command)


@service
async def watch(ctx: Context) -> None: ...


@service(instances="per-node", restart="on-failure", probe_every="1m")
def sweep() -> int:
    return 1


async def services(app: Mainspring, ctx: Context) -> None:
    assert_type(await watch(ctx), None)
    assert_type(sweep(), int)
    assert_type(await app.services.stop("watch", reason="moving"), int)
    assert_type(await ctx.sleep("5s"), bool)
    assert_type(ctx.fence, int | None)
