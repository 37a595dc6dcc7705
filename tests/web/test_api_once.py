"""Idempotency keys over HTTP: one run for two requests, whatever becomes of the first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.access import User, UserRole
from mainspring.core.errors import StoreUnavailable
from mainspring.engine.pruner import Pruner
from mainspring.operations.operation import Caller
from mainspring.store.store import database_for
from mainspring.testing import ManualClock
from mainspring.web.api import once
from tests.web.api_tasks import TASKS, begun, gates
from tests.web.asking import Answer, Asking, asking

ADD, RUN = "/api/v1/tasks/add/start", "/api/v1/tasks/add/run"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def api(tmp_path: Path, clock: ManualClock) -> Iterator[Asking]:
    with asking(tmp_path, TASKS, database=database_for(f"sqlite:///{tmp_path}/store.db", clock=clock.microseconds)) as made:
        yield made


def test_the_second_request_is_answered_as_the_first(api: Asking) -> None:
    first = api.post(ADD, {"a": 1}, idempotency_key="k1")
    second = api.post(ADD, {"a": 1}, idempotency_key="k1")
    assert (first.status, second.status) == (202, 202)
    assert (second.body, second.headers["location"]) == (first.body, first.headers["location"])
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert api.runs() == 1
    assert api.post(ADD, {"a": 1}, idempotency_key="k2").json["id"] != first.json["id"]
    assert api.post(ADD, {"a": 1}).json["id"] != first.json["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"body": {"a": 2}}, {"body": '{"a":1 }'}, {"mainspring_label": "x"}, {"path": RUN + "?wait=0"},
        {"path": "/api/v1/tasks/picks/start"},
    ],
)  # fmt: skip
def test_a_key_is_for_one_request(api: Asking, other: dict[str, Any]) -> None:
    assert api.post(ADD, {"a": 1}, idempotency_key="k").status == 202
    refused = api.post(**{"path": ADD, "body": {"a": 1}, **other}, idempotency_key="k")
    assert (refused.status, refused.json["code"]) == (422, "idempotency-key-reused")
    assert api.runs() == 1


def test_callers_do_not_meet(api: Asking) -> None:
    api.caller = Caller("ann", "web", User("ann", UserRole.OPERATOR))
    first = api.post(ADD, {"a": 1}, idempotency_key="k")
    api.caller = Caller("bob", "web", User("bob", UserRole.OPERATOR))
    assert api.post(ADD, {"a": 2}, idempotency_key="k").json["id"] != first.json["id"]


def test_while_the_first_is_under_way_the_second_is_asked_to_come_again(api: Asking) -> None:
    gates["k"], begun["k"] = asyncio.Event(), asyncio.Event()
    api.work()

    async def both() -> tuple[Answer, Answer]:
        path, body = "/api/v1/tasks/waits/run?wait=60", {"gate": "k"}
        first = asyncio.create_task(api.asked("POST", path, body, idempotency_key="k"))
        await begun["k"].wait()
        second = await api.asked("POST", path, body, idempotency_key="k")
        gates["k"].set()
        return await first, second

    first, second = api.do(both())
    assert (second.status, second.json["code"], second.headers["retry-after"]) == (409, "idempotency-under-way", "1")
    assert (first.status, first.json["result"]) == (200, "opened")
    assert api.post("/api/v1/tasks/waits/run?wait=60", {"gate": "k"}, idempotency_key="k").body == first.body
    assert api.runs() == 1


@pytest.mark.parametrize("died", ["before the run was added", "behind it"])
@pytest.mark.parametrize("path", [ADD, "/api/v1/runs"])
def test_a_first_request_that_died_leaves_exactly_one_run(
    api: Asking, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, died: str, path: str
) -> None:
    """Whatever it had done: the second takes its place, under the id that its run was given before there was one."""
    body: dict[str, Any] = {"a": 1} if path == ADD else {"task": "add", "params": {"a": 1}}

    async def story() -> Answer:
        await api.app.open()
        store: Any = await api.app.store()

        async def die(*_: Any, **__: Any) -> None:
            raise SystemExit  # nothing of this process goes on

        real = store.runs.add_again
        with monkeypatch.context() as patch:
            patch.setattr(store.idempotency, "interrupt", _nothing)  # a dead process says nothing
            if died == "before the run was added":
                patch.setattr(store.runs, "add_again", die)
            else:
                patch.setattr(store.idempotency, "answer", die)
            with pytest.raises(SystemExit):
                await api.asked("POST", path, body, idempotency_key="k")
        early = await api.asked("POST", path, body, idempotency_key="k")
        assert (early.status, early.json["code"]) == (409, "idempotency-under-way")
        clock.advance(61)
        monkeypatch.setattr(store.runs, "add_again", real)
        return await api.asked("POST", path, body, idempotency_key="k")

    second = api.do(story())
    assert second.status == 202
    assert api.runs() == 1
    assert api.post(path, body, idempotency_key="k").body == second.body
    assert api.runs() == 1


async def _nothing(*_: Any) -> None:
    """Do nothing."""


def test_a_run_is_not_added_twice_even_when_it_has_ended_meanwhile(
    api: Asking, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.work()

    async def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    async def story() -> Answer:
        store: Any = await api.app.store()
        with monkeypatch.context() as patch:
            patch.setattr(store.idempotency, "answer", die)
            with pytest.raises(SystemExit):
                await api.asked("POST", RUN, {"a": 1}, idempotency_key="k")
        return await api.asked("POST", RUN, {"a": 1}, idempotency_key="k")  # it knew at once that it was interrupted

    told = api.do(story())
    assert (told.status, told.json["result"], api.runs()) == (200, 3, 1)


def test_what_was_refused_leaves_the_key_free(api: Asking) -> None:
    assert api.post(ADD, {"a": "x"}, idempotency_key="k").status == 422
    assert api.post("/api/v1/tasks/wipe/start", idempotency_key="k").status == 409
    assert api.post(ADD, {"a": 1}, idempotency_key="k").status == 202
    for key in ("", "x" * 256, "a b"):
        wrong = api.post(ADD, {"a": 1}, idempotency_key=key)
        assert (wrong.status, wrong.json["code"]) == (400, "malformed")


def test_what_the_store_could_not_answer_is_asked_again_under_the_same_id(api: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> tuple[Answer, Answer]:
        async def away(*_: Any, **__: Any) -> None:
            raise StoreUnavailable("away")

        with monkeypatch.context() as patch:
            patch.setattr(api.app, "enqueue_json", away)
            first = await api.asked("POST", ADD, {"a": 1}, idempotency_key="k")
        return first, await api.asked("POST", ADD, {"a": 1}, idempotency_key="k")

    first, second = api.do(story())
    assert (first.status, first.json["code"], first.headers["retry-after"]) == (503, "store-unavailable", "5")
    assert (second.status, api.runs()) == (202, 1)


def test_what_adds_runs_is_never_done_again_by_itself(api: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    api.work()
    done = api.post(RUN, {"a": 1}).json["id"]
    path = f"/api/v1/runs/{done}/retry"

    async def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    async def story() -> Answer:
        store: Any = await api.app.store()
        with monkeypatch.context() as patch:
            patch.setattr(store.idempotency, "answer", die)
            with pytest.raises(SystemExit):
                await api.asked("POST", path, {}, idempotency_key="k")
        return await api.asked("POST", path, {}, idempotency_key="k")

    told = api.do(story())
    assert (told.status, told.json["code"], api.runs()) == (409, "idempotency-interrupted", 2)


def test_other_changes_are_answered_once_too(api: Asking) -> None:
    path, body = "/api/v1/queues/default/pause", {"reason": "because"}
    first = api.post(path, body, idempotency_key="k")
    api.post("/api/v1/queues/default/resume")
    assert api.post(path, body, idempotency_key="k").body == first.body
    assert api.get("/api/v1/queues/default").json["is_paused"] is False  # it was not paused again
    assert [each["verb"] for each in api.audit()] == ["queues.resume", "queues.pause"]


def test_keys_are_swept_after_a_day(api: Asking, clock: ManualClock) -> None:
    first = api.post(ADD, {"a": 1}, idempotency_key="k")

    async def tick() -> int:
        store = await api.app.store()
        await Pruner(store, api.app.settings.keeping, {}, "n").tick()
        return len(await store.database.execute("select * from mainspring.idempotency"))

    clock.advance(once.PATIENCE)
    assert api.do(tick()) == 1
    clock.advance("24h")
    assert api.do(tick()) == 0
    assert api.post(ADD, {"a": 1}, idempotency_key="k").json["id"] != first.json["id"]
