"""Schedules as people look for them: words, states and orders in SQL, pages that neither skip nor repeat, and strips of their runs."""

import itertools
from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.run import NewRun
from mainspring.core.schedule import cron, every, manual
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.store.schedules import ScheduleStore
from tests.store.harness import Stage

HOUR = timedelta(hours=1)


def _make_run(stage: Stage):  # type: ignore[no-untyped-def]  # a maker of runs, as tests of schedules have it
    def make(record: ScheduleRecord, slot: object) -> NewRun:
        return stage.new(record.task)

    return make


async def _filled(stage: Stage) -> ScheduleStore:
    schedules = stage.store.schedules
    await schedules.declare(
        {
            "backup": ("backup", cron("0 3 * * *")), "hourly": ("report", every("1h")), "minutely": ("report", every("1m")),
            "by-hand": ("backup", manual()), "off": ("backup", every("2h", enabled=False)), "stopped": ("report", every("3h")),
        },
        _make_run(stage),
    )  # fmt: skip
    await schedules.create("acme", "backup", every("30m", name="acme"), tenant="acme")
    await schedules.pause("stopped", reason="the source is away")
    await schedules.override("hourly", every("4h"))
    return schedules


async def test_states_in_sql_are_those_of_the_record(stage: Stage) -> None:
    schedules = await _filled(stage)
    found = [record for _, record in await schedules.find(scope=EVERYTHING)]
    assert [record.name for record in found] == ["acme", "backup", "by-hand", "hourly", "minutely", "off", "stopped"]
    for record in found:
        alone = await schedules.find(scope=EVERYTHING, states=[str(record.state)], words=[record.name])
        assert record.name in [each.name for _, each in alone], (record.name, record.state)
    assert await schedules.states(scope=EVERYTHING) == {"active": 4, "manual": 1, "disabled": 1, "paused": 1, "late": 0, "drifted": 1}
    await stage.clock.advance(300)
    assert (await schedules.states(scope=EVERYTHING))["late"] == 1, "what was due minutes ago, and nobody has seen to"


@pytest.mark.scenario("U8", part="schedules")
@pytest.mark.parametrize("sort", ["name", "next", "last"])
async def test_pages_of_any_order_neither_skip_nor_repeat_while_rows_come(stage: Stage, sort: str) -> None:
    schedules = await _filled(stage)
    whole = [(place, record.name, record.tenant) for place, record in await schedules.find(scope=EVERYTHING, sort=sort)]
    assert whole == sorted(whole)
    if sort == "next":
        assert next(name for _, name, _ in whole) == "minutely"
        assert {name for _, name, _ in whole[-3:]} == {"by-hand", "off", "stopped"}, "what is not due by itself comes last"
    seen: list[tuple[int, str, str]] = []
    for number in itertools.count():
        page = await schedules.find(scope=EVERYTHING, sort=sort, past=seen[-1] if seen else None, n=2)
        seen += [(place, record.name, record.tenant) for place, record in page]
        if len(page) < 2:
            break
        if number == 0 and sort == "name":
            await schedules.create("aaa", "backup", every("5h", name="aaa"))  # before the page that was read: no row moves
    assert seen == whole


async def test_words_tasks_and_scopes(stage: Stage) -> None:
    schedules = await _filled(stage)

    async def names(scope: Scope = EVERYTHING, **options: object) -> list[str]:
        return [record.name for _, record in await schedules.find(scope=scope, **options)]  # type: ignore[arg-type]

    assert await names(words=["REPORT"]) == ["hourly", "minutely", "stopped"]
    assert await names(words=["report", "min"]) == ["minutely"]
    assert await names(words=["%"]) == [], "no pattern, a letter"
    assert await names(task="backup", states=["active"]) == ["acme", "backup"]
    assert await names(is_drifted=True) == ["hourly"]
    assert await names(scope=Scope(frozenset({"acme"}))) == ["acme"]
    assert await names(scope=Scope(hidden=frozenset({"report"}))) == ["acme", "backup", "by-hand", "off"]
    assert (await schedules.states(scope=Scope(frozenset({"acme"}))))["active"] == 1


async def test_strips_have_the_latest_runs_of_each(stage: Stage) -> None:
    schedules = await _filled(stage)
    node = await stage.node(lease=timedelta(days=1))
    for _ in range(3):
        run = await schedules.run_now("backup", _make_run(stage))
        [claimed] = [each for each in await stage.claim(node) if each.id == run.id]
        await stage.clock.advance(1)
        await stage.complete(claimed)
        stage.added.add(run.id)
    going = await schedules.run_now("backup", _make_run(stage))
    stage.added.add(going.id)
    await stage.claim(node)
    record, other = await schedules.get("backup"), await schedules.get("minutely")
    strips = await schedules.strips([record.id, other.id], scope=EVERYTHING, n=3)
    assert [str(each.state) for each in strips[record.id]] == ["completed", "completed", "running"], "the latest three, oldest first"
    assert other.id not in strips
    assert await schedules.strips([record.id], scope=Scope(frozenset({"acme"}))) == {}
