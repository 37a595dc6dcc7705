"""Stages for chaos tests: a test is a coroutine that takes ``stage``; the checker follows each of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests import postgres
from tests.chaos.stage import KINDS, LONG_PATIENCE, Kind, Stage, make_stage, unmake_stage

SHORT_PATIENCE = 120.0


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each database; a test narrows it with ``@pytest.mark.parametrize("kind", ["postgres"])``."""
    found: Kind = request.param
    return found


@pytest.fixture
def stage(kind: Kind) -> Iterator[Stage]:
    """Make a stage on a store of its own."""
    made = make_stage(kind)
    yield made
    unmake_stage(made)


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """Make a PostgreSQL that may be crashed, with durable settings, as in production."""
    made = postgres.Cluster(settings={"fsync": "on", "full_page_writes": "on"})
    yield made
    made.close()


@pytest.fixture
def fragile(cluster: postgres.Cluster) -> Iterator[Stage]:
    """Make a stage on the PostgreSQL that may be crashed, reached over TCP."""
    cluster.start()
    url = urlsplit(cluster.tcp_url)._replace(path=urlsplit(postgres.fresh_database(cluster.url)).path).geturl()
    made = make_stage("postgres", url)
    yield made
    cluster.start()
    unmake_stage(made, is_own=False)
    postgres.drop_database(urlsplit(cluster.url)._replace(path=urlsplit(url).path).geturl())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    found = pyfuncitem.funcargs.get("stage") or pyfuncitem.funcargs.get("fragile")
    if not isinstance(found, Stage) or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    patience = LONG_PATIENCE if pyfuncitem.get_closest_marker("chaos") else SHORT_PATIENCE
    asyncio.run(found.play(pyfuncitem.obj(**arguments), patience))
    return True
