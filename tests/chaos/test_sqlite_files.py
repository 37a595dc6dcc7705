"""Several processes on one SQLite file: their turns, one that dies in its turn, and a program of somebody else."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.chaos.chaos_tasks import touch
from tests.chaos.stage import ROOT, Stage

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])

DIE_AT_THE_GATE = """
import os, signal, sqlite3, sys
from pathlib import Path
from mainspring.store.files import FileLock
gate = FileLock(Path(sys.argv[1] + ".gate"))
gate.acquire()
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("begin immediate")
connection.execute("delete from mainspring_hot_runs")
os.kill(os.getpid(), signal.SIGKILL)
"""


async def share_a_file(stage: Stage, workers: int, runs: int) -> None:
    """Let workers share a file with a process that dies in its turn, and with a foreign writer."""
    path = stage.url.removeprefix("sqlite:///")
    fleet = [await stage.worker(f"w{n}", "-c", "10") for n in range(workers)]
    handles = await stage.enqueue_many(touch, [{"n": n} for n in range(runs)])
    dead = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", DIE_AT_THE_GATE, path], cwd=ROOT, check=False)
    assert dead.returncode == -signal.SIGKILL
    handles += await stage.enqueue_many(touch, [{"n": n} for n in range(runs)])
    foreign = sqlite3.connect(path, isolation_level=None, timeout=30)
    foreign.execute("begin immediate")  # an application that holds the write lock of the file, and knows no gate
    before = stage.rows("select count(*) as n from mainspring.history")[0]["n"]
    waiting = [asyncio.create_task(stage.enqueue(touch, n=n)) for n in range(10)]
    await asyncio.sleep(1.0)  # not a wait for something: the lock is held for that long
    assert stage.rows("select count(*) as n from mainspring.history")[0]["n"] == before
    assert not any(each.done() for each in waiting)
    foreign.execute("commit")
    foreign.close()
    handles += await asyncio.gather(*waiting)
    for n in range(200):
        handles.append(await stage.enqueue(touch, n=n))
    ended = await stage.until_final(handles)
    assert {(str(run.state), run.rescues, run.retries) for run in ended} == {("completed", 0, 0)}
    assert len({line.run for line in stage.journal("touched")}) == len(stage.journal("touched")) == len(handles)
    for worker in fleet:
        assert await stage.stopped(worker) == 0
    sockets = stage.folder / "chaos.db.wake"
    assert not list(sockets.glob("*"))


@pytest.mark.failure(45, 46, 47)
async def test_workers_on_one_file_survive_a_death_at_the_gate_and_a_foreign_writer(stage: Stage) -> None:
    await share_a_file(stage, 2, 300)


@pytest.mark.chaos
@pytest.mark.failure(45, 46, 47)
async def test_four_workers_on_one_file_each_get_their_turn(stage: Stage) -> None:
    await share_a_file(stage, 4, 4000)
    shares = stage.rows("select node_id, count(*) as n from mainspring.history group by node_id")
    assert len(shares) == 4


@pytest.mark.chaos
@pytest.mark.failure(46)
async def test_sockets_of_the_killed_are_swept(stage: Stage) -> None:
    victims = [await stage.worker(f"v{n}") for n in range(2)]
    for victim in victims:
        victim.kill()
        await victim.gone()
    worker = await stage.worker("w")
    await stage.until_final(await stage.enqueue_many(touch, [{"n": n} for n in range(10)]))
    assert await stage.stopped(worker) == 0
    await stage.store.database.notify("")
    assert not list((stage.folder / "chaos.db.wake").glob("*"))
    assert not list((stage.folder / "chaos.db.nodes").glob("*.lock"))
