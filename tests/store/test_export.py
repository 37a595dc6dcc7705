"""Everything in the store, page by page, and the glance of a shell."""

from datetime import timedelta

import pytest

from mainspring.core.event import EventKind
from mainspring.core.run import Failed, Released
from mainspring.store.glance import glance
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Entry
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import START, Kind, Stage


async def test_every_row_comes_once_in_order_and_in_words(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.store.export.PAGE", 2)
    node = await stage.node()
    good = await stage.add_new(3, label="é")
    for run in await stage.claim(node):
        await stage.settle(run, Released("shutdown"), entries=[Entry(0.0, EventKind.LOG, {"message": f"{n} ü"}) for n in range(3)])
    await stage.complete(*await stage.claim(node), result='{"sum": 3}')
    bad = await stage.claim_new(node, params='{"a": 1}')
    await stage.settle(bad, Failed({"kind": "execution", "type": "E", "message": "m", "fingerprint": "ab" * 8}, is_terminal=True))
    later = await stage.add_one(delay=timedelta(days=1))
    running = await stage.claim_new(node)
    for n in range(3):
        await stage.store.audit.add("verb", f"object:{n}", actor="ada", source="test", data={"n": n})

    runs = [row async for row in stage.store.export.runs()]
    assert [row["id"] for row in runs] == [*good, bad.id, later, running.id]
    assert [row["state"] for row in runs] == ["completed"] * 3 + ["failed", "pending", "running"]
    first = runs[0]
    assert (first["result"], first["params"], first["priority"], first["label"]) == ({"sum": 3}, {}, "medium", "é")
    assert first["finished_at"] == first["created_at"] == START.isoformat()
    assert runs[3]["params"] == {"a": 1}
    assert runs[3]["error"]["type"] == "E"
    assert runs[4]["run_at"] == (START + timedelta(days=1)).isoformat()
    attempts = [row async for row in stage.store.export.attempts()]
    assert [(row["run_id"], row["number"], row["outcome"]) for row in attempts] == [
        *((run_id, n, outcome) for run_id in good for n, outcome in ((1, "released"), (2, "completed"))), (bad.id, 1, "failed"),
    ]  # fmt: skip
    events = [row async for row in stage.store.export.events()]
    assert [(row["run_id"], row["data"]["message"]) for row in events] == [(run_id, f"{n} ü") for run_id in good for n in range(3)]
    assert {row["kind"] for row in events} == {"log"}
    audit = [row async for row in stage.store.export.audit()]
    assert [(row["object"], row["data"]) for row in audit] == [(f"object:{n}", {"n": n}) for n in range(3)]
    errors = [row async for row in stage.store.export.small("export_errors")]
    assert [(row["fingerprint"], int(row["n"])) for row in errors] == [("ab" * 8, 1)]


async def test_a_run_that_finishes_between_two_pages_comes_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.store.export.PAGE", 2)
    ids = await stage.add_new(6)
    claimed = await stage.claim(await stage.node())
    seen = []
    async for row in stage.store.export.runs():
        seen.append(row["id"])
        if len(seen) == 2:
            await stage.complete(*claimed)
    assert seen == ids


async def test_what_cannot_be_read_is_exported_all_the_same(stage: Stage) -> None:
    run_id = await stage.add_one()
    await stage.sql(f"update mainspring.hot_runs set params = '{{half' where id = '{run_id}'")
    (row,) = [row async for row in stage.store.export.runs()]
    assert row["params"] == {"undecodable": "{half"}


@pytest.mark.parametrize("kind", ["file", "postgres"])
async def test_a_glance_finds_runs_queues_and_errors(stage: Stage, kind: Kind) -> None:
    database = stage.database
    if isinstance(database, PostgresDatabase):
        url = database.url
    else:
        assert isinstance(database, SqliteDatabase)
        url = f"sqlite:///{database.path}"
    assert [glance(url, what) for what in ("runs", "queues", "errors")] == [[], [], []]
    done = await stage.claim_new(task="u", queue="mail")
    await stage.settle(done, Failed({"type": "E", "fingerprint": "ab" * 8}, is_terminal=True))
    waiting = await stage.add_one()
    await stage.store.queues.pause("slow")
    assert glance(url, "runs") == [(waiting, "t"), (done.id, "u")]
    assert glance(url, "queues") == [("default", ""), ("slow", "paused")]
    assert glance(url, "errors") == [("ab" * 8, "u")]
    if kind == "postgres":
        assert glance(f"{url}{'&' if '?' in url else '?'}schema=mainspring&pooler=session", "runs") == glance(url, "runs")
    assert glance("postgresql://nobody@127.0.0.1:1/nothing", "runs") == []
    assert glance("sqlite:///nowhere/x.db", "runs") == []
