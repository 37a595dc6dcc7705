"""Tasks with hooks, for the tests: each leaves in `seen` what its functions were called with."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from mainspring import Context, Retry, Skip, task

seen: list[tuple[str, object]] = []
broken: dict[str, BaseException] = {}  # what functions are to raise, by name

TWICE = Retry(retries=1, delay="1s", jitter=False)


def note(what: str, value: object = None) -> None:
    """Leave a mark, and raise where a test wants it."""
    seen.append((what, value))
    if what in broken:
        raise broken[what]


def calls(*names: str) -> list[object]:
    """Return what functions were called with, in order."""
    return [value for what, value in seen if what in names]


def enough(amount: int) -> None:
    note("validate", amount)
    if amount > 100:
        raise ValueError(f"{amount} is more than there is")


async def undo(ctx: Context, account: str) -> None:
    assert ctx.error is not None
    note("rollback", (account, ctx.attempt, ctx.error["type"]))


def hear(ctx: Context, **params: object) -> None:
    assert ctx.error is not None
    note("on_error", (params, ctx.attempt, ctx.error["message"], ctx.will_retry))


@task(retry=TWICE, validate=enough, rollback=undo, on_error=hear, timeout="10s")
async def transfer(account: str, amount: int) -> str:
    note("body", (account, amount))
    return f"{amount} to {account}"


@task(retry=TWICE, rollback=undo, deadline="90s")
async def hurry(account: str) -> None:
    note("body", account)


def undo_here(ctx: Context) -> None:
    note("rollback", ctx.error and ctx.error["type"])
    raise Skip("nothing to undo")


@task(retry=0, rollback=undo_here)
def plain_def() -> None:
    note("body")


def leave_a_mark(ctx: Context, path: str) -> None:
    assert ctx.error is not None
    with Path(path).open("a") as file:
        file.write(f"rollback of attempt {ctx.attempt} after {ctx.error['kind']} in another process: {os.getpid()}\n")


async def leave_a_word(ctx: Context, path: str) -> None:
    assert ctx.error is not None
    with Path(path).open("a") as file:
        file.write(f"on_error {ctx.error['kind']} {ctx.will_retry}\n")


@task(max_rescues=1, retry=0, rollback=leave_a_mark, on_error=leave_a_word)
def crashes(path: str) -> None:
    Path(path).write_text(f"{os.getpid()}\n")
    os.kill(os.getpid(), signal.SIGKILL)
