"""``mainspring schedules`` and ``app.schedules``: what people see of schedules, and what they do with them."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mainspring import Schedule, cron, errors, every, manual, task, when
from mainspring.cli import language
from mainspring.cli.schedules import words
from mainspring.core.notice import Notice
from mainspring.core.preview import preview
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from mainspring.testing import Kit
from tests.faces.conftest import Cli, Process
from tests.faces.test_catalog import audit_rows

TASKS = """
from mainspring import cron, every, manual, task


@task(schedule=cron("30 2 * * *", tz="Europe/Berlin", params={"keep": 3}))
def prune(keep: int = 14) -> int:
    return keep


@task(schedule=[every("90s"), cron("0 0 13 * 5", name="friday")])
async def report() -> str:
    return "done"


@task(danger="All goes.", schedule=manual())
async def wipe() -> str:
    return "gone"


@task
async def greet(name: str) -> str:
    return f"hello {name}"
"""


def write(cli: Cli, text: str) -> None:
    """Deploy other code: the module of before is forgotten."""
    (cli.cwd / "tasks.py").write_text(text)
    sys.modules.pop("tasks", None)


@pytest.fixture
def shop(project: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A project with schedules of its own, whose user speaks English and lives in New York."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "America/New_York")
    write(project, TASKS)
    return project


def run_node(cli: Cli) -> Process:
    """Start a whole node and wait until it works."""
    node = cli.start("runner", "--name", "here")
    node.expect("works on")
    return node


def stop(node: Process) -> None:
    node.signal(signal.SIGTERM)
    assert node.end() == 0, node.said


# -- seeing


@pytest.mark.scenario("B-01", part="cli")
@pytest.mark.scenario("S9", part="cli")
def test_schedules_are_listed_in_words_with_what_comes_next(shop: Cli) -> None:
    listed = shop.ok("schedules")
    assert "At 02:30, every day, in Europe/Berlin time" in listed
    assert "Every 90 seconds" in listed
    assert "At 00:00, on day 13 of the month or on Friday (either is enough), in UTC" in listed
    rows = {row["name"]: row for row in shop.objects("schedules")}
    assert list(rows) == ["friday", "prune", "report", "wipe"]
    assert {name: row["state"] for name, row in rows.items()} == {"friday": "new", "prune": "new", "report": "new", "wipe": "manual"}
    assert rows["prune"]["definition"] | {"name": ""} == {
        "kind": "cron", "expression": "30 2 * * *", "tz": "Europe/Berlin", "params": {"keep": 3}, "name": "",
    }  # fmt: skip
    assert rows["wipe"]["next_at"] is None
    assert [row["name"] for row in shop.objects("schedules", "--state", "manual")] == ["wipe"]
    assert [row["name"] for row in shop.objects("schedules", "--task", "report")] == ["friday", "report"]
    page = shop("schedules", "list", "-n", "2")
    assert "--after prune" in page.stderr
    assert [row["name"] for row in shop.objects("schedules", "--after", "prune")] == ["report", "wipe"]
    shown = shop.ok("schedules", "show", "friday")
    assert "either is enough" in shown and shown.count("00:00:00+00:00") == 5
    assert "No node has been started with this schedule yet" in shown
    assert len(shop.object("schedules", "show", "friday")["upcoming"]) == 5


@pytest.mark.scenario("B-01", part="cli")
@pytest.mark.parametrize(
    ("expression", "options", "words"),
    [
        ("* * * * *", (), "Every minute, in UTC."),
        ("@hourly", (), "At minute 0, in every hour, in UTC."),
        ("30 2 * * *", ("--tz", "Europe/Berlin"), "At 02:30, every day, in Europe/Berlin time."),
        ("0 9 * * MON", (), "At 09:00, on Monday, in UTC."),
        ("0 9 L * *", (), "At 09:00, on the last day of the month, in UTC."),
        ("at 2031-01-31T08:00", ("--tz", "Europe/Berlin"), "Once, on 2031-01-31 08:00 in Europe/Berlin time."),
        ("every 90s", (), "Every 90 seconds."),
        ("0 0 13 * 5", (), "At 00:00, on day 13 of the month or on Friday (either is enough), in UTC."),
    ],
)
def test_every_form_is_previewed_in_both_zones(shop: Cli, expression: str, options: tuple[str, ...], words: str) -> None:
    said = shop.ok("schedules", "preview", expression, *options, "--zone", "Asia/Tokyo", "--after", "2030-12-31")
    lines = said.splitlines()
    assert lines[0] == words
    assert "Asia/Tokyo" in lines[2] and "+09:00" in lines[3]
    assert len(lines[3:]) == (1 if expression.startswith("at") else 5)
    for each in shop.objects("schedules", "preview", expression, *options, "--zone", "Asia/Tokyo", "--after", "2030-12-31"):
        slot = datetime.fromisoformat(each["slot"])
        assert datetime.fromisoformat(each["local"]) == slot == datetime.fromisoformat(each["viewer"])
        assert datetime.fromisoformat(each["viewer"]).utcoffset() == timedelta(hours=9)


def test_the_oddities_of_clocks_are_marked_where_they_are(shop: Cli) -> None:
    spring = shop.ok("schedules", "next", "prune", "--after", "2027-03-27", "--zone", "UTC")
    marked = [line for line in spring.splitlines() if "clocks" in line]
    assert len(marked) == 1
    assert marked[0].startswith("2027-03-28 03:00:00+02:00") and "the first instant after" in marked[0]
    autumn = shop.objects("schedules", "next", "prune", "--after", "2027-10-30", "-n", "3")
    assert [each["oddity"] for each in autumn] == [None, "first-of-two", None]


def test_the_viewers_zone_is_that_of_the_machine_unless_told_otherwise(shop: Cli) -> None:
    assert "America/New_York" in shop.ok("schedules", "next", "prune")
    assert shop.object("schedules", "show", "prune")["zone"] == "America/New_York"
    wrong = shop("schedules", "next", "prune", "--zone", "Mars/Olympus")
    assert wrong.exit_code == 2
    assert "zone: is no known zone" in wrong.stderr


@pytest.mark.parametrize(
    ("said", "zone"), [("Europe/Warsaw", "Europe/Warsaw"), (":Asia/Tokyo", "Asia/Tokyo"), ("Etc/UTC", "UTC"), ("CET-1", "UTC")]
)
def test_the_machines_zone_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch, said: str, zone: str) -> None:
    monkeypatch.setenv("TZ", said)
    assert language.local_zone() == zone


@pytest.mark.scenario("S15", part="cli")
def test_words_come_in_the_language_of_the_user(shop: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    polish = shop.ok("schedules", "next", "prune", "--lang", "pl")
    assert polish.startswith("O 02:30, codziennie, czasu Europe/Berlin.")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert "Um 02:30 Uhr, jeden Tag" in shop.ok("schedules")
    assert "At 02:30" in shop.ok("schedules", "--lang", "en")
    monkeypatch.setenv("LC_ALL", "C")
    assert "At 02:30" in shop.ok("schedules")


# -- what makes no sense


@pytest.mark.scenario("S8", part="cli")
@pytest.mark.parametrize("verb", ["create", "edit", "preview"])
@pytest.mark.parametrize(
    ("expression", "options", "field", "said"),
    [
        ("", (), "expression", "is empty"),
        ("* * * *", (), "expression", "has 4 fields"),
        ("60 * * * *", (), "minute", "0 to 59"),
        ("0 0 31 2 *", (), "day of month", "never fires"),
        ("0 0 * * *", ("--tz", "Europe/Berln"), "tz", "did you mean Europe/Berlin"),
        ("0 0 15W * *", (), "day of month", "W"),
        ("every 10ms", (), "every", "from a second"),
        ("at tomorrow", (), "at", "is no time"),
        ("0 0 * * *", ("--misfire", "perhaps"), "misfire", "skip, once, all"),
        ("0 0 * * *", ("--start", "2030-01-02", "--end", "2030-01-01"), "end", "never fires"),
        ("0 0 * * *", ("--jitter", "long"), "jitter", "is no duration"),
    ],
)
def test_what_makes_no_sense_is_refused_field_by_field(
    shop: Cli, verb: str, expression: str, options: tuple[str, ...], field: str, said: str
) -> None:
    where = {"create": ("create", "extra", "report"), "edit": ("edit", "prune"), "preview": ("preview",)}[verb]
    result = shop("--json", "schedules", *where, expression, *options)
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "invalid-params"
    problems = {each["field"]: each["what"] for each in error["problems"]}
    assert said in problems[field], problems
    assert f"  {field}: " in result.stderr
    assert {row["name"] for row in shop.objects("schedules") if row["state"] != "new"} == {"wipe"}
    assert audit_rows(shop.url) == []


def test_all_fields_that_are_wrong_are_named_at_once(shop: Cli) -> None:
    result = shop("--json", "schedules", "create", "extra", "report", "60 25 32 * *", "--tz", "Mars", "--grace", "long")
    fields = [each["field"] for each in json.loads(result.stdout)["error"]["problems"]]
    assert set(fields) == {"minute", "hour", "day of month", "tz", "grace"}


def test_names_that_are_not_there_or_taken_are_told(shop: Cli) -> None:
    for asked, said in (
        (("show", "prun"), "did you mean 'prune'?"),
        (("pause", "nobody"), "there is no schedule named 'nobody'"),
        (("create", "extra", "reprot", "@daily"), "there is no task named 'reprot'"),
        (("create", "prune", "report", "@daily"), "there is a schedule named 'prune' already"),
        (("create", "not a name", "report", "@daily"), "name: is not allowed"),
        (("create", "extra", "greet", "@daily"), "name: "),  # the parameter of the task, which is missing
        (("create", "extra", "prune", "@daily", "--params", '{"keep": "all"}'), "keep: "),
        (("edit", "prune", "--params", '{"kept": 1}'), "kept: "),
        (("edit", "prune"), "nothing is changed"),
        (("pause", "prune", "--until", "2020-01-01"), "until: is past"),
        (("pause", "prune", "--until", "soon"), "until: is neither a while"),
        (("resume", "prune"), "is not paused"),
        (("skip", "wipe"), "no slot to come"),
        (("backfill", "prune", "2999-01-01"), "since: "),
        (("backfill", "report", "30d"), "take a shorter span"),
        (("delete", "prune", "--yes"), "is declared in code"),
        (("reset", "nobody"), "there is no schedule named 'nobody'"),
    ):
        result = shop("schedules", *asked)
        assert result.exit_code == 2, asked
        assert said in result.stderr, (asked, result.stderr)


# -- doing


@pytest.mark.scenario("U3", part="schedules")
def test_every_verb_says_in_a_sentence_what_it_did(shop: Cli) -> None:
    def said(*words: str) -> str:
        told = shop.ok("schedules", *words).splitlines()
        assert len(told) == 1
        return told[0]

    assert said("pause", "prune", "--until", "2h", "--reason", "disk full").startswith("prune is paused until 20")
    assert "(disk full): nothing fires; of what is missed its policy once makes up for" in said("pause", "prune", "--reason", "disk full")
    assert said("resume", "prune").startswith("prune goes on: its next slot is ")
    assert " of friday is left out: the one after it is " in said("skip", "friday")
    assert "left out, as somebody asked" in shop.ok("schedules", "next", "friday")
    assert said("skip", "friday", "--undo").startswith("no slot of friday is left out: its next slot is ")
    assert " of prune was added for prune: its next slot stays " in said("run", "prune")
    assert said("backfill", "prune", "3d").startswith("3 runs of prune added for slots from ")
    assert said("backfill", "prune", "3d").startswith("nothing to make up for")
    assert said("edit", "prune", "0 4 * * *", "--tz", "UTC").startswith("prune is now: At 04:00, every day, in UTC; its next slot is ")
    assert said("edit", "prune", "0 4 * * *").startswith("prune was so already")
    assert said("reset", "prune").startswith("prune is again as its code says: At 02:30")
    assert said("reset", "prune").startswith("prune was as its code says")
    assert said("disable", "prune") == "prune is disabled: nothing fires, and what passes is not made up for"
    assert said("disable", "prune") == "prune was disabled already"
    assert said("enable", "prune").startswith("prune is enabled: its next slot is ")
    assert said("create", "hourly", "report", "@hourly", "--jitter", "30s").startswith(
        "hourly does report: At minute 0, in every hour, in UTC, put off by up to 30 seconds at random; its next slot is "
    )
    unsure = shop("schedules", "delete", "hourly")
    assert (unsure.exit_code, "say --yes" in unsure.stderr) == (2, True)
    assert said("delete", "hourly", "--yes") == "hourly is gone; its runs stay"
    assert "hourly" not in shop.ok("schedules")


def test_the_json_of_changes_is_stable(shop: Cli) -> None:
    paused = shop.object("schedules", "pause", "prune", "--until", "2030-06-01T08:00", "--reason", "summer")
    assert (paused["state"], paused["paused_until"], paused["pause_reason"]) == ("paused", "2030-06-01T06:00:00Z", "summer")
    keys = {
        "v", "name", "tenant", "task", "state", "definition", "before", "has_changed", "has_drifted", "next_slot", "next_at", "skip_slot",
        "slot_after", "paused_until", "pause_reason",
    }  # fmt: skip
    assert paused.keys() == keys
    assert shop.object("schedules", "resume", "prune").keys() == keys
    assert shop.object("schedules", "run", "prune").keys() == {"v", "id", "name", "tenant", "task", "next_slot"}


def test_an_option_is_taken_back_by_none_and_times_are_read_in_the_schedules_zone(shop: Cli) -> None:
    edited = shop.object(
        "schedules", "edit", "prune", "--start", "2030-01-01T00:00", "--end", "2031-12-31", "--jitter", "5m", "--misfire", "all:3"
    )
    assert edited["definition"] | {"name": ""} == {
        "kind": "cron", "expression": "30 2 * * *", "tz": "Europe/Berlin", "start": "2029-12-31T23:00:00Z", "end": "2031-12-31",
        "jitter": "5m", "misfire": "all:3", "params": {"keep": 3}, "name": "",
    }  # fmt: skip
    back = shop.object("schedules", "edit", "prune", "--start", "none", "--end", "none", "--jitter", "none", "--misfire", "none")
    assert back["has_drifted"] is False
    assert back["definition"].keys() == {"kind", "expression", "tz", "params", "name"}


def test_a_dangerous_task_asks_before_it_is_run(shop: Cli) -> None:
    refused = shop("schedules", "run", "wipe")
    assert refused.exit_code == 2
    assert "All goes. Nothing was done; say --yes" in refused.stderr
    assert (audit_rows(shop.url)[0]["verb"], audit_rows(shop.url)[0]["data"]) == ("schedules.run", {"refused": "unconfirmed"})
    assert "was added for wipe: no slot is to come by itself" in shop.ok("schedules", "run", "wipe", "--yes")
    assert shop("schedules", "create", "weekly", "wipe", "@weekly").exit_code == 2
    shop.ok("schedules", "create", "weekly", "wipe", "@weekly", "--yes")


def test_whoever_changes_something_is_written_down_with_what_was_before(shop: Cli) -> None:
    shop.ok("schedules", "edit", "prune", "--tz", "Asia/Tokyo", "--reason", "moved")
    (row,) = audit_rows(shop.url)
    assert (row["verb"], row["object"], row["reason"], row["source"]) == ("schedules.edit", "schedule:prune", "moved", "cli")
    assert (row["data"]["before"]["tz"], row["data"]["after"]["tz"]) == ("Europe/Berlin", "Asia/Tokyo")


def test_schedules_leave_with_everything_else(shop: Cli) -> None:
    shop.ok("schedules", "pause", "prune")
    lines = [json.loads(line) for line in shop.ok("export").splitlines()]
    (told,) = [each for each in lines if each["record"] == "schedule"]
    assert (told["name"], told["code"]["expression"], told["paused_at"] is not None) == ("prune", "30 2 * * *", True)
    assert [each["kind"] for each in lines if each["record"] == "notice"] == ["paused"]
    assert lines[-1]["counts"]["schedule"] == 1


# -- code and operators


@pytest.mark.scenario("D7", part="cli")
@pytest.mark.scenario("B-08", part="cli")
def test_an_operators_word_survives_a_deploy_and_its_drift_is_shown(shop: Cli) -> None:
    head, definition = "from mainspring import task\n", '\n@task(schedule="{}")\nasync def {}() -> None: ...\n'
    write(shop, head + definition.format("@hourly", "tidy") + definition.format("@hourly", "sweep"))
    stop(run_node(shop))
    shop.ok("schedules", "edit", "sweep", "*/10 * * * *")
    write(shop, head + definition.format("@daily", "tidy") + definition.format("@daily", "sweep"))
    stop(run_node(shop))
    rows = {row["name"]: row for row in shop.objects("schedules")}
    assert {name: (row["definition"]["expression"], row["source"], row["has_drifted"]) for name, row in rows.items()} == {
        "tidy": ("@daily", "code", False), "sweep": ("*/10 * * * *", "operator", True),
    }  # fmt: skip
    listed = shop.ok("schedules")
    assert "operator, not as in code" in listed
    assert "sweep is not as its code says; 'mainspring schedules reset sweep' goes back to code" in listed
    shown = shop.ok("schedules", "show", "sweep")
    assert "in code       At 00:00, every day, in UTC" in shown
    assert "back to code  mainspring schedules reset sweep" in shown
    assert shop.object("schedules", "show", "sweep")["code"]["expression"] == "@daily"
    assert [row["name"] for row in shop.objects("schedules", "--drifted")] == ["sweep"]
    shop.ok("schedules", "reset", "sweep")
    assert shop.objects("schedules", "--drifted") == []
    assert shop.object("schedules", "show", "sweep")["definition"]["expression"] == "@daily"


@pytest.mark.scenario("B-12", part="cli")
def test_the_history_of_a_schedule_has_a_row_for_each_run_with_what_became_of_it(shop: Cli) -> None:
    write(shop, """
import os, signal
from mainspring import every, task

@task(schedule=every("1s"), retry=0, max_rescues=1)
def beat(how: str = "well") -> str:
    if how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    return how
""")  # fmt: skip
    node = run_node(shop)
    shop.ok("schedules", "create", "deadly", "beat", "manual", "--params", '{"how": "dies"}')
    shop.ok("schedules", "run", "deadly")
    while not (runs := [row for row in shop.objects("schedules", "history", "deadly") if row["finished_at"] is not None]):
        pass
    while not (beats := [row for row in shop.objects("schedules", "history", "beat") if row["state"] == "completed"]):
        pass
    stop(node)
    assert [(row["state"], row["reason"], row["origin"], row["slot_at"]) for row in runs] == [("failed", "crashed", "manual", None)]
    for row in beats:
        assert (row["node"], row["origin"], row["schedule"]) == ("here", "schedule", "beat")
        assert row["slot_at"] is not None and row["duration_ms"] > 0
    shown = shop.ok("schedules", "history", "beat")
    assert "completed" in shown and "here" in shown and "executing" not in shown


# -- on a clock of its own

ADA = Caller("ada", "api")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Desk:
    """Operations asked for in a whole engine on a manual clock, which begins with the year 2030."""

    def __init__(self, kit: Kit) -> None:
        self.kit, self.schedules = kit, kit.app.schedules

    def ask(self, verb: str, /, **fields: Any) -> Any:
        operation = CATALOG[f"schedules.{verb}"]
        return self.kit.do(operation(self.kit.app, operation.request(**fields), ADA))

    def to(self, moment: datetime) -> None:
        self.kit.advance(moment - self.kit.clock.now())
        self.kit.drain()

    def history(self, name: str = "report") -> list[str]:
        """Return what became of each slot, the oldest first, and when it was paused."""
        said = []
        for row in reversed(self.ask("history", name=name, limit=1000).items):
            if row.record == "pause":
                said.append(f"paused {row.began_at:%d %H:%M}-{'' if row.ended_at is None else f'{row.ended_at:%d %H:%M}'}")
            else:
                slot = "-" if row.slot_at is None else f"{row.slot_at:%d %H:%M}"
                said.append(f"{slot} {row.reason or row.origin}")
        return said

    async def notices(self, kind: str) -> list[Notice]:
        return await (await self.kit.app.store()).notices.list(kind=kind)

    def explain(self, text: str) -> str:
        """Return the sentence about the last run whose history says so."""
        from mainspring.cli.explain import sentence

        row = next(row for row in self.ask("history", name="report").items if row.record == "run" and row.reason == text)
        operation = CATALOG["runs.explain"]
        return sentence(self.kit.do(operation(self.kit.app, operation.request(id=row.id), ADA)))


@pytest.fixture
def kits() -> Iterator[list[Kit]]:
    made: list[Kit] = []
    yield made
    for kit in made:
        kit.close()


def desk(kits: list[Kit], *schedules: Schedule, seconds: float = 0.0) -> Desk:
    """Return a desk for one task, ``report``, whose node has started."""
    import asyncio

    @task(name="report", schedule=list(schedules), timeout="1d")
    async def report() -> None:
        await asyncio.sleep(seconds)

    kits.append(Kit(tasks=[report]))
    kits[-1].drain()
    return Desk(kits[-1])


def begin_a_run(book: Desk) -> str:
    """Let an hour pass, and the run of its slot be running at the end; return its id."""
    book.kit.advance(HOUR)
    while not [run for run in book.kit.runs() if run.state == "running"]:
        book.kit.do(book.kit._round())
    (run,) = book.kit.runs()
    return run.id


@pytest.mark.scenario("S7")
def test_preview_list_command_line_and_firing_agree_over_a_year(kits: list[Kit], shop: Cli) -> None:
    schedule = cron("30 2 * * *", tz="America/New_York")
    book = desk(kits, schedule)
    begin, end = book.kit.clock.now(), datetime(2031, 1, 1, tzinfo=UTC)
    previewed = [each.slot for each in book.ask("next", name="report", limit=365).items]
    assert previewed == [each.slot for each in preview(schedule, 365, begin)]
    assert previewed[-1] < end <= previewed[-1] + DAY
    scheduler = book.kit.nodes[-1].runner.scheduler
    assert scheduler is not None
    listed: list[datetime] = []
    for _ in range(365):  # only the scheduler moves: what it adds waits
        (row,) = book.ask("list").items
        listed.append(row.next_slot)
        book.kit.clock.advance(row.next_at - book.kit.clock.now())
        book.kit.do(scheduler.tick())
    fired = [row.slot_at for row in reversed(book.ask("history", name="report", limit=1000).items)]
    assert fired == listed == previewed
    write(
        shop,
        'from mainspring import cron, task\n\n@task(schedule=cron("30 2 * * *", tz="America/New_York"))\nasync def report() -> None: ...\n',
    )
    told = shop.objects("schedules", "next", "report", "--after", "2029-12-31T19:00", "-n", "365")
    assert [datetime.fromisoformat(each["slot"]) for each in told] == fired
    walls = [each.astimezone(ZoneInfo("America/New_York")) for each in fired]
    assert {f"{wall:%H:%M}" for wall in walls} == {"02:30", "03:00"}  # 03:00 on the day that has no 02:30
    assert all(later.date() - earlier.date() == DAY for earlier, later in pairwise(walls))


@pytest.mark.scenario("S13", part="cli")
@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("skip", ["01 01:00 paused", "01 02:00 paused", "01 03:00 paused", "01 04:00 schedule"]),
        ("once", ["01 01:00 paused", "01 02:00 paused", "01 03:00 schedule", "01 04:00 schedule"]),
        ("all", ["01 01:00 schedule", "01 02:00 schedule", "01 03:00 schedule", "01 04:00 schedule"]),
    ],
)
def test_slots_of_a_pause_follow_the_misfire_policy_and_history_shows_the_pause(kits: list[Kit], misfire: str, expected: list[str]) -> None:
    book = desk(kits, cron("0 * * * *", misfire=misfire))
    begin = book.kit.clock.now()
    book.to(begin + HOUR / 2)
    book.ask("pause", name="report", reason="repairs")
    book.to(begin + 3.5 * HOUR)
    assert book.history() == ["paused 01 00:30-"]
    book.ask("resume", name="report")
    book.kit.drain()
    book.to(begin + 4 * HOUR)
    slots = [each for each in book.history() if not each.startswith("paused")]
    assert slots == expected
    pause = next(row for row in book.ask("history", name="report").items if row.record == "pause")
    assert (pause.by, pause.pause_reason, pause.ended_by, pause.ended_at - pause.began_at) == ("ada", "repairs", "ada", 3 * HOUR)
    if misfire == "skip":
        assert book.explain("paused") == "The slot 2030-01-01 03:00:00Z of report has no run: the schedule was paused."


def test_a_pause_with_an_end_is_over_by_itself(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 * * * *", misfire="skip"))
    begin = book.kit.clock.now()
    told = book.ask("pause", name="report", until="90m")
    assert told.paused_until == begin + 1.5 * HOUR
    book.to(begin + 2 * HOUR)
    assert book.history() == ["paused 01 00:00-01 01:30", "01 01:00 paused", "01 02:00 schedule"]
    assert book.ask("show", name="report").state == "active"


@pytest.mark.scenario("B-06", part="cli")
def test_nothing_fires_while_it_is_paused_and_a_run_that_goes_on_is_really_stopped(kits: list[Kit]) -> None:
    book = desk(kits, every("1h"), seconds=7200)
    begin = book.kit.clock.now()
    run = begin_a_run(book)
    book.ask("pause", name="report")
    assert book.kit.cancel(run) == "requested"
    book.to(begin + 5 * HOUR)
    assert book.kit.state(run) == "cancelled"
    assert len([row for row in book.ask("history", name="report").items if row.record == "run"]) == 1


@pytest.mark.scenario("B-07", part="cli")
def test_run_now_is_one_run_more_and_the_next_slot_stays(kits: list[Kit]) -> None:
    book = desk(kits, every("1h", params={}))
    before = book.ask("show", name="report")
    told = book.ask("run", name="report")
    assert told.next_slot == before.next_slot
    book.kit.drain()
    run = book.kit.get(told.id)
    assert (run.state, run.origin, run.slot_at, run.actor) == ("completed", "manual", None, "ada")
    book.to(before.next_slot)
    assert book.history() == ["- manual", "01 01:00 schedule"]


@pytest.mark.scenario("B-09", part="cli")
def test_a_schedule_that_is_over_says_so_and_never_fires_again(kits: list[Kit]) -> None:
    book = desk(kits, cron("*/10 * * * *", end="2030-01-01T00:30:00Z"))
    begin = book.kit.clock.now()
    for minutes in (10, 20):
        book.to(begin + timedelta(minutes=minutes))
    assert book.ask("list").items[0].state == "ended"
    for minutes in (30, 31, 60):
        book.to(begin + timedelta(minutes=minutes))
    assert book.history() == ["01 00:10 schedule", "01 00:20 schedule"]
    shown = book.ask("show", name="report")
    assert (shown.state, shown.next_slot, shown.upcoming) == ("ended", None, [])
    book.ask("create", name="once", task="report", expression="at 2030-01-01T02:00")
    book.to(begin + 3 * HOUR)
    assert (book.ask("show", name="once").state, book.history("once")) == ("ended", ["01 02:00 schedule"])
    book.ask("create", name="past", task="report", expression="@daily", end="2029-06-01")
    assert book.ask("show", name="past").state == "ended"
    book.to(begin + 3 * DAY)
    assert book.history("past") == []


@pytest.mark.scenario("S14", part="cli")
def test_an_edit_leaves_the_active_run_alone_and_computes_the_next_slot_at_once(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 * * * *"), seconds=1800)
    begin = book.kit.clock.now()
    run = begin_a_run(book)
    told = book.ask("edit", name="report", expression="15 9 * * *", tz="America/New_York")
    assert told.next_slot == datetime(2030, 1, 1, 14, 15, tzinfo=UTC)
    assert (told.before["expression"], told.definition["expression"], told.has_drifted) == ("0 * * * *", "15 9 * * *", True)
    book.to(begin + 15 * HOUR)
    assert book.kit.state(run) == "completed"
    assert book.history() == ["01 01:00 schedule", "01 14:15 schedule"]


@pytest.mark.scenario("S5", part="cli")
def test_what_was_missed_is_in_the_history_with_its_reason(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 * * * *", misfire="all:3"), seconds=60)
    begin = book.kit.clock.now()
    book.kit.clock.advance(10 * HOUR - HOUR / 2)
    book.kit.do(book.kit.nodes[-1].runner.heartbeat.tick())
    book.kit.clock.advance(4 * HOUR)
    book.kit.drain()
    told = book.history()
    assert told[-3:] == ["01 11:00 schedule", "01 12:00 schedule", "01 13:00 schedule"]
    assert told[:-3] == [f"01 {hour:02}:00 dropped" for hour in range(1, 11)]
    assert "one too many, or too late, for its misfire policy" in book.explain("dropped")
    assert begin.hour == 0


def test_a_slot_that_somebody_left_out_is_a_record_that_explains_itself(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 * * * *"))
    begin = book.kit.clock.now()
    told = book.ask("skip", name="report")
    assert (told.skip_slot, told.slot_after) == (begin + HOUR, begin + 2 * HOUR)
    assert [each.is_skipped for each in book.ask("next", name="report").items] == [True, False, False, False, False]
    book.to(begin + 2 * HOUR)
    assert book.history() == ["01 01:00 skipped_by_operator", "01 02:00 schedule"]
    assert "an operator asked for exactly this one to be left out" in book.explain("skipped_by_operator")


def test_a_slot_that_would_overlap_names_the_run_in_the_way(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 * * * *"), seconds=4000)
    begin_a_run(book)
    book.kit.advance(HOUR)
    book.kit.drain()
    second, first = book.ask("history", name="report").items
    assert (second.state, second.reason, second.blocked_by) == ("skipped", "previous_instance_running", first.id)
    assert book.kit.state(first.id) == "completed"
    assert f"for the slot 2030-01-01 02:00:00Z of the schedule report: run {first.id} of the same task had not ended" in book.explain(
        "previous_instance_running"
    )


def test_a_backfill_goes_on_one_after_another_beside_the_slots_that_come_meanwhile(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 * * * *"), seconds=2400)
    begin = book.kit.clock.now()
    book.ask("pause", name="report")
    book.to(begin + 5 * HOUR + HOUR / 6)
    book.ask("resume", name="report")
    book.kit.drain()
    told = book.ask("backfill", name="report", since="6h")
    assert (told.slots, len(told.runs)) == (6, 5)  # the newest slot was made up for by itself
    book.kit.drain()
    runs = [book.kit.get(each) for each in told.runs]
    assert [run.state for run in runs] == ["completed"] * 5
    assert all(later.started_at >= earlier.finished_at for earlier, later in pairwise(runs) if earlier.finished_at and later.started_at)
    assert "01 06:00 previous_instance_running" in book.history()  # it came while they went on, and the next one comes


def test_many_missed_slots_are_one_record_that_says_how_many(kits: list[Kit]) -> None:
    book = desk(kits, every("1m", misfire="skip"))
    begin = book.kit.clock.now()
    book.kit.clock.advance(DAY)
    book.kit.drain()
    rows = [row for row in book.ask("history", name="report", limit=1000).items if row.reason == "missed"]
    (several,) = [row for row in rows if row.slots > 1]
    assert several.slots + len(rows) - 1 in (1439, 1440)
    assert several.slots_from == begin + timedelta(minutes=1)


def test_pages_of_the_history_are_whole_and_do_not_overlap(kits: list[Kit]) -> None:
    book = desk(kits, every("1h"))
    begin = book.kit.clock.now()
    for hour in range(1, 8):
        book.to(begin + hour * HOUR)
        if hour in (2, 5):
            book.ask("pause", name="report")
            book.ask("resume", name="report")
    whole = [row.model_dump() for row in book.ask("history", name="report").items]
    found, before = [], None
    while True:
        page = book.ask("history", name="report", limit=2, **({} if before is None else {"before": before}))
        found += [row.model_dump() for row in page.items]
        if (before := page.next) is None:
            break
    assert found == whole
    assert len(whole) == 9


answers: list[bool | Exception] = []


async def is_backlog_long() -> bool:
    answer = answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.mark.scenario("D5", part="cli")
def test_a_predicate_is_shown_and_what_it_answers_is_seen(kits: list[Kit]) -> None:
    book = desk(kits, when(is_backlog_long, every="1h"))
    begin = book.kit.clock.now()
    shown = book.ask("show", name="report")
    assert words(shown.definition, "en") == "When is_backlog_long says yes, which is asked: every hour"
    answers[:] = [False, True, RuntimeError("no database"), True]
    for hour in range(1, 5):
        book.to(begin + hour * HOUR)
    assert book.history() == ["01 02:00 schedule", "01 04:00 schedule"]
    assert book.ask("show", name="report").looked_at >= begin + 4 * HOUR
    (notice,) = book.kit.do(book.notices("schedule_error"))
    assert "no database" in notice.data["why"]
    edited = book.ask("edit", name="report", expression="every 2h")
    assert edited.definition["kind"] == "when" and edited.definition["predicate"].endswith(":is_backlog_long")
    answers[:] = [True]
    book.to(begin + 6 * HOUR)
    assert book.history()[-1] == "01 06:00 schedule"


# -- from Python


@pytest.mark.scenario("U3", part="python")
def test_the_verbs_of_python_are_those_of_the_command_line(kits: list[Kit]) -> None:
    book = desk(kits, cron("0 3 * * *", tz="Europe/Berlin"), manual(name="by-hand"))
    do, schedules = book.kit.do, book.schedules
    assert [record.name for record in do(schedules.list())] == ["by-hand", "report"]
    assert [record.name for record in do(schedules.list(after=("by-hand", "")))] == ["report"]
    record = do(schedules.get("report"))
    assert (record.effective.expression, record.drift, record.state) == ("0 3 * * *", False, "active")
    paused = do(schedules.pause("report", until="1h", reason="why", actor="bob"))
    assert (paused.state, paused.paused_until, paused.paused_by) == ("paused", book.kit.clock.now() + HOUR, "bob")
    assert do(schedules.resume("report")).state == "active"
    assert do(schedules.skip("report")).skip_slot == record.next_slot
    assert do(schedules.unskip("report")).skip_slot is None
    edited = do(schedules.edit("report", record.effective.with_changes(tz="UTC")))
    assert (edited.drift, edited.next_slot) == (True, record.next_slot + HOUR if record.next_slot else None)
    assert do(schedules.reset("report")).drift is False
    assert do(schedules.disable("report")).state == "disabled"
    assert do(schedules.enable("report")).state == "active"
    handle = do(schedules.run_now("by-hand"))
    book.kit.drain()
    assert book.kit.result(handle) is None
    made = do(schedules.create("extra", "report", "every 90s"))
    assert (made.state, made.code, made.effective.expression) == ("active", None, "1m 30s")
    book.to(book.kit.clock.now() + 2 * DAY)
    handles = do(schedules.backfill("report", book.kit.clock.now() - 4 * DAY, book.kit.clock.now()))
    book.kit.drain()
    assert [book.kit.get(each).origin for each in handles] == ["backfill"] * 3
    assert [run.slot_at for run in do(schedules.history("report", n=1))] == [book.kit.get(handles[-1]).slot_at]
    assert [each.local.hour for each in do(schedules.preview("report", 3, zone="UTC"))] == [3, 3, 3]
    assert [pause.by for pause in do(schedules.pauses("report"))] == ["bob"]
    do(schedules.delete("extra"))
    with pytest.raises(errors.UnknownSchedule, match="did you mean 'report'"):
        do(schedules.get("reporter"))
    with pytest.raises(errors.Conflict, match="is declared in code"):
        do(schedules.delete("report"))
    with pytest.raises(errors.Conflict, match="already"):
        do(schedules.create("report", "report", "@daily"))
    with pytest.raises(errors.InvalidParams, match="cannot call 'report'"):
        do(schedules.create("wrong", "report", every("1m", params={"what": 1})))


def test_a_disabled_task_is_not_run_by_hand_either(kits: list[Kit]) -> None:
    book = desk(kits, every("1h"))
    book.kit.do(book.kit.app.switch("report", False))
    with pytest.raises(errors.TaskDisabled):
        book.kit.do(book.schedules.run_now("report"))
    with pytest.raises(errors.TaskDisabled):
        book.kit.do(book.schedules.backfill("report", book.kit.clock.now() - DAY, book.kit.clock.now()))
