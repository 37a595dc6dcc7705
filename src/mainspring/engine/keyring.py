"""The keyring: seals and opens the secrets that the store keeps. Keys come from the environment or from a file, never from the database.

Only the engine has it. An executor child is handed the value of a secret for a run that may have it, never a key.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainspring.core.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

VARIABLES = ("MAINSPRING_VAULT_KEYS", "MAINSPRING_VAULT_KEY")
_DOORS = ("MAINSPRING_ACCESS_TOKEN", "MAINSPRING_OIDC_CLIENT_SECRET")
_REMEDY = "make one with 'mainspring secrets key', and set MAINSPRING_VAULT_KEYS or MAINSPRING_VAULT_KEY_FILE"


class Keyring:
    """Some keys, the first of which seals and all of which open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)
        self._fernet: MultiFernet | None = None

    @classmethod
    def of(cls, keys: str | None, file: str | None) -> Keyring:
        """Return the keys of the settings; raises `ConfigurationError` for a file that others can read."""
        texts = [each.strip() for each in (keys or "").split(",")]
        if file is not None:
            texts += [line.strip() for line in _read_private(file).splitlines() if not line.startswith("#")]
        return cls([each for each in texts if each])

    @property
    def is_empty(self) -> bool:
        """Whether there is no key."""
        return not self._keys

    @property
    def key_id(self) -> str:
        """Which key seals: the beginning of its hash."""
        return hashlib.sha256(self._keys[0].encode()).hexdigest()[:12] if self._keys else ""

    def seal(self, name: str, value: str) -> str:
        """Return a secret encrypted together with its name, so that it cannot be put under another one."""
        return self._open().encrypt(json.dumps([name, value]).encode()).decode()

    def unseal(self, name: str, sealed: str) -> str:
        """Return what a secret says; raises `ConfigurationError` where no key opens it, or it was sealed under another name."""
        from cryptography.fernet import InvalidToken

        try:
            inside, value = json.loads(self._open().decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            raise ConfigurationError(
                f"no key of this place opens the secret store:{name}: MAINSPRING_VAULT_KEYS has to have the one that sealed it"
            ) from None
        if inside != name:
            raise ConfigurationError(f"the secret store:{name} was sealed under another name: set it anew")
        return str(value)

    def _open(self) -> MultiFernet:
        if self._fernet is None:
            if not self._keys:
                raise ConfigurationError(f"stored secrets need a key: {_REMEDY}")
            try:
                from cryptography.fernet import Fernet, MultiFernet
            except ImportError:
                raise ConfigurationError("stored secrets need cryptography: pip install 'mainspring[vault]'") from None
            try:
                self._fernet = MultiFernet([Fernet(each) for each in self._keys])
            except ValueError:
                raise ConfigurationError(f"a key of stored secrets is not 32 bytes in URL-safe base64: {_REMEDY}") from None
        return self._fernet


def environment_of_children() -> dict[str, str]:
    """Return the environment that code of tasks may see: without keys, and without what lets into the console."""
    return {name: value for name, value in os.environ.items() if name not in (*VARIABLES, *_DOORS)}


def make_vault_key() -> str:
    """Return a new key; raises `ConfigurationError` where cryptography is not installed."""
    try:
        from cryptography.fernet import Fernet
    except ImportError:
        raise ConfigurationError("stored secrets need cryptography: pip install 'mainspring[vault]'") from None
    return Fernet.generate_key().decode()


def _read_private(file: str) -> str:
    try:
        with open(file, encoding="ascii") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if os.name == "posix" and mode & 0o077:
                raise ConfigurationError(
                    f"MAINSPRING_VAULT_KEY_FILE={file!r} can be read by others ({stat.S_IMODE(mode):04o}): run chmod 600 {file}"
                )
            return opened.read()
    except OSError as error:
        raise ConfigurationError(f"MAINSPRING_VAULT_KEY_FILE={file!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"MAINSPRING_VAULT_KEY_FILE={file!r} holds no keys: {_REMEDY}") from None
