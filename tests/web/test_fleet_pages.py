"""Queues and nodes in the console: what is shown, what can be done, and what is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mainspring import Mainspring, task
from mainspring.core.access import User, UserRole
from mainspring.core.ids import make_claim_id
from mainspring.operations.operation import Caller
from tests.web.pages import Pages, pages, plain


@task(queue="mail")
def send(to: str) -> str:
    """Send a letter."""
    return to


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, [send]) as made:
        yield made


async def _waits(app: Mainspring) -> None:
    await app.enqueue(send, to="ada")


async def _node(app: Mainspring, name: str) -> str:
    store, node = await app.store(), make_claim_id()
    await store.nodes.register(node, name=name, host="h1:x", pid=7, lease=timedelta(minutes=1), facts={"role": "worker", "tasks": ["send"]})
    return node


def test_a_queue_is_paused_with_a_reason_until_a_time_and_resumed(site: Pages) -> None:
    site.do(_waits(site.app))
    assert "Nobody takes from it" in site.page("/queues"), "no node lives"
    site.do(_node(site.app, "n1"))
    assert "Nobody takes from it" not in site.page("/queues")

    answer = site.send("/queues/mail/pause", reason="the provider is down", until="30m")
    assert (answer.status, answer.headers["location"]) == (303, "/queues/mail?done=paused")
    shown = plain(site.page("/queues/mail"))
    assert "Paused by ada: the provider is down." in shown
    assert "Resumes at" in shown
    assert "Paused" in plain(site.page("/queues"))
    assert site.send("/queues/mail/resume").status == 303
    assert "Paused by" not in plain(site.page("/queues/mail"))
    told = [(row["verb"], row["object"], row["actor"], row["reason"]) for row in site.audit()]
    assert told == [("queues.resume", "queue:mail", "ada", None), ("queues.pause", "queue:mail", "ada", "the provider is down")]


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00+00:00", "soon", "2030-01-01"])
def test_a_wrong_time_pauses_nothing(site: Pages, until: str) -> None:
    answer = site.send("/queues/mail/pause", until=until)
    assert answer.status == 422
    assert until in plain(answer.text)
    assert "Paused by" not in plain(site.page("/queues/mail"))
    assert site.audit() == []


def test_a_limit_is_set_told_apart_from_the_code_and_taken_back(site: Pages) -> None:
    assert site.send("/queues/mail/limit", concurrency="3", rate="10/s").status == 303
    shown = plain(site.page("/queues/mail"))
    assert "set here" in shown
    assert "of 3 at once" in shown
    wrong = site.send("/queues/mail/limit", concurrency="many")
    assert wrong.status == 422
    assert "'many' is no number of runs" in plain(wrong.text)
    assert 'value="many"' in wrong.text, "what was typed is kept"
    assert site.send("/queues/mail/limit").status == 303
    assert "no limit of its own" in plain(site.page("/queues/mail"))


def test_a_queue_whose_name_needs_escaping_and_one_that_nobody_used(site: Pages) -> None:
    assert "a b" in plain(site.page("/queues/a%20b"))
    assert "Nothing has come this way yet." in plain(site.page("/queues/new"))


def test_nodes_are_listed_commanded_and_found(site: Pages) -> None:
    assert "mainspring runner" in plain(site.page("/nodes"))
    node = site.do(_node(site.app, "n1"))
    assert "Healthy" in plain(site.page("/nodes"))
    for verb in ("pause", "resume", "quiet"):
        assert site.send(f"/nodes/{node}/{verb}", reason="a deployment").headers["location"] == f"/nodes/{node}?done=node-{verb}"
    shown = plain(site.page(f"/nodes/{node}"))
    assert "a deployment" in shown
    assert "h1" in shown
    assert f"/nodes/{node}" in site.page("/search?q=n1")
    assert site.get("/nodes/00000000-0000-7000-8000-000000000000").status == 404
    assert site.send(f"/nodes/{node}/explode").status == 404


def test_the_fleet_rests_and_goes_on(site: Pages) -> None:
    assert site.send("/nodes/maintenance", on="1", reason="a new disk").status == 303
    assert "The fleet rests: ada, a new disk." in plain(site.page("/nodes"))
    assert site.send("/nodes/maintenance", on="0").status == 303
    assert "The fleet rests" not in plain(site.page("/nodes"))


def test_a_viewer_sees_why_the_buttons_do_nothing_and_the_server_refuses_all_the_same(site: Pages) -> None:
    site.caller = Caller("bob", "web", User("bob", UserRole.VIEWER, kind="host"))
    assert "Your role does not allow this (queues.control)." in site.page("/queues/mail")
    answer = site.send("/queues/mail/pause", reason="because")
    assert answer.status == 403
    assert "Paused by" not in plain(site.page("/queues/mail"))
