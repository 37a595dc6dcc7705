"""Scopes: what somebody may not see is answered exactly as what does not exist, by every look at runs."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.errors import Conflict, MainspringError, UnknownError, UnknownRun
from mainspring.core.event import EventKind
from mainspring.core.run import Failed
from mainspring.core.run_filter import RunFilter
from mainspring.core.state import RunState
from mainspring.store.run_lists import RunListStore
from mainspring.store.runs import Entry
from mainspring.store.runs_look import RunReader
from tests.store.harness import Stage

A, B = Scope(frozenset({"a"})), Scope(frozenset({"b"}))
ANNA = Scope(owner="anna")
ANNA_OF_A = Scope(frozenset({"a"}), "anna")
NOTHING = Scope(frozenset())


async def _stock(stage: Stage) -> dict[str, str]:
    """Return the ids of unfinished and finished runs of two tenants and of nobody's, by name; anna has started some of a's."""
    node = await stage.node()
    ids: dict[str, str] = {}
    for tenant in ("a", "b", ""):
        for name, fields in (("waiting", {}), ("annas", {"actor": "anna"})):
            ids[f"{tenant}.{name}"] = await stage.add_one(tenant=tenant, label=tenant or "host", **fields)
        for name in ("done", "failed"):
            run = await stage.claim_new(node, tenant=tenant, task=name, priority=1, actor="bob")
            ids[f"{tenant}.{name}"] = run.id
            if name == "done":
                await stage.complete(run, result='"secret"', entries=[Entry(0.0, EventKind.LOG, {"level": "info", "message": tenant})])
            else:
                error = {"kind": "exception", "type": f"Err{tenant}", "message": f"of {tenant}", "fingerprint": (tenant or "c") * 16}
                await stage.settle(run, Failed(error, is_terminal=True))
    return ids


def _those(ids: dict[str, str], *prefixes: str) -> set[str]:
    return {id_ for name, id_ in ids.items() if name.startswith(prefixes)}


@pytest.mark.scenario("S0-16", part="store")
@pytest.mark.scenario("E7", part="store")
async def test_a_run_of_others_is_answered_as_one_that_does_not_exist(stage: Stage) -> None:
    ids = await _stock(stage)
    never = stage.new_id()

    async def answer(ask: Callable[[str], Awaitable[Any]], run_id: str) -> str:
        try:
            return repr(await ask(run_id)).replace(run_id, "ID")
        except MainspringError as error:
            return f"{type(error).__name__}: {str(error).replace(run_id, 'ID').replace(run_id[-8:], 'END')}"

    looks: list[Callable[[str], Awaitable[Any]]] = [
        lambda run_id: stage.runs.get(run_id, scope=A),
        lambda run_id: stage.runs.get_many([run_id], scope=A),
        lambda run_id: stage.runs.find(run_id, scope=A),
        lambda run_id: stage.runs.find(run_id[-8:], scope=A),
        lambda run_id: stage.runs.attempts(run_id, scope=A),
        lambda run_id: stage.runs.artifacts(run_id, scope=A),
        lambda run_id: stage.store.events.after(run_id, scope=A),
        lambda run_id: stage.store.explain.facts(run_id, scope=A),
        lambda run_id: stage.store.limits.waiting_for(run_id, scope=A),
    ]
    for look in looks:
        for name in ("b.waiting", "b.annas", "b.done", "b.failed", ".waiting", ".done"):
            assert await answer(look, ids[name]) == await answer(look, never), name
    assert (await stage.runs.get(ids["a.done"], scope=A)).result == '"secret"'
    assert await stage.runs.find(ids["a.done"][-8:], scope=A) == ids["a.done"]
    assert [event.kind for event in await stage.store.events.after(ids["a.done"], scope=A)][-1] is EventKind.COMPLETED


@pytest.mark.scenario("S0-16", part="short ids")
async def test_the_end_of_an_id_meets_only_what_is_seen(stage: Stage) -> None:
    mine, theirs = "01900000-0000-7000-8000-00000000abcd", "01900000-0000-7000-8001-00000000abcd"
    for run_id, tenant in ((mine, "a"), (theirs, "b")):
        await stage.add(stage.new(id=run_id, tenant=tenant))
    with pytest.raises(Conflict, match="several runs"):
        await stage.runs.find("0000abcd", scope=EVERYTHING)
    assert await stage.runs.find("0000abcd", scope=A) == mine
    assert await stage.runs.find("0000abcd", scope=B) == theirs
    with pytest.raises(UnknownRun, match="no run whose id ends"):
        await stage.runs.find("0000abcd", scope=ANNA)


@pytest.mark.scenario("S0-02", part="store")
async def test_a_submission_is_kept_with_who_it_is_for_and_who_asked(stage: Stage) -> None:
    run_id = await stage.add_one(tenant="a", actor="anna", task="mail", params='{"to": 1}', params_version=3, origin="http")
    run = await stage.runs.get(run_id, scope=ANNA_OF_A)
    assert (run.tenant, run.actor, run.task, run.params, run.origin) == ("a", "anna", "mail", '{"to": 1}', "http")
    assert run.created_at == stage.clock.now
    assert await stage.runs.params_version(run_id) == 3


@pytest.mark.scenario("S0-23", part="store")
async def test_lists_and_counts_hold_what_is_seen_and_nothing_else(stage: Stage) -> None:
    ids = await _stock(stage)
    cases = {
        A: _those(ids, "a."), B: _those(ids, "b."), EVERYTHING: set(ids.values()), NOTHING: set(),
        Scope(frozenset({"a", "b"})): _those(ids, "a.", "b."), Scope(frozenset({"a", ""})): _those(ids, "a.", "."),
        Scope(frozenset({""})): _those(ids, "."), ANNA: {ids["a.annas"], ids["b.annas"], ids[".annas"]}, ANNA_OF_A: {ids["a.annas"]},
        Scope(hidden=frozenset({"done"})): {id_ for name, id_ in ids.items() if not name.endswith(".done")},
        Scope(private=frozenset({"t"}), viewer="anna"): {id_ for name, id_ in ids.items() if not name.endswith(".waiting")},
        Scope(frozenset({"b"}), hidden=frozenset({"t", "failed"})): {ids["b.done"]},
    }  # fmt: skip
    for scope, expected in cases.items():
        newest_first = sorted(expected, reverse=True)
        assert [run.id for run in await stage.runs.page(n=50, scope=scope)] == newest_first, scope
        found: list[str] = []
        while page := await stage.runs.lists.ids(RunFilter(), n=2, start=found[-1] if found else None, scope=scope):
            found += page
        assert found == newest_first, scope
        assert await stage.runs.lists.count(RunFilter(), scope=scope) == len(expected), scope
        for wanted in (RunFilter(task="done"), RunFilter(states=[RunState.FAILED]), RunFilter(label="host"), RunFilter(is_lost=True)):
            those = [run_id for run_id in await stage.runs.lists.ids(wanted, n=50, scope=EVERYTHING) if run_id in expected]
            assert await stage.runs.lists.ids(wanted, n=50, scope=scope) == those, (scope, wanted)
            assert await stage.runs.lists.count(wanted, scope=scope) == len(those), (scope, wanted)
        waiting = sum(row["n"] for row in await stage.runs.waiting(scope=scope))
        assert waiting == len([id_ for name, id_ in ids.items() if id_ in expected and name.endswith((".waiting", ".annas"))]), scope
        assert sum((await stage.runs.of_task("t", scope=scope)).values()) == waiting, scope


async def test_what_runs_and_what_is_stuck_is_told_of_ones_own(stage: Stage) -> None:
    node = await stage.node()
    for tenant in ("a", "b"):
        await stage.claim_new(node, tenant=tenant, task=f"of-{tenant}")
    assert await stage.runs.running(scope=A) == {"of-a": 1}
    assert await stage.runs.running(scope=EVERYTHING) == {"of-a": 1, "of-b": 1}
    assert await stage.runs.stuck(scope=A) == []


async def test_a_search_leaves_out_what_is_not_seen(stage: Stage) -> None:
    mine, theirs = await stage.add_one(tenant="a"), await stage.add_one(tenant="b")
    await stage.store.search.add([(run_id, "t", [("customer", "7")]) for run_id in (mine, theirs)])
    where = [("customer", "7")]
    assert [run.id for run in await stage.runs.page(where=where, scope=A)] == [mine]
    assert await stage.runs.lists.count(RunFilter(), terms=where, scope=A) == 1
    assert await stage.runs.lists.count(RunFilter(), terms=where, scope=EVERYTHING) == 2


async def test_a_place_in_a_list_says_nothing_of_others(stage: Stage) -> None:
    limit = "key:shared"
    await stage.store.limits.set(limit, {"concurrency": 1})
    *_, last = [await stage.add_one(tenant=tenant, limit_key=limit) for tenant in ("b", "b", "a", "b", "a")]
    told = await stage.store.limits.waiting_for(last, scope=EVERYTHING)
    within = await stage.store.limits.waiting_for(last, scope=A)
    assert told is not None
    assert within is not None
    assert (told.position, within.position) == (5, 2)
    assert (within.key, within.maximum, within.running) == (told.key, told.maximum, 0)
    await stage.store.limits.admit([limit])
    for scope, running in ((EVERYTHING, 1), (A, 0), (B, 1)):
        run_id = (await stage.runs.page(states=[RunState.BLOCKED], scope=scope))[0].id
        found = await stage.store.limits.waiting_for(run_id, scope=scope)
        assert found is not None
        assert found.running == running, scope
    await stage.finish_all()


async def test_errors_are_told_of_ones_own_runs(stage: Stage) -> None:
    ids = await _stock(stage)
    errors = stage.store.errors
    (group,) = await errors.list(scope=A)
    assert (group.fingerprint, group.type, group.n, group.last_run, group.task) == ("a" * 16, "Erra", 1, ids["a.failed"], "failed")
    assert await errors.find("aaaa", scope=A) == "a" * 16
    assert [each.run_id for each in await errors.occurrences("a" * 16, scope=A)] == [ids["a.failed"]]
    with pytest.raises(UnknownError):
        await errors.find("bbbb", scope=A)
    with pytest.raises(UnknownError):
        await errors.get("b" * 16, scope=A)
    assert await errors.occurrences("b" * 16, scope=A) == []
    assert len(await errors.list(scope=EVERYTHING)) == 3
    await errors.resolve("a" * 16, actor="bob", reason="mended")
    assert await errors.list(scope=A, is_open=True) == []
    assert (await errors.get("a" * 16, scope=A)).resolved_by == "bob"


async def test_no_look_of_the_reader_can_forget_the_scope() -> None:
    looks = (
        "get", "get_many", "get_with_claim", "find", "page", "attempts", "artifacts", "waiting", "of_task", "running", "stuck",
    )  # fmt: skip
    lists = ("page", "ids", "walk", "longest", "tally", "count")
    for look in [*(getattr(RunReader, name) for name in looks), *(getattr(RunListStore, name) for name in lists)]:
        scope = inspect.signature(look).parameters["scope"]
        assert scope.kind is scope.KEYWORD_ONLY, look
        assert scope.default is scope.empty, look
