"""Lines that are new since a commit, in repositories that nobody need trust."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mainspring.advisor import diff
from mainspring.advisor.finding import Evidence, Finding, Judged, Kind, Place, Role, Severity, Status
from mainspring.core.errors import ConfigurationError

WHO = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env={**os.environ, **WHO}, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("one\ntwo\nthree\nfour\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def changed(repository: Path, base: str = "main", *names: str) -> set[tuple[str, int]]:
    return set(diff.changed_lines(base, {name: str(repository / name) for name in names or ("a.py",)}))


@pytest.mark.scenario("G-31", part="diff")
class TestLines:
    def test_nothing_has_changed(self, repository: Path) -> None:
        assert changed(repository) == set()

    def test_changed_and_added_lines(self, repository: Path) -> None:
        (repository / "a.py").write_text("zero\none\ntwo\n3\nfour\n")
        assert changed(repository) == {("a.py", 1), ("a.py", 4)}

    def test_a_line_that_went_is_told_where_it_was(self, repository: Path) -> None:
        (repository / "a.py").write_text("one\nthree\nfour\n")
        assert changed(repository) == {("a.py", 2)}

    def test_ends_of_lines_are_no_change(self, repository: Path) -> None:
        (repository / "a.py").write_bytes(b"one\r\ntwo\r\nthree\r\nfour\r\n")
        assert changed(repository) == set()

    def test_files_that_git_does_not_know_yet_are_new(self, repository: Path) -> None:
        (repository / "b.py").write_text("x\ny")
        assert changed(repository, "main", "b.py") == {("b.py", 1), ("b.py", 2)}

    def test_since_the_branch_left_and_not_what_others_did_meanwhile(self, repository: Path) -> None:
        git(repository, "checkout", "-q", "-b", "mine")
        (repository / "a.py").write_text("one\ntwo\nthree\n4\n")
        git(repository, "commit", "-q", "-am", "mine")
        git(repository, "checkout", "-q", "main")
        (repository / "a.py").write_text("1\ntwo\nthree\nfour\n")
        git(repository, "commit", "-q", "-am", "theirs")
        git(repository, "checkout", "-q", "mine")
        assert changed(repository) == {("a.py", 4)}

    def test_from_a_folder_inside(self, repository: Path) -> None:
        (repository / "in").mkdir()
        (repository / "in" / "b.py").write_text("x\n")
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", "b")
        (repository / "in" / "b.py").write_text("y\n")
        assert changed(repository / "in", "HEAD", "b.py") == {("b.py", 1)}


class TestTouched:
    def finding(self, first: int, last: int, *evidence: Evidence) -> Judged:
        place = Place(first, 1, last, 2)
        found = Finding("MS101", "a.py", place, Severity.ERROR, Kind.ADHOC, Role.HANDLER, "f", "x()", evidence=evidence)
        return Judged(found, Status.OPEN, "")

    def test_a_statement_of_several_lines_and_its_target(self) -> None:
        lines = frozenset({("a.py", 5), ("b.py", 9)})
        assert diff.is_touched(self.finding(4, 6), lines)
        assert not diff.is_touched(self.finding(6, 7), lines)
        assert diff.is_touched(self.finding(6, 7, Evidence("b.py", 9, "requests.post()")), lines)
        assert not diff.is_touched(self.finding(6, 7, Evidence("b.py", 8, "def send():")), lines)


class TestRefused:
    def test_an_unknown_base(self, repository: Path) -> None:
        with pytest.raises(ConfigurationError, match="no such commit"):
            diff.check_base(repository, "nowhere")

    @pytest.mark.parametrize("base", ["", "--output=x", "-x"])
    def test_what_is_no_name_never_reaches_git_as_an_option(self, repository: Path, base: str) -> None:
        with pytest.raises(ConfigurationError, match="is no commit"):
            diff.check_base(repository, base)

    def test_no_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        with pytest.raises(ConfigurationError, match="in no Git repository"):
            diff.check_base(tmp_path, "main")

    def test_no_git(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(repository))
        with pytest.raises(ConfigurationError, match="needs Git"):
            diff.check_base(repository, "main")


class TestHostile:
    def test_nothing_that_the_repository_names_is_run(self, repository: Path) -> None:
        trap = repository / "trap.sh"
        trap.write_text(f"#!/bin/sh\ntouch {repository}/sprung\ncat\n")
        trap.chmod(0o755)
        (repository / ".gitattributes").write_text("*.py diff=trap filter=trap\n")
        for name, value in {
            "diff.external": str(trap),
            "diff.trap.command": str(trap),
            "diff.trap.textconv": str(trap),
            "filter.trap.clean": str(trap),
            "filter.trap.smudge": str(trap),
            "core.fsmonitor": str(trap),
            "core.pager": str(trap),
            "core.sshCommand": str(trap),
            "pager.cat-file": str(trap),
        }.items():
            git(repository, "config", name, value)
        hooks = repository / ".git" / "hooks"
        for hook in ("post-index-change", "post-checkout", "reference-transaction"):
            (hooks / hook).write_text(trap.read_text())
            (hooks / hook).chmod(0o755)
        (repository / "sprung").unlink(missing_ok=True)
        (repository / "a.py").write_text("one\n2\nthree\nfour\n")
        assert changed(repository) == {("a.py", 2)}
        assert not (repository / "sprung").exists()

    def test_environment_of_a_hook_does_not_lead_elsewhere(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("other")))
        monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
        assert changed(repository) == set()

    def test_names_of_bytes(self, repository: Path) -> None:
        name = os.fsdecode(b"\xff\n.py")
        (repository / name).write_text("x\n")
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", "odd")
        assert changed(repository, "HEAD", name) == set()
