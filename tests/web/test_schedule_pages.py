"""Schedules in the console: what they say and when they are due, and everything that can be done to one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring import cron, every, manual, task
from mainspring.core.access import User, UserRole
from mainspring.core.schedule import parse_schedule
from mainspring.operations import agenda
from mainspring.operations.operation import Caller
from mainspring.web.pages.schedules import PAGE
from mainspring.web.shell.prefs import COOKIE
from tests.web.pages import ADA, Pages, pages, plain

LOOK = Caller("ada", "test", ADA)


@task(schedule=cron("0 3 * * *", tz="Europe/Berlin"))
def backup(database: str = "orders") -> str:
    """Dump a database."""
    return database


@task(schedule=every("1h", name="look-around"), overlap="skip")
def look() -> None:
    """Look around."""


@task(schedule=manual(), danger="Deletes everything.")
def wipe() -> None:
    """Wipe."""


@task
def plain_task(n: int = 1) -> int:
    """Do it."""
    return n


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path, [backup, look, wipe, plain_task]) as made:
        yield made


def zoned(zone: str) -> dict[str, str]:
    return {"cookie": f"{COOKIE}=zone={zone.replace('/', '%2F')}"}


def test_the_list_says_what_each_does_in_the_language_of_the_page(site: Pages) -> None:
    shown = plain(site.page("/schedules"))
    assert "At 03:00, every day, in Europe/Berlin time 0 3 * * * · Europe/Berlin" in shown
    assert "look-around look Every hour 1h" in shown
    assert "Only when somebody runs it" in shown
    assert "Manual 1" in shown, "how many there are in each state"
    assert "Um 03:00 Uhr, jeden Tag" in plain(site.page("/schedules", accept_language="de"))
    assert "O 03:00, codziennie, czasu Europe/Berlin" in plain(site.page("/schedules", accept_language="pl"))
    assert plain(site.page("/schedules?q=BACK")).count("backup") >= 1
    assert "look-around" not in plain(site.page("/schedules?q=back"))
    assert "No schedule is like that." in plain(site.page("/schedules?q=nothing"))


@pytest.mark.scenario("U8", part="schedules, pages")
def test_the_order_and_the_pages_are_in_the_address_and_counts_are_of_all_states(site: Pages) -> None:
    async def many() -> None:
        for number in range(PAGE):
            await site.app.schedules.create(f"extra-{number:03}", "plain_task", parse_schedule(f"every {number + 2}h"))

    site.do(many())
    first = site.page("/schedules?sort=next")
    assert 'aria-sort="ascending"' in first
    names = re.findall(r'<td class="name"><a href="[^"]*">([^<]*)</a>', first)
    assert len(names) == PAGE
    [more] = re.findall(r'<a class="push" href="([^"]*)" rel="next">', first)
    rest = re.findall(r'<td class="name"><a href="[^"]*">([^<]*)</a>', site.page(more.replace("&amp;", "&")))
    assert len(rest) == 3
    assert not set(names) & set(rest)
    assert rest[-1] == "wipe", "what is never due by itself comes last"
    shown = plain(site.page("/schedules?state=manual"))
    assert f"Active {PAGE}" in shown, "counts are those of all states, whichever is chosen"
    assert "extra-001" not in shown


def test_five_thousand_schedules_are_no_burden(site: Pages) -> None:
    async def many() -> None:
        store = (await site.app.store()).schedules
        said = {f"s{n:04}": ("plain_task", every(f"{n % 50 + 1}m")) for n in range(5000)}
        await store.declare(said, lambda record, slot: pytest.fail("nothing is due"))

    site.do(many())
    site.page("/schedules")
    for path in ("/schedules", "/schedules?sort=next", "/schedules?q=s4999", "/schedules?view=lanes", "/schedules?view=calendar"):
        began = time.perf_counter()
        page = site.page(path)
        assert len(page) < 400_000, path
        assert time.perf_counter() - began < 5.0, "generous: it is about work that grows with every row"
    assert "s4999" in plain(site.page("/schedules?q=s4999"))


@pytest.mark.scenario("B-01", part="pages")
@pytest.mark.scenario("B-26", part="zones")
def test_the_next_times_are_shown_in_both_zones_with_the_jumps_of_clocks(site: Pages) -> None:
    shown = plain(site.page("/schedules/backup", **zoned("Asia/Tokyo")))
    assert "In Europe/Berlin" in shown
    assert "Your time (Asia/Tokyo)" in shown
    part = site.page("/schedules/preview?how=cron&cron=30+2+*+3+*&tz=Europe/Berlin", **zoned("Asia/Tokyo"))
    assert plain(part).count("+01:00") + plain(part).count("+02:00") == 10, "ten times"
    assert plain(part).count("+09:00") == 10
    assert re.search(r'datetime="[^"]*Z" title="[^"]* UTC"', part), "UTC is in the tooltip"
    leap = plain(site.page("/schedules/preview?how=cron&cron=30+2+28-31+3+*&tz=Europe/Berlin", **zoned("UTC")))
    assert "At 02:30" in leap
    assert "clocks leave this time out" in leap, "2:30 does not exist on the last Sunday of March"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("how=cron&cron=99+*+*+*+*", "minute"), ("how=cron&cron=" + "9," * 400, "cron"), ("how=day&time=nine", "time"),
        ("how=day&time=09:00&tz=Mars/Olympus", "tz"), ("how=interval&interval=soon", "every"),
    ],
)  # fmt: skip
def test_a_preview_of_nonsense_says_what_is_wrong(site: Pages, query: str, said: str) -> None:
    shown = plain(site.page(f"/schedules/preview?{query}"))
    assert said in shown
    assert len(shown) < 1000


def test_a_schedule_is_made_previewed_and_run(site: Pages) -> None:
    said = "task=plain_task&params=%7B%22n%22%3A+3%7D&how=week&weekday=1&weekday=5&time=09:00&tz=Europe/Warsaw&name=weekly"
    page = site.page(f"/schedules/new?{said}")
    assert "in Europe/Warsaw time" in plain(page), "an address fills the form in, and the preview is there without scripts"
    assert 'value="plain_task"' in page
    answer = site.send(
        "/schedules/new", name="weekly", task="plain_task", how="week", weekday=["1", "5"], time="09:00", tz="Europe/Warsaw",
        params='{"n": 3}', reason="for the meeting",
    )  # fmt: skip
    assert (answer.status, answer.headers["location"]) == (303, "/schedules/weekly?done=scheduled")
    record = site.do(site.app.schedules.get("weekly"))
    assert (record.effective.expression, record.effective.tz, record.effective.params) == ("0 9 * * 1,5", "Europe/Warsaw", {"n": 3})
    assert [row["reason"] for row in site.audit() if row["verb"] == "schedules.create"] == ["for the meeting"]
    run = site.send("/schedules/weekly/run")
    assert run.status == 303
    assert run.headers["location"].startswith("/runs/")
    assert "by hand" in plain(site.page("/schedules/weekly"))
    copy = site.page("/schedules/new?from=weekly")
    assert 'value="weekly-2"' in copy
    assert "&#34;n&#34;: 3" in copy


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"task": "nothing"}, "nothing"), ({"params": "{"}, "params"), ({"params": "[1]"}, "params"), ({"params": '{"n": "x"}'}, "n"),
        ({"tz": "Mars/Olympus"}, "tz"), ({"how": "cron", "cron": "* *"}, "expression"), ({"time": "99:99"}, "time"), ({"name": ""}, "name"),
        ({"grace": "soon"}, "grace"), ({"task": "wipe"}, "confirmed"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_field_and_nothing_is_lost(site: Pages, fields: dict[str, str], field: str) -> None:
    good = {"name": "new", "task": "plain_task", "how": "day", "time": "09:00", "tz": "UTC"}
    answer = site.send("/schedules/new", good | fields)
    assert answer.status in (404, 409, 422), answer.text[-300:]
    assert field in answer.text
    if answer.status == 422:
        assert "Error: New schedule" in answer.text, "the title says so"
        assert 'role="alert"' in answer.text
        for name, value in (good | fields).items():
            if name in ("name", "tz") and value:
                assert f'value="{value}"' in answer.text, "what was typed in is still there"
    assert site.do(site.app.schedules.list(task="plain_task")) == []


@pytest.mark.scenario("D7", part="pages")
@pytest.mark.scenario("B-08", part="pages")
def test_an_edit_holds_over_the_code_is_shown_and_can_be_taken_back(site: Pages) -> None:
    page = site.page("/schedules/backup/edit")
    [version] = re.findall(r'name="version" value="(\d+)"', page)
    assert 'id="how-day" checked' in page or re.search(r'id="how-day"[^>]*checked', page)
    answer = site.send("/schedules/backup/edit", how="day", time="05:30", tz="Europe/Berlin", version=version, reason="less traffic")
    assert answer.status == 303, plain(answer.text)
    assert "Differs from code" in plain(site.page("/schedules"))
    shown = plain(site.page("/schedules/backup"))
    assert "The code says At 03:00, every day, in Europe/Berlin time What holds At 05:30" in shown
    assert "Reset to code" in shown
    assert "Differs from code 1" in plain(site.page("/schedules"))
    assert "look-around" not in plain(site.page("/schedules?drifted=1"))
    assert site.send("/schedules/backup/reset").status == 303
    again = site.do(site.app.schedules.get("backup"))
    assert (again.drift, again.effective.expression) == (False, "0 3 * * *")
    assert "Differs from code" not in plain(site.page("/schedules"))


@pytest.mark.scenario("U7", part="pages")
def test_who_was_overtaken_sees_both_and_loses_nothing(site: Pages) -> None:
    [version] = re.findall(r'name="version" value="(\d+)"', site.page("/schedules/backup/edit"))

    async def another() -> None:
        await site.app.schedules.edit("backup", parse_schedule("0 4 * * *", tz="Europe/Berlin"), actor="bob")

    site.do(another())
    answer = site.send("/schedules/backup/edit", how="day", time="05:30", tz="Europe/Berlin", version=version)
    assert answer.status == 409
    shown = plain(answer.text)
    assert "bob changed this schedule" in shown
    assert "At 04:00, every day" in shown, "what holds now"
    assert "At 05:30, every day" in shown, "and what was written"
    assert site.do(site.app.schedules.get("backup")).effective.expression == "0 4 * * *", "nothing was saved"
    [now] = re.findall(r'name="version" value="(\d+)"', answer.text)
    assert site.send("/schedules/backup/edit", how="day", time="05:30", tz="Europe/Berlin", version=now).status == 303
    assert site.do(site.app.schedules.get("backup")).effective.expression == "30 5 * * *"


@pytest.mark.scenario("U7", part="pages, ranges")
def test_an_edit_is_checked_by_field(site: Pages) -> None:
    for fields, field in (({"tz": "Nowhere"}, "tz"), ({"params": '{"database": 3}'}, "database"), ({"how": "month", "day": "40"}, "day")):
        answer = site.send("/schedules/backup/edit", {"how": "day", "time": "05:30", "tz": "UTC"} | fields)
        assert (answer.status, field in answer.text) == (422, True), (fields, plain(answer.text)[-300:])
    assert not site.do(site.app.schedules.get("backup")).drift


def test_pause_skip_and_switches_leave_a_trace(site: Pages) -> None:
    assert site.send("/schedules/look-around/pause", reason="the source is away", until="2h").status == 303
    shown = plain(site.page("/schedules/look-around"))
    assert "Paused by ada: the source is away." in shown
    assert "Goes on at" in shown
    assert "Paused" in plain(site.page("/schedules?state=paused"))
    assert site.send("/schedules/look-around/resume").status == 303
    assert "Paused until" in plain(site.page("/schedules/look-around")), "the pause is part of the history"
    assert site.send("/schedules/look-around/skip").status == 303
    assert "will be left out" in plain(site.page("/schedules/look-around"))
    assert "will be skipped" in plain(site.page("/schedules/look-around"))
    assert site.send("/schedules/look-around/unskip").status == 303
    assert site.send("/schedules/look-around/disable", reason="not now").status == 303
    assert "Disabled" in plain(site.page("/schedules?state=disabled"))
    assert site.send("/schedules/look-around/enable").status == 303
    wrong = site.send("/schedules/look-around/pause", until="2000-01-01")
    assert (wrong.status, "until" in plain(wrong.text)) == (422, True)
    assert site.send("/schedules/look-around/resume").status == 409, "nothing to resume"
    verbs = [row["verb"] for row in reversed(site.audit())]
    assert verbs == [f"schedules.{verb}" for verb in ("pause", "resume", "skip", "skip", "disable", "enable")]


def test_missed_slots_are_made_up_for_and_own_schedules_deleted(site: Pages) -> None:
    site.send("/schedules/new", name="mine", task="plain_task", how="hour", n_hours="1", minute="0", tz="UTC")
    assert site.send("/schedules/mine/backfill", since="5h").status == 303
    shown = plain(site.page("/schedules/mine"))
    assert shown.count("made up for") >= 4
    wrong = site.send("/schedules/mine/backfill", since="whenever")
    assert (wrong.status, "since" in plain(wrong.text)) == (422, True)
    assert site.send("/schedules/mine/delete", reason="not needed").status == 303
    assert site.get("/schedules/mine").status == 404
    assert site.send("/schedules/backup/delete").status == 409, "its code would bring it back"


def test_the_danger_of_a_task_is_told_and_asked_for(site: Pages) -> None:
    shown = plain(site.page("/schedules/wipe"))
    assert "This task is dangerous: Deletes everything." in shown
    assert "Deletes everything." in site.page("/schedules")
    refused = site.send("/schedules/wipe/run")
    assert refused.status == 409
    assert site.send("/schedules/wipe/run", confirmed="1").status == 303


def test_a_viewer_sees_why_nothing_can_be_pressed_and_the_server_agrees(site: Pages) -> None:
    site.caller = Caller("eve", "web", User("eve", UserRole.VIEWER, kind="host"))
    assert "Your role does not allow this" in site.page("/schedules")
    for path in ("/schedules/backup/pause", "/schedules/backup/run", "/schedules/backup/reset", "/schedules/backup/edit", "/schedules/new"):
        fields = {"name": "x", "task": "plain_task", "how": "day", "time": "09:00"}
        assert site.send(path, fields).status == 403, path
    assert not site.do(site.app.schedules.get("backup")).is_paused


def test_lanes_and_calendar_show_what_is_due(site: Pages) -> None:
    lanes = site.page("/schedules?view=lanes")
    assert "look-around" in lanes
    assert lanes.count("<rect") >= 24, "each hour and the night's backup"
    assert "style=" not in lanes
    calendar = site.page("/schedules?view=calendar")
    assert len(re.findall(r'<th scope="row">', calendar)) in (7, 8)


def test_an_agenda_counts_what_it_cannot_name_and_sees_overlaps(site: Pages) -> None:
    async def ask() -> agenda.AgendaView:
        await site.app.schedules.create("often", "plain_task", parse_schedule("* * * * * *"))
        return await agenda.show_agenda(site.app, agenda.AgendaRequest.model_validate({"within": "24h"}), LOOK)

    view = site.do(ask())
    rows = {each.name: each for each in view.items}
    assert (rows["often"].slots, rows["often"].runs) == ([], 86_400)
    assert (rows["look-around"].runs, len(rows["look-around"].slots)) == (24, 24)
    assert sum(view.hours) == sum(each.runs for each in view.items)
    minute = parse_schedule("every 1m")
    slots = minute.slots_between(view.since, view.until, 3)
    assert agenda._overlaps(slots, 90_000.0) == 2, "a run of ninety seconds each minute"
    assert agenda._overlaps(slots, 30_000.0) == 0


def test_the_palette_finds_schedules(site: Pages) -> None:
    assert 'href="/schedules/look-around"' in site.page("/search?q=around")
    assert 'href="/schedules/look-around"' not in site.page("/search?q=elsewhere")
