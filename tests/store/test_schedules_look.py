"""What people read about schedules: several by name, what records tell beside their reason, and everything on its way out."""

from __future__ import annotations

from datetime import timedelta

from mainspring.core.access import EVERYTHING
from mainspring.core.explanation import Why, explain
from mainspring.core.firing import account
from mainspring.core.run import NewRun
from mainspring.core.schedule import cron, every
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.store.schedules import TOLERANCE
from tests.store.harness import START, Stage


async def test_schedules_are_found_together_by_name(stage: Stage) -> None:
    def make(record: ScheduleRecord, slot: object) -> NewRun:
        raise AssertionError("nothing is due")

    store = stage.store.schedules
    await store.declare({name: (name, every("1h")) for name in ("a", "b")}, make)
    await store.create("c", "a", every("1h"), tenant="acme")
    assert (await store.named(["a", "b", "c", "d"])).keys() == {"a", "b"}
    assert (await store.named(["a", "c"], "acme")).keys() == {"c"}
    assert await store.named([]) == {}


async def test_a_record_tells_what_it_stands_for_and_explains_itself(stage: Stage) -> None:
    def make(record: ScheduleRecord, slot: object) -> NewRun:
        return stage.new(record.task)

    store = stage.store.schedules
    await store.declare({"often": ("often", cron("* * * * *", misfire="skip"))}, make)
    await stage.clock.advance(86_400)
    look = await store.look()
    (record,) = await store.due(look.now)
    fired = await store.fire([account(record, look.now, TOLERANCE)], make)
    stage.added |= {run.id for run in fired.runs}
    runs = await stage.runs.page(n=1000, scope=EVERYTHING)
    told = await store.told(record.id, runs[-1].id, runs[0].id)
    ((run_id, about),) = told.items()
    assert about["slots"] + len(runs) - 1 == 1440
    assert await store.told(record.id + 1, runs[-1].id, runs[0].id) == {}
    said = explain(await stage.store.explain.facts(run_id, scope=EVERYTHING))
    assert (said.code, said.values["schedule"], said.values["slots"]) == (Why.SLOT_MISSED, "often", about["slots"])
    other = next(run for run in runs if run.id != run_id and run.reason == "missed")
    assert explain(await stage.store.explain.facts(other.id, scope=EVERYTHING)).values["slots"] == 1


async def test_schedules_and_notices_leave_as_plain_values(stage: Stage) -> None:
    store = stage.store
    made = await store.schedules.create("nightly", "report", cron("0 3 * * *", params={"a": 1}))
    await store.schedules.pause("nightly", reason="repairs", actor="ada", until=START + timedelta(days=400))
    (row,) = [each async for each in store.export.small("export_schedules")]
    assert (row["name"], row["override"]["params"], row["code"], row["paused_by"]) == ("nightly", {"a": 1}, None, "ada")
    assert row["next_slot"] == (made.next_slot or START).isoformat() and row["paused_until"].startswith("2032-")
    told = [each async for each in store.export.small("export_notices")]
    assert [(each["object"], each["kind"], each["data"].get("reason")) for each in told] == [
        ("schedule:nightly", "created", None), ("schedule:nightly", "paused", "repairs"),
    ]  # fmt: skip
