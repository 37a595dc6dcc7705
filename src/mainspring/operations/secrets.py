"""Verbs about secrets that the store keeps, encrypted. They are set and removed, and read by runs alone; nothing here tells one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, SecretStr

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import InvalidParams, NotFound, Problem
from mainspring.engine.keyring import Keyring
from mainspring.engine.mask import SHORTEST
from mainspring.engine.vault import MOST
from mainspring.operations.operation import Caller, Request, View, audit, operation
from mainspring.operations.users import of_the_house

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,199}$")
PAGE = 100


class SecretView(View):
    """A stored secret: all but what it says. ``is_current``: the key that seals new ones sealed it; ``declared_for``: the tasks."""

    name: str
    reference: str
    declared_for: list[str]
    is_current: bool
    created_at: datetime
    changed_at: datetime
    changed_by: str | None
    reason: str | None


class SecretPage(View):
    """Stored secrets, sorted by name; ``next`` is where the following page begins."""

    items: list[SecretView]
    next: str | None


class SecretKept(View):
    """What is kept now; the value is told nowhere."""

    name: str
    reference: str
    is_new: bool


class SecretRemoved(View):
    """What is gone."""

    name: str


class SecretsRotated(View):
    """How many were encrypted anew, with which key."""

    key_id: str
    number: int

    def trace(self) -> Mapping[str, Any] | None:
        """Return how many."""
        return {"number": self.number}


class SecretsRequest(Request):
    """Which secrets."""

    after: str = Field("", description="only names past this one: the next page")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class SetSecretRequest(Request):
    """What is to be kept."""

    name: str = Field(min_length=1, max_length=200, description="tasks refer to it as store:NAME")
    value: SecretStr = Field(description="the secret; nobody can read it back")
    reason: str | None = Field(None, description="why; kept with it and in the audit trail")


class RemoveSecretRequest(Request):
    """What is to be forgotten."""

    name: str = Field(min_length=1, description="which")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class RotateRequest(Request):
    """Nothing has to be said."""

    reason: str | None = Field(None, description="why; kept in the audit trail")


def keyring_of(app: Mainspring) -> Keyring:
    """Return the keys of this place."""
    return Keyring.of(app.settings.vault_keys, app.settings.vault_key_file)


@operation("secrets.list", needs=Verb.MANAGE_ACCESS)
async def list_secrets(app: Mainspring, request: SecretsRequest, caller: Caller) -> SecretPage:
    """List stored secrets by name, with the tasks that configuration declares each for."""
    of_the_house(caller)
    found = await (await app.store()).secrets.list(after=request.after, n=request.limit + 1)
    page, key_id, rules = found[: request.limit], keyring_of(app).key_id, app.settings.secrets.rules
    items = [
        SecretView(
            name=each.name, reference=f"store:{each.name}", is_current=each.key_id == key_id, created_at=each.created_at,
            declared_for=list(rules[f"store:{each.name}"].tasks) if f"store:{each.name}" in rules else [],
            changed_at=each.changed_at, changed_by=each.changed_by, reason=each.reason,
        )
        for each in page
    ]  # fmt: skip
    return SecretPage(items=items, next=page[-1].name if len(found) > request.limit else None)


@operation("secrets.set", changes="secret:{name}", dangerous=True, needs=Verb.MANAGE_ACCESS)
async def set_secret(app: Mainspring, request: SetSecretRequest, caller: Caller) -> SecretKept:
    """Keep a secret, encrypted, in the place of the one of that name; runs that start from now on get it."""
    of_the_house(caller)
    value = request.value.get_secret_value()
    problems = []
    if not _NAME.match(request.name):
        problems.append(Problem("name", "letters, digits and _ . - are allowed, and it begins with a letter", repr(request.name)))
    if len(value) < SHORTEST:
        problems.append(Problem("value", f"at least {SHORTEST} characters are needed to mask it in logs"))
    if len(value.encode("utf-8", "surrogatepass")) > MOST:
        problems.append(Problem("value", f"{MOST} bytes at most"))
    if problems:
        raise InvalidParams("the secret cannot be kept", problems)
    keyring = keyring_of(app)
    sealed = keyring.seal(request.name, value)
    is_new = await (await app.store()).secrets.put(request.name, sealed, keyring.key_id, actor=caller.actor, reason=request.reason)
    return SecretKept(name=request.name, reference=f"store:{request.name}", is_new=is_new)


@operation("secrets.remove", changes="secret:{name}", dangerous=True, needs=Verb.MANAGE_ACCESS)
async def remove_secret(app: Mainspring, request: RemoveSecretRequest, caller: Caller) -> SecretRemoved:
    """Forget a secret; runs that refer to it fail from now on, and say so."""
    of_the_house(caller)
    if not await (await app.store()).secrets.remove(request.name):
        raise NotFound(f"no secret is called {request.name!r}: 'mainspring secrets list' shows the names")
    return SecretRemoved(name=request.name)


@operation("secrets.rotate", changes="vault:{key_id}", needs=Verb.MANAGE_ACCESS, keeps_own_audit=True)
async def rotate_secrets(app: Mainspring, request: RotateRequest, caller: Caller) -> SecretsRotated:
    """Encrypt every stored secret with the first key; after that, the others can be taken out of the settings."""
    of_the_house(caller)
    keyring, store = keyring_of(app), await app.store()
    secrets, number, after = store.secrets, 0, ""
    while page := await secrets.page_sealed(after=after, n=PAGE):
        for name, sealed, key_id in page:
            if key_id != keyring.key_id:
                anew = keyring.seal(name, keyring.unseal(name, sealed))
                number += await secrets.reseal(name, sealed, anew, keyring.key_id)
        after = page[-1][0]
    view = SecretsRotated(key_id=keyring.key_id or "-", number=number)
    await audit(store, rotate_secrets, request, view, caller)
    return view
