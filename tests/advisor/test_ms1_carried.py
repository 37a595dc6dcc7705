"""Work that goes through the hands of helpers of a project before it is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from mainspring.advisor.finding import Finding, Severity

Check = Callable[[str | Mapping[str, str]], list[Finding]]

SHOP = """
import asyncio
import httpx
from fastapi import FastAPI
{imports}
app = FastAPI()

async def notify(order):
    await httpx.AsyncClient().post("https://mail.example.com", json={{"id": order}})

@app.post("/orders")
async def order(number: int):
    {line}
    return {{}}
"""


def heard(found: list[Finding], path: str) -> list[str]:
    return [each.code for each in found if each.path == path and each.severity is not Severity.NOTICE]


ERRANDS = {
    "a class whose constructor starts what it is given": """
import asyncio

running = set()

class Errand:
    def __init__(self, coro):
        self.task = asyncio.create_task(coro)
        running.add(self)
""",
    "another name for what is given": """
import asyncio
from collections.abc import Coroutine

tasks = set()

async def guard(coro):
    await coro

def Errand(coro: Coroutine):
    wrapped = guard(coro)
    tasks.add(asyncio.create_task(wrapped))
""",
}


@pytest.mark.parametrize("helper", ERRANDS.values(), ids=ERRANDS)
def test_what_a_helper_is_given_is_judged_at_its_caller(check: Check, helper: str) -> None:
    sources = {
        "shop/errands.py": helper,
        "shop/views.py": SHOP.format(imports="from shop.errands import Errand", line="Errand(notify(number))"),
    }
    assert heard(check(sources), "shop/views.py") == ["MS101"]


@pytest.mark.parametrize(("line", "is_told"), [("create_referenced_task(notify(number))", True), ("create_referenced_task(number)", False)])
def test_a_library_that_says_that_it_makes_a_task_makes_one_of_a_coroutine(check: Check, line: str, is_told: bool) -> None:
    found = check(SHOP.format(imports="from referencer import create_referenced_task", line=line))
    assert heard(found, "app/main.py") == (["MS101"] if is_told else [])


def test_an_executor_of_the_project_is_judged_at_its_callers_and_not_itself(check: Check) -> None:
    helper = """
import asyncio

class TaskExecutor:
    def begin(self, func, *args):
        self.last = asyncio.create_task(func(*args))

executor = TaskExecutor()
"""
    views = SHOP.format(imports="from shop.executor import executor", line="executor.begin(notify, number)")
    found = check({"shop/executor.py": helper, "shop/views.py": views})
    assert heard(found, "shop/views.py") == ["MS101"]
    assert "MS109" not in heard(found, "shop/executor.py")


def test_what_never_ends_is_found_as_well_where_a_helper_starts_it(check: Check) -> None:
    helper = "import asyncio\n\ntasks = set()\n\ndef spawn_it(coro):\n    tasks.add(asyncio.create_task(coro))\n"
    views = SHOP.format(imports="from shop.later import spawn_it", line="pass") + (
        "\nasync def watch():\n    while True:\n        await notify(1)\n        await asyncio.sleep(60)\n\n"
        "def begin():\n    spawn_it(watch())\n"
    )
    assert "MS101" in heard(check({"shop/later.py": helper, "shop/views.py": views}), "shop/views.py")


@pytest.mark.parametrize(("more", "is_told"), [("", False), ("await httpx.AsyncClient().post(line)", True)])
def test_who_only_reads_what_a_child_says_leaves_no_work_behind(check: Check, more: str, is_told: bool) -> None:
    code = f"""
        import asyncio
        import httpx

        class Helper:
            async def start(self):
                self.child = await asyncio.create_subprocess_exec("helper", stderr=asyncio.subprocess.PIPE)
                self.reader = asyncio.create_task(self.read())

            async def read(self):
                for _ in range(1000):
                    line = await self.child.stderr.readline()
                    print(self.shown(line))
                    {more or "pass"}

            async def stop(self):
                await self.child.wait()
    """
    assert ("MS101" in [each.code for each in check(code)]) is is_told  # a notice: it begins with its object
