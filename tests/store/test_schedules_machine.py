"""Random lives of schedules on all three databases at once: the same answers, no slot twice, and none lost.

The model knows two things only: which slots a definition names while it holds, and that each of them is accounted for once.
"""

import asyncio
import json
import os
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mainspring.core.errors import Conflict
from mainspring.core.schedule import Schedule, every
from mainspring.core.schedule_record import ScheduleRecord
from tests.store.test_machine import TABLES, Everywhere
from tests.store.test_schedules import Book

EXAMPLES = int(os.environ.get("MAINSPRING_TEST_EXAMPLES", "40"))
NAMES = ("a", "b")
MINUTE = timedelta(minutes=1)
names = st.sampled_from(NAMES)
definitions = st.builds(every, st.sampled_from(["1m", "2m", "5m"]), misfire=st.sampled_from(["skip", "once", "all:3"]))


@dataclass
class ModelSchedule:
    """One schedule. ``owed`` are the slots that have been due while a definition named them."""

    schedule: Schedule
    seen: datetime  # slots up to here are owed already, or never will be
    is_on: bool = True
    owed: list[datetime] = field(default_factory=list)

    def until(self, now: datetime) -> None:
        """Owe what has become due; a clock that goes back owes nothing."""
        if now > self.seen:
            if self.is_on:
                self.owed += self.schedule.slots_between(self.seen, now, 100_000)
            self.seen = now


class Slots(RuleBasedStateMachine):
    """Schedulers, some with an old view, and operators; the clock runs, jumps and goes back."""

    everywhere: Everywhere

    @initialize()
    def begin(self) -> None:
        self.everywhere.runner.run(self._wipe())
        self.books = [Book(stage) for stage in self.everywhere.stages]
        now = self.now
        self.model = {name: ModelSchedule(every("1m"), now) for name in NAMES}
        self.stale: list[list[ScheduleRecord]] = [[] for _ in self.books]
        self._each(lambda book: book.declare(**{name: held.schedule for name, held in self.model.items()}))

    @property
    def now(self) -> datetime:
        return self.everywhere.stages[0].clock.now

    async def _wipe(self) -> None:
        for stage in self.everywhere.stages:
            tables = (*TABLES, "schedules", "notices")
            await stage.sql(";\n".join(f"delete from mainspring.{table}" for table in tables) + ";")
            stage.added.clear()

    def _each(self, work: Any) -> list[Any]:
        async def everywhere() -> list[Any]:
            found: list[Any] = []
            for book in self.books:
                try:
                    found.append(await work(book))
                except Conflict as error:
                    found.append(type(error))
            return found

        answers = self.everywhere.runner.run(everywhere())
        assert [isinstance(each, type) for each in answers] == [isinstance(answers[0], type)] * len(answers)
        return answers

    def _owe(self) -> None:
        for held in self.model.values():
            held.until(self.now)

    # -- what happens

    @rule(seconds=st.sampled_from([1, 30, 60, 61, 130, 600, 7200]))
    def time_passes(self, seconds: int) -> None:
        for stage in self.everywhere.stages:
            self.everywhere.runner.run(stage.clock.advance(seconds))
        self._owe()

    @rule(seconds=st.sampled_from([-1, -61, -3600]))
    def the_clock_goes_back(self, seconds: int) -> None:
        """Slots that nobody has seen to yet are still to come then."""
        for stage in self.everywhere.stages:
            self.everywhere.runner.run(stage.clock.advance(seconds))
        for name, held in self.model.items():
            held.seen = max(self.now, self._record(name).cursor_at)
            held.owed = [slot for slot in held.owed if slot <= held.seen]

    @rule()
    def somebody_reads(self) -> None:
        self.stale = self._each(lambda book: book.store.list())

    @rule()
    def a_scheduler_with_an_old_view(self) -> None:
        async def tick(book: Book) -> None:
            await book.tick(records=self.stale[self.books.index(book)])

        self._each(tick)

    @rule()
    def a_scheduler(self) -> None:
        self._each(lambda book: book.tick())

    @rule(name=names, schedule=definitions)
    def an_edit(self, name: str, schedule: Schedule) -> None:
        self._each(lambda book: book.store.override(name, schedule, book.make))
        self.model[name].schedule = schedule

    @rule(name=names, schedule=definitions)
    def a_deploy(self, name: str, schedule: Schedule) -> None:
        self._each(lambda book: book.declare(**{name: schedule}))
        self.model[name].schedule = self._record(name).effective

    @rule(name=names)
    def back_to_code(self, name: str) -> None:
        self._each(lambda book: book.store.reset(name, book.make))
        self.model[name].schedule = self._record(name).effective
        self.model[name].is_on = True

    @rule(name=names, is_on=st.booleans())
    def a_switch(self, name: str, is_on: bool) -> None:
        self._each(lambda book: book.store.enable(name, is_on, book.make))
        self.model[name].is_on = is_on

    @rule(name=names, minutes=st.sampled_from([None, 1, 30]))
    def a_pause(self, name: str, minutes: int | None) -> None:
        until = None if minutes is None else self.now + minutes * MINUTE
        self._each(lambda book: book.store.pause(name, until=until))

    @rule(name=names)
    def a_resumption(self, name: str) -> None:
        self._each(lambda book: book.store.resume(name))

    @rule(name=names)
    def a_skip(self, name: str) -> None:
        self._each(lambda book: book.store.skip(name))

    @rule(name=names)
    def run_now(self, name: str) -> None:
        self._each(lambda book: book.store.run_now(name, book.make))

    @rule()
    def runs_end(self) -> None:
        async def work(book: Book) -> None:
            await book.stage.complete(*await book.stage.claim(await book.stage.node()))

        self._each(work)

    # -- what holds

    def _record(self, name: str) -> ScheduleRecord:
        found: ScheduleRecord = self.everywhere.runner.run(self.books[0].store.get(name))
        return found

    async def _told(self, book: Book) -> dict[str, list[tuple[datetime, str, int]]]:
        """Return what became of each slot, by schedule: the slot, what, and how many it stands for."""
        time_of = book.stage.database.from_time
        told: dict[str, list[tuple[datetime, str, int]]] = {}
        for record in await book.store.list():
            rows = await book.stage.sql(
                f"select slot_at, state, reason, meta from mainspring.hot_runs where schedule_id = {record.id} and slot_at is not null "
                f"union all select slot_at, state, reason, meta from mainspring.history where schedule_id = {record.id} "
                "and slot_at is not null"
            )
            found = []
            for row in rows:
                slot = time_of(row["slot_at"])
                assert slot is not None
                found.append((slot, "run" if row["state"] != 14 else str(row["reason"]), 1))
            told[record.name] = sorted(found)
        return told

    @rule()
    def every_database_says_the_same_and_no_slot_is_told_twice(self) -> None:
        told = [self.everywhere.runner.run(self._told(book)) for book in self.books]
        assert told[0] == told[1] == told[2]
        for name, slots in told[0].items():
            twice = [slot for slot, n in Counter(slot for slot, _, _ in slots).items() if n > 1]
            assert not twice, f"{name}: {twice}"
            assert {slot for slot, _, _ in slots} <= set(self.model[name].owed), f"{name}: a slot that nobody asked for"

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        for name in NAMES:  # whatever stands in the way goes, and then everything that was owed is there
            with suppress(Conflict):
                self._each(lambda book, name=name: book.store.resume(name))
        latest = max(held.seen for held in self.model.values())
        if self.now <= latest:
            back = (latest - self.now).total_seconds() + 1
            for stage in self.everywhere.stages:
                self.everywhere.runner.run(stage.clock.advance(back))
        self._owe()
        self._each(lambda book: book.tick())
        self.every_database_says_the_same_and_no_slot_is_told_twice()
        for book in self.books:
            for name, slots in self.everywhere.runner.run(self._told(book)).items():
                held = self.model[name]
                there = {slot for slot, _, _ in slots}
                missing = [slot for slot in held.owed if slot not in there]
                metas = self.everywhere.runner.run(self._left_out(book, name))
                assert len(missing) == metas, f"{name}: {missing[:5]} and others were lost"

    async def _left_out(self, book: Book, name: str) -> int:
        """Return how many slots are told of in the records of others."""
        record = await book.store.get(name)
        rows = await book.stage.sql(f"select meta from mainspring.history where schedule_id = {record.id} and meta is not null")
        return sum(json.loads(row["meta"])["slots"] - 1 for row in rows)


@pytest.mark.scenario("K1", part="slots")
@pytest.mark.failure(56)
def test_slots_are_accounted_for_once_whatever_happens() -> None:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        Slots.everywhere = Everywhere(runner, Path(folder))
        try:
            run_state_machine_as_test(
                Slots,
                settings=settings(
                    max_examples=max(EXAMPLES // 2, 1),
                    stateful_step_count=25,
                    deadline=None,
                    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            for stage in Slots.everywhere.stages:
                stage.added.clear()
            Slots.everywhere.wipe()
            Slots.everywhere.close()
