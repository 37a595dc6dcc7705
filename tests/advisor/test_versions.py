"""What the files of a project say of its engine, schema, backend and deployment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mainspring.advisor.features import Backend, Profile
from mainspring.advisor.versions import Engine, Versions, backend_of, lock_text, read_versions


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("mainspring.lock", 'engine = "0.3.1"\n', Engine("0.3.1", "mainspring.lock")),
        ("uv.lock", 'version = 1\n[[package]]\nname = "mainspring"\nversion = "0.2.0"\n', Engine("0.2.0", "uv.lock")),
        ("poetry.lock", '[[package]]\nname = "mainspring"\nversion = "0.2.0"\n', Engine("0.2.0", "poetry.lock")),
        ("pdm.lock", '[[package]]\nname = "mainspring"\nversion = "0.2.0"\n', Engine("0.2.0", "pdm.lock")),
        ("pylock.toml", '[[packages]]\nname = "mainspring"\nversion = "0.2.0"\n', Engine("0.2.0", "pylock.toml")),
        ("Pipfile.lock", '{"default": {"mainspring": {"version": "==0.2.0"}}}', Engine("0.2.0", "Pipfile.lock")),
        ("requirements.txt", "flask\nmainspring[web]==0.2.0 ; python_version > '3.10'\n", Engine("0.2.0", "requirements.txt:2")),
        ("requirements.txt", "mainspring==0.2.0 \\\n    --hash=sha256:abc\n", Engine("0.2.0", "requirements.txt:1")),
        ("requirements.txt", "mainspring-extras==9.0\n", None),
        ("requirements.txt", "mainspring @ git+https://example.com/mainspring\n", None),
        ("requirements.txt", "mainspring\n", None),
        ("pyproject.toml", '[project]\ndependencies = ["mainspring>=0.2,<0.5"]\n', Engine("0.2", "pyproject.toml", False, "0.5")),
        ("pyproject.toml", '[project]\ndependencies = ["mainspring~=0.2.3"]\n', Engine("0.2.3", "pyproject.toml", False, "0.3")),
        ("pyproject.toml", '[project]\ndependencies = ["mainspring==0.2.*"]\n', Engine("0.2", "pyproject.toml", False, "0.3")),
        ("pyproject.toml", '[tool.poetry.dependencies]\nmainspring = "^0.2.1"\n', Engine("0.2.1", "pyproject.toml", False, "0.3")),
        ("pyproject.toml", '[tool.poetry.dependencies]\nmainspring = { version = "^1.4" }\n', Engine("1.4", "pyproject.toml", False, "2")),
        ("pyproject.toml", '[dependency-groups]\njobs = ["mainspring==1.0"]\n', Engine("1.0", "pyproject.toml")),
        ("pyproject.toml", '[project]\nname = "mainspring"\nversion = "0.4.0"\n', Engine("0.4.0", "pyproject.toml")),
        ("pyproject.toml", "not toml at all [", None),
        ("uv.lock", 'name = "mainspring" not toml', None),
        (".venv/lib/python3.12/site-packages/mainspring-0.2.0.dist-info/METADATA", "x", Engine("0.2.0", ".venv (installed)")),
    ],
)
def test_where_the_engine_is_read_from(tmp_path: Path, name: str, text: str, expected: Engine | None) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / ".git").mkdir()
    assert read_versions(tmp_path).engine == expected


def test_a_pin_wins_over_a_bound_and_a_folder_over_those_above(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(
        tmp_path,
        pyproject_DOT_toml='[project]\ndependencies = ["mainspring>=0.1"]\n',
        uv_DOT_lock='[[package]]\nname = "mainspring"\nversion = "0.3"\n',
    )
    below = tmp_path / "api"
    write(below, requirements_DOT_txt="mainspring==0.2\n")
    assert str(read_versions(tmp_path).engine) == "0.3"
    assert str(read_versions(below).engine) == "0.2"


def test_a_folder_below_is_believed_where_all_agree(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "api", requirements_DOT_txt="mainspring==0.2\n")
    assert str(read_versions(tmp_path).engine) == "0.2"
    write(tmp_path / "jobs", requirements_DOT_txt="mainspring==0.3\n")
    assert read_versions(tmp_path).engine is None, "which of them is meant nobody knows"


def test_nothing_is_taken_from_the_tool_that_looks(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert read_versions(tmp_path) == Versions()


def test_the_interpreter_counts_where_the_project_s_environment_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(sys, "base_prefix", os.sep)
    found = read_versions(tmp_path).engine
    assert found is not None
    assert found.source == "env (installed)"


def test_backend_and_deployment_come_from_the_engine_s_own_settings(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, mainspring_DOT_toml='url = "sqlite:///dev.db"\n[env.production]\nurl = "postgresql://db/shop"\n')
    found = read_versions(tmp_path)
    assert (found.backend, found.source("backend"), found.deployment) == (Backend.POSTGRES, "mainspring.toml", None)
    write(tmp_path, mainspring_DOT_lock='schema = 9\nbackend = "sqlite"\ndeployment = "fleet"\n')
    found = read_versions(tmp_path)
    assert (found.schema, found.backend, found.deployment) == (9, Backend.SQLITE, Profile.FLEET)


def test_a_lock_file_says_what_is_known(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    known = Versions(Engine("0.1.0", "x"), 21, Backend.POSTGRES, Profile.FLEET)
    (tmp_path / "mainspring.lock").write_text(lock_text(known))
    found = read_versions(tmp_path)
    assert (found.engine, found.schema, found.backend, found.deployment) == (
        Engine("0.1.0", "mainspring.lock"),
        21,
        Backend.POSTGRES,
        Profile.FLEET,
    )
    assert lock_text(Versions(Engine("0.1", "x", is_exact=False))) == "", "a bound is no version"


@pytest.mark.parametrize(
    ("engine", "needed", "expected"),
    [
        (Engine("1.10", "x"), "1.9", True), (Engine("1.2", "x"), "1.2.0", True), (Engine("1.9rc1", "x"), "1.9", False),
        (Engine("1.0", "x", False), "1.1", None), (Engine("1.0", "x", False), "0.9", True),
        (Engine("1.0", "x", False, "2.0"), "2.0", False),
        (Engine("", "x", False, "0.5"), "0.4", None), (Engine("", "x", False, "0.5"), "0.6", False),
    ],
)  # fmt: skip
@pytest.mark.scenario("S0-30", part="check")
def test_versions_are_compared_by_number(engine: Engine, needed: str, expected: bool | None) -> None:
    assert engine.has(needed) is expected


def test_backends_by_their_urls() -> None:
    assert backend_of("postgresql+psycopg://x/y") is Backend.POSTGRES
    assert backend_of("sqlite://") is Backend.SQLITE
    assert backend_of("mysql://x/y") is None
    assert backend_of("somewhere") is None
