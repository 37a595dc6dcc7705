"""The overview: its figures are those of the runs, its banner is there when something is wrong, and its price is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, every, task
from mainspring.core.access import User, UserRole
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import Retry
from mainspring.core.run import Completed, Failed, decide
from mainspring.operations import overview
from mainspring.operations.operation import Caller
from mainspring.store.runs import Settlement
from mainspring.web.shell.recent import Recent
from tests.web.pages import ADA, Pages, pages, plain

LOOK = Caller("ada", "test", ADA)


@task(queue="mail")
def send(to: str = "ada") -> str:
    """Send a letter."""
    return to


@task
def tidy() -> None:
    """Tidy up."""


@task(retry=0, timeout="5s")
def fails() -> None:
    """Fail."""
    raise ValueError("no such table")


@task(schedule=every("1h"))
def hourly() -> None:
    """Every hour."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setattr("mainspring.web.pages.overview.SOON", 60.0)  # a busy machine is no reason to be without figures here
    with pages(tmp_path, [send, tidy, fails, hourly]) as made:
        yield made


async def work(app: Mainspring, *asked: tuple[Any, bool], ends: bool = True) -> list[str]:
    """Add runs and carry them out by hand: each well or not; without ``ends`` they go on."""
    store, node = await app.store(), make_claim_id()
    await store.nodes.register(node, name="n1", host="h1:x", pid=7, lease=timedelta(minutes=5), facts={"role": "worker", "version": "1"})
    ids = []
    for wanted, is_well in asked:
        handle = await app.enqueue(wanted)
        lanes = [lane for lane, _ in await store.runs.lanes()]
        [run] = await store.runs.claim(node, make_claim_id(), lanes, 1, timedelta(seconds=5))
        ids.append(handle.id)
        if ends:
            outcome = Completed("null") if is_well else Failed({"type": "ValueError", "message": "no such table"}, is_terminal=True)
            await store.runs.settle([Settlement(run.id, run.claim_id, decide(run, outcome, Retry(retries=0)), 20.0)])
    return ids


async def figures(app: Mainspring, caller: Caller = LOOK, **asked: object) -> overview.OverviewView:
    return await overview.show_overview(app, overview.OverviewRequest.model_validate(asked), caller)


def island(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_figures_are_those_of_the_runs(site: Pages) -> None:
    site.do(work(site.app, (send, True), (send, True), (send, False), (tidy, True)))
    view = site.do(figures(site.app, window="15m"))
    assert (view.basis, view.now.completed, view.now.failed, view.now.total, len(view.points)) == ("all", 3, 1, 4, 15)
    assert sum(point.completed for point in view.points) == 3
    assert view.until - view.points[-1].at < timedelta(minutes=1), "the last point goes on"
    assert (view.drawn, view.p95_ms is not None) == (4, True)
    assert [(each.task, each.wrong, each.tried) for each in view.degraded] == [], "three runs are too few to judge"
    of_task = site.do(figures(site.app, window="15m", task="tidy"))
    assert (of_task.now.total, of_task.drawn) == (1, 1)
    of_queue = site.do(figures(site.app, window="15m", queue="mail"))
    assert (of_queue.basis, of_queue.now.completed, of_queue.now.failed, of_queue.is_cut) == ("latest", 2, 1, False)
    assert of_queue.drawn == 3


def test_nobody_learns_of_runs_outside_of_their_scope(site: Pages) -> None:
    site.do(work(site.app, (send.options(tenant="acme"), True), (send.options(tenant="other"), False), (tidy, True)))
    own = Caller("eve", "test", User("eve", UserRole.VIEWER, tenants=frozenset({"acme"}), kind="host"))
    view = site.do(figures(site.app, own, window="1h"))
    assert (view.basis, view.now.total, view.now.completed, view.before) == ("latest", 1, 1, None)
    assert (view.has_depths, view.depths, view.marks, view.degraded) == (False, [], [], [])
    site.caller = own
    shown = plain(site.page("/?window=1h"))
    assert "Counted from the runs themselves" in shown
    assert "no such table" not in shown


def test_the_page_has_its_figures_its_data_and_its_lists_at_first_paint(site: Pages) -> None:
    async def fail() -> None:
        await site.app.enqueue(fails)
        await site.app.pulse()

    site.do(fail())
    site.do(work(site.app, (send, True)))
    site.do(work(site.app, (tidy, True), ends=False))
    page = site.page("/?window=15m")
    shown = plain(page)
    assert "Last 15 minutes · all queues" in shown
    assert "1 of 2 runs" in shown
    assert "ValueError: no such table" in shown
    assert "Running" in shown
    assert "hourly" in shown, "next up, although no node has told of it yet"
    data = island(page)
    assert [line["label"] for line in data["charts"]["ended"]] == ["Succeeded", "Failed"]
    assert sum(data["charts"]["ended"][0]["values"]) == 1
    dashes = [json.dumps(line.get("dash")) for line in data["charts"]["ended"]]
    assert len(set(dashes)) == len(dashes), "lines differ in more than colour"
    assert page.count("Show data") == 2, "charts that have data have a table of it, and the queues have no samples yet"
    assert 'hx-trigger="ms:tick from:body"' in page
    assert "style=" not in page


def test_the_address_says_what_is_shown(site: Pages) -> None:
    site.do(work(site.app, (send, True), (tidy, True)))
    page = site.page("/?window=6h&task=tidy")
    assert "tidy" in plain(page)
    assert '<a class="chip" href="/?window=6h&amp;task=tidy" aria-current="true">' in page
    assert "task%3Atidy" in page, "links to runs keep the filter"
    assert site.get("/?window=nonsense").status == 200


async def stall(app: Mainspring) -> None:
    """Add a run that nobody has taken for an hour."""
    store = await app.store()
    await app.enqueue(send)
    await store.database.execute("update mainspring.hot_runs set ready_at = ready_at - 3600000000")


def test_a_banner_that_takes_long_to_find_is_fetched_with_the_figures(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.web.pages.overview.SOON", 0.0)
    site.do(stall(site.app))
    assert "No node takes runs" not in plain(site.page("/"))
    assert "No node takes runs: 1 run is ready" in plain(site.page("/", hx_request="true"))


def test_a_banner_tells_of_trouble_and_is_gone_without(site: Pages) -> None:
    assert "needs a look" not in plain(site.page("/"))
    site.do(stall(site.app))
    shown = plain(site.page("/?window=6h"))  # another address: the first answer serves for a few seconds
    assert "No node takes runs: 1 run is ready, the oldest for 36" in shown or "stands still" in shown


@pytest.mark.parametrize("language", ["de", "pl"])
def test_it_speaks_the_readers_language(site: Pages, language: str) -> None:
    shown = plain(site.page("/", accept_language=language))
    assert {"de": "Übersicht", "pl": "Przegląd"}[language] in shown
    assert {"de": "Durchsatz", "pl": "Przepustowość"}[language] in shown


def test_depths_follow_the_samples_and_gaps_stay_gaps(site: Pages) -> None:
    async def waits() -> overview.OverviewView:
        store = await site.app.store()
        for _ in range(3):
            await site.app.enqueue(send)
        assert await store.samples.take()
        return await figures(site.app, window="15m")

    view = site.do(waits())
    [mail] = view.depths
    assert (mail.name, mail.ready[-1], set(mail.ready[:-1])) == ("mail", 3, {None})
    assert view.ready == 3
    assert "Queue depth" in plain(site.page("/?window=15m"))
    listed = site.do(overview.list_samples(site.app, overview.SamplesRequest.model_validate({"window": "15m"}), LOOK))
    assert {(each.queue, each.ready) for each in listed.items} == {("*", 3), ("mail", 3)}


def test_what_operators_did_stands_beside_the_figures(site: Pages) -> None:
    site.send("/queues/mail/pause", reason="the provider is down")
    view = site.do(figures(site.app, window="1h"))
    assert [(mark.kind, mark.about) for mark in view.marks] == [("paused", "mail")]
    assert "queue mail paused" in plain(site.page("/"))


def test_percentiles_weigh_each_run_by_what_it_stands_for() -> None:
    percentile = overview._percentile
    assert percentile([], 0.5) is None
    assert percentile([(5.0, 1.0)], 0.95) == 5.0
    assert percentile([(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0)], 0.5) == 2.0
    assert percentile([(1.0, 99.0), (100.0, 1.0)], 0.95) == 1.0, "one run of a hundred does not make the tail"
    assert percentile([(1.0, 1.0), (100.0, 99.0)], 0.5) == 100.0


def test_many_who_ask_the_same_cost_one_look(site: Pages) -> None:
    now, asked = [0.0], []

    async def look() -> None:
        recent = Recent[int](lambda: now[0])

        async def make() -> int:
            asked.append(1)
            return len(asked)

        assert [await recent.get("a", make, fresh=5.0, patience=1.0) for _ in range(3)] == [1, 1, 1]
        assert await recent.get("b", make, fresh=5.0, patience=1.0) == 2
        now[0] = 6.0
        assert await recent.get("a", make, fresh=5.0, patience=1.0) == 3

        async def fails() -> int:
            asked.append(1)
            raise ValueError("away")

        for _ in range(2):  # a failure serves nobody else
            with pytest.raises(ValueError, match="away"):
                await recent.get("c", fails, fresh=5.0, patience=1.0)
        assert len(asked) == 5

    site.do(look())


def test_figures_that_take_long_are_fetched_into_their_place(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.web.pages.overview.SOON", 0.0)
    page = site.page("/")
    assert 'hx-trigger="load"' in page
    assert "Recent runs" in plain(page), "what is quick is there at first"
    assert 'hx-trigger="ms:tick from:body"' in site.page("/", hx_request="true")
