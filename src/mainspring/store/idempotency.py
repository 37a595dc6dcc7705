"""Idempotency keys in the store: who asks twice with one key is answered once.

A key is a row that is taken before anything is done and answered behind it. The id of the run that a request is to become is given out
with the row, and a run is never added twice under one id: so a start counts once even where its first request died between the two.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.store.database import Database

KEPT = timedelta(hours=24)
SWEPT_TOGETHER = 1000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A key that is ours: `run_id` is what its run is to be called, or is called already."""

    caller: str
    key: str
    claim: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """A key that is somebody's. ``status`` is None while it is not answered; ``is_interrupted``: nor will it be."""

    fingerprint: str
    status: int | None
    headers: Mapping[str, str]
    body: str
    is_interrupted: bool


class IdempotencyStore:
    """Takes keys, keeps answers, forgets."""

    def __init__(self, database: Database) -> None:
        self._database, self._ids = database, IdMaker()

    async def claim(self, caller: str, key: str, fingerprint: str, *, patience: timedelta, may_repeat: bool) -> Claimed | Held:
        """Take a key, or say what is known of it.

        Its request counts as interrupted when it is not answered within ``patience``. Then it is taken over, if it asked for the same and
        ``may_repeat`` says that this may be done twice.
        """
        claim, run_id = make_claim_id(), self._ids.make(time.time_ns() // 1_000_000)
        while True:
            rows = await self._database.write(
                "idempotency_claim", caller=caller, key=key, fingerprint=fingerprint, claim=claim, run_id=run_id,
                patience_ms=_milliseconds(patience), kept_ms=_milliseconds(KEPT), may_repeat=may_repeat,
            )  # fmt: skip
            if rows:
                return Claimed(caller, key, claim, str(rows[0][0]))
            found = await self._database.read("idempotency_look", caller=caller, key=key)
            if found:
                row = found[0]
                headers: Mapping[str, str] = json.loads(row["headers"] or "{}")
                return Held(row["fingerprint"], row["status"], headers, row["body"] or "", bool(row["is_interrupted"]))

    async def answer(self, claimed: Claimed, status: int, headers: Mapping[str, str], body: str) -> bool:
        """Keep what was answered; False where somebody has taken the key over meanwhile."""
        return bool(
            await self._database.write(
                "idempotency_answer", caller=claimed.caller, key=claimed.key, claim=claimed.claim, status=status,
                headers=json.dumps(dict(headers)), body=body,
            )
        )  # fmt: skip

    async def release(self, claimed: Claimed) -> None:
        """Let a key go, for nothing was done under it."""
        await self._database.write("idempotency_release", caller=claimed.caller, key=claimed.key, claim=claimed.claim)

    async def interrupt(self, claimed: Claimed) -> None:
        """Say at once that a key will not be answered, instead of when its patience is over."""
        await self._database.write("idempotency_interrupt", caller=claimed.caller, key=claimed.key, claim=claimed.claim)

    async def sweep(self) -> int:
        """Forget keys whose time is over, by the database's clock; answers how many."""
        swept = 0
        while True:
            n = len(await self._database.write("idempotency_sweep", n=SWEPT_TOGETHER))
            swept += n
            if n < SWEPT_TOGETHER:
                return swept


def _milliseconds(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
