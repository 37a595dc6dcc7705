"""Where commands answer HTTP: the console at one address, whoever answers there, under a path where one is set, health beside it."""

from __future__ import annotations

import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mainspring.config import read_settings
from mainspring.core.errors import ConfigurationError
from tests.faces.conftest import Cli, Process

TASK = "from mainspring import task\n@task\nasync def hello() -> str:\n    return {word!r}\n"


def _console(process: Process, times: int = 1) -> str:
    process.expect("the console is at http://", times=times)
    found: list[str] = re.findall(r"console is at (http://\S+)", process.said)
    return found[times - 1]


class Browser:
    """Keeps the cookie that it is given."""

    def __init__(self) -> None:
        self.cookie = ""
        self._opener = urllib.request.build_opener(_Here)

    def get(self, address: str) -> tuple[int, str]:
        """Return status and text, or where it is sent."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        try:
            with self._opener.open(urllib.request.Request(address, headers=headers), timeout=30) as answer:
                self._keep(answer.headers.get("Set-Cookie"))
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            self._keep(error.headers.get("Set-Cookie"))
            return error.code, error.headers.get("Location") or error.read().decode()

    def _keep(self, cookie: str | None) -> None:
        if cookie is not None:
            self.cookie = cookie.partition(";")[0]


class _Here(urllib.request.HTTPRedirectHandler):
    """Goes nowhere by itself."""

    def redirect_request(self, *_: object) -> None:
        """Say no."""


@pytest.mark.parametrize("words", [("start",), ("serve",)])
def test_the_console_is_where_the_log_says_and_lets_in_who_can_read_it(cli: Cli, words: tuple[str, ...]) -> None:
    process = cli.start(*words, "--listen", "127.0.0.1:0")
    address = _console(process)
    assert "?token=" in address
    origin = address.partition("/?")[0]
    assert Browser().get(f"{origin}/runs")[0] in (303, 401)
    browser = Browser()
    assert browser.get(address)[0] == 303  # the token is traded for a cookie, and leaves the address
    status, text = browser.get(f"{origin}/runs")
    assert (status, "<h1" in text) == (200, True)
    assert browser.get(f"{origin}/readyz")[0] == 200
    process.signal(signal.SIGTERM)
    assert process.end() == 0


@pytest.mark.parametrize("words", [("start",), ("serve",)])
def test_the_setting_says_where_to_answer_and_the_option_says_it_better(cli: Cli, words: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        here = f"127.0.0.1:{taken.getsockname()[1]}"
        process = cli.start(*words, env={"MAINSPRING_LISTEN": here})
        process.expect(here)
        assert process.end() != 0
    process = cli.start(*words, "--listen", "127.0.0.1:0", env={"MAINSPRING_LISTEN": here})
    assert here not in _console(process)
    process.signal(signal.SIGTERM)
    assert process.end() == 0


@pytest.mark.scenario("B-25", part="a path of the settings")
def test_a_path_is_kept_before_everything(cli: Cli) -> None:
    process = cli.start("serve", "--listen", "127.0.0.1:0", env={"MAINSPRING_BASE_PATH": "/tasks/"})
    address = _console(process)
    origin = address.partition("/tasks/?")[0]
    assert address.startswith(f"{origin}/tasks/?token=")
    browser = Browser()
    assert browser.get(address)[0] == 303
    status, text = browser.get(f"{origin}/tasks/tasks/add")
    assert (status, 'href="/tasks/runs' in text, 'href="/runs' in text) == (200, True, False)
    assert browser.get(origin) == (307, "/tasks/")
    assert browser.get(f"{origin}/runs")[0] == 404
    assert Browser().get(f"{origin}/livez")[0] == 200
    process.signal(signal.SIGTERM)
    assert process.end() == 0


@pytest.mark.parametrize("wrong", ["tasks", "/a b", "/a//b", "https://example.org/tasks", "/a?b"])
def test_a_path_that_is_none_is_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MAINSPRING_BASE_PATH="):
        read_settings({"MAINSPRING_BASE_PATH": wrong}, tmp_path)


def test_processes_answer_at_one_address_and_let_in_whom_one_of_them_has(cli: Cli) -> None:
    process = cli.start("start", "--listen", "127.0.0.1:0", "--processes", "2", "--name", "pair")
    first, second = _console(process), _console(process, 2)
    assert first == second
    browser = Browser()
    assert browser.get(first)[0] == 303
    origin = first.partition("/?")[0]
    assert {browser.get(f"{origin}/runs")[0] for _ in range(12)} == {200}
    process.signal(signal.SIGTERM)
    assert process.end() == 0


def test_dev_keeps_its_address_when_the_code_changes(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASK.format(word="old"))
    (tmp_path / "mainspring.toml").write_text('discover = ["tasks"]\n')
    process = project.start("dev", "--listen", "127.0.0.1:0")
    address = _console(process)
    process.expect("ready; Ctrl-C ends it")
    browser = Browser()
    assert browser.get(address)[0] == 303
    origin = address.partition("/?")[0]
    assert browser.get(f"{origin}/tasks/hello")[0] == 200
    (tmp_path / "tasks.py").write_text(TASK.format(word="new") + "@task\nasync def second() -> None: ...\n")
    process.expect("the new code has taken over")
    assert _console(process, 2) == address
    for _ in range(100):  # the one that leaves may have taken the first of them
        if browser.get(f"{origin}/tasks/second")[0] == 200:
            break
    else:
        raise AssertionError(process.said)
    process.signal(signal.SIGINT)
    assert process.end() == 0
    assert "Traceback" not in process.said


def test_dev_takes_another_port_where_its_own_is_taken(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASK.format(word="old"))
    (tmp_path / "mainspring.toml").write_text('discover = ["tasks"]\n')
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        process = project.start("dev")
        assert ":8080/" not in _console(process)
        process.signal(signal.SIGINT)
        assert process.end() == 0
