"""The decorator: what a definition says, which mistakes it keeps, and how a call carries options."""
# mypy: disable-error-code="empty-body, no-untyped-def"

import asyncio
import copy
import pickle  # noqa: TID251 - what multiprocessing does to errors, not a format of ours
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Any

import pytest

from mainspring.core import active
from mainspring.core import context as context_module
from mainspring.core.context import Context
from mainspring.core.context import Context as Ctx
from mainspring.core.errors import (
    ConfigurationError,
    DefinitionError,
    Fail,
    NoActiveApp,
    RetryLater,
    RunFailed,
    Skip,
    Snooze,
)
from mainspring.core.file import File
from mainspring.core.policy import Isolation, Priority, Retry
from mainspring.core.task import Bound, Task, task


@task
async def plain(x: int) -> int:
    """Double a number.

    Twice as good.
    """
    return 2 * x


@task(
    name="db.backup", title="Database backup", category="maintenance", icon="database", tags=["db", "nightly"],
    danger="Overwrites the previous dump.", expensive=True, queue="slow", priority="high", retry=Retry(retries=5),
    timeout="5m", deadline="1h", isolation="thread", enabled=False, repeatable=False, max_rescues=1,
)  # fmt: skip
def dressed(ctx: Context, database: str) -> str:
    return f"{ctx.run_id} {database}"


@pytest.mark.scenario("S3-01", part="python")
def test_a_definition_says_everything_that_was_written() -> None:
    spec = dressed.spec
    assert (spec.name, spec.title, spec.category, spec.icon) == (
        "db.backup",
        "Database backup",
        "maintenance",
        "database",
    )
    assert (spec.tags, spec.danger, spec.is_expensive) == (("db", "nightly"), "Overwrites the previous dump.", True)
    assert (spec.queue, spec.priority, spec.retry) == ("slow", Priority.HIGH, Retry(retries=5))
    assert (spec.timeout, spec.deadline) == (timedelta(minutes=5), timedelta(hours=1))
    assert (spec.isolation, spec.is_enabled, spec.is_repeatable, spec.max_rescues) == (
        Isolation.THREAD,
        False,
        False,
        1,
    )
    assert (spec.is_async, spec.takes_context) == (False, True)
    assert dressed.problems() == ()


@pytest.mark.scenario("S3-02")
def test_title_icon_and_description_have_defaults() -> None:
    @task
    def prune_old_dumps() -> None: ...

    spec = prune_old_dumps.spec
    assert (spec.title, spec.icon, spec.category, spec.description) == ("Prune old dumps", "gear", "general", "")
    assert plain.spec.description == "Double a number.\n\nTwice as good."


def test_a_definition_knows_where_it_stands() -> None:
    source = plain.spec.source
    assert (source.module, source.qualname, source.file) == (__name__, "plain", __file__)
    assert str(source) == f"{__file__}:{plain.fn.__code__.co_firstlineno}"


def test_calling_a_task_calls_the_function() -> None:
    assert asyncio.run(plain(21)) == 42
    assert vars(plain)["__name__"] == "plain"
    assert plain.__doc__ == plain.fn.__doc__


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("has_options", [True, False])
def test_the_context_is_found_and_no_parameter(is_async: bool, has_options: bool) -> None:
    async def one(ctx: Context, x: int) -> int: ...
    def two(ctx: Context, x: int) -> int: ...

    decorated: Task[..., Any] = (task(title="T") if has_options else task)(one if is_async else two)
    assert (decorated.spec.is_async, decorated.spec.takes_context) == (is_async, True)
    assert decorated.params.names == ("x",)
    assert list(decorated.params.schema()["properties"]) == ["x"]


def test_the_context_may_have_any_name() -> None:
    def renamed(c: Ctx, x: int) -> None: ...
    def quoted(c: "Ctx", x: int) -> None: ...
    def by_module(c: "context_module.Context", x: int) -> None: ...
    def first_only(c: Ctx, /, x: int) -> None: ...

    for function in (renamed, quoted, by_module, first_only):
        assert task(function).params.names == ("x",)


def test_something_else_named_context_is_a_parameter() -> None:
    def other(context: str, ctx: int) -> None: ...

    assert not task(other).spec.takes_context
    assert task(other).params.names == ("context", "ctx")


def test_a_decorator_below_keeps_the_signature() -> None:
    def loud(function: Callable[..., int]) -> Callable[..., int]:
        @wraps(function)
        def wrapper(*args: object, **kwargs: object) -> int:
            return function(*args, **kwargs) + 1

        return wrapper

    @task
    @loud
    def inner(ctx: Context, x: int) -> int: ...

    assert inner.problems() == ()
    assert inner.params.names == ("x",)
    assert inner.spec.takes_context


WRONG: dict[str, Any] = {
    "name": "two words", "title": 3, "description": 3, "category": 3, "icon": b"x", "tags": "db", "danger": True,
    "expensive": "yes", "queue": "a b", "priority": "urgent", "retry": -1, "timeout": "5 parsecs", "deadline": "99w",
    "isolation": "vm", "enabled": None, "repeatable": 1, "max_rescues": 0,
}  # fmt: skip


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_is_kept_as_a_problem_that_names_it(option: str) -> None:
    def fine(x: int) -> int: ...

    decorated: Task[..., Any] = task(**{option: WRONG[option]})(fine)
    (problem,) = decorated.problems()
    assert problem.where.startswith(f"{__file__}:{fine.__code__.co_firstlineno} ")
    assert option in problem.what
    assert repr(WRONG[option]) in problem.what


def test_wrong_options_and_parameters_are_told_together() -> None:
    @task(**WRONG)
    def wrong(x, y: int = "z") -> int: ...  # type: ignore[assignment]

    assert len(wrong.problems()) == len(WRONG) + 2
    with pytest.raises(DefinitionError) as caught:
        _ = wrong.result
    assert caught.value.problems == wrong.problems()


@pytest.mark.parametrize("name", ["", "1st", "a\n", "ä", "x" * 201, 5, "a b"])
def test_names_that_are_not_allowed(name: Any) -> None:
    def fine() -> None: ...

    assert "is not allowed" in str(task(name=name)(fine).problems()[0])


@pytest.mark.parametrize("queue", ["", "a\n", "ü", "x" * 101, 3])
def test_queues_that_are_not_allowed(queue: Any) -> None:
    def fine() -> None: ...

    assert "queue=" in str(task(queue=queue)(fine).problems()[0])
    if queue is not None:
        with pytest.raises(ConfigurationError, match="queue="):
            plain.options(queue=queue)


@pytest.mark.scenario("D9")
def test_what_is_no_function_is_told_by_its_kind() -> None:
    class Report:
        def __call__(self, x: int) -> int: ...

    things: dict[str, Any] = {"the class Report": Report, "a Report": Report(), "a partial": partial(int, "1")}
    for kind, thing in things.items():
        (problem,) = task(thing).problems()
        assert f"@task needs a function, this is {kind}" in problem.what
    (problem,) = task(things["the class Report"]).problems()
    assert problem.where.startswith(__file__)


def test_generators_and_lambdas_are_no_tasks() -> None:
    def lines() -> Iterator[int]:
        yield 1

    async def pages() -> AsyncIterator[int]:
        yield 1

    for function in (lines, pages):
        assert "a generator cannot be a task" in str(task(function).problems()[0])
    assert "'<lambda>' is not allowed" in str(task(lambda: None).problems()[0])


# -- options of one call -----------------------------------------------------------------------------------------------


def test_options_become_plain_values() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    call = plain.options(
        run_at=moment, key="k", priority="low", queue="q", retry=1, timeout=5, deadline="1h", label="l"
    ).call  # fmt: skip
    assert (call.run_at, call.key, call.priority, call.queue) == (moment, "k", Priority.LOW, "q")
    assert (call.retry, call.timeout, call.deadline) == (Retry(retries=1), timedelta(seconds=5), timedelta(hours=1))
    assert call.label == "l"
    assert plain.options(delay="10m").call.delay == timedelta(minutes=10)
    assert plain.spec.queue == "default"


@pytest.mark.parametrize(
    ("option", "value"),
    [("delay", "soon"), ("delay", -1), ("run_at", datetime(2026, 1, 1)), ("run_at", "tomorrow"),  # noqa: DTZ001
     ("key", ""), ("key", "x" * 501), ("key", 5), ("priority", "urgent"), ("queue", "a b"), ("retry", -1),
     ("retry", "3"), ("timeout", 0), ("timeout", "31d"), ("deadline", True), ("label", "")],
)  # fmt: skip
def test_a_wrong_option_of_a_call_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        plain.options(**{option: value})


def test_delay_and_run_at_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="exclude"):
        plain.options(delay=1, run_at=datetime(2026, 1, 1, tzinfo=UTC))


# -- the active app ----------------------------------------------------------------------------------------------------


class Recording:
    def __init__(self) -> None:
        self.calls: list[tuple[object, tuple[object, ...], dict[str, object]]] = []

    async def enqueue(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((task, args, kwargs))


def test_a_task_enqueues_by_the_latest_app() -> None:
    @task
    def odd(self: int, task: int = 0) -> None: ...

    first, second = Recording(), Recording()
    active.announce(first)
    active.announce(second)
    try:
        asyncio.run(plain.enqueue(1))
        bound = odd.options(key="k")
        asyncio.run(odd.enqueue(self=1, task=2))
        asyncio.run(bound.enqueue(self=3))
        active.retire(second)
        asyncio.run(plain.enqueue(x=2))
    finally:
        active.retire(first)
        active.retire(second)
    assert second.calls == [(plain, (1,), {}), (odd, (), {"self": 1, "task": 2}), (bound, (), {"self": 3})]
    assert first.calls == [(plain, (), {"x": 2})]
    assert isinstance(bound, Bound)


def test_without_an_app_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "_apps", [])  # those of other tests in this process
    with pytest.raises(NoActiveApp, match="make one first"):
        asyncio.run(plain.enqueue(1))


# -- the words of a body -----------------------------------------------------------------------------------------------


class Heard:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Any]] = []
        self.bars: list[tuple[float, float | None, str | None, str | None]] = []

    def log(self, level: str, message: str, data: Any) -> None:
        self.lines.append((level, message, data))

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None:
        self.bars.append((current, total, message, stage))

    def attach(self, source: Any, name: str | None, media_type: str | None) -> File:
        raise NotImplementedError


def make_context(sink: Heard) -> Context:
    return Context(run_id="r", task="t", attempt=1, claim_id="c", queue="default", tenant="", sink=sink)


@pytest.mark.scenario("S3-31", part="core")
def test_log_lines_are_verbatim_and_objects_are_kept() -> None:
    heard = Heard()
    context = make_context(heard)
    context.log("100% %s {x}")
    context.log({"a": 1}, level="warning")
    context.log("with fields", message="m", count=2)
    assert heard.lines == [
        ("info", "100% %s {x}", None),
        ("warning", "{'a': 1}", {"value": {"a": 1}}),
        ("info", "with fields", {"message": "m", "count": 2}),
    ]
    with pytest.raises(ValueError, match="level='loud'"):
        context.log("x", level="loud")


def test_free_functions_reach_the_current_run_and_nothing_outside_one() -> None:
    heard = Heard()
    context_module.log("nobody hears")
    context_module.progress(1)
    token = context_module.enter_run(make_context(heard))
    try:
        assert context_module.current_run() is not None
        context_module.log("heard", level="error")
        context_module.progress(1, 2, "half", "load")
    finally:
        context_module.leave_run(token)
    assert context_module.current_run() is None
    assert (heard.lines, heard.bars) == ([("error", "heard", None)], [(1, 2, "half", "load")])


def test_a_context_learns_that_it_is_to_stop() -> None:
    context = make_context(Heard())
    assert not context.stopping
    context.stop()
    assert context.stopping


@pytest.mark.parametrize(
    "error",
    [Fail("no"), RetryLater("30s", "busy"), Snooze(timedelta(minutes=5)), Skip("nothing"),
     RunFailed("t failed", run_id="r", state="failed", reason="lost", error={"message": "m"}),
     DefinitionError("bad", plain.problems()), ConfigurationError("x=1")],
)  # fmt: skip
def test_errors_travel_between_processes(error: Exception) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
