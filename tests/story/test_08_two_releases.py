"""A rolling deploy: the release before and this one work side by side, on the schema of this one.

The release before is the newest commit that knew fewer migrations. A source tree without its history has only itself to stand beside; the
story is the same then, with one release playing both parts.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.postgres import fresh_database, server

ROOT = Path(__file__).parents[2]
STEPS = "src/mainspring/store/sql/migrations"
TASKS = """
from mainspring import task

@task
async def tell_release() -> str:
    import mainspring
    return mainspring.__file__

@task(retry=1)
def tell_release_at_last() -> str:
    import mainspring
    from mainspring import RetryLater, current_run
    if current_run().attempt == 1:
        raise RetryLater(0)
    return mainspring.__file__
"""
ENQUEUE = """
import asyncio, json, sys
import tasks
from mainspring import Mainspring

async def main():
    async with Mainspring(sys.argv[1], tasks=[tasks.tell_release, tasks.tell_release_at_last]) as app:
        ids = []
        for queue in ("before", "now", "both"):
            ids += await app.enqueue_many(tasks.tell_release.options(queue=queue), [{}] * 20)
            ids.append(await app.enqueue(tasks.tell_release_at_last.options(queue=queue, key=f"{queue}-{sys.argv[2]}")))
        print(json.dumps([run.id for run in ids]))

asyncio.run(main())
"""


def steps_at(commit: str) -> set[str]:
    """Return the blobs of the migrations at a commit."""
    told = subprocess.run(["git", "ls-tree", "-r", commit, STEPS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {line.split()[2] + line.split("\t")[1] for line in told.splitlines()}


def release_before(target: Path) -> Path:
    """Unpack the sources of the release before, and return where they are."""
    try:
        commits = subprocess.run(
            ["git", "log", "--format=%H", "-n", "500"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return ROOT / "src"
    newest = steps_at("HEAD")
    for commit in commits:
        if (known := steps_at(commit)) and known < newest:
            packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, capture_output=True, check=True).stdout
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(target, filter="data")
            return target / "src"
    return ROOT / "src"


def start(sources: Path, home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start Python with one of the releases first on its path."""
    environment = {**os.environ, "PYTHONPATH": f"{sources}{os.pathsep}{home}"}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> str:
    """Return what a process printed; it must have ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def work(sources: Path, home: Path, url: str, *queues: str) -> subprocess.Popen[str]:
    """Start a worker that leaves when nothing is ready."""
    cli = ("--discover", "tasks", "--url", url)
    return start(sources, home, "-m", "mainspring", *cli, "worker", "--burst", "-q", ",".join(queues))


@pytest.mark.failure(52, 53)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_release_before_works_beside_this_one(tmp_path: Path, kind: str) -> None:
    before, now = release_before(tmp_path / "before"), ROOT / "src"
    home = tmp_path / "home"
    home.mkdir()
    (home / "tasks.py").write_text(TASKS)
    url = f"sqlite:///{tmp_path}/jobs.db" if kind == "sqlite" else fresh_database(server())
    cli = ("-m", "mainspring", "--discover", "tasks", "--url", url)
    told(start(before, home, *cli, "migrate"))
    ids = json.loads(told(start(before, home, "-c", ENQUEUE, url, "old")))  # what waits when the deploy begins
    told(start(now, home, *cli, "migrate"))
    enqueuers = [start(before, home, "-c", ENQUEUE, url, "before"), start(now, home, "-c", ENQUEUE, url, "now")]
    workers = [work(before, home, url, "before", "both"), work(now, home, url, "now", "both")]
    for enqueuer in enqueuers:
        ids += json.loads(told(enqueuer))
    for worker in workers:
        told(worker)
    for worker in (work(before, home, url, "before", "both"), work(now, home, url, "now", "both")):  # what came after they looked last
        told(worker)
    runs = [json.loads(line) for line in told(start(now, home, *cli, "--json", "runs", "list", "--limit", "500")).splitlines()]
    assert sorted(run["id"] for run in runs) == sorted(ids)
    assert {run["state"] for run in runs} == {"completed"}
    assert releases(runs, "before", home, cli, now) == {str(before)}
    assert releases(runs, "now", home, cli, now) == {str(now)}
    attempts = Counter((run["task"], run["attempt"]) for run in runs)
    assert attempts == {("tell_release", 1): 180, ("tell_release_at_last", 2): 9}


def releases(runs: Sequence[dict[str, object]], queue: str, home: Path, cli: Sequence[str], sources: Path) -> set[str]:
    """Return which releases carried out the runs of a queue; each answered with the place of its code."""
    some = [str(run["id"]) for run in runs if run["queue"] == queue][:3]
    found = [json.loads(told(start(sources, home, *cli, "--json", "runs", "show", id_))) for id_ in some]
    return {str(Path(run["result"]).parents[1]) for run in found}
