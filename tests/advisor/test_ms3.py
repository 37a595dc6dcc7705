"""Queues, retries, chains and states built by hand are found; fan-outs that end, lists that are data, and first states are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainspring.advisor.finding import Finding, Kind, Severity

Check = Callable[..., list[Finding]]


def serious(found: list[Finding]) -> list[str]:
    """Return the codes of what fails a build."""
    return sorted(each.code for each in found if each.severity is not Severity.NOTICE)


@pytest.mark.scenario("G-11")
@pytest.mark.scenario("S0-35", part="queue")
@pytest.mark.parametrize(
    "code",
    [
        """
import asyncio
import httpx
from fastapi import FastAPI

app = FastAPI()
mails = asyncio.Queue()

async def deliver():
    while True:
        address = await mails.get()
        async with httpx.AsyncClient() as client:
            await client.post("https://example.com", json={"to": address})
        mails.task_done()

@app.on_event("startup")
async def start():
    asyncio.create_task(deliver())
""",
        """
import queue
import threading
import requests

class Mailer:
    def __init__(self):
        self.queue = queue.Queue()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            item = self.queue.get()
            if item is None:
                break
            requests.post("https://example.com", json=item)
""",
        """
import queue
import threading

jobs = queue.Queue()

def work():
    while True:
        func, args = jobs.get()
        func(*args)

threading.Thread(target=work, daemon=True).start()
""",
        """
import threading
import queue
import requests

class Worker(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.inbox = queue.Queue()

    def run(self):
        while True:
            requests.post("https://example.com", json=self.inbox.get())

def start():
    Worker().start()
""",
    ],
    ids=["asyncio", "class", "callables", "subclass"],
)
def test_a_queue_in_memory_with_an_endless_consumer_is_found_once(check: Check, code: str) -> None:
    found = [each for each in check(code) if each.code.startswith(("MS1", "MS2", "MS3"))]
    assert [(each.code, each.kind) for each in found] == [("MS301", Kind.ADHOC)]


@pytest.mark.scenario("G-11")
@pytest.mark.parametrize(
    "code",
    [
        """
import asyncio

async def work(queue: asyncio.Queue, found):
    while True:
        found.append(await queue.get())
        queue.task_done()

async def measure(names):
    queue = asyncio.Queue()
    found = []
    workers = [asyncio.create_task(work(queue, found)) for _ in range(4)]
    for name in names:
        queue.put_nowait(name)
    await queue.join()
    for worker in workers:
        worker.cancel()
    return found
""",
        """
import queue
import threading

def work(names, found):
    while True:
        try:
            found.append(names.get_nowait())
        except queue.Empty:
            return

def measure(all_names):
    names = queue.Queue()
    for name in all_names:
        names.put(name)
    found = []
    threads = [threading.Thread(target=work, args=(names, found)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
""",
        """
import asyncio
from fastapi import FastAPI
from sse_starlette.sse import EventSourceResponse

app = FastAPI()
subscribers = set()

@app.get("/events")
async def events():
    queue = asyncio.Queue()
    subscribers.add(queue)

    async def stream():
        try:
            while True:
                yield await queue.get()
        finally:
            subscribers.discard(queue)

    return EventSourceResponse(stream())
""",
    ],
    ids=["cancelled-fan-out", "joined-fan-out", "subscriber"],
)
def test_a_fan_out_that_ends_and_the_queue_of_a_subscriber_are_no_finding(check: Check, code: str) -> None:
    assert check(code) == []


@pytest.mark.scenario("G-11")
@pytest.mark.scenario("S0-35", part="queue")
@pytest.mark.parametrize("pop", ['broker.blpop("mails")', 'broker.brpop(["mails"], 5)', 'broker.lpop("mails")'])
def test_a_loop_that_pops_a_brokers_list_is_a_queue_made_at_home(check: Check, pop: str) -> None:
    found = check(f"""
import time
import redis
import requests

broker = redis.Redis()

def put(address):
    broker.rpush("mails", address)

def main():
    while True:
        item = {pop}
        if not item:
            time.sleep(1)
            continue
        requests.post("https://example.com", data=item, timeout=5)

if __name__ == "__main__":
    main()
""")
    assert [(each.code, each.kind) for each in found if each.code.startswith("MS3")] == [("MS302", Kind.ADHOC)]


def test_a_group_that_reads_a_stream_is_a_queue_as_well(check: Check) -> None:
    found = check("""
import asyncio
import redis.asyncio as redis
from fastapi import FastAPI
from shop.mail import send

app = FastAPI()
broker = redis.Redis()

async def drain():
    while True:
        for _, entries in await broker.xreadgroup("mailers", "one", {"mails": ">"}, block=5000):
            for key, fields in entries:
                await send(fields)
                await broker.xack("mails", "mailers", key)

@app.on_event("startup")
async def start():
    app.state.drain = asyncio.create_task(drain())
""")
    assert [(each.code, each.variant) for each in found] == [("MS302", "stream")]


@pytest.mark.scenario("G-11")
def test_a_list_that_is_data_is_no_finding(check: Check) -> None:
    assert (
        check("""
import redis

broker = redis.Redis()

def remember(line):
    broker.rpush("history", line)
    broker.ltrim("history", -100, -1)

def first():
    return broker.lpop("history")
""")
        == []
    )


@pytest.mark.scenario("S0-35", part="queue")
@pytest.mark.parametrize(
    "code",
    [
        """
import time
import psycopg

CLAIM = "SELECT id FROM jobs WHERE status = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1"

def work_off(connection: psycopg.Connection):
    while True:
        row = connection.execute(CLAIM).fetchone()
        if row is None:
            time.sleep(1)
            continue
        connection.execute("UPDATE jobs SET status = 'done' WHERE id = %s", row)
        connection.commit()

if __name__ == "__main__":
    work_off(psycopg.connect())
""",
        """
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from sqlalchemy import select
from shop.models import Job, Session

async def claim():
    async with Session() as session:
        job = await session.scalar(select(Job).where(Job.status == "pending").with_for_update(skip_locked=True).limit(1))
        if job is not None:
            job.status = "running"
            await session.commit()
        return job

async def work_off():
    while True:
        job = await claim()
        await asyncio.sleep(1)

@asynccontextmanager
async def lifespan(app: FastAPI):
    worker = asyncio.create_task(work_off())
    yield
    worker.cancel()
""",
        """
import threading
import time
from django.apps import AppConfig
from django.db.models import Q

def work_off():
    from shop.models import Mail
    while True:
        for mail in Mail.objects.filter(Q(status=Mail.PENDING)):
            mail.status = Mail.SENT
            mail.save()
        time.sleep(5)

class ShopConfig(AppConfig):
    def ready(self):
        threading.Thread(target=work_off, daemon=True).start()
""",
    ],
    ids=["sql", "sqlalchemy", "django"],
)
def test_a_table_with_a_loop_that_works_it_off_is_a_queue_made_at_home(check: Check, code: str) -> None:
    found = [each for each in check(code) if each.code.startswith(("MS1", "MS2", "MS3"))]
    assert [(each.code, each.kind) for each in found] == [("MS303", Kind.ADHOC)]


RETRY = """
import asyncio
import httpx
from fastapi import FastAPI

app = FastAPI()

async def push(url):
    for attempt in range(5):
        try:
            async with httpx.AsyncClient() as client:
                await client.post(url)
            return
        except httpx.HTTPError:
            await asyncio.sleep(2 ** attempt)

@app.post("/orders")
async def order(url: str):
    {how}
"""


def test_a_retry_by_hand_is_found_where_nobody_waits_for_it(check: Check) -> None:
    found = check(RETRY.format(how="asyncio.create_task(push(url))"))
    assert "MS304" in serious(found)
    retry = next(each for each in found if each.code == "MS304")
    assert (retry.function, retry.kind) == ("push", Kind.ADHOC)
    assert "MS304" not in serious(check(RETRY.format(how="await push(url)")))


def test_a_callback_that_starts_the_next_step_is_a_chain(check: Check) -> None:
    found = check("""
from concurrent.futures import ThreadPoolExecutor
from flask import Flask
from shop.video import publish, transcode

app = Flask(__name__)
pool = ThreadPoolExecutor()

def then_publish(done):
    pool.submit(publish, done.result())

def log(done):
    print(done.result())

@app.post("/videos")
def upload():
    future = pool.submit(transcode, 1)
    future.add_done_callback(then_publish)
    future.add_done_callback(log)
    return {}
""")
    chains = [each for each in found if each.code == "MS305"]
    assert [(each.kind, "then_publish" in each.statement) for each in chains] == [(Kind.WORKFLOW, True)]


STATUS = """
import threading
from flask import Flask
from shop.models import Export, db

app = Flask(__name__)

def run_export(export_id):
    export = Export.query.get(export_id)
    export.status = "done"
    db.session.commit()

@app.post("/exports")
def start():
    export = Export.query.get(1)
    {before}
    threading.Thread(target=run_export, args=(export.id,)).start()
    {after}
    db.session.commit()
    return {{}}
"""


def test_a_state_has_one_writer(check: Check) -> None:
    found = check(STATUS.format(before="pass", after='export.status = "running"'))
    state = next(each for each in found if each.code == "MS306")
    assert (state.severity, state.kind) == (Severity.ERROR, Kind.ADHOC)
    assert state.statement.startswith("export.status")
    for before, after in (('export.status = "queued"', "pass"), ("pass", 'app.state = "running"')):
        assert "MS306" not in [each.code for each in check(STATUS.format(before=before, after=after))]


SELF_STARTED = """
import queue
import threading
import smtplib

class Worker(threading.Thread):
    _one = None

    @classmethod
    def get(cls):
        if cls._one is None:
            cls._one = Worker()
        return cls._one

    def __init__(self):
        threading.Thread.__init__(self)
        self.queue = queue.Queue()
        self.start()

    def run(self):
        main = threading.main_thread()
        while {head}:
            try:
                item = self.queue.get(timeout=1)
            except queue.Empty:
                continue
            smtplib.SMTP("localhost").sendmail("a", "b", item)
"""


@pytest.mark.parametrize("head", ["main_thread.is_alive()", "self.running", "True"])
def test_a_thread_that_starts_itself_is_told_once_where_it_does(check: Check, head: str) -> None:
    found = [each for each in check({"shop/jobs.py": SELF_STARTED.format(head=head)}) if each.severity is not Severity.NOTICE]
    assert [(each.code, each.statement) for each in found] == [("MS301", "self.start()")]


def test_a_worker_of_a_queue_that_another_object_has_is_found(check: Check) -> None:
    found = check("""
import threading

class Processor:
    def start(self, services):
        self.services = services
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.stopping:
            item = self.services.jobs.dequeue()
            if item is None:
                self.event.wait(1)
                continue
            self.services.runner.run(item)
""")
    assert "MS301" in serious(found)


def test_a_worker_that_answers_whoever_waits_for_each_item_is_a_notice(check: Check) -> None:
    code = """
import asyncio

class Batcher:
    def __init__(self, model):
        self.queue = asyncio.Queue()
        self.model = model
        self.task = asyncio.create_task(self.work())

    async def work(self):
        while True:
            future, item = await self.queue.get()
            {end}
"""
    assert serious(check(code.format(end="future.set_result(await self.model.predict(item))"))) == []
    assert serious(check(code.format(end="await self.model.predict(item)"))) == ["MS301"]


def test_an_entered_object_whose_queue_is_written_down_is_a_service(check: Check) -> None:
    code = """
import asyncio
from sqlalchemy import insert
from shop.models import Event, Session

class Inserter:
    async def __aenter__(self):
        self.queue = asyncio.Queue()
        self.task = asyncio.create_task(self.work())
        return self

    async def work(self):
        while True:
            item = await self.queue.get()
            {end}
"""
    write = "Session().execute(insert(Event).values(text=item))"
    assert serious(check({"shop/inserter.py": code.format(end=write)})) == ["MS301"]
    assert serious(check({"shop/inserter.py": code.format(end="print(item)")})) == []


def test_a_worker_with_a_word_that_ends_it_and_an_empty_queue_to_leave_is_endless(check: Check) -> None:
    found = check("""
import queue
import threading
import smtplib

class Sender(threading.Thread):
    def run(self):
        self.jobs = queue.Queue()
        while True:
            try:
                job = self.jobs.get(timeout=1)
            except queue.Empty:
                if not self.running:
                    break
                continue
            if job == "quit":
                break
            smtplib.SMTP("localhost").sendmail("a", "b", job)

def start():
    sender = Sender()
    sender.start()
    return {}
""")
    assert "MS301" in serious(found)


def test_a_function_that_is_defined_in_two_branches_is_two(check: Check) -> None:
    code = """
import asyncio
import sys

if sys.platform == "win32":
    async def send(job):
        prepare()
        prepare()
        keep(asyncio.create_task(job()))
else:
    async def send(job):
        asyncio.create_task(first())
"""
    check(code)  # each call belongs to its own branch: in the other one there is none of its number
