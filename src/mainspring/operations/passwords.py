"""Passwords: hashed by argon2id, off the event loop, and only so many at once, for each takes 64 MiB while it is hashed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from mainspring.core.errors import ConfigurationError, InvalidParams, Problem
from mainspring.core.keys import make_key

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")
SHORTEST = 12  # characters; length is what counts (NIST SP 800-63B), so there is no rule about their kinds
LONGEST = 1024  # bytes: who sends a megabyte wants us to work, not to sign in
_AT_ONCE = threading.BoundedSemaphore(2)


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError:
        raise ConfigurationError("people with a password need argon2-cffi: pip install 'mainspring[users]'") from None
    return PasswordHasher()  # RFC 9106, the second recommended choice: 3 passes over 64 MiB


@lru_cache(maxsize=1)
def _nobodys(hasher: PasswordHasher) -> str:
    return hasher.hash(make_key())


def check_strength(password: str, name: str) -> None:
    """Raise `InvalidParams` for a password that is too short, too long or the name itself."""
    problem = None
    if len(password) < SHORTEST:
        problem = f"at least {SHORTEST} characters are needed; a few words are easy to remember"
    elif len(password.encode("utf-8", "surrogatepass")) > LONGEST:
        problem = f"{LONGEST} bytes at most"
    elif name and password.casefold().strip() in (name, name * 2):
        problem = "it must not be the name"
    if problem is not None:
        raise InvalidParams("the password cannot be taken", [Problem("password", problem)])


async def hash_password(password: str) -> str:
    """Return what is kept of a password; raises `ConfigurationError` where argon2 is not installed."""
    hasher = _hasher()
    return await asyncio.to_thread(_one_of_few, lambda: hasher.hash(password))


async def fits(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one that was hashed. Where nothing is kept it takes as long, and is False."""
    from argon2.exceptions import InvalidHashError, VerificationError

    hasher = _hasher()

    def verify() -> bool:
        try:
            hasher.verify(_nobodys(hasher) if kept is None else kept, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    if len(password.encode("utf-8", "surrogatepass")) > LONGEST:
        return False
    return await asyncio.to_thread(_one_of_few, verify)


def is_outdated(kept: str) -> bool:
    """Tell whether a password that fits should be hashed anew, as it is done today."""
    return _hasher().check_needs_rehash(kept)


def _one_of_few(work: Callable[[], T]) -> T:
    with _AT_ONCE:
        return work()
