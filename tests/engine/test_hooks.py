"""What a definition does beside its body: validate, on_error, upgrade, empty bodies, and the kind of error that every failure carries."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from mainspring import Context, Depends, Fail, Mainspring, Retry, Skip, command, task
from mainspring.core.access import EVERYTHING
from mainspring.core.command import Command
from mainspring.core.errors import ConfigurationError, DefinitionError, InvalidParams
from mainspring.core.run import ErrorKind, NewRun, Run
from mainspring.core.task import Task
from mainspring.testing import Kit
from tests.engine.hooked import TWICE, broken, calls, note, seen, transfer
from tests.fleet import Fleet


@pytest.fixture(autouse=True)
def _fresh() -> None:
    seen.clear()
    broken.clear()


def add(ms: Kit, definition: Task[..., Any], params: str, **fields: Any) -> str:
    """Add a run as somebody does who has the database and not the code."""
    run = replace(ms.app._enqueuer.prepare(definition.options(), (), {}, params=params)[0], **fields)

    async def write(new: NewRun) -> str:
        return (await (await ms.app.store()).runs.add(new)).id

    return ms.do(write(run))


class TestValidate:
    @pytest.mark.scenario("D4", part="validate on the node")
    def test_runs_of_strangers_are_checked_before_the_body(self, ms: Kit) -> None:
        run = ms.until(add(ms, transfer, '{"account":"a","amount":500}'))
        assert (run.state, run.reason, run.retries) == ("failed", "invalid", 0)
        assert run.error is not None
        assert run.error["kind"] == "validation"
        assert run.error["message"] == "transfer refuses these parameters\n  *: 500 is more than there is"
        assert ms.attempts(run.id) == []
        assert (calls("body"), calls("rollback"), calls("on_error")) == ([], [], [])

    def test_parameters_are_checked_once(self, ms: Kit) -> None:
        ms.run(transfer, account="a", amount=5)
        assert calls("validate") == [5]
        ms.until(add(ms, transfer, '{"account":"a","amount":6}'))
        assert calls("validate") == [5, 6]

    def test_parameters_that_no_longer_fit_are_no_attempt(self, ms: Kit) -> None:
        run = ms.until(add(ms, transfer, '{"account":"a"}'))
        assert (run.state, run.reason, ms.attempts(run.id)) == ("failed", "invalid", [])
        assert calls("validate") == []

    @pytest.mark.scenario("K4", part="validate")
    def test_every_door_asks(self, ms: Kit) -> None:
        wrong = {"account": "a", "amount": 101}

        async def by_all() -> list[str]:
            told = []
            for door in (
                ms.app.enqueue(transfer, **wrong),  # type: ignore[arg-type]
                ms.app.enqueue_many(transfer, [{"account": "a", "amount": 1}, wrong]),
                ms.app.enqueue_json(transfer, json.dumps(wrong)),
                ms.app.run(transfer, **wrong),  # type: ignore[arg-type]
            ):
                try:
                    await door
                except InvalidParams as error:
                    told.append(str(error.problems[0]))
            return told

        assert ms.do(by_all()) == ["*: 101 is more than there is"] * 4
        assert ms.runs() == []

    def test_from_a_body(self, ms: Kit) -> None:
        @task(retry=0)
        async def asks() -> str:
            try:
                await transfer.enqueue(account="a", amount=101)
            except InvalidParams as error:
                return str(error.problems[0])
            return "accepted"

        assert ms.run(asks) == "*: 101 is more than there is"

    def test_blocking(self) -> None:
        with pytest.raises(InvalidParams, match="101 is more"):
            Mainspring("sqlite://", tasks=[transfer]).blocking.enqueue(transfer, account="a", amount=101)

    def test_awaited_on_the_callers_loop_with_context_and_dependencies(self, ms: Kit) -> None:
        @task(validate=lambda: None)
        async def target(n: int) -> None:
            note("body")

        loops: list[object] = []

        async def check(ctx: Context, n: int, limit: int = Depends(lambda: 3)) -> None:
            loops.append((asyncio.get_running_loop(), ctx.task, ctx.attempt))
            if n > limit:
                raise ValueError("too many")

        checked = task(validate=check, name="checked")(target.fn)
        ms.run(checked, n=3)
        assert loops == [(ms.loop, "checked", 0)]
        with pytest.raises(InvalidParams, match="too many"):
            ms.enqueue(checked, n=4)

    def test_returning_something_is_a_mistake_that_is_told(self, ms: Kit) -> None:
        @task(validate=lambda n: n < 3)
        def returns(n: int) -> None:
            note("body")

        with pytest.raises(ConfigurationError, match="raising ValueError, and returns nothing"):
            ms.enqueue(returns, n=1)

    def test_a_check_that_breaks_is_an_attempt_like_any_other(self, ms: Kit) -> None:
        broken["validate"] = ConnectionError("no database")
        with pytest.raises(ConnectionError):
            ms.enqueue(transfer, account="a", amount=1)
        run = add(ms, transfer, '{"account":"a","amount":1}')
        ms.drain()
        assert [(each.outcome, each.error and each.error["type"]) for each in ms.attempts(run)] == [("failed", "ConnectionError")]
        broken.clear()
        assert ms.until(run).state == "completed"

    def test_wrong_signatures_are_told_at_start(self) -> None:
        @task(validate=lambda amount: None, rollback=lambda ctx, nothing: None)
        def wrong(n: int) -> None: ...

        with pytest.raises(DefinitionError) as caught:
            _ = wrong.params
        assert "validate: amount" in str(caught.value)
        assert "rollback: ctx" in str(caught.value)


class TestOnError:
    @pytest.mark.scenario("K4", part="on_error")
    def test_hears_of_each_failed_attempt_and_whether_it_is_retried(self, ms: Kit) -> None:
        broken["body"] = OSError("no line")
        run = ms.enqueue(transfer, account="a", amount=1)
        ms.until(run)
        params = {"account": "a", "amount": 1}
        assert calls("on_error") == [(params, 1, "no line", True), (params, 2, "no line", False)]

    def test_its_own_failure_is_logged_and_changes_nothing(self, ms: Kit) -> None:
        broken.update(body=OSError("no line"), on_error=KeyError("no mail"))
        run = ms.enqueue(transfer.options(retry=0), account="a", amount=1)
        ended = ms.until(run)
        assert ended.error is not None
        assert (ended.state, ended.reason, ended.error["type"]) == ("failed", None, "OSError")
        assert "on_error failed: KeyError: 'no mail'" in ms.logs(run)
        assert len(calls("on_error")) == 1

    def test_hears_of_timeouts_but_not_of_verbs_that_are_no_failure(self, ms: Kit) -> None:
        def hear(ctx: Context) -> None:
            note("on_error", ctx.error and ctx.error["kind"])

        @task(on_error=hear, retry=0, timeout="5s")
        async def sleeps() -> None:
            await asyncio.sleep(60)

        @task(on_error=hear)
        async def skips() -> None:
            raise Skip("nothing")

        ms.until(ms.enqueue(sleeps))
        ms.until(ms.enqueue(skips))
        assert calls("on_error") == ["timeout"]

    def test_an_endless_one_is_stopped(self, ms: Kit) -> None:
        async def hear() -> None:
            await asyncio.sleep(3600)

        @task(on_error=hear, retry=0)
        async def fails() -> None:
            raise Fail("no")

        began = ms.clock.monotonic()
        assert ms.until(ms.enqueue(fails)).state == "failed"
        assert ms.clock.monotonic() - began < 30


class TestVersions:
    @pytest.mark.scenario("S0-22")
    @pytest.mark.scenario("K4", part="params_version, upgrade")
    def test_older_parameters_are_upgraded_or_refused_with_both_versions(self, ms: Kit) -> None:
        def upgrade(params: dict[str, Any], version: int) -> dict[str, Any]:
            note("upgrade", version)
            return {"name": f"{params['first']} {params['last']}"} if version < 2 else params

        @task(params_version=2, upgrade=upgrade, validate=lambda name: note("validate", name))
        async def greet(name: str) -> str:
            return f"hello {name}"

        @task(params_version=2)
        async def forgetful(name: str) -> str:
            return name

        old = ms.until(add(ms, greet, '{"first":"Ada","last":"Lovelace"}', params_version=1))
        assert (old.result, calls("upgrade"), calls("validate")) == ('"hello Ada Lovelace"', [1], ["Ada Lovelace"])
        assert ms.until(add(ms, forgetful, '{"name":"fits"}', params_version=1)).result == '"fits"'
        refused = ms.until(add(ms, forgetful, '{"first":"Ada"}', params_version=1))
        assert (refused.state, refused.reason, ms.attempts(refused.id)) == ("failed", "invalid", [])
        assert refused.error is not None
        assert refused.error["message"].startswith("the parameters are of version 1, the code has version 2 and it declares no upgrade=")

    @pytest.mark.parametrize("made", [None, {"nobody": "knows"}, KeyError("first")])
    def test_an_upgrade_that_does_not_help_is_told_with_both_versions(self, ms: Kit, made: object) -> None:
        async def upgrade(params: dict[str, Any], version: int) -> object:
            if isinstance(made, Exception):
                raise made
            return made

        @task(params_version=3, upgrade=upgrade)
        async def greet(name: str) -> str:
            return name

        run = ms.until(add(ms, greet, "{}", params_version=1))
        assert (run.state, run.reason) == ("failed", "invalid")
        assert run.error is not None
        assert "version 1" in run.error["message"]
        assert "version 3" in run.error["message"]

    def test_a_retry_upgrades_too(self, ms: Kit) -> None:
        @task(params_version=2, upgrade=lambda params, version: {"name": params["first"]}, retry=0)
        async def greet(name: str) -> str:
            return name

        first = add(ms, greet, '{"first":"Ada"}', params_version=1)
        ms.until(first)
        assert ms.until(ms.retry(first)).result == '"Ada"'

    @pytest.mark.scenario("S0-22", part="newer than the code")
    async def test_newer_parameters_wait_for_newer_code(self, fleet: Fleet) -> None:
        @task
        async def greet(name: str) -> str:
            return name

        newer = task(params_version=2, name="greet")(greet.fn)
        old = await fleet.node("old", [greet])
        store = await old.app.store()
        new_run = replace(old.app._enqueuer.prepare(greet.options(), (), {}, params='{"name":"x"}')[0], params_version=2)
        await store.runs.add(new_run)
        await old.tick("worker", "worker")
        await old.worker.recorder.flushed()
        waiting = await store.runs.get(new_run.id, scope=EVERYTHING)
        assert (waiting.state, waiting.reason, waiting.retries) == ("pending", "newer_params", 0)
        new = await fleet.node("new", [newer])
        await asyncio.sleep(20)
        await new.tick("heartbeat", "promoter", "worker", "worker")
        await fleet.loop.settle()
        await new.worker.recorder.flushed()
        assert (await store.runs.get(new_run.id, scope=EVERYTHING)).result == '"x"'


class TestEmptyBodies:
    @pytest.mark.scenario("S3-06")
    @pytest.mark.parametrize("is_async", [True, False])
    def test_completes_and_says_that_there_was_no_work(self, ms: Kit, is_async: bool) -> None:
        @task
        async def later() -> None:
            """Do something, one day."""

        @task
        def never(n: int = 1) -> None: ...

        run = ms.enqueue(later if is_async else never)
        assert ms.until(run).state == "completed"
        assert ms.logs(run) == [f"no work: the body of {'later' if is_async else 'never'} is empty"]

    def test_whoever_does_the_least_thing_is_not_empty(self, ms: Kit) -> None:
        @task
        async def least(n: int) -> None:
            del n

        @task
        def returns() -> int:
            return 0

        for run in (ms.enqueue(least, n=1), ms.enqueue(returns)):
            ms.until(run)
            assert ms.logs(run) == []


def fails_to_open() -> str:
    raise OSError("nobody there")


def fails_to_build() -> Command:
    raise Fail("no")


class TestKinds:
    """Every failure's stored error carries one of the closed list of kinds."""

    def failures(self, ms: Kit) -> dict[str, Run]:
        none = Retry(retries=0)

        @task(retry=none)
        async def raises() -> None:
            raise ValueError("no")

        @task(retry=none)
        async def verb() -> None:
            raise Fail("no")

        @task(retry=none, timeout="1s")
        async def sleeps() -> None:
            await asyncio.sleep(60)

        @task(retry=none)
        async def misconfigured() -> None:
            raise ConfigurationError("no such setting")

        @task(retry=none)
        async def hungry() -> None:
            raise MemoryError

        @task(retry=none)
        async def depends(x: str = Depends(fails_to_open)) -> None:
            note("body")

        @task(retry=none)
        async def useless() -> object:
            return object()

        @task(retry=none, deadline="1m")
        async def late() -> None:
            note("body")

        builder = command(retry=none)(fails_to_build)
        missing = command(retry=none, name="missing")(lambda: Command("mainspring-has-no-such-program"))
        plain: list[Task[[], Any]] = [raises, verb, sleeps, misconfigured, hungry, depends, useless, builder, missing]
        runs: dict[str, Any] = {each.name: ms.enqueue(each) for each in plain}
        runs["late"] = ms.enqueue(late.options(delay="5m"))
        runs["invalid"] = add(ms, transfer, '{"account":"a","amount":500}')
        runs["misfit"] = add(ms, transfer, "{}")
        runs["undecodable"] = add(ms, transfer, '{"account":')
        return {name: ms.until(run) for name, run in runs.items()}

    def test_of_each_failure(self, ms: Kit) -> None:
        kinds = {}
        for name, run in self.failures(ms).items():
            assert run.state in ("failed", "timeout"), name
            assert run.error is not None, name
            kinds[name] = ErrorKind(run.error["kind"])
        kind = ErrorKind
        assert kinds == {
            "raises": kind.EXECUTION, "verb": kind.EXECUTION, "sleeps": kind.TIMEOUT, "misconfigured": kind.CONFIGURATION,
            "hungry": kind.SYSTEM, "depends": kind.DEPENDENCY, "useless": kind.EXECUTION, "fails_to_build": kind.EXECUTION,
            "missing": kind.CONFIGURATION, "late": kind.TIMEOUT, "invalid": kind.VALIDATION, "misfit": kind.VALIDATION,
            "undecodable": kind.VALIDATION,
        }  # fmt: skip

    def test_of_a_run_whose_node_died(self, ms: Kit) -> None:
        @task(repeatable=False)
        async def once() -> None:
            note("body")

        run = ms.enqueue(once)
        ms.crash_at("child_after_call")
        ended = ms.until(run)
        assert ended.error is not None
        assert (ended.state, ended.reason, ended.error["kind"]) == ("failed", "interrupted", "crash")

    def test_of_a_rollback_that_fails(self, ms: Kit) -> None:
        broken.update(body=OSError("no"), rollback=OSError("no"))
        ended = ms.until(ms.enqueue(transfer.options(retry=TWICE), account="a", amount=1))
        assert ended.error is not None
        assert [ErrorKind(each["kind"]) for each in (ended.error, ended.error["rollback"])] == [ErrorKind.EXECUTION] * 2
