"""Work that serves only the process or the connection that began it, beside work of the same shape that others would miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent

import pytest

from mainspring.advisor.finding import Finding, Severity

Check = Callable[[str | Mapping[str, str]], list[Finding]]

HEAD = """
import asyncio
import os
import threading
import time
import requests
from concurrent.futures import ThreadPoolExecutor, wait
from fastapi import FastAPI
app = FastAPI()
pool = ThreadPoolExecutor()
"""


def heard(found: list[Finding]) -> list[str]:
    """Return the codes of what fails a build."""
    return sorted(each.code for each in found if each.severity is not Severity.NOTICE)


PAIRS: dict[str, tuple[str, str, str]] = {
    "a server, as it is told where to listen": (
        """
        class Face:
            def __init__(self, site):
                self.site = site
            async def show(self):
                await asyncio.sleep(1)
                await self.site.run_task(host="0.0.0.0", port=8080)
        def begin(site):
            asyncio.create_task(Face(site).show())
        """,
        'await self.site.run_task(host="0.0.0.0", port=8080)',
        "await self.site.run_task(self.orders)",
    ),
    "a function that runs a server": (
        """
        import uvicorn
        async def serve_metrics():
            await uvicorn.Server(uvicorn.Config(app)).serve()
        def run():
            asyncio.run(serve_metrics())
        def begin():
            threading.Thread(target=run).start()
        """,
        "await uvicorn.Server(uvicorn.Config(app)).serve()",
        'requests.post("https://crm.example/all")',
    ),
    "what a model writes into a streamer": (
        """
        from transformers import TextIteratorStreamer
        def answer(model, tokenizer, question):
            given = {"inputs": question}
            given["streamer"] = TextIteratorStreamer(tokenizer)
            threading.Thread(target=model.generate, kwargs=given).start()
            return given["streamer"]
        """,
        "TextIteratorStreamer(tokenizer)",
        "tokenizer.pad",
    ),
    "what is collected by an object that is left by a with": (
        """
        async def push(order):
            await asyncio.to_thread(requests.post, "https://crm.example")
        class Orders:
            def __init__(self):
                self.tasks = set()
            def push(self, order):
                self.tasks.add(asyncio.create_task(push(order)))
            async def __aexit__(self, *error):
                await settled(self.tasks)
        """,
        "async def __aexit__(self, *error):",
        "async def look(self):",
    ),
    "a server of sockets": (
        """
        import websockets
        async def serve_pages(tell):
            async with websockets.serve(tell, "localhost", 8765):
                await asyncio.Future()
        def run(tell):
            asyncio.run(serve_pages(tell))
        def begin(tell):
            threading.Thread(target=run, args=(tell,)).start()
        """,
        "websockets.serve(tell, ",
        "websockets.connect(tell, ",
    ),
    "a program that begins anew": (
        """
        import sys
        def _replace():
            os.execv(sys.executable, sys.argv)
        def restart():
            time.sleep(2)
            _replace()
        def begin():
            threading.Thread(target=restart).start()
        """,
        "time.sleep(2)",
        'requests.get("https://shop.example/new-version")',
    ),
    "the end of this very process": (
        """
        async def leave_later():
            await asyncio.sleep(3)
            os.kill(os.getpid(), 15)
        def begin():
            asyncio.create_task(leave_later())
        """,
        "os.kill(os.getpid(), 15)",
        'requests.post("https://crm.example/bye")',
    ),
    "a page shown to whoever started the program": (
        """
        def show(url):
            time.sleep(1)
            open_in_browser(url)
        def begin(url):
            threading.Thread(target=show, args=(url,)).start()
        """,
        "open_in_browser(url)",
        "open_an_account(url)",
    ),
    "an object that ends itself": (
        """
        class Feed:
            async def _stop_reading(self):
                await self.source.forget(self)
            async def _order_paper(self):
                await self.source.order(self)
            def fail(self):
                asyncio.create_task(self._stop_reading())
        """,
        "self._stop_reading())",
        "self._order_paper())",
    ),
    "something that is forgotten after a while": (
        """
        def note(book, key):
            async def later():
                await asyncio.sleep(5)
                book.remove_note(key)
            asyncio.create_task(later())
        """,
        "book.remove_note(key)",
        "book.print_note(key)",
    ),
    "a wait that is given up": (
        """
        def limit(book, future):
            def later():
                if not future.done():
                    book.give_up(future)
            asyncio.get_running_loop().call_later(30, later)
        """,
        "book.give_up(future)",
        "book.send_reminder(future)",
    ),
    "a loop over the connection that it is given": (
        """
        class Link:
            async def _consume(self, reader):
                while True:
                    await self.fold(await reader.next_line())
                    requests.get("https://shop.example/prices")
            def begin(self, reader, orders):
                self.task = asyncio.create_task(self._consume(reader))
        """,
        "self._consume(reader))",
        "self._consume(orders))",
    ),
    "an object that is made with its socket": (
        """
        class Talk:
            def __init__(self, websocket):
                self.peer = websocket
            async def say(self, text):
                await tell(self.peer, text)
            def say_soon(self, text):
                asyncio.create_task(self.say(text))
        """,
        "__init__(self, websocket)",
        "__init__(self, customer)",
    ),
    "news for the socket that a process holds": (
        """
        class Hub:
            async def _state_changed(self, news):
                for each in self.pages.made_of(news):
                    await self.websocket.send_str(each)
            def changed(self, news):
                asyncio.create_task(self._state_changed(news))
        """,
        "self.websocket.send_str(each)",
        "self.archive.keep(each)",
    ),
    "the answer itself, which comes later": (
        """
        from twisted.web.server import NOT_DONE_YET
        def answer(request, text):
            run_in_background(write_in_pieces, request, text)
            return NOT_DONE_YET
        def write_in_pieces(request, text):
            request.charge(text)
        """,
        "return NOT_DONE_YET",
        "return None",
    ),
    "a file that is deleted when it was sent": (
        """
        from fastapi import BackgroundTasks
        from fastapi.responses import FileResponse
        @app.get("/export/{name}")
        def export(name: str, tasks: BackgroundTasks, exports):
            tasks.add_task(exports.delete, name)
            return FileResponse(exports.path(name))
        """,
        "return FileResponse(exports.path(name))",
        "return {}",
    ),
    "a log of what this process uses": (
        """
        import csv
        class Meter:
            def _log_resources(self):
                with open("use.csv", "a") as file:
                    csv.writer(file).writerow([time.time()])
            def _bill_customers(self):
                with open("bills.csv", "a") as file:
                    csv.writer(file).writerow([time.time()])
            def look(self):
                threading.Thread(target=self._log_resources).start()
        """,
        "target=self._log_resources)",
        "target=self._bill_customers)",
    ),
    "a pool that a function was given": (
        """
        def deliver(order):
            requests.post("https://shop.example/orders", json=order)
        def run(executor, orders):
            for order in orders:
                executor.submit(deliver, order)
        """,
        "def run(executor, orders):",
        "executor = ThreadPoolExecutor()\n        def run(orders):",
    ),
    "a collection that is waited for as something else": (
        """
        def deliver(order):
            requests.post("https://shop.example/orders", json=order)
        def run(orders):
            pending = set()
            def submit_next():
                pending.add(pool.submit(deliver, orders.pop()))
            while orders:
                submit_next()
                done, _ = wait(tuple(pending))
        """,
        "done, _ = wait(tuple(pending))",
        "pending.clear()",
    ),
    "a stream that is read to its end": (
        """
        async def tell(model, prompt, streamer):
            asyncio.create_task(model.answer_all(prompt))
            async for piece in streamer:
                print(piece)
        """,
        "async for piece in streamer:",
        "for piece in prompt:",
    ),
    "what begins and ends with a connection": (
        """
        class Broker:
            def _on_socket_open(self):
                self.upkeep = asyncio.create_task(self.look())
            def _on_socket_close(self):
                self.upkeep.cancel()
            async def look(self):
                requests.get("https://broker.example/ping")
        """,
        "_on_socket_open",
        "_on_order_paid",
    ),
    "a pool that is left, asked by another function": (
        """
        from functools import partial
        def paint(orders):
            with ThreadPoolExecutor() as painters:
                begun = list(map(partial(painters.submit, draw), orders))
                return [each.result() for each in begun]
        def draw(order):
            requests.post("https://shop.example/draw", json=order)
        """,
        "with ThreadPoolExecutor() as painters:",
        "painters = ThreadPoolExecutor()\n            if orders:",
    ),
    "a task that whoever asks waits for": (
        """
        class Link:
            def __init__(self, loop):
                self.opened = loop.create_task(self._send_papers())
            async def _send_papers(self):
                return await self.peer.order_paper(self), 1
            async def peer_of(self):
                peer, _ = await self.opened
                return peer
        """,
        "await self.opened",
        "self.paper",
    ),
    "a line in a log": (
        """
        def log_file(text):
            def put(book):
                book.keep(text)
            threading.Thread(target=put, args=(open("shop.log"),)).start()
        """,
        "log_file",
        "pay_bill",
    ),
    "children of a program that waits for them all": (
        """
        import signal
        import subprocess
        def serve():
            children = []
            child = subprocess.Popen(["nginx"])
            children.append(child)
            signal.signal(signal.SIGTERM, lambda *_: end_all([each.pid for each in children]))
            until_one_ends(children=children)
        def until_one_ends(children):
            ids = [each.pid for each in children]
            while True:
                one, _ = os.wait()
                if one in ids:
                    break
        """,
        "until_one_ends(children=children)",
        "children.sort()",
    ),
    "a watcher of the files that were loaded": (
        """
        def made(callback):
            class FileWatcher:
                def on_modified(self, event):
                    asyncio.run_coroutine_threadsafe(self.on_file_changed(), self.loop)
                async def on_file_changed(self):
                    await callback.do_all()
            return FileWatcher
        """,
        "class FileWatcher:",
        "class FileSender:",
    ),
    "a queue that only says when to stop": (
        """
        class Scan:
            async def run(self):
                stop = False
                while not stop:
                    self.book.sort_out()
                    stop = await self._queue.get()
            def begin(self):
                self.task = asyncio.create_task(self.run())
        """,
        "stop = await",
        "item = await",
    ),
    "a queue of one call": (
        """
        def listen(session, tell):
            events = asyncio.Queue()
            session.on_event(events)
            async def pass_on():
                while True:
                    await tell(await events.get())
            session.task = asyncio.create_task(pass_on())
        """,
        "def listen(session, tell):\n            events = asyncio.Queue()",
        "events = asyncio.Queue()\n        def listen(session, tell):",
    ),
    "a reader of children": (
        """
        def reaper_loop(children):
            while True:
                time.sleep(5)
                children.sort_out()
        def begin(children):
            threading.Thread(target=reaper_loop, args=(children,)).start()
        """,
        "reaper_loop",
        "billing_loop",
    ),
    "a note that somebody is typing": (
        """
        async def show_typing(room):
            while True:
                await asyncio.sleep(4)
                requests.post("https://chat.example/typing", json=room)
        def begin(room):
            asyncio.create_task(show_typing(room))
        """,
        "show_typing",
        "show_prices",
    ),
    "another word for what is in memory": (
        """
        async def keep_small(context):
            while True:
                await asyncio.sleep(1)
                context.expire()
        def begin(context):
            asyncio.create_task(keep_small(context))
        """,
        "context.expire()",
        "context.charge()",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_serves_only_this_process_is_no_accusation(check: Check, name: str) -> None:
    body, _, _ = PAIRS[name]
    assert heard(check(HEAD + dedent(body))) == []


@pytest.mark.parametrize("name", PAIRS)
def test_what_others_would_miss_is_one(check: Check, name: str) -> None:
    body, own, others = PAIRS[name]
    assert own in body
    assert heard(check(HEAD + dedent(body.replace(own, others))))


RETRY = """
async def push(url):
    {around}
        for turn in range(5):
            {within}
                requests.post(url)
                await asyncio.sleep(1)
            {caught}
    {end}

def begin(url):
    asyncio.create_task(push(url))
"""


@pytest.mark.parametrize("is_within", [True, False])
def test_a_loop_that_catches_nothing_repeats_nothing_that_failed(check: Check, is_within: bool) -> None:
    attempt = {"around": "if url:", "within": "try:", "caught": "except OSError:\n                print(turn)", "end": "print(url)"}
    rounds = {"around": "try:", "within": "if turn:", "caught": "print(turn)", "end": "except OSError:\n        print(url)"}
    found = check(HEAD + RETRY.format(**(attempt if is_within else rounds)))
    assert ("MS304" in heard(found)) is is_within


def test_ending_something_of_ones_own_may_take_a_few_attempts(check: Check) -> None:
    body = """
        class Vault:
            async def {name}(self):
                for attempt in range(3):
                    try:
                        self.handle.end()
                    except OSError:
                        await asyncio.sleep(1)
            async def idle(self):
                await asyncio.sleep(9)
                await self.{name}()
            def begin(self):
                asyncio.create_task(self.idle())
        """
    assert "MS304" not in heard(check(HEAD + dedent(body.format(name="close"))))
    assert "MS304" in heard(check(HEAD + dedent(body.format(name="charge"))))


def test_a_library_that_is_looked_at_itself_calls_no_library_by_making_its_own_objects(check: Check) -> None:
    sources = {
        "openai/__init__.py": "",
        "openai/rows.py": "class Row:\n    kind = 1\n",
        "openai/book.py": """
import threading
from openai.rows import Row

class Book:
    def _keep_memo(self):
        self.row = Row()
    def begin(self):
        threading.Thread(target=self._keep_memo).start()
""",
    }
    assert not [each for each in check(sources) if each.severity is Severity.ERROR]
