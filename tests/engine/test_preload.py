"""An app that is made before a fork, as ``gunicorn --preload`` makes it, and used in the children, whatever they do with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring import Mainspring
from mainspring.core.access import EVERYTHING
from tests.engine.preload import CHILDREN, RUNS, note
from tests.store.harness import new_postgres


@pytest.mark.failure(50)
@pytest.mark.parametrize("how", ["used", "unused"])
@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_children_of_a_fork_enqueue_each_for_itself(dialect: str, how: str, tmp_path: Path) -> None:
    url = new_postgres() if dialect == "postgres" else f"sqlite:///{tmp_path / 'm.db'}"

    async def look() -> list[str]:
        async with Mainspring(url, tasks=[note]) as app:
            return [run.params for run in await (await app.store()).runs.page(n=1000, scope=EVERYTHING)]

    asyncio.run(look())  # the schema is there before the server starts
    command = [sys.executable, "-m", "tests.engine.preload", url, how]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    wanted = [f'{{"child":{child},"n":{n}}}' for child in range(CHILDREN) for n in range(RUNS)] * 3
    if how == "used":
        wanted += [f'{{"child":-1,"n":{n}}}' for n in range(3)]
    assert sorted(asyncio.run(look())) == sorted(wanted)
