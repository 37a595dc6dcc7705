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


def test_a_module_of_tasks_that_asks_for_the_app_is_told_and_hangs_nobody(tmp_path: Path) -> None:
    (tmp_path / "eager").mkdir()
    (tmp_path / "eager" / "__init__.py").touch()
    (tmp_path / "eager" / "tasks.py").write_text("from mainspring.django import get_app\n\napp = get_app()\n")
    script = f"""
import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
settings.configure(INSTALLED_APPS=["mainspring.django", "eager"], MAINSPRING={{"URL": "sqlite:///{tmp_path}/runs.db"}})
django.setup()
from mainspring.django import get_app
try:
    get_app()
except ImproperlyConfigured as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "call get_app() in a function" in done.stdout, done.stderr
