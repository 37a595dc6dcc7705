"""Secrets that the store keeps, encrypted: set by an operation, handed to the bodies that may have them, and seen nowhere else."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mainspring import Mainspring, RunHandle, Secret, task
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import ConfigurationError, InvalidParams, NotFound, RunFailed, RunSkipped
from mainspring.engine.keyring import Keyring, environment_of_children, make_vault_key
from mainspring.operations.operation import Caller
from mainspring.operations.secrets import (
    RemoveSecretRequest,
    RotateRequest,
    SecretsRequest,
    SecretView,
    SetSecretRequest,
    list_secrets,
    remove_secret,
    rotate_secrets,
    set_secret,
)
from tests.aio import PATIENCE, run
from tests.engine import parcels
from tests.engine.test_means import everything_about, on_disk

VALUE = "hunter2/hunter2+ä"
CALLER = Caller("ada", "test")
RULES = {
    "store": {
        "API": {"tasks": ["betray_*", "keys_of_children"]},
        "GONE": {"tasks": ["betray_*"]},
        "FOR_ACME": {"tasks": ["*"], "tenants": ["acme"]},
    }
}


@task
def keys_of_children() -> list[str]:
    return sorted(name for name in os.environ if "VAULT" in name or "ACCESS_TOKEN" in name)


@asynccontextmanager
async def working(folder: Path, key: str | None, **settings: Any) -> AsyncIterator[Mainspring]:
    app = Mainspring(
        f"sqlite:///{folder}/store.db", tasks=[*parcels.ALL, keys_of_children], secrets=RULES, max_concurrent=2, vault_keys=key, **settings
    )
    try:
        async with app, app.worker():
            yield app
    finally:
        active.retire(app)


async def keep(app: Mainspring, name: str, value: str = VALUE) -> None:
    await set_secret(app, SetSecretRequest(name=name, value=SecretStr(value), reason=None), CALLER)


async def listed(app: Mainspring) -> list[SecretView]:
    return (await list_secrets(app, SecretsRequest(after="", limit=100), CALLER)).items


@pytest.mark.scenario("S3-17", part="a stored secret")
@pytest.mark.parametrize("isolation", ["process", "thread", "inline"])
def test_a_stored_secret_reaches_its_body_and_appears_nowhere(
    isolation: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    async def story() -> None:
        async with working(tmp_path, make_vault_key(), isolation=isolation) as app:
            await keep(app, "API")
            runs: list[RunHandle[Any]] = []
            for how in ("return", "raise"):
                runs.append(await app.enqueue(parcels.betray_async, token=Secret("store:API"), how=how))
                login = parcels.Login(user="me", password=Secret("store:API"))
                runs.append(await app.enqueue(parcels.betray_def, login=login, how=how))
            for handle in runs:
                try:
                    shown = repr(await handle.result(PATIENCE))
                except (RunFailed, RunSkipped) as error:
                    shown = f"{error!r} {error.error}"
                shown += await everything_about(app, handle.id)
                assert "hunter2" not in shown
                assert "store:API" in shown
                assert shown.count("***") > 5
            assert await runs[0].result(PATIENCE) == {"said": "result ***", "***": ["***"]}
            assert "hunter2" not in (await list_secrets(app, SecretsRequest(after="", limit=100), CALLER)).model_dump_json()

    run(story())
    assert b"hunter2" not in on_disk(tmp_path)
    if isolation == "process":
        said = capfd.readouterr()
        assert "hunter2" not in said.out + said.err
    with sqlite3.connect(tmp_path / "store.db") as database:
        assert "hunter2" not in "\n".join(database.iterdump())


def test_it_is_resolved_by_the_same_declarations_and_errors_tell_the_remedy(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path, make_vault_key()) as app:
            await keep(app, "API")
            await keep(app, "FOR_ACME")
            await keep(app, "UNDECLARED")
            with pytest.raises(InvalidParams, match=r"store:UNDECLARED is not declared: add \[secrets.store.UNDECLARED\]"):
                await app.enqueue(parcels.betray_async, token=Secret("store:UNDECLARED"))
            with pytest.raises(InvalidParams, match="not declared for the task 'betray_async'"):
                await app.enqueue(parcels.betray_async, token=Secret("store:FOR_ACME"))
            handle = await app.enqueue(parcels.betray_async.options(tenant="acme"), token=Secret("store:FOR_ACME"))
            assert (await handle.result(PATIENCE))["said"] == "result ***"
            handle = await app.enqueue(parcels.betray_async, token=Secret("store:GONE"))
            with pytest.raises(RunFailed, match="store:GONE is not there: run 'mainspring secrets set GONE'"):
                await handle.result(PATIENCE)
            await remove_secret(app, RemoveSecretRequest(name="API", reason=None), CALLER)
            with pytest.raises(NotFound, match="no secret is called 'API'"):
                await remove_secret(app, RemoveSecretRequest(name="API", reason=None), CALLER)
        async with working(tmp_path, make_vault_key()) as app:  # somebody has lost the key
            handle = await app.enqueue(parcels.betray_async.options(tenant="acme"), token=Secret("store:FOR_ACME"))
            with pytest.raises(RunFailed, match="no key of this place opens the secret store:FOR_ACME"):
                await handle.result(PATIENCE)

    run(story())


def test_the_value_set_last_counts_from_the_next_start_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path, make_vault_key()) as app:
            for value in ("first-value", "second-value"):
                await keep(app, "API", value)
                handle = await app.enqueue(parcels.betray_async, token=Secret("store:API"))
                assert (await handle.result(PATIENCE))["said"] == "result ***"
                assert value not in await everything_about(app, handle.id)

    run(story())


def test_children_never_see_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_VAULT_KEYS", make_vault_key())
    monkeypatch.setenv("MAINSPRING_ACCESS_TOKEN", "a-token-for-the-console")
    assert "MAINSPRING_VAULT_KEYS" not in environment_of_children()

    async def story() -> None:
        async with working(tmp_path, None) as app:
            assert app.settings.vault_keys is not None
            assert await (await app.enqueue(keys_of_children)).result(PATIENCE) == []

    run(story())


def test_keys_are_exchanged_one_after_the_other(tmp_path: Path) -> None:
    old, new = make_vault_key(), make_vault_key()

    async def story() -> None:
        async with working(tmp_path, old) as app:
            await keep(app, "API")
            await keep(app, "GONE")
        async with working(tmp_path, f"{new},{old}") as app:
            assert [each.is_current for each in await listed(app)] == [
                False,
                False,
            ]
            assert (await rotate_secrets(app, RotateRequest(reason=None), CALLER)).number == 2
            assert (await rotate_secrets(app, RotateRequest(reason=None), CALLER)).number == 0
            assert [each.is_current for each in await listed(app)] == [
                True,
                True,
            ]
        async with working(tmp_path, new) as app:
            handle = await app.enqueue(parcels.betray_async, token=Secret("store:API"))
            assert (await handle.result(PATIENCE))["said"] == "result ***"
            rows = await (await app.store()).audit.page(scope=EVERYTHING)
            assert {"secrets.set", "secrets.rotate"} <= {row["verb"] for row in rows}
            assert "hunter2" not in repr(rows)

    run(story())


def test_what_cannot_be_kept_is_refused_with_field_and_remedy(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path, make_vault_key()) as app:
            for name, value, field in (
                ("1X", VALUE, "name"),
                ("API", "abc", "value"),
                ("API", "x" * 70_000, "value"),
                ("a b", VALUE, "name"),
            ):
                with pytest.raises(InvalidParams, match=field):
                    await keep(app, name, value)
        async with working(tmp_path, None) as app:
            with pytest.raises(ConfigurationError, match="mainspring secrets key"):
                await keep(app, "API")

    run(story())


def test_a_key_file_is_its_users_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first, second = make_vault_key(), make_vault_key()
    file.write_text(f"# the first seals\n{first}\n{second}\n")
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others.*chmod 600"):
        Keyring.of(None, str(file))
    file.chmod(0o600)
    ring = Keyring.of(None, str(file))
    assert Keyring([second]).unseal("A", Keyring([second]).seal("A", VALUE)) == VALUE
    assert Keyring([first]).unseal("A", ring.seal("A", VALUE)) == VALUE
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Keyring.of(None, str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Keyring(["short"]).seal("A", VALUE)


def test_a_sealed_text_opens_under_its_own_name_alone() -> None:
    ring = Keyring([make_vault_key()])
    sealed = ring.seal("A", VALUE)
    with pytest.raises(ConfigurationError, match="another name"):
        ring.unseal("B", sealed)
    with pytest.raises(ConfigurationError, match="no key"):
        ring.unseal("A", sealed[:-4] + "AAA=")


def test_the_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{make_vault_key()}\n")
    file.chmod(0o600)

    async def story() -> None:
        async with working(tmp_path, None, vault_key_file=str(file)) as app:
            await keep(app, "API")
            handle = await app.enqueue(parcels.betray_async, token=Secret("store:API"))
            assert (await handle.result(PATIENCE))["said"] == "result ***"

    run(story())
