"""The token of changes: it differs after whatever a list would show, and stays while nothing happens but beats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mainspring.core.event import EventKind
from mainspring.core.run import Failed
from mainspring.store.runs import Appended, Completion, Entry
from tests.store.harness import Stage


@pytest.mark.scenario("U16", part="the token")
async def test_the_token_differs_after_every_change_and_only_then(stage: Stage) -> None:
    node = await stage.node()
    seen: list[str] = [await stage.store.changes.token()]

    async def after(what: Callable[[], Awaitable[object]], *, differs: bool = True) -> None:
        await what()
        token = await stage.store.changes.token()
        assert (token not in seen) is differs
        seen.append(token)

    async def nothing() -> None: ...

    await after(nothing, differs=False)
    await after(lambda: stage.add_one())
    await after(lambda: stage.add_one())
    run, other = await stage.claim(node, n=2)
    await after(nothing)
    line = Entry(0.0, EventKind.LOG, {"message": "m"})
    await after(lambda: stage.runs.append([Appended(run.id, run.claim_id, [line], {"current": 1})]))
    await after(lambda: stage.runs.complete([Completion(run.id, run.claim_id, 1.0, None)]))
    await after(lambda: stage.settle(other, Failed({"type": "E"})))  # waits for its retry

    async def promote() -> None:
        await stage.clock.advance(60)
        await stage.runs.promote()

    await after(promote)
    await after(lambda: stage.store.audit.add("runs.cancel", "run:x", actor="ada", source="test"))
    await after(nothing, differs=False)


async def test_how_far_runs_are(stage: Stage) -> None:
    run = await stage.claim_new()
    found = await stage.runs.seqs([run.id, "01a1f8ea-0000-7000-8000-000000000000", "nonsense"])
    assert list(found) == [run.id]
    assert (found[run.id].seq, found[run.id].is_final) == (3, False)
    await stage.runs.complete([Completion(run.id, run.claim_id, 1.0, None)])
    after = (await stage.runs.seqs([run.id]))[run.id]
    assert after.is_final and after.seq > 3
    assert await stage.runs.seqs([]) == {}
