"""What is printed: harmless texts, quick help, groups that guess, words for every key."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mainspring.cli import main as cli_main
from mainspring.cli.ansi import clean, clean_line
from mainspring.cli.present import _fitted
from mainspring.core.event import EventKind
from mainspring.core.state import RunState
from mainspring.i18n import has, t
from mainspring.i18n.en import MESSAGES
from mainspring.i18n.tables import PACKAGES, read
from tests.faces.conftest import ROOT, Cli


@pytest.mark.parametrize(
    ("text", "plain", "coloured"),
    [
        ("plain ütf-8 ✓\ttab", "plain ütf-8 ✓\ttab", "plain ütf-8 ✓\ttab"),
        ("\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38:5:9mbold", "bold", "\x1b[1;38:5:9mbold\x1b[0m"),
        ("a\x1b[2Jb\x1b[10;20Hc", "abc", "abc"),
        ("\x1b]0;title\x07text\x1b]8;;http://x\x1b\\link", "textlink", "textlink"),
        ("\x1bP payload \x1b\\after\x1b_apc\x9cx", "afterx", "afterx"),
        ("\x9b31mc1 \x9d0;t\x9cend", "c1 end", "c1 end"),
        ("bell\x07 back\x08 del\x7f nul\x00 cr\r", "bell back del nul cr", "bell back del nul cr"),
        ("\x1b\x1b[2J\x1b", "", ""),
        ("\x1b[31", "31", "31"),
        ("abc\u202etxt.exe", "abctxt.exe", "abctxt.exe"),
        ("\x1b]0;never ends", "", ""),
    ],
)
def test_control_sequences_go_and_colours_may_stay(text: str, plain: str, coloured: str) -> None:
    assert clean(text) == plain
    assert clean(text, colours=True) == coloured


def test_a_line_stays_a_line() -> None:
    assert clean_line("a\nb\r\nc") == "a ⏎ b ⏎ c"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from mainspring.cli.main import root; root.main(['--help'], standalone_mode=False); "
        "print(sorted({'asyncio', 'pydantic', 'rich', 'sqlite3', 'mainspring.app'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"


@pytest.mark.scenario("U3", part="cli")
def test_every_verb_of_the_first_release_is_there(cli: Cli) -> None:
    told = cli.ok("--help")
    for verb in ("run", "enqueue", "worker", "tasks", "runs", "queues", "nodes", "stats", "doctor", "migrate"):
        assert re.search(rf"^  {verb} ", told, re.MULTILINE)
        assert cli(verb, "--help").exit_code == 0
    verbs = cli.ok("runs", "--help")
    assert all(f"  {verb} " in verbs for verb in ("list", "show", "cancel", "retry", "logs", "watch", "events", "attempts"))
    for words in (["rusn"], ["runs", "lst"], ["queues", "puase"]):
        result = cli(*words)
        assert result.exit_code == 2
        assert "Did you mean" in result.stderr


def test_the_listed_summary_of_a_command_is_its_own(cli: Cli) -> None:
    for name in cli_main._COMMANDS:
        first = cli.ok(name, "--help").split("\n\n")[1]
        assert " ".join(first.split()).startswith(t(f"cli.command.{name}"))


def test_python_m_mainspring_is_the_same(cli: Cli) -> None:
    process = cli.start("--version")
    assert process.end() == 0
    assert process.said.startswith("mainspring, version ")


def test_tables_on_a_terminal_are_painted_unless_colours_are_unwanted(cli: Cli) -> None:
    cli("run", "add", "1")
    seen = cli.start("runs", terminal=True)
    assert seen.end() == 0
    assert "\x1b[32mcompleted" in seen.said
    plain = cli.start("runs", terminal=True, env={"NO_COLOR": "1"})
    assert plain.end() == 0
    assert "\x1b[32m" not in plain.said
    assert "completed" in plain.said


def test_a_narrow_terminal_gets_a_table_that_fits(cli: Cli) -> None:
    run_id = cli.run_object("add", "1")["id"]
    seen = cli.start("runs", terminal=True, env={"COLUMNS": "60", "NO_COLOR": "1"})
    assert seen.end() == 0
    lines = [clean(line).rstrip() for line in seen.said.splitlines()]
    assert max(map(len, lines)) <= 60
    assert [line.split()[:3] for line in lines if "add" in line] == [[run_id[-8:], "add", "completed"]]
    assert run_id in cli.ok("runs")  # nothing is left out where nobody looks at it


def test_what_says_least_leaves_a_table_first() -> None:
    long_ago = datetime(2020, 1, 2, 3, 4, tzinfo=UTC)
    rows = [["01a1fa1c-b7e0-722a-86e7-36f22d40127c", long_ago, None, "0", "a label", "words that may go on in the next line"]]
    columns = ["id", "created", "reason", "count", "label", "message"]

    def fitted(room: int) -> dict[str, list[str]]:
        return _fitted(columns, rows, ("label",), room)

    assert list(fitted(200)) == columns
    assert fitted(200)["id"] == [rows[0][0]]
    assert list(fitted(95)) == ["id", "created", "label", "message"]
    assert fitted(60) == {"id": ["2d40127c"], "created": ["2020-01-02"], "label": ["a label"], "message": [rows[0][5]]}
    assert "label" not in fitted(45)


def test_every_key_that_the_faces_use_has_words() -> None:
    used = {
        key
        for file in (Path(cli_main.__file__).parent).glob("*.py")
        for key in re.findall(r'\bt\(\s*"([a-z_.-]+)"', file.read_text("utf-8"))
    }
    assert used
    in_tables = {key for key in used if key.partition(".")[0] in PACKAGES}
    assert used - in_tables <= MESSAGES.keys()
    assert in_tables <= {key for package in PACKAGES.values() for key in read(package)}
    assert all(has(f"event.{kind}") for kind in EventKind if kind not in (EventKind.LOG, EventKind.PROGRESS))
    assert all(has(f"run.{state}") for state in RunState if state.is_final)


def test_words_go_with_their_number() -> None:
    assert t("retry.done", runs=1) == "1 run is done again"
    assert t("retry.done", runs=0) == "0 runs are done again"
    assert t("doctor.reachable", dialect="sqlite", ms=0.25, offset=3.0) == "sqlite answers in 0.2 ms, clocks are 3 ms apart"


def test_texts_are_well_formed() -> None:
    for text in MESSAGES.values():
        assert all(name is None or name.isidentifier() for _, name, _, _ in string.Formatter().parse(text))


def test_the_page_about_the_command_line_knows_every_command_and_option(cli: Cli) -> None:
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    for name in cli_main._COMMANDS:
        assert f"`{name}" in page
        told = cli.ok(name, "--help")
        words = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", told)) - {"--debug", "--help", "--app"}
        assert {word for word in words if word not in page} == set(), name
    for verb in re.findall(r"^  ([a-z]+) ", cli.ok("runs", "--help").partition("Commands:")[2], re.MULTILINE):
        assert f"runs {verb}" in page or f"[{verb}]" in page
