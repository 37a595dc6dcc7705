"""The tasks and services of the stands: every widget, every way to end, and words that try to get out of their page."""

from __future__ import annotations

import asyncio
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, BaseModel, Field

from mainspring import Command, Context, EnvVar, Fail, File, FileLimit, Param, Retry, Secret, Service, Skip, Task, command, cron, every
from mainspring import service as make_service
from mainspring import task as make_task

XSS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "</textarea><script>alert(1)</script>",
    "]]><!--<script>",
    "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07",
    "&lt;b&gt; & <b>bold</b>",
)
"""What must be text wherever it is shown."""


class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 6


class Target(BaseModel):
    """Where something goes."""

    host: str = Field(min_length=1, description="A name, or an address.")
    port: int = Field(default=5432, ge=1, le=65535)


class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str = Field(pattern=r"^\d{4}$", description="The last four digits.")


class Transfer(BaseModel):
    kind: Literal["transfer"] = "transfer"
    iban: str
    is_urgent: bool = False


HERE, PAID = [Target(host="db.example.org")], Card(number="4242")


class Report(BaseModel):
    database: str
    tables: int
    bytes_written: int
    checksum: str


@make_task(
    title="Database backup", category="maintenance", icon="database", tags=["db", "nightly"], danger="Overwrites the previous dump.",
    timeout="5m", retry=Retry(retries=3),
)  # fmt: skip
async def backup(
    ctx: Context, database: Annotated[str, Param(examples=["orders", "customers"], search=True)] = "orders",
    format: Literal["sql", "tar"] = "sql", pause: float = 0.0,
) -> Report:  # fmt: skip
    """Dump a database to where backups are kept.

    Tables are dumped one by one; a later dump replaces this one.
    """
    tables = ("addresses", "customers", "invoices", "orders", "payments", "products")
    for done, table in enumerate(tables, 1):
        ctx.log(f"\x1b[32mdumped\x1b[0m {table} as {format}", table=table)
        ctx.progress(done, len(tables), message=f"dumping {table}")
        await asyncio.sleep(pause)
    print("checksum \x1b[1;36m0f343b09\x1b[0m")
    return Report(database=database, tables=len(tables), bytes_written=48_211_345, checksum="0f343b09")


@make_task(title="Every widget", category="forms", icon="sliders-horizontal", tags=["form"])
async def widgets(
    name: str,
    targets: Annotated[list[Target], Param(section="Where to")] = HERE,
    payment: Annotated[Card | Transfer, Field(discriminator="kind")] = PAID,
    note: Annotated[str, Param(widget="multiline", placeholder="Anything that helps")] = "",
    mode: Literal["fit", "fill"] = "fit",
    colour: Colour = Colour.RED,
    colours: set[Colour] | None = None,
    level: Level = Level.LOW,
    currency: Annotated[str, Param(choices={"EUR": "Euro", "PLN": "Złoty", "USD": "US dollar", "CHF": "Franc", "GBP": "Pound"})] = "EUR",
    jobs: Annotated[int, Param(unit="jobs"), Field(ge=1, le=64)] = 4,
    scale: Annotated[float, Param(widget="range"), Field(ge=0, le=10)] = 1.0,
    price: Decimal = Decimal("1.50"),
    is_dry: Annotated[bool, Param(title="Only say what would be done")] = False,
    day: date | None = None,
    at: datetime | None = None,
    hour: time | None = None,
    how_long: timedelta = timedelta(minutes=5),
    mail: Annotated[str, Field(json_schema_extra={"format": "email"})] = "ada@example.org",
    homepage: AnyUrl | None = None,
    words: list[str] = ["one", "two"],  # noqa: B006 - the default travels as JSON
    labels: dict[str, str] | None = None,
    settings: Annotated[dict[str, Any] | None, Param(help="Any JSON object.", section="For experts")] = None,
    password: Secret | None = None,
    template: Annotated[File, FileLimit(max_size="1M", types=[".csv", ".txt"])] | None = None,
) -> dict[str, Any]:
    """Take one of each.

    What is here has a **widget** of its own, from plain text to a list of models.
    """
    return {
        "name": name, "targets": [each.model_dump() for each in targets], "payment": payment.model_dump(), "mode": mode,
        "colours": sorted(each.value for each in colours or ()), "level": int(level), "jobs": jobs, "labels": labels, "words": words,
        "has_password": password is not None, "template": None if template is None else template.name,
    }  # fmt: skip


@make_task(title="Train the model", category="science", icon="brain", tags=["gpu"], expensive=True, queue="default", retry=0)
async def train(ctx: Context, epochs: int = 3) -> list[dict[str, float]]:
    """Fit it to the data of last week."""
    rows = []
    for epoch in range(1, epochs + 1):
        await asyncio.sleep(20)
        ctx.progress(epoch, epochs, message=f"epoch {epoch}", stage="fit")
        rows.append({"epoch": epoch, "loss": round(1 / epoch, 3), "accuracy": round(1 - 0.3 / epoch, 3)})
    return rows


@make_task(category="mail", icon="mail", tags=["customers"], retry=Retry(retries=2, delay=5, jitter=False))
async def send_newsletter(ctx: Context, to: str = "everybody", luck: int = 1) -> int:
    """Send the newsletter; the server sometimes hangs up."""
    ctx.log(f"sending to {to}")
    if ctx.attempt < luck:
        raise ConnectionError(f"the mail server hung up on attempt {ctx.attempt}")
    return 1240


@make_task(category="trouble", icon="bug", retry=0)
async def fails(why: str = "no such table: orders") -> None:
    """Fail for a reason."""
    raise ValueError(why)


@make_task(category="trouble", retry=Retry(retries=9, delay=3600, jitter=False))
async def backs_off() -> None:
    """Come back in an hour."""
    raise ConnectionError("no answer from 203.0.113.9")


@make_task(category="trouble")
async def gives_up(order: int = 7) -> None:
    """Fail for good."""
    raise Fail(f"order {order} was cancelled by the customer")


@make_task(category="trouble", timeout="2s", retry=0)
async def dawdles() -> None:
    """Take longer than it may."""
    await asyncio.sleep(3600)


@make_task(category="trouble", schedule=every("1h", name="look-around"))
async def skips() -> None:
    """Find that there is nothing to do."""
    raise Skip("nothing new since the last time")


@make_task(category="maintenance", icon="broom", schedule=cron("0 3 * * *", tz="Europe/Berlin"), overlap="skip", depends_on=["backup"])
async def prune_dumps(keep: int = 14) -> int:
    """Delete what is older than the newest dumps."""
    return keep


@make_task(category="reports", icon="file-text", schedule=cron("*/30 * * * *"))
async def report(ctx: Context, rows: int = 3) -> list[dict[str, Any]]:
    """Write the report of the day, and leave it behind as a file."""
    made = [{"product": f"product {n}", "sold": 40 - n, "euros": 12.5 * n} for n in range(rows)]
    await asyncio.to_thread(ctx.attach, b"product,sold\nproduct 0,40\n", name="report.csv")
    return made


@make_task(category="trouble", icon="terminal")
async def chatters(ctx: Context, lines: int = 200, colours: bool = True) -> int:
    """Say a lot, on both streams and in colours."""
    for number in range(lines):
        code = 31 + number % 7
        print(f"\x1b[{code}mline {number}\x1b[0m of the log" if colours else f"line {number}")
        if number % 50 == 49:
            print(f"a word on the other stream at {number}", file=sys.stderr)
            ctx.log("a warning", level="warning", number=number)
    return lines


@make_task(category="live", icon="activity")
async def ticks(ctx: Context, n: int = 20, pause: float = 0.1) -> int:
    """Count slowly, with progress."""
    for number in range(1, n + 1):
        ctx.log(f"tick {number}")
        ctx.progress(number, n, message=f"tick {number}")
        await asyncio.sleep(pause)
    return n


@make_task(name="hostile", title=XSS[0], description=XSS[1], category=XSS[9], tags=[XSS[2]], danger=XSS[1], retry=0)
async def hostile(
    ctx: Context, text: Annotated[str, Param(title=XSS[0], help=XSS[1], placeholder=XSS[2])] = XSS[0], ends: bool = True
) -> str:  # fmt: skip
    """Say what must not become markup, in every place that a run has."""
    for each in XSS:
        ctx.log(each, field=each)
        print(each)
    ctx.progress(1, 2, message=XSS[1], stage=XSS[0])
    await asyncio.to_thread(ctx.attach, XSS[0].encode(), name="<img src=x onerror=alert(1)>.html")
    if not ends:
        raise ValueError(XSS[1])
    return text


@command(title="Run a script", category="system", icon="terminal", retry=0, timeout="1m")
def script(code: Annotated[str, Param(widget="code")] = "print('hello')", env: list[EnvVar] = []) -> Command:  # noqa: B006 - likewise
    """Run a piece of Python as a program of its own."""
    return Command(sys.executable, "-u", "-c", code, env=env)


@make_task(category="maintenance", enabled=False)
async def old() -> None:
    """Not to be used any more."""


@make_service(category="mail", icon="inbox", restart="always")
async def watch_inbox(ctx: Context) -> None:
    """Look for mail."""
    ctx.log("looking at the inbox")
    ctx.ready()
    while await ctx.sleep(3600):
        pass


@make_service(category="trouble", icon="plug", backoff="30s")
async def unlucky(ctx: Context) -> None:
    """Lose its connection again and again."""
    raise ConnectionError("the broker refuses us")


TASKS: list[Task[..., Any]] = [
    backup, widgets, train, send_newsletter, fails, backs_off, gives_up, dawdles, skips, prune_dumps, report, chatters, ticks, hostile,
    script, old,
]  # fmt: skip
SERVICES: list[Service[..., Any]] = [watch_inbox, unlucky]
TASKS += SERVICES
