"""Where children come from: imports that fail, hooks, templates that die, and children that die with their node."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.run import Completed, Lost, Reason, Released
from mainspring.core.task import Task
from mainspring.engine.nursery import Nursery, Plan, SpawnNursery, open_nursery
from mainspring.engine.pools import Limits
from mainspring.engine.process_pools import DefPool, LoopPool
from tests.aio import run, until
from tests.engine import bodies
from tests.engine.spy import ALL, Spy, claimed, open_pool, perform, ticking

SOME: list[Task[..., Any]] = [bodies.noop, bodies.noop_def, bodies.pid, bodies.wait, bodies.stubborn, bodies.crash]


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def module_in(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(folder))
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


class TestProblems:
    def test_module_that_cannot_be_imported_is_named_and_tried_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = module_in(tmp_path, "broken_tasks", "x = 1\nraise RuntimeError('no settings')\n", monkeypatch)

        async def story() -> None:
            plan = Plan((("later", "broken_tasks", "later"),))
            async with open_pool("async", plan=plan) as (pool, spy):
                assert pool.free == pool.slots == 0
                problem = pool.problem or ""
                assert "broken_tasks" in problem
                assert "RuntimeError: no settings" in problem
                assert f"{broken}:2" in problem
                broken.write_text("from mainspring.core.task import task\n@task\nasync def later() -> int: return 7\n")
                await until(lambda: bool(pool.slots), "the mended start")
                assert pool.problem is None
                assert await perform(pool, spy, claimed("later")) == Completed("7")

        run(story())

    def test_module_that_leaves_the_process(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        module_in(tmp_path, "leaving_tasks", "import sys\nsys.exit(3)\n", monkeypatch)

        async def story() -> None:
            async with open_pool("def", plan=Plan((("x", "leaving_tasks", "x"),))) as (pool, _):
                assert "leaving_tasks" in (pool.problem or "")
                assert "SystemExit" in (pool.problem or "")

        run(story())

    def test_runs_do_not_wait_for_ever_where_nothing_can_start(self) -> None:
        async def story() -> None:
            async with open_pool("async", plan=Plan((("x", "no_such_module", "x"),))) as (pool, spy):
                assert await perform(pool, spy, claimed("x")) == Released(Reason.NOT_STARTED)

        run(story())

    def test_hooks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = (
            "import os\nfrom mainspring.core.task import task\nready = []\n"
            "def before() -> None: os.environ['SET_BEFORE_IMPORT'] = 'yes'\n"
            "def hook() -> None: ready.append(os.getpid())\n"
            "def bad() -> None: raise LookupError('no broker')\n"
        )
        module_in(tmp_path, "hooked", text, monkeypatch)
        tasks = (
            "import os, hooked\nfrom mainspring.core.task import task\nseen = os.environ['SET_BEFORE_IMPORT']\n"
            "@task\nasync def look() -> list[bool]: return [hooked.ready == [os.getpid()], seen == 'yes']\n"
        )
        module_in(tmp_path, "hooked_tasks", tasks, monkeypatch)
        wanted = (("look", "hooked_tasks", "look"),)

        async def story() -> None:
            plan = Plan(wanted, hooks=("hooked:hook",), before_import=("hooked:before",))
            async with open_pool("async", plan=plan) as (pool, spy):
                assert await perform(pool, spy, claimed("look")) == Completed("[true,true]")
            plan = Plan(wanted, hooks=("hooked:bad",), before_import=("hooked:before",))
            async with open_pool("async", plan=plan) as (pool, _):
                assert "hooked:bad" in (pool.problem or "")
                assert "LookupError: no broker" in (pool.problem or "")

        run(story())


class TestTemplate:
    def test_death_of_the_template_takes_its_children_and_charges_nobody(self) -> None:
        async def story() -> None:
            async with open_pool("async", plan=Plan.of(SOME)) as (pool, spy):
                each = claimed(bodies.wait)
                pool.submit(each)
                await until(lambda: pool._executors[0]._cells[0] == 1)
                child = pool._executors[0].pid
                os.kill(pool._nursery._process.pid, signal.SIGKILL)
                outcome = await spy.end_of(each)
                assert isinstance(outcome, Lost)
                assert (outcome.reason, outcome.is_innocent) == (Reason.LOST, True)
                await until(lambda: not lives(child), "the end of the child")
                await until(lambda: bool(pool.slots), "another template")
                assert await perform(pool, spy, claimed(bodies.noop)) == Completed()

        run(story())

    def test_pools_share_a_nursery_until_the_last_one_stops(self) -> None:
        async def story() -> None:
            nursery, spy = open_nursery(Plan.of(SOME)), Spy()
            first, second = LoopPool(nursery, spy, Limits()), DefPool(nursery, spy, Limits(), 1)
            await asyncio.gather(first.start(), second.start())
            await first.stop(0.2)
            async with ticking(second):
                assert await perform(second, spy, claimed(bodies.noop_def)) == Completed()
            await second.stop(0.2)
            with pytest.raises(RuntimeError, match="closed"):
                await nursery.take()

        run(story())


ENGINE = """
import asyncio, sys
from mainspring.engine.nursery import Plan, open_nursery
from mainspring.engine.pools import Limits
from mainspring.engine.process_pools import DefPool, LoopPool
from tests.engine import bodies
from tests.engine.spy import Spy, claimed

async def main():
    nursery, spy = open_nursery(Plan.of([bodies.wait, bodies.stubborn])), Spy()
    pools = LoopPool(nursery, spy, Limits()), DefPool(nursery, spy, Limits(), 1)
    for pool in pools:
        await pool.start()
    pools[0].submit(claimed(bodies.wait))
    pools[1].submit(claimed(bodies.stubborn, '{"path":"%s"}' % sys.argv[1]))
    pids = [nursery._process.pid, *(child.pid for child in nursery._children.values() if child.pid)]
    print(*pids, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


class TestTogether:
    def test_children_and_their_programs_die_with_the_engine(self, tmp_path: Path) -> None:
        told = tmp_path / "pid"
        engine = subprocess.Popen(
            [sys.executable, "-c", ENGINE, str(told)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        with engine:
            try:
                assert engine.stdout is not None
                pids = [int(word) for word in engine.stdout.readline().split()]
                assert len(pids) >= 3

                async def story() -> None:
                    await until(lambda: told.exists() and bool(told.read_text()), "the program's start")
                    pids.append(int(told.read_text()))
                    assert all(lives(pid) for pid in pids)
                    engine.kill()
                    await until(lambda: not any(lives(pid) for pid in pids), "the end of everything")

                run(story())
            finally:
                engine.kill()


class TestSpawning:
    """The path of systems without a template, taken here, too."""

    @pytest.fixture
    def nursery(self) -> Nursery:
        return SpawnNursery(Plan.of(SOME))

    def test_runs_crashes_and_programs(self, nursery: Nursery, tmp_path: Path) -> None:
        async def story() -> None:
            spy = Spy()
            pools = LoopPool(nursery, spy, Limits(grace=0.4)), DefPool(nursery, spy, Limits(grace=0.4), 1)
            await asyncio.gather(*(pool.start() for pool in pools))
            async with ticking(pools[0]), ticking(pools[1]):
                assert await perform(pools[0], spy, claimed(bodies.noop)) == Completed()
                assert await perform(pools[1], spy, claimed(bodies.noop_def)) == Completed()
                outcome = await perform(pools[0], spy, claimed(bodies.crash))
                assert isinstance(outcome, Lost)
                assert "SIGSEGV" in outcome.error["message"]
                told = tmp_path / "pid"
                each = claimed(bodies.stubborn, f'{{"path":"{told}"}}', timeout=1)
                await perform(pools[1], spy, each)
                await until(lambda: not lives(int(told.read_text())), "the end of the program")
                assert await perform(pools[0], spy, claimed(bodies.noop)) == Completed()
            await asyncio.gather(*(pool.stop(0.2) for pool in pools))

        run(story())

    def test_broken_module(self) -> None:
        async def story() -> None:
            nursery = SpawnNursery(Plan((("x", "no_such_module", "x"),)))
            await nursery.start()
            assert "no_such_module" in (nursery.problem or "")
            await nursery.stop()

        run(story())


def test_plan_names_what_is_to_be_imported() -> None:
    plan = Plan.of(ALL)
    assert ("noop", "tests.engine.bodies", "noop") in plan.tasks
