"""Tasks that are started over HTTP: at once, with a wait, with files, and refused where they should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.run import Run
from tests.web.api_tasks import TASKS, begun, gates
from tests.web.asking import Answer, Asking, asking

TASK = "/api/v1/tasks"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Asking]:
    with asking(tmp_path, TASKS) as made:
        yield made


def row(api: Asking, run_id: str) -> Run:
    async def read() -> Run:
        return await (await api.app.store()).runs.get(run_id, scope=EVERYTHING)

    return api.do(read())


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Return the problem document of an answer that must be one."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json
    assert (answer.status, found["status"], found["code"]) == (status, status, code), answer.text
    assert found["type"] == f"urn:mainspring:problem:{code}"
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


@pytest.mark.scenario("S3-21", "S0-02")
def test_a_start_is_answered_before_any_work_with_where_to_look(api: Asking) -> None:
    answer = api.post(f"{TASK}/add/start", {"a": 1}, mainspring_label="mine", mainspring_priority="high", mainspring_reason="because")
    assert answer.status == 202
    told = answer.json
    assert told["url"] == answer.headers["location"] == f"/api/v1/runs/{told['id']}"
    assert (told["task"], told["is_new"], told["how"]) == ("add", True, "new")
    run = row(api, told["id"])  # durable, though nothing here works
    assert (run.task, run.tenant, run.actor, run.origin, run.label) == ("add", "", "you", "http", "mine")
    assert json.loads(run.params) == {"a": 1, "b": 2}
    assert run.created_at is not None
    assert (run.started_at, run.attempt) == (None, 0)
    seen = api.get(told["url"]).json
    assert (seen["state"], seen["params"], seen["priority"]) == ("pending", {"a": 1, "b": 2}, "high")
    trail = api.audit()[0]
    assert (trail["verb"], trail["object"], trail["source"], trail["reason"]) == ("runs.enqueue", f"run:{told['id']}", "http", "because")


@pytest.mark.scenario("S3-21")
def test_a_start_costs_one_write_of_the_run(api: Asking) -> None:
    async def count() -> list[str]:
        store = await api.app.store()
        await api.asked("POST", f"{TASK}/add/start", {"a": 1})  # everything is open and read from here on
        names: list[str] = []
        database: Any = store.database
        write, read = database.write, database.read

        async def written(query: str, /, **values: Any) -> Any:
            names.append(query)
            return await write(query, **values)

        async def looked(query: str, /, **values: Any) -> Any:
            names.append(query)
            return await read(query, **values)

        database.write, database.read = written, looked
        await api.asked("POST", f"{TASK}/add/start", {"a": 2})
        return names

    names = api.do(count())
    assert [name for name in names if name.startswith("runs_")] == ["runs_add_one"]
    assert len(names) <= 4, names


@pytest.mark.scenario("S3-20")
def test_a_run_that_ends_in_time_is_answered_with_its_end(api: Asking) -> None:
    api.work()
    good = api.post(f"{TASK}/add/run?wait=30", {"a": 40})
    assert (good.status, good.json["state"], good.json["result"], good.json["error"]) == (200, "completed", 42, None)
    bad = api.post(f"{TASK}/fails/run?wait=30", {"why": "no luck"})
    assert (bad.status, bad.json["state"], bad.json["result"]) == (200, "failed", None)
    assert (bad.json["error"]["type"], bad.json["error"]["message"]) == ("ValueError", "no luck")


@pytest.mark.scenario("S3-20")
def test_a_run_that_takes_longer_goes_on(api: Asking) -> None:
    gates["slow"], begun["slow"] = asyncio.Event(), asyncio.Event()
    api.work()
    late = api.post(f"{TASK}/waits/run?wait=0", {"gate": "slow"})
    assert (late.status, late.json["is_final"], late.headers["location"]) == (202, False, late.json["url"])
    gates["slow"].set()
    assert api.do(api.app.wait_for(late.json["id"], 30)).result == '"opened"'
    assert api.get(late.json["url"]).json["result"] == "opened"


@pytest.mark.scenario("S3-20")
def test_a_caller_who_leaves_hurts_no_run(api: Asking) -> None:
    gates["left"], begun["left"] = asyncio.Event(), asyncio.Event()
    api.work()

    async def leave() -> Answer:
        leaving = asyncio.Event()
        headers = {"content-type": "application/json"}
        body = [json.dumps({"gate": "left"}).encode()]
        asked = asyncio.create_task(api.exchange("POST", f"{TASK}/waits/run?wait=300", body, headers, leaving))
        await begun["left"].wait()
        leaving.set()
        return await asked

    answer = api.do(leave())  # at once, though there were minutes to wait
    assert (answer.status, answer.json["state"]) == (202, "running")
    gates["left"].set()
    assert api.do(api.app.wait_for(answer.json["id"], 30)).state == "completed"


@pytest.mark.scenario("S3-12")
def test_an_empty_body_is_typed_defaults(api: Asking) -> None:
    api.work()
    expected = {
        "count": "int", "since": "date", "size": "Size", "ratio": "float", "tags": "tuple", "parcel": "Parcel", "note": "NoneType",
        "is_dry": "bool",
    }  # fmt: skip
    assert api.post(f"{TASK}/defaults/run").json["result"] == expected
    assert api.post(f"{TASK}/defaults/run", {}).json["result"] == expected
    (first, second) = [json.loads(row(api, each["id"]).params) for each in api.get("/api/v1/runs").json["items"]]
    assert first == second == {
        "count": 3, "since": "2030-01-31", "size": "s", "ratio": 0.5, "tags": ["a"], "parcel": {"weight": 1.0, "tags": []}, "note": None,
        "is_dry": True,
    }  # fmt: skip


@pytest.mark.scenario("S3-13")
@pytest.mark.parametrize("verb", ["run?wait=30", "start"])
def test_names_that_mean_something_elsewhere_reach_the_task(api: Asking, verb: str) -> None:
    api.work()
    given = {
        "format": "csv", "t": "x", "category": "none", "async_": True, "download": "yes", "wait": 9, "params": "p", "key": "k",
    }  # fmt: skip
    made = api.post(f"{TASK}/reserved/{verb}", given, accept="text/csv")
    assert made.headers["content-type"] == "application/json"
    run = api.do(api.app.wait_for(made.json["id"], 30))
    assert json.loads(run.result or "") == given
    assert run.key is None
    export = api.get(f"/api/v1/runs/{run.id}/result?format=csv")
    assert export.headers["content-type"].startswith("text/csv")
    assert export.text.splitlines() == ["format,t,category,async_,download,wait,params,key", "csv,x,none,True,yes,9,p,k"]


@pytest.mark.scenario("S3-14", part="http")
def test_lists_arrive_as_they_were_given(api: Asking) -> None:
    api.work()
    values = ["a,b", "ä; „Ł“ 🎈", "", " x "]
    assert api.post(f"{TASK}/picks/run", {"values": values}).json["result"] == values
    started = api.post(f"{TASK}/picks/start", {"values": values}).json
    assert json.loads(api.do(api.app.wait_for(started["id"], 30)).result or "") == values
    form = "&".join(f"values={each}" for each in ("a%2Cb", "%C3%A4+b", ""))
    posted = api.post(f"{TASK}/picks/run", form, content_type="application/x-www-form-urlencoded")
    assert posted.json["result"] == ["a,b", "ä b", ""]


@pytest.mark.scenario("S3-11", part="http")
def test_every_wrong_value_is_told_and_nothing_is_queued(api: Asking) -> None:
    given = {"day": "soon", "id": 7, "parcels": [{"weight": 0}, {"tags": "x"}], "level": 9, "mode": "none", "z": 1}
    told = problem(api.post(f"{TASK}/many_kinds/start", given), 422, "invalid-params")
    assert [each["path"] for each in told["errors"]] == [
        "/day", "/id", "/parcels/0/weight", "/parcels/1/weight", "/parcels/1/tags", "/level", "/mode", "/z",
    ]  # fmt: skip
    said = {each["field"]: (each["message"], each.get("value")) for each in told["errors"]}
    assert said["parcels.1.weight"] == ("is missing", None)
    assert said["level"] == ("input should be less than or equal to 5", "9")
    assert said["z"][0].startswith("unknown parameter, the task has day, id, parcels")
    for body, status, code in (
        ("{", 400, "malformed"), ('{"a": NaN}', 400, "malformed"), ("[1]", 422, "invalid-params"), ("null", 422, "invalid-params"),
        (b"\xff", 400, "malformed"),
    ):  # fmt: skip
        problem(api.post(f"{TASK}/add/start", body), status, code)
    problem(api.post(f"{TASK}/add/start", "a: 1", content_type="application/yaml"), 415, "unsupported-media-type")
    assert api.runs() == 0


@pytest.mark.scenario("S3-32", part="http")
@pytest.mark.parametrize("verb", ["start", "run"])
def test_danger_has_to_be_confirmed_by_the_name_of_the_task(api: Asking, verb: str) -> None:
    told = problem(api.post(f"{TASK}/wipe/{verb}", {"path": "/tmp"}), 409, "not-confirmed")
    assert (told["danger"], told["remedy"]) == ("Everything in it is lost.", "send the header 'Mainspring-Confirm: wipe'")
    assert "Everything in it is lost." in told["detail"]
    assert (
        problem(api.post(f"{TASK}/wipe/{verb}", mainspring_confirm="yes"), 422, "invalid-params")["errors"][0]["field"]
        == "Mainspring-Confirm"
    )
    problem(api.post("/api/v1/runs", {"task": "wipe"}), 409, "not-confirmed")
    assert api.runs() == 0
    refused = [(each["verb"], each["object"], each["data"]) for each in api.audit()]
    assert refused == [("runs.enqueue", "task:wipe", {"refused": "unconfirmed"})] * 2
    assert api.post(f"{TASK}/wipe/{verb}?wait=0" if verb == "run" else f"{TASK}/wipe/start", mainspring_confirm="wipe").status == 202
    assert api.post("/api/v1/runs", {"task": "wipe", "is_confirmed": True}).status == 202
    assert api.runs() == 2


@pytest.mark.scenario("S0-18")
def test_two_quick_clicks_are_one_run(api: Asking) -> None:
    async def twice() -> list[Answer]:
        return await asyncio.gather(*(api.asked("POST", f"{TASK}/imports/start", {"site": "x"}) for _ in range(2)))

    first, second = api.do(twice())
    assert first.json["id"] == second.json["id"]
    assert sorted([first.json["is_new"], second.json["is_new"]]) == [False, True]
    assert second.status == 202
    assert second.headers["location"] == first.headers["location"]
    assert api.runs() == 1
    by_header = [api.post(f"{TASK}/add/start", {"a": 1}, mainspring_key="once") for _ in range(2)]
    assert len({each.json["id"] for each in by_header}) == 1
    told = problem(api.post(f"{TASK}/add/start", {"a": 1}, mainspring_key="once", mainspring_dedupe="reject"), 409, "already-enqueued")
    assert (told["run_id"], told["state"]) == (by_header[0].json["id"], "pending")


def test_options_of_the_engine_are_headers(api: Asking) -> None:
    made = api.post(
        f"{TASK}/add/start", {"a": 1}, mainspring_delay="1h", mainspring_queue="other", mainspring_timeout="7s", mainspring_deadline="2h",
        mainspring_retries="4", mainspring_label="für später", mainspring_key="k",
    ).json  # fmt: skip
    run = row(api, made["id"])
    assert (run.queue, run.max_retries, run.label, run.key) == ("other", 4, "für später", "k")
    assert run.run_at is not None
    assert (run.run_at - run.created_at).total_seconds() == pytest.approx(3600, abs=1)
    for header, value, field in (
        ("mainspring_retries", "many", "Mainspring-Retries"), ("mainspring_priority", "urgent", "Mainspring-Priority"),
        ("mainspring_run_at", "noon", "Mainspring-Run-At"), ("mainspring_prority", "high", "mainspring-prority"),
    ):  # fmt: skip
        told = problem(api.post(f"{TASK}/add/start", {"a": 1}, **{header: value}), 422, "invalid-params")
        assert [each["field"] for each in told["errors"]] == [field]
    assert "delay" in problem(api.post(f"{TASK}/add/start", {"a": 1}, mainspring_delay="soon"), 400, "configuration")["detail"]
    problem(api.post(f"{TASK}/add/start?priority=high", {"a": 1}), 422, "invalid-params")
    problem(api.post(f"{TASK}/add/run?wait=301", {"a": 1}), 422, "invalid-params")


@pytest.mark.scenario("U2", part="http")
def test_a_task_that_is_kept_off_the_web_is_not_there(api: Asking) -> None:
    assert "hidden" not in [each["name"] for each in api.get(TASK).json["items"]]
    assert not [path for path in api.get("/api/v1/openapi.json").json["paths"] if "hidden" in path]
    problem(api.get(f"{TASK}/hidden"), 403, "forbidden")
    for path in (f"{TASK}/hidden/start", f"{TASK}/hidden/run", "/admin/task/hidden/start"):
        problem(api.post(path), 403, "forbidden")
    problem(api.post("/api/v1/runs", {"task": "hidden"}), 403, "forbidden")
    problem(api.post(f"{TASK}/nothing/start"), 404, "unknown-task")
    problem(api.post(f"{TASK}/disabled/start"), 409, "task-disabled")
    assert api.runs() == 0


@pytest.mark.scenario("S3-09", part="http")
def test_names_that_need_escaping_resolve(api: Asking) -> None:
    api.work()
    for name in ("a.b:c-d", "a.b%3Ac-d", "a%2Eb%3ac-d"):
        assert api.get(f"{TASK}/{name}").json["name"] == "a.b:c-d"
        assert api.post(f"{TASK}/{name}/run", {"n": 4}).json["result"] == 4
    paths = api.get("/api/v1/openapi.json").json["paths"]
    assert {f"{TASK}/a.b:c-d/start", f"{TASK}/a.b:c-d/run"} <= paths.keys()
    made = api.post("/api/v1/schedules/day%23night/create", {"task": "add", "expression": "0 3 * * *", "params": {"a": 1}})
    assert (made.status, made.json["name"]) == (200, "day#night")
    assert len(api.get("/api/v1/schedules/day%23night/next?limit=2").json["items"]) == 2
    limit = api.post("/api/v1/limits/key%3A%3Ahttps%3A%2F%2Fa%2F%C3%A4%20b%3Fc%25/set", {"concurrency": 3})
    assert (limit.status, limit.json["key"]) == (200, "key::https://a/ä b?c%")
    lost = problem(api.get(f"{TASK}/a%2Fb"), 404, "unknown-task")
    assert lost["instance"] == f"{TASK}/a%2Fb"
    problem(api.get(f"{TASK}/a/b"), 404, "not-found")


def test_it_works_below_a_path(tmp_path: Path) -> None:
    with asking(tmp_path, TASKS, root="/ops") as api:
        made = api.post(f"{TASK}/add/start", {"a": 1})
        assert made.headers["location"] == f"/ops/api/v1/runs/{made.json['id']}"
        assert made.json["page_url"] == f"/ops/runs/{made.json['id']}"
        assert api.get("/api/v1/openapi.json").json["servers"] == [{"url": "/ops"}]
        assert api.get("/admin/task", accept="text/html").headers["location"] == "/ops/tasks"
        problem(api.get("/api/v1/none"), 404, "not-found")


def test_the_paths_of_the_seed(api: Asking) -> None:
    api.work()
    assert [each["name"] for each in api.get("/admin/task").json["items"]] == [each["name"] for each in api.get(TASK).json["items"]]
    assert api.get("/admin/task/add").json["params"]["required"] == ["a"]
    assert api.post("/admin/task/add/run", {"a": 1}).json["result"] == 3
    assert api.post("/admin/task/add/start", {"a": 1}).status == 202
    page = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path, place in (("/admin/task", "/tasks"), ("/admin/task/a.b%3Ac-d", "/tasks/a.b%3Ac-d")):
        sent = api.get(path, **page)
        assert (sent.status, sent.headers["location"]) == (303, place)
    clicked = api.post("/admin/task/add/start", "a=5", content_type="application/x-www-form-urlencoded", **page)
    assert clicked.status == 303
    assert clicked.headers["location"].startswith("/runs/")
    assert json.loads(row(api, clicked.headers["location"].removeprefix("/runs/")).params) == {"a": 5, "b": 2}
    problem(api.get("/admin/task/nothing"), 404, "unknown-task")
