"""Passwords as they are hashed, with all the work that this is meant to be."""

import asyncio
import builtins
from typing import Any

import pytest

from mainspring.core.errors import ConfigurationError, InvalidParams
from mainspring.operations import passwords

LONG = "correct horse battery staple"


def test_passwords_cost_what_the_standard_asks() -> None:
    """RFC 9106, section 4: the choice for machines that have no 2 GiB for it."""
    kept = asyncio.run(passwords.hash_password(LONG))
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert asyncio.run(passwords.fits(kept, LONG))
    assert not asyncio.run(passwords.fits(kept, LONG + "!"))
    assert not asyncio.run(passwords.fits(None, LONG))
    assert not asyncio.run(passwords.fits("nonsense", LONG))
    assert not asyncio.run(passwords.fits(kept, "x" * 2000))
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated(kept.replace("m=65536,t=3", "m=65536,t=2"))


@pytest.mark.parametrize(
    ("password", "said"), [("short", "at least 12"), ("x" * 1025, "1024 bytes"), ("ada.lovelace1", "must not be the name")]
)
def test_passwords_that_are_none_are_refused(password: str, said: str) -> None:
    with pytest.raises(InvalidParams, match=said) as info:
        passwords.check_strength(password, "ada.lovelace1")
    assert password not in str(info.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("argon2"):
            raise ImportError(name)
        return importing(name, *rest, **more)

    passwords._hasher.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"pip install 'mainspring\[users\]'"):
        asyncio.run(passwords.hash_password(LONG))
