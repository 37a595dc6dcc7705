"""Notices and modes."""

from datetime import timedelta

from mainspring.core.notice import Notice, Severity
from mainspring.store.modes import Mode, is_maintenance
from tests.store.harness import START, Stage


async def test_notices_are_read_newest_first_and_filtered(stage: Stage) -> None:
    add, read = stage.store.notices.add, stage.store.notices.list
    heard: list[Notice] = []
    stage.store.notices.on_alert = heard.append
    first = await add("schedule:a", "paused", data={"by": "ada", "at": START})
    run_id = stage.new_id()
    await add("schedule:b", "schedule_error", Severity.WARNING)
    third = await add("task:t", "run_lost", Severity.ALERT, {"reason": "lost"}, run_id=run_id)
    assert first is not None and third is not None
    assert [each.kind for each in await read()] == ["run_lost", "schedule_error", "paused"]
    expected = Notice(first.id, START, "schedule:a", "paused", Severity.INFO, {"by": "ada", "at": str(START)})
    assert await read(object_="schedule:a") == [expected]
    assert [each.object for each in await read(severity_from=Severity.WARNING)] == ["task:t", "schedule:b"]
    assert [each.object for each in await read(kind="schedule_error")] == ["schedule:b"]
    assert [each.object for each in await read(before=third.id, n=1)] == ["schedule:b"]
    assert heard == [third]
    assert (await read(kind="run_lost"))[0].run_id == run_id


async def test_what_is_to_be_told_once_is(stage: Stage) -> None:
    add = stage.store.notices.add
    hour = timedelta(hours=1)
    assert await add("runner", "clock_jumped", once=hour) is not None
    assert await add("runner", "clock_jumped", once=hour) is None
    assert await add("runner", "another", once=hour) is not None
    assert await add("schedule:a", "clock_jumped", once=hour) is not None
    await stage.clock.advance(3601)
    assert await add("runner", "clock_jumped", once=hour) is not None
    assert await add("runner", "clock_jumped") is not None


async def test_old_and_too_many_notices_are_forgotten(stage: Stage) -> None:
    notices = stage.store.notices
    await notices.add("runner", "old")
    await stage.clock.advance(90 * 86400 + 1)
    for number in range(5):
        await notices.add("runner", f"k{number}")
    assert await notices.prune() == 1
    assert await notices.prune(most=3, n=1) == 1
    assert await notices.prune(most=3) == 1
    assert await notices.prune(most=3) == 0
    assert [each.kind for each in await notices.list()] == ["k4", "k3", "k2"]


async def test_modes_are_set_read_and_taken_back(stage: Stage) -> None:
    modes = stage.store.modes
    assert await modes.get("maintenance") is None
    await modes.put("maintenance", {"is_on": True}, actor="ada", reason="move")
    found = await modes.get("maintenance")
    assert found == Mode("maintenance", {"is_on": True}, START, "ada", "move")
    assert is_maintenance(found.value)
    await stage.clock.advance(1)
    await modes.put("maintenance", {"is_on": False})
    again = await modes.get("maintenance")
    assert again is not None and not is_maintenance(again.value) and again.changed_at > START
    await modes.put("another", 3)
    assert [each.key for each in await modes.list()] == ["another", "maintenance"]
    assert await modes.clear("maintenance")
    assert not await modes.clear("maintenance")
