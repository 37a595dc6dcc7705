"""Tasks that the tests of the API start."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from mainspring import Context, Dedupe, File, FileLimit, Retry, Task, task


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Parcel(BaseModel):
    weight: float = Field(gt=0, le=100)
    tags: list[str] = []


@task
async def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


LIGHT = Parcel(weight=1)


@task
async def defaults(
    count: int = 3, since: date = date(2030, 1, 31), size: Size = Size.SMALL, ratio: float = 0.5, tags: tuple[str, ...] = ("a",),
    parcel: Parcel = LIGHT, note: str | None = None, is_dry: bool = True,
) -> dict[str, str]:  # fmt: skip
    """Tell the types of what it is given."""
    values = {"count": count, "since": since, "size": size, "ratio": ratio, "tags": tags, "parcel": parcel, "note": note, "is_dry": is_dry}
    return {name: type(value).__name__ for name, value in values.items()}


@task
async def reserved(
    format: Literal["csv", "json"], t: str, category: str, async_: bool, download: str, wait: int = 0, params: str = "", key: str = ""
) -> dict[str, Any]:
    """Has parameters whose names mean something elsewhere."""
    return {
        "format": format,
        "t": t,
        "category": category,
        "async_": async_,
        "download": download,
        "wait": wait,
        "params": params,
        "key": key,
    }


@task
async def picks(values: list[str]) -> list[str]:
    return values


@task(danger="Everything in it is lost.")
async def wipe(path: str = "/") -> str:
    return f"wiped {path}"


@task(retry=Retry(retries=0))
async def fails(why: str = "broken") -> None:
    raise ValueError(why)


@task(no_web=True)
async def hidden() -> None:
    """Not for the web."""


@task(enabled=False)
async def disabled() -> None:
    """Switched off."""


@task(name="a.b:c-d", title="Odd name")
async def odd_name(n: int = 1) -> int:
    return n


gates: dict[str, asyncio.Event] = {}
begun: dict[str, asyncio.Event] = {}


@task
async def waits(gate: str) -> str:
    """Say that it has begun, and wait until a test opens the gate."""
    begun[gate].set()
    await gates[gate].wait()
    return "opened"


@task(dedupe=Dedupe("import:{site}", "existing"))
async def imports(site: str) -> str:
    return site


@task
async def chatters(ctx: Context, n: int = 3) -> None:
    for number in range(n):
        ctx.log(f"line {number}")


@task
async def tables() -> list[dict[str, Any]]:
    return [{"name": "=1+1", "n": 1}, {"name": "-x", "note": 'ä, "q"', "n": None}, {"n": 3, "deep": {"a": [1]}}]


@task
async def leaves(ctx: Context, name: str = "report.txt", text: str = "what it found") -> None:
    ctx.attach(text.encode(), name=name)


@task
async def reads(
    template: Annotated[File, FileLimit(max_size="1MB", types=[".csv"])], others: list[File] | None = None, note: str = "", n: int = 0
) -> dict[str, Any]:
    return {"name": template.name, "text": template.read_text()[:20], "others": [each.name for each in others or ()], "note": note, "n": n}


@task
async def keeps(file: File) -> int:
    return file.size


@task
async def many_kinds(
    day: datetime, id: UUID, parcels: list[Parcel], level: Annotated[int, Field(ge=1, le=5)] = 1, mode: Literal["fit", "fill"] = "fit"
) -> None:
    """Has parameters of many kinds."""


TASKS: list[Task[..., Any]] = [
    add, defaults, reserved, picks, wipe, fails, hidden, disabled, odd_name, waits, imports, chatters, tables, leaves, reads, keeps,
    many_kinds,
]  # fmt: skip
