"""Databases with an application's own table beside ours."""

from pathlib import Path

import pytest

from tests.transactions.callers import Place, make_place


@pytest.fixture
def place(dialect: str, tmp_path: Path) -> Place:
    """A database of its own."""
    return make_place(dialect, tmp_path)
