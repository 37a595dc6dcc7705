"""Tasks that carry files, secrets and large payloads, importable by executor children."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import resource
import threading
from typing import Annotated, Any

from pydantic import BaseModel

from mainspring import Context, Fail, File, FileLimit, Param, Secret, Skip, task

MOST = 60 * 2**20


class Login(BaseModel):
    user: str
    password: Secret


@task
async def digest(big: Annotated[File, FileLimit(max_size=MOST, types=["application/*"])]) -> dict[str, Any]:
    """Read a large file in pieces, and tell how much memory that took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = hashlib.sha256()
    with big.open() as content:
        while piece := content.read(2**20):
            seen.update(piece)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"sha256": seen.hexdigest(), "grown": grown, "name": big.name, "size": big.size, "path": big.path().name}


@task
async def upper(ctx: Context, files: list[File]) -> list[File]:
    return [ctx.attach(each.read().upper(), name=f"upper-{each.name}") for each in files]


@task
def upper_def(ctx: Context, file: File | None = None) -> File | None:
    return None if file is None else ctx.attach([file.read().upper()], name=file.name)


@task(repeatable=False)
async def upper_solo(ctx: Context, file: File) -> File:
    return await asyncio.to_thread(ctx.attach, file.read().upper(), name=file.name)


@task(isolation="thread")
def upper_thread(ctx: Context, file: File) -> File:
    return ctx.attach(file.read().upper(), name=file.name)


@task(isolation="inline")
async def upper_inline(ctx: Context, file: File) -> File:
    return ctx.attach(file.read().upper(), name=file.name)


@task
async def hands_on(ctx: Context) -> str:
    """Attach a file and hand it to another task at once."""
    made = ctx.attach(b"made here", name="made.txt")
    run = await upper.enqueue(files=[made])
    return run.id


@task
async def leaves_and_fails(ctx: Context) -> None:
    ctx.attach(b"evidence", name="evidence.txt")
    raise Fail("but what was found stays")


def betray(ctx: Context, value: str, how: str) -> str:
    """Say a secret in every way that there is."""
    print("stdout", value)
    print("std", end="")
    print("err " + value[:5], end="")
    print(value[5:])
    ctx.log(f"log {value}", level="warning", field=value, nested={"key": [value]})
    logging.getLogger("shop").error("logging %s", value, extra={"extra": value})
    try:
        raise RuntimeError(f"inner {value}")
    except RuntimeError:
        logging.getLogger("shop").exception("caught")
    ctx.progress(1, 2, message=f"progress {value}", stage=value)
    thread = threading.Thread(target=lambda: print("thread", value))
    thread.start()
    thread.join()
    ctx.attach(b"content", name=f"{value}.txt")
    match how:
        case "raise":
            try:
                raise KeyError(value)
            except KeyError as error:
                raise ValueError(f"no {value}") from error
        case "fail":
            raise Fail(f"never {value}")
        case "skip":
            raise Skip(f"because {value}")
    return f"result {value}"


@task(retry=0)
async def betray_async(ctx: Context, token: Secret, how: Annotated[str, Param(search=True)] = "return") -> dict[str, Any]:
    value = token.reveal()
    return {"said": betray(ctx, value, how), value: [value]}


@task(retry=0)
def betray_def(ctx: Context, login: Login, how: str = "return") -> str:
    return betray(ctx, login.password.reveal(), how)


@task(retry=0)
async def passes_on(token: Secret) -> None:
    """Hand a secret's value to another task, which is refused."""
    await takes_text.enqueue(text=token.reveal())


@task
async def takes_text(text: str) -> int:
    return len(text)


@task
async def gives_text(n: int) -> str:
    return "ä" * n


@task
def gives_text_def(n: int) -> str:
    return "x" * n


ALL = [
    digest, upper, upper_def, upper_solo, upper_thread, upper_inline, hands_on, leaves_and_fails, betray_async, betray_def, passes_on,
    takes_text, gives_text, gives_text_def,
]  # fmt: skip
