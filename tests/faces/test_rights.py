"""What somebody may do and see: roles, rules of tasks, tenants, tokens, doors; asked of the operations, which all faces stand on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import psycopg
import pytest

from mainspring import Context, Mainspring, Task, log, task
from mainspring.core.access import EVERYTHING, TaskAccess, User, UserRole, Verb, parse_access
from mainspring.core.errors import ConfigurationError, Forbidden, MainspringError, StoreError, UnknownRun, UnknownSchedule, UnknownTask
from mainspring.operations import explain, limits, queues, retention, retry, runs, schedules, services, tasks
from mainspring.operations.audit import AuditRequest, list_audit
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller, Request, settled
from mainspring.operations.permit import seen
from mainspring.operations.runs import CancelRequest, EnqueueRequest, ListRequest, RetryRequest, RunRequest
from mainspring.operations.tasks import TaskRequest, TasksRequest
from tests import postgres
from tests.store.harness import new_postgres


@task
async def plain(n: int = 1) -> int:
    return n


@task(access={"start": "viewer", "cancel": ["owner", "operator"]})
async def open_to_all() -> None: ...


@task(access={"view": ["finance", "owner"], "start": ["finance"], "payload": "finance"})
async def payroll(ctx: Context) -> str:
    return f"secret of {ctx.tenant}"


@task
async def tells(ctx: Context) -> dict[str, str | None]:
    ctx.log("for the context")
    log("for whoever runs")
    before = ctx.tenant
    ctx.tenant = "b"  # a body may confuse itself, and nobody else
    child = await plain.enqueue(2)
    return {"tenant": before, "user": ctx.user, "locale": ctx.locale, "child": child.id}


@task(access={"view": "finance"})
async def ledger() -> None: ...


@task(admin_only=True)
async def wipe() -> None: ...


@task(no_web=True)
async def by_hand() -> None: ...


@task(no_cli=True)
async def by_web() -> None: ...


TASKS: list[Task[..., Any]] = [plain, open_to_all, payroll, tells, ledger, wipe, by_hand, by_web]
Play = Callable[[Callable[[Mainspring], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=["file", "postgres"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Play]:
    """Play a scene with an app of its own, on both databases."""
    url = f"sqlite:///{tmp_path / 'm.db'}" if request.param == "file" else new_postgres()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Mainspring]:
        async with Mainspring(url, tasks=TASKS) as app:
            yield app

    def run(scene: Callable[[Mainspring], Coroutine[Any, Any, None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60), opened() as app:
                await scene(app)

        asyncio.run(bounded())

    yield run
    if request.param == "postgres":
        postgres.drop_database(url)


R = TypeVar("R", bound=Request)


def made(kind: type[R], **fields: Any) -> R:
    """Return a request."""
    return kind.model_validate(fields)


def caller(name: str, role: UserRole = UserRole.OPERATOR, *, source: str = "http", tenant: str = "", **fields: Any) -> Caller:
    """Return somebody; with ``tenant`` they belong to it alone."""
    if tenant and "tenants" not in fields:
        fields["tenants"] = frozenset({tenant})
    locale = fields.pop("locale", None)
    return Caller(name, source, User(name, role, **fields), tenant, request_id="r1", address="192.0.2.7", locale=locale)


async def enqueue(app: Mainspring, who: Caller, name: str = "plain", **fields: Any) -> str:
    return (await runs.enqueue_run(app, made(EnqueueRequest, task=name, **fields), who)).id


async def trail(app: Mainspring, **fields: Any) -> list[dict[str, Any]]:
    return await (await app.store()).audit.page(scope=EVERYTHING, **fields)


async def stored(app: Mainspring) -> int:
    return len(await (await app.store()).runs.page(scope=EVERYTHING))


ROOT = caller("root", UserRole.ADMIN)


@pytest.mark.scenario("S0-01")
def test_who_belongs_to_one_tenant_submits_to_no_other(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        admin = caller("adam", UserRole.ADMIN, tenant="a")
        for _ in range(3):
            with pytest.raises(Forbidden, match="belongs to other tenants than 'b'"):
                await enqueue(app, admin, tenant="b")
        with pytest.raises(Forbidden):
            wanted = made(schedules.CreateRequest, name="n", task="plain", expression="@daily", tenant="b")
            await schedules.create_schedule(app, wanted, admin)
        assert await stored(app) == 0
        refused = [row for row in await trail(app) if row["verb"] == "runs.enqueue"]
        (row,) = refused  # once, however often it is tried
        assert (row["object"], row["actor"], row["source"], row["address"], row["request_id"], row["tenant"]) == (
            "tenant:b", "adam", "http", "192.0.2.7", "r1", "a",
        )  # fmt: skip
        assert row["data"] == {"refused": "forbidden", "needs": "runs.start"}
        run = await app.read_run(await enqueue(app, admin))
        assert (run.tenant, run.actor) == ("a", "adam")
        assert (await app.read_run(await enqueue(app, admin, tenant="a"))).tenant == "a"
        assert (await app.read_run(await enqueue(app, ROOT, tenant="b"))).tenant == "b"

    play(scene)


@pytest.mark.scenario("S0-03")
def test_a_tasks_own_rules_allow_more_or_less_than_the_role(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        viewer, operator = caller("vera", UserRole.VIEWER), caller("otto")
        clerk = caller("clara", UserRole.VIEWER, teams=frozenset({"finance"}))
        with pytest.raises(Forbidden, match=r"may not runs.start with the task 'plain'"):
            await enqueue(app, viewer, "plain")
        mine = await enqueue(app, viewer, "open_to_all")
        others = await enqueue(app, operator, "open_to_all")
        with pytest.raises(Forbidden, match=r"may not runs.cancel"):
            await runs.cancel_run(app, made(CancelRequest, id=others), viewer)
        assert (await runs.cancel_run(app, made(CancelRequest, id=mine), viewer)).answer == "cancelled"  # the owner may
        assert (await runs.cancel_run(app, made(CancelRequest, id=others), operator)).answer == "cancelled"
        paid = await enqueue(app, clerk, "payroll")
        with pytest.raises(Forbidden):
            await enqueue(app, operator, "payroll")
        for hidden in ("ledger", "wipe"):
            with pytest.raises(UnknownTask, match=f"no task named '{hidden}'$"):
                await enqueue(app, operator, hidden)
        with pytest.raises(UnknownRun):
            await runs.show_run(app, made(RunRequest, id=paid), operator)
        await enqueue(app, ROOT, "wipe")
        await enqueue(app, clerk, "open_to_all")
        for who in (viewer, operator):
            rows = [(row["verb"], row["object"]) for row in await trail(app, actor=who.actor) if (row["data"] or {}).get("refused")]
            assert rows, who
        assert ("runs.cancel", f"task:{open_to_all.name}") in [(row["verb"], row["object"]) for row in await trail(app, actor="vera")]

    play(scene)


def test_a_definition_that_names_no_verb_or_nobody_is_a_bad_one() -> None:
    for wrong, what in (
        ({"fly": "admin"}, "no verb"),
        ({"start": []}, "at least one"),
        ({"start": [1]}, "names of"),
        ("admin", "write it"),
    ):
        with pytest.raises(ConfigurationError, match=what):
            parse_access(wrong)  # type: ignore[arg-type]  # what no type checker has seen
    assert parse_access(None) is None
    assert parse_access(None, is_admin_only=True) == TaskAccess({}, True)

    @task(access={"fly": "admin"})
    def bad() -> None: ...

    assert "no verb" in str(bad.problems())


@pytest.mark.scenario("E7")
@pytest.mark.scenario("S0-16")
def test_nothing_of_a_run_outside_of_ones_scope_can_be_asked_for(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        theirs = await enqueue(app, caller("bea", tenant="b"))
        await app.see_through(theirs)
        handle = await app.enqueue(plain)
        never = handle.id[:-12] + "0" * 12
        eve = caller("eve", UserRole.ADMIN, tenant="a")

        async def answer(ask: Callable[[str], Coroutine[Any, Any, Any]], run_id: str) -> tuple[str, str]:
            try:
                return "", str(await ask(run_id))
            except MainspringError as error:
                return error.code, str(error).replace(run_id, "ID")

        asks: list[Callable[[str], Coroutine[Any, Any, Any]]] = [
            lambda run_id: runs.show_run(app, made(RunRequest, id=run_id), eve),
            lambda run_id: runs.list_attempts(app, made(RunRequest, id=run_id), eve),
            lambda run_id: runs.list_events(app, made(runs.PageRequest, id=run_id), eve),
            lambda run_id: runs.list_logs(app, made(runs.PageRequest, id=run_id), eve),
            lambda run_id: runs.list_artifacts(app, made(RunRequest, id=run_id), eve),
            lambda run_id: runs.cancel_run(app, made(CancelRequest, id=run_id), eve),
            lambda run_id: runs.retry_run(app, made(RetryRequest, id=run_id), eve),
            lambda run_id: runs.list_runs(app, made(ListRequest, before=run_id), eve),
            lambda run_id: explain.explain_run(app, made(RunRequest, id=run_id), eve),
            lambda run_id: retention.pin_run(app, made(retention.PinRequest, id=run_id), eve),
            lambda run_id: retention.unpin_run(app, made(retention.PinRequest, id=run_id), eve),
            lambda run_id: retention.delete_run(app, made(retention.PinRequest, id=run_id), eve),
            lambda run_id: seen(app, eve, run_id),
        ]
        for ask in asks:
            for run_id in (theirs, handle.id):
                told = await answer(ask, run_id)
                assert told == await answer(ask, never)
                assert told[0] == "unknown-run"
            assert (await answer(ask, theirs[-9:]))[0] == "unknown-run"
        assert (await app.read_run(theirs)).result == "1"  # nothing was touched
        assert await trail(app, actor="eve") == []  # for them there is nothing there, so nothing was refused

    play(scene)


def test_lists_show_what_is_ones_own(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        clerk = caller("clara", UserRole.ADMIN, tenant="a", teams=frozenset({"finance"}))
        otto, own = caller("otto", tenant="a"), caller("olga", tenant="a", sees_own_only=True)
        ids = {who.actor: await enqueue(app, who) for who in (otto, own, caller("bea", tenant="b"), ROOT)}
        paid = await enqueue(app, clerk, "payroll")

        async def listed(who: Caller, **fields: Any) -> set[str]:
            page = await runs.list_runs(app, made(ListRequest, total=True, **fields), who)
            assert page.total == len(page.items)
            assert (await runs.count_runs(app, made(runs.FilterRequest, **fields), who)).total == page.total
            return {row.id for row in page.items}

        assert await listed(clerk) == {ids["otto"], ids["olga"], paid}
        assert await listed(otto) == {ids["otto"], ids["olga"]}  # no payroll: its rule says who may view it
        assert await listed(own) == {ids["olga"]}
        assert await listed(own, task="payroll") == set()
        assert await listed(ROOT) == {*ids.values(), paid}
        found = {each.name for each in (await tasks.list_tasks(app, made(TasksRequest), otto)).items}
        assert found == {"plain", "open_to_all", "payroll", "tells", "by_web"}
        for name in ("ledger", "ledge"):  # and no word of what may have been meant
            with pytest.raises(UnknownTask, match=f"there is no task named '{name}'$"):
                await tasks.show_task(app, made(TaskRequest, name=name), otto)
        assert [row.total for row in [await runs.count_runs(app, made(runs.FilterRequest), otto)]] == [2]
        many = await retry.retry_many(app, made(retry.RetryManyRequest, state=["cancelled"], dry_run=True), clerk)
        assert many.runs == []
        waits = (await queues.list_queues(app, made(queues.QueuesRequest), own)).items
        assert [(each.name, each.ready) for each in waits] == [("default", 1)]

    play(scene)


def test_payloads_are_for_those_who_may_see_them(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        owner = caller("olga", UserRole.ADMIN)
        run_id = await enqueue(app, owner, "payroll")
        await app.see_through(run_id)
        shown = await runs.show_run(app, made(RunRequest, id=run_id), owner)
        assert (shown.result, shown.is_redacted) == ("secret of ", False)
        reader = caller("olga", UserRole.VIEWER)  # it is hers, so she sees that it is there; what is in it is the finance team's
        shown = await runs.show_run(app, made(RunRequest, id=run_id), reader)
        assert (shown.result, shown.params, shown.is_redacted) == (None, None, True)
        with pytest.raises(Forbidden):
            await runs.list_artifacts(app, made(RunRequest, id=run_id), reader)

    play(scene)


def test_what_concerns_everybody_is_the_hosts(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        admin = caller("adam", UserRole.ADMIN, tenant="a")
        asks: list[Callable[[Caller], Coroutine[Any, Any, Any]]] = [
            lambda who: queues.pause_queue(app, made(queues.QueuePause, name="default"), who),
            lambda who: tasks.disable_task(app, made(tasks.SwitchRequest, name="plain"), who),
            lambda who: limits.list_limits(app, made(limits.LimitsRequest), who),
            lambda who: limits.set_limit(app, made(limits.SetRequest, key="queue:default", concurrency=1), who),
            lambda who: services.list_services(app, made(services.ServicesRequest), who),
        ]
        for ask in asks:
            with pytest.raises(Forbidden):
                await ask(admin)
        assert not (await app.switches()).is_off(plain.spec)
        assert await (await app.store()).queues.list() == []
        for ask in asks:
            await ask(ROOT)

    play(scene)


def test_schedules_of_others_are_not_there(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        ann, bea = caller("ann", tenant="a"), caller("bea", tenant="b")
        wanted = made(schedules.CreateRequest, name="nightly", task="plain", expression="0 3 * * *")
        await schedules.create_schedule(app, wanted, ann)
        record = await app.schedules.get("nightly", tenant="a")
        assert (record.owner, record.created_by) == ("ann", "ann")
        with pytest.raises(UnknownSchedule, match="there is no schedule named 'nightly'$"):
            await schedules.show_schedule(app, made(schedules.ShowRequest, name="nightly"), bea)
        with pytest.raises((UnknownSchedule, Forbidden)):
            await schedules.pause_schedule(app, made(schedules.PauseRequest, name="nightly", tenant="a"), bea)
        assert not (await app.schedules.get("nightly", tenant="a")).is_paused
        assert [row.name for row in (await schedules.list_schedules(app, made(schedules.ListRequest), ann)).items] == ["nightly"]
        assert (await schedules.list_schedules(app, made(schedules.ListRequest), bea)).items == []
        with pytest.raises(Forbidden):  # who may not start a task has no schedule start it
            await schedules.create_schedule(app, wanted.model_copy(update={"name": "paid", "task": "payroll"}), ann)
        started = await schedules.run_schedule(app, made(schedules.RunNowRequest, name="nightly"), ann)
        assert (await app.read_run(started.id)).tenant == "a"

    play(scene)


@pytest.mark.scenario("U2")
def test_a_task_is_kept_off_the_doors_that_it_names_whoever_comes(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        for source, kept_off, there in (("web", "by_hand", "by_web"), ("http", "by_hand", "by_web"), ("cli", "by_web", "by_hand")):
            root = caller("root", UserRole.ADMIN, source=source)
            for who in (root, Caller("someone", source)):  # the command line is the system itself, and the door is shut all the same
                assert kept_off not in {each.name for each in (await tasks.list_tasks(app, made(TasksRequest), who)).items}
                with pytest.raises(Forbidden, match="is kept off"):
                    await tasks.show_task(app, made(TaskRequest, name=kept_off), who)
                with pytest.raises(Forbidden, match="is kept off"):
                    await enqueue(app, who, kept_off)
                assert await enqueue(app, who, there)
        for role in (UserRole.VIEWER, UserRole.OPERATOR):
            with pytest.raises((Forbidden, UnknownTask)):
                await enqueue(app, caller("otto", role), "wipe")
        assert await enqueue(app, ROOT, "wipe")

    play(scene)


def test_a_token_is_for_its_tasks_and_verbs(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        token = caller("ci", UserRole.ADMIN, tasks=("open_*",), verbs=frozenset({Verb.VIEW, Verb.START}), kind="token")
        run_id = await enqueue(app, token, "open_to_all")
        with pytest.raises(UnknownTask):
            await enqueue(app, token, "plain")
        with pytest.raises(Forbidden):
            await runs.cancel_run(app, made(CancelRequest, id=run_id), token)
        other = await enqueue(app, ROOT)
        assert [row.id for row in (await runs.list_runs(app, made(ListRequest), token)).items] == [run_id]
        with pytest.raises(UnknownRun):
            await runs.show_run(app, made(RunRequest, id=other), token)
        assert "plain" in (await settled(app, token)).scope.hidden

    play(scene)


def test_the_host_application_has_the_last_word(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        asked: list[tuple[str, str, str]] = []

        def authorize(user: User, verb: Verb, object_: str) -> bool:
            asked.append((user.name, str(verb), object_))
            return object_ != "task:plain"

        async def authorize_slowly(user: User, verb: Verb, object_: str) -> bool:
            return authorize(user, verb, object_)

        for ask in (authorize, authorize_slowly):
            root = Caller("root", "http", User("root", UserRole.ADMIN), authorize=ask)
            with pytest.raises(Forbidden, match="does not let"):
                await enqueue(app, root, "plain")
            await enqueue(app, root, "open_to_all")
        assert ("root", "runs.start", "task:plain") in asked
        assert await stored(app) == 2

    play(scene)


@pytest.mark.scenario("S0-08")
@pytest.mark.scenario("S0-09")
def test_a_body_knows_who_it_works_for_and_cannot_misdirect_the_engine(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        anna = caller("anna", tenant="a", locale="de")
        run = await app.see_through(await enqueue(app, anna, "tells"))
        told = json.loads(run.result or "null")
        assert told is not None, run.error
        assert (told["tenant"], told["user"], told["locale"]) == ("a", "anna", "de")
        assert run.tenant == "a"
        child = await app.read_run(told["child"])  # what the engine knows counts, not what the body has changed
        assert (child.tenant, child.actor) == ("a", f"run:{run.id}")
        log_of = (await runs.list_logs(app, made(runs.PageRequest, id=run.id), anna)).items
        assert [event.data["message"] for event in log_of] == ["for the context", "for whoever runs"]
        with pytest.raises(UnknownRun):
            await runs.list_logs(app, made(runs.PageRequest, id=run.id), caller("bea", tenant="b"))

    play(scene)


# -- the trail


@pytest.mark.scenario("B-21")
def test_a_row_of_the_trail_says_who_when_from_where_and_why(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        ann = caller("ann", UserRole.ADMIN, tenant="a")
        run_id = await enqueue(app, ann)
        await runs.cancel_run(app, made(CancelRequest, id=run_id[-9:], reason="a mistake"), ann)
        cancelled, enqueued = await trail(app)
        assert {name: cancelled[name] for name in ("verb", "object", "actor", "source", "reason", "tenant", "address", "request_id")} == {
            "verb": "runs.cancel", "object": f"run:{run_id}", "actor": "ann", "source": "http", "reason": "a mistake", "tenant": "a",
            "address": "192.0.2.7", "request_id": "r1",
        }  # fmt: skip
        assert (enqueued["verb"], enqueued["object"]) == ("runs.enqueue", f"run:{run_id}")
        assert enqueued["at"] <= cancelled["at"]
        again = await runs.enqueue_run(app, made(EnqueueRequest, task="plain", key="k"), ann)
        same = await runs.enqueue_run(app, made(EnqueueRequest, task="plain", key="k"), ann)
        assert same.id == again.id
        assert [row["object"] for row in await trail(app, verb="runs.enqueue", n=2)] == [f"run:{again.id}"] * 2  # of the run that won
        for who, n in ((ann, 4), (caller("bea", UserRole.ADMIN, tenant="b"), 0), (ROOT, 4)):
            assert len((await list_audit(app, made(AuditRequest), who)).items) == n

    play(scene)


def _changes(run_id: str) -> dict[str, Callable[[Mainspring], Coroutine[Any, Any, Any]]]:
    """Return a change of each kind of store, by what it is called."""
    return {
        "enqueue": lambda app: enqueue(app, ROOT),
        "enqueue with a key": lambda app: enqueue(app, ROOT, key="k"),
        "enqueue once": lambda app: enqueue(app, ROOT, key="k", dedupe="once"),
        "cancel": lambda app: runs.cancel_run(app, made(CancelRequest, id=run_id), ROOT),
        "pin": lambda app: retention.pin_run(app, made(retention.PinRequest, id=run_id), ROOT),
        "pause a queue": lambda app: queues.pause_queue(app, made(queues.QueuePause, name="q"), ROOT),
        "set a limit": lambda app: limits.set_limit(app, made(limits.SetRequest, key="queue:q", concurrency=2), ROOT),
        "disable a task": lambda app: tasks.disable_task(app, made(tasks.SwitchRequest, name="plain"), ROOT),
        "create a schedule": lambda app: schedules.create_schedule(
            app, made(schedules.CreateRequest, name="n", task="plain", expression="0 3 * * *"), ROOT
        ),
    }


@pytest.mark.scenario("B-21", part="in the transaction")
@pytest.mark.parametrize("name", _changes(""))
def test_a_change_whose_row_cannot_be_written_is_not_made(play: Play, name: str) -> None:
    async def scene(app: Mainspring) -> None:
        run_id = await enqueue(app, ROOT)
        before = await _contents(app)
        broken = {"verb": None, "object": "x", "actor": None, "source": "x", "reason": None, "data": None, "tenant": "", "address": None}

        def describe(self: Any) -> dict[str, Any]:
            return {**broken, "request_id": None}

        with patch("mainspring.store.audit.Entry.values", describe), pytest.raises((StoreError, psycopg.Error)):
            await _changes(run_id)[name](app)
        assert await _contents(app) == before
        await _changes(run_id)[name](app)  # and with a row it is
        assert await _contents(app) != before
        assert len(await trail(app)) == 2

    play(scene)


@pytest.mark.scenario("B-21", part="no row without a change")
def test_a_change_that_fails_leaves_no_row(play: Play) -> None:
    async def scene(app: Mainspring) -> None:
        store = await app.store()
        write = store.database.write

        async def fail(query: str, /, **values: Any) -> Any:
            if query == "queues_pause":
                values["name"] = None  # which the table refuses
            return await write(query, **values)

        with patch.object(store.database, "write", fail), pytest.raises((StoreError, psycopg.Error)):
            await queues.pause_queue(app, made(queues.QueuePause, name="q"), ROOT)
        assert await trail(app) == []

    play(scene)


async def _contents(app: Mainspring) -> dict[str, list[str]]:
    """Return everything that the store holds but what nodes and definitions write by themselves."""
    store = await app.store()
    if store.database.dialect == "sqlite":
        listed = "select replace(name, 'mainspring_', '') as name from sqlite_schema where type = 'table' and name like 'mainspring%'"
    else:
        listed = "select c.relname as name from pg_class c where relnamespace = 'mainspring'::regnamespace and relkind in ('r', 'p')"
    names = {str(row["name"]) for row in await store.database.execute(listed)}
    by_themselves, parts = ("nodes", "definitions", "notices", "owners"), ("history_", "events_", "attempts_")
    kept = sorted(name for name in names if name not in by_themselves and not name.startswith(parts))
    return {name: sorted(map(repr, await store.database.execute(f"select * from mainspring.{name}"))) for name in kept}


def test_every_verb_says_what_it_needs() -> None:
    for name, operation in CATALOG.items():
        assert operation.needs in Verb
        if operation.changes is not None and operation.noun not in ("favourites", "sessions", "tokens", "users", "views"):
            assert operation.needs is not Verb.VIEW, f"{name} changes something, and everybody who looks may do it"
