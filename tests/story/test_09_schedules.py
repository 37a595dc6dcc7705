"""Nine: what comes round by itself: slots, and what becomes of each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mainspring import cron, errors, every, task
from mainspring.testing import Kit

fetched: list[str] = []


@task(schedule=every("1h"))
async def fetch_prices(source: str = "the market") -> str:
    fetched.append(source)
    return f"prices of {source}"


@task(schedule=cron("30 2 * * *", tz="Europe/Berlin"))
async def back_up() -> str:
    return "backed up"


@pytest.fixture
def ms() -> Iterator[Kit]:
    """An app that has these tasks from the beginning, and a node that knows when each is due."""
    fetched.clear()
    with Kit(tasks=[fetch_prices, back_up]) as kit:
        kit.drain()
        yield kit


def test_a_slot_becomes_a_run(ms: Kit) -> None:
    """A slot is a time that the schedule names. Nobody enqueues: when its time has come, some node makes the run."""
    assert ms.runs() == []
    ms.advance("1h")
    ms.drain()
    [run] = ms.runs()
    assert (run.task, run.state, run.origin, run.slot_at) == ("fetch_prices", "completed", "schedule", ms.clock.now())
    assert fetched == ["the market"]


def test_a_slot_has_one_run_however_many_look(ms: Kit) -> None:
    """The slot is written down together with its run. Whoever looks again finds it done: another node, or the same after a crash."""
    ms.advance("1h")
    ms.crash_at("after_fire_commit")
    ms.drain()
    ms.drain()
    assert len(ms.deaths) == 1
    assert [run.state for run in ms.runs()] == ["completed"]


def test_times_are_those_of_a_zone(ms: Kit) -> None:
    """Half past two in Berlin, be it winter or summer; on the night that has no half past two, at the first instant after."""
    upcoming = ms.do(ms.app.schedules.preview("back_up", 90, zone="UTC"))
    assert {f"{each.local:%H:%M}" for each in upcoming} == {"02:30", "03:00"}
    [odd] = [each for each in upcoming if each.oddity]
    assert (odd.oddity, f"{odd.local:%Y-%m-%d %H:%M}") == ("shifted", "2030-03-31 03:00")


def test_what_was_missed_has_a_reason(ms: Kit) -> None:
    """Nobody was there for five hours. By default the newest slot is made up for; each of the others leaves a record with the reason."""
    ms.clock.advance("5h 10m")
    ms.drain()
    found = ms.do(ms.app.schedules.history("fetch_prices"))
    told = sorted((f"{run.slot_at:%H:%M}", str(run.reason or run.state)) for run in found if run.slot_at)
    assert told == [("01:00", "missed"), ("02:00", "missed"), ("03:00", "missed"), ("04:00", "missed"), ("05:00", "completed")]


def test_two_never_overlap_unless_you_say_so() -> None:
    """The run before has not ended: the slot is skipped, and its record names the run in the way. ``overlap=`` says otherwise."""

    @task(schedule=every("1h"), timeout="2h")
    async def slow() -> None:
        await asyncio.sleep(5000)

    with Kit(tasks=[slow]) as ms:
        ms.drain()
        ms.advance("1h")
        ms.drain()  # the body takes longer than an hour: the slot at two o'clock comes meanwhile
        first, second = ms.runs()
        assert (first.state, second.state, second.reason) == ("completed", "skipped", "previous_instance_running")
        assert second.blocked_by == first.id


def test_a_person_has_the_last_word(ms: Kit) -> None:
    """What the code says is the default. An edit stays, over the next deploys too, until somebody goes back to code."""
    schedules = ms.app.schedules
    edited = ms.do(schedules.edit("fetch_prices", "every 10m"))
    assert (edited.drift, edited.code is not None and edited.code.expression, edited.effective.expression) == (True, "1h", "10m")
    ms.advance("10m")
    ms.drain()
    assert len(ms.runs()) == 1
    assert ms.do(schedules.reset("fetch_prices")).effective.expression == "1h"


def test_it_can_be_paused_skipped_and_run_by_hand(ms: Kit) -> None:
    """None of this needs a deploy, and all of it is on the command line as well: ``mainspring schedules pause|resume|skip|run``."""
    schedules = ms.app.schedules
    ms.do(schedules.pause("fetch_prices", until="90m", reason="the market is closed"))
    ms.advance("1h")
    ms.drain()
    assert ms.runs() == []
    handle = ms.do(schedules.run_now("fetch_prices"))
    ms.drain()
    assert ms.result(handle) == "prices of the market"
    ms.do(schedules.resume("fetch_prices"))
    ms.do(schedules.skip("fetch_prices"))
    ms.drain()
    found = ms.do(schedules.history("fetch_prices"))
    assert [(run.origin, str(run.reason or run.state)) for run in found] == [("schedule", "skipped_by_operator"), ("manual", "completed")]


def test_the_past_can_be_made_up_for(ms: Kit) -> None:
    """A run for each slot of a span that has none yet, the oldest first; ask twice, and the second time adds nothing."""
    ms.advance("3h")
    ms.drain()
    until = ms.clock.now()
    schedules = ms.app.schedules
    ms.do(schedules.pause("fetch_prices"))
    ms.advance("1h")
    added = ms.do(schedules.backfill("fetch_prices", until.replace(hour=0), until))
    ms.drain()
    assert [f"{ms.get(each).slot_at:%H:%M}" for each in added] == ["00:00", "01:00", "02:00"]
    assert [ms.state(each) for each in added] == ["completed"] * 3
    assert ms.do(schedules.backfill("fetch_prices", until.replace(hour=0), until)) == []


def test_what_can_never_be_is_refused_when_it_is_written() -> None:
    """Field by field, before anything is written, at every door."""
    with pytest.raises(errors.ConfigurationError, match="never fires"):
        cron("0 0 31 2 *")
    with pytest.raises(errors.ConfigurationError, match="minute: 60 is out of range"):
        cron("60 * * * *")
