"""The store under test: on SQLite in memory, on an SQLite file, and on a real PostgreSQL, each with a manual clock.

A test that is a coroutine function runs on the event loop of its `runner`, which its fixtures share.
"""

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.store.store import Store
from tests.aio import PATIENCE
from tests.store.harness import KINDS, Kind, ManualClock, Stage, open_stage


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of a test and of its fixtures."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The database that a test runs on; a test for one of them parametrizes it away."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def stage(kind: Kind, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Stage]:
    """A store on a fresh database. Every test is followed by the consistency check."""
    context = open_stage(kind, tmp_path)
    stage = runner.run(context.__aenter__())
    yield stage
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def store(stage: Stage) -> Store:
    return stage.store


@pytest.fixture
def clock(stage: Stage) -> ManualClock:
    return stage.clock


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give every async test a loop."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
        item.fixturenames[:] = dict.fromkeys([*item.fixturenames, "runner"])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test to its end, or until patience is over."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = inspect.signature(pyfuncitem.function).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def bounded() -> None:
        await asyncio.wait_for(pyfuncitem.obj(**arguments), 2 * PATIENCE)

    runner = pyfuncitem.funcargs["runner"]
    assert isinstance(runner, asyncio.Runner)
    runner.run(bounded())
    return True
