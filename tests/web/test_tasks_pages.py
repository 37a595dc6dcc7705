"""The catalogue and the pages of a task: what is told of it is the same at every door, and to look at three hundred costs few questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring import Task, task
from mainspring.core.access import User, UserRole
from mainspring.operations import task_overview
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from tests.web import shop
from tests.web.asking import Asking
from tests.web.browse import Form
from tests.web.pages import Pages, pages, plain


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, shop.TASKS) as made:
        yield made


def ask(console: Pages, name: str, /, **fields: Any) -> Any:
    operation = CATALOG[name]
    return console.do(operation(console.app, operation.request(**fields), Caller("the test", "test")))


def many(n: int) -> list[Task[..., Any]]:
    """Make tasks that differ in what is filtered by."""
    made: list[Task[..., Any]] = []
    for number in range(n):

        async def body(n: int = 1) -> int:
            return n

        body.__doc__ = f"Do the work of number {number}.\n\nIt is about {'whales' if number % 50 == 0 else 'nothing'}."
        options: dict[str, Any] = {"name": f"job_{number:03}", "category": f"cat{number % 5}", "tags": ["odd" if number % 2 else "even"]}
        made.append(task(danger="Beware." if number % 10 == 0 else None, expensive=number % 20 == 0, **options)(body))
    return made


@pytest.mark.scenario("S3-01", part="pages")
def test_what_a_definition_says_is_the_same_on_pages_in_the_api_and_on_the_command_line(console: Pages) -> None:
    asking = Asking(console.app)
    asking.runner, asking.caller = console.runner, console.caller
    told = asking.get("/api/v1/tasks/wipe").json
    assert (told["title"], told["category"], told["icon"], told["tags"], told["danger"], told["is_expensive"]) == (
        "Wipe", "maintenance", "skull", ["db", "nightly"], "Everything is lost.", True,
    )  # fmt: skip
    shown = ask(console, "tasks.show", name="wipe")
    assert json.loads(shown.model_dump_json()) == told  # the command line prints this view
    form, said = console.page("/tasks/wipe"), plain(console.page("/tasks/wipe"))
    for text in (told["title"], told["category"], *told["tags"], told["danger"], told["queue"], told["priority"], "Empty a database ."):
        assert text in said
    assert "icons.svg#skull" in form and "This is expensive" in said
    card = plain(console.page("/tasks?q=wipe"))
    for text in (told["title"], told["name"], told["category_title"], *told["tags"], "Dangerous", "Expensive", "Empty a database."):
        assert text in card
    code = plain(console.page("/tasks/wipe/code"))
    assert f"{told['file']}:{told['line']}" in code and told["module"] in code
    settings = plain(console.page("/tasks/wipe/settings"))
    assert told["queue"] in settings and "expensive" in settings


@pytest.mark.scenario("S3-02", part="pages")
def test_a_task_without_title_and_icon_has_both_on_its_pages(console: Pages) -> None:
    page = console.page("/tasks/named_badly")
    assert "Named badly" in plain(page) and "icons.svg#cog" in page
    assert "icons.svg#cog" in console.page("/tasks?q=named_badly")


@pytest.mark.scenario("S3-50")
def test_three_hundred_tasks_are_searched_and_filtered_by_an_address_that_can_be_shared(tmp_path: Path) -> None:
    with pages(tmp_path, many(300)) as console:

        def found(query: str) -> tuple[int, list[str]]:
            page = console.page(f"/tasks?{query}")
            form = Form(page, "nothing")
            return int(plain(page).split(" of 300")[0].split()[-1]), [each[2:] for each in form.ids if each.startswith("t-")]

        assert found("")[0] == 300 and len(found("")[1]) == 100  # a page of them; the rest behind "older"
        assert found("page=3")[1][-1] == "job_299" and len(found("page=99")[1]) == 100
        assert found("q=job_042") == (1, ["job_042"])
        assert found("q=WHALES")[0] == 6  # only their docstrings say it
        assert found("category=cat3")[0] == 60 and found("tag=even")[0] == 150
        assert found("danger=yes")[0] == 30 and found("danger=no")[0] == 270 and found("expensive=yes")[0] == 15
        assert found("q=whales&danger=yes&tag=even&category=cat0")[0] == 6
        assert found("last=never")[0] == 300 and found("last=completed")[0] == 0
        assert found("health=new")[0] == 300 and found("scheduled=yes")[0] == 0
        assert found("danger=perhaps&health=odd")[0] == 300  # an address of another release
        empty = console.page("/tasks?q=nosuch")
        assert "No task fits this." in plain(empty) and 'href="/tasks"' in empty
        page = console.page("/tasks?q=job_04&tag=even")
        search = Form(page, "nothing")
        assert "selected" in page and 'value="job_04"' in page and search.ids["found"]
        assert 'hx-trigger="input delay:200ms' in page and 'type="search"' in page  # "/" leads there


@pytest.mark.scenario("S3-51")
def test_rows_say_what_there_is_to_know(console: Pages) -> None:
    async def work() -> None:
        async with console.app.worker():
            for _ in range(3):
                await (await console.app.enqueue(shop.plain)).result(timeout=30)
            await (await console.app.enqueue(shop.month_end)).result(timeout=30)

    console.do(work())
    task_overview._DONE.clear()  # what all tasks do is kept for two seconds
    for looks in ("cards", "table"):
        page = console.page(f"/tasks?q=plain&as={looks}")
        said = plain(page)
        for text in ("Plain one", "plain", "General", "Succeeded", "100 %", "Last run", "Run"):
            assert text in said, (looks, text)
        assert 'aria-label="The latest 3 runs, 3 of them completed"' in page
        assert 'href="/tasks/plain"' in page and "/runs/" in page
    row = ask(console, "tasks.overview", q="plain").items[0]
    assert (row.last.state, row.latest, row.success_rate, row.health) == ("completed", ["completed"] * 3, 1.0, "healthy")
    assert 0 < row.mean_ms <= row.p95_ms
    assert [each.name for each in ask(console, "tasks.overview", last="completed").items] == ["plain", "reports:month.end-v2"]
    figures = ask(console, "tasks.measure", name="plain")
    assert (figures.n, sum(each.n for each in figures.bins), len(figures.spans)) == (3, 3, 3)
    assert "p95" in plain(console.page("/tasks/plain/stats")) and "<polyline" in console.page("/tasks/plain/stats")
    assert plain(console.page("/tasks/plain/runs")).count("Succeeded") == 3


def test_looking_at_all_tasks_is_a_few_questions_and_none_for_two_seconds(tmp_path: Path) -> None:
    with pages(tmp_path, many(300)) as console:
        console.page("/tasks")
        database = console.do(console.app.store()).database
        asked: list[str] = []
        real = database.read

        async def read(query: str, /, **values: Any) -> Any:
            asked.append(query)
            return await real(query, **values)

        database.read = read  # type: ignore[method-assign]
        task_overview._DONE.clear()
        console.page("/tasks")
        assert len(asked) <= 8, asked
        assert asked.count("tasks_outcomes") == 1
        asked.clear()
        console.page("/tasks?q=1")
        assert "tasks_outcomes" not in asked


def test_stars_are_one_s_own(console: Pages) -> None:
    assert console.send("/tasks/plain/star", on="1").status == 303
    assert [each.name for each in console.do(_overview(console, favourite="yes"))] == ["plain"]
    assert 'aria-pressed="true"' in console.page("/tasks/plain")
    console.caller = Caller("bob", "web", User("bob", UserRole.VIEWER, kind="host"))
    assert 'aria-pressed="true"' not in console.page("/tasks/plain")
    console.caller = Caller("ada", "web", User("ada", UserRole.ADMIN, kind="host"))
    console.send("/tasks/plain/star", on="0", back="task")
    assert console.do(_overview(console, favourite="yes")) == []


async def _overview(console: Pages, **fields: Any) -> list[Any]:
    operation = CATALOG["tasks.overview"]
    caller = console.caller
    assert caller is not None
    return list((await operation(console.app, operation.request(**fields), caller)).items)


def test_settings_change_what_holds_and_say_who_did(console: Pages) -> None:
    assert console.send("/tasks/plain/settings", what="disable", reason="being mended").status == 303
    page = plain(console.page("/tasks/plain"))
    assert "This task is disabled" in page and "being mended" in page
    form = Form(console.page("/tasks/plain"))
    refused = console.send("/tasks/plain", dict(form.sent("_start"), _start="1"))
    assert refused.status == 409 and "disabled" in plain(refused.text)
    assert "Switched by ada" in plain(console.page("/tasks/plain/settings"))
    assert console.send("/tasks/plain/settings", what="enable").status == 303
    assert console.send("/tasks/plain/settings", what="overlap", policy="queue:3").status == 303
    assert 'value="queue:3"' in console.page("/tasks/plain/settings")
    wrong = console.send("/tasks/plain/settings", what="overlap", policy="sometimes")
    assert wrong.status in (400, 422) and "sometimes" in plain(wrong.text)
    assert console.send("/tasks/plain/settings", what="limit", concurrency="3", rate="10/m").status == 303
    page = console.page("/tasks/plain/settings")
    assert 'value="3"' in page and 'value="10/m"' in page
    assert console.send("/tasks/plain/settings", what="limit").status == 303
    console.caller = Caller("bob", "web", User("bob", UserRole.OPERATOR, kind="host"))
    assert console.send("/tasks/plain/settings", what="disable").status == 403


def test_descriptions_are_marked_up_and_never_markup() -> None:
    from mainspring.web.forms.markdown import plain as line
    from mainspring.web.forms.markdown import render

    assert render("Dump **all**, *soon*, by `x*y*z` <b>\n\n- one\n- [two](https://example.org/a?b=1)\n\n1. a\n2. b\n\n# Head") == (
        "<p>Dump <strong>all</strong>, <em>soon</em>, by <code>x*y*z</code> &lt;b&gt;</p>\n"
        '<ul><li>one</li><li><a href="https://example.org/a?b=1" rel="noopener noreferrer nofollow">two</a></li></ul>\n'
        "<ol><li>a</li><li>b</li></ol>\n<p><strong>Head</strong></p>"
    )
    for evil in ("[x](javascript:alert(1))", '[x](https://a"onclick=alert(1))', "<img src=x onerror=alert(1)>", "`<script>`", "**<i>**"):
        made = str(render(evil))
        assert (
            "<img" not in made and "<script" not in made and "<i>" not in made and 'href="javascript' not in made and '"onclick' not in made
        )
    assert render("```\n<b>**x**\n```") == "<pre>&lt;b&gt;**x**</pre>"
    assert line("First **line**\nof `it`.\n\nMore.") == "First line of it."
