"""Every statement of the SQL guide runs, in order, on a database where a node has been; what it promises about the contract holds."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import psycopg
import pytest

from mainspring import Mainspring, task
from tests import postgres

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "sql.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@task
def write_invoice(order_id: int) -> None: ...


@pytest.fixture
def url() -> str:
    url = postgres.fresh_database(postgres.server())

    async def work_once() -> None:
        async with Mainspring(url, tasks=[write_invoice], isolation="inline", auto_migrate=True) as app, app.worker():
            pass

    asyncio.run(work_once())
    with psycopg.connect(url) as connection:
        connection.execute("create table orders (id integer primary key)")
    return url


def test_every_statement_of_the_guide_runs(url: str) -> None:
    assert len(BLOCKS) >= 4
    with psycopg.connect(url, autocommit=True) as connection:
        for block in BLOCKS:
            connection.execute(block.encode())
        made = connection.execute("select task, params, key, label from mainspring.runs").fetchall()
    assert set(made) == {
        ("write_invoice", '{"order_id": 1}', None, None), ("write_invoice", '{"order_id": 2}', "order:2", None),
        ("write_invoice", '{"order_id": 3}', None, "by hand"), ("arrives_tomorrow", "{}", None, None),
    }  # fmt: skip


def test_the_public_parts_have_what_the_first_release_had(url: str) -> None:
    """May grow, never shrink: what stands here is relied on by programs that nobody here knows."""
    with psycopg.connect(url) as connection:
        question = "select column_name from information_schema.columns where table_schema = 'mainspring' and table_name = 'runs'"
        columns = [row[0] for row in connection.execute(f"{question} order by ordinal_position".encode())]
        [arguments] = connection.execute(
            "select proargnames from pg_proc where proname = 'enqueue' and pronamespace = 'mainspring'::regnamespace"
        ).fetchone() or (None,)
    assert columns[:26] == [
        "id", "task", "state", "reason", "queue", "tenant", "priority", "attempt", "retries", "rescues", "created_at", "run_at", "ready_at",
        "started_at", "finished_at", "node_id", "key", "label", "origin", "actor", "retry_of", "parent_id", "schedule_id", "params",
        "progress", "result",
    ]  # fmt: skip
    assert arguments[:11] == ["task", "params", "queue", "priority", "run_at", "delay", "key", "tenant", "label", "actor", "must_be_known"]


def test_a_role_that_only_enqueues_needs_what_the_guide_says(url: str) -> None:
    role = f"enqueuer_{url.partition('?')[0][-8:]}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"create role {role}".encode())
        owner.execute(f"grant usage on schema mainspring to {role}".encode())
        owner.execute(f"grant select on mainspring.definitions, mainspring.task_switches, mainspring.task_overlaps to {role}".encode())
        owner.execute(f"grant select, insert on mainspring.hot_runs to {role}".encode())
    with psycopg.connect(url) as connection:
        connection.execute(f"set role {role}".encode())
        connection.execute("""select mainspring.enqueue('write_invoice', '{"order_id": 1}', key => 'k')""")
        connection.execute("savepoint before")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from mainspring.hot_runs")
        connection.execute("rollback")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"drop owned by {role}; drop role {role}".encode())
