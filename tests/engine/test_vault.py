"""The vault: what is resolved, what never is, and that errors name the reference and not the value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mainspring import Secret
from mainspring.core.errors import ConfigurationError
from mainspring.core.secret import SecretRules, parse_secrets
from mainspring.engine.vault import MOST, look_up

VALUE = "hunter2-hunter2"


def rules(folder: Path, *names: str) -> SecretRules:
    return parse_secrets({"folder": str(folder), "file": {name: {"tasks": ["t"]} for name in names}}, "test")


def asked(reference: str, allowed: SecretRules) -> str:
    return look_up(Secret(reference), allowed, "t", "")


def test_from_the_environment_and_only_what_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", VALUE)
    monkeypatch.setenv("THEIRS", "another-value")
    allowed = parse_secrets({"env": {"OURS": {"tasks": ["t"]}, "GONE": {"tasks": ["t"]}}}, "test")
    assert asked("env:OURS", allowed) == VALUE
    with pytest.raises(ConfigurationError, match=r"env:THEIRS is not declared: add \[secrets.env.THEIRS\]"):
        asked("env:THEIRS", allowed)
    with pytest.raises(ConfigurationError, match="set GONE in the environment of this node"):
        asked("env:GONE", allowed)
    with pytest.raises(ConfigurationError, match="not declared for the task 'u'"):
        look_up(Secret("env:OURS"), allowed, "u", "")
    with pytest.raises(ConfigurationError, match="not declared"):
        asked("env:OURS", SecretRules())  # nothing is resolved that nobody has declared


def test_from_a_file_in_the_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    (folder / "..data").mkdir(parents=True)
    (folder / "..data" / "key").write_text(f"{VALUE}\n")
    (folder / "key").symlink_to("..data/key")  # as Kubernetes mounts them
    (folder / "dos").write_bytes(f"{VALUE}\r\n".encode())
    (folder / "lines").write_text("first line\nsecond line\n")
    allowed = rules(folder, "key", "dos", "lines")
    assert asked("file:key", allowed) == asked("file:dos", allowed) == VALUE
    assert asked("file:lines", allowed) == "first line\nsecond line"
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert asked("file:key", rules(linked, "key")) == VALUE


@pytest.mark.scenario("S3-17", part="file: never leads out of the one folder")
def test_a_file_never_leads_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    outside = tmp_path / "outside"
    outside.write_text(VALUE)
    (tmp_path / "secrets-of-others").mkdir()
    (tmp_path / "secrets-of-others" / "key").write_text(VALUE)
    (folder / "link").symlink_to(outside)
    (folder / "hop").symlink_to("link")
    (folder / "beside").symlink_to("../secrets-of-others/key")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "large").write_bytes(b"x" * (MOST + 1))
    (folder / "binary").write_bytes(b"\xff\xfe\xfd\xfc")
    (folder / "tiny").write_text("abc")
    (folder / "mine").write_text(VALUE)
    (folder / "mine").chmod(0)
    names = ["link", "hop", "beside", "folder", "pipe", "large", "binary", "tiny", "gone"]
    said = {
        "link": "leads out of", "hop": "leads out of", "beside": "leads out of", "folder": "no plain file", "pipe": "no plain file",
        "large": f"longer than {MOST} bytes", "binary": "no text in UTF-8", "tiny": "has 3 characters: at least 4", "gone": "No such file",
    }  # fmt: skip
    allowed = rules(folder, *names)
    for name in names:
        with pytest.raises(ConfigurationError) as info:
            asked(f"file:{name}", allowed)
        assert said[name] in str(info.value), name
        assert f"file:{name}" in str(info.value)
        assert VALUE not in str(info.value)
        assert info.value.__cause__ is None
