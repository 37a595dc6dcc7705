"""The vault: a reference becomes a value, on the node, for a run that may have it.

What stands in the environment or in files is looked up where the body runs. What the store keeps is opened by the engine, which alone has
the keys, and handed to the process of the body when it asks, for this run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence

from mainspring.core.errors import ConfigurationError, MainspringError
from mainspring.core.secret import Secret, SecretRules
from mainspring.engine.keyring import Keyring
from mainspring.engine.mask import SHORTEST
from mainspring.store.secrets import SecretStore

MOST = 64 * 1024  # bytes of a secret: keys and certificates, no documents


def check_rules(reference: str, rules: SecretRules, task: str, tenant: str) -> None:
    """Raise `ConfigurationError` for a reference that is not declared for the task and the tenant."""
    if (why := rules.refusal(reference, task, tenant)) is not None:
        raise ConfigurationError(why)


class Vault:
    """What the store keeps, opened for runs that may have it."""

    def __init__(self, secrets: SecretStore, rules: SecretRules, keys: str | None, file: str | None) -> None:
        self._secrets, self._rules, self._keys, self._file = secrets, rules, keys, file
        self._keyring: Keyring | None = None

    async def open(self, references: Sequence[str], task: str, tenant: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return values by reference, and why there is none for each of the others, in words that tell no value."""
        found: dict[str, str] = {}
        problems: dict[str, str] = {}
        for reference in references:
            try:
                found[reference] = await self._open(reference, task, tenant)
            except MainspringError as error:
                problems[reference] = str(error)
        return found, problems

    async def _open(self, reference: str, task: str, tenant: str) -> str:
        check_rules(reference, self._rules, task, tenant)
        name = reference.removeprefix("store:")
        if (sealed := await self._secrets.sealed(name)) is None:
            raise ConfigurationError(f"the secret {reference} is not there: run 'mainspring secrets set {name}'")
        if self._keyring is None:
            self._keyring = Keyring.of(self._keys, self._file)
        return self._keyring.unseal(name, sealed)


def look_up(secret: Secret, rules: SecretRules, task: str, tenant: str) -> str:
    """Return a secret's value; raises `ConfigurationError` that names the reference and the remedy, never the value.

    One line end after it is no part of it: every editor adds one.
    """
    check_rules(secret.reference, rules, task, tenant)
    value = _from_environment(secret) if secret.source == "env" else _from_file(secret, rules.folder or "")
    if len(value) < SHORTEST:
        raise ConfigurationError(f"the secret {secret.reference} has {len(value)} characters: at least {SHORTEST} are needed to mask it")
    return value


def _from_environment(secret: Secret) -> str:
    value = os.environ.get(secret.name)
    if value is None:
        raise ConfigurationError(f"the secret {secret.reference} is not there: set {secret.name} in the environment of this node")
    return value


def _from_file(secret: Secret, folder: str) -> str:
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, secret.name))
    if os.path.commonpath([root, path]) != root or path == root:
        raise ConfigurationError(f"the secret {secret.reference} leads out of {folder}: a link to elsewhere is not followed")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ConfigurationError(f"the secret {secret.reference} cannot be read in {folder}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigurationError(f"the secret {secret.reference} is no plain file in {folder}")
    with os.fdopen(descriptor, "rb") as content:
        read = content.read(MOST + 1)
    if len(read) > MOST:
        raise ConfigurationError(f"the secret {secret.reference} is longer than {MOST} bytes")
    try:
        text = read.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"the secret {secret.reference} is no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")
