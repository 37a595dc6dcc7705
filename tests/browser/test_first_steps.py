"""First steps: from `make run` to a finished run in two clicks, and a program of the system from its form to its end."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from asyncio import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stands
from tests.browser.shop import script
from tests.browser.stand import ROOT

DEMO = ROOT / "examples" / "demo" / "run.py"
ADDRESS = re.compile(r"The console is at (http://127\.0\.0\.1:\d+/[\w/?=&.-]*)")


@pytest.mark.slow
@pytest.mark.scenario("B-30", part="make run: two clicks to a finished run")
async def test_two_clicks_from_the_address_of_make_run_to_a_finished_run(page: Page, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()  # on a terminal it goes on until it is told to stop
    environment = {**os.environ, "DEMO_FOLDER": str(tmp_path), "COLUMNS": "200", "TERM": "xterm-256color"}
    demo = await subprocess.create_subprocess_exec(sys.executable, DEMO, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said, loop = bytearray(), asyncio.get_running_loop()
    loop.add_reader(ours, lambda: said.extend(os.read(ours, 65536)))
    try:
        while (found := ADDRESS.search(said.decode(errors="replace"))) is None:
            assert demo.returncode is None, said
            await asyncio.sleep(0.05)
        await page.goto(found[1], wait_until="load")
        assert "token" not in page.url  # nobody reads it over a shoulder
        await page.locator("main a[href$='/tasks/import_customers']").first.click()
        await page.wait_for_url("**/tasks/import_customers*")
        await page.locator("main form button.primary").first.click()
        await page.wait_for_url("**/runs/*")
        await expect(page.locator("main progress").first).to_be_visible()
        await expect(page.locator("main .badge").first).to_contain_text(re.compile("succeeded|completed", re.IGNORECASE), timeout=60_000)
    finally:
        await page.goto("about:blank")
        demo.send_signal(signal.SIGINT)
        await demo.wait()
        loop.remove_reader(ours)
        os.close(ours)


@pytest.mark.slow
@pytest.mark.scenario("S3-60")
async def test_a_program_runs_from_its_form_to_its_end(stands: Stands, page: Page) -> None:
    """Its environment is given as rows, its two streams are told apart, and its exit code decides."""
    stand = await stands(works=True)
    await page.goto(stand.url("/tasks/script"), wait_until="load")
    code = "import os, sys\nprint('to', os.environ['TO'])\nprint('trouble', file=sys.stderr)\nsys.exit(int(os.environ['CODE']))"
    await page.locator("[name=code]").fill(code)
    for number, (name, value) in enumerate((("TO", "orders"), ("CODE", "3"))):
        await page.locator("button[name=_add][value=env]").click()
        await page.locator("[name^='env['][name$='].name']:visible").nth(number).fill(name)
        await page.locator("[name^='env['][name$='].value']:visible").nth(number).fill(value)
    await page.locator("main form button.primary").first.click()
    await page.wait_for_url("**/runs/*")
    await expect(page.locator("main .badge").first).to_contain_text(re.compile("failed", re.IGNORECASE), timeout=60_000)
    await page.goto(page.url.partition("?")[0] + "?tab=output", wait_until="load")
    log = page.locator("main [role=log]")
    await expect(log).to_contain_text("to orders")
    await expect(log.locator("[data-s=stderr]").first).to_contain_text("trouble")
    await page.goto(page.url.partition("?")[0] + "?tab=error", wait_until="load")
    await expect(page.locator("main")).to_contain_text("exited with code 3")


@pytest.mark.slow
@pytest.mark.scenario("S3-60", part="kill escalates, by the console")
async def test_a_program_that_heeds_nothing_is_killed_from_its_page(stands: Stands, page: Page) -> None:
    stand = await stands(works=True)
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"
    run = await stand.app.enqueue(script, code=code)
    await page.goto(stand.url(f"/runs/{run.id}?tab=output"), wait_until="load")
    await expect(page.locator("main [role=log]")).to_contain_text("deaf", timeout=60_000)
    await page.locator("main button", has_text="Cancel").first.click()
    await page.locator("#confirm .danger").click()
    await expect(page.locator("main .badge").first).to_contain_text(re.compile("cancelled", re.IGNORECASE), timeout=60_000)
    await page.goto(stand.url(f"/runs/{run.id}?tab=output"), wait_until="load")
    await expect(page.locator("main [role=log]")).to_contain_text("SIGKILL")
