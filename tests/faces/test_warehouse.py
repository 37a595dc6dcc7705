"""The warehouse example: what it loads is loaded once, whatever happens meanwhile, and what it sums up is always the sum."""

from __future__ import annotations

import http.server
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mainspring.core import active
from mainspring.testing import Kit
from tests.faces.conftest import ROOT, Process

WAREHOUSE = ROOT / "examples" / "warehouse"


class Shop(http.server.ThreadingHTTPServer):
    """Where sales happen: answers ``?after=ID&limit=N``, and the first of ``troubles`` instead, while there are any."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.sales: list[dict[str, Any]] = []
        self.troubles: list[int] = []
        self.asked: list[int] = []

    def sell(self, n: int, day: str) -> None:
        for _ in range(n):
            self.sales.append({"id": len(self.sales) + 1, "day": day, "shop": "north" if len(self.sales) % 2 else "south", "cents": 250})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/sales"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        given = parse_qs(urlsplit(self.path).query)
        after, limit = int(given["after"][0]), int(given["limit"][0])
        self.server.asked.append(after)
        if self.server.troubles:
            self.send_response(self.server.troubles.pop(0))
            self.send_header("Retry-After", "30")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = "".join(json.dumps(each) + "\n" for each in self.server.sales if each["id"] > after)
        text = "".join(body.splitlines(keepends=True)[:limit]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example's module, on a warehouse of its own."""
    monkeypatch.setattr(active, "_apps", [])
    monkeypatch.setenv("WAREHOUSE", str(tmp_path / "warehouse.db"))
    monkeypatch.syspath_prepend(str(WAREHOUSE))
    import importlib

    yield importlib.import_module("warehouse_tasks")
    del sys.modules["warehouse_tasks"]


@pytest.fixture
def kit(warehouse: ModuleType) -> Iterator[Kit]:
    with Kit(tasks=[warehouse.extract_load, warehouse.sum_up_days]) as kit:
        yield kit


def rows(warehouse: ModuleType, text: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(warehouse.WAREHOUSE)) as connection:
        return list(connection.execute(text))


def test_only_what_is_not_there_yet_is_brought_over(kit: Kit, warehouse: ModuleType, shop: Shop) -> None:
    shop.sell(12, "2026-05-01")
    first = kit.run(warehouse.extract_load, source=shop.url, page=5)
    assert (first.rows, first.pages, first.last_id) == (12, 3, 12)
    assert shop.asked == [0, 5, 10, 12]
    shop.sell(2, "2026-05-02")
    again = kit.run(warehouse.extract_load, source=shop.url, page=5)
    assert (again.rows, again.pages, again.last_id) == (2, 1, 14)
    assert kit.run(warehouse.extract_load, source=shop.url).rows == 0
    assert rows(warehouse, "select count(*), count(distinct id) from sales") == [(14, 14)]


def test_trouble_on_the_way_loses_and_doubles_nothing(kit: Kit, warehouse: ModuleType, shop: Shop) -> None:
    shop.sell(12, "2026-05-01")
    shop.troubles = [503, 429]
    run = kit.enqueue(warehouse.extract_load, source=shop.url, page=5)
    kit.drain()
    assert kit.state(run) == "pending"
    kit.until(run, "completed")
    assert [each.outcome for each in kit.attempts(run)] == ["failed", "failed", "completed"]
    assert rows(warehouse, "select count(*) from sales") == [(12,)]
    shop.troubles = [403]
    refused = kit.enqueue(warehouse.extract_load, source=shop.url)
    kit.drain()
    assert kit.state(refused) == "failed"
    assert len(kit.attempts(refused)) == 1


def test_sums_follow_what_was_loaded_and_wait_for_it(kit: Kit, warehouse: ModuleType, shop: Shop) -> None:
    waiting = kit.enqueue(warehouse.sum_up_days)
    kit.drain()
    assert kit.state(waiting) == "blocked"
    assert kit.get(waiting).blocked_on == "extract_load"
    shop.sell(4, "2026-05-01")
    kit.run(warehouse.extract_load, source=shop.url)
    kit.until(waiting, "completed")
    assert kit.result(waiting).sales == 4
    assert rows(warehouse, "select * from days order by shop") == [("2026-05-01", "north", 2, 500), ("2026-05-01", "south", 2, 500)]
    shop.sell(2, "2026-05-02")
    kit.run(warehouse.extract_load, source=shop.url)
    assert kit.run(warehouse.sum_up_days).days == 1  # the day before has nothing new
    assert kit.run(warehouse.sum_up_days).days == 0
    anew = kit.run(warehouse.sum_up_days, since=date(2026, 5, 1))
    assert (anew.days, anew.sales) == (2, 6)
    summed = "select day, shop, sum(sales), sum(cents) from days group by day, shop order by 1, 2"
    assert rows(warehouse, summed) == rows(warehouse, "select day, shop, count(*), sum(cents) from sales group by day, shop order by 1, 2")


def test_a_line_that_is_no_sale_fails_for_good_and_keeps_the_pages_before_it(kit: Kit, warehouse: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "sales.jsonl"
    lines = [json.dumps({"id": n, "day": "2026-05-01", "shop": "north", "cents": 1}) for n in range(1, 5)]
    file.write_text("\n".join([*lines, '{"id": 5, "day": "yesterday"}']))
    run = kit.enqueue(warehouse.extract_load, source=str(file), page=2)
    kit.drain()
    assert kit.state(run) == "failed"
    assert "this is no sale" in str((kit.get(run).error or {})["message"])
    assert rows(warehouse, "select count(*), max(id) from sales") == [(4, 4)]


def test_the_command_line_works_in_the_example(tmp_path: Path) -> None:
    environment = {"MAINSPRING_URL": f"sqlite:///{tmp_path}/mainspring.db", "WAREHOUSE": str(tmp_path / "warehouse.db")}
    environment["TASK_RUNNER_ENVIRONMENT"] = "production"
    for command, told in (
        (["tasks"], "sum_up_days"),
        (["doctor"], "mainspring.toml [env.production]"),
        (["run", "extract_load", "--source", str(WAREHOUSE / "sales.jsonl")], '"rows": 30'),
    ):
        process = Process([sys.executable, "-m", "mainspring", *command], WAREHOUSE, environment)
        try:
            assert process.end() == 0, process.said
            assert told in process.said
        finally:
            process.kill()
