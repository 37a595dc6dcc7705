"""``mainspring rules``: installing, keeping fresh, and asking before something changes that was there before."""

from __future__ import annotations

import pytest

from tests.faces.conftest import Cli


@pytest.fixture
def repository(project: Cli) -> Cli:
    (project.cwd / ".git").mkdir()
    (project.cwd / "uv.lock").write_text('version = 1\n\n[[package]]\nname = "mainspring"\nversion = "0.1.0"\n')
    return project


@pytest.mark.scenario("G-32", part="cli")
def test_install_shows_a_diff_writes_and_is_quiet_the_second_time(repository: Cli) -> None:
    told = repository.ok("rules", "install", "--agents-md", "--cursor")
    assert "+++ b/AGENTS.md" in told and "+Gate: engine 0.1.0 (from uv.lock)" in told
    assert told.endswith(".cursor/rules/mainspring.mdc: written\n")
    assert repository.ok("rules", "install", "--agents-md", "--cursor").splitlines() == [
        "AGENTS.md: fresh", ".cursor/rules/mainspring.mdc: fresh",
    ]  # fmt: skip
    assert repository.ok("rules", "install", "--check").splitlines() == ["AGENTS.md: fresh", ".cursor/rules/mainspring.mdc: fresh"]


@pytest.mark.scenario("G-32", part="cli")
def test_check_fails_when_the_version_has_moved_on_and_update_brings_it_along(repository: Cli) -> None:
    repository.ok("rules", "install", "--agents-md")
    (repository.cwd / "uv.lock").write_text('version = 1\n\n[[package]]\nname = "mainspring"\nversion = "0.2.0"\n')
    for command in ("install", "update"):
        result = repository("rules", command, "--check")
        assert (result.exit_code, result.stdout) == (1, "AGENTS.md: stale\n")
    result = repository("rules", "update")
    assert result.exit_code == 1 and result.stdout.endswith("AGENTS.md: not written, it was there before: add --yes\n")
    assert "engine 0.1.0" in (repository.cwd / "AGENTS.md").read_text()
    assert repository.ok("rules", "update", "--dry-run").endswith("AGENTS.md: would be written\n")
    assert "engine 0.1.0" in (repository.cwd / "AGENTS.md").read_text()
    assert repository.ok("rules", "update", "--yes").endswith("AGENTS.md: written\n")
    assert repository.ok("rules", "update", "--check") == "AGENTS.md: fresh\n"


@pytest.mark.scenario("G-32", part="cli")
def test_an_edited_block_is_left_alone_with_a_notice(repository: Cli) -> None:
    repository.ok("rules", "install", "--agents-md")
    file = repository.cwd / "AGENTS.md"
    file.write_text(file.read_text().replace("Refuse, also", "Refuse, gladly, also"))
    assert repository.ok("rules", "install", "--agents-md", "--yes") == "AGENTS.md: edited by somebody, left alone\n"
    assert repository.ok("rules", "install", "--check") == "AGENTS.md: edited by somebody, left alone\n"
    assert "gladly" in file.read_text()


@pytest.mark.parametrize(("answer", "is_written"), [("y\n", True), ("n\n", False)])
def test_on_a_terminal_somebody_is_asked(repository: Cli, answer: str, is_written: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.cli.rules._is_terminal", lambda: True)
    (repository.cwd / "AGENTS.md").write_text("# Ours\n")
    result = repository("rules", "install", "--agents-md", input=answer)
    assert "Change AGENTS.md?" in result.output and result.exit_code == (0 if is_written else 1)
    assert ("mainspring:begin" in (repository.cwd / "AGENTS.md").read_text()) is is_written


def test_nothing_installed_is_said_and_fails_a_check(repository: Cli) -> None:
    assert repository("rules", "update", "--check").exit_code == 1
    assert repository("rules", "update").exit_code == 0
    result = repository("rules", "install", "--check")
    assert result.exit_code == 1 and "AGENTS.md: not there" in result.stdout


def test_programs_read_json(repository: Cli) -> None:
    assert repository.objects("rules", "install", "--agents-md") == [{"v": 1, "path": "AGENTS.md", "state": "new", "what": "written"}]
    assert repository.objects("rules", "install", "--agents-md") == [{"v": 1, "path": "AGENTS.md", "state": "fresh", "what": "fresh"}]


def test_a_link_is_refused_with_the_exit_code_of_usage(repository: Cli) -> None:
    (repository.cwd / "AGENTS.md").symlink_to("/etc/hostname")
    result = repository("rules", "install", "--agents-md", "--yes")
    assert result.exit_code == 2 and "AGENTS.md is a link: nothing is written through it" in result.stderr
