"""What recurs or never ends inside a web process is found, with the kind of work that it should be; what ends with its caller is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainspring.advisor.finding import Finding, Ground, Kind, Severity

Check = Callable[..., list[Finding]]


def only(found: list[Finding], code: str) -> Finding:
    """Return the one finding that counts, which must be of this code."""
    serious = [each for each in found if each.severity is not Severity.NOTICE]
    assert [each.code for each in serious] == [code], found
    return serious[0]


def serious(found: list[Finding]) -> list[str]:
    """Return the codes of what fails a build."""
    return sorted(each.code for each in found if each.severity is not Severity.NOTICE)


STORE = """
from sqlalchemy import delete
from shop.models import Session, Token

def delete_expired():
    with Session() as session:
        session.execute(delete(Token))
        session.commit()
"""


@pytest.mark.scenario("G-7")
@pytest.mark.parametrize(
    "code",
    [
        """
from apscheduler.schedulers.background import BackgroundScheduler
from django.apps import AppConfig
from shop.store import delete_expired

class ShopConfig(AppConfig):
    def ready(self):
        scheduler = BackgroundScheduler()
        scheduler.add_job(delete_expired, "interval", minutes=5)
        scheduler.start()
""",
        """
from flask import Flask
from flask_apscheduler import APScheduler
from shop.store import delete_expired

app = Flask(__name__)
scheduler = APScheduler()
scheduler.init_app(app)

@scheduler.task("cron", id="clean", hour=3)
def clean():
    delete_expired()

scheduler.start()
""",
        """
from contextlib import asynccontextmanager
from apscheduler.schedulers.asyncio import AsyncIOScheduler as Clock
from apscheduler.triggers.cron import CronTrigger
from fastapi import FastAPI
from shop.store import delete_expired

@asynccontextmanager
async def lifespan(app: FastAPI):
    clock = Clock()
    clock.add_job(delete_expired, CronTrigger(hour=3))
    clock.start()
    yield
    clock.shutdown()
""",
    ],
    ids=["django-ready", "flask-module", "lifespan"],
)
def test_a_scheduler_in_the_web_process_is_found_at_its_making_and_at_each_job(check: Check, code: str) -> None:
    found = check({"shop/app.py": code, "shop/store.py": STORE})
    assert set(serious(found)) == {"MS201"}
    assert {each.kind for each in found} == {Kind.CRON}
    assert len(found) == 2  # the scheduler and its job, not its start as well


@pytest.mark.scenario("G-7")
def test_a_scheduler_of_its_own_that_only_hands_work_on_is_a_notice(check: Check) -> None:
    found = check(
        {
            "shop/clock.py": """
from apscheduler.schedulers.blocking import BlockingScheduler
from shop.tasks import clean

def queue_cleaning():
    clean.delay()

def main():
    scheduler = BlockingScheduler()
    scheduler.add_job(queue_cleaning, "cron", hour=3)
    scheduler.start()

if __name__ == "__main__":
    main()
""",
            "shop/tasks.py": "from celery import shared_task\n\n@shared_task\ndef clean():\n    return 1\n",
        }
    )
    assert found and {each.code for each in found} == {"MS201"}
    assert {each.severity for each in found} == {Severity.NOTICE}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (
            """
import schedule
from shop.store import delete_expired

def start():
    schedule.every(10).minutes.do(delete_expired)
""",
            Kind.CRON,
        ),
        (
            """
from fastapi import FastAPI
from fastapi_utils.tasks import repeat_every
from shop.store import delete_expired

app = FastAPI()

@app.on_event("startup")
@repeat_every(seconds=60)
async def clean():
    delete_expired()
""",
            Kind.CRON,
        ),
        (
            """
from tornado.ioloop import PeriodicCallback
from shop.store import delete_expired

def start():
    PeriodicCallback(delete_expired, 60_000).start()
""",
            Kind.CRON,
        ),
        (
            """
from twisted.internet.task import LoopingCall
from shop.store import delete_expired

def start():
    LoopingCall(delete_expired).start(60)
""",
            Kind.CRON,
        ),
        (
            """
from uwsgidecorators import cron
from shop.store import delete_expired

@cron(0, 3, -1, -1, -1)
def nightly(signal):
    delete_expired()
""",
            Kind.CRON,
        ),
        (
            """
from datetime import datetime, timedelta
from flask import Flask
from shop.clock import scheduler
from shop.store import delete_expired

app = Flask(__name__)

@app.post("/later")
def later():
    scheduler.add_job(delete_expired, "date", run_date=datetime.now() + timedelta(hours=1))
    return {}
""",
            Kind.ADHOC,
        ),
        (
            """
from asgiref.sync import sync_to_async
from fastapi import FastAPI
from shop.clock import scheduler
from shop.store import delete_expired

app = FastAPI()

@app.post("/jobs")
async def add():
    await sync_to_async(scheduler.add_job)(delete_expired, "interval", minutes=1)
""",
            Kind.CRON,
        ),
    ],
    ids=["schedule", "repeat-every", "tornado", "twisted", "uwsgi", "one-off", "handed-on"],
)
@pytest.mark.scenario("G-4", part="handed on")
def test_every_library_that_runs_jobs_in_the_process_is_known(check: Check, code: str, kind: Kind) -> None:
    clock = "from apscheduler.schedulers.background import BackgroundScheduler\n\nscheduler = BackgroundScheduler()\n"
    found = check({"shop/app.py": code, "shop/store.py": STORE, "shop/clock.py": clock})
    here = [each for each in found if each.path == "shop/app.py"]
    assert only(here, "MS201").kind is kind


@pytest.mark.parametrize(
    "code",
    [
        "from rich.progress import Progress\n\ndef show(progress: Progress):\n    progress.add_task('x', total=3)\n",
        "class Board:\n    def add_job(self, job):\n        print(job)\n\ndef post(board: Board, job):\n    board.add_job(job)\n",
        "from shop.models import schedule\n\ndef show():\n    return schedule.every_day()\n",
        """
from apscheduler.schedulers.background import BackgroundScheduler

def stop(scheduler: BackgroundScheduler):
    scheduler.remove_all_jobs()
    scheduler.shutdown()
""",
    ],
    ids=["rich", "own-add-job", "own-schedule", "shutdown"],
)
def test_names_that_only_look_like_a_scheduler_are_no_finding(check: Check, code: str) -> None:
    assert check(code) == []


@pytest.mark.scenario("G-8")
def test_a_loop_of_the_lifespan_that_deletes_rows_is_a_schedule_though_it_is_cancelled_at_shutdown(check: Check) -> None:
    found = check(
        {
            "shop/app.py": """
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from shop.store import delete_expired

async def clean():
    while True:
        try:
            delete_expired()
        except Exception:
            print("again")
        await asyncio.sleep(3600)

@asynccontextmanager
async def lifespan(app: FastAPI):
    cleaner = asyncio.create_task(clean())
    yield
    cleaner.cancel()
    try:
        await cleaner
    except asyncio.CancelledError:
        pass

app = FastAPI(lifespan=lifespan)
""",
            "shop/store.py": STORE,
        }
    )
    finding = only(found, "MS202")
    assert len(found) == 1
    assert finding.kind is Kind.CRON
    assert "create_task" in finding.statement
    assert dict(finding.contradicts).keys() >= {Ground.PROCESS_LOCAL, Ground.SUB_SECOND}
    assert any(each.path == "shop/app.py" and each.text.startswith("while") for each in finding.evidence)


@pytest.mark.scenario("G-8")
def test_a_loop_of_the_lifespan_that_sets_gauges_is_a_notice(check: Check) -> None:
    found = check("""
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from prometheus_client import Gauge

SIZE = Gauge("size", "rooms")
rooms = {}

async def measure():
    while True:
        SIZE.set(len(rooms))
        await asyncio.sleep(15)

@asynccontextmanager
async def lifespan(app: FastAPI):
    task = asyncio.create_task(measure())
    yield
    task.cancel()
""")
    assert serious(found) == []
    assert [each.code for each in found] == ["MS202"]
    assert Ground.PROCESS_LOCAL not in dict(found[0].contradicts)


@pytest.mark.scenario("G-10")
def test_a_loop_over_a_cycle_that_waits_on_an_event_is_endless(check: Check) -> None:
    found = check(
        {
            "shop/apps.py": """
import itertools
import threading
from django.apps import AppConfig
from shop.models import Token

stop = threading.Event()

def clean():
    for _ in itertools.cycle(range(60)):
        if stop.wait(60):
            break
        Token.objects.filter(expired=True).delete()

class ShopConfig(AppConfig):
    def ready(self):
        threading.Thread(target=clean, daemon=True).start()
""",
        }
    )
    finding = only(found, "MS202")
    assert finding.kind is Kind.CRON
    assert len(found) == 1


@pytest.mark.scenario("S0-35", part="loops")
def test_a_class_that_keeps_its_loop_is_no_better_than_a_function(check: Check) -> None:
    found = check(
        {
            "shop/cleaner.py": """
import asyncio
from shop.store import delete_expired

class Cleaner:
    def __init__(self):
        self._task = None
        self._running = False

    async def start(self):
        self._running = True
        self._task = asyncio.create_task(self._run())

    async def stop(self):
        self._running = False
        self._task.cancel()

    async def _run(self):
        while self._running:
            delete_expired()
            await asyncio.sleep(60)
""",
            "shop/store.py": STORE,
        }
    )
    assert only(found, "MS202").function == "Cleaner.start"


def test_a_daemon_whose_base_class_starts_it_is_found_at_its_loop(check: Check) -> None:
    found = check(
        {
            "shop/daemon.py": """
import asyncio

class Daemon:
    async def start(self):
        self._task = asyncio.create_task(self._run())

    async def _run(self):
        raise NotImplementedError
""",
            "shop/sweeper.py": """
import asyncio
from shop.daemon import Daemon
from shop.store import delete_expired

class Sweeper(Daemon):
    async def _run(self):
        while True:
            delete_expired()
            await asyncio.sleep(60)
""",
            "shop/store.py": STORE,
        }
    )
    here = [each for each in found if each.path == "shop/sweeper.py"]
    assert only(here, "MS202").statement.startswith("while")


def test_loops_that_end_or_belong_to_a_stream_are_no_finding(check: Check) -> None:
    assert (
        check("""
import asyncio
from fastapi import FastAPI, WebSocket

app = FastAPI()

async def beat(socket: WebSocket):
    while True:
        await socket.send_text("ping")
        await asyncio.sleep(20)

@app.websocket("/live")
async def live(socket: WebSocket):
    await socket.accept()
    pulse = asyncio.create_task(beat(socket))
    try:
        while True:
            await socket.receive_text()
    finally:
        pulse.cancel()
""")
        == []
    )


MODELS = """
from django.db import models

class Report(models.Model):
    status = models.CharField(max_length=10)
"""
VIEWS = """
from django.http import JsonResponse
from shop.models import Report

def ask(request):
    report = Report.objects.create(status="pending")
    return JsonResponse({"id": report.id})
"""


@pytest.mark.scenario("G-9")
@pytest.mark.scenario("S0-35", part="loops")
def test_a_management_command_that_polls_what_a_view_writes_is_work_on_demand(check: Check) -> None:
    found = check(
        {
            "shop/models.py": MODELS,
            "shop/views.py": VIEWS,
            "shop/urls.py": "from django.urls import path\nfrom shop import views\n\nurlpatterns = [path('ask', views.ask)]\n",
            "shop/management/commands/reports.py": """
import time
from django.core.management.base import BaseCommand
from shop.models import Report

def pending():
    return Report.objects.filter(status="pending")

class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            for report in pending():
                report.status = "done"
                report.save()
            time.sleep(5)
""",
        }
    )
    finding = only(found, "MS204")
    assert finding.kind is Kind.ADHOC
    assert dict(finding.values)["writer"] == "shop.views.ask"
    assert finding.path == "shop/management/commands/reports.py"


@pytest.mark.scenario("G-9")
def test_a_batch_that_ends_is_no_finding(check: Check) -> None:
    assert (
        check(
            {
                "shop/models.py": MODELS,
                "shop/management/commands/fill.py": """
import time
from django.core.management.base import BaseCommand
from shop.models import Report

class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            rows = list(Report.objects.filter(status="pending")[:500])
            if not rows:
                break
            for row in rows:
                row.save()
            time.sleep(0.1)
""",
            }
        )
        == []
    )


@pytest.mark.scenario("S0-35", part="queue")
@pytest.mark.scenario("S0-36", part="poll")
def test_a_schedule_that_polls_a_table_of_requests_is_work_on_demand(check: Check) -> None:
    found = check(
        {
            "shop/models.py": MODELS,
            "shop/views.py": VIEWS,
            "shop/urls.py": "from django.urls import path\nfrom shop import views\n\nurlpatterns = [path('ask', views.ask)]\n",
            "shop/apps.py": """
from apscheduler.schedulers.background import BackgroundScheduler
from django.apps import AppConfig

def work_off():
    from shop.models import Report
    for report in Report.objects.filter(status="pending"):
        report.status = "done"
        report.save()

class ShopConfig(AppConfig):
    def ready(self):
        scheduler = BackgroundScheduler()
        scheduler.add_job(work_off, "interval", seconds=10)
        scheduler.start()
""",
        }
    )
    polls = [each for each in found if each.code == "MS204"]
    assert [each.kind for each in polls] == [Kind.ADHOC]
    assert "add_job" in polls[0].statement
    assert not any(each.code == "MS201" and "add_job" in each.statement for each in found)


def test_asking_somebody_elses_system_again_and_again_is_a_schedule(check: Check) -> None:
    found = check("""
import time
import requests
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            requests.post("https://example.com/status", json={}, timeout=5)
            time.sleep(60)
""")
    assert only([each for each in found if each.code.startswith(("MS2", "MS3"))], "MS202").kind is Kind.CRON


@pytest.mark.scenario("G-13")
def test_an_alarm_that_is_taken_back_is_a_limit_and_one_that_works_is_a_schedule(check: Check) -> None:
    assert (
        check("""
import signal

class Late(Exception): ...

def too_late(number, frame):
    raise Late

def guarded(work):
    signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

def guarded_too(work):
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(5)
    try:
        return work()
    finally:
        signal.alarm(0)
""")
        == []
    )
    found = check(
        {
            "shop/clock.py": """
import signal
from shop.store import delete_expired

def tick(number, frame):
    delete_expired()

def start():
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 60, 60)
""",
            "shop/store.py": STORE,
        }
    )
    assert only(found, "MS203").kind is Kind.CRON


@pytest.mark.parametrize(
    "code",
    [
        """
import threading
from shop.store import delete_expired

def clean():
    delete_expired()
    threading.Timer(60, clean).start()
""",
        """
import asyncio
from shop.store import delete_expired

def clean(loop: asyncio.AbstractEventLoop):
    delete_expired()
    loop.call_later(60, clean, loop)
""",
        """
import threading
from shop.store import delete_expired

class Cleaner:
    def start(self):
        self.timer = threading.Timer(60, self._round)
        self.timer.daemon = True
        self.timer.start()

    def _round(self):
        delete_expired()
        self.start()
""",
    ],
    ids=["timer", "call-later", "through-start"],
)
def test_a_timer_that_is_set_again_by_what_it_calls_is_a_schedule(check: Check, code: str) -> None:
    found = check({"shop/clock.py": code, "shop/store.py": STORE})
    assert only(found, "MS203").kind is Kind.CRON


def test_a_repeated_timer_is_found_where_it_is_given_its_work(check: Check) -> None:
    found = check(
        {
            "shop/repeat.py": """
import threading

class RepeatedTimer(threading.Timer):
    def run(self):
        while not self.finished.wait(self.interval):
            self.function(*self.args, **self.kwargs)
""",
            "shop/app.py": """
from shop.repeat import RepeatedTimer
from shop.store import delete_expired

def start():
    timer = RepeatedTimer(60, delete_expired)
    timer.daemon = True
    timer.start()
""",
            "shop/store.py": STORE,
        }
    )
    here = [each for each in found if each.path == "shop/app.py"]
    assert only(here, "MS203").kind is Kind.CRON


BEAT = """
import asyncio

class Beat:
    def __init__(self, loop: asyncio.AbstractEventLoop, callback):
        self.loop = loop
        self.callback = callback

    def start(self):
        self.loop.call_later(60, self._tick)

    def _tick(self):
        self.callback()
        self.start()

class Clock:
    def __init__(self, loop: asyncio.AbstractEventLoop):
        self.loop = loop

    def register_timer(self, callback) -> Beat:
        return Beat(self.loop, callback)
"""


@pytest.mark.parametrize(
    "made",
    ["timer = Beat(loop, delete_expired)\n    timer.start()", "timer = Clock(loop).register_timer(delete_expired)"],
    ids=["made", "given"],
)
def test_a_timer_of_the_project_that_sets_itself_again_is_found_where_it_is_given_its_work(check: Check, made: str) -> None:
    code = f"""
import asyncio
from shop.beat import Beat, Clock
from shop.store import delete_expired

def start(loop: asyncio.AbstractEventLoop):
    {made}
    loop.create_task(None)
"""
    found = check({"shop/beat.py": BEAT, "shop/app.py": code, "shop/store.py": STORE})
    assert only([each for each in found if each.path == "shop/app.py" and each.code == "MS203"], "MS203").kind is Kind.CRON


def test_a_timer_of_a_command_is_its_own_business_and_one_that_waits_for_a_child_is_no_schedule(check: Check) -> None:
    command = """
import argparse
import threading
from shop.store import delete_expired

def clean():
    delete_expired()
    threading.Timer(60, clean).start()

if __name__ == "__main__":
    argparse.ArgumentParser().parse_args()
    clean()
"""
    assert "MS203" not in serious(check({"shop/clean.py": command, "shop/store.py": STORE}))
    child = """
from tornado.ioloop import IOLoop
from shop.store import delete_expired

class Film:
    def look(self):
        if self.child.poll() is None:
            IOLoop.current().call_later(1, self.look)
        else:
            delete_expired()
"""
    assert "MS203" not in serious(check({"shop/film.py": child, "shop/store.py": STORE}))


def test_a_timer_that_starts_the_coroutine_which_sets_it_is_a_schedule(check: Check) -> None:
    code = """
from tornado.ioloop import IOLoop
from shop.store import delete_expired

def _again():
    IOLoop.current().spawn_callback(_clean)

async def _clean():
    delete_expired()
    IOLoop.current().call_later(60, _again)
"""
    assert (
        only([each for each in check({"shop/clean.py": code, "shop/store.py": STORE}) if each.code == "MS203"], "MS203").kind is Kind.CRON
    )


def test_a_job_given_to_an_object_of_the_project_that_has_a_scheduler_is_a_job(check: Check) -> None:
    wrapper = """
from apscheduler.schedulers.asyncio import AsyncIOScheduler

class Clock:
    def __init__(self):
        self.scheduler = AsyncIOScheduler()

    async def add_job(self, func, trigger, **kwargs):
        self.scheduler.add_job(func, trigger, **kwargs)
"""
    code = """
from shop.clock import Clock
from shop.store import delete_expired

async def begin(clock: Clock):
    await clock.add_job(delete_expired, trigger="cron", hour=3)
"""
    found = check({"shop/clock.py": wrapper, "shop/app.py": code, "shop/store.py": STORE})
    assert only([each for each in found if each.path == "shop/app.py"], "MS201").kind is Kind.CRON


def test_a_connection_for_ever_is_a_service_and_one_to_own_clients_a_notice(check: Check) -> None:
    found = check(
        {
            "shop/app.py": """
import asyncio
import redis.asyncio as redis
from fastapi import FastAPI
from shop.store import delete_expired

app = FastAPI()

async def follow():
    client = redis.Redis()
    pubsub = client.pubsub()
    await pubsub.subscribe("orders")
    async for message in pubsub.listen():
        delete_expired()

@app.on_event("startup")
async def start():
    asyncio.create_task(follow())
""",
            "shop/store.py": STORE,
        }
    )
    assert only(found, "MS205").kind is Kind.SIDE
    found = check("""
import asyncio
import redis.asyncio as redis
from fastapi import FastAPI
from shop.rooms import rooms

app = FastAPI()

async def forward():
    pubsub = redis.Redis().pubsub()
    await pubsub.subscribe("room")
    async for message in pubsub.listen():
        await rooms.broadcast(message["data"])

@app.on_event("startup")
async def start():
    asyncio.create_task(forward())
""")
    assert serious(found) == []
    assert [each.code for each in found] == ["MS205"]


def test_a_handler_that_sleeps_until_a_job_is_done_needs_a_limit(check: Check) -> None:
    code = """
import asyncio
import time
from fastapi import FastAPI
from shop.models import Job

app = FastAPI()

@app.post("/export")
async def export(job_id: int):
    {before}
    while {head}:
        await asyncio.sleep(1)
        {inside}
    return {{}}
"""
    unbounded = [
        ("job = Job.get(job_id)", 'job.status != "done"', "job = Job.get(job_id)"),
        ("pass", "True", 'if Job.get(job_id).status == "done": break'),
    ]
    for before, head, inside in unbounded:
        finding = only(check(code.format(before=before, head=head, inside=inside)), "MS206")
        assert finding.severity is Severity.ERROR
        assert finding.kind is Kind.ADHOC
    bounded = [
        ("deadline = time.monotonic() + 5", 'Job.get(job_id).status != "done" and time.monotonic() < deadline', "pass"),
        ("attempts = 0", "True", 'attempts += 1\n        if Job.get(job_id).status == "done" or attempts > 20: break'),
    ]
    for before, head, inside in bounded:
        assert serious(check(code.format(before=before, head=head, inside=inside))) == []


def test_a_stream_of_events_is_no_waiting_handler(check: Check) -> None:
    assert (
        check("""
import asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from shop.models import Job

app = FastAPI()

@app.get("/events")
async def events(job_id: int):
    async def stream():
        while True:
            job = Job.get(job_id)
            yield job.status
            if job.status == "done":
                break
            await asyncio.sleep(1)
    return StreamingResponse(stream())
""")
        == []
    )


@pytest.mark.parametrize(
    "lock",
    [
        'fcntl.flock(open("/tmp/x.lock", "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)',
        'redis.Redis().set("scheduler", "me", nx=True, ex=60)',
        'connection.execute("SELECT pg_try_advisory_lock(42)")',
    ],
    ids=["file", "setnx", "advisory"],
)
def test_a_lock_around_a_scheduler_is_a_leader_made_at_home(check: Check, lock: str) -> None:
    found = check(
        {
            "shop/clock.py": f"""
import fcntl
import redis
from apscheduler.schedulers.background import BackgroundScheduler
from shop.db import connection
from shop.store import delete_expired

def start():
    if not {lock}:
        return
    scheduler = BackgroundScheduler()
    scheduler.add_job(delete_expired, "interval", minutes=5)
    scheduler.start()
""",
            "shop/store.py": STORE,
        }
    )
    assert [each.kind for each in found if each.code == "MS207"] == [Kind.CRON]


def test_a_lock_that_guards_data_is_no_leader(check: Check) -> None:
    assert (
        check("""
import fcntl

def write(path, text):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(text)
""")
        == []
    )


@pytest.mark.parametrize(
    "code",
    [
        """
import time
from shop.store import delete_expired

def main():
    while True:
        delete_expired()
        time.sleep(60)

if __name__ == "__main__":
    main()
""",
        """
import subprocess
import threading

def follow(process: subprocess.Popen):
    def drain(pipe):
        for line in iter(pipe.readline, b""):
            print(line)
    threading.Thread(target=drain, args=(process.stdout,), daemon=True).start()
""",
        """
import threading
from shop.store import delete_expired

class Beat:
    def __enter__(self):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()

    def run(self):
        while not self.stop.wait(5):
            delete_expired()
""",
        """
import asyncio
import requests

async def numbers(words):
    queue = asyncio.Queue()

    async def work():
        while True:
            requests.post("https://example.com", json=await queue.get())

    worker = asyncio.create_task(work())
    try:
        for word in words:
            queue.put_nowait(word)
            yield word
    finally:
        worker.cancel()
""",
    ],
    ids=["command-line", "pipe", "block", "stream"],
)
def test_a_loop_that_somebody_looks_after_fails_no_build(check: Check, code: str) -> None:
    found = check({"shop/tool.py": code, "shop/store.py": STORE})
    assert [each for each in serious(found) if each.startswith(("MS2", "MS3"))] == []


def test_a_loop_that_waits_for_its_stop_with_a_limit_is_endless(check: Check) -> None:
    found = check(
        {
            "shop/cleaner.py": """
import asyncio
from shop.store import delete_expired

class Cleaner:
    def __init__(self):
        self.stop = asyncio.Event()

    async def startup(self):
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while not self.stop.is_set():
            delete_expired()
            try:
                await asyncio.wait_for(self.stop.wait(), timeout=60)
                break
            except asyncio.TimeoutError:
                pass
""",
            "shop/store.py": STORE,
        }
    )
    assert only(found, "MS202").kind is Kind.CRON


def test_a_call_that_nobody_can_follow_but_that_says_what_it_does_counts(check: Check) -> None:
    loop = """
import asyncio
from fastapi import FastAPI
from elsewhere import store

app = FastAPI()

async def clean():
    while True:
        store().{call}()
        await asyncio.sleep(60)

@app.on_event("startup")
async def start():
    asyncio.create_task(clean())
"""
    assert serious(check(loop.format(call="delete_expired"))) == ["MS202"]
    assert serious(check(loop.format(call="look_around"))) == []


def test_what_a_loop_hands_to_an_executor_is_its_work(check: Check) -> None:
    found = check(
        {
            "shop/app.py": """
import asyncio
from fastapi import FastAPI
from shop.store import delete_expired

app = FastAPI()

async def clean():
    while True:
        await asyncio.get_running_loop().run_in_executor(None, delete_expired)
        await asyncio.sleep(60)

@app.on_event("startup")
async def start():
    asyncio.create_task(clean())
""",
            "shop/store.py": STORE,
        }
    )
    assert only(found, "MS202").kind is Kind.CRON


def test_the_loop_of_one_connections_object_is_a_notice(check: Check) -> None:
    found = check("""
import asyncio
from elsewhere import encode

class Connection:
    def on_open(self, info):
        self.pulse = None

    def on_message(self, text):
        print(text)

    def on_close(self):
        self.pulse.cancel()

    async def start_pulse(self):
        self.pulse = asyncio.create_task(self.beat())

    async def beat(self):
        while True:
            encode("ping")
            await asyncio.sleep(20)
""")
    assert [each for each in serious(found) if each.startswith("MS2")] == []


def test_a_periodic_callback_of_one_websocket_is_no_schedule(check: Check) -> None:
    found = check("""
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketHandler

class Live(WebSocketHandler):
    def open(self):
        self.pulse = PeriodicCallback(self.beat, 20_000)
        self.pulse.start()

    def on_close(self):
        self.pulse.stop()

    def beat(self):
        self.ping(b"")
""")
    assert found == []


def test_a_watch_over_the_process_itself_is_no_finding(check: Check) -> None:
    found = check("""
import os
import threading
import time

def watch():
    while True:
        if os.getppid() == 1:
            os._exit(1)
        time.sleep(1)

def start():
    threading.Thread(target=watch, daemon=True).start()
""")
    assert [each for each in found if each.code.startswith("MS2")] == []


LOOP = """
import asyncio
from fastapi import FastAPI
from elsewhere import bus, store

app = FastAPI()

async def {name}():
    while True:
        {body}
        await asyncio.sleep(60)

@app.on_event("startup")
async def start():
    asyncio.create_task({name}())
"""


@pytest.mark.parametrize(
    ("name", "body", "is_told"),
    [
        ("work", "store.advance()", True),  # nobody knows what it is
        ("work", "print(store.get_size(), store.list_names())", False),  # it only looks
        ("collect_metrics", "store.advance()", False),  # it calls itself this process's own care
        ("work", "cache.purge_old()", False),  # what this process remembers
        ("heartbeat_loop", "websocket.send('ping')", False),  # a sign of life to one connection
        ("notify_loop", "websocket.send('news')", True),
    ],
)
def test_what_nobody_knows_of_a_loop_counts_unless_it_speaks_of_its_own_care(check: Check, name: str, body: str, is_told: bool) -> None:
    assert serious(check(LOOP.format(name=name, body=body))) == (["MS202"] if is_told else [])


def test_a_method_that_others_write_is_what_nobody_knows(check: Check) -> None:
    found = check(
        {
            "shop/flush.py": """
import asyncio

class Batch:
    async def flush_for_ever(self):
        while True:
            await asyncio.sleep(5)
            await self.hand_over()

    async def hand_over(self):
        pass
""",
            "shop/outlet.py": """
import asyncio
from shop.flush import Batch

class Outlet(Batch):
    def __init__(self):
        asyncio.create_task(self.flush_for_ever())
""",
        }
    )
    assert only(found, "MS202").path == "shop/outlet.py"


@pytest.mark.parametrize(
    "wait", ["self.stop.wait(timeout=interval)", "self.stop.wait(interval)", "self.stop.wait(timeout=min(1, timeout / 10))"]
)
def test_the_limit_of_a_wait_is_no_limit_of_the_loop(check: Check, wait: str) -> None:
    code = """
import threading
from shop.store import delete_expired

class Cleaner:
    def __init__(self, interval, timeout):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not WAIT:
            delete_expired()
"""
    assert only(check({"shop/cleaner.py": code.replace("WAIT", wait), "shop/store.py": STORE}), "MS202").kind is Kind.CRON


def test_a_poller_that_a_dependency_keeps_in_a_global_outlives_it(check: Check) -> None:
    code = """
import asyncio
from shop.store import delete_expired

poller = None

async def poll():
    while True:
        delete_expired()
        await asyncio.sleep(5)

async def dependency():
    {globals}
    poller = asyncio.create_task(poll())
    yield 1
    {ending}
"""
    store = {"shop/store.py": STORE}
    assert serious(check({"shop/deps.py": code.format(globals="global poller", ending="pass"), **store})) == ["MS202"]
    assert serious(check({"shop/deps.py": code.format(globals="pass", ending="poller.cancel()"), **store})) == []


@pytest.mark.parametrize("ending", ["thread.join()", "pass"])
def test_a_block_that_tells_its_thread_to_stop_is_a_scope(check: Check, ending: str) -> None:
    code = f"""
import threading
from contextlib import contextmanager
from shop.store import delete_expired

def clean(stop):
    while not stop.wait(60):
        delete_expired()

@contextmanager
def cleaning():
    stop = threading.Event()
    thread = threading.Thread(target=clean, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        {ending}
"""
    assert serious(check({"shop/scope.py": code, "shop/store.py": STORE})) == []
    kept = code.replace("stop.set()", "pass").replace("thread.join()", "pass")
    assert serious(check({"shop/scope.py": kept, "shop/store.py": STORE})) == ["MS202"]


def test_a_handle_that_nobody_waits_for_is_a_loop_left_running(check: Check) -> None:
    code = """
import asyncio
from shop.store import delete_expired

class Cleaner:
    def __init__(self):
        self.task = self.begin()

    def begin(self):
        return asyncio.create_task(self.clean())

    async def clean(self):
        while True:
            delete_expired()
            await asyncio.sleep(60)
"""
    assert serious(check({"shop/cleaner.py": code, "shop/store.py": STORE})) == ["MS202"]
    waited = code.replace("def __init__(self):\n        self.task = self.begin()", "async def run(self):\n        await self.begin()")
    assert serious(check({"shop/cleaner.py": waited, "shop/store.py": STORE})) == []


@pytest.mark.parametrize(("head", "is_told"), [("process.is_alive()", False), ("engine.is_running()", False), ("self.is_running()", True)])
def test_a_loop_that_goes_on_while_another_object_works_ends_with_it(check: Check, head: str, is_told: bool) -> None:
    code = f"""
import threading
import time
from shop.store import delete_expired

class Watch:
    def start(self, process, engine):
        def watch():
            while {head}:
                delete_expired()
                time.sleep(1)
        self.thread = threading.Thread(target=watch)
        self.thread.start()
"""
    found = [each for each in serious(check({"shop/watch.py": code, "shop/store.py": STORE})) if each == "MS202"]
    assert bool(found) is is_told


def test_a_loop_whose_worker_only_says_why_it_stopped_is_endless(check: Check) -> None:
    code = """
import threading
from shop.store import delete_expired

def work(stop):
    while not stop.wait(5):
        delete_expired()
    return "stopped"

def main(stop):
    why = work(stop)
    print(why)

def start(stop):
    threading.Thread(target=main, args=(stop,)).start()
"""
    assert serious(check({"shop/work.py": code, "shop/store.py": STORE})) == ["MS202"]


def test_files_that_are_watched_by_a_known_object_are_a_notice(check: Check) -> None:
    found = check("""
import threading
from watchfiles import watch

class Reloader:
    def __init__(self, path, reload):
        self.reload = reload
        self.changes = watch(path)
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        for change in self.changes:
            self.reload(change)
""")
    assert serious(found) == []


def test_a_thread_that_calls_a_method_of_what_it_was_given_is_a_repeated_timer(check: Check) -> None:
    clock = """
import threading
import time

class Scheduler(threading.Thread):
    def __init__(self, action, cycle):
        super().__init__()
        self.action = action
        self.cycle = cycle
        self.stop = threading.Event()

    def run(self):
        while not self.stop.is_set():
            self.action.run()
            time.sleep(self.cycle)
"""
    code = """
import threading
from shop.clock import Scheduler
from shop.store import delete_expired

class Cleaner:
    def run(self):
        delete_expired()

def begin(settings):
    settings.cleaner = Scheduler(Cleaner(), cycle=60)
    settings.cleaner.start()
"""
    found = [each for each in check({"shop/clock.py": clock, "shop/app.py": code, "shop/store.py": STORE}) if each.path == "shop/app.py"]
    assert only([each for each in found if each.code == "MS203"], "MS203").kind is Kind.CRON


def test_a_beat_of_an_event_loop_by_which_a_process_looks_after_itself_is_a_notice(check: Check) -> None:
    code = """
import requests
from tornado.ioloop import PeriodicCallback

def {name}():
    requests.post("http://other/", timeout=3)

def start():
    PeriodicCallback({name}, 60000).start()
"""
    assert [each.severity for each in check({"shop/beat.py": code.format(name="send_keep_alive")})] == [Severity.NOTICE]
    assert only(check({"shop/beat.py": code.format(name="send_orders")}), "MS201").severity is Severity.WARNING
    command = "import argparse\n" + code.format(name="send_orders") + "\nif __name__ == '__main__':\n    argparse.ArgumentParser()\n"
    assert "MS201" not in serious(check({"shop/beat.py": command}))


def test_a_lock_that_is_held_for_one_step_guards_no_loop_beside_it(check: Check) -> None:
    code = """
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from filelock import FileLock
from shop.store import delete_expired

async def clean():
    while True:
        delete_expired()
        await asyncio.sleep(60)

@asynccontextmanager
async def lifespan(app: FastAPI):
    leader = FileLock("leader.lock")
    with leader:
        {inside}
    {outside}
    yield
"""
    start = "asyncio.create_task(clean())"
    beside = check({"shop/app.py": code.format(inside="print(1)", outside=start), "shop/store.py": STORE})
    assert "MS207" not in serious(beside)
    guarded = check({"shop/app.py": code.format(inside=start, outside="pass"), "shop/store.py": STORE})
    assert "MS207" in serious(guarded)


@pytest.mark.parametrize(
    "code",
    [
        (
            "import cherrypy\nfrom cherrypy.process.plugins import Monitor\n\ndef begin():\n"
            "    Monitor(cherrypy.engine, delete_expired, frequency=60).start()\n"
        ),
        (
            "from oslo_service import loopingcall\n\ndef begin():\n"
            "    loopingcall.FixedIntervalLoopingCall(delete_expired).start(interval=60)\n"
        ),
        (
            "from tornado.ioloop import PeriodicCallback\n\nclass QuietCallback(PeriodicCallback):\n    def _run(self): ...\n\n"
            "def begin():\n    QuietCallback(delete_expired, 60000).start()\n"
        ),
    ],
    ids=["cherrypy", "oslo", "a-class-of-the-project"],
)
def test_a_class_that_beats_by_itself_is_a_scheduler(check: Check, code: str) -> None:
    found = check({"shop/app.py": f"from shop.store import delete_expired\n{code}", "shop/store.py": STORE})
    assert only(found, "MS201").kind is Kind.CRON
