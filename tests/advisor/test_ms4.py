"""MS401 to MS412: what is found in definitions and enqueues, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainspring.advisor.finding import Finding, Ground, Severity

Check = Callable[..., list[Finding]]
HEAD = "from mainspring import Context, Fail, Mainspring, Param, Retry, RetryLater, Secret, Skip, cron, every, service, task\n"


def of(found: list[Finding], code: str) -> list[tuple[str, str]]:
    """Return variant and severity of the findings of one code."""
    return [(each.variant, str(each.severity)) for each in found if each.code == code]


def values(found: list[Finding], code: str) -> dict[str, str]:
    return dict(next(each for each in found if each.code == code).values)


# MS401


@pytest.mark.scenario("G-21")
@pytest.mark.parametrize(
    "param",
    ["api_key: str", "password: str", "token: str | None = None", "client_secret", "authorization: str",
     "access_token: bytes", "cookies: dict", "private_key: str = ''"],
)  # fmt: skip
def test_a_secret_as_plain_text_is_found(check: Check, param: str) -> None:
    found = check(HEAD + f"@task\nasync def sync({param}) -> None: ...\n")
    assert of(found, "MS401") == [("", "error")]


@pytest.mark.scenario("G-21")
@pytest.mark.parametrize(
    "param",
    ["api_key: Secret", "api_key_ref: str", "token_id: int", "secret_name: str", "password_hash: str", "key_env: str", "max_tokens: int",
     "next_token: str", "page_token: str", "tokens: int", "token_count: int", "idempotency_key: str", "sort_key: str", "secret: bool",
     "headers: list[str]", "passenger: str", "object_key: str"],
)  # fmt: skip
def test_what_only_sounds_like_a_secret_is_none(check: Check, param: str) -> None:
    assert not of(check(HEAD + f"@task\nasync def sync({param}) -> None: ...\n"), "MS401")


def test_headers_may_hold_a_secret_among_others(check: Check) -> None:
    code = HEAD + "@task\nasync def fetch({params}headers: dict[str, str]) -> None: ...\n"
    assert of(check(code.replace("{params}", "url: str, ")), "MS401") == [("", "warning")]
    assert of(check(code.replace("{params}", "subject: str, ")), "MS401") == [("", "notice")], "mail has headers, too"


def test_a_parameter_that_says_that_it_is_no_secret_is_none(check: Check) -> None:
    code = "from typing import Annotated\n" + HEAD + "@task\nasync def sync(token: Annotated[str, Param(secret=False)]) -> None: ...\n"
    assert not of(check(code), "MS401")


def test_a_type_that_writes_itself_as_stars_is_told_apart(check: Check) -> None:
    code = "from pydantic import SecretStr\n" + HEAD + "@task\nasync def sync(key: SecretStr) -> None: ...\n"
    assert of(check(code), "MS401") == [("masked", "error")]


def test_a_secret_inside_of_a_model_is_found(check: Check) -> None:
    code = (
        "from pydantic import BaseModel\n" + HEAD + "class Account(BaseModel):\n    name: str\n    api_key: str\n"
        "@task\nasync def sync(account: Account) -> None: ...\n"
    )
    found = check(code)
    assert of(found, "MS401") == [("field", "error")]
    assert values(found, "MS401")["field"] == "account.api_key"


def test_the_module_form_is_read_too(check: Check) -> None:
    code = (
        "from pydantic import BaseModel\n\nclass Config(BaseModel):\n    api_key: str\n    days: int = 3\n\n"
        'task_definition = {"name": "sync", "timeout": 300000}\n\nasync def execute(config: Config) -> int:\n    return config.days\n'
    )
    assert of(check({"shop/sync_tasks.py": code}), "MS401") == [("", "error")]


TASKS = HEAD + "app = Mainspring()\n@task\nasync def sync(account: int, value: str = '') -> None: ...\n"


@pytest.mark.scenario("G-21")
@pytest.mark.parametrize(
    ("argument", "variant"),
    [
        ("request.user.token", "value"),
        ("settings.STRIPE_SECRET_KEY", "value"),
        ('os.environ["API_TOKEN"]', "value"),
        ('os.getenv("API_TOKEN")', "value"),
        ('"sk_live_abcdefghijklmnop1234"', "literal"),
        ('"ghp_abcdefghijklmnopqrstuvwxyz0123456789"', "literal"),
        ("key.get_secret_value()", "value"),
    ],
)
def test_a_secret_that_a_call_hands_over_is_found(check: Check, argument: str, variant: str) -> None:
    found = check({
        "shop/tasks.py": TASKS,
        "shop/views.py": (
            "import os\nfrom django.conf import settings\nfrom shop.tasks import app, sync\n\n"
            f"async def view(request, key):\n    await app.enqueue(sync, account=1, value={argument})\n"
        ),
    })  # fmt: skip
    assert of(found, "MS401") == [(variant, "error")]
    assert "sk_live" not in str(values(found, "MS401")), "what looks like a key is never repeated"


@pytest.mark.parametrize(
    "argument", ["request.user.id", "request.user.token_id", "settings.TIMEOUT", 'os.environ["REGION"]', '"hello"', "name"]
)
def test_a_plain_value_that_a_call_hands_over_is_none(check: Check, argument: str) -> None:
    found = check({
        "shop/tasks.py": TASKS,
        "shop/views.py": (
            "import os\nfrom django.conf import settings\nfrom shop.tasks import sync\n\n"
            f"async def view(request, name):\n    await sync.enqueue(account=1, value={argument})\n"
        ),
    })  # fmt: skip
    assert not of(found, "MS401")


# MS402

OBJECTS = (
    "import io\nfrom typing import IO\nimport pandas as pd\nfrom django.db import models\nfrom django.http import HttpRequest\n"
    "from fastapi import Request, UploadFile\nfrom sqlalchemy.ext.asyncio import AsyncSession\nfrom sqlalchemy.orm import DeclarativeBase\n"
    "from pydantic import BaseModel\n"
    "class Base(DeclarativeBase): ...\nclass Order(Base): ...\nclass Customer(models.Model): ...\nclass Address(BaseModel): ...\n"
)


@pytest.mark.scenario("G-22", part="objects")
@pytest.mark.parametrize(
    ("type_", "variant", "severity"),
    [
        ("Request", "", "error"), ("HttpRequest", "", "error"), ("AsyncSession", "", "error"), ("pd.DataFrame", "", "error"),
        ("UploadFile", "file", "error"), ("IO", "file", "error"), ("Order", "row", "error"), ("Customer", "row", "error"),
        ("Order | None", "row", "error"), ("bytes", "bytes", "notice"),
    ],
)  # fmt: skip
def test_an_object_of_one_process_is_found(check: Check, type_: str, variant: str, severity: str) -> None:
    found = check(OBJECTS + HEAD + f"@task\nasync def export(thing: {type_}) -> None: ...\n")
    assert of(found, "MS402") == [(variant, severity)]


@pytest.mark.parametrize("type_", ["int", "Address", "list[int]", "dict[str, str]", "Secret", "'Unknown'"])
def test_a_value_is_no_object(check: Check, type_: str) -> None:
    assert not of(check(OBJECTS + HEAD + f"@task\nasync def export(thing: {type_}) -> None: ...\n"), "MS402")


def test_what_is_filled_in_does_not_travel(check: Check) -> None:
    code = OBJECTS + HEAD.replace("Context,", "Context, Depends,") + (
        "def session() -> AsyncSession: ...\n"
        "@task\nasync def export(ctx: Context, order_id: int, db: AsyncSession = Depends(session)) -> None: ...\n"
    )  # fmt: skip
    assert not of(check(code), "MS402")


def test_an_object_that_a_call_hands_over_is_found(check: Check) -> None:
    found = check({
        "shop/models.py": "from django.db import models\nclass Order(models.Model): ...\n",
        "shop/tasks.py": HEAD + "@task\ndef export(order) -> None: ...\n",
        "shop/views.py": (
            "from fastapi import FastAPI, Request\nfrom shop.tasks import export\nfrom shop.models import Order\n\napp = FastAPI()\n\n"
            "@app.post('/x')\nasync def view(request: Request):\n    await export.enqueue(order=request)\n\n"
            "@app.post('/y')\nasync def other(order: Order):\n    await export.enqueue(order=order)\n\n"
            "@app.post('/z')\nasync def third(order: Order):\n    await export.enqueue(order=order.id)\n"
        ),
    })  # fmt: skip
    assert sorted(of(found, "MS402")) == [("given", "error"), ("given.row", "error")]


@pytest.mark.scenario("G-22", part="objects")
@pytest.mark.parametrize(
    ("argument", "variant"),
    [("open('x')", "given.file"), ("request", "given"), ("request.user", "given.row"), ("request.user.id", ""), ("number", "")],
)
def test_what_a_view_of_django_hands_over(check: Check, argument: str, variant: str) -> None:
    found = check({
        "shop/tasks.py": HEAD + "app = Mainspring()\n@task\ndef export(thing) -> None: ...\n",
        "shop/urls.py": "from django.urls import path\nfrom shop import views\n\nurlpatterns = [path('x', views.start)]\n",
        "shop/views.py": (
            "from django.http import JsonResponse\nfrom shop.tasks import app, export\n\ndef start(request, number):\n"
            f"    app.blocking.enqueue(export, thing={argument})\n    return JsonResponse({{}})\n"
        ),
    })  # fmt: skip
    assert of(found, "MS402") == ([(variant, "error")] if variant else [])


# MS403, MS404


@pytest.mark.scenario("G-22", part="timeout")
@pytest.mark.parametrize(
    ("head", "call", "expected"),
    [
        ("@task", "httpx.get('https://x', timeout=None)", [("off", "warning")]),
        ("@task", "httpx.Client(timeout=None).get('https://x')", [("off", "warning")]),
        ("@task(timeout=None)", "requests.get('https://x')", [("", "warning")]),
        ("@task", "requests.get('https://x')", [("default", "notice")]),
        ("@task", "urllib.request.urlopen('https://x')", [("default", "notice")]),
        ("@task(timeout='30s')", "requests.get('https://x')", []),
        ("@task(timeout='30s')", "httpx.get('https://x', timeout=None)", []),
        ("@task", "requests.get('https://x', timeout=5)", []),
        ("@task", "httpx.get('https://x')", []),
        ("@task", "urllib.request.urlopen('https://x', None, 5)", []),
        ("@task", "print('x')", []),
    ],
)
def test_a_call_that_may_wait_for_ever(check: Check, head: str, call: str, expected: list[tuple[str, str]]) -> None:
    found = check(f"import httpx, requests, urllib.request\n{HEAD}{head}\ndef fetch() -> None:\n    {call}\n")
    assert of(found, "MS403") == expected
    assert all(Ground.SUB_SECOND in dict(each.contradicts) for each in found if each.code == "MS403")


def test_nothing_bounds_a_service_from_outside(check: Check) -> None:
    code = "import requests\n" + HEAD + (
        "@service\ndef watch(ctx: Context) -> None:\n    while not ctx.stopping:\n        requests.get('https://x')\n        ctx.sleep(5)\n"
    )  # fmt: skip
    assert of(check(code), "MS403") == [("service", "warning")]


def test_a_call_in_a_helper_is_found_where_the_definition_stands(check: Check) -> None:
    found = check({
        "shop/crm.py": "import requests\n\ndef push(order_id):\n    return requests.post('https://crm/search', json={'id': order_id})\n",
        "shop/tasks.py": HEAD + "from shop.crm import push\n\n@task(timeout=None)\ndef send(order_id: int) -> None:\n    push(order_id)\n",
    })  # fmt: skip
    assert of(found, "MS403") == [("", "warning")]
    assert [(each.path, [seen.path for seen in each.evidence]) for each in found if each.code == "MS403"] == [
        ("shop/tasks.py", ["shop/crm.py"])
    ]


@pytest.mark.scenario("G-22", part="retry")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("retry=0", [("", "warning")]),
        ("retry=Retry(retries=0)", [("", "warning")]),
        ("retry=Retry(0)", [("", "warning")]),
        ("retry=Retry(retries=4, delay=0)", [("hammer", "warning")]),
        ("retry=Retry(retries=4, delay='0s')", [("hammer", "warning")]),
        ("retry=Retry(retries=4, jitter=False)", [("jitter", "warning")]),
        ("retry=3", []),
        ("retry=Retry(retries=4, delay='5s')", []),
        ("timeout='5m'", []),  # three retries by default
        ("retry=0, repeatable=False", []),
        ("retry=0, schedule=every('5m')", []),
        ("retry=POLICY", []),
    ],
)
def test_retries_that_are_switched_off_or_useless(check: Check, options: str, expected: list[tuple[str, str]]) -> None:
    code = f"import httpx\n{HEAD}POLICY = Retry(retries=2)\n@task({options})\ndef fetch() -> None:\n    httpx.get('https://x')\n"
    assert of(check(code), "MS404") == expected


def test_one_attempt_of_a_charge_is_a_decision(check: Check) -> None:
    code = (
        "import stripe\n" + HEAD + "@task(retry=0, dedupe='c:{order}')\ndef pay(order: int) -> None:\n    stripe.Charge.create(amount=1)\n"
    )
    assert not of(check(code), "MS404")


def test_a_task_without_a_network_may_do_without_retries(check: Check) -> None:
    assert not of(check(HEAD + "@task(retry=0)\ndef count() -> int:\n    return 1\n"), "MS404")


# MS405


def body(caught: str, raised: str = "raise RetryLater(after=5)") -> str:
    return HEAD + (
        "from shop.bank import transfer, AccountClosed\n@task(timeout='1m')\nasync def pay(order: int) -> None:\n"
        f"    try:\n        await transfer(order)\n    {caught}\n        {raised}\n"
    )


@pytest.mark.scenario("G-22", part="terminal")
@pytest.mark.parametrize(
    ("caught", "expected"),
    [
        ("except Exception:", [("", "warning")]),
        ("except:", [("", "warning")]),
        ("except BaseException as error:", [("", "warning")]),
        ("except PermissionError:", [("terminal", "warning")]),
        ("except (OSError, PermissionError):", [("terminal", "warning")]),
        ("except ValueError:", [("terminal", "notice")]),  # garbled answers come and go
        ("except ConnectionError:", []),
        ("except TimeoutError as error:", []),
    ],
)
def test_another_attempt_for_what_is_final(check: Check, caught: str, expected: list[tuple[str, str]]) -> None:
    assert of(check(body(caught)), "MS405") == expected


def test_whoever_tells_the_final_ones_apart_may_catch_the_rest(check: Check) -> None:
    assert not of(check(body("except AccountClosed:\n        raise Fail('closed')\n    except Exception:")), "MS405")


def test_a_plain_raise_is_left_to_the_engine(check: Check) -> None:
    assert not of(check(body("except Exception:", "raise")), "MS405")


def test_a_decorator_that_retries_everything_inside_of_each_attempt(check: Check) -> None:
    code = (
        "import tenacity\n" + HEAD + "@task(timeout='1m')\n@tenacity.retry(stop=tenacity.stop_after_attempt(3))\ndef pay() -> None: ...\n"
    )
    assert of(check(code), "MS405") == [("nested", "warning")]
    assert not of(check(code.replace("stop=", "retry=tenacity.retry_if_exception_type(OSError), stop=")), "MS405")


# MS406


@pytest.mark.scenario("G-22", part="dedupe")
@pytest.mark.parametrize(
    ("options", "call", "expected"),
    [
        ("", "stripe.PaymentIntent.create(amount=1)", [("charge", "warning")]),
        ("", "send_mail('a', 'b', 'c', ['d'])", [("mail", "warning")]),
        ("", "smtplib.SMTP('h', 25, timeout=5).send_message(m)", [("mail", "warning")]),
        ("", "requests.post('https://x/orders', json={}, timeout=5)", [("", "notice")]),
        ("dedupe='pay:{order}'", "stripe.PaymentIntent.create(amount=1)", []),
        ("", "stripe.PaymentIntent.create(amount=1, idempotency_key=str(order))", []),
        ("repeatable=False", "stripe.PaymentIntent.create(amount=1)", []),
        ("schedule='0 6 * * *'", "send_mail('a', 'b', 'c', ['d'])", []),
        ("", "requests.get('https://x/orders', timeout=5)", []),
        ("", "requests.post('https://x/search', json={}, timeout=5)", []),
        ("", "requests.post('https://x/orders', headers={'Idempotency-Key': str(order)}, timeout=5)", []),
        ("", "stripe.PaymentIntent.retrieve('x')", []),
    ],
)
def test_what_must_not_happen_twice(check: Check, options: str, call: str, expected: list[tuple[str, str]]) -> None:
    parameters = "" if options.startswith("schedule") else "order: int"
    code = (
        f"import requests, smtplib, stripe\nfrom django.core.mail import send_mail\n{HEAD}m = None\n"
        f"@task({options})\ndef pay({parameters}) -> None:\n    {call}\n"
    )
    assert of(check(code), "MS406") == expected


def test_a_key_at_every_enqueue_is_enough(check: Check) -> None:
    tasks = "import stripe\n" + HEAD + "@task\ndef pay(order: int) -> None:\n    stripe.PaymentIntent.create(amount=1)\n"
    view = "from shop.tasks import pay\n\nasync def view(order):\n    await pay.options(key=f'pay:{order}').enqueue(order=order)\n"
    assert not of(check({"shop/tasks.py": tasks, "shop/views.py": view}), "MS406")
    bare = view.replace(".options(key=f'pay:{order}')", "")
    assert of(check({"shop/tasks.py": tasks, "shop/views.py": view, "shop/other.py": bare}), "MS406") == [("charge", "warning")]


def test_a_body_that_looks_whether_it_was_done(check: Check) -> None:
    code = "import stripe\nfrom shop.db import is_paid\n" + HEAD + (
        "@task\ndef pay(order: int) -> None:\n    if is_paid(order):\n"
        "        raise Skip('paid')\n    stripe.PaymentIntent.create(amount=1)\n"
    )  # fmt: skip
    assert not of(check(code), "MS406")


# MS407

INVOICE = HEAD + "app = Mainspring()\n@task\nasync def write_invoice(order_id: int) -> None: ...\n"


def view(text: str) -> dict[str, str]:
    return {
        "shop/tasks.py": INVOICE,
        "shop/views.py": (
            "from functools import partial\nfrom django.db import transaction\nfrom sqlalchemy.ext.asyncio import AsyncSession\n"
            "from shop.tasks import app, write_invoice\n\n" + text
        ),
    }


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (("async def f(session: AsyncSession):\n    async with session.begin():\n"
        "        await write_invoice.enqueue(order_id=1)\n"), [("", "warning")]),
        ("def f():\n    with transaction.atomic():\n        app.blocking.enqueue(write_invoice, order_id=1)\n", [("", "warning")]),
        ("@transaction.atomic\ndef f():\n    app.blocking.enqueue(write_invoice, order_id=1)\n", [("", "warning")]),
        (
            ("async def f(session: AsyncSession, order):\n    session.add(order)\n    await write_invoice.enqueue(order_id=1)\n"
            "    await session.commit()\n"),
            [("before", "warning")],
        ),
        (
            ("async def f(session: AsyncSession):\n    async with session.begin():\n"
            "        await write_invoice.options(connection=session).enqueue(order_id=1)\n"),
            [],
        ),
        (
            ("async def f(session: AsyncSession):\n    async with session.begin():\n"
            "        await app.enqueue(write_invoice.options(connection=session), order_id=1)\n"),
            [],
        ),
        (
            ("def f():\n    with transaction.atomic():\n"
            "        transaction.on_commit(lambda: app.blocking.enqueue(write_invoice, order_id=1))\n"),
            [],
        ),
        (("def f():\n    with transaction.atomic():\n"
        "        transaction.on_commit(partial(app.blocking.enqueue, write_invoice, order_id=1))\n"), []),
        (("async def f(session: AsyncSession, order):\n    session.add(order)\n"
        "    await session.commit()\n    await write_invoice.enqueue(order_id=1)\n"), []),
        (
            ("async def f(session: AsyncSession, order):\n    session.add(order)\n    await session.commit()\n"
            "    await write_invoice.enqueue(order_id=1)\n    await session.commit()\n"),
            [],
        ),
        ("def f(lock):\n    with lock:\n        app.blocking.enqueue(write_invoice, order_id=1)\n", []),
    ],
)  # fmt: skip
def test_an_enqueue_beside_an_open_transaction(check: Check, code: str, expected: list[tuple[str, str]]) -> None:
    assert of(check(view(code)), "MS407") == expected


# MS408


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("requests.get('https://x', timeout=5)", [("http", "warning")]),
        ("time.sleep(5)", [("sleep", "warning")]),
        ("subprocess.run(['ls'])", [("process", "warning")]),
        ("helper()", [("http", "warning")]),
        ("await asyncio.sleep(5)", []),
        ("await asyncio.to_thread(requests.get, 'https://x', timeout=5)", []),
        ("await asyncio.to_thread(helper)", []),
        ("await httpx.AsyncClient().get('https://x')", []),
        ("time.sleep(0.01)", []),
    ],
)
def test_what_blocks_the_loop_of_an_async_task(check: Check, call: str, expected: list[tuple[str, str]]) -> None:
    code = (
        f"import asyncio, httpx, requests, subprocess, time\n{HEAD}def helper():\n    return requests.get('https://x', timeout=5)\n\n"
        f"@task(timeout='1m')\nasync def fetch() -> None:\n    {call}\n"
    )
    assert of(check(code), "MS408") == expected


def test_a_plain_task_may_block(check: Check) -> None:
    code = f"import requests\n{HEAD}@task(timeout='1m')\ndef fetch() -> None:\n    requests.get('https://x', timeout=5)\n"
    assert not of(check(code), "MS408")


# MS409

EXPORTS = {
    "shop/models.py": "from django.db import models\n\nclass Export(models.Model):\n    status = models.CharField()\n",
    "shop/tasks.py": HEAD + (
        "from shop.models import Export\napp = Mainspring()\n\n@task(timeout='10m')\ndef build(export_id: int) -> None:\n"
        "    Export.objects.filter(id=export_id).update(status='done')\n"
    ),
}  # fmt: skip


def exports(text: str) -> dict[str, str]:
    return {
        **EXPORTS,
        "shop/views.py": "from shop.models import Export\nfrom shop.tasks import app, build\n\ndef view(request, export_id: int):\n" + text,
    }


@pytest.mark.scenario("Q3")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (("    app.blocking.enqueue(build, export_id=export_id)\n"
        "    Export.objects.filter(id=export_id).update(status='running')\n"), [("", "error")]),
        (("    Export.objects.filter(id=export_id).update(status='running')\n"
        "    app.blocking.enqueue(build, export_id=export_id)\n"), [("", "error")]),
        ("    Export.objects.filter(id=export_id).update(status='queued')\n    app.blocking.enqueue(build, export_id=export_id)\n", []),
        ("    Export.objects.filter(id=export_id).update(title='x')\n    app.blocking.enqueue(build, export_id=export_id)\n", []),
        ("    export = Export.objects.create(status='queued')\n    app.blocking.enqueue(build, export_id=export.id)\n", []),
        ("    Export.objects.filter(id=export_id).update(status='running')\n", []),
    ],
)  # fmt: skip
def test_a_column_has_one_writer(check: Check, code: str, expected: list[tuple[str, str]]) -> None:
    found = check(exports(code))
    assert of(found, "MS409") == expected
    for each in found:
        if each.code == "MS409":
            assert [seen.path for seen in each.evidence] == ["shop/tasks.py", "shop/views.py"]
            assert Ground.PROCESS_LOCAL in dict(each.contradicts)


@pytest.mark.scenario("Q3")
def test_statements_of_sql_are_writes_too(check: Check) -> None:
    found = check({
        "shop/tasks.py": HEAD + (
            "from shop.db import execute\n\n@task(timeout='10m')\nasync def build(export_id: int) -> None:\n"
            '    await execute("update exports set status = \'done\', rows = 3 where id = :id", id=export_id)\n'
        ),
        "shop/views.py": (
            "from fastapi import FastAPI\nfrom shop.db import execute\nfrom shop.tasks import build\n\napp = FastAPI()\n\n"
            "@app.post('/exports/{export_id}')\nasync def start(export_id: int):\n    await build.enqueue(export_id=export_id)\n"
            '    await execute("UPDATE exports SET status = \'running\' WHERE id = :id", id=export_id)\n'
        ),
    })  # fmt: skip
    assert of(found, "MS409") == [("", "error")]


def test_a_step_that_hands_on_may_write_before_it_does_and_not_after(check: Check) -> None:
    def found(before: str, after: str) -> list[tuple[str, str]]:
        first = f"{before}    app.blocking.enqueue(build, export_id=export_id)\n{after}"
        tasks = f"{EXPORTS['shop/tasks.py']}\n@task(timeout='1m')\ndef load(export_id: int) -> None:\n{first}"
        return of(check({**EXPORTS, "shop/tasks.py": tasks}), "MS409")

    write = "    Export.objects.filter(id=export_id).update(status='loaded')\n"
    assert not found(write, "")
    assert found("", write) == [("", "error")]


@pytest.mark.scenario("Q3")
@pytest.mark.parametrize(
    ("fetch", "expected"),
    [
        ("await session.get(Export, export_id)", "error"), ("Export.objects.get(id=export_id)", "error"),
        ("Export.query.get(export_id)", "error"),
        ("await session.scalar(select(Export).where(Export.id == export_id))", "error"),
        ("get_object_or_404(Export, id=export_id)", "error"),
    ],
)  # fmt: skip
def test_the_class_of_a_row_is_known_by_how_it_was_fetched(check: Check, fetch: str, expected: str) -> None:
    found = check({
        "shop/models.py": "class Export:\n    status = ''\n",
        "shop/tasks.py": HEAD + (
            "from shop.db import session\nfrom shop.models import Export\n@task(timeout='10m')\nasync def build(export_id: int) -> None:\n"
            "    row = await session.get(Export, export_id)\n    row.status = 'done'\n"
        ),
        "shop/views.py": (
            "from django.shortcuts import get_object_or_404\nfrom fastapi import FastAPI\nfrom sqlalchemy import select\n"
            "from shop.db import session\nfrom shop.models import Export\nfrom shop.tasks import build\n\napp = FastAPI()\n\n"
            "@app.post('/exports/{export_id}')\nasync def start(export_id: int):\n    await build.enqueue(export_id=export_id)\n"
            f"    export = {fetch}\n    export.status = 'running'\n"
        ),
    })  # fmt: skip
    assert of(found, "MS409") == [("", expected)]


def test_rows_that_are_only_called_the_same_are_a_notice(check: Check) -> None:
    found = check({
        "shop/tasks.py": HEAD + ("from shop.db import load\n@task\nasync def build(i: int) -> None:\n"
        "    row = await load(i)\n    row.status = 'done'\n"),
        "shop/views.py": (
            "from shop.db import load\nfrom shop.tasks import build\n\nasync def view(i: int):\n    row = await load(i)\n"
            "    await build.enqueue(i=i)\n    row.status = 'running'\n"
        ),
    })  # fmt: skip
    assert of(found, "MS409") == [("", "notice")]


# MS410


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("async def watch(ctx: Context):\n    while True:\n        await fetch()\n        await asyncio.sleep(5)\n", [("", "error")]),
        ("def watch():\n    while True:\n        fetch()\n        time.sleep(60)\n", [("", "error")]),
        ("async def watch(ctx: Context):\n    async for m in consumer.listen():\n        await fetch(m)\n", [("stream", "warning")]),
        ("async def watch(ctx: Context):\n    while not ctx.stopping:\n        await fetch()\n        await ctx.sleep(5)\n", []),
        ("async def watch(ctx: Context):\n    while await ctx.sleep(5):\n        await fetch()\n", []),
        ("async def watch(ctx: Context):\n    while True:\n        await fetch()\n        if ctx.stopping:\n            return\n", []),
        ("async def watch(ctx: Context):\n    while True:\n        await fetch(ctx)\n", []),
        ("async def watch(ctx: Context):\n    for _ in range(3):\n        await fetch()\n", []),
    ],
)
def test_a_service_that_never_looks_whether_it_is_to_stop(check: Check, code: str, expected: list[tuple[str, str]]) -> None:
    head = "import asyncio, time\nfrom shop.inbox import consumer, fetch\n" + HEAD
    assert of(check(head + "@service\n" + code), "MS410") == expected


def test_a_stream_that_is_closed_on_shutdown_ends(check: Check) -> None:
    code = (
        "from shop.inbox import close, consumer, fetch\n" + HEAD + "@service(on_shutdown=close)\nasync def watch(ctx: Context):\n"
        "    async for m in consumer.listen():\n        await fetch(m)\n"
    )
    assert not of(check(code), "MS410")


# MS411


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("key = uuid.uuid4()", ["random"]),
        ("at = datetime.now()", ["now"]),
        ("n = random.randint(1, 5)", ["random"]),
        ("region = os.getenv('REGION')", ["env"]),
        ("httpx.get('https://x')", ["network"]),
        ("time.sleep(5)", ["sleep"]),
        ("helper()", ["now"]),
        ("await charge(order)", []),
        ("total = order + 1", []),
    ],
)
def test_what_comes_out_otherwise_in_a_replay(check: Check, line: str, expected: list[str]) -> None:
    code = (
        "import os, random, time, uuid\nfrom datetime import datetime\nimport httpx\nfrom mainspring import step, workflow\n\n"
        "def helper():\n    return datetime.now()\n\n@step\nasync def charge(order):\n    return uuid.uuid4()\n\n"
        f"@workflow\nasync def fulfil(order: int) -> None:\n    {line}\n"
    )
    assert [variant for variant, _ in of(check(code), "MS411")] == expected


def test_a_task_may_read_the_clock(check: Check) -> None:
    assert not of(check("import time\n" + HEAD + "@task\ndef now() -> float:\n    return time.time()\n"), "MS411")


# MS412


def test_a_task_without_a_failing_test_is_told_where_it_is_asked_for(check: Check) -> None:
    task = HEAD + "@task\ndef export(report: int) -> int:\n    return report\n"
    happy = "from shop.tasks import export\n\ndef test_export():\n    assert export(1) == 1\n"
    failing = (
        "import pytest\nfrom shop.tasks import export\n\ndef test_export_of_nothing():\n"
        "    with pytest.raises(LookupError):\n        export(0)\n"
    )

    def found(**tests: str) -> list[tuple[str, str]]:
        files = {"shop/tasks.py": task} | {f"tests/{name}.py": text for name, text in tests.items()}
        return of(check(files, select=("MS4", "MS412"), include_tests=True), "MS412")

    assert not found(), "without any tests nobody knows"
    assert found(test_other="def test_other():\n    assert True\n") == [("", "warning")]
    assert found(test_tasks=happy) == [("happy", "warning")]
    assert not found(test_tasks=happy, test_more=failing)
    assert not of(check({"shop/tasks.py": task, "tests/test_tasks.py": happy}, include_tests=True), "MS412"), "optional"


# Other engines


CELERY = (
    "import requests\nfrom celery import Celery, shared_task\napp = Celery('shop')\n\n@shared_task\ndef sync(api_key):\n"
    "    requests.get('https://x')\n\n@app.task(time_limit=60, autoretry_for=(Exception,))\n"
    "def other(order_id):\n    requests.get('https://x')\n"
)


def test_definitions_of_other_engines_are_read_where_it_is_asked_for_and_are_notices(check: Check) -> None:
    assert not [each for each in check(CELERY) if each.code.startswith("MS4")]
    found = check(CELERY, is_celery=True)
    assert {each.code for each in found if each.code.startswith("MS4")} == {"MS401", "MS403", "MS404", "MS405"}
    assert {each.severity for each in found if each.code.startswith("MS4")} == {Severity.NOTICE}


# What is fine altogether


def test_a_good_definition_has_no_finding(check: Check) -> None:
    code = "import httpx\n" + HEAD + (
        "app = Mainspring()\n\n@task(timeout='30s', retry=Retry(retries=5), dedupe='push:{order_id}')\n"
        "async def push(ctx: Context, order_id: int, key: Secret) -> int:\n    async with httpx.AsyncClient(timeout=10) as client:\n"
        "        answer = await client.post('https://crm/orders', headers={'Idempotency-Key': str(order_id)})\n"
        "    if answer.status_code == 403:\n        raise Fail('no access')\n    return answer.status_code\n\n"
        "@task(schedule=cron('0 4 * * *', tz='Europe/Berlin'), timeout='10m')\ndef tidy(days: int = 30) -> None: ...\n\n"
        "@service\nasync def watch(ctx: Context) -> None:\n    while not ctx.stopping:\n        await ctx.sleep(5)\n\n"
        "async def start(order_id: int):\n    await app.enqueue(push, order_id=order_id, key=Secret('env:CRM_KEY'))\n"
    )  # fmt: skip
    assert not check(code)
