"""Started work of which nobody knows what it does: a warning, unless something speaks for harmless. Each case beside its counterpart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent

import pytest

from mainspring.advisor.finding import Finding, Severity

Check = Callable[[str | Mapping[str, str]], list[Finding]]

HEAD = """
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from fastapi import FastAPI
app = FastAPI()
pool = ThreadPoolExecutor()
"""

LEFT: Mapping[str, tuple[str, str]] = {
    "a thread of a plugin's own making": (
        """
        def refresh(hooks):
            threading.Thread(target=hooks.settle).start()
        """,
        "MS102",
    ),
    "a thread of a handler that goes through many": (
        """
        @app.post("/touch")
        def touch(queue, wanted):
            def walk():
                for each in wanted:
                    queue.append(each)
            threading.Thread(target=walk).start()
            return {"queued": len(wanted)}
        """,
        "MS102",
    ),
    "a loop of a request that nobody can read": (
        """
        async def rest(stream):
            while True:
                try:
                    await stream.advance()
                except StopAsyncIteration:
                    pass
        @app.post("/begin")
        async def begin(stream):
            asyncio.create_task(rest(stream))
        """,
        "MS101",
    ),
    "a thread that starts itself": (
        """
        class Courier(threading.Thread):
            def __init__(self, parcel):
                super().__init__()
                self.parcel = parcel
                self.start()
            def run(self):
                import requests
                requests.post("https://parcels.example.com", json=self.parcel)
        """,
        "MS102",
    ),
    "a task that is kept and given back to callers who leave it": (
        """
        import httpx
        running = set()
        async def upgrade():
            await httpx.AsyncClient().post("https://shop.example.com/upgrade")
        def schedule_upgrade():
            task = asyncio.create_task(upgrade())
            running.add(task)
            return task
        def accept():
            schedule_upgrade()
        """,
        "MS101",
    ),
    "a task for each job, which another method cancels at the end by a name of its own": (
        """
        class Desk:
            def __init__(self):
                self.open = {}
            def take(self, number, work):
                task = asyncio.create_task(self.perform(number, work))
                self.open[number] = task
            async def perform(self, number, work):
                await work(number)
            async def stop(self):
                for task in list(self.open.values()):
                    task.cancel()
        """,
        "MS101",
    ),
    "a job that an object is told to run, and may stop": (
        """
        import httpx
        class Sync:
            async def start(self, settings):
                self._task = asyncio.create_task(self._run(settings))
            async def stop(self):
                self._task.cancel()
            async def _run(self, settings):
                await httpx.AsyncClient().post("https://shop.example.com", json=settings)
        """,
        "MS101",
    ),
    "a callback of the loop that is asked for in place": (
        """
        from tornado.ioloop import IOLoop
        async def renew(order):
            await order.renew()
        def begin(order):
            IOLoop.current().spawn_callback(renew, order)
        """,
        "MS101",
    ),
    "a method that says that it goes on in the background": (
        """
        class Orders:
            async def settle(self, order):
                await order.settle()
            def done(self, server, order):
                server.run_as_background_process("settle", self.settle, order)
        """,
        "MS101",
    ),
    "a thread of Twisted's": (
        """
        from twisted.internet import threads
        import requests
        def tell(numbers):
            requests.post("https://stats.example.com", json=numbers)
        def stopped(numbers):
            threads.deferToThread(tell, numbers)
        """,
        "MS103",
    ),
    "a dict that is looked up is no sign": (
        """
        @app.post("/mark")
        def mark(data, sheet):
            def work():
                sheet[data["id"]].save_row(data)
            threading.Thread(target=work).start()
            return {"kind": data.get("kind")}
        """,
        "MS102",
    ),
    "accepting an offer makes no server": (
        """
        import requests
        def upload(offer):
            offer.accept()
            requests.post("https://files.example.com", data=offer.body)
        def offered(offer):
            threading.Thread(target=upload, args=(offer,)).start()
        """,
        "MS102",
    ),
    "a pool of this process is no queue that keeps": (
        """
        from multiprocessing.pool import ThreadPool
        class Flows:
            def __init__(self):
                self.pool = ThreadPool(4)
            def again(self, flow):
                self.pool.apply_async(self.execute, (flow,))
            def execute(self, flow):
                flow.execute_steps()
                self.pool.apply_async(self.execute, (flow,))
        """,
        "MS103",
    ),
}

KEPT: Mapping[str, str] = {
    "upkeep by its name": """
        class Sessions:
            def opened(self, session):
                asyncio.create_task(self._expire_idle(session))
            async def _expire_idle(self, session):
                await session.idle()
        """,
    "a part of an object that begins with it": """
        class Feed:
            def start(self):
                self._task = asyncio.create_task(self._turn())
            async def _turn(self):
                await self.source.turn()
        """,
    "an event of the same object is waited for": """
        class Batches:
            def __init__(self):
                self.finished = asyncio.Event()
            async def embed(self, text):
                asyncio.create_task(self.gather_batch())
                await self.finished.wait()
            async def gather_batch(self):
                done = self.finished
                await self.model.embed()
                done.set()
        """,
    "a signal with the same number is waited for": """
        class Questions:
            async def ask(self, executor, number):
                async def answer():
                    executor.signal(number, await self.human())
                asyncio.create_task(answer())
                return await executor.wait_for_signal(name=number)
        """,
    "futures that a helper reads": """
        def complete(futures):
            return [each.result() for each in as_completed(futures)]
        def upload(parts, send_part):
            futures = {}
            for number, part in enumerate(parts):
                future = pool.submit(send_part, part)
                futures[future] = number
            return complete(futures)
        """,
    "a queue that is read here": """
        async def relay(source):
            pieces = asyncio.Queue()
            async def fill():
                async for piece in source.pieces():
                    await pieces.put(piece)
                await pieces.put(None)
            asyncio.create_task(fill())
            while (piece := await pieces.get()) is not None:
                yield piece
        """,
    "a stream that the caller gets": """
        def stream_answer(model, inputs):
            streamer = TextStreamer(timeout=60)
            settings = {"streamer": streamer, **inputs}
            threading.Thread(target=model.generate, kwargs=settings).start()
            return streamer, len(inputs)
        """,
    "a stream that a generator yields from": """
        def build(model, inputs):
            streamer = TextStreamer(timeout=60)
            def generate():
                model.generate(**inputs, streamer=streamer)
            def iterate():
                threading.Thread(target=generate).start()
                yield from streamer
            return iterate()
        """,
    "a task that a helper is given to end": """
        async def end(task):
            task.cancel()
        @app.post("/pause")
        async def pause(request, ledger):
            leaving = asyncio.create_task(request.hung_up())
            try:
                await ledger.pause()
            finally:
                await end(leaving)
        """,
    "a future of a task that runs already": """
        async def run(context, loop, work, running):
            task = context.run(loop.create_task, work())
            asyncio.ensure_future(task).add_done_callback(running.discard)
            return task
        """,
    "a process whose end a callback looks for": """
        import multiprocessing
        def list_media(loop, target, answer):
            pipe = multiprocessing.Pipe()
            process = multiprocessing.Process(target=walk, args=(pipe, target))
            process.start()
            def look():
                if process.is_alive():
                    loop.add_timeout(0.5, look)
                else:
                    answer(pipe.recv())
            look()
        """,
    "a watch that begins with its object": """
        class Followed:
            def __init__(self, path):
                self.leave = threading.Event()
                threading.Thread(target=self.turn, args=(path, self.leave)).start()
            def turn(self, path, leave):
                self.source.turn(path)
        """,
    "a watch that its object tells to leave": """
        class Forwarded:
            def __init__(self, stream):
                self.stop_event = threading.Event()
                self.thread = threading.Thread(target=forward_stream, args=(stream, self.stop_event))
                self.thread.start()
        def forward_stream(stream, stop):
            stream.forward(stop)
        """,
    "a future that is settled for others": """
        from concurrent.futures import Future
        def begin(nodes, node):
            result = Future()
            def run():
                result.set_result(node.launch())
            threading.Thread(target=run).start()
            nodes.started(node, result)
        """,
    "a thread that joins in": """
        class Reader(threading.Thread):
            def __init__(self):
                super().__init__()
                self.start()
            def run(self):
                self.source.forward_all()
            def close(self):
                self.join()
        """,
    "a future that the thread settles is awaited": """
        async def aside(store, row):
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            def resolve():
                future.set_result(None)
            def work():
                store(row)
                loop.call_soon_threadsafe(resolve)
            threading.Thread(target=work).start()
            await future
        """,
    "a deferred with callbacks": """
        from twisted.internet import defer, threads
        def look_up(name):
            found = threads.deferToThread(resolve_name, name)
            found.addCallback(print)
        """,
    "a deferred that is called back later": """
        from twisted.internet import defer, reactor
        def pause():
            later = defer.Deferred()
            reactor.callLater(3, later.callback, None)
            return later
        """,
    "a browser that is opened": """
        import subprocess
        def open_in_browser(command, url):
            subprocess.Popen([command, url])
        """,
    "what a plain wrapper gives is awaited": """
        from twisted.internet import defer
        def shielded(work):
            inner = defer.ensureDeferred(work)
            outer = defer.Deferred()
            inner.chainDeferred(outer)
            return outer
        async def ask(callback, user):
            return await shielded(callback(user))
        """,
    "a group of the project's own making": """
        async def gather_all(calls):
            async with create_gather_task_group() as tg:
                for call in calls:
                    tg.start_soon(call)
        """,
}


def heard(found: list[Finding]) -> list[str]:
    return [each.code for each in found if each.code.startswith("MS1") and each.severity is not Severity.NOTICE]


@pytest.mark.parametrize(("body", "code"), LEFT.values(), ids=LEFT)
def test_what_is_left_is_heard(check: Check, body: str, code: str) -> None:
    assert code in heard(check(HEAD + dedent(body)))


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_what_speaks_for_harmless_is_believed(check: Check, body: str) -> None:
    assert heard(check(HEAD + dedent(body))) == []


def test_a_handle_that_a_queue_gives_and_that_is_awaited_makes_no_wrapper_of_who_asked(check: Check) -> None:
    body = """
    class Turns:
        def __init__(self):
            self.running = set()
        async def put(self, work):
            task = asyncio.create_task(work)
            self.running.add(task)
            return task
    turns = Turns()
    @app.middleware("http")
    async def in_turn(request, handler):
        task = await turns.put(handler(request))
        return await task
    """
    (found,) = [each for each in check(HEAD + dedent(body)) if each.code.startswith("MS1")]
    assert (found.code, found.function) == ("MS109", "Turns.put")
