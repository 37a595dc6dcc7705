"""The tasks of the demo: real work over real input, and some real trouble.

They know nothing about the demo around them. Try them by hand, in this directory:

    mainspring tasks
    mainspring run import_customers
    mainspring run find_primes --below 200000
    mainspring schedules
    mainspring services
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import sqlite3
import time
from contextlib import closing
from csv import DictReader
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from png import read_png, shrink, write_png
from pydantic import Field

from mainspring import Context, Fail, Retry, Skip, every, service, task

HERE = Path(__file__).parent
WORKSHOP = Path(os.environ.get("DEMO_FOLDER", HERE / ".demo"))  # everything that the demo writes; git ignores it


@dataclass
class ImportReport:
    rows: int
    imported: int
    refused: int


@task(title="Import customers", category="data", icon="table", tags=["csv"])
def import_customers(ctx: Context, source: Path = HERE / "data" / "customers.csv", database: Path = WORKSHOP / "shop.db") -> ImportReport:
    """Read customers from a CSV file into a database; a bad row is a warning and stops nothing.

    Doing it twice gives the same customers: rows are written by their number.
    """
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(DictReader(file))
    database.parent.mkdir(parents=True, exist_ok=True)
    refused = 0
    with closing(sqlite3.connect(database)) as shop, shop:
        shop.execute("create table if not exists customers (number integer primary key, name text, email text, since text, cents integer)")
        seen: set[str] = set()
        for line, row in enumerate(rows, 2):
            if wrong := _what_is_wrong(row, seen):
                refused += 1
                ctx.log(f"line {line}: {wrong}", level="warning", number=row["number"])
            else:
                seen.add(row["number"])
                cents = round(float(row["turnover"]) * 100)
                shop.execute(
                    "insert or replace into customers values (?, ?, ?, ?, ?)",
                    [int(row["number"]), row["name"], row["email"], row["since"], cents],
                )
            ctx.progress(line - 1, len(rows), message=row["name"] or "(no name)")
            time.sleep(0.005)  # so that there is something to see
    return ImportReport(len(rows), len(rows) - refused, refused)


def _what_is_wrong(row: dict[str, str], seen: set[str]) -> str | None:
    if not row["number"].isdigit():
        return f"number {row['number']!r} is no number"
    if row["number"] in seen:
        return f"number {row['number']} is there twice"
    if not row["name"]:
        return "has no name"
    user, _, domain = row["email"].partition("@")
    if not user or "." not in domain:
        return f"email {row['email']!r} is none"
    try:
        date.fromisoformat(row["since"])
    except ValueError:
        return f"since {row['since']!r} is no date"
    try:
        return "turnover is negative" if float(row["turnover"]) < 0 else None
    except ValueError:
        return f"turnover {row['turnover']!r} is no number"


@dataclass
class Turnover:
    customers: int
    euros: float


@task(category="data", icon="calculator", schedule=every("2s"))
def add_up(ctx: Context, database: Path = WORKSHOP / "shop.db") -> Turnover:
    """Add up what all customers have bought: a schedule asks for it every two seconds, never while the last one goes on."""
    with closing(sqlite3.connect(database)) as shop:
        try:
            customers, cents = shop.execute("select count(*), sum(cents) from customers").fetchone()
        except sqlite3.OperationalError:  # nobody has made the table
            customers, cents = 0, 0
    if not customers:
        raise Skip("no customers yet")
    ctx.log(f"{customers} customers, {cents / 100:,.2f} euros")
    return Turnover(customers, cents / 100)


@service(category="pictures", icon="eye", backoff="1s")
async def watch_pictures(ctx: Context) -> None:
    """Say when there are new pictures. Its first start has bad luck, and is followed by another."""
    luck = WORKSHOP / "luck"
    if not luck.exists():
        luck.touch()
        raise ConnectionError("the camera does not answer")
    seen = -1
    while await ctx.sleep(0.5):
        pictures = len(list((WORKSHOP / "pictures").glob("*.png")))
        if pictures != seen:
            ctx.log(f"{pictures} pictures")
            seen = pictures


@task(title="Make thumbnails", category="pictures", icon="image")
async def make_thumbnails(ctx: Context, folder: Path = WORKSHOP / "pictures", width: int = 48, label: str = "by hand") -> list[str]:
    """Enqueue a run for each picture of a folder."""
    pictures = sorted(folder.glob("*.png"))
    if not pictures:
        raise Skip(f"there is no picture in {folder}")
    runs = []
    for number, picture in enumerate(pictures, 1):
        run = await thumbnail.options(label=label, key=str(picture)).enqueue(picture=picture, width=width)
        runs.append(run.id)
        ctx.progress(number, len(pictures), message=picture.name)
    return runs


@dataclass
class Thumbnail:
    file: str
    sha256: str
    bytes_before: int
    bytes_after: int


@task(category="pictures", icon="image", retry=1)
def thumbnail(ctx: Context, picture: Path, width: Annotated[int, Field(ge=1, le=1000)] = 48) -> Thumbnail:
    """Hash a picture and write a small copy beside it."""
    data = picture.read_bytes()
    target = picture.parent / "small" / picture.name
    target.parent.mkdir(exist_ok=True)
    write_png(target, shrink(read_png(picture), width))
    ctx.log(f"{picture.name}: {len(data)} bytes became {target.stat().st_size}")
    return Thumbnail(str(target), hashlib.sha256(data).hexdigest(), len(data), target.stat().st_size)


@task(category="net", icon="globe", timeout="5s", retry=Retry(retries=5, delay="300ms", factor=1.5, jitter=False))
async def fetch(ctx: Context, host: str, port: int, path: str) -> str:
    """Fetch a page from a server that fails at times: each failure is a retry, with more patience every time."""
    ctx.log(f"GET {path}, attempt {ctx.attempt}")
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = (await reader.read()).decode()
    finally:
        writer.close()
    status, _, body = answer.partition("\r\n\r\n")
    if not status:
        raise ConnectionError("the server hung up")
    code = int(status.split()[1])
    if code == 404:
        raise Fail(f"{path} does not exist: asking again would not help")
    if code != 200:
        raise ConnectionError(f"the server answered {code}")
    return body


@task(category="numbers", icon="cpu", timeout="1m")
def find_primes(ctx: Context, below: Annotated[int, Field(ge=2, le=50_000_000)] = 8_000_000) -> int:
    """Count primes: pure computing, in a child process, so that nothing else waits for it."""
    sieve = bytearray([1]) * below
    sieve[:2] = b"\0\0"
    root = int(below**0.5) + 1
    for number in range(2, root):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
        if number % 50 == 0:
            ctx.progress(number, root, message=f"up to {number * number:,}")
    return sum(sieve)


@task(title="Crash once", category="trouble", icon="bomb")
def crash_once(ctx: Context, scar: Path = WORKSHOP / "crashed") -> str:
    """Bring its own process down as a bug in a native library would; the second attempt is wiser."""
    if not scar.exists():
        scar.parent.mkdir(parents=True, exist_ok=True)
        scar.touch()
        ctx.log("about to read address 0", level="warning")
        time.sleep(0.3)  # the line leaves the process before the process leaves us
        ctypes.string_at(0)
    scar.unlink()
    return f"attempt {ctx.attempt} survived"


@task(category="trouble", icon="hourglass")
async def dawdle(ctx: Context, minutes: float = 60) -> str:
    """Take far too long, until somebody cancels it."""
    ticks = round(minutes * 600)
    for tick in range(ticks):
        ctx.progress(tick, ticks, message="dawdling")
        await asyncio.sleep(0.1)
    return "done at last"
