"""Tenants in the store: held, restored and taken away; quotas and retention of their own; owners, whose rights their runs have."""

from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING, Scope, User, UserRole
from mainspring.core.retention import Keeping
from mainspring.core.run import CancelledByRequest, ClaimedRun, Failed, Reason
from mainspring.core.state import RunState
from mainspring.core.tenant import TenantState
from mainspring.store.runs import Lane
from tests.store.harness import Stage

DAY = 24 * 3600.0
SUSPENDED, DELETED, ACTIVE = TenantState.SUSPENDED, TenantState.DELETED, TenantState.ACTIVE


async def test_a_tenant_that_nobody_spoke_of_is_as_others(stage: Stage) -> None:
    tenants = stage.store.tenants
    assert await tenants.get("a") is None
    assert await tenants.special() == {}
    assert (await tenants.waiting("a"), await tenants.running("a"), await tenants.bytes("a")) == (0, 0, 0)
    assert await tenants.add("a", "The first", actor="ann")
    assert not await tenants.add("a", "again")
    found = await tenants.get("a")
    assert found is not None
    assert (found.title, found.state, found.created_by, found.max_waiting) == ("The first", ACTIVE, "ann", None)
    assert await tenants.special() == {}
    await tenants.add("b")
    assert [each.name for each in await tenants.list()] == ["a", "b"]
    assert [each.name for each in await tenants.list(after="a")] == ["b"]
    assert await tenants.list(state=SUSPENDED) == []


@pytest.mark.scenario("S0-17", part="store")
async def test_a_suspended_tenants_runs_are_held_and_go_on_when_it_is_restored(stage: Stage) -> None:
    tenants, node = stage.store.tenants, await stage.node()
    limit = "key:shared"
    running = await stage.claim_new(node, tenant="a")
    ready, later = await stage.add_one(tenant="a"), await stage.add_one(tenant="a", delay=timedelta(seconds=5))
    limited, others = await stage.add_one(tenant="a", limit_key=limit), await stage.add_one(tenant="b")
    assert await tenants.put_state("a", SUSPENDED, actor="ann", reason="unpaid")
    assert await stage.lanes() == [Lane("default", "b", 0, 2)]  # from the moment of its row
    assert [run.id for run in await stage.claim(node)] == [others]
    assert await tenants.hold("a") == 2
    assert await tenants.hold("a") == 0
    for run_id in (ready, limited):
        held = await stage.get(run_id)
        assert (held.state, held.reason) == (RunState.BLOCKED, Reason.TENANT_SUSPENDED)
    assert {run.id for run in await stage.runs.page(states=[RunState.BLOCKED], scope=Scope(frozenset({"a"})))} == {ready, limited}  # listed
    assert await stage.complete(running) == {running.id}  # what runs goes on to its end
    await stage.clock.advance(10)
    await stage.runs.promote()
    assert await stage.claim(node) == []  # what becomes ready late is not claimed either
    assert await stage.runs.take(later, node, "01900000-0000-7000-8000-000000000001", timedelta(0)) is None
    assert await tenants.hold("a") == 1
    assert await tenants.put_state("a", ACTIVE)
    freed, lanes = await tenants.free("a")
    assert (freed, lanes) == (3, {Lane("default", "a", 0, 2)})
    await stage.store.limits.admit([limit])
    assert {run.id for run in await stage.claim(node)} == {ready, later, limited}
    assert await stage.kinds(ready) == ["queued", "blocked", "unblocked", "claimed", "started"]


async def test_hints_and_watermarks_get_nothing_of_a_suspended_tenant(stage: Stage) -> None:
    node, run_id = await stage.node(), await stage.add_one(tenant="a")
    await stage.store.tenants.put_state("a", SUSPENDED)
    lanes = [Lane("default", "a", 0, 2), Lane("default", "b", 0, 2)]
    claim = "01900000-0000-7000-8000-000000000001"
    assert await stage.runs.claim(node, claim, lanes, 10, timedelta(0)) == []
    await stage.store.tenants.put_state("a", ACTIVE)
    assert [run.id for run in await stage.runs.claim(node, claim, lanes, 10, timedelta(0))] == [run_id]


@pytest.mark.scenario("S0-17", part="deleted")
@pytest.mark.scenario("S0-20", part="orphans of deleted tenants")
async def test_of_a_deleted_tenant_nothing_is_left_and_others_notice_nothing(stage: Stage) -> None:
    store, node = stage.store, await stage.node()
    running = await stage.claim_new(node, tenant="a")
    done, pinned = await stage.claim_new(node, tenant="a", priority=1), await stage.claim_new(node, tenant="a", priority=1)
    await stage.complete(done, pinned)
    assert await store.retention.pin(pinned.id)
    kept = await stage.claim_new(node, tenant="b", priority=1)
    await stage.complete(kept)
    waiting, others = await stage.add_one(tenant="a"), await stage.add_one(tenant="b")
    assert await store.tenants.put_state("a", DELETED, actor="ann")
    assert not await store.tenants.put_state("a", ACTIVE)  # that is for good
    assert await store.tenants.purge("a", actor="ann")
    assert (await stage.get(running.id)).cancel_requested  # its node hears of that with its next beat
    assert {run.id for run in await stage.runs.page(scope=Scope(frozenset({"a"})))} <= {running.id, waiting}
    assert await stage.settle(running, CancelledByRequest()) is RunState.CANCELLED
    left = [await store.tenants.purge("a") for _ in range(3)]
    assert left[-1] == 0, left
    await store.tenants.moved("a", DELETED)
    found = await store.tenants.get("a")
    assert found is not None
    assert (found.state, found.is_moving, found.purged_at) == (DELETED, False, stage.clock.now)
    stage.forgotten |= {running.id, done.id, pinned.id, waiting}
    assert {run.id for run in await stage.runs.page(scope=EVERYTHING)} == {others, kept.id}
    for table in ("events", "attempts", "kept"):
        assert await stage.sql(f"select * from mainspring.{table} where run_id not in (select id from mainspring.history)") == []
    assert [run.id for run in await stage.claim(node)] == [others]


@pytest.mark.scenario("S0-20", part="its own retention")
async def test_a_tenants_retention_counts_from_the_finish_and_keeps_failures_longer(stage: Stage) -> None:
    store, node = stage.store, await stage.node()
    await store.tenants.set_retention("a", completed=timedelta(days=1), others=timedelta(days=30))
    await store.tenants.set_retention("long", completed=timedelta(days=100), others=None)
    ids: dict[str, str] = {}
    slowest: dict[str, ClaimedRun] = {}
    for tenant in ("a", "b", "long"):
        slow = await stage.claim_new(node, tenant=tenant, task="slow")
        done, bad = await stage.claim_new(node, tenant=tenant, priority=1), await stage.claim_new(node, tenant=tenant, priority=1)
        ids |= {f"{tenant}.slow": slow.id, f"{tenant}.done": done.id, f"{tenant}.bad": bad.id}
        await stage.complete(done)
        await stage.settle(bad, Failed({"type": "E", "fingerprint": "e" * 16}, is_terminal=True))
        slowest[tenant] = slow
        if tenant != "a":
            await stage.complete(slow)

    async def left() -> set[str]:
        policies = await store.retention.policies(Keeping(timedelta(days=10), timedelta(days=20)))
        await store.retention.prune(policies)
        there = {run.id for run in await stage.runs.page(scope=EVERYTHING)}
        stage.forgotten |= set(ids.values()) - there
        return {name for name, id_ in ids.items() if id_ in there}

    await stage.clock.advance(1.5 * DAY)
    assert await left() == set(ids) - {"a.done"}
    assert await stage.complete(slowest["a"]) == {ids["a.slow"]}  # made long ago, and finished just now
    await stage.clock.advance(0.5 * DAY)
    assert await left() == set(ids) - {"a.done"}
    await stage.clock.advance(10 * DAY)
    assert await left() == {"a.bad", "b.bad", "long.done", "long.slow", "long.bad"}
    await stage.clock.advance(10 * DAY)
    assert await left() == {"a.bad", "long.done", "long.slow"}  # failures as long as the tenant says, and by the app elsewhere
    await stage.clock.advance(10 * DAY)
    assert await left() == {"long.done", "long.slow"}


async def test_a_scoped_prune_takes_ones_own_only(stage: Stage) -> None:
    store, node = stage.store, await stage.node()
    runs = [await stage.claim_new(node, tenant=tenant) for tenant in ("a", "b")]
    await stage.complete(*runs)
    await stage.clock.advance(DAY)
    policies = (await store.retention.policies(Keeping(None, None))).only(older_than=timedelta(hours=1), scope=Scope(frozenset({"a"})))
    found, _ = await store.retention.expired(policies)
    assert [each.id for each in found] == [runs[0].id]
    assert (await store.retention.prune(policies)).runs == 1
    stage.forgotten.add(runs[0].id)
    assert [run.id for run in await stage.runs.page(scope=EVERYTHING)] == [runs[1].id]


async def test_quotas_are_read_with_what_is_not_as_others(stage: Stage) -> None:
    tenants = stage.store.tenants
    await tenants.set_quota("a", max_waiting=3, max_bytes=1000)
    assert (await tenants.special())["a"].max_waiting == 3
    for _ in range(4):
        await stage.add_one(tenant="a")
    assert await tenants.waiting("a") == 4
    assert await tenants.waiting("a", bound=2) == 2
    await tenants.set_quota("a", max_waiting=None, max_bytes=None)
    assert await tenants.special() == {}
    await stage.finish_all()


# -- owners


def _anna(role: UserRole = UserRole.OPERATOR, **fields: frozenset[str]) -> User:
    return User("anna", role, **fields)  # type: ignore[arg-type]  # what the fields are is checked where it is used


@pytest.mark.scenario("U14", part="store")
async def test_rights_are_remembered_and_losses_noticed(stage: Stage) -> None:
    owners = stage.store.owners
    assert not await owners.gone("anna")  # who never acted
    await owners.know(_anna(teams=frozenset({"ops"})))
    assert await owners.lost() == {}
    await owners.know(_anna(UserRole.ADMIN, teams=frozenset({"ops", "more"})))
    assert await owners.lost() == {}, "who may do more has lost nothing"
    await owners.know(_anna(UserRole.ADMIN, teams=frozenset({"ops"})))
    assert list(await owners.lost()) == ["anna"]
    owner = (await owners.moving())["anna"]
    await owners.moved(owner, has_held=False)
    assert await owners.lost() == {}
    assert await owners.moving() == {}
    for less in (_anna(UserRole.VIEWER), _anna(UserRole.ADMIN, tenants=frozenset({"a"}))):
        await owners.know(_anna(UserRole.ADMIN))
        await owners.know(less)
        owner = (await owners.lost())["anna"]
        assert (owner.user.role, owner.user.tenants) == (less.role, less.tenants)
        await owners.moved(owner, has_held=False)
    assert await owners.gone("anna", reason="left", actor="boss")
    assert not await owners.gone("anna")
    owner = (await owners.lost())["anna"]
    assert (owner.is_gone, owner.reason, owner.changed_by) == (True, "left", "boss")
    await owners.moved(owner, has_held=False)
    assert list(await owners.lost()) == ["anna"], "as long as they are gone"
    await owners.know(_anna())
    back = await owners.get("anna")
    assert back is not None
    assert (back.is_gone, back.reason) == (False, None)
    assert list(await owners.moving()) == ["anna"], "what was held is looked at again"


async def test_runs_of_an_owner_are_found_held_and_freed(stage: Stage) -> None:
    owners, node = stage.store.owners, await stage.node()
    mine, others = await stage.add_one(actor="anna"), await stage.add_one(actor="bob")
    by_cli = await stage.add_one(actor="anna", origin="cli")
    assert [run.id for run in await owners.runs_of("anna")] == [mine]  # the command line is the host's
    assert await owners.hold([mine]) == 1
    held = await stage.get(mine)
    assert (held.state, held.reason) == (RunState.BLOCKED, Reason.OWNER_GONE)
    assert [run.is_held for run in await owners.runs_of("anna")] == [True]
    claimed = await stage.claim(node)
    assert {run.id for run in claimed} == {others, by_cli}
    started = await owners.started([run.id for run in claimed])
    assert {each.run_id: each.owner for each in started} == {others: "bob", by_cli: None}
    assert await owners.free([mine]) == {Lane("default", "", 0, 2)}
    assert [run.id for run in await stage.claim(node)] == [mine]
