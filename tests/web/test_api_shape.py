"""How the API answers whatever is asked: the places of operations, methods, tags, pages, versions, and that no look starts anything."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from mainspring import Mainspring
from mainspring.core import errors
from mainspring.core.access import User, UserRole, Verb
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from mainspring.web.api.endpoint import LIVE, endpoints
from mainspring.web.console import console
from mainspring.web.problems import KINDS, kind_of
from tests.web.api_tasks import TASKS
from tests.web.asking import Answer, Asking, asking, look_at_everything


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Asking]:
    with asking(tmp_path, TASKS) as made:
        yield made


# -- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("U3", part="http")
def test_every_operation_has_one_place_and_is_described(api: Asking) -> None:
    places = {each.operation.name: each for each in endpoints()}
    assert places.keys() == CATALOG.keys() - LIVE
    assert len({(each.method, each.path) for each in places.values()}) == len(places)
    document = api.get("/api/v1/openapi.json").json
    validate(document)
    for name, place in places.items():
        described = document["paths"][place.path][place.method.lower()]
        assert (described["operationId"], described["summary"]) == (name.replace(".", "_"), CATALOG[name].summary)
        assert not CATALOG[name].is_read_only or place.status == 200
    assert not [name for name in document["components"]["schemas"] if "__" in name]
    ids = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.scenario("U1", part="http")
def test_every_task_has_operations_with_its_own_schema(api: Asking) -> None:
    document = api.get("/api/v1/openapi.json").json
    for task in TASKS:
        for verb in ("start", "run"):
            path = f"/api/v1/tasks/{task.name}/{verb}"
            if task.spec.hidden_from:
                assert path not in document["paths"]
                continue
            described = document["paths"][path]["post"]
            schema = described["requestBody"]["content"]["application/json"]["schema"]
            assert list(schema["properties"]) == list(task.params.names) if task.params.names else True
            assert schema.get("required", []) == task.params.schema().get("required", [])
            assert "202" in described["responses"]
    form = document["paths"]["/api/v1/tasks/reads/start"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["template"] == {"type": "string", "format": "binary"}
    assert form["properties"]["others"] == {"type": "array", "items": {"type": "string", "format": "binary"}}
    result = document["paths"]["/api/v1/tasks/add/run"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert result["allOf"][1]["properties"]["result"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}


# -- methods and errors ------------------------------------------------------------------------------------------------


def test_methods(api: Asking) -> None:
    for path, allowed in (
        ("/api/v1/runs", "GET, HEAD, OPTIONS, POST"), ("/api/v1/tasks/add/start", "OPTIONS, POST"), ("/admin/task", "GET, HEAD, OPTIONS"),
    ):  # fmt: skip
        options = api.ask("OPTIONS", path)
        assert (options.status, options.headers["allow"], options.body) == (204, allowed, b"")
        for method in (
            "PUT",
            "DELETE",
            "PATCH",
            "TRACE",
            *(["GET", "HEAD"] if "GET" not in allowed else []),
            *(["POST"] if "POST" not in allowed else []),
        ):
            wrong = api.ask(method, path)
            assert (wrong.status, wrong.headers["allow"]) == (405, allowed), method
            assert method == "HEAD" or wrong.json["code"] == "method-not-allowed"
    full, head = api.get("/api/v1/tasks"), api.ask("HEAD", "/api/v1/tasks")
    assert (head.status, head.body, head.headers["content-length"], head.headers["etag"]) == (
        200, b"", str(len(full.body)), full.headers["etag"],
    )  # fmt: skip
    assert api.get("/api/v1/nowhere").json["code"] == api.get("/api/v2").json["code"] == "not-found"


def test_what_is_wrong_is_told_field_by_field(api: Asking) -> None:
    wrong = api.get("/api/v1/runs?limit=0&state=odd&before=a&before=b&x=1")
    assert (wrong.status, wrong.headers["content-type"]) == (422, "application/problem+json")
    assert [each["path"] for each in wrong.json["errors"]] == ["/before", "/x"]
    wrong = api.get("/api/v1/runs?limit=0&state=odd&state=failed")
    assert [each["path"] for each in wrong.json["errors"]] == ["/state/0", "/limit"]
    wrong = api.post("/api/v1/queues/default/pause", {"reason": 7, "name": "x"})
    assert wrong.json["errors"] == [{"field": "name", "path": "/name", "message": "belongs into the path"}]
    wrong = api.post("/api/v1/queues/default/pause", {"reason": 7})
    assert wrong.json["errors"][0]["path"] == "/reason"
    assert api.post("/api/v1/queues/default/pause", {"reason": "a\x00b"}).status == 422
    assert api.post("/api/v1/queues/default/pause?reason=x").json["errors"][0]["path"] == "/reason"
    missing = api.get("/api/v1/runs/00000000-0000-7000-8000-000000000000")
    assert (missing.status, missing.json["code"], missing.json["title"]) == (404, "unknown-run", "Not found")
    assert missing.json["instance"] == "/api/v1/runs/00000000-0000-7000-8000-000000000000"
    named = api.get("/api/v1/nowhere", x_request_id="mine-1")
    assert (named.headers["x-request-id"], named.json["request_id"]) == ("mine-1", "mine-1")


def test_every_error_of_the_engine_has_a_status() -> None:
    def kinds(base: type[errors.MainspringError]) -> Iterator[type[errors.MainspringError]]:
        yield base
        for each in base.__subclasses__():
            yield from kinds(each)

    statuses = {each.code: kind_of(each.__new__(each)).status for each in kinds(errors.MainspringError)}
    assert {code for code, status in statuses.items() if status == 500} <= {
        "error",
        "definition",
        "no-active-app",
        "invalid-result",
        "run",
    } | {each.code for each in kinds(errors.RunError)}
    assert (statuses["unknown-task"], statuses["task-disabled"], statuses["forbidden"], statuses["schema-mismatch"]) == (404, 409, 403, 503)
    assert all(400 <= each.status < 600 for each in KINDS.values())


def test_who_may_not_is_told_so_and_the_trial_is_written_down(api: Asking) -> None:
    api.caller = Caller("eve", "web", User("eve", UserRole.VIEWER))
    refused = api.post("/api/v1/tasks/add/start", {"a": 1})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert api.get("/api/v1/runs").status == 200
    api.caller = Caller("bot", "web", User("bot", UserRole.OPERATOR, verbs=frozenset({Verb.START, Verb.VIEW})))
    assert api.post("/api/v1/tasks/add/start", {"a": 1}).status == 202
    assert api.post("/api/v1/queues/default/pause").status == 403
    assert api.runs() == 1
    assert {(each["actor"], each["verb"]) for each in api.audit()} == {
        ("eve", "runs.enqueue"), ("bot", "runs.enqueue"), ("bot", "queues.pause"),
    }  # fmt: skip


# -- looking changes nothing -------------------------------------------------------------------------------------------


@pytest.mark.scenario("S3-22")
def test_no_look_makes_a_run(api: Asking) -> None:
    api.work()
    run = api.post("/api/v1/tasks/add/run", {"a": 1}).json["id"]
    api.post("/api/v1/schedules/nightly/create", {"task": "add", "expression": "0 3 * * *", "params": {"a": 1}})
    before, trail = api.runs(), len(api.audit())
    statuses = look_at_everything(api, {"id": run, "name": "add", "key": "add"}, api.asgi.routes)
    assert len(statuses) > 80
    assert not [path for path, status in statuses.items() if status >= 500]
    assert (api.runs(), len(api.audit())) == (before, trail)


@pytest.mark.slow
@pytest.mark.scenario("S3-22")
def test_no_look_at_the_console_makes_a_run(tmp_path: Path) -> None:
    """Every address of every room, as it was looked at by somebody who may do everything."""
    app = Mainspring(f"sqlite:///{tmp_path}/store.db", tasks=TASKS, isolation="inline")
    guard = console(app, authenticate=lambda request: User("ann", UserRole.ADMIN), hosts="*")
    api = Asking(app, guard)
    try:
        api.work()
        run = api.post("/api/v1/tasks/add/run", {"a": 1}).json["id"]  # has ended, so that streams of it end
        before = api.runs()
        inner: Any = guard.inner
        statuses = look_at_everything(api, {"id": run, "name": "add", "key": "add"}, inner.routes)
        assert len(statuses) > 100
        assert api.runs() == before
    finally:
        api.close()


# -- tags and versions -------------------------------------------------------------------------------------------------


def test_what_is_known_is_not_sent_again(api: Asking) -> None:
    for path in ("/api/v1/tasks", "/api/v1/tasks/add", "/api/v1/runs", "/api/v1/openapi.json"):
        first = api.get(path)
        tag = first.headers["etag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            again = api.get(path, if_none_match=known)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert api.get(path, if_none_match='"x"').status == 200
    api.post("/api/v1/tasks/add/start", {"a": 1})
    assert api.get("/api/v1/runs").headers["etag"] != api.get("/api/v1/tasks").headers["etag"]


@pytest.mark.scenario("U7", part="http")
def test_nobodys_change_is_lost(api: Asking) -> None:
    place = "/api/v1/schedules/nightly"
    api.post(f"{place}/create", {"task": "add", "expression": "0 3 * * *", "params": {"a": 1}})
    seen = api.get(place)
    version, tag = seen.json["version"], seen.headers["etag"]
    assert tag.startswith(f'"{version}-')
    mine = api.post(f"{place}/edit", {"tz": "Europe/Berlin"}, if_match=tag)
    assert (mine.status, mine.json["definition"]["tz"]) == (200, "Europe/Berlin")
    late = api.post(f"{place}/edit", {"tz": "UTC"}, if_match=tag)
    assert (late.status, late.json["code"], late.json["version"]) == (412, "precondition-failed", version + 1)
    late = api.post(f"{place}/edit", {"tz": "UTC", "version": version})
    assert (late.status, late.json["code"], late.json["version"]) == (409, "version-conflict", version + 1)
    assert api.post(f"{place}/edit", {"tz": "UTC"}, if_match="nonsense").status == 412
    assert api.get(place).json["definition"]["tz"] == "Europe/Berlin"
    assert api.post(f"{place}/edit", {"tz": "UTC"}, if_match="*").status == 200
    assert api.post(f"{place}/edit", {"tz": "Europe/Paris", "version": version + 2}).status == 200


@pytest.mark.scenario("U7", part="http")
def test_of_two_editors_at_once_one_is_told(api: Asking) -> None:
    place = "/api/v1/schedules/nightly"
    api.post(f"{place}/create", {"task": "add", "expression": "0 3 * * *", "params": {"a": 1}})
    tag = api.get(place).headers["etag"]

    async def both() -> list[Answer]:
        zones = ("Europe/Berlin", "Europe/Paris")
        return await asyncio.gather(*(api.asked("POST", f"{place}/edit", {"tz": zone}, if_match=tag) for zone in zones))

    assert sorted(each.status for each in api.do(both())) == [200, 412]


@pytest.mark.scenario("U7", part="http")
def test_an_edit_is_checked_field_by_field(api: Asking) -> None:
    place = "/api/v1/schedules/nightly"
    api.post(f"{place}/create", {"task": "add", "expression": "0 3 * * *", "params": {"a": 1}})
    for body, field in (
        ({"expression": "0 25 * * *"}, "hour"), ({"tz": "Nowhere/There"}, "tz"),
        ({"params": {"a": "x"}}, "a"), ({"jitter": "soon"}, "jitter"),
    ):  # fmt: skip
        wrong = api.post(f"{place}/edit", body)
        assert (wrong.status, [each["field"] for each in wrong.json["errors"]]) == (422, [field]), wrong.text
    assert api.get(place).json["version"] == 1


# -- pages -------------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("U8", part="http")
def test_pages_are_stable_while_others_add(api: Asking) -> None:
    made = [each.id for each in api.do(api.app.enqueue_many(TASKS[0], [{"a": n} for n in range(10)]))]
    seen, path = [], "/api/v1/runs?task=add&limit=4"
    while path:
        page = api.get(path)
        seen += [each["id"] for each in page.json["items"]]
        link = page.headers.get("link", "")
        assert bool(link) == bool(page.json["next"])
        path = link.partition("<")[2].partition(">")[0]
        assert not link or link.endswith('>; rel="next"')
        api.post("/api/v1/tasks/add/start", {"a": 99})
    assert seen == made[::-1]
    assert api.get("/api/v1/runs/count?task=add").json["total"] == 10 + 3
    filtered = api.get("/api/v1/runs?task=add&state=pending&state=failed&total=true&limit=1").json
    assert (filtered["total"], len(filtered["items"])) == (13, 1)


@pytest.mark.scenario("U6", part="http")
def test_many_at_once_are_told_of_one_by_one_and_very_many_become_a_run(api: Asking) -> None:
    ids = [each.id for each in api.do(api.app.enqueue_many(TASKS[0], [{"a": n} for n in range(3)]))]
    kept = api.post("/api/v1/runs/bulk", {"action": "delete", "id": ids}).json
    assert (kept["done"], len(kept["results"]), api.runs()) == (0, 3, 3)  # unfinished runs stay
    done = api.post("/api/v1/runs/bulk", {"action": "cancel", "id": ids[:2], "reason": "because"}).json
    assert (done["n"], done["done"], {(each["id"], each["outcome"]) for each in done["results"]}) == (
        2,
        2,
        {(each, "done") for each in ids[:2]},
    )
    assert api.get(f"/api/v1/runs/{ids[0]}").json["state"] == "cancelled"
    unnamed = api.post("/api/v1/runs/bulk", {"action": "cancel"})
    assert (unnamed.status, unnamed.json["code"]) == (422, "invalid-params")
    api.do(api.app.enqueue_many(TASKS[0], [{"a": n} for n in range(600)]))
    many = api.post("/api/v1/runs/bulk", {"action": "cancel", "task": "add", "state": ["pending"], "at_most": 1000}).json
    assert (many["n"], many["results"]) == (601, [])
    assert api.get(f"/api/v1/runs/{many['run_id']}").status == 200


@pytest.mark.scenario("U1", part="http")
def test_a_client_can_be_written_from_the_description(api: Asking) -> None:
    """Every reference resolves, and every task's operation names its parameters."""
    document = api.get("/api/v1/openapi.json").json
    text = json.dumps(document)

    def resolve(pointer: str) -> Any:
        found: Any = document
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    pointers = set(re.findall(r'"\$ref": "([^"]+)"', text))
    assert len(pointers) > 50
    assert all(resolve(each) is not None for each in pointers)
