"""The console in other people's houses: the examples of each framework with its own accounts, and behind proxies under a path."""

from __future__ import annotations

import ast
import os
import signal
import sys
from asyncio import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mainspring.core.door import parse_peers
from tests.browser.conftest import Loop, Stands
from tests.browser.examples import FOLDER
from tests.browser.proxy import Proxy
from tests.browser.stand import ROOT

MARK, MOST_LINES = "# -- the console: from here on\n", 10
HOSTS = [
    ("console_fastapi", "app"), ("console_starlette", "app"), ("console_litestar", "app"), ("console_flask", "app"),
    ("console_django", "asgi"), ("console_django", "wsgi"),
]  # fmt: skip
Serve = Callable[[str, str], Awaitable[str]]


@pytest.fixture
def serve(tmp_path: Path, loop: Loop) -> Iterator[Serve]:
    """Serve an example; answers its address."""
    started: list[subprocess.Process] = []

    async def one(folder: str, module: str) -> str:
        files = {"SHOP_URL": f"sqlite:///{tmp_path}/shop.db", "DJANGO_DATABASE": str(tmp_path / "django.db")}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **files}
        process = await subprocess.create_subprocess_exec(
            sys.executable, "-m", "tests.browser.examples", folder, module, "web" if module == "app" else "application", env=environment,
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None and process.stderr is not None
        if not (line := await process.stdout.readline()):
            pytest.fail((await process.stderr.read()).decode())
        return line.decode().strip()

    yield one

    async def end() -> None:
        for each in started:
            if each.returncode is None:
                each.send_signal(signal.SIGTERM)
            await each.communicate()

    loop.run(end())


@pytest.mark.scenario("B-30", part="ten lines")
@pytest.mark.parametrize(("folder", "module"), HOSTS)
def test_hosting_takes_ten_lines(folder: str, module: str) -> None:
    """Statements behind the mark, a line each however they are wrapped; docstrings say nothing to Python."""
    text = (FOLDER / folder / f"{module}.py").read_text("utf-8")
    own = text.partition(MARK)[2]
    assert own
    lines = list(_lines(ast.parse(own)))
    assert len(lines) <= MOST_LINES, lines


def _lines(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.stmt):
            yield ast.unparse(node).partition("\n")[0]


async def _account(folder: str, tmp_path: Path, name: str) -> tuple[str, str]:
    """Return the cookie of somebody who is signed in with the host; Django's are made by Django."""
    if folder != "console_django":
        return "shop", f"key-of-{name}"
    script = f"""
import sys; sys.path.insert(0, {str(FOLDER / folder)!r})
import project
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_user({name!r}, is_staff=True, is_superuser={name == "ada"})
session = SessionStore()
session[SESSION_KEY] = user.pk
session.save()
print(session.session_key)
"""
    environment = {**os.environ, "DJANGO_DATABASE": str(tmp_path / "django.db")}
    made = await subprocess.create_subprocess_exec(sys.executable, "-c", script, env=environment, cwd=tmp_path, stdout=subprocess.PIPE)
    key = (await made.communicate())[0].decode().strip()
    assert key
    return "sessionid", key


@pytest.mark.scenario("B-30")
@pytest.mark.slow
@pytest.mark.parametrize(("folder", "module"), HOSTS)
async def test_an_example_works(serve: Serve, page: Page, tmp_path: Path, folder: str, module: str) -> None:
    cookies = [await _account(folder, tmp_path, who) for who in ("ada", "bob")]
    origin = await serve(folder, module)
    stranger = await page.request.get(f"{origin}/tasks/runs", max_redirects=0)
    assert stranger.status in (303, 401, 403)
    assert (await page.request.get(f"{origin}/tasks/api/v1/tasks")).status == 401

    await page.context.add_cookies([{"name": cookies[1][0], "value": cookies[1][1], "url": origin}])
    ours = {"Sec-Fetch-Site": "same-origin"}
    started = await page.request.post(f"{origin}/tasks/api/v1/tasks/hello/start", data={"name": "Bob"}, headers=ours)
    assert started.status == 202, await started.text()
    address = started.headers["location"]
    assert address.startswith("/tasks/")
    run = await (await page.request.get(origin + address)).json()
    assert (run["state"], run["task"]) == ("pending", "hello")
    refused = await page.request.post(f"{origin}/tasks/api/v1/tasks/hello/disable", data={}, headers=ours)
    assert refused.status == 403  # an operator's role, as the host has it

    await page.context.clear_cookies()
    await page.context.add_cookies([{"name": cookies[0][0], "value": cookies[0][1], "url": origin}])
    for path in ("/", "/tasks", f"/runs/{run['id']}", "/settings"):
        answered = await page.goto(f"{origin}/tasks{path}", wait_until="load")
        assert answered is not None and answered.status == 200
        assert await page.locator("h1").count() == 1
    if module == "wsgi" or folder == "console_flask":
        assert await page.locator("body[data-live=poll]").count() == 1
    else:
        await expect(page.locator("#live")).to_contain_text("Live")


@pytest.mark.scenario("B-25", part="proxies")
@pytest.mark.parametrize("prefix", ["/deep/er", "/tasks"])
@pytest.mark.parametrize("strips", [True, False], ids=["strips", "keeps"])
async def test_behind_a_proxy_every_address_is_right(stands: Stands, page: Page, loop: Loop, strips: bool, prefix: str) -> None:
    """Also where the prefix looks like one of our own paths."""
    settings: dict[str, Any] = {"trusted_proxies": parse_peers("127.0.0.1", "the test")}
    stand = await stands(seeded=True, settings=settings | ({} if strips else {"base_path": prefix}), is_node=True)
    proxy = Proxy(int(stand.origin.rpartition(":")[2]), prefix, strips=strips)
    origin = await proxy.open()
    try:
        for path in ("/", "/tasks", "/tasks/backup", "/runs", "/settings"):
            answered = await page.goto(f"{origin}{prefix}{path}", wait_until="load")
            assert answered is not None and answered.status == 200, path
            assert await page.locator("h1").count() == 1
        await expect(page.locator("#live")).to_contain_text("Live")
        await page.goto(f"{origin}{prefix}/tasks", wait_until="load")
        await page.locator("main a[href$='/tasks/backup']").first.click()
        await page.wait_for_url(f"{origin}{prefix}/tasks/backup")
        assert all(each.startswith(prefix.encode()) for each in proxy.asked)
    finally:
        await page.goto("about:blank")
        await proxy.close()
