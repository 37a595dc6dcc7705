"""Errors, dead letters, events and the audit trail in the console."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, task
from mainspring.core.access import User, UserRole
from mainspring.core.errors import RunError
from mainspring.operations.operation import Caller
from tests.web.pages import Pages, pages, plain

BROKEN = [True]


@task(retry=0)
def charge(order: int) -> int:
    """Charge an order."""
    if BROKEN[0]:
        raise ConnectionError("the bank <b>refuses</b>")
    return order


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pages]:
    BROKEN[0] = True
    with pages(tmp_path, [charge]) as made:
        yield made


def fail(site: Pages, order: int = 1) -> None:
    async def once(app: Mainspring) -> None:
        with pytest.raises(RunError):
            await app.run(charge, order=order)

    site.do(once(site.app))


def dead(site: Pages) -> list[str]:
    return [each.id for each in site.do(_ask(site, "dead.list")).items]


async def _ask(site: Pages, name: str, **fields: object) -> Any:
    from mainspring.operations.catalog import CATALOG

    assert site.caller is not None
    return await CATALOG[name](site.app, CATALOG[name].request(**fields), site.caller)


@pytest.mark.scenario("R10", part="pages")
def test_failures_alike_are_one_error_that_is_resolved_and_opens_again(site: Pages) -> None:
    assert "No such errors." in plain(site.page("/errors"))
    fail(site)
    fail(site, 2)
    page = site.page("/errors")
    assert "ConnectionError" in page
    assert "&lt;b&gt;refuses&lt;/b&gt;" in page, "a message is text"
    (error,) = site.do(_ask(site, "errors.list")).items
    assert error.n == 2
    shown = plain(site.page(f"/errors/{error.fingerprint}"))
    assert "charge" in shown
    assert "raise ConnectionError" in shown
    assert site.send(f"/errors/{error.fingerprint}/resolve", reason="another bank").status == 303
    assert "No such errors." in plain(site.page("/errors"))
    assert "another bank" in plain(site.page(f"/errors/{error.fingerprint}"))
    assert "ConnectionError" in site.page("/errors?status=resolved")
    fail(site, 3)
    assert "Came back" in plain(site.page("/errors"))
    assert "Errors" not in plain(site.page("/errors/badge"))
    assert "1" in plain(site.page("/errors/badge"))


def test_an_ignored_error_is_out_of_sight_and_comes_back_when_asked(site: Pages) -> None:
    fail(site)
    (error,) = site.do(_ask(site, "errors.list")).items
    assert site.send(f"/errors/{error.fingerprint}/ignore", reason="a flake").status == 303
    assert "No such errors." in plain(site.page("/errors"))
    assert "Ignored" in plain(site.page("/errors?status=ignored"))
    assert plain(site.page("/errors/badge")).strip() == ""
    assert site.send(f"/errors/{error.fingerprint}/heed").status == 303
    assert "ConnectionError" in site.page("/errors")


@pytest.mark.scenario("U16", part="dead letters")
def test_dead_letters_are_inspected_done_again_and_given_up_and_all_of_it_is_written_down(site: Pages) -> None:
    assert "No dead letters." in plain(site.page("/dead"))
    for order in range(3):
        fail(site, order)
    last, middle, first = dead(site)
    page = site.page("/dead")
    assert plain(page).count("the bank") == 4, "a group and three letters"
    assert f"/tasks/charge?from={first}" in page, "to be edited and started again"

    BROKEN[0] = False
    assert site.send("/dead/requeue", id=[last]).headers["location"] == "/dead?done=requeued"
    assert dead(site) == [middle, first]
    assert site.send("/dead/discard", id=[middle], reason="the customer is gone").status == 303
    assert dead(site) == [first]
    assert site.send("/dead/discard", task="charge", reason="so are the others").status == 303
    assert dead(site) == []
    assert "No dead letters." in plain(site.page("/dead"))
    told = [(row["verb"], row["object"], row["actor"], row["reason"]) for row in site.audit()]
    assert told == [
        ("dead.discard", "task:charge", "ada", "so are the others"),
        ("dead.discard", f"run:{middle}", "ada", "the customer is gone"),
        ("runs.retry", f"run:{told[2][1].partition(':')[2]}", "ada", None),
    ]


def test_a_group_is_done_again_as_a_whole(site: Pages) -> None:
    for order in range(3):
        fail(site, order)
    (group,) = site.do(_ask(site, "dead.groups")).items
    assert (group.task, group.n, group.ages) == ("charge", 3, [3, 0, 0, 0])
    assert site.send("/dead/requeue", task="charge", error=group.fingerprint).status == 303
    assert dead(site) == []
    assert site.runs() == 6


def test_nothing_selected_and_a_run_that_has_not_failed_are_refused(site: Pages) -> None:
    BROKEN[0] = False
    run = site.do(_start(site.app))
    assert site.send("/dead/requeue").status == 409
    refused = site.send("/dead/discard", id=[run])
    assert refused.status == 409
    assert "only runs that have failed can be given up" in plain(refused.text)


async def _start(app: Mainspring) -> str:
    return (await app.enqueue(charge, order=1)).id


@pytest.mark.scenario("B-22")
def test_the_tap_shows_everything_that_happens_filtered_and_to_operators_only(site: Pages) -> None:
    fail(site)
    site.send("/queues/mail/pause", reason="the provider is down")
    shown = plain(site.page("/events"))
    for what in ("run.enqueued", "run.failed", "queues.pause", "queue:mail"):
        assert what in shown
    assert "run.enqueued" not in plain(site.page("/events?source=audit"))
    assert "queues.pause" not in plain(site.page("/events?q=charge"))
    assert "run.enqueued" not in plain(site.page("/events?severity=warning"))
    assert "run.failed" in plain(site.page("/events?severity=warning"))
    assert 'hx-trigger="ms:tick from:body"' in site.page("/events"), "it follows what happens"
    site.caller = Caller("bob", "web", User("bob", UserRole.VIEWER, kind="host"))
    assert site.get("/events").status == 403


def test_the_audit_trail_is_filtered_paged_and_exported_without_formulas(site: Pages) -> None:
    for number in range(60):
        site.send("/queues/mail/pause", reason=f"=HYPERLINK({number})")
    page = site.page("/audit?verb=queues.pause&actor=ada")
    assert page.count('id="audit-') == 50
    older = page.split('href="')[-1].split('"')[0] if "before=" in page else ""
    assert "before=" in page, older
    assert "Nobody has done anything like that." in plain(site.page("/audit?actor=eve"))
    answer = site.get("/audit.csv?verb=queues.pause")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 60
    assert rows[0]["reason"] == "'=HYPERLINK(59)", "a spreadsheet takes it for text"
    site.caller = Caller("bob", "web", User("bob", UserRole.VIEWER, kind="host"))
    assert site.get("/audit").status == 403
    assert site.get("/audit.csv").status == 403


@pytest.mark.scenario("S3-57", part="page")
def test_the_house_says_which_values_are_in_force_and_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_RETENTION_DAYS", "3")
    with pages(tmp_path, [charge], default_timeout="7m") as site:
        shown = plain(site.page("/settings/house"))
    for name in ("TASK_MAX_CONCURRENT", "TASK_DEFAULT_TIMEOUT", "TASK_WEBSOCKET_ENABLED", "TASK_BUFFER_SIZE", "TASK_LOG_LEVEL"):
        assert name in shown
    assert "TASK_RETENTION_DAYS 3d environment" in shown
    assert "TASK_DEFAULT_TIMEOUT 7m argument" in shown
    assert "Defaults, then mainspring.toml or pyproject.toml, then the environment, then arguments" in shown
