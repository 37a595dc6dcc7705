"""The guard: a handler that leaves work behind is told so, with the line that started it; and nobody is told who has not asked for it."""

# ruff: noqa: RUF006 - tasks that nobody keeps are what this is about

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.testclient import TestClient
from flask import Flask
from starlette.responses import StreamingResponse

from mainspring import UnfinishedWork
from mainspring.advisor import spawned
from mainspring.advisor.guard import Guard, Recorder, Unfinished, WSGIGuard
from mainspring.i18n import speak
from mainspring.testing import ManualClock, VirtualLoop

Handler = Callable[[], Awaitable[None]]
HERE = __file__


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop(ManualClock())
    yield made
    made.run_until_complete(made.shutdown_default_executor())
    made.close()


def app_of(handler: Handler, *, after: Handler | None = None) -> Any:
    """Return an ASGI application whose requests are handled by a function, with something that is done after the response."""

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await handler()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        if after is not None:
            await after()

    return app


def ask(
    loop: VirtualLoop, handler: Handler, *, seconds: float = 30.0, kind: str = "http", after: Handler | None = None, **settings: Any
) -> list[Unfinished]:  # fmt: skip
    """Return what a guard tells of one request in so many seconds of the loop's time."""
    found: list[Unfinished] = []
    guard = Guard(app_of(handler, after=after), **{"enabled": True, "on_unfinished": found.append, **settings})

    async def receive() -> Any:
        raise AssertionError("nobody reads")

    async def send(message: Any) -> None:
        pass

    async def request() -> None:
        await guard({"type": kind, "method": "POST", "path": "/exports"}, receive, send)
        await asyncio.sleep(seconds)

    try:
        loop.run_until_complete(request())
    finally:
        guard.close()
    return found


def line_of(text: str) -> int:
    """Return the number of the line of this file that ends with a mark."""
    with open(HERE, encoding="utf-8") as lines:
        return next(
            number for number, line in enumerate(lines, 1) if line.rstrip().endswith(text) and "line_of" not in line and "ADDED" not in line
        )


async def send_mail(seconds: float = 10.0) -> None:
    await asyncio.sleep(seconds)


# -- what is told


@pytest.mark.scenario("Q2")
def test_a_task_that_outlives_its_response_is_told_with_handler_place_and_age(loop: VirtualLoop) -> None:
    kept: set[asyncio.Task[None]] = set()

    async def handler() -> None:
        kept.add(asyncio.create_task(send_mail()))  # spawned here

    (found,) = ask(loop, handler)
    assert (found.what, found.name, found.code, found.seconds) == ("task", "send_mail", "MS101", 1.0)
    assert found.place == f"{HERE}:{line_of('# spawned here')}"
    assert str(found).startswith("POST /exports left work behind: the asyncio task send_mail still runs 1.0 s after the response.")
    assert "in test_a_task_that_outlives_its_response_is_told_with_handler_place_and_age.<locals>.handler" in str(found)
    assert "await send_mail.enqueue(...)" in str(found) and "# mainspring: allow[MS101] GROUND -- REASON" in str(found)
    assert "kept.add(asyncio.create_task(send_mail()))" in found.traceback()


def test_a_task_that_ends_in_time_or_is_awaited_is_nobodys_business(loop: VirtualLoop) -> None:
    async def quick() -> None:
        task = asyncio.create_task(send_mail(0.9))
        task.add_done_callback(lambda done: None)

    async def awaited() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(send_mail())
        await asyncio.gather(send_mail(), send_mail())
        await asyncio.wait_for(send_mail(), 60)
        await asyncio.to_thread(int)

    assert ask(loop, quick) == []
    assert ask(loop, awaited) == []
    assert ask(loop, quick, grace=0.5, seconds=5.0) != [], "the same is late where less is allowed"


def test_a_task_that_another_task_starts_belongs_to_the_request_as_well(loop: VirtualLoop) -> None:
    async def outer() -> None:
        _ = asyncio.create_task(send_mail())
        await asyncio.sleep(0)

    async def handler() -> None:
        await asyncio.create_task(outer())

    assert [each.name for each in ask(loop, handler)] == ["send_mail"]


def test_other_factories_of_tasks_still_make_them(loop: VirtualLoop) -> None:
    made: list[str] = []

    def factory(of: asyncio.AbstractEventLoop, coroutine: Any, **settings: Any) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=of, **settings)

    loop.set_task_factory(factory)

    async def handler() -> None:
        _ = asyncio.create_task(send_mail(), name="mail")

    assert [each.name for each in ask(loop, handler)] == ["send_mail"]
    assert "send_mail" in made


def test_a_thread_that_goes_on_is_told_and_one_that_was_joined_is_not(loop: VirtualLoop) -> None:
    gate = threading.Event()

    async def leaves() -> None:
        threading.Thread(target=gate.wait, name="mailer").start()

    async def joins() -> None:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

    try:
        (found,) = ask(loop, leaves, seconds=5)
    finally:
        gate.set()
    assert (found.what, found.name, found.code) == ("thread", "Event.wait", "MS102")
    assert ask(loop, joins, seconds=5) == []


def test_a_call_in_a_pool_is_told_and_the_pools_own_threads_are_not(loop: VirtualLoop) -> None:
    gate = threading.Event()

    async def leaves() -> None:
        pool.submit(gate.wait)

    async def reads() -> None:
        assert pool.submit(int).result() == 0

    with ThreadPoolExecutor(1) as pool:
        try:
            (found,) = ask(loop, leaves, seconds=5)
        finally:
            gate.set()
        assert (found.what, found.name, found.code) == ("future", "Event.wait", "MS103")
        assert ask(loop, reads, seconds=5) == []


def test_a_process_is_told_and_one_that_was_waited_for_is_not(loop: VirtualLoop) -> None:
    started: list[subprocess.Popen[bytes]] = []

    async def leaves() -> None:
        started.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

    async def waits() -> None:
        subprocess.run([sys.executable, "-c", ""], check=True)

    try:
        (found,) = ask(loop, leaves, seconds=5)
        assert (found.what, found.code) == ("process", "MS105") and found.name.startswith("python")
        assert started[0].returncode is None, "the guard has taken nobody's exit status"
    finally:
        started[0].communicate(b"\n")
    assert started[0].returncode == 0
    assert ask(loop, waits, seconds=5) == []


def test_work_after_the_response_is_told_while_it_holds_the_worker(loop: VirtualLoop) -> None:
    async def handler() -> None: ...

    async def after() -> None:
        await asyncio.sleep(10)

    async def soon() -> None:
        await asyncio.sleep(0.9)

    (found,) = ask(loop, handler, after=after)
    assert (found.what, found.code, found.seconds) == ("background", "MS104", 1.0)
    assert ask(loop, handler, after=soon) == []


def test_a_socket_is_over_when_its_handler_returns(loop: VirtualLoop) -> None:
    async def leaves() -> None:
        await asyncio.sleep(100)
        _ = asyncio.create_task(send_mail())

    async def scoped() -> None:
        reader = asyncio.create_task(send_mail(1000))
        await asyncio.sleep(100)
        reader.cancel()

    assert [each.seconds for each in ask(loop, leaves, kind="websocket")] == [1.0]
    assert ask(loop, scoped, kind="websocket") == []


def test_what_a_library_starts_for_itself_does_not_count(loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler() -> None:
        _ = asyncio.create_task(send_mail())

    monkeypatch.setattr(spawned, "_owner", lambda path: "library" if path == HERE else "stdlib")
    assert ask(loop, handler) == []


@pytest.mark.parametrize(
    ("path", "owner"), [(HERE, "user"), (asyncio.__file__, "stdlib"), (pytest.__file__, "library"), ("<string>", "stdlib")]
)
def test_whose_a_file_is(path: str, owner: str) -> None:
    assert spawned._owner(path) == owner


# -- what is justified


def test_a_comment_justifies_the_line_that_starts_it(loop: VirtualLoop) -> None:
    async def above() -> None:
        # mainspring: allow[MS101] process-local -- refreshes the gauges of this worker and stops with it
        _ = asyncio.create_task(send_mail())

    async def behind() -> None:
        _ = asyncio.create_task(
            send_mail(),
        )  # mainspring: allow[MS101] outside-engine -- the mail server's own queue keeps it, see RFC 5321

    assert ask(loop, above) == []
    assert ask(loop, behind) == []


def test_a_comment_that_does_not_hold_justifies_nothing(loop: VirtualLoop) -> None:
    async def untrue() -> None:
        _ = asyncio.create_task(send_mail())  # mainspring: allow[MS101] sub-second -- counts one thing in memory, harmless

    async def another() -> None:
        _ = asyncio.create_task(send_mail())  # mainspring: allow[MS102] process-local -- refreshes this worker's gauges alone

    async def short() -> None:
        _ = asyncio.create_task(send_mail())  # mainspring: allow[MS101] process-local -- fine

    async def elsewhere() -> None:
        _ = asyncio.create_task(send_mail())  # nosec: fire and forget

    (found,) = ask(loop, untrue)
    assert found.disproved == "sub-second" and "The comment there says sub-second, and that is not so." in str(found)
    for handler in (another, short, elsewhere):
        assert len(ask(loop, handler)) == 1


# -- when it is on


async def leaves() -> None:
    _ = asyncio.create_task(send_mail())


def test_it_is_off_unless_somebody_asks(loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAINSPRING_GUARD", "TASK_RUNNER_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    assert ask(loop, leaves, enabled=None) == []
    for name, value, is_on in (
        ("MAINSPRING_GUARD", "1", True), ("MAINSPRING_GUARD", "0", False), ("TASK_RUNNER_ENVIRONMENT", "development", True),
        ("TASK_RUNNER_ENVIRONMENT", "production", False),
    ):  # fmt: skip
        with monkeypatch.context() as environment:
            environment.setenv(name, value)
            assert bool(ask(loop, leaves, enabled=None)) is is_on, (name, value)


def test_what_it_has_changed_is_as_before_when_the_last_guard_is_closed() -> None:
    before = [threading.Thread.start, ThreadPoolExecutor.submit, subprocess.Popen.__init__]
    first, second = Guard(app_of(leaves), enabled=True), Guard(app_of(leaves), enabled=True)
    assert threading.Thread.start is not before[0]
    first.close()
    first.close()
    assert threading.Thread.start is not before[0]
    second.close()
    assert [threading.Thread.start, ThreadPoolExecutor.submit, subprocess.Popen.__init__] == before


def test_a_guard_that_is_off_changes_nothing() -> None:
    before = threading.Thread.start
    guard = Guard(app_of(leaves), enabled=False)
    assert threading.Thread.start is before and not guard.is_on


def test_a_grace_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"grace=-1 is below zero: give seconds after the response"):
        Guard(app_of(leaves), grace=-1)


# -- how it is told


def test_it_warns_and_logs_once_a_place(loop: VirtualLoop, caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard(app_of(leaves), enabled=True)

    async def receive() -> Any: ...

    async def send(message: Any) -> None: ...

    async def requests() -> None:
        for _ in range(3):
            await guard({"type": "http", "method": "POST", "path": "/exports"}, receive, send)
            await asyncio.sleep(20)

    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING, "mainspring.guard"):
        warnings.simplefilter("always")
        loop.run_until_complete(requests())
    guard.close()
    (warning,) = caught
    assert warning.category is UnfinishedWork and issubclass(UnfinishedWork, RuntimeWarning)
    assert warning.filename == HERE and "create_task(send_mail())" in str(warning.message)
    assert [record.message for record in caplog.records] == [str(warning.message).splitlines()[0]]


def test_a_warning_that_is_an_error_does_not_end_the_loop(loop: VirtualLoop, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(loop, leaves, on_unfinished=None) == []
    assert "left work behind" in caplog.text and "Traceback" not in caplog.text


@pytest.mark.parametrize(("language", "words"), [("de", "hat Arbeit hinterlassen"), ("pl", "zostawił pracę")])
def test_it_speaks_the_language_of_the_terminal(loop: VirtualLoop, language: str, words: str) -> None:
    (found,) = ask(loop, leaves)
    speak(language)
    try:
        assert words in str(found)
    finally:
        speak("en")


def test_an_address_cannot_speak_to_a_terminal() -> None:
    told = Unfinished("GET /\x1b]0;owned\x07\n", "task", "x", (), 1.0)
    assert str(told).startswith("GET /\\x1b]0;owned\\x07\\n left work behind")


# -- real frameworks, and the fixture


ADDED = 'tasks.add_task(clock.advance, "2s")'


def shop() -> FastAPI:
    app, clock = FastAPI(), ManualClock()

    @app.post("/exports/{number}")
    async def export(number: int) -> str:
        _ = asyncio.create_task(send_mail(1000))
        return "started"

    @app.post("/quiet")
    async def quiet() -> str:
        await asyncio.create_task(send_mail(0))
        return "done"

    @app.post("/threads")
    def threads() -> str:  # a plain function, in a thread of the framework's
        thread = threading.Thread(target=gate.wait)
        thread.start()
        return "started"

    @app.post("/later")
    async def later(tasks: BackgroundTasks) -> str:
        tasks.add_task(clock.advance, "2s")
        return "later"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            feeder = asyncio.create_task(send_mail(1000))
            try:
                yield "a"
            finally:
                feeder.cancel()

        return StreamingResponse(lines())

    gate = threading.Event()
    app.state.gate = gate
    app.add_middleware(Guard, clock=clock.monotonic)
    return app


def test_in_fastapi_the_handler_is_named_by_its_function_and_route() -> None:
    with Recorder() as recorder:
        assert TestClient(shop()).post("/exports/7").json() == "started"
    (found,) = recorder.left_behind()
    assert found.handler == f"{__name__}.shop.<locals>.export (POST /exports/{{number}})"
    assert found.is_cancelled and "was cut off" in str(found)
    with pytest.raises(AssertionError, match="left work behind"):
        recorder.assert_nothing_left()


def test_in_fastapi_background_tasks_are_named_with_the_line_that_adds_them() -> None:
    with Recorder() as recorder:
        TestClient(shop()).post("/later")
    (found,) = recorder.left_behind()
    assert (found.what, found.name, found.seconds) == ("background", "ManualClock.advance", 2.0)
    assert found.place == f"{HERE}:{line_of(ADDED)}"


def test_in_fastapi_plain_handlers_are_watched_and_well_behaved_ones_pass() -> None:
    app = shop()
    with Recorder(grace=0.0) as recorder:
        client = TestClient(app)
        client.post("/quiet")
        assert client.get("/stream").text == "a"
        recorder.assert_nothing_left()
        client.post("/threads")
        (found,) = recorder.left_behind()
        app.state.gate.set()
    assert (found.what, found.name) == ("thread", "Event.wait")


def test_flask_leaves_a_thread_behind() -> None:
    app, gate, timers = Flask("shop"), threading.Event(), []
    clock = ManualClock()
    found: list[Unfinished] = []

    @app.post("/exports/<int:number>")
    def export(number: int) -> str:
        threading.Thread(target=gate.wait).start()
        return "started"

    @app.post("/quiet")
    def quiet() -> str:
        return "done"

    guard = WSGIGuard(
        app.wsgi_app, enabled=True, on_unfinished=found.append, clock=clock.monotonic,
        later=lambda seconds, function: timers.append((seconds, function)),
    )  # fmt: skip
    with contextlib.closing(guard):
        app.wsgi_app = guard  # type: ignore[method-assign]
        assert app.test_client().post("/quiet").text == "done" and timers == []
        assert app.test_client().post("/exports/7").text == "started"
        ((seconds, look),) = timers
        clock.advance(seconds)
        look()
        gate.set()
    (told,) = found
    assert (told.handler, told.what, told.seconds) == ("export (POST /exports/<int:number>)", "thread", 1.0)


def test_the_fixture_fails_a_test_whose_handler_leaves_work_behind(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(
        textwrap.dedent("""
        import asyncio
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route
        from starlette.testclient import TestClient

        async def work():
            await asyncio.sleep(100)

        async def bad(request):
            asyncio.create_task(work())
            return PlainTextResponse("bad")

        async def good(request):
            await asyncio.create_task(asyncio.sleep(0))
            return PlainTextResponse("good")

        app = Starlette(routes=[Route("/bad", bad), Route("/good", good)])

        def test_bad(ms_guard):
            assert TestClient(ms_guard(app)).get("/bad").text == "bad"

        def test_good(ms_guard):
            assert TestClient(ms_guard(app)).get("/good").text == "good"
        """)
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", ".", "-q"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "2 passed, 1 error" in told, told
    assert "test_shop.bad (GET /bad) left work behind: the asyncio task work was cut off" in told
    assert "    asyncio.create_task(work())" in told


def test_the_fixture_watches_applications_of_wsgi_as_well(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(
        textwrap.dedent("""
        import threading
        from flask import Flask

        app, gate = Flask("shop"), threading.Event()

        @app.post("/exports")
        def export():
            threading.Thread(target=gate.wait, args=(30,)).start()
            return "started"

        @app.post("/quick")
        def quick():
            threading.Thread(target=len, args=("",)).start()
            return "started"

        def plain(environ, start_response):
            threading.Thread(target=gate.wait, args=(30,)).start()
            start_response("200 OK", [])
            return [b"started"]

        def ask(guarded, path):
            app.wsgi_app = guarded
            return app.test_client().post(path).text

        whole = app.wsgi_app

        def test_left(ms_guard):
            assert ask(ms_guard.wsgi(whole), "/exports") == "started"

        def test_ended(ms_guard):
            assert ask(ms_guard.wsgi(whole), "/quick") == "started"

        def test_unwatched(ms_guard):
            assert ask(whole, "/exports") == "started"  # neither a guard of its own, nor one that the fixture has put around it

        def test_no_framework(ms_guard):
            environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/exports"}
            assert b"".join(ms_guard.wsgi(plain)(environ, lambda status, headers: None)) == b"started"

        def test_the_last_lets_them_go():
            gate.set()
        """)
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", ".", "-q"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "5 passed" in told and "2 errors" in told, told
    assert "export (POST /exports) left work behind: the thread Event.wait still" in told
    assert "ERROR test_shop.py::test_left" in told
    assert "ERROR test_shop.py::test_no_framework" in told
