"""Keys: texts that open a door because nobody can guess them. What is kept of one is its hash, which opens nothing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata

TOKEN_PREFIX = "msp_"  # so that scanners of code know one when they see it
_BYTES = 32  # 256 bits: a fast hash is enough, there is nothing to try out


def make_key(prefix: str = "") -> str:
    """Return a new key."""
    return prefix + secrets.token_urlsafe(_BYTES)


def make_name() -> str:
    """Return a short name for what a key opens; it may be shown."""
    return secrets.token_hex(5)


def hash_of(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def is_same(given: str, known: str) -> bool:
    """Compare two keys in a time that says nothing."""
    return hmac.compare_digest(hash_of(given), hash_of(known))


def folded(name: str) -> str:
    """Return a user's name as it is kept and compared: without differences that eyes do not see."""
    return unicodedata.normalize("NFKC", name).strip().casefold()
