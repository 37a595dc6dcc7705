"""An app as a user would have it: the tasks that the tests of the faces call."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mainspring import Context, Fail, File, FileLimit, Mainspring, Param, Retry, Skip, Task, at, task


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Box(BaseModel):
    width: int = Field(ge=1)
    height: int = 1


@task(
    title="Add numbers", category="sums", icon="plus", tags=["sum", "quick"], expensive=True, priority="high", timeout="90s"
)  # fmt: skip
async def add(ctx: Context, a: int, b: int = 2) -> int:
    """Add two numbers.

    The second may be left out.
    """
    ctx.log(f"adding {a} and {b}")
    ctx.progress(1, 1, message="added")
    return a + b


@task
async def shapes(
    box: Box,
    colours: list[Colour] | None = None,
    sizes: list[int] = [1],  # noqa: B006 - the default travels as JSON
    mode: Literal["fit", "fill"] = "fit",
    scale: Annotated[float, Field(gt=0, le=10)] = 1.0,
    dry_run: bool = False,
    note: str | None = None,
    price: Decimal = Decimal("1.50"),
    level: Literal[1, 2] = 1,
) -> dict[str, object]:
    """Take parameters of many types."""
    return {
        "box": box.model_dump(), "colours": [each.value for each in colours or ()], "sizes": sizes, "mode": mode,
        "scale": scale, "dry_run": dry_run, "note": note, "price": str(price), "level": level,
    }  # fmt: skip


def paths(values: Mapping[str, Any]) -> list[str]:
    """Suggest paths."""
    return ["/", "/srv"]


@task(danger="Everything in it is lost.", category="danger")
async def wipe(path: Annotated[str, Param(options=paths)] = "/") -> str:
    return f"wiped {path}"


@task(retry=0)
async def fails(why: str = "broken") -> None:
    raise ValueError(why)


@task(retry=Retry(retries=2, delay=0.01, factor=1))
async def flaky(ctx: Context, good_from: int = 2) -> int:
    if ctx.attempt < good_from:
        raise ConnectionError(f"attempt {ctx.attempt} got no answer")
    return ctx.attempt


@task(retry=Retry(retries=9, delay=3600, jitter=False))
async def backs_off() -> None:
    raise ConnectionError("come back in an hour")


@task(schedule=at("2100-01-01T03:00:00Z", name="tidy"))
async def skips() -> None:
    raise Skip("nothing to do")


@task
async def gives_up() -> None:
    raise Fail("for good")


@task
async def sleeps(ctx: Context, seconds: float = 600.0) -> str:
    """Say that it sleeps, then do."""
    ctx.log("asleep")
    await asyncio.sleep(seconds)
    return "slept"


@task
async def waits_for(ctx: Context, path: str) -> str:
    """Wait until a file is there."""
    ctx.log("waiting")
    while not Path(path).exists():
        await asyncio.sleep(0.02)
    return "found"


@task
async def shouts() -> str:
    """Write what a terminal must not be told."""
    print("\x1b]0;owned\x07\x1b[2Jtitle \x1b[31mred\x1b[0m \x9b5Aup\x07")
    return "done \x1b[2J"


@task(enabled=False)
async def old() -> None:
    """Not to be used any more."""


@task
def counts(n: int = 3) -> int:
    return n


@task
async def leaves(ctx: Context, name: str = "report.txt") -> None:
    """Leave a file behind."""
    ctx.attach(b"what it found", name=name)


@task
async def measures(
    template: Annotated[File, FileLimit(max_size="1k", types=[".csv"])],
    others: list[File] | None = None,
    note: Annotated[str, Param(help="to find it by", search=True)] = "",
) -> dict[str, object]:
    """Take files and tell what is in them."""
    names = [each.name for each in others or ()]
    return {"name": template.name, "type": template.media_type, "text": template.read_text(), "others": names}


TASKS: list[Task[..., Any]] = [
    add, shapes, wipe, fails, flaky, backs_off, skips, gives_up, sleeps, waits_for, shouts, old, counts, leaves, measures,
]  # fmt: skip
VAULT_KEY = base64.urlsafe_b64encode(b"opens nothing, seals tests alone").decode()
app = Mainspring("sqlite://", tasks=TASKS, isolation="inline", vault_keys=VAULT_KEY)
