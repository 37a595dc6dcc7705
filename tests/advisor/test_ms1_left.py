"""Started work that only seems to be in somebody's hands, and work that is the program's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from mainspring.advisor.finding import Finding, Role, Severity

from .conftest import project_of

Check = Callable[[str | Mapping[str, str]], list[Finding]]

HEAD = """
import asyncio, subprocess, threading, httpx, requests

async def send(number):
    async with httpx.AsyncClient() as client:
        await client.post("https://x.example.com", json=number)

def push(number):
    requests.post("https://x.example.com", json=number)
"""

LEFT = {
    "a lifespan that calls off at its end what it began once": """
from contextlib import asynccontextmanager

@asynccontextmanager
async def lifespan(app):
    begun = asyncio.create_task(send(1))
    yield
    begun.cancel()
    try:
        await begun
    except asyncio.CancelledError:
        pass
""",
    "an event that says that the work has begun": """
class Shop:
    def begin(self, number):
        started = threading.Event()

        def work():
            started.set()
            push(number)

        threading.Thread(target=work).start()
        started.wait()
""",
    "the record of a run, which another request may call off": """
class Desk:
    async def begin(self, run):
        run.task = asyncio.create_task(send(run.number))

    async def stop(self, run):
        run.task.cancel()
""",
    "a wait that is off unless a caller asks for it": """
def begin(command, wait=False):
    process = subprocess.Popen(command)
    if wait:
        process.wait()
    return process.pid
""",
    "a thread that is begun and given back to somebody who leaves it alone": """
class Errand(threading.Thread):
    def run(self):
        push(1)

def begin():
    errand = Errand()
    errand.start()
    return errand

def order(number):
    begun = begin()
    print(number)
""",
    "a thread of one errand that starts itself, whatever it does": """
class Errand(threading.Thread):
    def __init__(self, rows):
        super().__init__()
        self.rows = rows
        self.start()

    def run(self):
        for row in self.rows:
            row.go(self)
""",
    "a global that a helper puts it into": """
from fastapi import FastAPI, WebSocket

latest = None
app = FastAPI()

def keep(task):
    global latest
    latest = task

@app.websocket("/x")
async def watch(ws: WebSocket):
    task = asyncio.create_task(send(1))
    keep(task)
""",
    "an object that hears of one end of a connection and is none": """
class Updates:
    async def on_disconnect(self):
        print("gone")

    async def get(self, number):
        asyncio.create_task(self.update_all(number))

    async def update_all(self, number):
        await self.store.put_all(number)
""",
}
QUIET = {
    "a program that begins anew": """
import sys

def restart():
    subprocess.Popen([sys.executable, "-m", "shop"])
    sys.exit()
""",
    "a closure that fills a list for which the function around it waits": """
async def discover(found):
    begun = []

    def on_found(number):
        begun.append(asyncio.ensure_future(send(number)))

    found.listen(on_found)
    await asyncio.sleep(3)
    await asyncio.wait(begun)
""",
    "a page that is shown to whoever started the program": """
import webbrowser

def show():
    push(1)
    webbrowser.open("http://localhost:8000")

def start():
    threading.Thread(target=show).start()
""",
    "the program, before the loop that runs it": """
class Program:
    def start(self):
        self.loop.create_task(send(1))
        self.loop.run_forever()
""",
    "a server that begins anew with every change": """
import multiprocessing
from watchfiles import run_process

def start():
    child = multiprocessing.get_context("spawn").Process(target=run_process, args=("shop",))
    child.start()
""",
    "an event that says that the work is done": """
class Shop:
    def begin(self, number):
        done = threading.Event()

        def work():
            try:
                push(number)
            finally:
                done.set()

        threading.Thread(target=work).start()
        done.wait()
""",
    "a pool that callers give and wait for": """
from multiprocessing.pool import ThreadPool

def load(numbers, pool):
    for number in numbers:
        pool.apply_async(push, (number,))

def command(numbers):
    pool = ThreadPool(4)
    load(numbers, pool)
    pool.close()
    pool.join()
""",
    "an entry that is forgotten after a while": """
class Seen:
    def __init__(self):
        self.numbers = set()

    def see(self, number):
        async def forget():
            await asyncio.sleep(60)
            self.numbers.discard(number)

        asyncio.create_task(forget())
""",
    "a child that another method watches until it ends": """
import multiprocessing, time

class Child:
    def run(self):
        self.child = multiprocessing.Process(target=push)
        self.child.start()
        return self.watch()

    def watch(self):
        while True:
            if not self.child.is_alive():
                return
            time.sleep(0.1)
""",
    "a thread that kills what this process has started": """
from shop.processes import kill_process_tree

def cancel(number):
    threading.Thread(target=kill_process_tree, args=(number,)).start()
""",
    "work whose end is the end of the program": """
from sanic import Sanic

def begin(app: Sanic):
    async def talk(running: Sanic):
        await send(1)
        running.stop()

    app.add_task(talk)
""",
    "a future that is chained to one that is awaited": """
from concurrent.futures import ThreadPoolExecutor
from tornado.concurrent import Future, chain_future

pool = ThreadPoolExecutor()

async def load(number):
    begun = pool.submit(push, number)
    awaited = Future()
    chain_future(begun, awaited)
    return await awaited
""",
    "a wait that only an argument can switch off": """
def begin(command, background=False):
    process = subprocess.Popen(command)
    if not background:
        process.wait()
    return process.returncode
""",
}


def heard(found: list[Finding]) -> set[str]:
    return {each.code for each in found if each.code.startswith("MS1") and each.severity is not Severity.NOTICE}


@pytest.mark.parametrize("code", LEFT.values(), ids=LEFT)
def test_work_that_nobody_waits_for_is_told(check: Check, code: str) -> None:
    assert heard(check(HEAD + code))


@pytest.mark.parametrize("code", QUIET.values(), ids=QUIET)
def test_work_of_the_program_itself_is_left_alone(check: Check, code: str) -> None:
    assert heard(check(HEAD + code)) == set()


def test_a_keeper_of_everybodys_tasks_waits_for_none_of_them(check: Check) -> None:
    keeper = """
import asyncio

class Keeper:
    def __init__(self):
        self.tasks = []

    def begin(self, coro):
        self.task = asyncio.create_task(coro)

    def stop(self):
        self.task.cancel()

keeper = Keeper()
"""
    shop = HEAD + "\nfrom shop.keeper import keeper\n\ndef order(number):\n    keeper.begin(send(number))\n"
    found = check({"shop/keeper.py": keeper, "shop/orders.py": shop})
    assert heard([each for each in found if each.path == "shop/orders.py"]) == {"MS101"}


def test_a_library_of_tasks_is_told_to_begin_one(check: Check) -> None:
    found = check(HEAD + "\nfrom bridge.util import background_task\n\ndef order(number):\n    background_task.create(send(number))\n")
    assert heard(found) == {"MS101"}


STARTED_ELSEWHERE = {
    "an object's": """
class Boss:
    def __init__(self):
        self.pusher = threading.Thread(target=push, args=(1,))

    def begin(self):
        self.pusher.start()
""",
    "a module's": """
pusher = threading.Thread(target=push, args=(1,))

def begin():
    pusher.start()
""",
}


@pytest.mark.parametrize("code", STARTED_ELSEWHERE.values(), ids=STARTED_ELSEWHERE)
def test_a_thread_may_be_made_here_and_started_there(check: Check, code: str) -> None:
    assert heard(check(HEAD + code)) == {"MS102"}
    assert heard(check(HEAD + code.replace(".start()", ".join()"))) == set()


@pytest.mark.parametrize(
    "code",
    [
        "async def order(numbers):\n    asyncio.ensure_future(asyncio.gather(*[send(each) for each in numbers]))\n",
        "async def order(numbers):\n    asyncio.ensure_future(asyncio.gather(send(1), send(2)))\n",
    ],
)
def test_what_is_gathered_is_what_is_started(check: Check, code: str) -> None:
    assert heard(check(HEAD + code)) == {"MS101"}


def test_a_shell_is_told_to_go_on_by_itself(check: Check) -> None:
    assert heard(check("import os\n\ndef order(number):\n    os.system(f'python work.py {number} &')\n")) == {"MS105"}


@pytest.mark.parametrize("head", ["", "import click\n\n@click.command()\n"])
def test_a_command_that_serves_is_no_command(head: str) -> None:
    path = "shop/cli.py" if head else "shop/__main__.py"
    project = project_of({path: f"import threading\nimport uvicorn\n{head}def serve():\n    uvicorn.run('shop.app:app')\n"})
    file = next(each for each in project.files.values() if each.path == path)
    assert project.role(file, next(each for each in file.functions if each.name == "serve")) is Role.STARTUP


SERVER = "from http.server import HTTPServer\n\nclass Page:\n    def start(self):\n        HTTPServer(('', 80)).serve_forever()\n"
PROGRAM = """
import argparse
from shop.page import Page

class Service:
    def begin(self):
        pass

def main():
    {parse}
    Page().start()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("parse", "role"),
    [
        ("argparse.ArgumentParser().parse_args()", Role.SERVICE),
        ("argparse.ArgumentParser().add_subparsers()", Role.CLI),
    ],
)
def test_a_program_that_serves_is_no_command(parse: str, role: Role) -> None:
    project = project_of({"shop/page.py": SERVER, "shop/service.py": PROGRAM.format(parse=parse)})
    file = next(each for each in project.files.values() if each.path == "shop/service.py")
    assert project.role(file, next(each for each in file.functions if each.name == "Service.begin")) is role


def test_what_a_server_begins_beside_itself_is_no_command(check: Check) -> None:
    sources = {
        "shop/cli/beside.py": HEAD + "\ndef begin():\n    threading.Thread(target=push, args=(1,)).start()\n",
        "shop/cli/run.py": "import threading, uvicorn\nfrom shop.cli.beside import begin\n\n"
        "def run(app):\n    begin()\n    uvicorn.run(app)\n",
    }
    assert heard(check(sources)) == {"MS102"}
