"""The command line of the door: what is secret is never an argument, and never on a screen that may be a log."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mainspring import Mainspring
from mainspring.cli.main import root
from mainspring.engine.keyring import Keyring
from mainspring.operations.entry import Trail, Visit, sign_in, take_link
from tests.faces.conftest import Cli

LONG = "correct horse battery staple"


def on_store(url: str, work: Any) -> Any:
    async def perform() -> Any:
        async with Mainspring(url) as app:
            return await work(app)

    return asyncio.run(perform())


def test_nothing_secret_is_an_argument() -> None:
    """An argument would be in the shell's history, and in every list of processes."""
    for group, name, fields in (("users", "add", {"password"}), ("users", "password", {"password", "old"}), ("secrets", "set", {"value"})):
        made = root.get_command(None, group).get_command(None, name)  # type: ignore[arg-type, union-attr]  # no context is asked for
        assert made is not None
        assert not {each.name for each in made.params} & fields


def test_a_password_is_piped_in_or_stands_in_a_file(cli: Cli, tmp_path: Path) -> None:
    assert cli("users", "add", "Ada", "--role", "admin", input=f"{LONG}\n").exit_code == 0
    signed = on_store(cli.url, lambda app: sign_in(app, "ada", LONG, Visit("127.0.0.1"), Trail()))
    assert signed.name == "ada"
    file = tmp_path / "new"
    file.write_text("another long password\n")
    assert cli("users", "password", "ada", "--from", str(file)).exit_code == 0
    on_store(cli.url, lambda app: sign_in(app, "ada", "another long password", Visit("127.0.0.1"), Trail()))
    short = cli("users", "password", "ada", input="short\n")
    assert short.exit_code == 2
    assert "at least 12 characters" in short.output
    assert "short" not in short.output.replace("shorter", "")
    nothing = cli("users", "add", "bob", input="")
    assert nothing.exit_code == 2
    assert "--from" in nothing.output
    assert cli("users", "add", "bob", "--no-password").exit_code == 0
    listed = cli.objects("users", "list")
    assert [(each["name"], each["role"], each["has_password"]) for each in listed] == [("ada", "admin", True), ("bob", "viewer", False)]
    assert LONG not in str(listed)


@pytest.mark.skipif(os.name == "nt", reason="a terminal of POSIX")
def test_a_terminal_is_asked_twice_and_shows_nothing(cli: Cli) -> None:
    process = cli.start("users", "add", "ada", terminal=True)
    process.expect("New password")
    process.type(f"{LONG}\n")
    process.expect("Repeat")
    process.type(f"{LONG}\n")
    process.expect("ada is viewer")
    assert process.end() == 0
    assert LONG not in process.said


@pytest.mark.scenario("S3-17", part="a stored secret by the command line")
def test_a_secret_is_set_and_never_told(cli: Cli) -> None:
    assert "store:API is stored" in cli("secrets", "set", "API", input="the value of it\n").output
    assert "is another one now" in cli("secrets", "set", "API", "--reason", "rotated", input="another value\n").output
    for words in (("secrets", "list"), ("--json", "secrets", "list"), ("audit", "list"), ("--json", "audit", "list"), ("export",)):
        said = cli(*words).output
        assert "value" not in said.replace("null", "")
    assert cli.object("secrets", "list")["reference"] == "store:API"
    assert cli("secrets", "set", "x y", input="the value of it\n").exit_code == 2
    assert cli("secrets", "remove", "API").exit_code == 0
    assert cli("secrets", "remove", "API").exit_code == 2


def test_a_key_is_printed_or_written_for_one_user(cli: Cli, tmp_path: Path) -> None:
    key = cli.ok("secrets", "key").strip()
    assert Keyring([key]).unseal("A", Keyring([key]).seal("A", "value")) == "value"
    file = tmp_path / "keys"
    assert str(file) in cli.ok("secrets", "key", "--file", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    held = file.read_text()
    assert cli("secrets", "key", "--file", str(file)).exit_code == 2  # the only copy may be in there
    assert file.read_text() == held
    assert not Keyring.of(None, str(file)).is_empty


def test_a_link_goes_into_a_file_where_no_terminal_is(cli: Cli) -> None:
    said = cli.ok("access", "link", "--role", "viewer", "--for", "5m", "--at", "https://tasks.example.com/a/")
    file = Path(said.partition(" has the link")[0])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    address = urlsplit(file.read_text().strip())
    assert (address.netloc, address.path) == ("tasks.example.com", "/a/login/link")
    (key,) = parse_qs(address.query)["t"]
    assert key not in said
    found = on_store(cli.url, lambda app: take_link(app, key, Visit(), Trail()))
    assert found.name == "link"
    shown = cli.object("access", "link")
    assert shown == {"v": 1, "file": str(file), "role": "admin"}
    assert cli("access", "link", "--for", "2d").exit_code == 2
    rows = [each for each in cli.objects("audit", "list") if each["verb"] == "access.link"]
    assert {each["object"] for each in rows} == {"role:viewer", "role:admin"}
    assert all("@" in each["actor"] for each in rows)


def test_a_terminal_shows_the_link(cli: Cli) -> None:
    process = cli.start("access", "link", terminal=True)
    process.expect("http://127.0.0.1:8080/login/link?t=")
    assert process.end() == 0


def test_a_token_is_told_once(cli: Cli) -> None:
    made = cli(
        "tokens", "add", "ci", "--role", "operator", "--verbs", "view", "--verbs", "runs.start", "--tasks", "mail*", "--expires", "30d"
    )
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert token.startswith("msp_")
    (listed,) = cli.objects("tokens", "list")
    assert (listed["verbs"], listed["tasks"], listed["is_open"]) == (["runs.start", "view"], ["mail*"], True)
    for words in (("tokens", "list"), ("--json", "tokens", "list"), ("--json", "audit", "list")):
        assert token not in cli(*words).output
    assert "opens nothing any more" in cli.ok("tokens", "revoke", listed["id"])
    assert "opened nothing before" in cli.ok("tokens", "revoke", listed["id"])
    assert cli("tokens", "revoke", "nothing").exit_code == 2
    assert cli("tokens", "add", "x", "--expires", "soon").exit_code == 2
