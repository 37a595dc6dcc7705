"""MS101 to MS110: what must be found, and beside it what looks like it and must not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from textwrap import dedent

import pytest
from _pytest.mark.structures import ParameterSet

from mainspring.advisor.finding import Finding, Ground, Kind, Severity
from mainspring.advisor.output.words import words_of
from mainspring.advisor.project import wrappers_of
from tests.advisor.conftest import facts_of

Check = Callable[[str | Mapping[str, str]], list[Finding]]

FASTAPI = """
import asyncio
import httpx
from fastapi import FastAPI, BackgroundTasks
app = FastAPI()

async def send_mail(order_id: int) -> None:
    async with httpx.AsyncClient() as client:
        await client.post("https://mail.example.com", json={"id": order_id})
"""
FLASK = """
import threading
import requests
from flask import Flask
app = Flask(__name__)

def push(user_id):
    requests.post("https://crm.example.com", json={"id": user_id})
"""


def ms1(found: list[Finding]) -> list[str]:
    """Return the codes of this family that count."""
    return [each.code for each in found if each.code.startswith("MS1") and each.severity is not Severity.NOTICE]


def source(head: str, body: str) -> str:
    """Put a head and an indented body together."""
    return head + dedent(body)


FOUND: tuple[tuple[str, str, str, str], ...] = (
    (
        "create_task",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            asyncio.create_task(send_mail(order_id))
        """,
        "MS101",
    ),
    (
        "ensure_future",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            asyncio.ensure_future(send_mail(order_id))
        """,
        "MS101",
    ),
    (
        "create_task by another name",
        FASTAPI,
        """
        from asyncio import create_task as ct
        @app.post("/pay")
        async def pay(order_id: int):
            ct(send_mail(order_id))
        """,
        "MS101",
    ),
    (
        "loop.create_task",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            loop = asyncio.get_running_loop()
            loop.create_task(send_mail(order_id))
        """,
        "MS101",
    ),
    (
        "create_task of a loop that is asked for in place",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            asyncio.get_event_loop().create_task(send_mail(order_id))
        """,
        "MS101",
    ),
    (
        "run_coroutine_threadsafe",
        FASTAPI,
        """
        @app.post("/pay")
        def pay(order_id: int):
            asyncio.run_coroutine_threadsafe(send_mail(order_id), app.state.loop)
        """,
        "MS101",
    ),
    (
        "call_soon_threadsafe that carries create_task",
        FASTAPI,
        """
        @app.post("/pay")
        def pay(order_id: int, loop: asyncio.AbstractEventLoop):
            loop.call_soon_threadsafe(asyncio.create_task, send_mail(order_id))
        """,
        "MS101",
    ),
    (
        "a name that nobody uses",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            task = asyncio.create_task(send_mail(order_id))
            return {"ok": True}
        """,
        "MS101",
    ),
    (
        "a task group that lives with the application",
        FASTAPI,
        """
        from anyio.abc import TaskGroup
        class Deps:
            group: TaskGroup
        deps = Deps()
        @app.post("/pay")
        async def pay(order_id: int):
            deps.group.start_soon(send_mail, order_id)
        """,
        "MS101",
    ),
    (
        "sanic add_task",
        """
        import httpx
        from sanic import Sanic
        app = Sanic("shop")
        async def ping():
            async with httpx.AsyncClient() as client:
                await client.post("https://hooks.example.com")
        @app.post("/ping")
        async def handler(request):
            request.app.add_task(ping())
            app.add_task(ping())
        """,
        "",
        "MS101",
    ),
    (
        "aiohttp handler",
        """
        import asyncio
        from aiohttp import web, ClientSession
        routes = web.RouteTableDef()
        async def ping():
            async with ClientSession() as session:
                await session.post("https://hooks.example.com")
        @routes.post("/ping")
        async def handler(request):
            asyncio.create_task(ping())
            return web.Response()
        """,
        "",
        "MS101",
    ),
    (
        "thread",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            threading.Thread(target=push, args=(user_id,), daemon=True).start()
        """,
        "MS102",
    ),
    (
        "thread with a name",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            worker = threading.Thread(target=push, args=(user_id,))
            worker.daemon = True
            worker.start()
            return "ok"
        """,
        "MS102",
    ),
    (
        "thread of a lambda",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            threading.Thread(target=lambda: push(user_id)).start()
        """,
        "MS102",
    ),
    (
        "thread of a function inside",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            def work():
                push(user_id)
            threading.Thread(target=work).start()
        """,
        "MS102",
    ),
    (
        "subclass of a thread",
        FLASK,
        """
        class Pusher(threading.Thread):
            def __init__(self, user_id):
                super().__init__(daemon=True)
                self.user_id = user_id
            def run(self):
                push(self.user_id)
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            Pusher(user_id).start()
        """,
        "MS102",
    ),
    (
        "a thread with a loop of its own",
        FASTAPI,
        """
        import threading
        @app.post("/pay")
        def pay(order_id: int):
            threading.Thread(target=asyncio.run, args=(send_mail(order_id),)).start()
        """,
        "MS102",
    ),
    (
        "a class of threads that call what they are given",
        FLASK,
        """
        class Later(threading.Thread):
            def __init__(self, func, *params):
                super().__init__(daemon=True)
                self.func, self.params = func, params
            def run(self):
                self.func(*self.params)
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            Later(push, user_id).start()
        """,
        "MS102",
    ),
    (
        "start_new_thread",
        FLASK,
        """
        import _thread
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            _thread.start_new_thread(push, (user_id,))
        """,
        "MS102",
    ),
    (
        "joining text is not joining the thread",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            thread = threading.Thread(target=push, args=(user_id,))
            thread.start()
            return ", ".join(["started", str(user_id)])
        """,
        "MS102",
    ),
    (
        "submit",
        FLASK,
        """
        from concurrent.futures import ThreadPoolExecutor
        POOL = ThreadPoolExecutor(4)
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            POOL.submit(push, user_id)
        """,
        "MS103",
    ),
    (
        "submit to an executor that the object has",
        FLASK,
        """
        from concurrent.futures import ThreadPoolExecutor
        class Mailer:
            def __init__(self):
                self._executor = ThreadPoolExecutor(4)
            def send(self, user_id):
                self._executor.submit(push, user_id)
        """,
        "MS103",
    ),
    (
        "apply_async of a pool",
        FLASK,
        """
        from multiprocessing.pool import ThreadPool
        pool = ThreadPool(4)
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            pool.apply_async(push, (user_id,))
        """,
        "MS103",
    ),
    (
        "run_in_executor",
        FASTAPI,
        """
        import requests
        def push(order_id):
            requests.post("https://crm.example.com", json={"id": order_id})
        @app.post("/pay")
        async def pay(order_id: int):
            loop = asyncio.get_event_loop()
            loop.run_in_executor(None, push, order_id)
        """,
        "MS103",
    ),
    (
        "shutdown that does not wait",
        FLASK,
        """
        from concurrent.futures import ThreadPoolExecutor
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            pool = ThreadPoolExecutor(1)
            pool.submit(push, user_id)
            pool.shutdown(wait=False)
        """,
        "MS103",
    ),
    (
        "add_task",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int, tasks: BackgroundTasks):
            tasks.add_task(send_mail, order_id)
        """,
        "MS104",
    ),
    (
        "add_task behind an alias of the annotation",
        FASTAPI,
        """
        from typing import Annotated
        from fastapi import Depends
        Tasks = Annotated[BackgroundTasks, Depends()]
        @app.post("/pay")
        async def pay(order_id: int, later: Tasks):
            later.add_task(send_mail, order_id)
        """,
        "MS104",
    ),
    (
        "background of a response",
        """
        import httpx
        from starlette.background import BackgroundTask
        from starlette.responses import JSONResponse
        from starlette.routing import Route
        from starlette.applications import Starlette
        async def send_mail(order_id):
            async with httpx.AsyncClient() as client:
                await client.post("https://mail.example.com", json={"id": order_id})
        async def pay(request):
            return JSONResponse({}, background=BackgroundTask(send_mail, 1))
        app = Starlette(routes=[Route("/pay", pay, methods=["POST"])])
        """,
        "",
        "MS104",
    ),
    (
        "background of litestar",
        """
        import httpx
        from litestar import Litestar, post, Response
        from litestar.background_tasks import BackgroundTask
        async def send_mail(order_id: int) -> None:
            async with httpx.AsyncClient() as client:
                await client.post("https://mail.example.com", json={"id": order_id})
        @post("/pay", background=BackgroundTask(send_mail, 1))
        async def pay() -> None: ...
        @post("/buy")
        async def buy() -> Response[None]:
            return Response(None, background=BackgroundTask(send_mail, 1))
        """,
        "",
        "MS104",
    ),
    (
        "quart",
        """
        import httpx
        from quart import Quart
        app = Quart(__name__)
        async def send_mail():
            async with httpx.AsyncClient() as client:
                await client.post("https://mail.example.com")
        @app.post("/pay")
        async def pay():
            app.add_background_task(send_mail)
            return {}
        """,
        "",
        "MS104",
    ),
    (
        "Popen",
        FLASK,
        """
        import subprocess
        @app.post("/convert/<name>")
        def convert(name):
            subprocess.Popen(["ffmpeg", "-i", name])
        """,
        "MS105",
    ),
    (
        "a command for the background of the shell",
        FLASK,
        """
        import subprocess
        @app.post("/backup")
        def backup():
            subprocess.run("pg_dump shop > /backup/shop.sql &", shell=True)
        """,
        "MS105",
    ),
    (
        "nohup",
        FLASK,
        """
        import os
        @app.post("/backup")
        def backup():
            os.system("nohup pg_dump shop > /backup/shop.sql &")
        """,
        "MS105",
    ),
    (
        "process of multiprocessing",
        FLASK,
        """
        from multiprocessing import Process
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            process = Process(target=push, args=(user_id,))
            process.start()
            return str(process.pid)
        """,
        "MS105",
    ),
    (
        "create_subprocess_exec",
        FASTAPI,
        """
        @app.post("/convert")
        async def convert(name: str):
            await asyncio.create_subprocess_exec("ffmpeg", "-i", name)
        """,
        "MS105",
    ),
    (
        "socket.io",
        FLASK,
        """
        from flask_socketio import SocketIO
        socketio = SocketIO(app)
        @socketio.on("sync")
        def sync(message):
            socketio.start_background_task(push, message["id"])
        """,
        "MS106",
    ),
    (
        "gevent",
        FLASK,
        """
        import gevent
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            gevent.spawn(push, user_id)
        """,
        "MS106",
    ),
    (
        "thread in a commit hook",
        """
        import threading
        import requests
        from django.db import transaction
        def notify(order_id):
            requests.post("https://hooks.example.com")
        def place(request):
            transaction.on_commit(lambda: threading.Thread(target=notify, args=(1,)).start())
        """,
        "",
        "MS107",
    ),
    (
        "thread in a receiver of post_save",
        """
        import threading
        import requests
        from django.db.models.signals import post_save
        from django.dispatch import receiver
        from shop.models import Order
        def notify(order_id):
            requests.post("https://hooks.example.com")
        @receiver(post_save, sender=Order)
        def saved(sender, instance, **kwargs):
            threading.Thread(target=notify, args=(instance.pk,)).start()
        """,
        "",
        "MS107",
    ),
    (
        "timer",
        FLASK,
        """
        @app.post("/carts/<int:user_id>")
        def save(user_id):
            threading.Timer(3600, push, args=(user_id,)).start()
        """,
        "MS108",
    ),
    (
        "call_later",
        FASTAPI,
        """
        import requests
        def push(order_id):
            requests.post("https://crm.example.com", json={"id": order_id})
        @app.post("/pay")
        async def pay(order_id: int):
            asyncio.get_running_loop().call_later(60 * 5, push, order_id)
        """,
        "MS108",
    ),
)


SCENARIOS: Mapping[str, tuple[str, str]] = {
    "joining text is not joining the thread": ("G-19", "thread"),
    "thread in a commit hook": ("G-6", "found"),
    "commit hook that only enqueues": ("G-6", "clean"),
    "a bar of rich, a text box, a model called Thread, a timer that is data, a process that is looked at": ("G-5", "libraries"),
    "a repository that creates tasks": ("G-5", "repository"),
    "Popen": ("G-12", "popen"),
    "a command for the background of the shell": ("G-12", "shell"),
    "process that is waited for": ("G-12", "clean"),
    "removes a file, or asks for background tasks and adds none": ("G-3", "clean"),
    "gathered": ("G-1", "gathered"),
    "awaited later": ("G-1", "awaited"),
    "task group": ("G-1", "group"),
    "cancelled when the stream ends": ("G-1", "stream"),
    "a helper that joins": ("G-14", "joins"),
    "call_soon_threadsafe that carries create_task": ("G-4", "carried"),
}


def cases(rows: Iterable[tuple[str, ...]]) -> list[ParameterSet]:
    """Return rows as parameters of a test, marked by the scenario that they are part of."""
    return [
        pytest.param(
            *row[1:],
            id=row[0],
            marks=[pytest.mark.scenario(SCENARIOS[row[0]][0], part=SCENARIOS[row[0]][1])] if row[0] in SCENARIOS else [],
        )
        for row in rows
    ]


@pytest.mark.parametrize(("head", "body", "code"), cases(FOUND))
@pytest.mark.scenario("Q1")
@pytest.mark.scenario("S0-35", part="spawns")
def test_work_that_nobody_waits_for_is_found(check: Check, head: str, body: str, code: str) -> None:
    found = check(source(dedent(head), body))
    assert ms1(found)
    assert set(ms1(found)) == {code}
    first = next(each for each in found if each.code == code)
    assert first.kind is Kind.ADHOC
    assert first.severity is Severity.ERROR
    assert first.place.line > 1
    assert "check." not in str(first.values)


CLEAN: tuple[tuple[str, str, str], ...] = (
    (
        "awaited later",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            task = asyncio.create_task(send_mail(order_id))
            await task
        """,
    ),
    (
        "awaited with a deadline",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            await asyncio.wait_for(asyncio.create_task(send_mail(order_id)), timeout=2)
        """,
    ),
    (
        "gathered",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            await asyncio.gather(*[asyncio.create_task(send_mail(order_id)) for order_id in range(3)])
        """,
    ),
    (
        "gathered from a list",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            tasks = []
            for one in range(3):
                tasks.append(asyncio.create_task(send_mail(one)))
            await asyncio.gather(*tasks)
        """,
    ),
    (
        "waited for as they come",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            tasks = {asyncio.create_task(send_mail(one)): one for one in range(3)}
            for done in asyncio.as_completed(tasks):
                await done
        """,
    ),
    (
        "wait for the first",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            mail = asyncio.create_task(send_mail(order_id))
            stop = asyncio.create_task(app.state.stop.wait())
            done, pending = await asyncio.wait({mail, stop}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        """,
    ),
    (
        "task group",
        FASTAPI,
        """
        @app.post("/pay")
        async def pay(order_id: int):
            async with asyncio.TaskGroup() as group:
                group.create_task(send_mail(order_id))
        """,
    ),
    (
        "anyio task group",
        FASTAPI,
        """
        import anyio
        @app.post("/pay")
        async def pay(order_id: int):
            async with anyio.create_task_group() as tg:
                tg.start_soon(send_mail, order_id)
        """,
    ),
    (
        "cancelled when the stream ends",
        FASTAPI,
        """
        from fastapi.responses import StreamingResponse
        @app.get("/events")
        async def events():
            async def stream():
                pump = asyncio.create_task(send_mail(1))
                try:
                    yield b"x"
                finally:
                    pump.cancel()
            return StreamingResponse(stream())
        """,
    ),
    (
        "cancelled by the generator inside",
        FASTAPI,
        """
        from fastapi.responses import StreamingResponse
        @app.get("/events")
        async def events():
            pump = asyncio.create_task(send_mail(1))
            async def stream():
                try:
                    yield b"x"
                finally:
                    pump.cancel()
            return StreamingResponse(stream())
        """,
    ),
    (
        "cancelled when the socket closes",
        FASTAPI,
        """
        from fastapi import WebSocket
        @app.websocket("/ws")
        async def ws(socket: WebSocket):
            await socket.accept()
            pump = asyncio.create_task(send_mail(1))
            try:
                while True:
                    await socket.receive_text()
            finally:
                pump.cancel()
        """,
    ),
    (
        "returned to somebody who waits",
        FASTAPI,
        """
        def begin(order_id: int):
            return asyncio.create_task(send_mail(order_id))
        @app.post("/pay")
        async def pay(order_id: int):
            task = begin(order_id)
            await task
        """,
    ),
    (
        "only closes what is its own",
        FASTAPI,
        """
        client = httpx.AsyncClient()
        @app.post("/bye")
        async def bye():
            asyncio.create_task(client.aclose())
        """,
    ),
    (
        "a repository that creates tasks",
        FASTAPI,
        """
        class Tasks:
            def __init__(self, session):
                self.session = session
            async def create_task(self, data):
                self.session.add(data)
        @app.post("/tasks")
        async def create(data: dict, repository: Tasks, other):
            await repository.create_task(data)
            other.create_task(data)
        """,
    ),
    (
        "a bar of rich, a text box, a model called Thread, a timer that is data, a process that is looked at",
        """
        from dataclasses import dataclass
        import psutil
        import gradio
        from fastapi import FastAPI
        from pydantic import BaseModel
        from rich.progress import Progress
        app = FastAPI()
        class Thread(BaseModel):
            target: str
            def start(self): ...
        @dataclass
        class Timer:
            seconds: float
        @app.post("/x")
        def show(pid: int, name: str):
            with Progress() as progress:
                progress.add_task("[red]Downloading", total=100)
            box = gradio.Textbox()
            box.submit(show, [box], [box])
            Thread(target="x").start()
            Timer(60.0)
            return psutil.Process(pid).name()
        """,
        "",
    ),
    (
        "joined thread",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            threads = [threading.Thread(target=push, args=(one,)) for one in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """,
    ),
    (
        "the thread of a loop and of a server",
        FLASK,
        """
        import asyncio
        from http.server import HTTPServer, BaseHTTPRequestHandler
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        def metrics():
            server = HTTPServer(("", 9000), BaseHTTPRequestHandler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        """,
    ),
    (
        "the reader of a pipe",
        FLASK,
        """
        import subprocess
        def drain(pipe, lines):
            for line in pipe:
                lines.append(line)
        @app.post("/convert/<name>")
        def convert(name):
            lines = []
            process = subprocess.Popen(["ffmpeg", name], stdout=subprocess.PIPE)
            threading.Thread(target=drain, args=(process.stdout, lines), daemon=True).start()
            process.wait()
            return {"lines": lines}
        """,
    ),
    (
        "executor that is left",
        FLASK,
        """
        from concurrent.futures import ThreadPoolExecutor, as_completed
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            with ThreadPoolExecutor() as pool:
                pool.submit(push, user_id)
            other = ThreadPoolExecutor()
            futures = [other.submit(push, one) for one in range(3)]
            for future in as_completed(futures):
                future.result()
            third = ThreadPoolExecutor()
            third.submit(push, user_id)
            third.shutdown()
        """,
    ),
    (
        "awaited executor",
        FASTAPI,
        """
        def push(order_id):
            httpx.post("https://crm.example.com")
        @app.post("/pay")
        async def pay(order_id: int):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, push, order_id)
            future = loop.run_in_executor(None, push, order_id)
            await asyncio.wait_for(future, 5)
            return await asyncio.to_thread(push, order_id)
        """,
    ),
    (
        "removes a file, or asks for background tasks and adds none",
        FASTAPI,
        """
        import os
        import shutil
        @app.get("/file")
        async def file(path: str, tasks: BackgroundTasks):
            tasks.add_task(os.unlink, path)
            tasks.add_task(shutil.rmtree, path)
        @app.get("/none")
        async def none(tasks: BackgroundTasks):
            return {}
        """,
    ),
    (
        "process that is waited for",
        FLASK,
        """
        import subprocess
        @app.post("/convert/<name>")
        def convert(name):
            process = subprocess.Popen(["ffmpeg", name], stdout=subprocess.PIPE)
            out, _ = process.communicate(timeout=5)
            with subprocess.Popen(["ls"]) as other:
                pass
            subprocess.run("ls && echo done", shell=True)
            return out
        """,
    ),
    (
        "the handle goes to callers that wait",
        FLASK,
        """
        import subprocess
        def start(name):
            return subprocess.Popen(["ffmpeg", name])
        @app.post("/convert/<name>")
        def convert(name):
            return str(start(name).wait())
        """,
    ),
    (
        "joined greenlets",
        FLASK,
        """
        import gevent
        @app.post("/sync")
        def sync():
            jobs = [gevent.spawn(push, one) for one in range(3)]
            gevent.joinall(jobs)
        """,
    ),
    (
        "commit hook that only enqueues",
        """
        from functools import partial
        from django.db import transaction
        from shop.tasks import export
        def place(request):
            transaction.on_commit(partial(export.enqueue, 1))
            transaction.on_commit(lambda: export.delay(1))
        """,
        "",
    ),
    (
        "a debounce, a watchdog that is called off, a list that forgets",
        FASTAPI,
        """
        import threading
        SEEN = {}
        def push(order_id):
            httpx.post("https://crm.example.com")
        @app.post("/pay")
        async def pay(order_id: int):
            asyncio.get_running_loop().call_later(0.2, push, order_id)
            asyncio.get_running_loop().call_later(60, SEEN.pop, order_id, None)
            watchdog = threading.Timer(5, push, args=(order_id,))
            watchdog.start()
            try:
                await send_mail(order_id)
            finally:
                watchdog.cancel()
        """,
    ),
    (
        "a helper that joins",
        FASTAPI,
        """
        async def bounded(coro):
            task = asyncio.create_task(coro)
            return await asyncio.wait_for(task, 5)
        @app.post("/pay")
        async def pay(order_id: int):
            await bounded(send_mail(order_id))
        """,
    ),
    (
        "the object that has it stops it",
        FASTAPI,
        """
        class Feed:
            def __init__(self):
                self._task = None
            async def __aenter__(self):
                self._task = asyncio.create_task(self._pump())
                return self
            async def __aexit__(self, *_):
                self._task.cancel()
            async def _pump(self):
                await send_mail(1)
        """,
    ),
    (
        "waited for by another method",
        FASTAPI,
        """
        class Transfer:
            def __init__(self):
                self.tasks = []
            def begin(self, order_id):
                self.tasks.append(asyncio.create_task(send_mail(order_id)))
            async def run(self):
                for order_id in range(3):
                    self.begin(order_id)
                await asyncio.gather(*self.tasks)
        """,
    ),
    (
        "the keys of a dict that another method waits for",
        FLASK,
        """
        import concurrent.futures
        class Transfer:
            def __init__(self):
                self.executor = concurrent.futures.ThreadPoolExecutor()
                self.futures = {}
            def begin(self, user_id):
                future = self.executor.submit(push, user_id)
                self.futures[future] = user_id
            def run(self):
                for future in concurrent.futures.as_completed(self.futures):
                    future.result()
        """,
    ),
    (
        "processes that an object ends",
        FLASK,
        """
        import subprocess
        class Browsers:
            def __init__(self):
                self.all = []
            def launch(self, command):
                self.all.append(subprocess.Popen(command))
            def done(self):
                for one in self.all:
                    one.kill()
        """,
    ),
    (
        "a maker of tasks that is asked by another",
        FASTAPI,
        """
        class Inspector:
            def inspect(self, name):
                return asyncio.ensure_future(send_mail(name))
        class App:
            def __init__(self):
                self.inspector = Inspector()
            def update(self, name):
                return self.inspector.inspect(name)
        """,
    ),
    (
        "says when it is done",
        FLASK,
        """
        class Transfer:
            def __init__(self):
                self._done = threading.Event()
                self._thread = threading.Thread(target=self._work)
                self._thread.start()
            def _work(self):
                push(1)
                self._done.set()
            def wait(self):
                self._done.wait()
        """,
    ),
    (
        "an event that is waited for",
        FLASK,
        """
        @app.post("/sync/<int:user_id>")
        def sync(user_id):
            done = threading.Event()
            def work():
                push(user_id)
                done.set()
            threading.Thread(target=work).start()
            done.wait(5)
        """,
    ),
    (
        "connections of a server",
        FLASK,
        """
        import socket
        def forward(connection):
            requests.post("https://crm.example.com", data=connection.recv(100))
        def listen(server: socket.socket):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=forward, args=(connection,)).start()
        """,
    ),
    (
        "becomes a daemon",
        FLASK,
        """
        import os, sys
        def daemonize():
            if os.fork() > 0:
                sys.exit(0)
            os.setsid()
        """,
    ),
    (
        "inside of what is returned",
        FLASK,
        """
        import subprocess
        class Running:
            def __init__(self, process):
                self.process = process
        class Sandbox:
            def __init__(self):
                self.all = []
            def run(self, command):
                process = subprocess.Popen(command)
                self.all.append(process)
                return Running(process=process)
        """,
    ),
    (
        "a task group of somebody else",
        FASTAPI,
        """
        import anyio
        from anyio.abc import TaskGroup
        async def fan_out(group: asyncio.TaskGroup, other: TaskGroup):
            group.create_task(send_mail(1))
            other.start_soon(send_mail, 2)
        @app.post("/pay")
        async def pay(order_id: int):
            async with anyio.create_task_group() as tg:
                async def one():
                    tg.start_soon(send_mail, order_id)
                await one()
        """,
    ),
    (
        "leaves",
        FASTAPI,
        """
        class Feed:
            async def disconnect(self):
                await httpx.AsyncClient().post("https://hooks.example.com/bye")
            def close(self, loop: asyncio.AbstractEventLoop):
                asyncio.run_coroutine_threadsafe(self.disconnect(), loop)
        """,
    ),
    (
        "waits for a child of its own",
        FLASK,
        """
        import subprocess
        def reap(process: subprocess.Popen):
            process.wait()
        @app.post("/x")
        def x():
            process = subprocess.Popen(["ls"])
            threading.Thread(target=reap, args=(process,), daemon=True).start()
            process.poll()
        """,
    ),
    (
        "the shutdown",
        FASTAPI,
        """
        import signal
        async def shutdown():
            await httpx.AsyncClient().post("https://hooks.example.com/bye")
        def install(loop: asyncio.AbstractEventLoop):
            loop.add_signal_handler(signal.SIGTERM, lambda: asyncio.create_task(shutdown()))
        """,
    ),
    (
        "a command line",
        """
        import threading
        import requests
        def beat():
            requests.post("https://hooks.example.com")
        def main():
            threading.Thread(target=beat).start()
        if __name__ == "__main__":
            main()
        """,
        "",
    ),
)


@pytest.mark.parametrize(("head", "body"), cases(CLEAN))
@pytest.mark.scenario("Q1", part="guards")
def test_what_is_waited_for_or_harmless_is_left_alone(check: Check, head: str, body: str) -> None:
    assert ms1(check(source(dedent(head), body))) == []


@pytest.mark.scenario("G-1")
def test_a_task_that_a_handler_leaves_behind_is_an_ad_hoc_task(check: Check) -> None:
    found = check(source(FASTAPI, '@app.post("/pay")\nasync def pay(order_id: int):\n    asyncio.create_task(send_mail(order_id))\n'))
    assert [(each.code, each.kind, each.variant) for each in found] == [("MS101", Kind.ADHOC, "ruff")]
    assert found[0].evidence
    assert "client.post" in found[0].evidence[0].text


@pytest.mark.scenario("G-2")
def test_a_kept_reference_is_no_answer(check: Check) -> None:
    body = """
    RUNNING = set()
    @app.post("/pay")
    async def pay(order_id: int):
        task = asyncio.create_task(send_mail(order_id))
        RUNNING.add(task)
        task.add_done_callback(RUNNING.discard)
    """
    found = check(source(FASTAPI, body))
    assert [(each.code, each.variant, each.severity) for each in found] == [("MS101", "kept", Severity.ERROR)]
    assert "only keeps a reference to it, which survives no restart" in words_of(found[0]).message


@pytest.mark.scenario("G-3")
def test_steps_after_the_response_are_one_finding(check: Check) -> None:
    body = """
    async def charge(order_id: int): await send_mail(order_id)
    async def ship(order_id: int): await send_mail(order_id)
    @app.post("/pay")
    async def pay(order_id: int, tasks: BackgroundTasks):
        tasks.add_task(charge, order_id)
        tasks.add_task(ship, order_id)
        tasks.add_task(send_mail, order_id)
    """
    found = [each for each in check(source(FASTAPI, body)) if each.code in {"MS104", "MS305"}]
    assert [(each.code, each.kind, each.variant) for each in found] == [("MS104", Kind.WORKFLOW, "steps")]
    assert [each.text for each in found[0].evidence[:2]] == ["tasks.add_task(ship, order_id)", "tasks.add_task(send_mail, order_id)"]


@pytest.mark.scenario("G-4")
def test_other_names_for_it_change_nothing(check: Check) -> None:
    found = check(
        {
            "shop/deps.py": dedent("""
                from typing import Annotated
                from fastapi import BackgroundTasks, Depends
                Tasks = Annotated[BackgroundTasks, Depends()]
            """),
            "shop/mail.py": "import smtplib\ndef send(a):\n    smtplib.SMTP('localhost').sendmail('a', a, 'x')\n",
            "shop/views.py": dedent("""
                from fastapi import APIRouter
                from asyncio import create_task as ct, to_thread
                from shop.deps import Tasks
                from shop import mail as post
                router = APIRouter()
                @router.post("/a")
                async def a(later: Tasks):
                    later.add_task(post.send, "a@example.com")
                @router.post("/b")
                async def b():
                    ct(to_thread(post.send, "b@example.com"))
            """),
        }
    )
    assert [(each.code, each.path, each.place.line) for each in found] == [("MS104", "shop/views.py", 9), ("MS101", "shop/views.py", 12)]


@pytest.mark.scenario("G-14")
def test_a_wrapper_and_its_callers_are_found_once_each(check: Check) -> None:
    found = check(
        {
            "shop/aside.py": dedent("""
                import asyncio
                import functools
                import threading
                _running = set()
                def fire_and_forget(coro):
                    task = asyncio.create_task(coro)
                    _running.add(task)
                    task.add_done_callback(_running.discard)
                def aside(f):
                    @functools.wraps(f)
                    def inner(*args, **kwargs):
                        threading.Thread(target=f, args=args, kwargs=kwargs).start()
                    return inner
            """),
            "shop/views.py": source(
                FASTAPI,
                """
                from shop.aside import aside, fire_and_forget
                @aside
                def push(order_id):
                    httpx.post("https://crm.example.com")
                @app.post("/pay")
                async def pay(order_id: int):
                    fire_and_forget(send_mail(order_id))
                    push(order_id)
                """,
            ),
        }
    )
    assert sorted((each.code, each.path, dict(each.values).get("wrapper", "")) for each in found) == [
        ("MS101", "shop/views.py", "shop.aside.fire_and_forget"),
        ("MS102", "shop/views.py", "shop.aside.aside"),
        ("MS109", "shop/aside.py", "shop.aside.aside"),
        ("MS109", "shop/aside.py", "shop.aside.fire_and_forget"),
    ]
    assert {each.variant for each in found if each.code in {"MS101", "MS102"}} == {"wrapper"}


def test_a_wrapper_of_a_wrapper_is_one(check: Check) -> None:
    body = """
    def later(coro):
        return asyncio.create_task(coro)
    def aside(coro):
        later(coro)
    @app.post("/pay")
    async def pay(order_id: int):
        aside(send_mail(order_id))
    @app.post("/buy")
    async def buy(order_id: int):
        await later(send_mail(order_id))
    """
    found = check(source(FASTAPI, body))
    assert [(each.code, dict(each.values)["wrapper"]) for each in found] == [
        ("MS109", "app.main.aside"),  # `later` gives the task back, which is its callers' business
        ("MS101", "app.main.aside"),
    ]


def test_what_only_its_name_tells_of_is_a_warning(check: Check) -> None:
    body = """
    class Storage:
        async def save_receipt(self, order_id: int) -> None:
            raise NotImplementedError
    @app.post("/pay")
    async def pay(order_id: int, storage: Storage):
        asyncio.create_task(storage.save_receipt(order_id))
    """
    assert [(each.code, each.severity) for each in check(source(FASTAPI, body))] == [("MS101", Severity.WARNING)]


def test_what_a_server_runs_in_executors_is_no_server(check: Check) -> None:
    body = """
    async def convert(order_id: int):
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, httpx.post, "https://x.example.com")
    def render(order_id: int):
        import subprocess
        process = subprocess.Popen(["ffmpeg"], stdout=subprocess.PIPE)
        for line in process.stdout:
            print(line)
        process.wait()
    @app.post("/a")
    async def a(order_id: int):
        asyncio.create_task(convert(order_id))
    @app.post("/b")
    def b(order_id: int, tasks: BackgroundTasks):
        tasks.add_task(render, order_id)
    @app.post("/c")
    async def c(order_id: int, service):
        async def log_build():
            await service.compile(order_id)
        asyncio.create_task(log_build())
    """
    assert ms1(check(source(FASTAPI, body))) == ["MS101", "MS104", "MS101"]


def test_a_handler_that_cancels_something_of_a_user_is_no_shutdown(check: Check) -> None:
    body = """
    @app.post("/cancel")
    async def cancel_order(order_id: int):
        asyncio.create_task(send_mail(order_id))
    @app.post("/start")
    async def start(order_id: int):
        app.state.job = asyncio.create_task(send_mail(order_id))
    @app.post("/stop")
    async def stop():
        app.state.job.cancel()
    """
    assert ms1(check(source(FASTAPI, body))) == ["MS101", "MS101"]


def test_work_that_an_object_starts_when_asked_is_kept_and_no_life_cycle(check: Check) -> None:
    body = """
    class Sync:
        async def trigger(self, order_id):
            self._task = asyncio.create_task(self._work(order_id))
        async def stop(self):
            self._task.cancel()
        async def _work(self, order_id):
            await send_mail(order_id)
    """
    assert [(each.code, each.severity) for each in check(source(FASTAPI, body))] == [("MS101", Severity.WARNING)]


def test_a_thread_that_repeats_itself_is_a_schedule(check: Check) -> None:
    body = """
    class RepeatedTimer(threading.Thread):
        def __init__(self, interval, func):
            super().__init__()
            self.interval, self.func, self.finished = interval, func, threading.Event()
        def run(self):
            while self.interval():
                self.finished.wait(self.interval())
                self.func()
    @app.post("/start")
    def start():
        RepeatedTimer(lambda: 60, push).start()
    """
    found = [each for each in check(source(FLASK, body)) if each.code == "MS102"]
    assert [each.kind for each in found] == [Kind.CRON]


def test_a_spawned_service_names_its_kind(check: Check) -> None:
    body = """
    import time, requests, threading
    def sweep():
        while True:
            requests.delete("https://files.example.com/old")
            time.sleep(60)
    @app.post("/start")
    def start():
        threading.Thread(target=sweep).start()
    """
    found = [each for each in check(source(FASTAPI, body)) if each.code == "MS102"]
    assert [each.kind for each in found] == [Kind.CRON]


def test_what_belongs_to_the_request_does_not_go_along(check: Check) -> None:
    body = """
    from fastapi import Request
    from sqlalchemy.ext.asyncio import AsyncSession
    async def export(session: AsyncSession, request: Request, order_id: int):
        await send_mail(order_id)
    @app.post("/pay")
    async def pay(order_id: int, request: Request, session: AsyncSession):
        asyncio.create_task(export(session, request, order_id))
    """
    found = check(source(FASTAPI, body))
    assert [each.code for each in found] == ["MS101", "MS110"]
    assert dict(found[1].values)["object"] == "session"


def test_grounds_that_the_target_contradicts_are_named(check: Check) -> None:
    body = """
    import time
    def deep(order_id):
        httpx.post("https://crm.example.com", timeout=30)
        time.sleep(5)
    def push(order_id):
        deep(order_id)
    @app.post("/pay")
    async def pay(order_id: int, tasks: BackgroundTasks):
        tasks.add_task(push, order_id)
    """
    (found,) = [each for each in check(source(FASTAPI, body)) if each.code == "MS104"]
    wrong = dict(found.contradicts)
    assert "httpx.post" in wrong[Ground.SUB_SECOND]
    assert Ground.STREAM_SCOPED in wrong
    assert Ground.REQUEST_SCOPED in wrong
    assert Ground.PROCESS_LOCAL not in wrong


def test_nobody_knows_what_it_does_so_it_is_a_warning(check: Check) -> None:
    body = """
    @app.post("/pay")
    async def pay(order_id: int, tasks: BackgroundTasks, hooks):
        tasks.add_task(hooks.third, order_id)
    def aside(hooks):
        import threading
        threading.Thread(target=hooks.third).start()
    """
    found = [each for each in check(source(FASTAPI, body)) if each.code in {"MS102", "MS104"}]
    assert [(each.code, each.severity) for each in found] == [("MS104", Severity.WARNING), ("MS102", Severity.WARNING)]


def test_a_task_of_ours_that_is_called_gets_an_edit(check: Check) -> None:
    code = """
    from mainspring import Mainspring, task
    engine = Mainspring("sqlite:///shop.db")
    @task
    async def export(order_id: int, kind: str = "csv") -> None:
        await send_mail(order_id)
    @app.post("/a")
    async def a(order_id: int, tasks: BackgroundTasks):
        tasks.add_task(export, order_id, kind="pdf")
    @app.post("/b")
    def b(order_id: int, tasks: BackgroundTasks):
        tasks.add_task(export, order_id + 1)
    @app.post("/c")
    async def c(orders: list, tasks: BackgroundTasks):
        tasks.add_task(export, *orders)
    """
    text = source(FASTAPI, code)
    found = [each for each in check(text) if each.code == "MS104"]
    assert [[edit.text for edit in each.edits] for each in found] == [
        ["await export.enqueue(order_id=order_id, kind='pdf')"],
        ["engine.blocking.enqueue(export, order_id=order_id + 1)"],
        [],
    ]
    place = found[0].edits[0].place
    assert text.splitlines()[place.line - 1][place.column - 1 : place.end_column - 1] == 'tasks.add_task(export, order_id, kind="pdf")'


def test_a_wrapper_of_a_library_is_one_when_settings_say_so(check: Callable[..., list[Finding]]) -> None:
    text = source(
        FASTAPI,
        """
        import jobs
        @app.post("/pay")
        async def pay(order_id: int):
            jobs.fire(send_mail(order_id))
        """,
    )
    assert check(text) == []
    found = check(text, spawn_wrappers=("jobs.fire",))
    assert [(each.code, dict(each.values)["wrapper"]) for each in found] == [("MS101", "jobs.fire")]


def test_a_task_of_ours_that_is_created_gets_an_edit(check: Check) -> None:
    text = source(
        FASTAPI,
        """
        from mainspring import task
        @task(timeout="1m")
        async def export(order_id: int) -> None:
            await send_mail(order_id)
        @app.post("/pay")
        async def pay(order_id: int):
            asyncio.create_task(export(order_id))
        """,
    )
    (found,) = [each for each in check(text) if each.code == "MS101"]
    assert [each.text for each in found.edits] == ["await export.enqueue(order_id=order_id)"]


def test_callers_of_wrappers_are_read_though_no_word_of_theirs_tells() -> None:
    (facts,) = facts_of(
        source(
            FASTAPI,
            """
            def begin(order_id):
                return asyncio.create_task(send_mail(order_id))
            def aside(f):
                def inner(*args):
                    threading.Thread(target=f, args=args).start()
                return inner
            def later(f, *args):
                def work():
                    f(*args)
                threading.Thread(target=work).start()
            def pay(order_id):
                threading.Thread(target=send_mail).start()
            """,
        )
    )
    assert set(wrappers_of(facts)) == {"begin", "aside", "later"}
