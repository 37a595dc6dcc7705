"""``mainspring check`` on definitions, from outside: a project's own files decide which versions count, and `--celery` is a notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mainspring.cli.main import root

Check = Callable[..., tuple[Result, list[dict[str, Any]]]]
WORKFLOW = "from mainspring import workflow\n\n\n@workflow\nasync def fulfil(order_id: int) -> None: ...\n"


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return what the command says of files in a folder of their own."""
    (tmp_path / ".git").mkdir()

    def run(files: dict[str, str], *options: str) -> tuple[Result, list[dict[str, Any]]]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        result = CliRunner().invoke(root, ["check", "--no-cache", "--format", "json", *options, str(tmp_path)])
        return result, json.loads(result.stdout)["findings"]

    return run


def rules(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["rule"], each["severity"]) for each in found]


@pytest.mark.scenario("G-25", part="cli")
def test_the_lock_file_of_the_project_decides_and_not_the_tool(check: Check) -> None:
    result, found = check({"uv.lock": '[[package]]\nname = "mainspring"\nversion = "0.1.0"\n', "shop/tasks.py": WORKFLOW})
    assert (result.exit_code, rules(found)) == (1, [("MS601", "error")])
    assert "0.1.0 (uv.lock)" in found[0]["message"]


@pytest.mark.scenario("G-25", part="cli")
def test_the_schema_of_the_lock_file_decides(check: Check) -> None:
    tasks = "from mainspring import every, task\n\n\n@task(schedule=every('1h'), timeout='5m')\nasync def tidy() -> None: ...\n"
    result, found = check({"mainspring.lock": "schema = 8\n", "shop/tasks.py": tasks})
    assert (result.exit_code, rules(found)) == (1, [("MS602", "error")])
    result, found = check({"mainspring.lock": "schema = 21\n"})
    assert (result.exit_code, found) == (0, [])


@pytest.mark.scenario("G-24", part="cli")
def test_the_kind_of_work_is_told_with_a_schedule(check: Check) -> None:
    tasks = (
        "from mainspring import every, task\n\n\n@task(schedule=every(600), timeout=720, overlap='allow')\nasync def tidy() -> None: ...\n"
    )
    result, found = check({"shop/tasks.py": tasks})
    assert (result.exit_code, [(each["rule"], each["kind"]) for each in found]) == (1, [("MS502", "cron")])


ALLOW = "# mainspring: allow[MS401] outside-engine -- the mail service expires this link token after ten minutes"


@pytest.mark.scenario("G-21", part="cli")
@pytest.mark.parametrize(
    "definition",
    [
        f"{ALLOW}\n@task\nasync def mail(token: str) -> None: ...\n",
        f"@task\nasync def mail(\n    address: str,\n    token: str,  {ALLOW}\n) -> None: ...\n",
        f"@task\nasync def mail(\n    address: str,\n    {ALLOW}\n    token: str,\n) -> None: ...\n",
    ],
)
def test_a_written_exception_lets_a_parameter_pass(check: Check, definition: str) -> None:
    result, found = check({"shop/tasks.py": f"from mainspring import task\n\n\n{definition}"})
    assert (result.exit_code, [each["status"] for each in found]) == (0, ["suppressed"])
    result, found = check({"shop/tasks.py": f"from mainspring import task\n\n\n{definition.replace(ALLOW, '# noqa')}"})
    assert (result.exit_code, rules(found)) == (1, [("MS401", "error")])


def test_definitions_of_celery_never_fail_a_build(check: Check) -> None:
    tasks = "import requests\nfrom celery import shared_task\n\n\n@shared_task\ndef sync(api_key):\n    requests.get('https://x')\n"
    result, found = check({"shop/tasks.py": tasks}, "--celery")
    assert result.exit_code == 0
    assert {severity for _, severity in rules(found)} == {"notice"}
    assert not check({"shop/tasks.py": tasks})[1]
