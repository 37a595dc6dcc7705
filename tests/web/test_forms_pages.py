"""The form of a task over HTTP, as a browser without scripts uses it: filled in, refused with all that is wrong, carried out once."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from mainspring.core.access import User, UserRole
from mainspring.operations.operation import Caller
from tests.web import shop
from tests.web.asking import Asking
from tests.web.browse import Form
from tests.web.pages import Pages, pages, plain

SECRETS = "[secrets.env.STRIPE_KEY]\ntasks = ['charges']\n[secrets.env.OTHER]\ntasks = ['nobody']\n"


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, shop.TASKS) as made:
        yield made


def api(console: Pages) -> Asking:
    """Return the HTTP API of the same app."""
    made = Asking(console.app)
    made.runner, made.caller = console.runner, console.caller
    return made


def runs(console: Pages) -> list[Any]:
    """Return every run, newest first, with all that is known of it."""

    async def look() -> list[Any]:
        from mainspring.operations.catalog import CATALOG

        listing, show, caller = CATALOG["runs.list"], CATALOG["runs.show"], Caller("the test", "test")
        found = (await listing(console.app, listing.request(limit=100), caller)).items
        return [await show(console.app, show.request(id=each.id), caller) for each in found]

    return console.do(look())


def audit(console: Pages) -> list[Any]:
    async def look() -> list[Any]:
        from mainspring.operations.catalog import CATALOG

        listing = CATALOG["audit.list"]
        return list((await listing(console.app, listing.request(limit=100), Caller("the test", "test"))).items)

    return console.do(look())


def fill(console: Pages, path: str, button: str = "_start", /, **changed: str) -> Any:
    """Open a form, change some of it, and press a button."""
    form = Form(console.page(path))
    fields: dict[str, list[str]] = {}
    for name, value in form.sent(button, **changed):
        fields.setdefault(name, []).append(value)
    return console.send(form.action, fields)


@pytest.mark.scenario("S3-10")
def test_every_type_has_a_control_a_label_a_help_a_default_and_a_mark(console: Pages) -> None:
    form = Form(console.page("/tasks/every"))
    kinds = {
        name: (form.ids.get(f"f-{name}") or {}).get("type") or (form.ids.get(f"f-{name}") or {}).get("") for name in shop.every.params.names
    }
    assert kinds == {
        "name": "text", "number": "number", "kind": "fieldset", "maybe": "text", "targets": "fieldset", "payment": "fieldset",
        "point": "fieldset",
        "note": "textarea", "label": "text", "colour": "fieldset", "colours": "fieldset", "sizes": "fieldset", "level": "fieldset",
        "size": "select", "jobs": "number", "ratio": "range", "price": "number", "dry_run": "checkbox", "sure": "select", "day": "date",
        "at": "datetime-local", "hour": "time", "wait": "text", "id": "text", "path": "text", "words": "fieldset", "numbers": "fieldset",
        "labels": "fieldset", "env": "fieldset", "extra": "textarea", "odd": "textarea", "database": "text", "password": "input",
        "template": "file", "version": None,
    }  # fmt: skip
    assert "a word or two" in plain(console.page("/tasks/every"))
    assert form.ids["f-database"]["list"] == "f-database-l" and "f-database-l" in form.ids
    assert form.kind == "multipart/form-data"
    assert "required" in form.ids["f-number"] and "required" not in form.ids["f-jobs"]


@pytest.mark.scenario("S3-11", "U1", part="form")
def test_everything_that_is_wrong_is_told_at_once_in_the_words_of_every_door(console: Pages) -> None:
    answer = fill(
        console, "/tasks/every", number="many", jobs="99", day="soon", **{"targets[0].host": "", "targets[0].port": "0", "extra": "{"}
    )
    assert answer.status == 422
    assert runs(console) == []
    form, said = Form(answer.text), plain(answer.text)
    assert "<title>Error: Every widget" in answer.text.replace("\n", "")
    summary = form.ids["summary"]
    assert (summary["role"], summary["tabindex"]) == ("alert", "-1") and "autofocus" in summary
    for name in ("number", "kind", "jobs", "day", "targets[0].host", "targets[0].port", "extra"):
        assert f'href="#f-{name}"' in answer.text
        assert form.ids[f"f-{name}"]["aria-invalid"] == "true"
        assert f"f-{name}-e" in form.ids[f"f-{name}"]["aria-describedby"]
    values = dict(form.sent())
    assert (values["number"], values["jobs"], values["day"], values["extra"]) == ("many", "99", "soon", "{")  # nothing is lost
    told = api(console).post("/api/v1/tasks/every/start", {"name": "", "number": "many", "jobs": 99, "kind": "sql", "maybe": None}).json
    for each in told["errors"]:
        assert each["message"] in said


@pytest.mark.scenario("S3-12", part="form")
def test_untouched_means_the_defaults_of_an_empty_call(console: Pages) -> None:
    answer = fill(console, "/tasks/plain")
    assert (answer.status, answer.headers["location"].startswith("/runs/")) == (303, True)
    assert api(console).post("/api/v1/tasks/plain/start", {}).status == 202
    by_api, by_form = runs(console)
    assert by_form.params == by_api.params == {"n": 1, "words": ["c"]}
    assert (by_form.origin, by_form.actor) == ("web", "ada")


@pytest.mark.scenario("S3-13", part="form")
def test_parameters_may_be_called_as_the_page_s_own_words(console: Pages) -> None:
    given = {"format": "json", "t": "7", "category": "y", "async_": "true", "download": "now", "page": "9", "done": "saved"}
    link = "/tasks/named_badly?" + "&".join(f"{name}={value}" for name, value in given.items())
    assert dict(Form(console.page(link)).sent()).items() >= given.items()
    assert fill(console, link).status == 303
    (run,) = runs(console)
    assert run.params == {"format": "json", "t": 7, "category": "y", "async_": True, "download": "now", "page": "9", "done": "saved"}


@pytest.mark.scenario("S3-14", part="form")
def test_several_choices_with_commas_and_letters_of_the_world_arrive_as_they_are(console: Pages) -> None:
    form = Form(console.page("/tasks/plain"))
    fields = {**{name: value for name, value in form.sent("_start") if name != "words"}, "words": ["a, b", "ü"]}
    for button in ("_start", "_wait"):
        sent = {**fields, button: "1", "_once": button}
        if button == "_wait":
            del sent["_start"]

            async def work(sent: dict[str, Any] = sent) -> Any:
                from urllib.parse import urlencode

                async with console.app.worker():
                    return await console.asked(
                        "POST", "/tasks/plain", urlencode(sent, doseq=True), content_type="application/x-www-form-urlencoded",
                        sec_fetch_site="same-origin",
                    )  # fmt: skip

            assert console.do(work()).status == 303
        else:
            assert console.send(form.action, sent).status == 303
    waited, started = runs(console)
    assert waited.params == started.params == {"n": 1, "words": ["a, b", "ü"]}
    assert (waited.state, waited.result) == ("completed", ["a, b", "ü"])


def multipart(
    fields: dict[str, str], name: str, filename: str, size: int, kind: str = "application/octet-stream"
) -> tuple[str, Iterator[bytes]]:
    """Return a content type and the pieces of a form with one file of zeroes."""

    def pieces() -> Iterator[bytes]:
        for key, value in fields.items():
            yield f'--cut\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        yield f'--cut\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
        piece = b"\0" * 65536
        for _ in range(size // len(piece)):
            yield piece
        yield b"\0" * (size % len(piece)) + b"\r\n--cut--\r\n"

    return "multipart/form-data; boundary=cut", pieces()


def upload(console: Pages, path: str, name: str, filename: str, size: int, **fields: str) -> Any:
    kind, pieces = multipart({**dict(Form(console.page(path)).sent("_start")), **fields}, name, filename, size)
    headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
    return console.do(console.exchange("POST", path, pieces, headers))


@pytest.mark.scenario("S3-15", part="form")
def test_a_file_of_fifty_megabytes_goes_to_the_store_and_not_through_memory(console: Pages) -> None:
    console.page("/tasks/takes_file")
    tracemalloc.start()
    answer = upload(console, "/tasks/takes_file", "data", "big.bin", 50 * 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 303
    assert peak < 12 * 2**20
    (run,) = runs(console)
    data = run.params["data"]
    assert (data["name"], data["size"]) == ("big.bin", 50 * 2**20)
    assert data["sha256"] == hashlib.sha256(b"\0" * (50 * 2**20)).hexdigest()


@pytest.mark.scenario("S3-15", part="form")
def test_a_file_is_refused_by_size_and_type_and_kept_where_something_else_is_wrong(console: Pages) -> None:
    too_large = upload(console, "/tasks/takes_file", "data", "a.bin", 61 * 2**20)
    assert too_large.status == 422 and "too large" in too_large.text
    wrong = upload(console, "/tasks/takes_file", "data", "a.exe", 10)
    assert wrong.status == 422 and "a type that is not taken" in plain(wrong.text)
    assert Form(wrong.text).ids["f-data"]["aria-invalid"] == "true"
    nothing = upload(console, "/tasks/takes_file", "other", "a.bin", 10)
    assert nothing.status == 422
    assert runs(console) == []
    kept = upload(console, "/tasks/takes_file", "data", "a.bin", 10, _delay="soon")
    assert kept.status == 422 and "delay=" in plain(kept.text)
    form = Form(kept.text)
    handle = json.loads(dict(form.sent())["data[file]"])
    assert (handle["name"], handle["size"]) == ("a.bin", 10)
    again = console.send(form.action, dict(form.sent("_start", _delay="")))
    assert again.status == 303
    assert runs(console)[0].params["data"] == handle


@pytest.mark.scenario("S3-16")
def test_a_run_is_done_again_with_its_exact_values_and_edits(console: Pages) -> None:
    given = {
        "name": " x\n", "number": 5, "kind": "tar", "maybe": "", "words": ["", "b"], "at": "2026-05-01T08:30:00.5Z", "price": "1.10",
        "colours": ["blue", "red"],
        "labels": {"k": "v"}, "label": "", "extra": {"a": [1, None]}, "payment": {"kind": "transfer", "iban": "DE00"}, "sure": False,
    }  # fmt: skip
    assert api(console).post("/api/v1/tasks/every/start", given).status == 202
    (old,) = runs(console)
    assert fill(console, f"/tasks/every?from={old.id}").status == 303
    new = runs(console)[0]
    for each in (old, new):
        each.params["colours"].sort()  # a set has no order
    assert new.params == old.params
    assert (new.retry_of, new.id != old.id) == (old.id, True)
    assert fill(console, f"/tasks/every?from={old.id}", number="6").status == 303
    edited = runs(console)[0]
    edited.params["colours"].sort()
    assert (edited.params, edited.retry_of) == ({**old.params, "number": 6}, old.id)
    other = console.page(f"/tasks/plain?from={old.id}")
    assert "one of every" in plain(other) and "_from" not in dict(Form(other).sent())
    assert console.get("/tasks/plain?from=ffff0000").status == 404


@pytest.mark.scenario("S3-17", part="form")
def test_a_secret_is_a_reference_and_its_value_appears_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from mainspring.core.secret import parse_secrets

    monkeypatch.setenv("STRIPE_KEY", "hunter2-hunter2")
    tables = {"env": {"STRIPE_KEY": {"tasks": ["charges"]}, "OTHER": {"tasks": ["nobody"]}}}
    with pages(tmp_path, shop.TASKS, secrets=parse_secrets(tables, "the test")) as console:
        page = console.page("/tasks/charges")
        assert "env:STRIPE_KEY" in page and "env:OTHER" not in page and "hunter2" not in page
        typed = fill(console, "/tasks/charges", key="hunter2-hunter2")
        assert typed.status == 422 and "a reference is needed" in plain(typed.text)
        linked = console.page("/tasks/charges?key=env:STRIPE_KEY&amount=3&nonsense=1")
        assert dict(Form(linked).sent())["amount"] == "3" and dict(Form(linked).sent())["key"] == ""
        assert "nonsense" in plain(linked) and "not taken from links: key" in plain(linked)
        assert fill(console, "/tasks/charges", key="env:STRIPE_KEY").status == 303
        (run,) = runs(console)
        assert run.params == {"key": "env:STRIPE_KEY", "amount": 1}
        shown = console.page(f"/tasks/charges?from={run.id}")
        link = Form(shown).text
        assert not any("key=" in each for each in link if each.startswith("http://") and "?" in each)
        everything = typed.text + shown + caplog.text + str(audit(console)) + str(run)
        assert "hunter2" not in everything


@pytest.mark.scenario("S3-32", part="pages")
def test_a_dangerous_task_asks_for_its_name_and_what_was_refused_is_written_down(console: Pages) -> None:
    page = console.page("/tasks/wipe")
    assert "Everything is lost." in plain(page)
    for typed in ("", "Wipe", "wipe it"):
        answer = fill(console, "/tasks/wipe", _confirm=typed, database="people")
        assert answer.status == 422
        assert "type wipe to confirm" in plain(answer.text) and 'href="#confirm-name"' in answer.text
        assert dict(Form(answer.text).sent())["database"] == "people"
    assert runs(console) == []
    assert [each.data for each in audit(console) if each.object == "task:wipe"] == [{"refused": "unconfirmed"}] * 3
    assert fill(console, "/tasks/wipe", _confirm="wipe", database="people").status == 303
    assert runs(console)[0].params["database"] == "people"


@pytest.mark.scenario("S3-33", part="pages")
def test_an_expensive_task_says_what_it_has_cost(console: Pages) -> None:
    assert "nobody knows yet how long it takes" in plain(console.page("/tasks/wipe"))

    async def work() -> None:
        async with console.app.worker(queues=["expensive"]):
            handle = await console.app.enqueue(shop.wipe)
            await handle.result(timeout=30)

    console.do(work())
    assert re.search(r"typically [\d.]+\s(ms|s)", plain(console.page("/tasks/wipe")))
    assert runs(console)[0].queue == "expensive"


@pytest.mark.scenario("S0-18", part="pages")
def test_two_clicks_are_one_run_and_the_second_opens_it(console: Pages) -> None:
    form = Form(console.page("/tasks/plain"))
    fields = dict(form.sent("_start"))
    first, second = console.send(form.action, fields), console.send(form.action, fields)
    assert (first.status, second.status) == (303, 303)
    assert urlsplit(first.headers["location"]).path == urlsplit(second.headers["location"]).path
    assert "done=there" in second.headers["location"]
    assert len(runs(console)) == 1

    async def both() -> list[Any]:
        import asyncio
        from urllib.parse import urlencode

        again = {**fields, "_once": "another-form"}
        ask = [console.asked("POST", form.action, urlencode(again), content_type="application/x-www-form-urlencoded") for _ in range(2)]
        return list(await asyncio.gather(*ask))

    one, other = console.do(both())
    assert urlsplit(one.headers["location"]).path == urlsplit(other.headers["location"]).path
    assert len(runs(console)) == 2
    refused = console.send(form.action, {**fields, "_once": "third", "n": "x"})
    assert refused.status == 422  # a form that was refused may be sent again under its key
    assert console.send(form.action, {**fields, "_once": "third"}).status == 303


@pytest.mark.scenario("S3-09", part="pages")
def test_names_that_need_care_in_an_address_lead_where_they_say(console: Pages) -> None:
    path = "/tasks/" + quote(shop.month_end.name, safe="")
    assert f'href="{path}"' in console.page("/tasks").replace("/tasks/reports%3Amonth.end-v2", path)
    for each in ("", "/runs", "/stats", "/schedules", "/code", "/settings"):
        assert "Reports month end v2" in console.page(path + each)
    assert fill(console, path, month="2").status == 303
    assert runs(console)[0].task == "reports:month.end-v2"


def test_who_may_not_start_sees_why_and_what_is_kept_off_the_web_is_not_there(console: Pages) -> None:
    assert console.get("/tasks/unseen").status == 404
    assert "unseen" not in console.page("/tasks")
    console.caller = Caller("bob", "web", User("bob", UserRole.OPERATOR, kind="host"))
    assert console.get("/tasks/of_admins").status == 404
    assert "of_admins" not in console.page("/tasks")
    page = console.page("/tasks/only_admins")
    assert "Only admins may start this task." in plain(page)
    assert "disabled" in next(each for each in Form(page).controls if each.name == "_start").attributes
    assert console.send("/tasks/only_admins", n="1").status == 403
    console.caller = Caller("eve", "web", User("eve", UserRole.VIEWER, kind="host"))
    assert "Your role does not allow" in plain(console.page("/tasks/plain"))
    assert console.send("/tasks/plain", n="1").status == 403
    assert runs(console) == []


def test_values_come_by_link_preset_and_last_run_and_go_out_by_link(console: Pages) -> None:
    shown = fill(console, "/tasks/wipe", "_show", database='"quoted', jobs="8")
    link = next(each for each in Form(shown.text).text if each.startswith("http://testserver/tasks/wipe?"))
    parts = urlsplit(link)
    assert dict(Form(console.page(f"{parts.path}?{parts.query}")).sent()).items() >= {"database": '"quoted', "jobs": "8"}.items()
    said = plain(shown.text)
    assert "mainspring run --yes wipe '--database=\"quoted' --jobs=8" in said
    assert "run = await wipe.enqueue(database='\"quoted', jobs=8)" in said
    assert "/api/v1/tasks/wipe/start" in said and "Mainspring-Confirm: wipe" in said
    saved = fill(console, "/tasks/wipe", "_save", _preset="weekly", jobs="3", _shared="1")
    assert saved.status == 303
    assert dict(Form(console.page(saved.headers["location"])).sent())["jobs"] == "3"
    assert fill(console, "/tasks/wipe", "_save", _preset="").status == 422
    console.caller = Caller("bob", "web", User("bob", UserRole.OPERATOR, kind="host"))
    assert dict(Form(console.page(saved.headers["location"])).sent())["jobs"] == "3"
    mine = fill(console, "/tasks/wipe", "_save", _preset="own", jobs="4")
    console.caller = Caller("ada", "web", User("ada", UserRole.ADMIN, kind="host"))
    assert "own" not in plain(console.page("/tasks/wipe")).split("Values")[0]
    assert dict(Form(console.page(mine.headers["location"])).sent())["jobs"] == "1"
    number = saved.headers["location"].partition("=")[2]
    assert console.send(f"/tasks/wipe/presets/{number}/delete").status == 303
    assert "weekly" not in console.page("/tasks/wipe")
    assert fill(console, "/tasks/wipe", jobs="6", _confirm="wipe").status == 303
    assert dict(Form(console.page(f"/tasks/wipe?_like={runs(console)[0].id}")).sent())["jobs"] == "6"


def test_how_a_run_is_done_is_said_beside_the_values(console: Pages) -> None:
    answer = fill(
        console,
        "/tasks/plain",
        _delay="1h",
        _priority="high",
        _queue="other",
        _label="mine",
        _retries="7",
        _key="k",
        _timeout="5s",
        _deadline="2h",
    )
    assert answer.status == 303
    (run,) = runs(console)
    assert (run.priority, run.queue, run.label, run.max_retries, run.key) == ("high", "other", "mine", 7, "k")
    assert run.run_at is not None
    taken = fill(console, "/tasks/plain", _key="k")
    assert taken.headers["location"].startswith(f"/runs/{run.id}") and "done=there" in taken.headers["location"]
    for name, value in (("_delay", "soon"), ("_retries", "many"), ("_queue", "a b"), ("_priority", "urgent")):
        wrong = fill(console, "/tasks/plain", **{name: value})
        assert wrong.status == 422 and 'href="#options"' in wrong.text
        assert dict(Form(wrong.text).sent())[name] == value or name == "_priority"


def test_suggestions_come_from_a_function_that_sees_the_other_fields(console: Pages) -> None:
    assert "eu-2.example.org" in console.page("/tasks/picks")
    answer = console.get("/tasks/picks/options?_field=host&region=us")
    assert answer.status == 200 and 'value="us-1.example.org"' in answer.text and "Host 1 in us" in answer.text
    assert console.get("/tasks/picks/options?_field=region").status == 404
    console.caller = Caller("eve", "web", User("eve", UserRole.VIEWER, kind="host"))
    assert console.get("/tasks/picks/options?_field=host").status == 403


def test_looking_never_starts_anything(console: Pages) -> None:
    for path in ("/tasks/plain?n=2", "/tasks/plain?_start=1", "/tasks/wipe?_confirm=wipe&_start=1", "/tasks", "/tasks/plain/runs"):
        assert console.get(path).status == 200
        assert console.ask("HEAD", path).status == 200
    assert runs(console) == []
