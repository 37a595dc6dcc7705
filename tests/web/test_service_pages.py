"""Services in the console: what each is doing, how long it was up, and what operators want of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainspring import Context, Mainspring, service
from mainspring.core.access import User, UserRole
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.service import Ended, Instances, ServiceState
from mainspring.core.state import RunState
from mainspring.operations import services
from mainspring.operations.operation import Caller
from mainspring.store.services import Answer as Probed
from mainspring.store.services import Declared, Span
from tests.web.pages import ADA, Pages, pages, plain

LOOK = Caller("ada", "test", ADA)
NOW = datetime(2031, 3, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@service(category="mail")
async def watch_inbox(ctx: Context) -> None:
    """Look for mail."""
    while await ctx.sleep(60):
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, [watch_inbox]) as made:
        yield made


async def start(app: Mainspring, *, node: str = "n1") -> str:
    """Let an instance run, as a supervisor starts it; returns its run."""
    store, node_id, run_id = await app.store(), make_claim_id(), IdMaker().make(int(datetime.now(UTC).timestamp() * 1000))
    facts = {"role": "all", "services": ["watch_inbox"]}
    await store.nodes.register(node_id, name=node, host="h1:x", pid=7, lease=timedelta(minutes=5), facts=facts)
    await store.services.declare([Declared("watch_inbox", "", Instances.ONE, True, {"title": "Watch inbox", "restart": "always"})])
    [seen] = await store.services.look(node)
    assert await store.services.start(seen.standing, run_id, make_claim_id(), node_id) is not None
    return run_id


async def crash(app: Mainspring, reason: str = "crash_loop") -> None:
    """Let it fail for good, after its run is over."""
    store = await app.store()
    await store.database.execute("delete from mainspring.hot_runs")
    [seen] = await store.services.look("n1")
    assert await store.services.end(seen.standing, Ended(ServiceState.FAILED, reason, is_alert=True))


def test_the_list_says_what_each_is_doing(site: Pages) -> None:
    assert "watch_inbox" in plain(site.page("/services")), "of which no node has told yet"
    site.do(start(site.app))
    shown = plain(site.page("/services"))
    assert "Healthy" in shown
    assert "n1" in shown
    assert "Up for" in shown
    assert "No service is called that." in plain(site.page("/services?q=nothing"))
    assert "watch_inbox" in plain(site.page("/services?q=inbox"))
    assert 'href="/services/watch_inbox"' in site.page("/search?q=inbox")


def test_verbs_reach_the_fleet_with_a_reason(site: Pages) -> None:
    site.do(start(site.app))
    for verb, word in (("stop", "stop"), ("start", "start"), ("restart", "restart"), ("disable", "disable"), ("enable", "enable")):
        answer = site.send(f"/services/watch_inbox/{verb}", reason="because")
        assert (answer.status, answer.headers["location"]) == (303, f"/services/watch_inbox?done=service-{verb}"), plain(answer.text)
        [newest, *_] = site.audit()
        assert (newest["verb"], newest["reason"]) == (f"services.{word}", "because")
    site.send("/services/watch_inbox/disable")
    assert "Disabled" in plain(site.page("/services"))
    assert site.send("/services/nothing/stop").status == 404


def test_a_crash_loop_is_told_of_and_cleared(site: Pages) -> None:
    site.do(start(site.app))
    site.do(crash(site.app))
    shown = plain(site.page("/services/watch_inbox"))
    assert "Crash loop" in shown
    assert "It crashed too often" in shown
    assert "Clear and start" in shown
    assert "watch_inbox has failed" in plain(site.page("/")), "the overview tells of it"
    assert site.send("/services/watch_inbox/clear").status == 303
    [view] = site.do(services.list_services(site.app, services.ServicesRequest(category=None), LOOK)).items
    assert (view.state, view.crashes) == (ServiceState.WAITING, 0) or view.is_wanted


def test_probes_and_their_answers_are_drawn(site: Pages) -> None:
    async def probed() -> None:
        run_id = await start(site.app)
        store = await site.app.store()
        for age, cpu in ((60.0, 10.0), (30.0, 13.0)):
            await store.services.sample([Probed("watch_inbox", "", run_id, age, True, 4.5, None, 48_000_000, cpu)])

    site.do(probed())
    shown = plain(site.page("/services/watch_inbox"))
    assert "45.8 MB" in shown
    assert "Healthy" in shown
    [one] = site.do(services.show_uptime(site.app, services.UptimeRequest.model_validate({}), LOOK)).items
    assert one.cpu == pytest.approx(0.1, abs=0.02), "three seconds of a processor in thirty"
    assert one.memory == 48_000_000


def test_where_no_service_runs_a_badge_says_why(tmp_path: Path) -> None:
    with pages(tmp_path, [watch_inbox], runner_environment="serverless") as site:
        assert "Not run in serverless" in plain(site.page("/services"))


def test_who_may_not_control_is_told_and_refused(site: Pages) -> None:
    site.do(start(site.app))
    site.caller = Caller("eve", "web", User("eve", UserRole.VIEWER, kind="host"))
    assert "Your role does not allow this (services.control)." in plain(site.page("/services"))
    assert site.send("/services/watch_inbox/stop").status == 403
    site.caller = Caller("tim", "web", User("tim", UserRole.ADMIN, tenants=frozenset({"acme"}), kind="host"))
    assert site.get("/services").status == 403, "services are the host's"
    assert site.get("/").status == 200


def test_strips_say_which_part_of_the_time_it_was_up() -> None:
    def slots(*spans: Span, n: int = 4) -> tuple[list[float | None], list[int]]:
        return services._slots_of(spans, NOW - n * MINUTE, NOW, MINUTE, n)

    assert slots() == ([None] * 4, [0] * 4), "nothing is known"
    assert slots(Span(NOW - 10 * MINUTE, None, RunState.RUNNING)) == ([1.0] * 4, [0] * 4)
    half = Span(NOW - 2.5 * MINUTE, NOW - 1.5 * MINUTE, RunState.FAILED)
    assert slots(half) == ([None, 1.0, 0.5, 0.0], [0, 0, 1, 0]), "known from its first start on"
    again = Span(NOW - 1 * MINUTE, None, RunState.RUNNING)
    assert slots(half, again) == ([None, 1.0, 0.5, 1.0], [0, 0, 1, 0])
    assert slots(Span(NOW - 3 * MINUTE, NOW - 1 * MINUTE, RunState.CANCELLED))[1] == [0] * 4, "stopped on purpose is no crash"
