"""The steward, and what bodies know of who they work for: tenants that are held and let go, owners whose rights are gone, quotas, files."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import pytest

from mainspring import File, Mainspring, Task, task
from mainspring.core.access import EVERYTHING, Scope, User, UserRole
from mainspring.core.door import Rights
from mainspring.core.errors import InvalidParams, QuotaExceeded, TenantClosed, UnknownFile
from mainspring.core.explanation import Why
from mainspring.core.run import Reason
from mainspring.core.state import RunState
from mainspring.core.tenant import TenantState
from mainspring.engine.steward import STEWARD
from mainspring.operations import owners, runs, schedules, tenants
from mainspring.operations.operation import Caller, Request
from tests.fleet import Fleet

SYSTEM = Caller("root@host", "cli")


@task
async def quick(n: int = 0) -> int:
    return n


@task
async def lasting(seconds: float = 30.0) -> str:
    await asyncio.sleep(seconds)
    return "rested"


@task
async def breaks() -> None:
    raise RuntimeError("the database of this site is down")


@task
async def reads(file: File) -> int:
    return len(file.read())


@task(dedupe="import")
async def imports() -> None: ...


TASKS: list[Task[..., Any]] = [quick, lasting, breaks, reads, imports]


R = TypeVar("R", bound=Request)


def made(kind: type[R], **fields: Any) -> R:
    """Return a request."""
    return kind.model_validate(fields)


def person(name: str, role: UserRole = UserRole.OPERATOR, tenant: str = "", **fields: object) -> Caller:
    tenants_of = frozenset({tenant}) if tenant else None
    return Caller(name, "http", User(name, role, tenants_of, **{"kind": "header", **fields}), tenant)  # type: ignore[arg-type]  # a test's own


async def start(app: Mainspring, who: Caller, name: str, **fields: object) -> str:
    request = runs.EnqueueRequest.model_validate({"task": name, **fields})
    return (await runs.enqueue_run(app, request, who)).id


async def state_of(fleet: Fleet, run_id: str) -> tuple[str, str | None]:
    run = await fleet.store.runs.get(run_id, scope=EVERYTHING)
    return str(run.state), run.reason


# -- tenants


@pytest.mark.scenario("S0-17", part="fleet")
async def test_a_suspended_tenant_rests_and_goes_on_beside_others(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    app = node.app
    busy = await app.enqueue(lasting.options(tenant="a"), seconds=10)
    await fleet.advance(1)
    later = await app.enqueue(quick.options(tenant="a", delay="5s"))
    assert (await tenants.suspend_tenant(app, made(tenants.StateRequest, name="a", reason="unpaid"), SYSTEM)).has_changed
    with pytest.raises(TenantClosed, match="'a' is suspended: unpaid"):
        await fleet.app("client", TASKS)[0].enqueue(quick.options(tenant="a"))
    others = await app.enqueue(quick.options(tenant="b"))
    await fleet.advance(400)
    assert await state_of(fleet, busy.id) == ("completed", None)
    assert await state_of(fleet, others.id) == ("completed", None)
    assert await state_of(fleet, later.id) == ("blocked", Reason.TENANT_SUSPENDED)
    told = await app.explain(later.id)
    assert (told.code, told.values["tenant"], told.values["reason"]) == (Why.TENANT_SUSPENDED, "a", "unpaid")
    held = await runs.list_runs(app, made(runs.ListRequest, reason="tenant_suspended"), SYSTEM)
    assert [row.id for row in held.items] == [later.id]
    restored = await tenants.restore_tenant(app, made(tenants.StateRequest, name="a"), SYSTEM)
    assert (restored.has_changed, restored.moved) == (True, 1)
    await fleet.advance(5)
    assert await state_of(fleet, later.id) == ("completed", None)
    assert (await app.enqueue(quick.options(tenant="a"))).is_new


@pytest.mark.scenario("S0-17", part="hard delete")
async def test_a_deleted_tenant_is_taken_away_and_its_bodies_are_told(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    app = node.app
    busy = await app.enqueue(lasting.options(tenant="a"), seconds=1000)
    others = await app.enqueue(lasting.options(tenant="b"), seconds=20)
    await fleet.advance(1)
    waiting = await app.enqueue(quick.options(tenant="a", delay="1h"))
    await app.schedules.create("nightly", "quick", "0 3 * * *", tenant="a")
    gone = await tenants.delete_tenant(app, made(tenants.StateRequest, name="a"), SYSTEM)
    assert (gone.has_changed, gone.moved) == (True, 1)
    await fleet.advance(30)
    assert await fleet.store.runs.page(scope=Scope(frozenset({"a"}))) == []
    assert await fleet.store.runs.get_many([busy.id, waiting.id], scope=EVERYTHING) == {}
    assert await fleet.store.schedules.list(tenant="a") == []
    assert await state_of(fleet, others.id) == ("completed", None)
    shown = await tenants.show_tenant(app, made(tenants.TenantRequest, name="a"), SYSTEM)
    assert (shown.state, shown.is_moving, shown.waiting, shown.running) == (TenantState.DELETED, False, 0, 0)
    assert shown.purged_at is not None
    with pytest.raises(TenantClosed):
        await app.enqueue(quick.options(tenant="a"))


async def test_quotas_refuse_what_is_too_much_and_nobody_else(fleet: Fleet) -> None:
    app = await fleet.client(TASKS)
    await tenants.set_quota(app, made(tenants.QuotaRequest, name="a", waiting=3), SYSTEM)
    for _ in range(3):
        await app.enqueue(quick.options(tenant="a"))
    with pytest.raises(QuotaExceeded, match="'a' may have 3 unfinished runs waiting") as refused:
        await app.enqueue(quick.options(tenant="a"))
    assert (refused.value.code, refused.value.quota) == ("quota-exceeded", "max_waiting")
    with pytest.raises(QuotaExceeded):
        await app.enqueue_many(quick.options(tenant="a"), [{"n": 1}])
    await app.enqueue_many(quick.options(tenant="b"), [{"n": n} for n in range(5)])
    await app.enqueue_many(quick, [{"n": n} for n in range(5)])
    await tenants.set_quota(app, made(tenants.QuotaRequest, name="a", bytes="1k"), SYSTEM)
    await fleet.advance(3)  # what was read of tenants is believed for a moment
    await app.enqueue(quick.options(tenant="a"))
    await app.files.put(b"x" * 2000, name="big", tenant="a")
    with pytest.raises(QuotaExceeded, match="2000 bytes of files"):
        await app.files.put(b"x", name="small", tenant="a")
    await app.files.put(b"x", name="small", tenant="b")


@pytest.mark.scenario("S0-06")
async def test_a_crowd_of_one_tenant_leaves_others_their_share(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    await node.app.enqueue_many(lasting.options(tenant="a"), [{"seconds": 10.0}] * 1000)
    await fleet.advance(2)
    late = await node.app.enqueue(quick.options(tenant="b"))
    await fleet.advance(15)
    assert await state_of(fleet, late.id) == ("completed", None)
    left = await fleet.store.runs.of_task("lasting", scope=EVERYTHING)
    assert left[RunState.PENDING] > 500, "the crowd is far from done"


@pytest.mark.scenario("S0-07")
async def test_what_breaks_for_one_tenant_breaks_for_nobody_else(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    bad = await node.app.enqueue(breaks.options(tenant="a", retry=0))
    good = [await node.app.enqueue(quick.options(tenant=tenant), n=1) for tenant in ("b", "c", None)]
    await fleet.advance(5)
    assert [await state_of(fleet, run.id) for run in good] == [("completed", None)] * 3
    run = await fleet.get(bad)
    assert (run.state, run.tenant) == (RunState.FAILED, "a")
    assert run.error is not None
    assert run.error["message"] == "the database of this site is down"


@pytest.mark.scenario("S0-18", part="store")
async def test_two_quick_clicks_make_one_run_and_both_get_it(fleet: Fleet) -> None:
    app = await fleet.client(TASKS)
    anna = person("anna", tenant="a")
    first, second = await asyncio.gather(start(app, anna, "imports"), start(app, anna, "imports"))
    assert first == second
    assert await start(app, person("bea", tenant="b"), "imports") != first, "a key is its tenant's"


@pytest.mark.scenario("S0-24")
async def test_a_file_of_another_tenant_is_no_parameter(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    app = node.app
    theirs, mine = await app.files.put(b"secret", name="s", tenant="b"), await app.files.put(b"12345", name="m", tenant="a")
    anna = person("anna", tenant="a")
    with pytest.raises(InvalidParams, match="wrong files"):
        await start(app, anna, "reads", params={"file": theirs.as_json()})
    with pytest.raises(UnknownFile):
        await app.files.get(theirs.id, tenant="a")
    run_id = await start(app, anna, "reads", params={"file": mine.as_json()})
    await fleet.advance(5)
    read = await fleet.store.runs.get(run_id, scope=EVERYTHING)
    assert read.result == "5", read.error
    assert await fleet.store.runs.page(task="reads", scope=Scope(frozenset({"b"}))) == []


# -- owners


@pytest.mark.scenario("U14")
async def test_what_somebody_started_goes_on_with_the_rights_that_they_have_now(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    app, anna = node.app, person("anna")
    waiting = await start(app, anna, "quick", delay="20s")
    by_host = await app.enqueue(quick.options(delay="20s"))
    wanted = made(schedules.CreateRequest, name="hourly", task="quick", expression="every 1h")
    await schedules.create_schedule(app, wanted, anna)
    gone = await owners.say_gone(app, made(owners.OwnerRequest, name="anna", reason="left"), SYSTEM)
    assert gone.has_changed
    record = await app.schedules.get("hourly")
    assert (record.is_paused, record.paused_by, record.pause_reason) == (True, STEWARD, Reason.OWNER_GONE)
    await fleet.advance(30)
    assert await state_of(fleet, waiting) == ("blocked", Reason.OWNER_GONE)
    assert await state_of(fleet, by_host.id) == ("completed", None)
    told = await app.explain(waiting)
    assert (told.code, told.values["owner"], told.values["reason"]) == (Why.OWNER_GONE, "anna", "left")
    held = await runs.list_runs(app, made(runs.ListRequest, reason="owner_gone"), SYSTEM)
    assert [row.id for row in held.items] == [waiting]
    listed = (await owners.list_owners(app, made(owners.OwnersRequest), SYSTEM)).items
    assert [(row.name, row.is_gone) for row in listed] == [("anna", True)]

    await start(app, anna, "imports")  # she comes again
    await fleet.advance(10)
    assert await state_of(fleet, waiting) == ("completed", None)
    assert not (await app.schedules.get("hourly")).is_paused


@pytest.mark.scenario("U14", part="fewer rights")
async def test_a_claim_of_what_its_owner_may_start_no_more_is_given_back(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS)
    app = node.app
    mine, bobs = await start(app, person("anna"), "quick"), await start(app, person("bob"), "quick")
    await fleet.store.owners.know(User("anna", UserRole.VIEWER, kind="header"))  # another house says that she may only look now
    steward = node.runner.steward
    await steward.board.read()
    refused = await fleet.store.owners.lost()
    assert list(refused) == ["anna"]
    await node.tick("worker")
    await fleet.advance(1)
    await node.tick("worker")
    assert (await state_of(fleet, mine))[0] in ("blocked", "running")
    await fleet.advance(5)
    assert await state_of(fleet, mine) == ("blocked", Reason.OWNER_GONE)
    assert (await state_of(fleet, bobs))[0] == "completed"


@pytest.mark.scenario("U14", part="removed")
async def test_who_is_removed_or_may_do_less_here_is_noticed_without_a_word(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS, drives=True)
    users = fleet.store.users
    ids: dict[str, str] = {}
    for name in ("anna", "bob", "carl"):
        await users.add(name, Rights(UserRole.OPERATOR), password=None, actor=None)
        ids[name] = await start(node.app, person(name, kind="local"), "quick", delay="90s")
    await users.remove("anna")
    await users.set_rights("bob", Rights(UserRole.VIEWER), actor=None)
    await fleet.advance(100)
    assert [await state_of(fleet, ids[name]) for name in ids] == [
        ("blocked", Reason.OWNER_GONE), ("blocked", Reason.OWNER_GONE), ("completed", None),
    ]  # fmt: skip
    await users.set_rights("bob", Rights(UserRole.ADMIN), actor=None)
    await fleet.advance(60)
    assert [await state_of(fleet, ids[name]) for name in ids] == [
        ("blocked", Reason.OWNER_GONE), ("completed", None), ("completed", None),
    ]  # fmt: skip


async def test_what_was_held_by_a_look_that_came_too_late_is_let_go(fleet: Fleet) -> None:
    node = await fleet.node("one", TASKS)
    mine, hers = await start(node.app, person("anna"), "quick"), await node.app.enqueue(quick.options(tenant="a"))
    await fleet.store.owners.hold([mine])
    await fleet.store.tenants.put_state("a", TenantState.SUSPENDED)
    await fleet.store.tenants.hold("a")
    await fleet.store.tenants.put_state("a", TenantState.ACTIVE)
    assert await state_of(fleet, mine) == ("blocked", Reason.OWNER_GONE)
    await fleet.store.tenants.moved("a", TenantState.ACTIVE)
    await node.tick("steward")
    assert await state_of(fleet, mine) == ("pending", None)
    assert await state_of(fleet, hers.id) == ("pending", None)
