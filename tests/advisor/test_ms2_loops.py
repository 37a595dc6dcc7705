"""Loops that go on until somebody switches them off, wherever they are started from, and timers that a project has built around others."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent

import pytest

from mainspring.advisor.finding import Finding, Severity

Check = Callable[..., list[Finding]]


def serious(found: list[Finding]) -> list[str]:
    """Return the codes of what fails a build."""
    return sorted(each.code for each in found if each.severity is not Severity.NOTICE)


def places(found: list[Finding]) -> list[tuple[str, str]]:
    """Return the codes and files of what fails a build."""
    return sorted((each.code, each.path) for each in found if each.severity is not Severity.NOTICE)


MIRROR = """
import threading
import time
import requests

class Mirror:
    def __init__(self):
        self.abort = threading.Event()
        self.wake = threading.Event()
        self.ready = threading.Event()
        self.enabled = True
        self.thread = threading.Thread(target=self.copy, args=(1,))

    def begin(self):
        self.thread.start()

    def copy(self, turn):
        {head}:
            time.sleep(60)
            requests.post("https://mirror.example/copy")
{rest}
"""


@pytest.mark.parametrize(
    ("head", "is_told"),
    [
        ("while not self.abort.is_set()", True),
        ("while not self.wake.is_set()", True),
        ("while self.enabled", True),
        ("while self._polling", True),
        ("while self.run_mirror and not self.abort.is_set()", True),
        ("while self.generation == turn", True),
        ("while not self.ready.is_set()", False),
        ("while self.state == turn", False),
        ("while self.pending", False),
    ],
)
def test_a_loop_that_only_a_switch_or_an_event_ends_is_endless(check: Check, head: str, is_told: bool) -> None:
    found = serious(check(MIRROR.format(head=head, rest="")))
    assert ("MS202" in found) is is_told


@pytest.mark.parametrize(
    ("condition", "is_told"),
    [("self.is_switched_over()", True), ("not self.interval", True), ("self.is_finished()", False), ("n > 3", False)],
)
def test_a_loop_that_asks_for_a_stop_goes_on_though_it_may_be_left_for_other_reasons(check: Check, condition: str, is_told: bool) -> None:
    way_out = indent(f"if {condition}:\n    return", " " * 12)
    found = serious(check(MIRROR.format(head="while not self.abort.is_set()", rest=way_out)))
    assert ("MS202" in found) is is_told


def test_what_an_attribute_of_a_thread_does_is_not_what_threads_do(check: Check) -> None:
    found = check("""
        import threading
        import time

        class Regular(threading.Thread):
            def __init__(self, action):
                super().__init__(daemon=True)
                self.action = action
                self.halt = threading.Event()

            def run(self):
                while not self.halt.is_set():
                    self.action.run()
                    time.sleep(1)

        def begin(action):
            Regular(action).start()
        """)
    assert "MS202" in serious(found)


PROGRAM = {
    "shop/daemon.py": """
        import argparse
        from shop.copier import Copier
        from shop.face import Face

        class Daemon:
            def begin(self):
                copier = Copier()
                copier.daemon = True
                copier.start()
                {face}

        def main():
            argparse.ArgumentParser().parse_args()
            Daemon().begin()

        if __name__ == "__main__":
            main()
        """,
    "shop/copier.py": """
        import threading
        import time
        import requests

        class Copier(threading.Thread):
            def run(self):
                while True:
                    requests.post("https://mirror.example/copy")
                    time.sleep(60)
        """,
    "shop/face.py": """
        import threading
        import tornado.httpserver

        class Face(threading.Thread):
            def run(self):
                tornado.httpserver.HTTPServer(None).listen(8080)
        """,
}


@pytest.mark.parametrize(("face", "is_told"), [("Face().start()", True), ("print('only a copy')", False)])
def test_a_program_that_stays_to_serve_is_no_command(check: Check, face: str, is_told: bool) -> None:
    sources = {**PROGRAM, "shop/daemon.py": PROGRAM["shop/daemon.py"].replace("{face}", face)}
    assert ("MS202" in serious(check(sources))) is is_told


def test_a_timer_of_a_projects_own_event_loop_is_found_where_it_is_given_its_work(check: Check) -> None:
    found = check(
        {
            "shop/beats.py": """
            import asyncio

            class Beats:
                def __init__(self):
                    self.loop = asyncio.get_event_loop()

                def call_at(self, when, callback):
                    return self.loop.call_at(when, callback)

                def register_timer(self, callback):
                    return Flexible(self, callback)

            class Flexible:
                def __init__(self, beats: Beats, callback):
                    self.beats = beats
                    self.callback = callback

                def start(self):
                    self.beats.call_at(0, self._begin)

                def _begin(self):
                    self.beats.loop.create_task(self._call())

                async def _call(self):
                    await self.callback()
                    self.beats.call_at(60, self._begin)
            """,
            "shop/news.py": """
            import requests
            from shop.beats import Beats

            class News:
                def __init__(self, beats: Beats):
                    self.timer = beats.register_timer(self.refresh)

                async def refresh(self):
                    requests.get("https://news.example/feed")
            """,
        }
    )
    assert ("MS203", "shop/news.py") in places(found)


@pytest.mark.parametrize("name", ["looping_call", "run_periodically", "call_every_minute"])
def test_a_function_that_says_that_it_calls_again_and_again_is_a_timer(check: Check, name: str) -> None:
    found = check(
        {
            "shop/clock.py": f"""
            from shop.beats import make

            class Clock:
                def {name}(self, work, seconds):
                    def again():
                        work()
                    return make(again, seconds)
            """,
            "shop/rooms.py": f"""
            import threading
            import requests
            from shop.clock import Clock

            def purge():
                requests.delete("https://rooms.example/old")

            class Rooms:
                def __init__(self, clock: Clock):
                    self.lock = threading.Lock()
                    clock.{name}(purge, 60)
            """,
        }
    )
    assert places(found) == [("MS203", "shop/rooms.py")]


def test_a_job_that_calls_what_others_write_is_not_known_to_be_local(check: Check) -> None:
    found = check("""
        from apscheduler.schedulers.background import BackgroundScheduler

        class Store:
            def vacuum(self):
                ...

        class Care:
            def __init__(self, store: Store):
                self.store = store

            def begin(self):
                clock = BackgroundScheduler()
                clock.add_job(self.tidy, "interval", hours=1)
                clock.start()

            def tidy(self):
                self.store.vacuum()
        """)
    assert serious(found) == ["MS201", "MS201"]


def test_a_loop_of_a_worker_is_told_once_where_it_is_started(check: Check) -> None:
    found = check(
        {
            "shop/worker/__main__.py": """
            import asyncio
            from shop.orders import follow

            class Worker:
                def __init__(self):
                    self.tasks = []

                async def begin(self):
                    self.tasks.append(asyncio.create_task(follow()))
                    await asyncio.Event().wait()

            asyncio.run(Worker().begin())
            """,
            "shop/orders.py": """
            import asyncio
            import requests

            async def follow():
                while True:
                    requests.post("https://orders.example/sync")
                    await asyncio.sleep(60)
            """,
        }
    )
    assert [each for each in places(found) if each[0] == "MS202"] == [("MS202", "shop/worker/__main__.py")]


def test_a_method_of_one_base_is_found_behind_a_base_of_a_library(check: Check) -> None:
    found = check("""
        import asyncio
        from typing import Protocol
        import httpx

        class Supports(Protocol):
            backends: dict

        class Counts(Supports):
            async def balance(self): ...

        class Listens:
            async def begin_listening(self):
                tasks = []
                for backend in self.backends:
                    tasks.append(asyncio.create_task(self.listen(backend)))
                return tasks

            async def listen(self, backend):
                while True:
                    await httpx.AsyncClient().post(backend)
                    await asyncio.sleep(5)

        class Mint(Counts, Listens):
            async def startup(self):
                self.listeners = await self.begin_listening()
        """)
    assert "MS202" in serious(found)


def test_a_reactor_that_an_object_was_given_starts_threads_as_well(check: Check) -> None:
    found = check("""
        import threading
        import requests

        class Follower:
            def __init__(self, reactor):
                self._reactor = reactor
                self.halt = threading.Event()

            def begin(self):
                self._reactor.callInThread(self.follow)

            def follow(self):
                while not self.halt.is_set():
                    requests.get("https://chain.example/latest")
                    self.halt.wait(60)
        """)
    assert "MS202" in serious(found)


@pytest.mark.parametrize(("handle", "is_told"), [("self.looper", True), ("self.heartbeat_call", False)])
def test_a_component_of_a_router_is_no_connection_and_the_name_of_a_beat_tells_what_it_is_for(
    check: Check, handle: str, is_told: bool
) -> None:
    found = check(f"""
        from autobahn.twisted.wamp import ApplicationSession
        from twisted.internet.task import LoopingCall

        class Controller(ApplicationSession):
            def onJoin(self, details):
                def apply():
                    self.publish("state", self.gather())
                {handle} = LoopingCall(apply)
                {handle}.start(10)
        """)
    assert ("MS201" in serious(found)) is is_told


PUMP = """
import asyncio

class Hub:
    def __init__(self, sockets):
        self.sockets = sockets
        self.messages = asyncio.Queue()

    async def begin(self, app):
        self.task = asyncio.create_task(self.{name}())

    async def {name}(self):
        while True:
            message = await self.messages.get()
            {work}
"""


@pytest.mark.parametrize(
    ("name", "work", "is_told"),
    [
        ("pump", "await self.sockets[message.to].send_str(message.text)", False),
        ("pump", "self.loop.call_soon_threadsafe(message.future.set_result, self.answer(message))", False),
        ("write_log", "self.target.take(message)", False),
        ("work_off", "self.target.take(message)", True),
    ],
)
def test_a_queue_of_own_clients_of_answers_or_of_logs_is_a_notice(check: Check, name: str, work: str, is_told: bool) -> None:
    found = serious(check(PUMP.format(name=name, work=work)))
    assert ("MS301" in found) is is_told


def test_a_timer_of_a_reactor_that_an_object_was_given_is_a_schedule_where_it_sets_itself_again(check: Check) -> None:
    found = check("""
        import threading
        import requests

        class Poller:
            def __init__(self, master):
                self.master = master
                self.lock = threading.Lock()

            def poll(self):
                requests.get("https://worker.example/state")
                self.master.reactor.callLater(60, self.poll)
        """)
    assert serious(found) == ["MS203"]


@pytest.mark.parametrize(("call", "is_told"), [("self.recover_runs()", True), ("self.look_at_runs()", False), ("self.tell_runs()", False)])
def test_a_function_that_calls_itself_an_act_counts_though_nobody_can_follow_it_to_its_end(check: Check, call: str, is_told: bool) -> None:
    found = check(f"""
        import asyncio

        class Runs:
            def __init__(self, engine):
                self.engine = engine

            def begin(self):
                self.task = asyncio.create_task(self.care())

            async def care(self):
                while True:
                    await {call}
                    await asyncio.sleep(60)

            async def recover_runs(self):
                for run in self.engine.runs:
                    await self.first(run)

            async def look_at_runs(self):
                for run in self.engine.runs:
                    await self.first(run)

            async def tell_runs(self):
                self.tell_all()

            def tell_all(self):
                self.engine.loop.create_task(self.look_at_runs())

            async def first(self, run):
                await self.second(run)

            async def second(self, run):
                return run.strange(self.engine)
        """)
    assert ("MS202" in serious(found)) is is_told


def test_what_a_function_works_off_that_it_has_gathered_itself_is_no_queue(check: Check) -> None:
    found = check("""
        import threading
        import time
        from collections import deque

        class Reload:
            def begin(self):
                self.thread = threading.Thread(target=self.watch)
                self.thread.start()

            def watch(self):
                while True:
                    self.stale = reachable(self.graph)
                    time.sleep(1)

        def reachable(graph):
            queue = deque(graph.roots)
            seen = set()
            while queue:
                node = queue.popleft()
                seen.add(node)
            return seen
        """)
    assert "MS301" not in [each.code for each in found]


@pytest.mark.parametrize(("name", "is_told"), [("PeerConnection", False), ("Warehouse", True)])
def test_the_loop_of_a_class_that_is_one_connection_is_a_notice(check: Check, name: str, is_told: bool) -> None:
    found = check(f"""
        import asyncio

        class {name}:
            def begin(self):
                self.task = asyncio.create_task(self.inbound())

            async def inbound(self):
                while not self.closed:
                    message = await self.next_one()
                    await self.route(message)
                    await asyncio.sleep(1)

            async def route(self, message):
                await self.api.strange(message)

            async def send(self, message):
                self.writer.write(message)

            async def close(self):
                self.closed = True
        """)
    assert ("MS202" in serious(found)) is is_told


def test_a_command_that_binds_a_server_is_a_service(check: Check) -> None:
    sources = {
        "shop/cli/serve.py": """
            import threading
            import time
            import click
            import requests
            import uvicorn
            from shop.main import app

            def copy():
                while True:
                    requests.post("https://mirror.example/copy")
                    time.sleep(60)

            @click.command()
            def serve():
                threading.Thread(target=copy, daemon=True).start()
                uvicorn.run(app)

            @click.command()
            def mirror():
                threading.Thread(target=copy, daemon=True).start()
                input()
            """
    }
    assert [each.function for each in check(sources) if each.code == "MS202"] == ["serve"]


@pytest.mark.parametrize("run", ["asyncio.run", "asyncio.new_event_loop().run_until_complete"])
def test_a_thread_that_runs_a_coroutine_is_what_the_coroutine_is(check: Check, run: str) -> None:
    found = check(f"""
        import asyncio
        import threading
        import httpx

        async def copy():
            while True:
                await httpx.AsyncClient().post("https://mirror.example/copy")
                await asyncio.sleep(60)

        def begin():
            threading.Thread(target={run}, args=(copy(),), daemon=True).start()
        """)
    assert "MS202" in serious(found)


def test_what_a_cleanup_context_of_an_application_starts_runs_as_long_as_the_application(check: Check) -> None:
    found = check("""
        import asyncio
        import httpx
        from aiohttp import web

        async def copy():
            while True:
                await httpx.AsyncClient().post("https://mirror.example/copy")
                await asyncio.sleep(60)

        async def copying(app):
            task = asyncio.create_task(copy())
            yield
            task.cancel()

        def make():
            app = web.Application()
            app.cleanup_ctx.append(copying)
            return app
        """)
    assert "MS202" in serious(found)


@pytest.mark.parametrize(("name", "is_told"), [("prune_counts", False), ("end_if_dead", False), ("take_profile", False), ("collect", True)])
def test_a_beat_by_which_a_process_forgets_or_looks_at_itself_is_a_notice(check: Check, name: str, is_told: bool) -> None:
    found = check(f"""
        from tornado.ioloop import PeriodicCallback

        class Server:
            def begin(self):
                PeriodicCallback(self.{name}, 60_000).start()

            def {name}(self):
                self.engine.strange()
        """)
    assert ("MS201" in serious(found)) is is_told
