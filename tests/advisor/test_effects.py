"""What code does to the world: the tables, and what follows through calls."""

from __future__ import annotations

import pytest

from mainspring.advisor.effects import Effect, Effects, effect_of

from .conftest import Sources, project_of


def effects(sources: Sources, name: str = "app.main.f", **settings: object) -> Effects:
    project = project_of(sources, **settings)
    known = project.function(name)
    assert known is not None
    return project.effects(known)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("requests.post", Effect.NETWORK),
        ("httpx.AsyncClient.post", Effect.NETWORK),
        ("aiohttp.ClientSession().get", Effect.NETWORK),
        ("urllib.request.urlopen", Effect.NETWORK),
        ("smtplib.SMTP.sendmail", Effect.NETWORK),
        ("boto3.client.put_object", Effect.NETWORK),
        ("google.cloud.storage.Client.bucket", Effect.NETWORK),
        ("stripe.Charge.create", Effect.NETWORK),
        ("twilio.rest.Client.x", Effect.NETWORK),
        ("django.core.mail.send_mail", Effect.NETWORK),
        ("openai.OpenAI.chat.completions.create", Effect.LLM),
        ("litellm.acompletion", Effect.LLM),
        ("anthropic.AsyncAnthropic.messages.create", Effect.LLM),
        ("sqlalchemy.orm.Session.commit", Effect.DB_WRITE),
        ("sqlalchemy.orm.Session.query", Effect.DB_READ),
        ("django.db.models.Model.objects.create", Effect.DB_WRITE),
        ("shop.models.Order.objects.filter().update", Effect.DB_WRITE),
        ("shop.models.Order.objects.count", Effect.DB_READ),
        ("pymongo.MongoClient.db.rows.insert_one", Effect.DB_WRITE),
        ("redis.Redis.set", Effect.DB_WRITE),
        ("redis.Redis.get", Effect.DB_READ),
        ("subprocess.run", Effect.SUBPROCESS),
        ("asyncio.create_subprocess_exec", Effect.SUBPROCESS),
        ("shutil.copytree", Effect.FILE),
        ("time.sleep", Effect.SLEEP),
        ("asyncio.sleep", Effect.SLEEP),
        ("os.unlink", Effect.LOCAL),
        ("shutil.rmtree", Effect.LOCAL),
        ("logging.Logger.info", Effect.LOCAL),
        ("httpx.AsyncClient.aclose", Effect.LOCAL),
        ("httpx.AsyncClient", Effect.LOCAL),
        ("threading.Event.set", Effect.LOCAL),
        ("asyncio.Semaphore.release", Effect.LOCAL),
        ("len", Effect.LOCAL),
        ("str.join", Effect.LOCAL),
        ("?.append", Effect.LOCAL),
        ("?.send_email", Effect.NETWORK),
        ("?.insert_many", Effect.DB_WRITE),
        ("?.frobnicate", None),
        ("celery.Celery.send_task", Effect.ENQUEUE),
        ("rq.Queue.enqueue", Effect.ENQUEUE),
        ("unheard.of", None),
        ("?callback", None),
        ("concurrent.futures.ThreadPoolExecutor.shutdown", Effect.LOCAL),
        ("multiprocessing.Process.join", Effect.LOCAL),
        ("multiprocessing.Process.terminate", Effect.LOCAL),
        ("threading.Thread.join", Effect.LOCAL),
        ("subprocess.Popen.wait", Effect.LOCAL),
        ("subprocess.Popen.stdout.readline", Effect.LOCAL),
        ("multiprocessing.pool.Pool.terminate", Effect.LOCAL),
    ],
)
def test_names_of_libraries_say_what_calling_them_does(ref: str, expected: Effect | None) -> None:
    assert effect_of(ref) is expected


def test_names_given_by_the_project_come_first() -> None:
    given = {"shop.bus.publish": Effect.NETWORK, "requests.get": Effect.LOCAL}
    assert effect_of("shop.bus.publish", given) is Effect.NETWORK
    assert effect_of("requests.get", given) is Effect.LOCAL
    found = effects("def f():\n    g()\ndef g(): ...", effects=(("app.main.g", "llm"),))
    assert found.has(Effect.LLM) and found.evidence(Effect.LLM)[0].line == 3


def test_calls_are_followed_three_deep_and_across_files_with_the_line_that_says_so() -> None:
    sources = {
        "app/main.py": "from app.a import a\ndef f():\n    a()",
        "app/a.py": "from .b import b\ndef a():\n    b()",
        "app/b.py": "from app import c\ndef b():\n    c.c()",
        "app/c.py": "import requests\ndef c():\n    requests.post('x', timeout=30)\n    d()\ndef d():\n    e()\ndef e():\n"
        "    open('x', 'w')",
    }
    found = effects(sources)
    evidence = found.evidence(Effect.NETWORK)
    assert [(each.path, each.line, each.text) for each in evidence] == [("app/c.py", 3, "requests.post")]
    assert not found.has(Effect.FILE) and found.is_unknown, "the fourth call is not followed, and that is said"


def test_circles_end() -> None:
    found = effects("import time\ndef f():\n    g()\ndef g():\n    f()\n    time.sleep(2)")
    assert found.has(Effect.SLEEP) and not found.is_unknown
    found = effects("import requests\ndef g():\n    f()\ndef f():\n    g()\n    requests.get('x')", "app.main.g")
    assert found.has(Effect.NETWORK)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("time.sleep(5)", 5.0),
        ("time.sleep(0.5)", 0.5),
        ("time.sleep(60 * 60)", 3600.0),
        ("time.sleep(PAUSE)", 30.0),
        ("time.sleep(x)", None),
        ("time.sleep(1)\n    time.sleep(7)", 7.0),
        ("nap()", 9.0),
        ("stop.wait(60)", 60.0),
    ],
)
def test_the_longest_sleep_is_known(body: str, seconds: float | None) -> None:
    head = "import time, threading\nPAUSE = 30\nstop = threading.Event()\ndef nap():\n    time.sleep(9)\n"
    assert effects(f"{head}def f(x):\n    {body}").sleep == seconds


@pytest.mark.parametrize(
    ("body", "is_local"),
    [
        ("os.unlink(path)", True),
        ("shutil.rmtree(path, ignore_errors=True)", True),
        ("COUNTS[path] += 1", True),
        ("logger.info(path)", True),
        ("asyncio.sleep(0.1)", True),
        ("asyncio.sleep(5)", False),
        ("requests.get(path)", False),
        ("unknown(path)", False),
        ("path.frob()", False),
        ("open(path).read()", True),
        ("open(path, 'w').write('x')", False),
        (("with open(path, 'ab') as out:\n        out.write(b'')"), False),
        ("while True:\n        COUNTS.clear()", False),
        ("cache.set('x', 1)", True),
        ("path.append(1)", True),
        ("EVENT.set()", True),
    ],
)
def test_what_stays_in_the_process_is_told_apart(body: str, is_local: bool) -> None:
    head = (
        "import os, shutil, logging, asyncio, requests, threading\nfrom django.core.cache import cache\n"
        "logger = logging.getLogger(__name__)\nCOUNTS = {}\nEVENT = threading.Event()\n"
    )
    found = effects(f"{head}def f(path):\n    {body}")
    assert found.is_local_only is is_local, found


def test_models_of_the_project_are_rows() -> None:
    sources = {
        "app/models.py": "from django.db import models\nclass Base(models.Model): ...\nclass Order(Base): ...",
        "app/main.py": "from app.models import Order\ndef f():\n    order = Order(id=1)\n    order.save()\ndef g():\n"
        "    Order.objects.filter(id=1)",
    }
    assert effects(sources).has(Effect.DB_WRITE)
    found = effects(sources, "app.main.g")
    assert found.has(Effect.DB_READ) and not found.has(Effect.DB_WRITE)


def test_sessions_of_dependencies_and_makers_write() -> None:
    code = """
    from sqlalchemy.orm import Session, sessionmaker
    from sqlalchemy import create_engine
    Local = sessionmaker(create_engine("x"))
    def f(session: Session):
        session.add(1)
    def g():
        with Local() as session:
            session.commit()
    def h():
        db = Local()
        db.query(1).all()
    """
    assert effects(code).has(Effect.DB_WRITE)
    assert effects(code, "app.main.g").has(Effect.DB_WRITE)
    assert effects(code, "app.main.h").has(Effect.DB_READ)


def test_sql_is_read_too() -> None:
    assert effects("def f(c):\n    c.execute('update orders set done = 1')").has(Effect.DB_WRITE)
    assert effects("def f(c):\n    c.run('select 1 from orders')").has(Effect.DB_READ)
    assert not effects("def f(log):\n    log.info('failed to update and delete from cache')").has(Effect.DB_READ)


def test_functions_that_are_handed_on_are_as_good_as_called() -> None:
    head = "import asyncio, requests\ndef send(x):\n    requests.post(x)\n"
    assert effects(f"{head}async def f():\n    await asyncio.to_thread(send, 1)").has(Effect.NETWORK)
    assert effects(f"{head}def f(rows):\n    list(map(send, rows))").has(Effect.NETWORK)
    assert effects(f"{head}def f(rows):\n    list(map(lambda row: send(row), rows))").has(Effect.NETWORK)


def test_enqueues_are_no_work_of_this_process() -> None:
    code = """
    from mainspring import task
    from celery import shared_task
    import requests
    @task
    def send(x):
        requests.post(x)
    @shared_task
    def old(x):
        requests.post(x)
    async def f():
        await send.enqueue(x=1)
    async def g():
        await send.options(delay="5m").enqueue(x=1)
    def h():
        old.delay(1)
        old.apply_async(args=[1])
    """
    for name in "fgh":
        found = effects(code, f"app.main.{name}")
        assert found.has(Effect.ENQUEUE) and not found.has(Effect.NETWORK), name


def test_loops_without_an_end_are_forever() -> None:
    assert effects("import time\ndef f():\n    while True:\n        time.sleep(1)").forever
    assert not effects("def f(rows):\n    while True:\n        if not rows:\n            return\n        rows.pop()").forever


def test_methods_of_objects_that_were_made_here_are_followed() -> None:
    code = """
    import httpx
    class Mail:
        def __init__(self):
            self.client = httpx.Client()
        def send(self):
            self.client.post("x")
    class Shop:
        def __init__(self, mail: Mail):
            self.mail = mail
        def f(self):
            self.mail.send()
    def f():
        Mail().send()
    """
    assert effects(code).has(Effect.NETWORK)
    assert effects(code, "app.main.Shop.f").has(Effect.NETWORK)


def test_names_of_libraries_have_effects_and_unknown_ones_say_so() -> None:
    project = project_of("def f(): ...")
    assert project.effects("requests.post").has(Effect.NETWORK)
    assert project.effects("some.where").is_unknown
    assert project.effects("app.main.f").is_local_only
