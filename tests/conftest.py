"""What all floors share: tests that are coroutines and take a fleet run on its virtual time."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator

import pytest

from tests.fleet import Fleet

os.environ["LC_ALL"] = "C.UTF-8"  # whatever this machine speaks, the command line answers in English


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Nodes on one store in memory, ticked by hand."""
    made = Fleet()
    yield made
    made.close()
    assert made.problems == []


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    found = pyfuncitem.funcargs.get("fleet")
    if not isinstance(found, Fleet) or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    found.loop.run_until_complete(pyfuncitem.obj(**arguments))
    return True
