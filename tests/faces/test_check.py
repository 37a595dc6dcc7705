"""``mainspring check`` from outside: what it says, how it ends, and what it refuses before it writes anything."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mainspring.advisor.catalogue import RULES
from mainspring.cli.main import root

HEAD = """
import asyncio
import threading
import time

import httpx
from fastapi import BackgroundTasks, FastAPI

app = FastAPI()


async def send(order: int) -> None:
    async with httpx.AsyncClient() as client:
        await client.post("https://mail.example.com/send", json={"order": order})


def export(order: int) -> None:
    httpx.post("https://export.example.com", json={"order": order})

"""
SPAWN = (
    HEAD
    + """
@app.post("/pay")
async def pay(order: int) -> dict:
    asyncio.create_task(send(order))
    return {}
"""
)
CLEAN = (
    HEAD
    + """
@app.post("/pay")
async def pay(order: int) -> dict:
    await send(order)
    return {}
"""
)
REASON = "outside-engine -- the mail relay keeps its own queue, and sends again by itself"
ALLOWED = SPAWN.replace("create_task(send(order))", f"create_task(send(order))  # mainspring: allow[MS101] {REASON}")

Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return the command, called in a folder of its own; ``views`` is the one file that there is."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def call(*args: str, views: str | None = None, input: str | bytes | None = None) -> Result:
        if views is not None:
            (tmp_path / "views.py").write_text(views)
        return CliRunner().invoke(root, ["check", *args], prog_name="mainspring", input=input)

    return call


def found(result: Result) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    return findings


def codes(result: Result) -> list[tuple[str, str]]:
    return [(each["rule"], each["status"]) for each in found(result)]


class TestEnds:
    def test_clean_is_0(self, check: Check) -> None:
        result = check(views=CLEAN)
        assert (result.exit_code, "Nothing found" in result.stdout) == (0, True)

    @pytest.mark.scenario("G-1", part="cli")
    def test_findings_are_1_and_say_what_why_and_what_to_do(self, check: Check) -> None:
        result = check(views=SPAWN)
        assert result.exit_code == 1
        assert "views.py:23:5: MS101 [adhoc]" in result.stdout
        assert "do this:" in result.stdout
        assert "or justify: # mainspring: allow[MS101]" in result.stdout

    @pytest.mark.parametrize(("fail_on", "code"), [("error", 1), ("warning", 1), ("notice", 1)])
    def test_from_the_weight_that_is_given(self, check: Check, fail_on: str, code: int) -> None:
        assert check("--fail-on", fail_on, views=SPAWN).exit_code == code

    @pytest.mark.scenario("G-20", part="notices")
    def test_notices_do_not_count_unless_they_are_to(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "test_views.py").write_text(SPAWN)
        assert codes(check("--json")) == []
        assert [each["severity"] for each in found(check("--json", "--include-tests"))] == ["notice"]
        assert check("--include-tests").exit_code == 0
        assert check("--include-tests", "--fail-on", "notice").exit_code == 1

    @pytest.mark.scenario("G-18", part="cli")
    def test_an_incomplete_scan_is_1_where_that_is_strict(self, check: Check) -> None:
        assert check("--fail-on", "error", views="create_task(").exit_code == 0
        result = check("--fail-on", "error", "--strict", views="create_task(")
        assert (result.exit_code, "Not scanned" in result.stdout) == (1, True)

    def test_selection(self, check: Check) -> None:
        assert check("--select", "MS2,MS3", views=SPAWN).exit_code == 0
        assert check("--ignore", "MS101", views=SPAWN).exit_code == 0
        assert check("--select", "MS1", "--ignore", "MS102", views=SPAWN).exit_code == 1

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--select", "MS999"], "there is no rule 'MS999'"),
            (["--ignore", "detached-thread"], "did you mean MS102"),
            (["nowhere"], "nowhere is not there"),
            (["--diff", "main"], "no Git repository"),
            (["--ratchet", "none.json"], "none.json is not there"),
            (["--update-ratchet"], "needs --ratchet FILE"),
            (["--dry-run"], "add --fix"),
            (["--json", "--format", "sarif"], "keep one of them"),
            (["--sarif-suppressed"], "--format sarif"),
            (["--output", "no/such/folder.json"], "there is no folder"),
            (["--explain", "MS999"], "there is no rule"),
            (["--format", "xml"], "'xml' is not one of"),
            (["--jobs", "0"], "0 is not in the range"),
        ],
    )
    def test_what_makes_no_sense_is_2_and_nothing_is_written(
        self, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str
    ) -> None:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        result = check(*args, "--no-cache", views=SPAWN)
        assert result.exit_code == 2
        assert said in result.output
        assert os.listdir(tmp_path) == ["views.py"]

    def test_a_wrong_configuration_is_2_and_named(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[tool.mainspring.check]\nselekt = []\n")
        result = check(views=SPAWN)
        assert result.exit_code == 2
        assert "pyproject.toml" in result.output
        assert "did you mean select" in result.output


@pytest.mark.scenario("G-15", part="cli")
@pytest.mark.scenario("S0-35", part="justified cli")
class TestJustified:
    def test_it_does_not_count_and_is_listed(self, check: Check) -> None:
        result = check(views=ALLOWED)
        assert (result.exit_code, "1 justified exception" in result.stdout) == (0, True)
        listed = check("--justifications", views=ALLOWED)
        assert listed.exit_code == 0
        assert "views.py:23: MS101 outside-engine" in listed.stdout
        assert "the mail relay keeps its own queue" in listed.stdout
        (told,) = found(check("--json", views=ALLOWED))
        assert (told["status"], told["justification"]["ground"]) == ("suppressed", "outside-engine")

    def test_growth_can_be_stopped(self, check: Check) -> None:
        assert check("--max-justifications", "1", views=ALLOWED).exit_code == 0
        assert check("--max-justifications", "0", views=ALLOWED).exit_code == 1
        assert check("--justifications", "--max-justifications", "0", views=ALLOWED).exit_code == 1

    def test_noqa_never_counts(self, check: Check) -> None:
        assert check(views=SPAWN.replace("send(order))", "send(order))  # noqa: MS101")).exit_code == 1

    @pytest.mark.scenario("G-16")
    def test_a_ground_that_is_not_true_is_refused_two_calls_deep(self, check: Check) -> None:
        views = dedent("""
            import asyncio
            import requests
            from fastapi import FastAPI

            app = FastAPI()

            def post(order):
                requests.post("https://mail.example.com", json={"order": order}, timeout=30)

            def mail(order):
                post(order)

            async def send(order):
                mail(order)

            @app.post("/pay")
            async def pay(order: int):
                # mainspring: allow[MS101] sub-second -- the mail relay is quick on every good day
                asyncio.create_task(send(order))
        """)
        result = check("--json", views=views)
        assert result.exit_code == 1
        assert ("MS005", "open") in codes(result)
        assert ("MS101", "open") in codes(result)
        (told,) = [each for each in found(result) if each["rule"] == "MS005"]
        assert "requests.post" in json.dumps(told)

    @pytest.mark.scenario("G-17", part="cli")
    def test_an_expired_one_counts_again_and_an_unused_one_is_removed(self, check: Check, tmp_path: Path) -> None:
        over = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
        expired = ALLOWED.replace("outside-engine --", f"migration until={over} --")
        assert codes(check("--json", views=expired)) == [("MS101", "open"), ("MS006", "open")]
        unused = CLEAN.replace("await send(order)", f"await send(order)  # mainspring: allow[MS101] {REASON}")
        assert codes(check("--json", views=unused)) == [("MS004", "open")]
        assert "-    await send(order)  # mainspring" in check("--fix", "--dry-run", views=unused).stdout
        assert check("--fix", views=unused).exit_code == 0
        assert (tmp_path / "views.py").read_text() == CLEAN


@pytest.mark.scenario("Q1")
class TestOldCode:
    def test_handlers_are_found_and_new_findings_fail_beside_a_ratchet(self, check: Check, tmp_path: Path) -> None:
        old = HEAD + dedent("""
            @app.post("/a")
            async def a(order: int):
                asyncio.create_task(send(order))

            @app.post("/b")
            async def b(order: int):
                asyncio.ensure_future(send(order))

            @app.post("/c")
            def c(order: int):
                threading.Thread(target=export, args=(order,)).start()

            @app.post("/d")
            async def d(order: int):
                asyncio.get_running_loop().run_in_executor(None, export, order)

            @app.post("/e")
            async def e(order: int, background_tasks: BackgroundTasks):
                background_tasks.add_task(export, order)
        """)
        assert [each["rule"] for each in found(check("--json", views=old))] == ["MS101", "MS101", "MS102", "MS103", "MS104"]
        written = check("--ratchet", "old.json", "--update-ratchet", views=old)
        assert (written.exit_code, "5 findings" in written.stderr) == (0, True)
        assert check("--ratchet", "old.json", views=old).exit_code == 0
        moved = "# a new line\n" * 3 + old
        assert check("--ratchet", "old.json", views=moved).exit_code == 0
        edited = old.replace("threading.Thread(target=export, args=(order,))", "threading.Thread(target=export, args=(order, 1))")
        assert check("--ratchet", "old.json", views=edited).exit_code == 1
        more = old + '\n@app.post("/f")\nasync def f(order: int):\n    asyncio.create_task(send(order))\n'
        told = check("--json", "--ratchet", "old.json", views=more)
        assert (told.exit_code, [each["status"] for each in found(told)].count("open")) == (1, 1)

    def test_a_ratchet_keeps_what_nobody_has_looked_at(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "other.py").write_text(SPAWN)
        check("--ratchet", "old.json", "--update-ratchet", views=SPAWN)
        check("views.py", "--ratchet", "old.json", "--update-ratchet", views=CLEAN)
        entries = json.loads((tmp_path / "old.json").read_text())["entries"]
        assert [each["path"] for each in entries] == ["other.py"]

    @pytest.mark.scenario("G-31", part="cli")
    def test_only_what_has_changed(self, check: Check, tmp_path: Path) -> None:
        who = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }

        def git(*words: str) -> None:
            subprocess.run(["git", *words], cwd=tmp_path, env={**os.environ, **who}, check=True, capture_output=True)

        (tmp_path / "views.py").write_text(SPAWN)
        git("init", "-q", "-b", "main")
        git("add", "views.py")
        git("commit", "-q", "-m", "old")
        assert check("--diff", "main").exit_code == 0
        more = SPAWN + '\n@app.post("/refund")\nasync def refund(order: int):\n    asyncio.create_task(send(order))\n'
        result = check("--json", "--diff", "main", views=more)
        assert (result.exit_code, [each["line"] for each in found(result)]) == (1, [28])
        assert check("--diff", "nowhere").exit_code == 2


class TestForms:
    @pytest.mark.parametrize("form", ["json", "jsonl", "sarif", "github", "gitlab", "junit", "markdown", "text"])
    def test_each_is_written_to_a_file_that_is_there_whole(self, check: Check, tmp_path: Path, form: str) -> None:
        result = check("--format", form, "--output", "report", views=SPAWN)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "MS101" in (tmp_path / "report").read_text()

    def test_a_step_summary_of_github(self, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
        assert check("--format", "github", views=SPAWN).stdout.startswith("::error ")
        assert "MS101" in (tmp_path / "summary.md").read_text()

    def test_suppressed_results_for_sarif(self, check: Check) -> None:
        without = json.loads(check("--format", "sarif", views=ALLOWED).stdout)["runs"][0]["results"]
        with_them = json.loads(check("--format", "sarif", "--sarif-suppressed", views=ALLOWED).stdout)["runs"][0]["results"]
        assert (len(without), len(with_them)) == (0, 1)

    def test_paths_lead_from_where_the_caller_stands(self, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shop = tmp_path / "service" / "shop"
        shop.mkdir(parents=True)
        (tmp_path / "service" / "pyproject.toml").write_text("")
        (shop / "views.py").write_text(SPAWN)
        assert [each["file"] for each in found(check("service", "--json"))] == ["service/shop/views.py"]
        monkeypatch.chdir(shop)
        assert "views.py:23:5: MS101" in check().stdout.splitlines()[0]

    def test_an_editor_asks_of_what_it_holds(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "views.py").write_text(CLEAN)
        result = check("--stdin-filename", "views.py", "--json", input=SPAWN)
        assert [(each["file"], each["rule"]) for each in found(result)] == [("views.py", "MS101")]
        assert (tmp_path / "views.py").read_text() == CLEAN

    def test_pages_of_all_rules(self, check: Check) -> None:
        for code, rule in RULES.items():
            result = check("--explain", code)
            assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"# {code} {rule.name}")
        assert check("--explain", "detached-thread").stdout == check("--explain", "ms102").stdout


class TestOptions:
    def test_nothing_is_remembered(self, check: Check, tmp_path: Path) -> None:
        check("--no-cache", views=SPAWN)
        assert os.listdir(tmp_path) == ["views.py"]

    def test_a_terminal_that_waits_is_told_how_far_we_are(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        module: Any = importlib.import_module("mainspring.cli.check")
        assert module._progress(0.0) is None  # nobody watches
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        tell = module._progress(time.perf_counter() - 60)
        tell(1200)
        tell(1201)  # not five hundred times a second
        module._progress_over()
        assert capsys.readouterr().err.count("files read") == 1
        quick = module._progress(time.perf_counter())
        quick(7)
        assert capsys.readouterr().err == ""

    def test_tasks_of_celery(self, check: Check) -> None:
        views = "from celery import shared_task\n\n\n@shared_task\ndef export(api_key: str):\n    pass\n"
        assert codes(check("--json", views=views)) == []
        assert "MS401" in {code for code, _ in codes(check("--json", "--celery", views=views))}

    def test_what_no_edit_would_mend_is_said(self, check: Check, tmp_path: Path) -> None:
        for more in ((), ("--dry-run",)):
            result = check("--fix", *more, views=SPAWN)
            assert "once its target is a @task" in result.stderr
            assert (tmp_path / "views.py").read_text() == SPAWN
        assert check("--fix", views=CLEAN).stderr == ""

    def test_a_finding_that_has_an_edit_says_so(self, check: Check) -> None:
        head = HEAD.replace("async def send", "@task(timeout='1m', dedupe='m:{order}')\nasync def send")
        views = SPAWN.replace(HEAD, "from mainspring import task\n" + head)
        assert "do this: Await it here, or make send a @task and `await send.enqueue(…)` (--fix does it)" in check(views=views).stdout
        assert "--fix" not in check(views=SPAWN).stdout

    def test_fixes_are_made_and_looked_at_again(self, check: Check, tmp_path: Path) -> None:
        views = CLEAN + "".join(f"\nx = {n}  # mainspring: allow[MS10{n}] {REASON}\n" for n in (1, 2, 3))
        result = check("--fix", views=views)
        assert (result.exit_code, "Fixed: 3 edits" in result.stdout) == (0, True)
        assert "mainspring:" not in (tmp_path / "views.py").read_text()


@pytest.mark.scenario("G-33", part="static")
def test_a_module_that_ends_the_process_is_scanned_in_a_process_without_the_engine(tmp_path: Path) -> None:
    (tmp_path / "views.py").write_text("raise SystemExit(9)\n" + SPAWN)
    code = (
        "import sys\nfrom mainspring.cli.main import main\ntry:\n    main(['check', '--no-cache', '--json'])\n"
        "finally:\n    print(sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert [each["rule"] for each in json.loads(done.stdout)["findings"]] == ["MS101"]
    heavy = (
        "mainspring.engine",
        "mainspring.store",
        "mainspring.app",
        "mainspring.registry",
        "pydantic",
        "rich",
        "asyncio",
        "httpx",
        "views",
    )
    loaded = done.stderr.strip().splitlines()[-1]
    assert [name for name in heavy if f"'{name}'" in loaded] == []


ROOT = Path(__file__).parents[2]


class TestHooks:
    """The files by which others run the command: what they name must work."""

    def test_the_hook_of_pre_commit(self, check: Check) -> None:
        (hook,) = _yaml(ROOT / ".pre-commit-hooks.yaml")
        assert (hook["id"], hook["language"], hook["types"], hook["require_serial"], hook["pass_filenames"]) == (
            "mainspring-check", "python", ["python"], True, True,
        )  # fmt: skip
        program, *words = hook["entry"].split()
        assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"][program] == "mainspring.cli.main:main"
        check(views=SPAWN)
        assert CliRunner().invoke(root, [*words, "views.py"]).exit_code == 1
        check(views=CLEAN)
        assert CliRunner().invoke(root, [*words, "views.py"]).exit_code == 0

    def test_the_action_of_github(self, check: Check, tmp_path: Path) -> None:
        action = _yaml(ROOT / "action.yml")
        assert action["runs"]["using"] == "composite"
        (step,) = [each for each in action["runs"]["steps"] if "mainspring check" in each["run"]]
        assert "${{" not in step["run"]  # inputs come by the environment: nobody's text becomes a command
        assert set(step["env"]) >= {"PATHS", "BASE"}
        check(views=SPAWN)
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PATHS": ".",
            "BASE": "",
            "ARGS": "",
            "VERSION": "",
        }
        done = subprocess.run(["bash", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout[:8]) == (1, "::error "), done.stderr


def _yaml(file: Path) -> Any:
    """Read the little YAML that these files need."""
    import yaml

    return yaml.safe_load(file.read_text())
