"""The SQL function ``enqueue``: what it makes is what Python would have made, and what is wrong is refused in words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mainspring import Dedupe, Dependency, Limit, Mainspring, Overlap, Retry, task
from mainspring.core.ids import made_at
from tests.aio import run, until
from tests.transactions.callers import Place

pytestmark = pytest.mark.parametrize("dialect", ["postgres"])


@task
async def plain(n: int = 1) -> int:
    return n + 1


@task(queue="paper", priority="low", timeout="3m", deadline="1h", retry=Retry(retries=7), max_rescues=2, params_version=4, concurrency=3)
def limited(n: int) -> None: ...


@task(limit=Limit("shop:{shop}", concurrency=1), dedupe="{shop}/{n}", repeatable=False)
async def keyed(shop: str, n: int | None = None) -> None: ...


@task(dedupe=Dedupe("all", "reject"))
async def picky() -> None: ...


@task(enabled=False)
async def closed() -> None: ...


@task(overlap="queue:3", limit=Limit("shop:{shop}", concurrency=1))
async def queued(shop: str = "") -> None: ...


@task(overlap=Overlap("replace", key="repo:{repo}"), depends_on=[Dependency("plain", within="1h")])
async def mirrored(repo: str) -> None: ...


@task(depends_on="plain")
async def later() -> None: ...


TASKS: list[Any] = [plain, limited, keyed, picky, closed, queued, mirrored, later]


@pytest.fixture
def sql(place: Place) -> Iterator[psycopg.Connection]:
    """A connection of somebody who speaks no Python, after a node has been there."""

    async def work_once() -> None:
        async with Mainspring(place.url, tasks=TASKS, isolation="inline") as app, app.worker():
            pass

    run(work_once())
    with psycopg.connect(place.url) as connection:
        yield connection


COLUMNS = """queue, tenant, pool, priority, state, timeout_ms, max_retries, max_rescues, params_version, is_repeatable, key, label,
             limit_queue, limit_task, limit_key, waits_for, reason, deadline_at - created_at, run_at - created_at, ready_at - created_at,
             gate, overlap, overlap_most, overlap_key, depends"""


def row(connection: psycopg.Connection, run_id: object) -> tuple[Any, ...]:
    found = connection.execute(f"select {COLUMNS} from mainspring.hot_runs where id = %s".encode(), (run_id,)).fetchone()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("call", "python"),
    [
        ("mainspring.enqueue('plain')", (plain, {})),
        ("mainspring.enqueue('plain', '{\"n\": 5}', delay => '1 hour', label => 'x')", (plain.options(delay="1h", label="x"), {"n": 5})),
        ("mainspring.enqueue('limited', '{\"n\": 5}')", (limited, {"n": 5})),
        ("mainspring.enqueue('limited', '{\"n\": 5}', queue => 'other', priority => 'critical')",
         (limited.options(queue="other", priority="critical"), {"n": 5})),
        ("mainspring.enqueue('keyed', '{\"shop\": \"A\", \"n\": null}', tenant => 't')", (keyed.options(tenant="t"), {"shop": "A"})),
        ("mainspring.enqueue('keyed', '{\"shop\": \"A\", \"n\": 2}', key => 'mine')", (keyed.options(key="mine"), {"shop": "A", "n": 2})),
        ("mainspring.enqueue('queued', '{\"shop\": \"A\"}', tenant => 'a/b')", (queued.options(tenant="a/b"), {"shop": "A"})),
        ("mainspring.enqueue('queued', '{\"shop\": \"A\"}', delay => '1 hour')", (queued.options(delay="1h"), {"shop": "A"})),
        ("mainspring.enqueue('mirrored', '{\"repo\": \"x\"}', tenant => 't')", (mirrored.options(tenant="t"), {"repo": "x"})),
        ("mainspring.enqueue('later')", (later, {})),
    ],
)  # fmt: skip
def test_a_run_of_sql_is_the_run_that_python_makes(place: Place, sql: psycopg.Connection, call: str, python: tuple[Any, Any]) -> None:
    [run_id] = sql.execute(f"select {call}".encode()).fetchone() or (None,)
    assert isinstance(run_id, uuid.UUID) and (run_id.version, run_id.variant) == (7, uuid.RFC_4122)
    [created] = sql.execute("select created_at from mainspring.hot_runs where id = %s", (run_id,)).fetchone() or (None,)
    assert abs(created - made_at(str(run_id))) < timedelta(milliseconds=2)
    by_sql = row(sql, run_id)
    assert sql.execute("select origin from mainspring.hot_runs").fetchall() == [("sql",)]
    sql.rollback()
    assert place.runs() == []

    async def by_python() -> str:
        async with Mainspring(place.url, tasks=TASKS, isolation="inline") as app:
            return (await app.enqueue(python[0], **python[1])).id

    assert row(sql, run(by_python())) == by_sql


def test_a_key_answers_the_run_that_has_it(place: Place, sql: psycopg.Connection) -> None:
    call = b"""select mainspring.enqueue('keyed', '{"shop": "A", "n": 1}')"""
    first, again = sql.execute(call).fetchone(), sql.execute(call).fetchone()
    assert first == again
    sql.commit()
    with psycopg.connect(place.url) as other:
        assert other.execute(call).fetchone() == first
        other.rollback()


@pytest.mark.scenario("S3-58", part="a trigger")
def test_a_trigger_enqueues_and_a_worker_carries_it_out(place: Place, sql: psycopg.Connection) -> None:
    sql.execute("""
        create function ordered() returns trigger language plpgsql as $$
        begin
            perform mainspring.enqueue('plain', jsonb_build_object('n', new.id));
            return new;
        end $$""")
    sql.execute("create trigger ordered after insert on orders for each row execute function ordered()")
    sql.execute("insert into orders values (41)")
    sql.commit()
    [run_id] = place.runs()

    async def work() -> None:
        async with Mainspring(place.url, tasks=TASKS, isolation="inline") as app, app.worker():
            assert json.loads((await app.wait_for(run_id, 30)).result or "") == 42

    run(work())


def test_parameters_are_checked_on_the_node(place: Place, sql: psycopg.Connection) -> None:
    [run_id] = sql.execute("""select mainspring.enqueue('plain', '{"n": "many", "m": 1}')""").fetchone() or (None,)
    sql.commit()

    async def work() -> None:
        async with Mainspring(place.url, tasks=TASKS, isolation="inline") as app, app.worker():
            found = await app.wait_for(str(run_id), 30)
            assert (str(found.state), found.reason) == ("failed", "invalid")

    run(work())


@pytest.mark.parametrize(
    ("call", "state", "said"),
    [
        ("'nobody'", "42704", "no node has registered the task 'nobody'"),
        ("'Not a name!'", "22023", "is no name of a task"),
        ("null", "22023", "task=NULL is no name"),
        ("'plain', '[1]'", "22023", "is no JSON object"),
        ("'plain', delay => '1s', run_at => now()", "22023", "exclude each other"),
        ("'plain', queue => 'no spaces'", "22023", "queue='no spaces' is not allowed"),
        ("'plain', priority => 'urgent'", "22023", "priority='urgent' is unknown"),
        ("'plain', key => ''", "22023", "key takes 1 to 500"),
        ("'closed'", "55000", "the task 'closed' is disabled"),
        ("'picky'", "0A000", "dedupes by the policy reject"),
        ("'keyed', '{\"n\": 1}'", "22023", "the dedupe key of keyed needs the parameter shop"),
        ("'keyed', '{\"shop\": [1], \"n\": 1}'", "0A000", "is made of an array"),
    ],
)
def test_what_is_wrong_is_refused(place: Place, sql: psycopg.Connection, call: str, state: str, said: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sql.execute(f"select mainspring.enqueue({call})".encode())
    assert caught.value.sqlstate == state
    assert said in str(caught.value)


def test_what_no_node_has_registered_waits_for_one_where_that_is_wanted(place: Place, sql: psycopg.Connection) -> None:
    [run_id] = sql.execute("select mainspring.enqueue('plain_later', must_be_known => false)").fetchone() or (None,)
    assert row(sql, run_id)[:5] == ("default", "", 1, 2, 3)
    sql.rollback()


def test_an_operators_switch_is_over_the_code(place: Place, sql: psycopg.Connection) -> None:
    sql.execute("insert into mainspring.task_switches values ('plain', false, now()), ('closed', true, now())")
    sql.execute("savepoint before")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        sql.execute("select mainspring.enqueue('plain')")
    sql.execute("rollback to before")
    sql.execute("select mainspring.enqueue('closed')")
    sql.rollback()


def test_an_operators_overlap_policy_is_asked_in_sql_too(place: Place, sql: psycopg.Connection) -> None:
    sql.execute("insert into mainspring.task_overlaps values ('plain', 1, null, now())")
    [run_id] = sql.execute("select mainspring.enqueue('plain')").fetchone() or (None,)
    assert row(sql, run_id)[-5:] == (1, None, None, "plain/", None)
    sql.rollback()


def test_a_start_writes_only_what_has_changed(place: Place, sql: psycopg.Connection) -> None:
    question = b"select task, registered_at from mainspring.definitions order by task"
    before = sql.execute(question).fetchall()
    names = "closed keyed later limited mainspring.bulk mirrored picky plain queued"
    assert [name for name, _ in before] == names.split()
    sql.execute("update mainspring.definitions set pool = 1 where task = 'plain'")
    sql.commit()

    async def work_again() -> None:
        async with Mainspring(place.url, tasks=TASKS, isolation="inline") as app, app.worker():
            await until(lambda: True)

    run(work_again())
    sql.rollback()
    after = sql.execute(question).fetchall()
    assert [name for (name, at), (_, then) in zip(after, before, strict=True) if at != then] == ["plain"]
