"""One attempt: how each kind of end is told, and that nothing a body raises gets past it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pydantic
import pytest

from mainspring.core.context import Context, current_run
from mainspring.core.errors import ConfigurationError, Fail, RetryLater, Skip, Snooze
from mainspring.core.policy import Retry
from mainspring.core.run import (
    CancelledByRequest,
    Completed,
    Failed,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
)
from mainspring.core.task import Task, task
from mainspring.engine.attempt import AttemptContext, Bodies, Body, perform, perform_def, take_apart, under_stop
from mainspring.engine.blame import MOST_MESSAGE, MOST_TRACEBACK
from mainspring.engine.capture import Tape, Tapes
from tests.aio import run


def context() -> AttemptContext:
    sink = Tape(Tapes(), 1)
    return AttemptContext(run_id="r", task="t", attempt=1, claim_id="c", queue="default", tenant="", sink=sink)


def body_of(function: Any) -> Body:
    found = take_apart(function if isinstance(function, Task) else task(function))
    assert isinstance(found, Body), found
    return found


def attempt(function: Any, params: str = "{}") -> Outcome:
    body = body_of(function)
    if body.is_async:
        return run(perform(body, context(), params))
    return perform_def(body, context(), params)


def raising(error: BaseException, retry: Retry | None = None) -> Outcome:
    @task(retry=retry)
    def body() -> None:
        raise error

    return attempt(body)


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


class Point(pydantic.BaseModel):
    x: int


@dataclass
class Report:
    rows: int
    at: datetime


class Later:
    def __await__(self) -> Generator[Any, None, int]:
        yield
        return 1


class TestResults:
    def test_result_is_json_of_the_annotated_type(self) -> None:
        def body(p: Point) -> Report:
            return Report(p.x, datetime(2026, 1, 2, tzinfo=UTC))

        assert attempt(body, '{"p":{"x":3}}') == Completed('{"rows":3,"at":"2026-01-02T00:00:00Z"}')

    def test_none_is_no_result(self) -> None:
        async def body() -> None: ...

        assert attempt(body) == Completed(None)

    def test_context_is_given_and_is_the_current_one(self) -> None:
        async def body(ctx: Context, n: int) -> bool:
            return current_run() is ctx and n == 1

        assert attempt(body, '{"n":1}') == Completed("true")
        assert current_run() is None

    @pytest.mark.parametrize("kind", ["coroutine", "generator", "async_generator", "object", "Later"])
    def test_what_is_no_result_fails_for_good_and_says_what_to_do(self, kind: str) -> None:
        async def coroutine() -> None: ...

        async def items() -> AsyncIterator[int]:
            yield 1

        def body() -> Any:
            made: dict[str, Any] = {
                "coroutine": coroutine, "generator": lambda: (n for n in "ab"), "async_generator": items,
                "object": object, "Later": Later,
            }  # fmt: skip
            return made[kind]()

        outcome = failed(attempt(body))
        assert outcome.is_terminal
        assert re.search("return|collect|await", outcome.error["message"])
        if kind != "object":
            assert kind in outcome.error["message"]

    def test_async_body_that_returns_an_awaitable(self) -> None:
        async def body() -> Any:
            async def inner() -> None: ...

            return inner()

        assert "coroutine" in failed(attempt(body)).error["message"]


class TestParameters:
    def test_what_the_code_no_longer_accepts(self) -> None:
        def body(a: int) -> None: ...

        outcome = failed(attempt(body, '{"a":"x"}'))
        assert (outcome.is_terminal, outcome.reason, outcome.error["kind"]) == (True, Reason.INVALID, "validation")
        assert "a:" in outcome.error["message"]

    @pytest.mark.scenario("L11", part="undecodable payload")
    def test_what_is_no_json(self) -> None:
        def body(a: int) -> None: ...

        outcome = failed(attempt(body, '{"a":'))
        assert (outcome.is_terminal, outcome.reason) == (True, Reason.UNDECODABLE)

    def test_validator_that_raises_something_else(self) -> None:
        class Picky(pydantic.BaseModel):
            @pydantic.model_validator(mode="before")
            @classmethod
            def refuse(cls, value: Any) -> Any:
                raise KeyError("surprise")

        def body(a: Picky) -> None: ...

        body.__annotations__["a"] = Picky
        outcome = failed(attempt(body, '{"a":{}}'))
        assert (outcome.is_terminal, outcome.reason) == (True, Reason.INVALID)

    def test_invalid_params_raised_inside_a_body_is_not_about_its_own(self) -> None:
        def other(a: int) -> None: ...

        def body() -> None:
            task(other).params.dump((), {"a": "x"})

        outcome = failed(attempt(body))
        assert (outcome.is_terminal, outcome.reason) == (True, None)


class TestVerbs:
    def test_fail_is_terminal(self) -> None:
        outcome = failed(raising(Fail("no such customer")))
        assert outcome.is_terminal
        assert outcome.error["message"] == "no such customer"

    def test_retry_later_keeps_its_hint(self) -> None:
        assert failed(raising(RetryLater("30s"))).after == timedelta(seconds=30)
        assert failed(raising(RetryLater())).after is None
        assert not failed(raising(RetryLater(1))).is_terminal

    def test_snooze(self) -> None:
        later = datetime(2030, 1, 1, tzinfo=UTC)
        assert raising(Snooze(later)) == Snoozed(until=later)
        assert raising(Snooze("5m")) == Snoozed(delay=timedelta(minutes=5))

    @pytest.mark.parametrize("verb", [Snooze("soon"), Snooze(datetime(2030, 1, 1)), RetryLater("-3s")])  # noqa: DTZ001
    def test_verb_that_makes_no_sense_is_an_error_of_configuration(self, verb: Exception) -> None:
        outcome = failed(raising(verb))
        assert (outcome.is_terminal, outcome.error["kind"]) == (True, "configuration")

    def test_skip(self) -> None:
        assert raising(Skip("nothing to do")) == Skipped("nothing to do")

    def test_verb_under_a_task_group_means_what_it_says(self) -> None:
        async def body() -> None:
            async def inner() -> None:
                raise Skip("not today")

            async with asyncio.TaskGroup() as group:
                group.create_task(inner())

        assert attempt(body) == Skipped("not today")


class Unauthorized(Exception):
    pass


class ApiError(Exception):
    def __init__(self, status: int) -> None:
        self.response = type("Response", (), {"status_code": status})()


class TestClasses:
    @pytest.mark.scenario("R2", part="without Dependency")
    @pytest.mark.parametrize(
        ("error", "is_terminal", "kind"),
        [
            (ValueError("x"), False, "execution"),
            (ConnectionResetError(), False, "execution"),
            (TimeoutError(), False, "execution"),
            (MemoryError(), False, "system"),
            (ConfigurationError("no URL"), True, "configuration"),
            (SystemExit(3), False, "execution"),
            (KeyboardInterrupt(), False, "execution"),
            (ExceptionGroup("two", [ValueError(), KeyError()]), False, "execution"),
        ],
    )
    def test_kinds(self, error: BaseException, is_terminal: bool, kind: str) -> None:
        outcome = failed(raising(error))
        assert (outcome.is_terminal, outcome.error["kind"], outcome.after) == (is_terminal, kind, None)

    @pytest.mark.scenario("R4")
    @pytest.mark.parametrize(
        "error", [PermissionError("denied"), Unauthorized(), ApiError(401), ApiError(403), type("Sub", (Unauthorized,), {})()]
    )
    def test_not_being_let_in_is_terminal(self, error: Exception) -> None:
        assert failed(raising(error)).is_terminal

    @pytest.mark.scenario("R4")
    @pytest.mark.parametrize("error", [ConnectionResetError(), ApiError(500), ApiError(429), OSError("reset")])
    def test_what_may_pass_is_tried_again(self, error: Exception) -> None:
        assert not failed(raising(error)).is_terminal

    def test_validation_error_of_pydantic_is_terminal(self) -> None:
        def body() -> None:
            Point.model_validate({"x": "y"})

        outcome = failed(attempt(body))
        assert (outcome.is_terminal, outcome.error["kind"]) == (True, "validation")

    @pytest.mark.scenario("S3-27", part="a declared-terminal error is not retried")
    def test_terminal_classes_of_the_policy(self) -> None:
        retry = Retry(terminal=(LookupError,))
        assert failed(raising(KeyError("k"), retry)).is_terminal
        assert not failed(raising(ValueError("v"), retry)).is_terminal

    @pytest.mark.scenario("R2", part="Cancelled")
    def test_body_that_cancels_itself_ends_cancelled(self) -> None:
        async def body() -> None:
            raise asyncio.CancelledError

        assert isinstance(attempt(body), CancelledByRequest)

    def test_sys_exit_says_so(self) -> None:
        assert failed(raising(SystemExit(3))).error["message"] == "the body called sys.exit(3)"


class Ugly(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


class Nosy(Exception):
    @property
    def response(self) -> object:
        raise OSError("not to be read")


class TestErrorRecords:
    @pytest.mark.scenario("R3", part="class, message, traceback and causes, bounded")
    def test_class_message_traceback_and_causes(self) -> None:
        def inner() -> None:
            raise KeyError("row 7")

        def body() -> None:
            try:
                inner()
            except KeyError as error:
                raise ValueError("bad import") from error

        error = failed(attempt(body)).error
        assert (error["type"], error["message"]) == ("ValueError", "bad import")
        assert error["causes"] == [{"type": "KeyError", "message": "'row 7'"}]
        assert "in inner" in error["traceback"]
        assert "caused by" in error["traceback"]
        assert "mainspring/engine" not in error["traceback"]

    def test_fingerprint_is_that_of_the_place_not_of_the_text(self) -> None:
        def body(n: int) -> None:
            raise ValueError(f"row {n}") if n < 3 else KeyError(n)

        marks = [failed(attempt(body, f'{{"n":{n}}}')).error["fingerprint"] for n in (1, 2, 3)]
        assert marks[0] == marks[1] != marks[2]

    def test_huge_message_is_cut(self) -> None:
        error = failed(raising(ValueError("x" * 10_000_000))).error
        assert len(error["message"]) < MOST_MESSAGE + 100
        assert len(error["traceback"]) < MOST_TRACEBACK + 100

    def test_deep_recursion_keeps_both_ends(self) -> None:
        def body() -> None:
            def deeper(n: int) -> None:
                deeper(n + 1)

            deeper(0)

        error = failed(attempt(body)).error
        assert error["type"] == "RecursionError"
        assert len(error["traceback"]) < MOST_TRACEBACK + 100

    @pytest.mark.parametrize("error", [Ugly(), Nosy("x")])
    def test_exceptions_that_raise_when_looked_at(self, error: Exception) -> None:
        assert failed(raising(error)).error["type"] == type(error).__name__

    def test_circle_of_causes_ends(self) -> None:
        first, second = ValueError("first"), KeyError("second")
        first.__cause__, second.__cause__ = second, first
        assert len(failed(raising(first)).error["causes"]) == 1

    def test_group_names_what_it_holds(self) -> None:
        error = failed(raising(ExceptionGroup("both", [ValueError("one"), KeyError("two")]))).error
        assert [each["type"] for each in error["causes"]] == ["ValueError", "KeyError"]


class TestStops:
    def test_past_the_timeout_whatever_it_did_is_a_timeout(self) -> None:
        for ended in (Completed("1"), failed(raising(ValueError("cleanup"))), Skipped("x")):
            outcome = under_stop(ended, "timeout", "t", 2.0, has_noticed=False)
            assert isinstance(outcome, TimedOut)
            assert "2s" in outcome.error["message"]

    def test_what_a_stopped_body_raised_is_kept_as_a_cause(self) -> None:
        outcome = under_stop(raising(ValueError("cleanup")), "timeout", "t", 2.0, has_noticed=True)
        assert isinstance(outcome, TimedOut)
        assert outcome.error["causes"] == [{"type": "ValueError", "message": "cleanup"}]

    def test_requested_counts_only_when_noticed(self) -> None:
        assert under_stop(Completed("1"), "requested", "t", None, has_noticed=False) == Completed("1")
        assert under_stop(Completed("1"), "requested", "t", None, has_noticed=True) == CancelledByRequest()

    def test_shutdown_gives_back_but_obeys_verbs(self) -> None:
        assert under_stop(raising(ValueError()), "shutdown", "t", None, has_noticed=True) == Released(Reason.SHUTDOWN)
        assert under_stop(Skipped("x"), "shutdown", "t", None, has_noticed=True) == Skipped("x")
        asked = raising(RetryLater("30s"))
        assert under_stop(asked, "shutdown", "t", None, has_noticed=True) is asked


class TestBodies:
    def test_unknown_task_is_given_back(self) -> None:
        assert Bodies({}).find("nobody") == Released(Reason.UNKNOWN_TASK)

    def test_bad_definition_fails_its_runs(self) -> None:
        @task
        def body(a) -> None: ...  # type: ignore[no-untyped-def]

        outcome = failed(Bodies({"body": body}).find("body"))  # type: ignore[arg-type]
        assert (outcome.is_terminal, outcome.error["kind"]) == (True, "configuration")
