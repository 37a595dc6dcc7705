"""Depends: opened before the body, once each, closed after it whatever happens; checked at start, and no part of the public signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring import Context, Depends, Fail, Skip, task
from mainspring.core.depends import Dependency
from mainspring.core.errors import InvalidParams
from mainspring.core.run import CancelledByRequest, Completed, Failed, Outcome, Skipped
from mainspring.core.task import Task
from mainspring.testing import Kit, override
from tests.aio import until
from tests.engine import bodies
from tests.engine.spy import claimed, open_pool, perform, run, shared_template
from tests.engine.test_attempt import attempt

__all__ = ["shared_template"]  # a fixture that pytest finds here

seen: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    seen.clear()


def plain() -> str:
    seen.append("plain")
    return "plain"


async def coroutine() -> str:
    await asyncio.sleep(0)
    seen.append("coroutine")
    return "coroutine"


def generator(first: str = Depends(plain)) -> Iterator[str]:
    seen.append("open generator")
    try:
        yield f"generator of {first}"
    except BaseException as error:
        seen.append(f"generator saw {type(error).__name__}")
        raise
    finally:
        seen.append("close generator")


async def async_generator(ctx: Context, first: str = Depends(plain), second: str = Depends(coroutine)) -> AsyncIterator[str]:
    await asyncio.sleep(0)
    seen.append("open async")
    try:
        yield f"async of {first} and {second} in {ctx.task}"
    finally:
        await asyncio.sleep(0)
        seen.append("close async")


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


class TestOpening:
    @pytest.mark.parametrize("is_async", [True, False])
    def test_every_kind_once_an_attempt_and_closed_in_the_opposite_order(self, is_async: bool) -> None:
        async def here(n: int, a: str = Depends(generator), b: str = Depends(async_generator), c: str = Depends(plain)) -> list[Any]:
            seen.append("body")
            return [n, a, b, c]

        def beside(n: int, a: str = Depends(generator), b: str = Depends(async_generator), c: str = Depends(plain)) -> list[Any]:
            seen.append("body")
            return [n, a, b, c]

        outcome = attempt(here if is_async else beside, '{"n":1}')
        assert isinstance(outcome, Completed), outcome
        given = [1, "generator of plain", "async of plain and coroutine in t", "plain"]
        assert json.loads(outcome.result or "") == given
        opened = ["plain", "open generator", "coroutine", "open async"]
        assert seen == [*opened, "body", "close async", "close generator"]

    @pytest.mark.parametrize("name", ["depends", "depends_def"])
    def test_in_an_executor(self, name: str) -> None:
        async def story() -> None:
            body: Task[..., Any] = getattr(bodies, name)
            async with open_pool("async" if body.spec.is_async else "def") as (pool, spy):
                each = claimed(body, '{"n":3}')
                assert await perform(pool, spy, each) == Completed('[3,36,"awaited 36"]')
                assert [record.message for record in spy.words_of(each)] == ["opened", "body", "closed asynchronously", "closed"]

        run(story())

    def test_results_are_taken_before_anything_is_closed(self) -> None:
        lines = ["a"]

        def rows() -> Iterator[list[str]]:
            yield lines
            lines.clear()

        def body(found: list[str] = Depends(rows)) -> list[str]:  # noqa: B008 - made by the run
            return found

        assert attempt(body) == Completed('["a"]')
        assert lines == []


class TestTrouble:
    def test_a_provider_that_fails_is_an_error_of_kind_dependency(self) -> None:
        def broken(first: str = Depends(generator)) -> str:
            raise ConnectionError("nobody there")

        def body(x: str = Depends(broken)) -> None:
            seen.append("body")

        outcome = failed(attempt(body))
        assert (outcome.error["kind"], outcome.error["type"], outcome.is_terminal) == ("dependency", "ConnectionError", False)
        assert seen == ["plain", "open generator", "generator saw ConnectionError", "close generator"]

    def test_verbs_mean_what_they_say(self) -> None:
        def nothing_to_do() -> str:
            raise Skip("nothing")

        def hopeless() -> str:
            raise Fail("never")

        def skips(x: str = Depends(nothing_to_do)) -> None: ...

        def fails(x: str = Depends(hopeless)) -> None: ...

        assert attempt(skips) == Skipped("nothing")
        outcome = failed(attempt(fails))
        assert (outcome.is_terminal, outcome.error["kind"]) == (True, "dependency")

    @pytest.mark.parametrize("is_async", [True, False])
    def test_providers_see_the_bodys_error_and_cannot_swallow_it(self, is_async: bool) -> None:
        def swallows() -> Iterator[int]:
            try:
                yield 1
            except ValueError as error:
                seen.append(str(error))

        async def here(x: int = Depends(swallows), y: str = Depends(generator)) -> None:
            raise ValueError("the body's own")

        def beside(x: int = Depends(swallows), y: str = Depends(generator)) -> None:
            raise ValueError("the body's own")

        outcome = failed(attempt(here if is_async else beside))
        assert (outcome.error["kind"], outcome.error["message"]) == ("execution", "the body's own")
        assert seen == ["plain", "open generator", "generator saw ValueError", "close generator", "the body's own"]

    def test_cleaning_up_that_fails_fails_the_attempt(self) -> None:
        def commits() -> Iterator[int]:
            yield 1
            raise OSError("not committed")

        def body(x: int = Depends(commits), y: str = Depends(generator)) -> int:
            return x

        outcome = failed(attempt(body))
        assert (outcome.error["kind"], outcome.error["message"]) == ("dependency", "not committed")
        assert seen[-1] == "close generator"

    def test_cancelled_bodies_are_cleaned_up_after(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                each = claimed(bodies.depends_and_waits, json.dumps({"path": str(tmp_path / "there")}))
                pool.submit(each)
                await until(lambda: (tmp_path / "there").exists(), "the body's start")
                pool.cancel(each.id, "requested")
                assert isinstance(await spy.end_of(each), CancelledByRequest)
                assert "opened" in [record.message for record in spy.words_of(each)]

        run(story())


class TestDefinition:
    @pytest.mark.scenario("K4", part="Depends")
    def test_no_part_of_the_public_signature(self, ms: Kit) -> None:
        @task
        async def send(to: str, smtp: str = Depends(plain)) -> str:
            return f"{to} by {smtp}"

        assert send.params.names == ("to",)
        assert list(send.params.schema()["properties"]) == ["to"]
        assert ms.run(send, to="x") == "x by plain"
        with pytest.raises(InvalidParams, match=r"smtp: is filled in by Depends\(plain\)"):
            ms.enqueue(send, to="x", smtp="mine")

    def test_the_plain_function_asks_its_caller(self) -> None:
        @task
        def send(to: str, smtp: str = Depends(plain)) -> str:
            return f"{to} by {smtp}"

        assert send("x", smtp="hand") == "x by hand"
        with pytest.raises(TypeError, match=r"smtp \(Depends\(plain\)\): give it yourself"):
            send("x")

    def test_what_is_wrong_is_told_at_start(self) -> None:
        def needs(host: str, port: int = 25) -> str:
            return host

        @task
        def ungiven(x: str = Depends(needs)) -> None: ...

        @task
        def uncallable(x: str = Depends("needs")) -> None: ...  # type: ignore[call-overload]

        @task
        def behind(x: str = Depends(plain), n: int = 1) -> None: ...

        def one(x: str = "") -> str:
            return x

        def two(x: str = Depends(one)) -> str:
            return x

        one.__defaults__ = (Dependency(two),)

        @task
        def circle(x: str = Depends(one)) -> None: ...

        def told(each: Task[..., Any]) -> str:
            return " | ".join(str(problem) for problem in each.problems())

        assert "needs(host): nobody gives it" in told(ungiven).replace("TestDefinition.test_what_is_wrong_is_told_at_start.<locals>.", "")
        assert "nothing that can be called" in told(uncallable)
        assert "behind a *" in told(behind)
        assert "go round in a circle" in told(circle)

    def test_overridden_in_tests(self, ms: Kit) -> None:
        @task
        async def send(smtp: str = Depends(generator)) -> str:
            return smtp

        async def fake() -> str:
            return "fake"

        with override(plain, fake):
            assert ms.run(send) == "generator of fake"
            with override(generator, lambda: "all of it"):
                assert ms.run(send) == "all of it"
        assert ms.run(send) == "generator of plain"
        with pytest.raises(ValueError, match="cannot stand in"), override(plain, lambda host: host):
            pass
