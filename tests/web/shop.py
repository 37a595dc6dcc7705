"""Tasks for the tests of forms: one with every widget, one with the names that pages use themselves, one of each peculiarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from mainspring import Context, EnvVar, File, FileLimit, Param, Secret, Task, task


class Colour(Enum):
    RED = "red"
    DARK_BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 6


class Target(BaseModel):
    host: str = Field(min_length=1, description="A name, or an address.")
    port: int = Field(default=5432, ge=1, le=65535)
    tags: list[str] = Field(default_factory=lambda: ["main"])
    is_new: bool = True


class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str = Field(pattern=r"^\d{4}$")


class Transfer(BaseModel):
    kind: Literal["transfer"] = "transfer"
    iban: str
    is_urgent: bool = False


@dataclass
class Point:
    x: int
    y: int | None = None


def hosts(values: Mapping[str, Any]) -> dict[str, str]:
    """Suggest the hosts of a region."""
    region = values.get("region", "eu")
    return {f"{region}-{n}.example.org": f"Host {n} in {region}" for n in (1, 2)}


@task(name="every", title="Every widget", category="forms", tags=["form"])
async def every(
    name: str,
    number: int,
    kind: Literal["sql", "tar"],
    maybe: str | None,
    targets: list[Target] = [Target(host="db.example.org")],  # noqa: B006, B008 - the default travels as JSON
    payment: Annotated[Card | Transfer, Field(discriminator="kind")] = Card(number="4242"),  # noqa: B008 - likewise
    point: Point | None = None,
    note: Annotated[str, Param(widget="multiline")] = "",
    label: str = "usual",
    colour: Colour = Colour.RED,
    colours: set[Colour] | None = None,
    sizes: list[Literal["a, b", "zażółć", "c"]] = ["c"],  # noqa: B006
    level: Level = Level.LOW,
    size: Literal[1, 2, 3, 4, 5] = 3,
    jobs: Annotated[int, Param(unit="jobs"), Field(ge=1, le=32, default=4)] = 4,
    ratio: Annotated[float, Param(widget="range"), Field(ge=0, le=1)] = 0.5,
    price: Decimal = Decimal("1.50"),
    dry_run: bool = False,
    sure: bool | None = None,
    day: date | None = None,
    at: datetime | None = None,
    hour: time = time(8, 30),
    wait: timedelta = timedelta(minutes=5),
    id: UUID | None = None,
    path: Path = Path("/tmp"),
    words: list[str] = ["one"],  # noqa: B006
    numbers: list[int] | None = None,
    labels: dict[str, str] = {},  # noqa: B006
    env: list[EnvVar] = [],  # noqa: B006
    extra: Annotated[dict[str, Any] | None, Param(section="For experts")] = None,
    odd: int | list[int] | str = 1,
    database: Annotated[str, Param(examples=["orders", "people"])] = "orders",
    password: Secret | None = None,
    template: Annotated[File, FileLimit(max_size="1M", types=[".csv"])] | None = None,
    version: Literal["v1"] = "v1",
) -> None:
    """Take one of each.

    Args:
        name: a word or two
    """


@task(category="web")
async def named_badly(
    format: str = "csv", t: int = 1, category: str = "x", async_: bool = False, download: str = "", page: str = "p", done: str = "d"
) -> dict[str, Any]:
    """Have parameters that are called as what pages and protocols say themselves."""
    return {"format": format, "t": t, "category": category, "async_": async_, "download": download, "page": page, "done": done}


@task(danger="Everything is lost.", category="maintenance", icon="skull", tags=["db", "nightly"], expensive=True)
async def wipe(database: str = "orders", jobs: int = 1) -> str:
    """Empty a **database**."""
    return database


@task(title="Plain one")
async def plain(n: int = 1, words: list[Literal["a, b", "ü", "c"]] = ["c"]) -> list[str]:  # noqa: B006
    return [*words] * n


@task(name="reports:month.end-v2")
async def month_end(month: int = 1) -> int:
    """Close a month."""
    return month


@task
async def picks(region: str = "eu", host: Annotated[str, Param(options=hosts)] = "eu-1.example.org") -> str:
    return host


@task
async def takes_file(
    ctx: Context,
    data: Annotated[File, FileLimit(max_size="60MB", types=[".bin", "text/*"])],
    copies: list[File] = [],  # noqa: B006
) -> int:
    return data.size


@task
async def charges(key: Secret, amount: int = 1) -> None: ...


@task(no_web=True)
async def unseen() -> None: ...


@task(access={"start": "admin"})
async def only_admins(n: int = 1) -> None: ...


@task(admin_only=True)
async def of_admins() -> None: ...


TASKS: list[Task[..., Any]] = [every, named_badly, wipe, plain, month_end, picks, takes_file, charges, unseen, only_admins, of_admins]
