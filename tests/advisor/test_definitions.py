"""How definitions are read: decorators under any name, variants, the module form, constants, enqueues in all their forms."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring.advisor.project import Project
from mainspring.advisor.read.facts import MODULE, Value, ValueForm
from mainspring.advisor.rules.definitions import Definition, Sort, definitions
from mainspring.advisor.rules.enqueues import Enqueue, enqueues
from mainspring.advisor.rules.literals import UNKNOWN, duration, plain
from tests.advisor.conftest import project_of

HEAD = (
    "from datetime import timedelta\n"
    "from mainspring import Context, Depends, Mainspring, Retry, at, cron, every, manual, service, task, when\n"
)


def defined(project: Project) -> list[Definition]:
    return [each for file in list(project.files.values()) for each in definitions(project, file)]


def made(project: Project) -> list[Enqueue]:
    return [each for file in list(project.files.values()) for function in file.functions for each in enqueues(project, function)]


@pytest.mark.parametrize(
    "code",
    [
        "from mainspring import task\n@task\ndef job(): ...\n",
        "from mainspring import task as durable\n@durable(timeout='1m')\ndef job(): ...\n",
        "import mainspring\n@mainspring.task()\ndef job(): ...\n",
        "import mainspring as ms\n@ms.task\ndef job(): ...\n",
        "from mainspring.core.task import task\n@task\ndef job(): ...\n",
        "from functools import wraps\nfrom mainspring import task\n@task\n@wraps(print)\ndef job(): ...\n",
    ],
)
def test_a_decorator_under_any_name(code: str) -> None:
    assert [(each.name, each.sort, each.library) for each in defined(project_of(code))] == [("job", Sort.TASK, "mainspring")]


def test_a_decorator_that_the_project_hands_on() -> None:
    project = project_of(
        {"shop/queue.py": "from mainspring import task\n", "shop/jobs.py": "from shop.queue import task\n@task\ndef job(): ...\n"}
    )
    assert [each.ref for each in defined(project)] == ["shop.jobs.job"]


@pytest.mark.parametrize(
    "code",
    [
        "from celery import shared_task\n@shared_task\ndef job(): ...\n",
        "from invoke import task\n@task\ndef job(c): ...\n",
        "from prefect import task\n@task\ndef job(): ...\n",
        "from airflow.decorators import task\n@task\ndef job(): ...\n",
        "def task(f): return f\n@task\ndef job(): ...\n",
    ],
)
def test_a_task_of_somebody_else_is_none_of_ours(code: str) -> None:
    assert not defined(project_of(code))


@pytest.mark.parametrize(
    ("code", "library"),
    [
        ("from celery import shared_task\n@shared_task(max_retries=3)\ndef job(): ...\n", "celery"),
        ("from celery import Celery\napp = Celery()\n@app.task\ndef job(): ...\n", "celery"),
        ("from rq.decorators import job as queued\n@queued('default', timeout=5)\ndef job(): ...\n", "rq"),
        ("import dramatiq\n@dramatiq.actor(max_retries=3)\ndef job(): ...\n", "dramatiq"),
        ("from huey import RedisHuey\nhuey = RedisHuey()\n@huey.task(retries=2)\ndef job(): ...\n", "huey"),
        ("async def job(ctx, order): ...\nclass WorkerSettings:\n    functions = [job]\n", "arq"),
    ],
)
def test_definitions_of_other_engines_where_it_is_asked_for(code: str, library: str) -> None:
    assert [(each.name, each.library) for each in defined(project_of(code, is_celery=True))] == [("job", library)]
    assert not defined(project_of(code))


def test_what_travels_and_what_does_not() -> None:
    code = HEAD + "def db(): ...\n@task\ndef job(ctx: Context, order: int, *, days: int = 3, session=Depends(db), **rest): ...\n"
    (job,) = defined(project_of(code))
    assert [each.name for each in job.params] == ["order", "days"]


def test_a_variant_has_the_options_of_its_base_and_its_own_schedule() -> None:
    code = HEAD + (
        "@task(timeout='5m', schedule=every('1h'))\ndef backup(): ...\n"
        "weekly = backup.variant(name='weekly', schedule='0 5 * * SUN', timeout='2h')\n"
    )
    base, weekly = defined(project_of(code))
    assert (weekly.name, weekly.is_variant, weekly.options["timeout"].text) == ("weekly", True, "2h")
    assert ([each.text for each in base.schedules], [each.text for each in weekly.schedules]) == (["1h"], ["0 5 * * SUN"])


def test_the_module_form() -> None:
    code = (
        "from pydantic import BaseModel\nclass Config(BaseModel):\n    database: str = 'x'\n    keep: int = 14\n"
        "task_definition = {'name': 'prune-dumps', 'timeout': 300000, 'defaultConfig': {}, 'schedule': '0 3 * * *',"
        " 'dependencies': ['backup']}\n"
        "def execute(config: Config) -> int: ...\n"
    )
    (job,) = defined(project_of({"shop/prune_tasks.py": code}))
    assert (job.name, [each.name for each in job.params], [each.text for each in job.schedules]) == (
        "prune-dumps",
        ["database", "keep"],
        ["0 3 * * *"],
    )
    assert {"timeout", "default_config", "depends_on"} <= job.options.keys()
    assert duration(project_of(code), job.file, job.scope, job.option("timeout")) == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'0 3 * * *'", [("cron", "0 3 * * *", None)]), ("'every 90s'", [("every", "90s", None)]), ("'manual'", [("manual", "", None)]),
        ("cron('0 3 * * *', tz='Europe/Berlin')", [("cron", "0 3 * * *", "Europe/Berlin")]),
        ("cron('0 3 * * *', tz=ZONE)", [("cron", "0 3 * * *", "UTC")]),
        ("NIGHTLY", [("cron", "0 4 * * *", None)]), ("[every('1m'), '@daily']", [("every", "1m", None), ("cron", "@daily", None)]),
        ("every(timedelta(minutes=5))", [("every", "300.0s", None)]), ("every(60 * 5)", [("every", "300", None)]),
        ("when(print, every='2m')", [("when", "2m", None)]), ("compute()", [("?", None, UNKNOWN)]), ("None", []),
    ],
)  # fmt: skip
def test_schedules_as_they_stand(written: str, expected: list[tuple[str, str | None, object]]) -> None:
    code = f"from shop.plan import compute\n{HEAD}ZONE = 'UTC'\nNIGHTLY = cron('0 4 * * *')\n@task(schedule={written})\ndef job(): ...\n"
    (job,) = defined(project_of(code))
    assert [(each.kind, each.text, each.tz) for each in job.schedules] == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'5m'", timedelta(minutes=5)), ("300", timedelta(minutes=5)), ("60 * 5", timedelta(minutes=5)), ("SOON", timedelta(seconds=90)),
        ("timedelta(minutes=5)", timedelta(minutes=5)), ("timedelta(0, 30)", timedelta(seconds=30)), ("None", None), ("later()", UNKNOWN),
        ("'soon'", UNKNOWN), ("0", timedelta(0)), ("timedelta(hours=later())", UNKNOWN),
    ],
)  # fmt: skip
def test_durations_as_the_engine_reads_them(written: str, expected: object) -> None:
    project = project_of(f"from shop.plan import later\n{HEAD}SOON = 90\n@task(timeout={written})\ndef job(): ...\n")
    (job,) = defined(project)
    assert duration(project, job.file, job.scope, job.option("timeout")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60 * 5", 300), ("-1", -1), ("2 ** 99999999", UNKNOWN), ("x * 5", UNKNOWN), ("1 / 0", UNKNOWN), ("9" * 80, UNKNOWN)],
)
def test_numbers_are_counted_with_care(text: str, expected: object) -> None:
    assert plain(Value(ValueForm.OTHER, text)) == expected


@pytest.mark.parametrize(
    "call",
    [
        "job.enqueue(order=1)", "app.enqueue(job, order=1)", "app.blocking.enqueue(job, order=1)", "self.app.enqueue(job, order=1)",
        "job.options(key='x').enqueue(order=1)", "app.enqueue(job.options(key='x'), order=1)", "app.enqueue_many(job, [{'order': 1}])",
        "tasks.job.enqueue(order=1)",
    ],
)  # fmt: skip
def test_enqueues_in_all_their_forms(call: str) -> None:
    project = project_of({
        "shop/tasks.py": HEAD + "app = Mainspring()\n@task\ndef job(order: int): ...\n",
        "shop/views.py": f"from shop import tasks\nfrom shop.tasks import app, job\ndef view(self):\n    {call}\n",
    })  # fmt: skip
    (found,) = made(project)
    assert (found.ref, found.name) == ("shop.tasks.job", "job")
    assert ("key" in found.options) is ("key=" in call)


def test_a_bound_name_keeps_its_options() -> None:
    project = project_of(
        HEAD + "@task\ndef job(order: int): ...\ndef view():\n    bound = job.options(key='x')\n    bound.enqueue(order=1)\n"
    )
    (found,) = made(project)
    assert (found.name, list(found.options)) == ("job", ["key"])


@pytest.mark.parametrize("call", ["queue.enqueue(job)", "print('enqueue')", "deque().enqueue(1)", "app.enqueue()"])
def test_what_only_sounds_like_one(call: str) -> None:
    assert not made(project_of(f"from shop.other import app, job, queue\ndef view():\n    {call}\n"))


def test_a_service_is_a_definition_of_its_own_sort() -> None:
    (watch,) = defined(project_of(HEAD + "@service(stop_within='5s')\nasync def watch(ctx: Context): ...\n"))
    assert (watch.sort, watch.scope.name) == (Sort.SERVICE, MODULE)
