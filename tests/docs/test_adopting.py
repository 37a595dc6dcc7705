"""The guide for newcomers, walked as written: check an application, make its work a task, let the call be rewritten, see the run."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path

from tests.faces.conftest import Process

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "adopting.md").read_text("utf-8")
BEFORE, AFTER = re.findall(r"^```py\n(# shop\.py\n.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the checker as a newcomer does, in the folder of the application."""
    command = [sys.executable, "-m", "mainspring", "check", *options, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "NO_COLOR": "1"})


def test_the_application_as_it_was_has_one_finding(tmp_path: Path) -> None:
    """The first thing that a newcomer reads is MS104, at the right line, with what to do."""
    (tmp_path / "shop.py").write_text(BEFORE, "utf-8")

    done = check(tmp_path)

    line = BEFORE.splitlines().index("    background_tasks.add_task(send_receipt, order, address)") + 1
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall(r"^shop\.py:(\d+):\d+: (MS\d+) \[(\w+)\]", done.stdout, re.MULTILINE) == [(str(line), "MS104", "adhoc")]
    assert check(tmp_path, "--explain", "MS104").stdout.lstrip("# ").startswith("MS104 after-response-work")


def test_the_call_is_rewritten_and_the_run_is_in_the_console(tmp_path: Path) -> None:
    """`--fix` writes the enqueue, the checker is silent once the key is there, and the run that failed waits for its second attempt."""
    shop = tmp_path / "shop.py"
    shop.write_text(AFTER, "utf-8")

    shown = check(tmp_path, "--fix", "--dry-run")
    assert "+    await send_receipt.enqueue(order=order, address=address)" in shown.stdout, shown.stdout + shown.stderr
    assert shop.read_text("utf-8") == AFTER
    done = check(tmp_path, "--fix")
    assert "await send_receipt.enqueue(order=order, address=address)" in shop.read_text("utf-8"), done.stdout + done.stderr
    assert "add_task" not in shop.read_text("utf-8")

    told = check(tmp_path)
    assert set(re.findall(r"^shop\.py:\d+:\d+: (MS\d+)", told.stdout, re.MULTILINE)) == {"MS406"}, told.stdout
    shop.write_text(shop.read_text("utf-8").replace('@task(timeout="1m"', '@task(dedupe="receipt:{order}", timeout="1m"'), "utf-8")
    silent = check(tmp_path)
    assert silent.returncode == 0, silent.stdout

    port, closed = free_port(), free_port()
    environment = {**os.environ, "SMTP_PORT": str(closed)}
    web = Process([sys.executable, "-m", "uvicorn", "shop:web", "--port", str(port)], tmp_path, environment)
    node = Process(
        [sys.executable, "-m", "mainspring", "-A", "shop:work", "dev", "--listen", f"127.0.0.1:{free_port()}"], tmp_path, environment
    )
    try:
        web.expect("Application startup complete")
        node.expect("ready")
        address = re.search(r"the console is at (http\S+)", node.said)
        assert address, node.said
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        browser.open(address[1], timeout=10)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/orders/7?address=ada@example.org", method="POST")
        assert urllib.request.urlopen(request, timeout=10).read() == b'{"order":7}'
        until(lambda: "ConnectionRefusedError" in listed(tmp_path))
        page = browser.open(f"{address[1].partition('?')[0]}runs", timeout=10).read().decode()
        assert "send_receipt" in page, page
    finally:
        for each in (node, web):
            each.kill()


def listed(folder: Path) -> str:
    """Return all that is known of the runs, as the command line tells it."""
    command = [sys.executable, "-m", "mainspring", "-A", "shop:work", "--json", "runs", "list"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60).stdout


def until(is_so: Callable[[], bool], patience: float = 30) -> None:
    """Ask again until it is so; the other processes decide when."""
    deadline = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
