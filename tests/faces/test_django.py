"""A Django project whose tasks are carried out by Mainspring: the example's own tests, on both databases."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.conftest import ROOT
from tests.postgres import fresh_database, server

SHOP = ROOT / "examples" / "django_shop"


def run_the_shops_tests(url: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")} | {"SHOP_DATABASE": url}
    done = subprocess.run(
        [sys.executable, "manage.py", "test", "--noinput"],
        cwd=SHOP, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ran = re.search(r"Ran (\d+) tests", done.stderr)
    assert ran is not None
    assert int(ran[1]) >= 8


@pytest.mark.scenario("K4", part="django")
def test_djangos_own_tasks_on_sqlite(tmp_path: Path) -> None:
    run_the_shops_tests(f"sqlite:///{tmp_path}/shop.db")


@pytest.mark.scenario("K4", part="django")
def test_djangos_own_tasks_on_postgresql() -> None:
    run_the_shops_tests(fresh_database(server()))
