"""What a scaffold writes: a definition with model, stub and policy, and tests of success, failure and repetition that pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring.advisor.advise.advice import advise
from mainspring.advisor.advise.answers import NOTHING
from mainspring.advisor.advise.checklist import checklist
from mainspring.advisor.advise.describe import describe
from mainspring.advisor.advise.scaffold import check_name, scaffold
from mainspring.advisor.finding import Kind
from mainspring.core.errors import ConfigurationError

KINDS = [Kind.ADHOC, Kind.CRON, Kind.SIDE, Kind.WORKFLOW]
DESCRIBED = {
    "reindex": "rebuild the search index after edits, once a minute at most",
    "remind": "send a reminder 2 hours before the appointment",
    "label": "call the LLM when a ticket is opened, takes 40 seconds",
    "poll_stock": "every 10 minutes poll the supplier's API",
}


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder as a user would, warnings being errors."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.scenario("Q4")
def test_what_is_written_for_each_kind_passes_its_own_tests(tmp_path: Path) -> None:
    made = [(kind, f"do_{kind}", checklist(kind, NOTHING, (), name=f"do_{kind}"), "") for kind in KINDS]
    for name, text in DESCRIBED.items():
        advice = advise(description=describe(text), name=name)
        assert advice.kind is not None
        made.append((advice.kind, name, advice.checklist, f"This is an ad hoc workload: {text}. " * 3))
    for kind, name, items, sentence in made:
        for each in scaffold(kind, name, items, sentence=sentence):
            (tmp_path / each.name).write_text(each.text, "utf-8")
    ran = run_pytest(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{3 * len(made)} passed" in ran.stdout
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        [*ruff, "check", "--isolated", "--line-length=140", "--select=E,F,W,I,B,UP,RUF"],
        [*ruff, "format", "--check", "--isolated", "--line-length=140"],
        [sys.executable, "-m", "mainspring", "check", "--include-tests"],
    ):
        checked = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_body_that_does_nothing_fails_the_tests_that_are_written(tmp_path: Path) -> None:
    """The tests of a scaffold are no decoration: whoever breaks the definition hears of it."""
    definition, tests = scaffold(Kind.ADHOC, "send_invoice")
    broken = definition.text.replace("detail = await carry_out(subject_id)", 'detail = "nothing"')
    assert broken != definition.text
    (tmp_path / definition.name).write_text(broken, "utf-8")
    (tmp_path / tests.name).write_text(tests.text, "utf-8")
    ran = run_pytest(tmp_path)
    assert ran.returncode == 1
    assert "3 failed" in ran.stdout


def test_what_is_written_has_model_policy_and_the_reason() -> None:
    advice = advise(description=describe("call the LLM when a ticket is opened, takes 40 seconds", "en"), name="label")
    definition, tests = scaffold(Kind.ADHOC, "label", advice.checklist, sentence="This is an ad hoc workload.", package="shop.jobs")
    assert (definition.name, tests.name) == ("label_tasks.py", "test_label_tasks.py")
    for part in (
        "class LabelResult(BaseModel)",
        'timeout="5m"',
        "Retry(retries=5",
        'Dedupe("label:{subject_id}"',
        "# This is an ad hoc workload.",
        "async def carry_out",
        "raise Fail(",
    ):
        assert part in definition.text, part
    assert "import shop.jobs.label_tasks as module" in tests.text
    assert "@" not in definition.text.replace("@task", "")
    debounced = advise(description=describe(DESCRIBED["reindex"]), name="reindex")
    assert '"debounce", window="1m"' in scaffold(Kind.ADHOC, "reindex", debounced.checklist)[0].text


@pytest.mark.parametrize("name", ["Send", "1st", "class", "a b", "../evil", "", "x" * 101, "a.b"])
def test_names_that_no_module_can_have_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME="):
        scaffold(Kind.ADHOC, name)


def test_hyphens_become_underscores() -> None:
    assert check_name("send-invoice") == "send_invoice"


def test_plain_code_has_no_scaffold() -> None:
    with pytest.raises(ConfigurationError, match="needs no definition"):
        scaffold(Kind.NONE, "count")
