"""Events: kept records merged with the ordinary life of a run, which is columns."""

from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.event import EventKind
from mainspring.core.run import Failed, Lost, Outcome, Reason, Released, Snoozed, TimedOut
from mainspring.store import codes
from mainspring.store.runs import Appended, Entry
from tests.store.harness import Stage


def _log(n: int) -> Entry:
    return Entry(0.0, EventKind.LOG, {"n": n})


@pytest.mark.scenario("E1", part="the store, without suspension")
async def test_a_life_with_everything_in_it_is_numbered_without_a_gap(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node, actor="ada", queue="mail")
    outcomes: list[tuple[Outcome, str]] = [
        (Failed({"type": "E"}), "retry_scheduled"),
        (TimedOut({"type": "T"}), "retry_scheduled"),
        (Snoozed(timedelta(seconds=1)), "snoozed"),
        (Released("shutdown"), "released"),
        (Lost("lost", {"type": "L"}, is_alone=True), "lost"),
        (Released(Reason.NO_CAPABLE_NODE), "blocked"),
        (Released(Reason.DISABLED), "blocked"),
    ]
    kinds = ["queued"]
    for n, (outcome, kind) in enumerate(outcomes):
        await stage.runs.append([Appended(run.id, run.claim_id, [_log(n)])])
        await stage.settle(run, outcome, entries=[_log(n)])
        kinds += ["claimed", "started", "log", "log", kind]
        await stage.clock.advance(60)
        await stage.runs.promote()
        await stage.runs.unblock_known(["t"])
        await stage.store.switches.free(["t"])
        if kind == "blocked":
            kinds.append("unblocked")
        (run,) = await stage.claim(node)
    await stage.runs.cancel([run.id], actor="bob")
    await stage.settle(run, Failed({"type": "E"}))
    kinds += ["claimed", "started", "cancel_requested", "cancelled"]
    events = await stage.store.events.after(run.id, scope=EVERYTHING)
    assert [str(event.kind) for event in events] == kinds
    assert [event.seq for event in events] == list(range(1, len(kinds) + 1))
    assert events[0].data == {"queue": "mail", "priority": "medium", "actor": "ada"}
    assert events[5].data["error"] == {"type": "E"} and "retry_at" in events[5].data
    assert events[-1].data["by"] == "bob"
    times = [event.at for event in events]
    assert times == sorted(times)


async def test_events_can_be_read_from_any_number_on(stage: Stage) -> None:
    run = await stage.claim_new()
    for n in range(5):
        await stage.runs.append([Appended(run.id, run.claim_id, [_log(n)])])
    await stage.complete(run)
    everything = await stage.store.events.after(run.id, scope=EVERYTHING)
    assert len(everything) == 9
    for seq in range(11):
        assert await stage.store.events.after(run.id, seq, scope=EVERYTHING) == everything[seq:]


async def test_pages_lose_nothing_and_repeat_nothing(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    for n in range(3):
        await stage.runs.append([Appended(run.id, run.claim_id, [_log(k) for k in range(5)])])
        await stage.settle(run, Released("shutdown"), entries=[_log(n)])
        (run,) = await stage.claim(node)
    await stage.complete(run, entries=[_log(9)])
    everything = await stage.store.events.after(run.id, scope=EVERYTHING)
    for n in (1, 2, 3, 7, 100):
        read: list[Any] = []
        while page := await stage.store.events.after(run.id, len(read), n, scope=EVERYTHING):
            read += page
        assert read == everything


async def test_a_run_that_ends_while_it_is_read_shows_its_end_later_and_never_wrongly(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end lands between the read of the run and the read of its tries: it must not look like a retry."""
    node = await stage.node()
    run = await stage.claim_new(node)
    await stage.settle(run, Released("shutdown"))
    (run,) = await stage.claim(node)
    look = stage.runs.get_with_claim

    async def look_and_then_end(ids: list[str], *, scope: Scope) -> Any:
        found = await look(ids, scope=scope)
        await stage.settle(run, Failed({"type": "E"}, is_terminal=True), entries=[_log(1)])
        return found

    with monkeypatch.context() as patched:
        patched.setattr(stage.runs, "get_with_claim", look_and_then_end)
        seen = await stage.store.events.after(run.id, scope=EVERYTHING)
    assert [str(event.kind) for event in seen] == ["queued", "claimed", "started", "released", "claimed", "started"]
    rest = await stage.store.events.after(run.id, len(seen), scope=EVERYTHING)
    assert [str(event.kind) for event in rest] == ["log", "failed"]


def test_every_kind_has_a_number_and_every_number_one_kind() -> None:
    assert set(codes.EVENT_CODE) == set(EventKind)
    assert len(codes.EVENT_OF) == len(codes.EVENT_CODE)
    assert set(codes.FINAL_EVENT.values()) == {kind for kind in EventKind if kind.is_final}
