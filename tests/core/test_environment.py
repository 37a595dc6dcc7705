"""Settings that differ by environment, and those of the runner."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mainspring.config import SETTINGS, explain, read_settings
from mainspring.core.environment import Environment
from mainspring.core.errors import ConfigurationError

FILE = """
default_retries = 1
pulse_interval = "2m"

[env.production]
default_retries = 5
overlap_prevention = false

[env.serverless]
max_concurrent = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mainspring.toml").write_text(FILE)
    return tmp_path


@pytest.mark.scenario("U13", part="environments")
def test_an_environment_has_settings_of_its_own(folder: Path) -> None:
    development, warnings = read_settings({}, folder)
    assert (development.default_retries, development.overlap_prevention, development.pulse_interval) == (1, True, timedelta(minutes=2))
    assert warnings == []
    production, _ = read_settings({"TASK_RUNNER_ENVIRONMENT": "production"}, folder)
    assert (production.default_retries, production.overlap_prevention, production.pulse_interval) == (5, False, timedelta(minutes=2))
    assert production.sources["default_retries"] == "mainspring.toml [env.production]"
    told = {name: source for name, _, source, _ in explain(production)}
    assert told["TASK_OVERLAP_PREVENTION"] == "mainspring.toml [env.production]"
    assert told["PULSE_INTERVAL"] == "mainspring.toml"
    assert told["TASK_RUNNER_ENVIRONMENT"] == "environment (TASK_RUNNER_ENVIRONMENT)"


def test_the_environments_variables_win_over_the_file_and_arguments_over_all(folder: Path) -> None:
    found, _ = read_settings({"TASK_RUNNER_ENVIRONMENT": "production", "TASK_DEFAULT_RETRIES": "7"}, folder)
    assert found.default_retries == 7
    found, _ = read_settings({"TASK_RUNNER_ENVIRONMENT": "production"}, folder, runner_environment="serverless")
    assert (found.runner_environment, found.max_concurrent, found.default_retries) == (Environment.SERVERLESS, 3, 1)


def test_the_file_may_name_its_environment(folder: Path) -> None:
    (folder / "mainspring.toml").write_text(f'runner_environment = "production"\n{FILE}')
    assert read_settings({}, folder)[0].default_retries == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[env.staging]\nlog_level='info'", r"mainspring.toml \[env.staging\] is no table of an environment.*development, production"),
        ("env = 3", "env=3 is no table"),
        ("[env.production]\nrunner_environment='serverless'", "cannot depend on itself"),
        ("[env.production]\ndefault_retries='many'", "default_retries='many'"),
    ],
)
def test_a_mistake_in_another_places_table_is_told_here(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mainspring.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_settings({}, tmp_path)


def test_an_unknown_name_in_a_table_is_a_warning_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mainspring.toml").write_text("[env.production]\ndefault_retrys = 2")
    (warning,) = read_settings({}, tmp_path)[1]
    assert "[env.production]: the setting default_retrys is unknown; did you mean default_retries?" in warning


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("PULSE_INTERVAL", "60", "60000 or '60s'"),
        ("PULSE_INTERVAL", "2d", "from a second to a day"),
        ("TASK_RUNNER_ENVIRONMENT", "staging", "choose development, production, serverless"),
        ("SIDE_TASKS_ENABLED", "perhaps", "write true or false"),
    ],
)
def test_what_cannot_be_is_refused(variable: str, text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_settings({variable: text}, tmp_path)


def test_an_interval_is_milliseconds_as_the_seed_writes_it(tmp_path: Path) -> None:
    assert read_settings({"PULSE_INTERVAL": "30000"}, tmp_path)[0].pulse_interval == timedelta(seconds=30)


@pytest.mark.scenario("P5", part="settings")
def test_services_start_nowhere_but_where_a_process_stays(tmp_path: Path) -> None:
    assert read_settings({}, tmp_path)[0].services_problem is None
    assert read_settings({"SIDE_TASKS_ENABLED": "false"}, tmp_path)[0].services_problem == "disabled"
    assert read_settings({"TASK_RUNNER_ENVIRONMENT": "serverless"}, tmp_path)[0].services_problem == "serverless"


@pytest.mark.scenario("U13", part="three forms")
def test_every_setting_has_a_variable_and_a_field() -> None:
    for setting in SETTINGS:
        assert setting.variables
        assert setting.about
        assert all(name.startswith(("TASK_", "MAINSPRING_", "PULSE_", "SIDE_")) for name in setting.variables)
