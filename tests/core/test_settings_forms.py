"""Every setting can be said in three ways: in the environment, in the file, and in code; each says where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mainspring.config import SETTINGS, Setting, Settings, explain, read_settings

# A value of each that is not the default, as text.
OTHER: dict[str, str] = {
    "url": "sqlite:///elsewhere.db", "max_concurrent": "3", "expensive_concurrent": "2", "async_slots": "7", "default_timeout": "17m",
    "default_retries": "9", "buffer_size": "17", "websocket_enabled": "false", "log_level": "error", "retention": "17d",
    "retention_completed": "3d", "keep_last": "4",
    "isolation": "thread", "lease": "90s", "beat": "5s", "drain": "17s", "grace": "17s", "memory_limit": "200MB",
    "max_runs_per_child": "17", "manifest": "m.json", "tracing": "true", "metrics": "9464", "auto_migrate": "true", "files": "there",
    "max_payload": "17KiB", "spill": "true", "runner_enabled": "false", "runner_environment": "production", "overlap_prevention": "false",
    "pulse_interval": "17s", "max_upload": "17MB", "side_tasks_enabled": "false", "health": "8099", "pulse_budget": "17s",
    "pulse_secret": "a-secret-of-more-than-thirty-two-letters", "listen": "0.0.0.0:8017", "base_path": "/tasks", "access": "closed",
    "access_token": "a-token-of-more-than-sixteen-letters", "hosts": "tasks.example.com, *.internal.example.com",
    "trusted_proxies": "10.0.0.7, 10.1.0.0/16, unix", "trust_header_user": "X-Forwarded-User",
    "trust_header_groups": "X-Forwarded-Groups", "access_roles": "ops=operator, user:ada=admin, *=viewer",
    "access_tenants": "staff=acme, root=*", "session_idle": "17m", "session_life": "17d", "oidc_issuer": "https://id.example.com",
    "oidc_client_id": "tasks", "oidc_client_secret": "what-only-both-know", "oidc_scopes": "openid groups", "oidc_claim_name": "email",
    "oidc_claim_groups": "roles", "vault_key_file": "keys.txt",
    "vault_keys": "dGhpcnR5LXR3by1ieXRlcy1mb3ItdGhlLXNhbXBsZXM=",
}  # fmt: skip
# What has to be said with some of them, or they would open no door.
PROXY = {"MAINSPRING_TRUSTED_PROXIES": "10.0.0.7", "MAINSPRING_ACCESS_ROLES": "*=viewer"}
BESIDE: dict[str, dict[str, str]] = {
    "trust_header_user": PROXY,
    "trust_header_groups": PROXY | {"MAINSPRING_TRUST_HEADER_USER": "X-Forwarded-User"},
    "oidc_issuer": {"MAINSPRING_OIDC_CLIENT_ID": "tasks", "MAINSPRING_ACCESS_ROLES": "*=viewer"},
    "oidc_client_id": {"MAINSPRING_OIDC_ISSUER": "https://id.example.com", "MAINSPRING_ACCESS_ROLES": "*=viewer"},
}
NUMBERED = pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.field)


def told(settings: Settings, setting: Setting) -> tuple[str, str]:
    """Return value and source as ``doctor`` shows them."""
    (found,) = [(value, source) for name, value, source, _ in explain(settings) if name == setting.variables[0]]
    return found


@pytest.mark.scenario("U13", part="every setting")
@NUMBERED
def test_a_setting_is_read_from_environment_file_and_code_the_same(setting: Setting, tmp_path: Path) -> None:
    text, beside = OTHER[setting.field], BESIDE.get(setting.field, {})
    plain, _ = read_settings({}, tmp_path)
    read: list[tuple[Any, tuple[str, str]]] = []
    for variable in setting.variables:
        settings, warnings = read_settings(beside | {variable: text}, tmp_path)
        assert (warnings, told(settings, setting)[1]) == ([], f"environment ({variable})")
        read.append((getattr(settings, setting.field), told(settings, setting)))
    for name in (setting.field, *setting.variables):
        (tmp_path / "mainspring.toml").write_text(f'{name} = "{text}"\n')
        settings, warnings = read_settings(beside, tmp_path)
        assert (warnings, told(settings, setting)[1]) == ([], "mainspring.toml")
        read.append((getattr(settings, setting.field), told(settings, setting)))
    (tmp_path / "mainspring.toml").unlink()
    settings, warnings = read_settings(beside, tmp_path, **{setting.field: text})
    assert (warnings, told(settings, setting)[1]) == ([], "argument")
    read.append((getattr(settings, setting.field), told(settings, setting)))
    values = {repr(value) for value, _ in read}
    assert len(values) == 1, values
    assert values != {repr(getattr(plain, setting.field))}, "the sample is to be another value than the default"
    assert len({value for _, (value, _) in read}) == 1
    assert told(plain, setting)[1] == "default"


@pytest.mark.scenario("U13", part="per environment")
@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.field != "runner_environment"], ids=lambda each: each.field)
def test_a_setting_can_differ_by_environment(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "mainspring.toml").write_text(f'[env.production]\n{setting.field} = "{OTHER[setting.field]}"\n')
    there, _ = read_settings(BESIDE.get(setting.field, {}) | {"TASK_RUNNER_ENVIRONMENT": "production"}, tmp_path)
    here, _ = read_settings({}, tmp_path)
    assert told(there, setting)[1] == "mainspring.toml [env.production]"
    assert told(here, setting)[1] == "default"
    assert repr(getattr(there, setting.field)) != repr(getattr(here, setting.field))


def test_there_is_a_sample_of_each() -> None:
    assert {each.field for each in SETTINGS} == OTHER.keys()
