"""What users get wrong: each checker reports exactly the lines that are marked with the letter E."""

from typing import Literal

from mainspring import Command, Context, Depends, Mainspring, RunHandle, command, task
from tests.typing.correct import Report, backup, dressed, dressed_sync, listing, no_parameters, only_context, prune, send


async def wrong_arguments(app: Mainspring) -> None:
    await app.enqueue(backup, database=3)  # E wrong type
    await app.enqueue(backup, "orders", "zip")  # E no such choice
    await app.enqueue(backup)  # E missing
    await app.enqueue(backup, database="orders", fromat="sql")  # E unknown
    await app.enqueue(backup, "orders", database="orders")  # E twice
    await app.enqueue(prune, "fourteen")  # E wrong type, sync
    await app.enqueue(prune, 1, 2)  # E too many
    await app.enqueue(no_parameters, 1)  # E takes none
    await app.run(dressed, "orders", ["a"])  # E by keyword only
    await app.run(dressed_sync)  # E missing, sync
    await app.run(dressed, "orders", tables=[1])  # E wrong element


def wrong_from_threads(app: Mainspring) -> None:
    app.blocking.enqueue(backup, database=3)  # E wrong type
    app.blocking.run(prune, "x")  # E wrong type, sync
    app.blocking.run(backup.options(key="k"))  # E missing


async def wrong_through_options(app: Mainspring) -> None:
    await app.enqueue(backup.options(delay="10m"), database=3)  # E wrong type
    await app.enqueue(backup.options(delay="10m"))  # E missing
    await backup.options(key="orders").enqueue(databases="orders")  # E unknown
    await prune.options(priority="low").enqueue(keep="x")  # E wrong type, sync


async def wrong_by_the_task() -> None:
    await backup.enqueue(database=3)  # E wrong type
    await prune.enqueue(keeep=3)  # E unknown
    await dressed.enqueue()  # E missing


async def wrong_options() -> None:
    backup.options(delay=[1])  # E no duration
    backup.options(queue=3)  # E no text
    backup.options(run_at="tomorrow")  # E no datetime
    backup.options(database="orders")  # E a parameter is no option
    prune.options(retry="3")  # E no number


def wrong_variants() -> None:
    backup.variant(name="weekly", tag=["x"])  # E unknown option
    backup.variant(name=3)  # E no text
    backup.variant(name="weekly", database="orders")  # E a parameter is no option


async def context_by_mistake(app: Mainspring, ctx: Context) -> None:
    await app.enqueue(backup, ctx, "orders")  # E the engine passes it
    await app.run(only_context, ctx)  # E the engine passes it
    await dressed_sync.enqueue(ctx, 3)  # E the engine passes it
    await app.enqueue(backup, ctx=ctx, database="orders")  # E the engine passes it


async def takes_number(handle: RunHandle[int]) -> None: ...


def takes_report(report: Report) -> None: ...


async def wrong_results(app: Mainspring, ctx: Context) -> None:
    await takes_number(await app.enqueue(backup, database="orders"))  # E another result
    len(await app.run(prune))  # E another result
    takes_report(backup(ctx, "orders"))  # E a coroutine
    len(await (await prune.enqueue()).result())  # E a number
    await prune(3)  # E not async
    backup("orders")  # E the context is missing


@task(priority=3.5)  # E no priority
def wrong_priority() -> None: ...


@task(retries=3)  # E unknown option
def wrong_option() -> None: ...


@task(timeout=b"5m", tags=[1], enabled="no")  # E wrong types
def wrong_values() -> None: ...


@task
def chosen(kind: Literal["a", "b"]) -> None: ...


chosen("c")  # E no such choice


def gives_text() -> str:
    return ""


async def wrong_dependencies(app: Mainspring) -> None:
    @task
    async def takes_number(n: int = Depends(gives_text)) -> None: ...  # E another type

    await app.enqueue(send)  # E missing
    await app.enqueue(send, to=3)  # E wrong type
    Depends("get_smtp")  # E nothing that can be called


async def wrong_commands(app: Mainspring) -> None:
    await app.run(listing, 3)  # E wrong type
    await app.run(listing, "x", env={"A": "1"})  # E rows are wanted

    @command  # E returns no command
    def no_command() -> str:
        return "ls"

    @command(timeuot="1m")  # E no such option
    def misspelt() -> Command:
        return Command("ls", None)  # E no argument
