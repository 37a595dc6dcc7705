"""The vault: a reference becomes a value, on the node, for a run that may have it."""

from __future__ import annotations

import os
import stat

from mainspring.core.errors import ConfigurationError
from mainspring.core.secret import Secret, SecretRules
from mainspring.engine.mask import SHORTEST

MOST = 64 * 1024  # bytes of a secret: keys and certificates, no documents


def look_up(secret: Secret, rules: SecretRules, task: str, tenant: str) -> str:
    """Return a secret's value; raises `ConfigurationError` that names the reference and the remedy, never the value.

    One line end after it is no part of it: every editor adds one.
    """
    if (why := rules.refusal(secret.reference, task, tenant)) is not None:
        raise ConfigurationError(why)
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
