"""MS501 to MS509: schedules that should be something else, come too often, at the wrong time, or never."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainspring.advisor.finding import Finding, Ground, Kind

Check = Callable[..., list[Finding]]
HEAD = "from mainspring import Context, Mainspring, Overlap, at, cron, every, manual, service, task, when\n"


def of(found: list[Finding], code: str) -> list[tuple[str, str]]:
    """Return variant and severity of the findings of one code."""
    return [(each.variant, str(each.severity)) for each in found if each.code == code]


def said(found: list[Finding], code: str) -> dict[str, str]:
    """Return the values of the first finding of a code."""
    return dict(next(each for each in found if each.code == code).values)


def job(options: str, body: str = "...", head: str = HEAD) -> str:
    """Return a task with options."""
    return f"{head}@task({options})\ndef job() -> None:\n    {body}\n"


# MS501

MODELS = "from django.db import models\n\nclass Export(models.Model):\n    status = models.CharField()\n"
VIEW = (
    "from django.http import JsonResponse\nfrom shop.models import Export\n\n"
    "def start(request):\n    export = Export.objects.create(status='pending')\n    return JsonResponse({'id': export.id})\n"
)
URLS = "from django.urls import path\nfrom shop import views\n\nurlpatterns = [path('start', views.start)]\n"


def polling(period: str, query: str) -> str:
    return job(
        f"schedule=every('{period}'), timeout='1s'",
        f"for export in {query}:\n        print(export)",
        HEAD + "from shop.models import Export\n",
    )


@pytest.mark.scenario("G-23")
def test_a_schedule_that_looks_for_what_a_view_left_behind(check: Check) -> None:
    files = {"shop/models.py": MODELS, "shop/views.py": VIEW, "shop/urls.py": URLS}
    found = check({**files, "shop/tasks.py": polling("1m", "Export.objects.filter(status='pending')")})
    assert of(found, "MS501") == [("handler", "warning")]
    (finding,) = [each for each in found if each.code == "MS501"]
    assert finding.kind is Kind.ADHOC
    assert [seen.path for seen in finding.evidence] == ["shop/tasks.py", "shop/views.py"]
    assert Ground.PROCESS_LOCAL in dict(finding.contradicts)


@pytest.mark.scenario("G-23")
@pytest.mark.parametrize(
    ("period", "query", "expected"),
    [
        ("1m", "Export.objects.filter(status='pending')", [("", "warning")]),
        ("5m", "Export.objects.filter(status__in=['queued', 'new'])", [("", "warning")]),
        ("1m", "Export.objects.filter(processed=False)", [("", "warning")]),
        ("1m", "Export.objects.filter(sent_at__isnull=True)", [("", "warning")]),
        ("30m", "Export.objects.filter(status='pending')", []),  # nobody is seen who adds them
        ("1m", "Export.objects.filter(status='failed')", []),
        ("1m", "Export.objects.filter(status='pending', created_at__lt=cutoff)", []),  # what is too old is a matter of time
        ("1m", "Export.objects.filter(expires_at__lte=now)", []),
        ("1m", "Export.objects.all()", []),
    ],
)
def test_which_rows_are_somebody_s_request(check: Check, period: str, query: str, expected: list[tuple[str, str]]) -> None:
    assert of(check({"shop/models.py": MODELS, "shop/tasks.py": polling(period, query)}), "MS501") == expected


@pytest.mark.scenario("G-23")
def test_sqlalchemy_and_sql_are_read_too(check: Check) -> None:
    orm = (
        "from sqlalchemy import select\nfrom shop.models import Export\nfrom shop.db import session\n" + HEAD
        + "@task(schedule=every('1m'), timeout='1s')\ndef job() -> None:\n"
        "    for row in session.scalars(select(Export).where(Export.status == 'pending')):\n        print(row)\n"
    )  # fmt: skip
    assert of(check({"shop/models.py": MODELS, "shop/tasks.py": orm}), "MS501") == [("", "warning")]
    sql = job(
        "schedule=every('1m'), timeout='1s'",
        "rows = execute(\"select id from exports where status = 'pending'\")",
        "from shop.db import execute\n" + HEAD,
    )
    assert of(check(sql), "MS501") == [("", "warning")]
    due = sql.replace("status = 'pending'", "status = 'pending' and run_at <= now()")
    assert not of(check(due), "MS501")


@pytest.mark.scenario("G-23")
def test_asking_another_system_on_time_is_what_schedules_are_for(check: Check) -> None:
    code = job(
        "schedule=every('1m'), timeout='30s'",
        "httpx.get('https://api.example.com/orders', params={'status': 'pending'})",
        "import httpx\n" + HEAD,
    )
    assert not of(check(code), "MS501")


@pytest.mark.scenario("S0-35", part="schedule")
def test_a_requests_table_that_is_polled_is_told_to_be_on_demand(check: Check) -> None:
    code = job(
        "schedule='* * * * *', timeout='30s'",
        "rows = execute(\"SELECT * FROM requests WHERE status = 'requested'\")",
        "from shop.db import execute\n" + HEAD,
    )
    found = check(code)
    assert of(found, "MS501") == [("", "warning")]
    assert next(each for each in found if each.code == "MS501").kind is Kind.ADHOC


# MS502


@pytest.mark.scenario("G-24")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("schedule=every(600), timeout=720", [("", "warning")]),
        ("schedule=every('10m'), timeout='12m', overlap='skip'", [("", "warning")]),
        ("schedule=every('10m'), timeout='12m', overlap='allow'", [("allow", "error")]),
        ("schedule=every('10m'), timeout='12m', overlap=Overlap('allow')", [("allow", "error")]),
        ("schedule=every('10m'), timeout='12m', overlap='allow', concurrency=3", [("", "warning")]),
        ("schedule=every('10m'), timeout='12m', overlap='allow:2'", [("", "warning")]),
        ("schedule=every('10m'), timeout='12m', overlap=Overlap('allow', most=2)", [("", "warning")]),
        ("schedule=every('10m'), timeout='12m', overlap='replace'", [("replace", "warning")]),
        ("schedule=every('10m'), timeout='12m', overlap='queue:5'", [("queue", "warning")]),
        ("schedule='*/10 * * * *', timeout=timedelta(minutes=12)", [("", "warning")]),
        ("schedule=cron('0 3,4 * * *', tz='UTC'), timeout='90m'", [("", "warning")]),
        ("schedule=[every('1d'), every('5m', name='often')], timeout=60 * 6", [("", "warning")]),
        ("schedule=every('10m'), timeout='10m'", []),
        ("schedule=every('10m'), timeout='8m', overlap='allow'", []),
        ("schedule=every('1m')", []),  # the app's default timeout is nobody's promise
        ("schedule=cron('0 3 * * *', tz='UTC'), timeout='2h'", []),
        ("schedule=manual(), timeout='2h'", []),
        ("schedule=every(PERIOD), timeout='12m'", [("", "warning")]),
        ("schedule=every(unknown()), timeout='12m'", []),
    ],
)
def test_a_run_may_take_longer_than_its_period(check: Check, options: str, expected: list[tuple[str, str]]) -> None:
    head = "from datetime import timedelta\nfrom shop.settings import unknown\n" + HEAD + "PERIOD = '10m'\n"
    assert of(check(job(options, head=head)), "MS502") == expected


# MS503


def test_a_schedule_made_at_run_time_brings_no_overlap_policy(check: Check) -> None:
    tasks = HEAD + "@task(timeout='10m')\ndef crawl(site: str = 'x') -> None: ...\n"
    plan = HEAD + "async def plan(app: Mainspring) -> None:\n    await app.schedules.create('often', 'crawl', every('1m'))\n"
    assert of(check({"shop/tasks.py": tasks, "shop/plan.py": plan}), "MS503") == [("", "warning")]
    for kept in ("overlap='skip'", "concurrency=1", "schedule=every('1h')"):
        apart = tasks.replace("timeout='10m'", f"timeout='10m', {kept}")
        found = check({"shop/tasks.py": apart, "shop/plan.py": plan})
        assert not of(found, "MS503"), kept
        assert of(found, "MS502") == [("", "warning")], kept
    assert not of(check({"shop/tasks.py": tasks, "shop/plan.py": plan.replace("1m", "1h")}), "MS503")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("schedule=every('1m'), overlap='allow'", [("allow", "warning")]),
        ("schedule=every('1m'), overlap='allow:3'", []),
        ("schedule=every('1m'), overlap='allow', concurrency=2", []),
        ("schedule=every('10m'), overlap='allow'", []),
        ("schedule=every('1m')", []),
    ],
)
def test_runs_that_may_pile_up_within_the_default_timeout(check: Check, options: str, expected: list[tuple[str, str]]) -> None:
    assert of(check(job(options)), "MS503") == expected


# MS504


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cron('0 9 * * MON-FRI')", [("", "warning")]),
        ("'0 9 * * 1-5'", [("", "warning")]),
        ("cron('0 3 * * *')", [("", "notice")]),
        ("'@daily'", [("", "notice")]),
        ("cron('0 9 * * MON-FRI', tz='Europe/Berlin')", []),
        ("cron('0 3 * * *', tz='UTC')", []),
        ("cron('*/5 * * * *')", []),
        ("cron('0 * * * *')", []),
        ("'15 * * * *'", []),
        ("every('1h')", []),
        ("cron('30 2 * * *', tz='Europe/Berlin')", [("gap", "notice")]),
        ("cron('30 2 * * *', tz='Europe/Berlin', dst='wall')", [("gap.wall", "warning")]),
        ("cron('30 2 * 10-12 *', tz='Europe/Berlin')", [("fold", "notice")]),
        ("cron('30 2 * * *', tz='Asia/Tokyo')", []),
        ("cron('30 4 * * *', tz='Europe/Berlin')", []),
        ("cron('30 2 * * *', tz=ZONE)", []),
    ],
)
def test_an_hour_that_is_nobody_s(check: Check, schedule: str, expected: list[tuple[str, str]]) -> None:
    assert of(check(job(f"schedule={schedule}", head="from shop.settings import ZONE\n" + HEAD)), "MS504") == expected


def test_the_day_without_that_time_is_named(check: Check) -> None:
    values = said(check(job("schedule=cron('30 2 * * *', tz='Europe/Berlin')")), "MS504")
    assert (values["time"], values["zone"], values["day"]) == ("02:30", "Europe/Berlin", "2026-03-29")


# MS505


@pytest.mark.parametrize(
    ("schedule", "variant"),
    [
        ("cron('0 0 31 2 *', tz='UTC')", ""), ("'61 * * * *'", ""), ("'* * * *'", ""), ("cron('not a cron')", ""), ("'@reboot'", "reboot"),
        ("every('0s')", "period"), ("every('4000d')", "period"), ("every('soon')", "period"),
        ("cron('0 4 * * *', tz='Europe/Berln')", "zone"),
    ],
)  # fmt: skip
def test_what_never_fires(check: Check, schedule: str, variant: str) -> None:
    found = check(job(f"schedule={schedule}"))
    assert of(found, "MS505") == [(variant, "error")]
    assert said(found, "MS505")["problem"]


@pytest.mark.parametrize(
    "schedule", ["cron('0 0 29 2 *', tz='UTC')", "'*/5 * * * *'", "every('90s')", "'every 90s'", "manual()", "cron(TEXT)"]
)
def test_what_does_fire(check: Check, schedule: str) -> None:
    assert not of(check(job(f"schedule={schedule}", head="from shop.settings import TEXT\n" + HEAD)), "MS505")


def test_the_words_are_those_of_the_engine(check: Check) -> None:
    from mainspring.core.cron import problems_of

    values = said(check(job("schedule='0 25 * * *'")), "MS505")
    assert problems_of("0 25 * * *")[0].what in values["problem"]


# MS506


def many(n: int, options: str = "") -> dict[str, str]:
    made = [f"@task(schedule=cron('30 1 * * *', tz='UTC'{options}))\ndef job_{each}() -> None: ...\n" for each in range(n)]
    return {"shop/a_tasks.py": HEAD + "".join(made[:2]), "shop/b_tasks.py": HEAD + "".join(made[2:])}


def test_five_at_the_same_minute_are_a_herd_over_all_files(check: Check) -> None:
    found = check(many(5))
    assert of(found, "MS506") == [("", "notice")] * 5
    assert said(found, "MS506") == {"task": "job_0", "count": "5", "minute": "01:30 UTC"}
    assert not of(check(many(4)), "MS506")
    assert not of(check(many(5, ", jitter='5m'")), "MS506")
    assert not of(check(many(5, ", window='1h'")), "MS506")


# MS507


@pytest.mark.parametrize(
    ("schedule", "param", "expected"),
    [
        ("'0 7 * * *'", "user_id: int", 1), ("every('1h')", "request_id: str", 1), ("every('1h')", "email: str", 1),
        ("every('1h')", "order_id: int", 1),
        ("every('1h')", "user_id: int = 0", 0), ("every('1h')", "user_id: int | None = None", 0), ("every('1h')", "days: int", 0),
        ("every('1h', params={'user_id': 1})", "user_id: int", 0), ("[]", "user_id: int", 0),
    ],
)  # fmt: skip
def test_a_clock_does_not_know_whom_it_is_for(check: Check, schedule: str, param: str, expected: int) -> None:
    found = check(f"{HEAD}@task(schedule={schedule})\ndef job({param}) -> None: ...\n")
    assert len(of(found, "MS507")) == expected
    assert all(each.kind is Kind.ADHOC for each in found if each.code == "MS507")


@pytest.mark.scenario("S0-36")
@pytest.mark.parametrize(
    ("options", "call", "expected"),
    [
        ("schedule=every('1h')", "build.enqueue(user_id=user.id)", [("submitted", "notice")]),
        ("schedule=every('1h')", "build.enqueue()", []),  # "now, please" is no other work
        ("timeout='5m'", "build.enqueue(user_id=user.id)", []),
    ],
)
def test_a_schedule_that_users_submit_to_as_well(check: Check, options: str, call: str, expected: list[tuple[str, str]]) -> None:
    found = check({
        "shop/tasks.py": f"{HEAD}@task({options})\nasync def build(user_id: int | None = None) -> None: ...\n",
        "shop/views.py": (
            "from fastapi import FastAPI\nfrom shop.tasks import build\n\napp = FastAPI()\n\n"
            f"@app.post('/reports')\nasync def start(user):\n    await {call}\n"
        ),
    })  # fmt: skip
    assert of(found, "MS507") == expected
    assert all(each.kind is Kind.ADHOC and each.evidence for each in found if each.code == "MS507")


# MS508


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    while not ctx.stopping:\n        await clean()\n        await ctx.sleep('10m')\n", [("", "warning")]),
        ("    while True:\n        await clean()\n        await asyncio.sleep(600)\n", [("", "warning")]),
        ("    while not ctx.stopping:\n        await clean()\n        await ctx.sleep(5)\n", []),  # so often that it is better kept alive
        ("    while not ctx.stopping:\n        await clean()\n        await ctx.sleep(pause())\n", []),
        (
            (
                "    async with connect() as line:\n        while not ctx.stopping:\n"
                "            await line.ping()\n            await ctx.sleep(60)\n"
            ),
            [],
        ),
        ("    while not ctx.stopping:\n        await receive()\n        await ctx.sleep(60)\n", []),
        ("    while not ctx.stopping:\n        if not await clean():\n            await ctx.sleep(60)\n", []),
    ],
)
def test_a_service_that_only_sleeps_and_works(check: Check, body: str, expected: list[tuple[str, str]]) -> None:
    head = "import asyncio\nfrom shop.carts import clean, connect, pause, receive\n"
    assert of(check(f"{head}{HEAD}@service\nasync def watch(ctx: Context) -> None:\n{body}"), "MS508") == expected


@pytest.mark.scenario("S0-36")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    while True:\n        await refresh.enqueue()\n        await asyncio.sleep(60)\n", [("client", "warning")]),
        ("    while True:\n        await app.enqueue(refresh)\n        await asyncio.sleep(60)\n", [("client", "warning")]),
        ("    while True:\n        if await changed():\n            await refresh.enqueue()\n        await asyncio.sleep(60)\n", []),
        ("    for _ in range(3):\n        await refresh.enqueue()\n        await asyncio.sleep(60)\n", []),
        ("    await refresh.enqueue()\n", []),
    ],
)
def test_a_client_that_fires_a_task_by_a_timer_wants_a_schedule(check: Check, body: str, expected: list[tuple[str, str]]) -> None:
    found = check({
        "shop/tasks.py": HEAD + "app = Mainspring()\n@task(timeout='30s')\nasync def refresh() -> None: ...\n",
        "shop/client.py": (
            "import asyncio\nfrom shop.state import changed\nfrom shop.tasks import app, refresh\n\nasync def main():\n" + body
            + "\nif __name__ == '__main__':\n    asyncio.run(main())\n"
        ),
    })  # fmt: skip
    assert of(found, "MS508") == expected
    assert all(each.kind is Kind.CRON for each in found if each.code == "MS508")


@pytest.mark.scenario("S0-36")
def test_both_ways_are_told(check: Check) -> None:
    """A schedule for what a user submits is work on demand; a task that a timer submits is a schedule."""
    found = check({
        "shop/models.py": MODELS,
        "shop/views.py": VIEW,
        "shop/urls.py": URLS,
        "shop/tasks.py": polling("1m", "Export.objects.filter(status='pending')")
        + "\n@task(timeout='30s')\nasync def refresh() -> None: ...\n",
        "shop/timer.py": (
            "import asyncio\nfrom shop.tasks import refresh\n\nasync def main():\n    while True:\n        await refresh.enqueue()\n"
            "        await asyncio.sleep(60)\n\nif __name__ == '__main__':\n    asyncio.run(main())\n"
        ),
    })  # fmt: skip
    assert {each.code: each.kind for each in found if each.code.startswith("MS5")} == {"MS501": Kind.ADHOC, "MS508": Kind.CRON}


# MS509


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("for row in Export.objects.all():\n        httpx.put('https://crm', json={'id': row.id})", [("", "warning")]),
        ("for row in Export.objects.filter(is_active=True):\n        push(row.id)", [("", "warning")]),
        ("for row in Export.objects.all()[:100]:\n        httpx.put('https://crm', json={'id': row.id})", []),
        ("for row in Export.objects.all():\n        print(row.id)", []),
        ("for page in range(3):\n        httpx.get('https://crm', params={'page': page})", []),
        ("for row in Export.objects.all():\n        sync.enqueue(row.id)", []),
    ],
)
def test_one_run_for_all_rows(check: Check, loop: str, expected: list[tuple[str, str]]) -> None:
    head = (
        "import httpx\nfrom shop.models import Export\n" + HEAD
        + "def push(i):\n    httpx.put('https://crm', json={'id': i})\n\n@task\ndef sync(i: int) -> None: ...\n\n"
    )  # fmt: skip
    files = {"shop/models.py": MODELS, "shop/tasks.py": job("schedule=every('1d'), timeout='1h'", loop, head)}
    assert of(check(files), "MS509") == expected


# What is fine altogether


def test_good_schedules_have_no_finding(check: Check) -> None:
    code = HEAD + (
        "@task(schedule=cron('0 4 * * *', tz='Europe/Berlin'), timeout='1h')\ndef tidy(days: int = 30) -> None: ...\n\n"
        "@task(schedule=[every('5m'), cron('@daily', tz='UTC', window='01:00-05:00', name='long')], timeout='4m')\n"
        "def poll() -> None: ...\n\nasync def is_late() -> bool:\n    return True\n\n"
        "@task(schedule=when(is_late, every='1m'), timeout='30s')\ndef alarm() -> None: ...\n"
    )
    assert not check(code)
