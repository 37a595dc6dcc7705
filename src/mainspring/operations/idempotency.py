"""Requests that count once, for faces whose callers may ask twice. No operations: nobody asks for these by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from mainspring.app import Mainspring
from mainspring.operations.operation import Caller
from mainspring.store.idempotency import Claimed, Held


async def claim(
    app: Mainspring, caller: Caller, key: str, fingerprint: str, *, patience: timedelta, may_repeat: bool
) -> Claimed | Held:  # fmt: skip
    """Take a caller's key for a request, or say what became of the request that has it; see `IdempotencyStore.claim`.

    Callers do not see each other's keys: a key belongs to a name within a tenant.
    """
    keys = (await app.store()).idempotency
    return await keys.claim(f"{caller.tenant}/{caller.actor}", key, fingerprint, patience=patience, may_repeat=may_repeat)


async def answer(app: Mainspring, claimed: Claimed, status: int, headers: Mapping[str, str], body: str) -> None:
    """Keep what was answered for a day."""
    await (await app.store()).idempotency.answer(claimed, status, headers, body)


async def release(app: Mainspring, claimed: Claimed) -> None:
    """Let a key go under which nothing was done."""
    await (await app.store()).idempotency.release(claimed)


async def interrupt(app: Mainspring, claimed: Claimed) -> None:
    """Say that nobody knows what was done under a key."""
    await (await app.store()).idempotency.interrupt(claimed)


__all__ = ["Claimed", "Held", "answer", "claim", "interrupt", "release"]
