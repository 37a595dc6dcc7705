"""A small warehouse: sales are loaded from where they happen, and summed up by day, so that nobody who asks has to wait.

Two tasks that most houses have. The first extracts and loads what it has not brought yet; the second is on a schedule, needs the first to
have succeeded within a day, and is never done twice at a time. In this directory:

    mainspring runner                                   # works, and fires the schedule
    mainspring run extract_load --source sales.jsonl    # or the URL of something that answers ?after=ID&limit=N with lines of JSON
    mainspring schedules list
    mainspring run sum_up_days --since 2026-01-01       # everything anew, by hand
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from pydantic import Field

from mainspring import Context, Dependency, Fail, Retry, RetryLater, cron, task

WAREHOUSE = Path(os.environ.get("WAREHOUSE", Path(__file__).parent / "warehouse.db"))
SCHEMA = """
create table if not exists sales (id integer primary key, day text not null, shop text not null, cents integer not null,
                                  loaded integer not null);
create index if not exists sales_loaded on sales (loaded);
create table if not exists bookmarks (source text primary key, last_id integer not null);
create table if not exists days (day text not null, shop text not null, sales integer not null, cents integer not null,
                                 primary key (day, shop));
create table if not exists marks (name text primary key, loaded integer not null);
"""


@dataclass
class Loaded:
    """What one extract-load has brought."""

    rows: int
    pages: int
    last_id: int


@dataclass
class SummedUp:
    """What one aggregation has written."""

    days: int
    sales: int


def _open() -> sqlite3.Connection:
    connection = sqlite3.connect(WAREHOUSE, isolation_level=None)
    connection.executescript(SCHEMA)
    return connection


@task(
    title="Extract and load sales", category="data", icon="database", tags=["warehouse"],
    retry=Retry(retries=5, delay="10s"), timeout="30m", overlap="queue",
)  # fmt: skip
def extract_load(ctx: Context, source: str, page: Annotated[int, Field(ge=1, le=10_000)] = 500) -> Loaded:
    """Bring over the sales that are not here yet, page by page.

    Where it has got to is kept with the rows, in one transaction a page: after a crash it goes on behind the last whole page, and doing it
    twice brings nothing twice.
    """
    rows = pages = 0
    with closing(_open()) as warehouse:
        found = warehouse.execute("select last_id from bookmarks where source = ?", [source]).fetchone()
        last = found[0] if found else 0
        for batch in _pages(source, last, page):
            warehouse.execute("begin immediate")
            number = warehouse.execute("select coalesce(max(loaded), 0) + 1 from sales").fetchone()[0]
            warehouse.executemany(
                "insert into sales values (:id, :day, :shop, :cents, :loaded) on conflict (id) do update set "
                "day = excluded.day, shop = excluded.shop, cents = excluded.cents, loaded = excluded.loaded",
                [{**each, "loaded": number} for each in batch],
            )
            last = batch[-1]["id"]
            warehouse.execute("insert or replace into bookmarks values (?, ?)", [source, last])
            warehouse.execute("commit")
            rows, pages = rows + len(batch), pages + 1
            ctx.progress(rows, message=f"up to sale {last}")
    return Loaded(rows, pages, last)


def _pages(source: str, after: int, size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield sales past an id, in the order of their ids."""
    while True:
        text = _fetch(source, after, size) if source.startswith(("http://", "https://")) else _read(source, after, size)
        batch = [_sale(line) for line in text]
        if not batch:
            return
        yield batch
        after = batch[-1]["id"]


def _fetch(url: str, after: int, size: int) -> list[str]:
    try:
        with urlopen(f"{url}?{urlencode({'after': after, 'limit': size})}", timeout=30) as answer:
            return [line for line in answer.read().decode().splitlines() if line]
    except HTTPError as error:
        if error.code == 429:  # it says itself when it wants to be asked again
            raise RetryLater(float(error.headers.get("Retry-After", "60"))) from error
        if error.code in (400, 401, 403, 404):
            raise Fail(f"{url} says {error.code}: no use in asking again") from error
        raise  # anything else may pass: the retry policy decides


def _read(path: str, after: int, size: int) -> list[str]:
    with Path(path).open(encoding="utf-8") as lines:
        found = (line for line in lines if line.strip() and json.loads(line)["id"] > after)
        return [line for line, _ in zip(found, range(size), strict=False)]


def _sale(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
        return {"id": int(said["id"]), "day": str(date.fromisoformat(said["day"])), "shop": str(said["shop"]), "cents": int(said["cents"])}
    except (ValueError, KeyError, TypeError) as error:
        raise Fail(f"this is no sale: {line.strip()[:200]!r} ({error!r})") from error


@task(
    title="Sum up days", category="data", icon="chart-column", tags=["warehouse"],
    schedule=cron("*/15 * * * *", tz="Europe/Berlin", misfire="once"), depends_on=[Dependency("extract_load", within="24h")],
    timeout="10m",
)  # fmt: skip
def sum_up_days(ctx: Context, since: date | None = None) -> SummedUp:
    """Sum sales up by day and shop, for the days that have new ones; ``since`` sums everything up anew from that day.

    Old sums are replaced in one transaction, so that whoever reads sees the old or the new ones, and doing it twice changes nothing.
    """
    with closing(_open()) as warehouse:
        warehouse.execute("begin immediate")
        seen = warehouse.execute("select loaded from marks where name = 'sum_up_days'").fetchone()
        newest = warehouse.execute("select coalesce(max(loaded), 0) from sales").fetchone()[0]
        stale = "select distinct day from sales where day >= ?" if since else "select distinct day from sales where loaded > ?"
        days = [row[0] for row in warehouse.execute(stale, [str(since) if since else (seen or [0])[0]])]
        sales = 0
        for number, day in enumerate(days, 1):
            warehouse.execute("delete from days where day = ?", [day])
            warehouse.execute("insert into days select day, shop, count(*), sum(cents) from sales where day = ? group by day, shop", [day])
            sales += warehouse.execute("select coalesce(sum(sales), 0) from days where day = ?", [day]).fetchone()[0]
            ctx.progress(number, len(days), message=day)
        warehouse.execute("insert or replace into marks values ('sum_up_days', ?)", [newest])
        warehouse.execute("commit")
    return SummedUp(len(days), sales)
