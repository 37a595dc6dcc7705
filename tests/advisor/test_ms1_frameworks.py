"""MS1 in code as it is written with many frameworks: one handler each, and what such applications do rightly."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest

from mainspring.advisor.finding import Finding, Severity

Check = Callable[[str], list[Finding]]

HEAD = """
import asyncio, threading, httpx, requests
async def send(order_id=None):
    async with httpx.AsyncClient() as client:
        await client.post("https://x.example.com")
def push(order_id=None):
    requests.post("https://x.example.com")
"""


def heard(found: list[Finding]) -> set[str]:
    """Return the codes of this family that count."""
    return {each.code for each in found if each.code.startswith("MS1") and each.severity is not Severity.NOTICE}


FOUND: dict[str, tuple[str, str]] = {
    "django view thread": (
        "MS102",
        """
from django.views import View
class V(View):
    def post(self, request):
        threading.Thread(target=push, args=(1,)).start()
""",
    ),
    "django async view": (
        "MS101",
        """
from django.http import JsonResponse
async def v(request):
    asyncio.create_task(send())
    return JsonResponse({})
""",
    ),
    "drf perform_create": (
        "MS102",
        """
from rest_framework import viewsets
class V(viewsets.ModelViewSet):
    def perform_create(self, serializer):
        obj = serializer.save()
        t = threading.Thread(target=push, kwargs={"order_id": obj.id})
        t.setDaemon(True)
        t.start()
""",
    ),
    "channels no cancel": (
        "MS101",
        """
from channels.generic.websocket import AsyncWebsocketConsumer
class C(AsyncWebsocketConsumer):
    async def receive(self, text_data):
        asyncio.create_task(self.pump())
    async def pump(self):
        await send()
""",
    ),
    "tornado spawn_callback": (
        "MS101",
        """
import tornado.web
from tornado.ioloop import IOLoop
class R(tornado.web.RequestHandler):
    def post(self):
        IOLoop.current().spawn_callback(send, 1)
""",
    ),
    "tornado add_callback": (
        "MS101",
        """
import tornado.web, tornado.ioloop
class R(tornado.web.RequestHandler):
    async def post(self):
        tornado.ioloop.IOLoop.current().add_callback(send, 1)
""",
    ),
    "flask executor": (
        "MS103",
        """
from flask import Flask
from flask_executor import Executor
app=Flask(__name__)
executor=Executor(app)
@app.route("/x")
def x():
    executor.submit(push, 1)
""",
    ),
    "strawberry": (
        "MS104",
        """
import strawberry
@strawberry.type
class M:
    @strawberry.mutation
    def go(self, info: strawberry.Info) -> bool:
        info.context["background_tasks"].add_task(send, 1)
        return True
""",
    ),
    "app state executor": (
        "MS103",
        """
from fastapi import FastAPI, Request
app=FastAPI()
@app.post("/x")
async def x(request: Request):
    request.app.state.executor.submit(push, 1)
""",
    ),
    "app item executor": (
        "MS103",
        """
from aiohttp import web
async def x(request: web.Request):
    request.app["executor"].submit(push, 1)
""",
    ),
    "optional bt": (
        "MS104",
        """
from typing import Optional
from fastapi import FastAPI, BackgroundTasks
app=FastAPI()
@app.post("/x")
async def x(bt: Optional[BackgroundTasks] = None):
    bt.add_task(send, 1)
""",
    ),
    "union bt": (
        "MS104",
        """
from fastapi import FastAPI, BackgroundTasks
app=FastAPI()
def helper(bt: BackgroundTasks | None, x):
    if bt:
        bt.add_task(push, x)
@app.post("/x")
async def x(bt: BackgroundTasks):
    helper(bt, 1)
""",
    ),
    "response.background": (
        "MS104",
        """
from fastapi import FastAPI
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse
app=FastAPI()
@app.post("/x")
async def x():
    r = JSONResponse({})
    r.background = BackgroundTask(send, 1)
    return r
""",
    ),
    "own bts": (
        "MS104",
        """
from fastapi import FastAPI
from starlette.background import BackgroundTasks
from starlette.responses import JSONResponse
app=FastAPI()
@app.post("/x")
async def x():
    tasks = BackgroundTasks()
    tasks.add_task(send, 1)
    return JSONResponse({}, background=tasks)
""",
    ),
    "sync_to_async thread": (
        "MS102",
        """
from asgiref.sync import sync_to_async
from django.http import JsonResponse
async def v(request):
    await sync_to_async(threading.Thread(target=push).start)()
    return JsonResponse({})
""",
    ),
    "sync_to_async task": (
        "MS101",
        """
from asgiref.sync import sync_to_async
from django.http import JsonResponse
async def v(request):
    asyncio.create_task(sync_to_async(push)(1))
    return JsonResponse({})
""",
    ),
    "django models signal": (
        "MS107",
        """
from django.db.models.signals import post_save
from shop.models import Order
def saved(sender, instance, **kw):
    threading.Thread(target=push).start()
post_save.connect(saved, sender=Order)
""",
    ),
    "after commit sa": (
        "MS107",
        """
from sqlalchemy import event
from sqlalchemy.orm import Session
@event.listens_for(Session, "after_commit")
def done(session):
    threading.Thread(target=push).start()
""",
    ),
    "multiproc ctx": (
        "MS105",
        """
import multiprocessing as mp
from flask import Flask
app=Flask(__name__)
@app.post("/x")
def x():
    ctx = mp.get_context("spawn")
    p = ctx.Process(target=push)
    p.start()
""",
    ),
    "lambda bt": (
        "MS104",
        """
from fastapi import FastAPI, BackgroundTasks
app=FastAPI()
@app.post("/x")
async def x(bt: BackgroundTasks):
    bt.add_task(lambda: push(1))
""",
    ),
    "partial thread": (
        "MS102",
        """
from functools import partial
from flask import Flask
app=Flask(__name__)
@app.post("/x")
def x():
    threading.Thread(target=partial(push, 1)).start()
""",
    ),
    "method service": (
        "MS101",
        """
from fastapi import FastAPI, Depends
app=FastAPI()
class Mailer:
    async def welcome(self, u):
        await send(u)
def get_mailer() -> Mailer: return Mailer()
@app.post("/x")
async def x(m: Mailer = Depends(get_mailer)):
    asyncio.create_task(m.welcome(1))
""",
    ),
    "discarded dict": (
        "MS101",
        """
from fastapi import FastAPI
app=FastAPI()
JOBS={}
@app.post("/x")
async def x(id: str):
    JOBS[id] = asyncio.create_task(send(id))
    return {"id": id}
""",
    ),
    "app state": (
        "MS101",
        """
from fastapi import FastAPI, Request
app=FastAPI()
@app.post("/x")
async def x(request: Request):
    request.app.state.job = asyncio.create_task(send(1))
""",
    ),
    "middleware": (
        "MS101",
        """
from starlette.middleware.base import BaseHTTPMiddleware
class M(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        asyncio.create_task(send(1))
        return response
""",
    ),
    "litestar app": (
        "MS101",
        """
from litestar import Litestar, get
@get("/")
async def index() -> str:
    asyncio.create_task(send(1))
    return "x"
app = Litestar([index])
""",
    ),
    "sanic bg": (
        "MS101",
        """
from sanic import Sanic, Request
app = Sanic("x")
@app.get("/")
async def h(request: Request):
    request.app.add_task(send(1))
""",
    ),
    "gevent pool": (
        "MS106",
        """
from gevent.pool import Pool
from flask import Flask
app=Flask(__name__)
pool=Pool(10)
@app.get("/s")
def s():
    pool.spawn(push, 1)
""",
    ),
    "graphene": (
        "MS102",
        """
import graphene
class M(graphene.Mutation):
    def mutate(root, info):
        threading.Thread(target=push).start()
""",
    ),
    "aiojobs": (
        "MS101",
        """
from aiohttp import web
from aiojobs.aiohttp import spawn
async def h(request):
    await spawn(request, send(1))
    return web.Response()
""",
    ),
    "starlette class": (
        "MS101",
        """
from starlette.endpoints import HTTPEndpoint
class E(HTTPEndpoint):
    async def post(self, request):
        asyncio.get_event_loop().create_task(send(1))
""",
    ),
    "processpool kept future": (
        "MS103",
        """
from concurrent.futures import ProcessPoolExecutor
from flask import Flask
app=Flask(__name__)
ex = ProcessPoolExecutor()
FUT={}
@app.post("/x/<id>")
def x(id):
    FUT[id] = ex.submit(push, id)
    return id
""",
    ),
    "asyncio.run in thread": (
        "MS102",
        """
from django.http import JsonResponse
def v(request):
    threading.Thread(target=lambda: asyncio.run(send(1))).start()
    return JsonResponse({})
""",
    ),
    "startup effect": (
        "MS101",
        """
from fastapi import FastAPI
app = FastAPI()
@app.on_event("startup")
async def start():
    asyncio.create_task(send(1))
""",
    ),
}

CLEAN: dict[str, str] = {
    "channels cancel": """
from channels.generic.websocket import AsyncWebsocketConsumer
class C(AsyncWebsocketConsumer):
    async def connect(self):
        self.task = asyncio.create_task(self.pump())
    async def disconnect(self, code):
        self.task.cancel()
    async def pump(self):
        await send()
""",
    "websocket two pumps": """
from fastapi import FastAPI, WebSocket
app=FastAPI()
@app.websocket("/ws")
async def ws(socket: WebSocket):
    a = asyncio.create_task(send(1))
    b = asyncio.create_task(send(2))
    done, pending = await asyncio.wait([a, b], return_when=asyncio.FIRST_COMPLETED)
    for t in pending: t.cancel()
""",
    "stream generator with task in except": """
from fastapi import FastAPI
app=FastAPI()
@app.get("/s")
async def s():
    q = asyncio.Queue()
    async def gen():
        t = asyncio.create_task(send(1))
        try:
            while True:
                yield await q.get()
        except asyncio.CancelledError:
            t.cancel()
            raise
    return gen()
""",
    "loop.run_in_executor kept and awaited": """
from fastapi import FastAPI
app=FastAPI()
@app.get("/s")
async def s():
    loop = asyncio.get_running_loop()
    futs = [loop.run_in_executor(None, push, i) for i in range(3)]
    for f in asyncio.as_completed(futs):
        await f
""",
    "threads list start join": """
from flask import Flask
app=Flask(__name__)
@app.get("/s")
def s():
    ts=[]
    for i in range(3):
        t=threading.Thread(target=push,args=(i,))
        t.start()
        ts.append(t)
    [t.join() for t in ts]
""",
    "shield await": """
from fastapi import FastAPI
app=FastAPI()
@app.get("/s")
async def s():
    t = asyncio.create_task(send(1))
    try:
        return await asyncio.wait_for(asyncio.shield(t), 1)
    except asyncio.TimeoutError:
        t.cancel()
""",
    "retry thread of own method in service with stop flag": """
class Metrics:
    def start(self):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()
    def _loop(self):
        while not self._stop.wait(5):
            self.gauge = 1
    def stop(self):
        self._stop.set()
        self._thread.join()
""",
    "contextmanager pool": """
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
def run_all(items):
    with ThreadPoolExecutor() as ex:
        futures = {ex.submit(push, i): i for i in items}
        return [f.result() for f in futures]
""",
    "exit stack": """
from contextlib import ExitStack
from concurrent.futures import ThreadPoolExecutor
def run_all(items):
    with ExitStack() as stack:
        ex = stack.enter_context(ThreadPoolExecutor())
        for i in items:
            ex.submit(push, i)
""",
    "self pool with shutdown wait": """
from concurrent.futures import ThreadPoolExecutor
class Runner:
    def __enter__(self):
        self.pool = ThreadPoolExecutor()
        return self
    def __exit__(self, *a):
        self.pool.shutdown(wait=True)
    def go(self, i):
        return self.pool.submit(push, i)
""",
    "asyncio main": """
async def main():
    t = asyncio.create_task(send(1))
    await asyncio.sleep(1)
    await t
asyncio.run(main())
""",
    "timeout guard": """
from fastapi import FastAPI
app=FastAPI()
@app.get("/x")
async def x():
    async with asyncio.timeout(5):
        task = asyncio.create_task(send(1))
        await task
""",
    "subscriber queue": """
from fastapi import FastAPI, Request
app=FastAPI()
SUBS=set()
@app.get("/x")
async def x(request: Request):
    q = asyncio.Queue()
    SUBS.add(q)
    getter = asyncio.ensure_future(q.get())
    done, _ = await asyncio.wait([getter], timeout=5)
    if not done: getter.cancel()
""",
    "task returned by property of handle": """
class Handle:
    def __init__(self, coro):
        self._task = asyncio.ensure_future(coro)
    def __await__(self):
        return self._task.__await__()
""",
    "dict of tasks awaited": """
from fastapi import FastAPI
app=FastAPI()
@app.get("/x")
async def x():
    tasks = {"a": asyncio.create_task(send(1)), "b": asyncio.create_task(send(2))}
    return {k: await t for k, t in tasks.items()}
""",
    "anext prefetch": """
async def prefetch(it):
    nxt = asyncio.ensure_future(it.__anext__())
    while True:
        try:
            item = await nxt
        except StopAsyncIteration:
            return
        nxt = asyncio.ensure_future(it.__anext__())
        yield item
""",
    "popen stdout iter": """
import subprocess
def run(cmd):
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE)
    for line in p.stdout:
        print(line)
    return p.returncode
""",
    "popen returned tuple": """
import subprocess
def run(cmd):
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE)
    return p, p.stdout
""",
    "popen check output style": """
import subprocess
def run(cmd):
    out = subprocess.Popen(cmd, stdout=subprocess.PIPE).communicate()[0]
    return out
""",
    "popen pipe read": """
import subprocess
def run(cmd):
    return subprocess.Popen(cmd, stdout=subprocess.PIPE).stdout.read()
""",
    "async proc": """
async def run(cmd):
    p = await asyncio.create_subprocess_exec(*cmd, stdout=-1)
    out, err = await p.communicate()
    return out
""",
    "async proc reader": """
async def run(cmd):
    p = await asyncio.create_subprocess_exec(*cmd, stdout=-1)
    async for line in p.stdout:
        yield line
    await p.wait()
""",
    "local cache drop": """
from fastapi import FastAPI, BackgroundTasks
app=FastAPI()
CACHE={}
def forget(key):
    CACHE.pop(key, None)
@app.post("/x")
async def x(bt: BackgroundTasks):
    bt.add_task(forget, "a")
    bt.add_task(CACHE.clear)
""",
    "temp cleanup func": """
import os, shutil
from fastapi import FastAPI, BackgroundTasks
app=FastAPI()
def remove_file(path: str) -> None:
    if os.path.exists(path):
        os.remove(path)
@app.post("/x")
async def x(bt: BackgroundTasks):
    bt.add_task(remove_file, "a")
""",
    "celery": """
from shop.tasks import export
from fastapi import FastAPI, BackgroundTasks
app=FastAPI()
@app.post("/x")
async def x():
    export.delay(1)
    export.apply_async(args=[1], countdown=60)
""",
    "asyncio.gather of create_task comps": """
async def many(xs):
    tasks = [asyncio.create_task(send(x)) for x in xs]
    for t in tasks:
        t.add_done_callback(print)
    return await asyncio.gather(*tasks, return_exceptions=True)
""",
    "bounded worker queue": """
async def fan(items):
    q = asyncio.Queue()
    async def worker():
        while True:
            item = await q.get()
            await send(item)
            q.task_done()
    workers = [asyncio.create_task(worker()) for _ in range(3)]
    for i in items: q.put_nowait(i)
    await q.join()
    for w in workers: w.cancel()
""",
    "timer watchdog class": """
class Limit:
    def __enter__(self):
        self.timer = threading.Timer(5, push)
        self.timer.start()
    def __exit__(self, *a):
        self.timer.cancel()
""",
    "sqlalchemy session add task model": """
from fastapi import FastAPI
app=FastAPI()
@app.post("/t")
async def t(repo, project):
    repo.create_task(name="x")
    project.add_task({"a": 1})
    repo.submit("form")
""",
    "is thread name": """
from fastapi import FastAPI
from shop.models import Thread
app=FastAPI()
@app.post("/t")
async def t():
    Thread(title="x").start()
    Thread.objects.create(title="y")
""",
}


@pytest.mark.parametrize(("code", "text"), FOUND.values(), ids=FOUND)
@pytest.mark.scenario("Q1", part="frameworks")
def test_it_is_found_whatever_the_framework(check: Check, code: str, text: str) -> None:
    assert heard(check(HEAD + dedent(text))) == {code}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
@pytest.mark.scenario("Q1", part="idioms")
def test_what_is_done_rightly_is_left_alone(check: Check, text: str) -> None:
    assert heard(check(HEAD + dedent(text))) == set()
