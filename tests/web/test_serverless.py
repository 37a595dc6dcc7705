"""The files in ``examples/serverless``: what they say of the endpoint is what it is, and what they run runs."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from mainspring.cli.main import root
from mainspring.config import read_settings
from mainspring.core import active
from mainspring.core.duration import parse_duration
from mainspring.core.pulse import Budget
from mainspring.web import pulse
from tests.web.test_pulse import asgi

EXAMPLES = Path(__file__).parents[2] / "examples" / "serverless"
SECRET = "the-secret-of-this-test"
CALLERS = [EXAMPLES / "vercel/.github/workflows/pulse.yml", EXAMPLES / "google/deploy.sh", EXAMPLES / "cron/crontab"]
SETTINGS = tomllib.loads((EXAMPLES / "mainspring.toml").read_text("utf-8"))["env"]["serverless"]


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with everything in it, as a platform would have it."""
    for folder in (EXAMPLES, EXAMPLES / "vercel", EXAMPLES / "aws", EXAMPLES / "google"):
        for file in folder.iterdir():
            if file.is_file():
                shutil.copy(file, tmp_path)
    shutil.copytree(EXAMPLES / "vercel/api", tmp_path / "api")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(active, "_apps", [])
    monkeypatch.setenv("MAINSPRING_URL", f"sqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("MAINSPRING_PULSE_SECRET", SECRET)
    monkeypatch.setenv("TASK_RUNNER_ENVIRONMENT", "serverless")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.scenario("V6")
@pytest.mark.parametrize("file", CALLERS, ids=lambda file: file.name)
def test_callers_use_the_path_the_method_and_the_header_of_the_endpoint(file: Path) -> None:
    text = file.read_text("utf-8")
    urls = re.findall(r"(?:https://[\w.]+|\$url|\$\{\{ vars\.SHOP_URL \}\})(/[\w/]*)", text)
    assert urls == [pulse.PATH]
    assert re.findall(r"--(?:request|http-method) (\w+)", text) == [pulse.METHOD]
    (name, scheme) = re.findall(r"[\"'](\w+)(?:: |=)(\w+) \$", text)[0]
    assert (name, scheme) == (pulse.AUTHORIZATION, pulse.SCHEME)
    assert "MAINSPRING_PULSE_SECRET" in text


@pytest.mark.scenario("V6")
def test_the_file_of_vercel_lies_where_the_path_is(deployed: Path) -> None:
    manifest = json.loads((EXAMPLES / "vercel/vercel.json").read_text("utf-8"))
    (file,) = manifest["functions"]
    assert f"/{file.removesuffix('.py')}" == pulse.PATH
    assert "crons" not in manifest  # they send GET
    app = module("api.pulse").app
    assert asgi(app, "GET", pulse.PATH, {}, b"").status == 405
    assert asgi(app, "POST", pulse.PATH, {}, b"").status == 401
    answered = asgi(app, "POST", pulse.PATH, {"Authorization": f"Bearer {SECRET}"}, b"")
    assert (answered.status, answered.body["budget"]) == (200, "50s")


@pytest.mark.scenario("V6")
def test_the_container_of_google_answers(deployed: Path) -> None:
    application = module("main").application
    headers = {"Authorization": f"Bearer {SECRET}"}
    answered = asgi(application, "POST", pulse.PATH, headers, json.dumps({"force": ["forget_abandoned_carts"]}).encode())
    assert (answered.status, answered.body["succeeded"]) == (200, 1)


def test_the_function_of_aws_is_the_one_that_is_called_and_takes_the_time_that_it_has(deployed: Path) -> None:
    template = json.loads((EXAMPLES / "aws/template.json").read_text("utf-8"))
    function = template["Resources"]["Pulse"]["Properties"]
    assert function["Events"]["EveryMinute"]["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    name, _, attribute = function["Handler"].partition(".")

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return int(function["Timeout"]) * 1000

    shop = module("shop")
    shop.app.blocking.enqueue(shop.send_receipt, 7)
    told: dict[str, Any] = getattr(module(name), attribute)({}, Context())
    assert (told["source"], told["succeeded"], told["budget"], told["is_more"]) == ("lambda", 1, "58s", False)
    assert json.loads(json.dumps(told)) == told
    again = getattr(module(name), attribute)({}, Context())  # the same instance, warm
    assert again["is_ok"]


@pytest.mark.scenario("V6", part="cron")
def test_the_command_in_the_crontab_is_one(deployed: Path) -> None:
    (line,) = [line for line in (EXAMPLES / "cron/crontab").read_text("utf-8").splitlines() if "mainspring -A" in line]
    words = shlex.split(line.partition("mainspring ")[2])
    done = CliRunner().invoke(root, ["--json", *words], prog_name="mainspring")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["budget"] == "50s"


def test_times_fit_into_each_other(deployed: Path) -> None:
    """The platform's limit is longer than the budget, the budget than what any task of the example may take."""
    settings, warnings = read_settings()
    assert warnings == []
    assert settings.pulse_budget == parse_duration(SETTINGS["pulse_budget"], "pulse_budget") == timedelta(seconds=50)
    assert settings.pulse_interval == timedelta(minutes=5)
    assert '- cron: "*/5 * * * *"' in CALLERS[0].read_text("utf-8")  # the rarest of the callers
    limits = [
        json.loads((EXAMPLES / "vercel/vercel.json").read_text("utf-8"))["functions"]["api/pulse.py"]["maxDuration"],
        json.loads((EXAMPLES / "aws/template.json").read_text("utf-8"))["Resources"]["Pulse"]["Properties"]["Timeout"],
        *map(int, re.findall(r"--(?:timeout|attempt-deadline|max-time) (\d+)", "".join(file.read_text("utf-8") for file in CALLERS))),
    ]
    assert limits == [60] * 6
    assert settings.pulse_budget + timedelta(seconds=5) < timedelta(seconds=min(limits))
    longest = Budget.of(settings.pulse_budget, 0.0).longest
    tasks = module("shop").app.registry
    timeouts = [task.spec.timeout or settings.default_timeout for task in tasks]
    assert all(timeout is not None and timeout.total_seconds() < longest for timeout in timeouts)


def test_the_container_answers_a_server(deployed: Path) -> None:
    """Under uvicorn, as the example starts it."""
    import uvicorn

    async def ask() -> bytes:
        server = uvicorn.Server(uvicorn.Config(module("main").application, port=0, log_config=None))
        config = server.config
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"POST {pulse.PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
                f"Authorization: Bearer {SECRET}\r\n\r\n".encode()
            )
            return await reader.read()
        finally:
            writer.close()
            await server.shutdown()

    answered = asyncio.run(ask())
    assert answered.startswith(b"HTTP/1.1 200")
    assert b'"is_ok": true' in answered
