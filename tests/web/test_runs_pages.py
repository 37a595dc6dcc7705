"""The pages of runs: the list by search and state, a run with all that is known of it, and what is done to many at once."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring import Context, Fail, Task
from mainspring import task as make_task
from mainspring.core.access import EVERYTHING, User, UserRole, Verb
from mainspring.core.event import EventKind
from mainspring.core.run_filter import RunFilter
from mainspring.operations import bulk
from mainspring.operations.operation import Caller
from mainspring.web.pages.run import TABS
from tests.web.pages import Pages, pages, plain

EVIL = "<img src=x onerror=alert(1)>"


@make_task(tags=["nightly"], category="reports")
async def report(rows: int = 2, password: str = "hunter2") -> list[dict[str, Any]]:
    """Write the report."""
    return [{"product": f"=p{n}", "sold": n} for n in range(rows)]


@make_task(retry=0)
async def breaks(why: str = "no such table") -> None:
    """Break."""
    raise Fail(why)


@make_task
async def large() -> list[str]:
    """Return a lot."""
    return ["x" * 1000] * 400


@make_task
async def halfway(ctx: Context) -> None:
    """Get halfway, and say so."""
    ctx.log("halfway there")
    ctx.progress(5, 10, message="five of ten", stage="copying")
    await asyncio.sleep(3600)


@make_task
async def counts(ctx: Context) -> None:
    """Count without an end in sight."""
    ctx.progress(17, message="found so far")
    await asyncio.sleep(3600)


@make_task(danger="It deletes everything.")
async def wipes() -> None:
    """Wipe."""


TASKS: list[Task[..., Any]] = [report, breaks, large, halfway, counts, wipes]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, TASKS, max_payload="1M") as found:
        yield found


def enqueue(site: Pages, task: Any, n: int = 1, **options: Any) -> list[str]:
    bound = task.options(**options) if options else task

    async def add() -> list[str]:
        return [(await site.app.enqueue(bound)).id for _ in range(n)]

    return site.do(add())


def carry_out(site: Pages, *ids: str) -> None:
    """Let runs end as they do."""

    async def work() -> None:
        for each in ids:
            await site.app.see_through(each)

    site.do(work())


def rows(page: str) -> list[str]:
    return re.findall(r'<tr id="r-([0-9a-f-]{36})"', page)


async def begun(site: Pages, task: Any, kind: EventKind) -> str:
    """Let a node of this process begin a run, up to an event."""
    await site.app.start_worker()
    run = await site.app.enqueue(task)
    async for event in site.app.follow(run.id):
        if event.kind is kind:
            return run.id
    raise AssertionError("it ended before")


@pytest.mark.scenario("S3-55", part="pages")
@pytest.mark.scenario("U8", part="pages")
def test_the_list_is_searched_and_counted_by_state(site: Pages) -> None:
    good, bad = enqueue(site, report, 3, label="tuesday"), enqueue(site, breaks, 2)
    carry_out(site, *good, *bad)
    waiting = enqueue(site, report, delay="1h")
    assert rows(site.page("/runs")) == [*waiting, *bad[::-1], *good[::-1]]
    assert rows(site.page("/runs?q=status:failed")) == bad[::-1]
    assert rows(site.page("/runs?q=tag:nightly+status:completed,pending")) == [*waiting, *good[::-1]]
    assert rows(site.page("/runs?q=label:tuesday")) == good[::-1]
    assert rows(site.page("/runs?q=brea")) == bad[::-1], "a bare word is looked for in the names of tasks"
    assert rows(site.page("/runs?q=user:nobody")) == []
    assert rows(site.page("/runs?q=error:Fail")) == bad[::-1]
    assert rows(site.page("/runs?q=before:-1h")) == []
    assert rows(site.page("/runs?sort=old")) == [*good, *bad, *waiting]
    assert set(rows(site.page("/runs?sort=longest"))) == {*good, *bad}
    for path in ("/runs", "/runs?q=status:failed"):  # whichever status is chosen
        shown = plain(site.page(path))
        assert all(each in shown for each in ("Queued 1", "Succeeded 3", "Failed 2")), shown
    assert "Succeeded 3" in plain(site.page("/runs?q=task:report")) and "Failed 0" in plain(site.page("/runs?q=task:report"))


@pytest.mark.parametrize(
    ("q", "said"),
    [("taks:report", "taks:report: there is no such qualifier. Search for task:report"), ("status:faild", "faild is no status."),
     ("after:soon", "after:soon: write -2h"), ("queue:a queue:b", "twice with different values")],
)  # fmt: skip
def test_a_search_that_is_not_understood_is_said_and_not_guessed(site: Pages, q: str, said: str) -> None:
    enqueue(site, report)
    answer = site.get(f"/runs?q={q.replace(' ', '+')}")
    assert answer.status == 422
    assert said in plain(answer.text) and rows(answer.text) == []


@pytest.mark.scenario("U8", part="paging in the console")
def test_pages_lead_to_each_other_and_nothing_is_lost(site: Pages) -> None:
    ids = enqueue(site, report, 120)[::-1]
    first = site.page("/runs")
    assert rows(first) == ids[:50]
    older = link(first, "Older")
    assert rows(site.page(older)) == ids[50:100]
    last = link(site.page(older), "Older")
    assert rows(site.page(last)) == ids[100:]
    assert "Older" not in plain(site.page(last))
    enqueue(site, report, 3)
    assert rows(site.page(link(site.page(last), "Newer"))) == ids[50:100], "what is new moves nothing"


@pytest.mark.scenario("U16", part="list")
def test_a_list_that_is_looked_at_again_keeps_its_rows_and_says_what_is_new(site: Pages) -> None:
    ids = enqueue(site, report, 3)[::-1]
    again = re.search(r'id="runs"[^>]* hx-get="([^"]+)"', site.page("/runs"))
    assert again is not None
    path = html.unescape(again[1])
    assert "new run" not in plain(site.page(path))
    enqueue(site, report, 2)
    page = site.page(path)
    assert rows(page) == ids and "2 new runs" in plain(page)


@pytest.mark.scenario("U8", part="304")
def test_an_idle_list_is_not_sent_again(site: Pages) -> None:
    enqueue(site, report)
    etag = site.get("/runs").headers["etag"]
    assert (site.get("/runs", if_none_match=etag).status, site.get("/runs", if_none_match=etag).body) == (304, b"")
    assert site.get("/runs?q=task:report", if_none_match=etag).status == 200
    enqueue(site, report)
    assert site.get("/runs", if_none_match=etag).status == 200


@pytest.mark.scenario("S3-52", part="pages")
def test_a_finished_run_tells_all_that_is_known(site: Pages) -> None:
    (run_id,) = enqueue(site, report, label="tuesday", key="k1")
    carry_out(site, run_id)
    page = site.page(f"/runs/{run_id}")
    shown = plain(page)
    assert page.startswith("\n<!doctype") or "<title>Succeeded · report · " in page
    for each in (
        "Report",
        "Succeeded",
        run_id,
        "tuesday",
        "k1",
        "#nightly",
        "Created",
        "Started",
        "Ended",
        "Took",
        "medium",
        "=p0",
        "=p1",
    ):
        assert each in shown, each
    for tab, said in (("output", "Download"), ("input", "rows"), ("attempts", "Attempt 1"), ("events", "queued"), ("tree", "No other run")):
        assert said in plain(site.page(f"/runs/{run_id}?tab={tab}")), tab
    site.do(_add(site, report, rows=3, password="hunter2"))
    given = plain(site.page(f"/runs/{rows(site.page('/runs'))[0]}?tab=input"))
    assert "••••••" in given and "hunter2" not in given
    assert site.get(f"/runs/{run_id[-8:]}").headers["location"] == f"/runs/{run_id}"


@pytest.mark.scenario("S3-52", part="errors")
def test_a_failed_run_shows_its_error_its_own_frames_and_why(site: Pages) -> None:
    (run_id,) = enqueue(site, breaks)
    carry_out(site, run_id)
    page = site.page(f"/runs/{run_id}")
    assert "<title>Failed · breaks · " in page
    assert "It failed at" in plain(page) and "no such table" in plain(page)
    assert re.search(r"<mark>[^<]*test_runs_pages.py", page), "the user's own frame stands out"
    assert re.search(r'href="/errors/[0-9a-f]{16}"', page)
    assert f"run `{run_id}`" in html.unescape(page), "as Markdown, to be copied"


@pytest.mark.scenario("S3-54", part="pages")
def test_a_large_result_is_not_laid_out_but_offered(site: Pages) -> None:
    (run_id,) = enqueue(site, large)
    carry_out(site, run_id)
    page = site.page(f"/runs/{run_id}?tab=result")
    assert "too large to be laid out" in plain(page) and len(page) < 60_000
    href = re.search(r'href="(/api/v1/runs/[^"]+/result\?format=json)"', page)
    assert href is not None and len(site.get(href[1]).body) > 256 * 1024


@pytest.mark.scenario("S3-53", part="pages")
def test_a_result_is_exported_without_running_again(site: Pages) -> None:
    (run_id,) = enqueue(site, report)
    carry_out(site, run_id)
    page = site.page(f"/runs/{run_id}?tab=result")
    links = [html.unescape(each) for each in re.findall(r'href="(/api/v1/runs/[^"]+/result\?format=\w+)"', page)]
    assert [each.rpartition("=")[2] for each in links] == ["json", "csv", "ndjson"]
    csv = site.get(links[1])
    assert csv.headers["content-disposition"].endswith('.csv"') and csv.text.splitlines()[0] == "product,sold" and "'=p0" in csv.text
    assert len(rows(site.page("/runs"))) == 1


@pytest.mark.scenario("S3-29", part="pages")
def test_closing_the_page_stops_nothing_and_cancelling_says_by_whom(site: Pages) -> None:
    run_id = site.do(begun(site, halfway, EventKind.PROGRESS))
    assert "Running" in plain(site.page(f"/runs/{run_id}"))  # and the page is gone again: the run goes on
    assert site.do(site.app.read_run(run_id)).state == "running"
    answer = site.send(f"/runs/{run_id}/cancel", reason="not needed")
    assert answer.headers["location"] == f"/runs/{run_id}?done=asked-to-stop"
    assert site.do(site.app.wait_for(run_id, 30)).state == "cancelled"
    shown = plain(site.page(f"/runs/{run_id}"))
    assert "Cancelled" in shown and "by ada" in shown
    assert "not needed" in plain(site.page(f"/runs/{run_id}?tab=events"))
    assert [(each["verb"], each["actor"]) for each in site.audit()] == [("runs.cancel", "ada")]


@pytest.mark.scenario("S3-46", part="pages")
@pytest.mark.parametrize(
    ("task", "told"),
    [(halfway, ("copying", "five of ten", "5 / 10", "50 %", "left")), (counts, ("17", "found so far"))],
    ids=["known", "unknown"],
)
def test_progress_is_shown_in_the_list_and_in_the_run(site: Pages, task: Any, told: tuple[str, ...]) -> None:
    run_id = site.do(begun(site, task, EventKind.PROGRESS))
    page = site.page(f"/runs/{run_id}")
    assert all(each in plain(page).replace("\xa0", " ") for each in told), plain(page)
    assert ("max=" in page) is (task is halfway), "an unknown total is a bar without an end"
    listed = site.page("/runs")
    assert told[1] in plain(listed) and "<progress" in listed


@pytest.mark.scenario("S3-04", part="pages")
def test_a_run_whose_task_is_gone_stays_readable(tmp_path: Path) -> None:
    with pages(tmp_path, TASKS) as before:
        (run_id,) = enqueue(before, report)
        carry_out(before, run_id)
    with pages(tmp_path, [breaks]) as after:
        assert "Definition missing" in plain(after.page("/runs"))
        page = after.page(f"/runs/{run_id}")
        assert "Definition missing" in plain(page) and "=p1" in plain(page)
        assert re.search(r'action="/runs/[^"]+/retry"[^>]*>\s*<button[^>]* disabled', page)


@pytest.mark.scenario("S0-12", part="runs")
def test_names_and_texts_are_inert(site: Pages) -> None:
    site.do(_add(site, breaks.options(label=EVIL, key=EVIL), why=EVIL))
    (run_id,) = rows(site.page("/runs"))
    carry_out(site, run_id)
    for path in (
        "/runs",
        f"/runs?q=label:{EVIL.replace(' ', '+')}",
        *(f"/runs/{run_id}?tab={tab}" for tab in TABS),
        f"/runs/suggestions?q={EVIL}",
    ):
        assert "<img" not in site.get(path).text, path


async def _add(site: Pages, bound: Any, **params: Any) -> None:
    await site.app.enqueue(bound, **params)


def viewer(tenant: str, role: UserRole = UserRole.OPERATOR) -> Caller:
    return Caller("tom", "web", User("tom", role, tenants=frozenset({tenant}), kind="host"), tenant=tenant)


@pytest.mark.scenario("S0-23", part="pages")
def test_a_tenant_sees_its_own_runs_and_the_host_sees_whose_they_are(site: Pages) -> None:
    mine, theirs = enqueue(site, report, 2, tenant="acme"), enqueue(site, report, 1, tenant="globex")
    carry_out(site, *mine, *theirs)
    shown = site.page("/runs")
    assert set(rows(shown)) == {*mine, *theirs} and all(each in plain(shown) for each in ("Tenant", "acme", "globex"))
    assert rows(site.page("/runs?q=tenant:acme")) == mine[::-1]
    site.caller = viewer("acme")
    own = site.page("/runs")
    assert rows(own) == mine[::-1] and "globex" not in own and "Succeeded 2" in plain(own)
    assert rows(site.page("/runs?q=status:completed")) == mine[::-1]
    assert "=p1" in plain(site.page(f"/runs/{mine[0]}"))
    made = site.send(f"/runs/{mine[0]}/retry").headers["location"]
    again = made.removeprefix("/runs/").partition("?")[0]
    assert site.send(f"/runs/{again}/cancel").status == 303
    assert "Cancelled" in plain(site.page(f"/runs/{again}"))
    assert len(site.get("/api/v1/runs/export?format=ndjson").text.splitlines()) == 3


@pytest.mark.scenario("E7", part="pages")
def test_a_run_of_others_is_not_there(site: Pages) -> None:
    (theirs,) = enqueue(site, report, 1, tenant="globex")
    site.caller = viewer("acme")
    assert site.get(f"/runs/{theirs}").status == 404
    for verb in ("cancel", "retry", "delete", "pin"):
        assert site.send(f"/runs/{theirs}/{verb}").status in (403, 404), verb
    site.caller = viewer("acme", UserRole.ADMIN)
    assert site.send(f"/runs/{theirs}/delete").status == 404
    assert "0 runs are meant" in plain(site.send("/runs/bulk", action="cancel", query="tenant:globex", all="1").text) or (
        "No run is meant" in plain(site.send("/runs/bulk", action="cancel", query="tenant:globex", all="1").text)
    )
    assert site.do(_state(site, theirs)) == "pending"


async def _state(site: Pages, run_id: str) -> str:
    return str((await (await site.app.store()).runs.get(run_id, scope=EVERYTHING)).state)


def test_payloads_are_hidden_from_those_who_may_not_see_them(site: Pages) -> None:
    (run_id,) = enqueue(site, report)
    carry_out(site, run_id)
    user = User("eve", UserRole.VIEWER, verbs=frozenset({Verb.VIEW}), kind="token")
    site.caller = Caller("eve", "web", user)
    for tab in ("result", "input"):
        page = site.page(f"/runs/{run_id}?tab={tab}")
        assert "no right to see them" in plain(page) and "=p1" not in page and "hunter" not in page


@pytest.mark.scenario("U6", part="pages")
def test_a_few_runs_are_acted_on_at_once_after_a_preview(site: Pages) -> None:
    ids = enqueue(site, report, 5, delay="1h")
    preview = site.send("/runs/bulk", action="cancel", id=ids[:3])
    assert "3 runs are meant" in plain(preview.text) and site.do(_state(site, ids[0])) == "pending"
    done = site.send("/runs/bulk/perform", action="cancel", n="3", id=ids[:3], reason="too many")
    assert "3 of 3 done" in plain(done.text) and len(re.findall(r'href="/runs/[0-9a-f-]{36}"', done.text)) == 3
    assert [site.do(_state(site, each)) for each in ids] == ["cancelled"] * 3 + ["pending"] * 2
    again = site.send("/runs/bulk/perform", action="cancel", n="3", id=ids[:3])
    assert "0 of 3 done" in plain(again.text) and plain(again.text).count("Nothing to do") == 3
    assert "2 of 2 done" in plain(site.send("/runs/bulk/perform", action="requeue", n="2", query="status:pending", all="1").text)
    mixed = site.send("/runs/bulk/perform", action="delete", n="4", id=[*ids[:3], ids[3]])
    assert "3 of 4 done" in plain(mixed.text) and "cancel it first" in plain(mixed.text)
    (row,) = [each for each in site.audit() if each["data"].get("action") == "delete"]
    assert (row["verb"], row["data"]["n"], row["data"]["done"], row["data"]["failed"]) == ("runs.bulk", 4, 3, 1)


@pytest.mark.scenario("U6", part="confirmation")
def test_more_than_a_hundred_have_to_be_typed(site: Pages) -> None:
    enqueue(site, report, 101, delay="1h")
    assert "type the number 101" in plain(site.send("/runs/bulk", action="cancel", query="task:report", all="1").text)
    wrong = site.send("/runs/bulk/perform", action="cancel", n="101", query="task:report", all="1", typed="100")
    assert wrong.status == 422 and "That is not 101" in plain(wrong.text)
    assert site.do(_count(site, "pending")) == 101
    right = site.send("/runs/bulk/perform", action="cancel", n="101", query="task:report", all="1", typed="101")
    assert "101 of 101 done" in plain(right.text)
    assert site.do(_count(site, "cancelled")) == 101


async def worked_off(site: Pages, run_id: str) -> None:
    await site.app.start_worker()
    assert (await site.app.wait_for(run_id, 50)).state == "completed"


async def _count(site: Pages, state: str) -> int:
    return (await (await site.app.store()).run_lists.tally(RunFilter(), scope=EVERYTHING))[state].n


@pytest.mark.scenario("U6", part="asynchronous")
def test_many_runs_are_acted_on_by_a_run_of_their_own_with_progress(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = enqueue(site, report, bulk.LATER + 3, delay="1h")
    n = str(len(ids))
    assert "by a run of their own" in plain(site.send("/runs/bulk", action="cancel", query="task:report", all="1").text)
    answer = site.send("/runs/bulk/perform", action="cancel", n=n, query="task:report", all="1", typed=n, reason="a wrong import")
    assert answer.status == 303
    run_id = answer.headers["location"].removeprefix("/runs/").partition("?")[0]
    later = enqueue(site, report, 2, delay="1h")  # made after it was asked: not meant
    site.do(worked_off(site, run_id))
    page = plain(site.page(f"/runs/{run_id}?tab=result"))
    assert f"done : {n}" in page or f"done: {n}" in page, page
    assert f"{n} / {n}" in page and "Definition missing" not in page
    assert site.do(_count(site, "cancelled")) == len(ids)
    assert [site.do(_state(site, each)) for each in later] == ["pending"] * 2
    (row,) = [each for each in site.audit() if each["verb"] == "runs.bulk"]
    assert (row["object"], row["reason"], row["actor"]) == (f"run:{run_id}", "a wrong import", "ada")
    once_more = site.send(f"/runs/{run_id}/retry")
    assert once_more.status in (303, 404)


def test_dangerous_tasks_are_told_before_they_are_retried(site: Pages) -> None:
    (run_id,) = enqueue(site, wipes)
    carry_out(site, run_id)
    assert "It deletes everything." in plain(site.send("/runs/bulk", action="retry", id=run_id).text)
    answer = site.send(f"/runs/{run_id}/retry")
    assert answer.headers["location"] == f"/tasks/wipes?from={run_id}", "where the danger is told and confirmed"


@pytest.mark.scenario("U8", part="views")
def test_a_search_is_saved_and_removed(site: Pages) -> None:
    assert site.send("/runs/views", name="broken", query="status:failed", sort="new", shared="1").status == 303
    page = site.page("/runs")
    assert 'href="/runs?q=status%3Afailed&amp;sort=new">broken</a>' in page
    site.caller = Caller("bob", "web", User("bob", UserRole.OPERATOR, kind="host"))
    others = site.page("/runs")
    assert ">broken</a>" in others and "shared by ada" in plain(others) and "/remove" not in others
    site.caller = Caller("ada", "web", User("ada", UserRole.ADMIN, kind="host"))
    view_id = re.search(r'action="/runs/views/([^/"]+)/remove"', page)
    assert view_id is not None and site.send(f"/runs/views/{view_id[1]}/remove").status == 303
    assert ">broken</a>" not in site.page("/runs")


def test_searches_are_completed(site: Pages) -> None:
    assert 'value="task:report"' in site.get("/runs/suggestions?q=task:rep").text
    assert 'value="status:failed"' in site.get("/runs/suggestions?q=status:fai").text


def test_columns_are_chosen(site: Pages) -> None:
    enqueue(site, report)
    assert "Attempt" in re.findall(r"<th[^>]*>([^<]+)</th>", site.page("/runs"))
    assert re.findall(r"<th[^>]*>([^<]+)</th>", site.page("/runs?col=queue&col=age")) == ["Status", "Task", "Queue", "Age"]


def test_a_list_asks_the_store_eight_times_at_most_and_never_for_payloads(site: Pages) -> None:
    carry_out(site, *enqueue(site, report, 5))

    async def asked() -> list[str]:
        database = (await site.app.store()).database
        names: list[str] = []
        read = database.read

        async def watched(query: str, /, **values: Any) -> Any:
            names.append(query)
            return await read(query, **values)

        database.read = watched  # type: ignore[method-assign]  # only to hear what is asked
        assert (await site.asked("GET", "/runs")).status == 200
        return names

    names = site.do(asked())
    assert len(names) <= 8, names
    assert "runs_get" not in names


def link(page: str, text: str) -> str:
    """Return where a link of this text leads."""
    found = re.search(rf'<a class="[^"]*" href="([^"]+)">(?:<svg[^>]*><use[^>]*></svg>)?{text}</a>', page)
    assert found is not None, text
    return html.unescape(found[1])
