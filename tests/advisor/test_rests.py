"""What is judged again after a change: as much as a look from nothing would find, and little more."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.advisor import look
from mainspring.advisor.desk import Desk
from mainspring.advisor.scan import Scan, Scanned
from mainspring.advisor.settings import Settings

PARTS: tuple[str, ...] = (
    """
    async def {name}(order):
        await httpx.AsyncClient().post("https://mail.example.com")
    """,
    """
    async def {name}(order):
        return order
    """,
    """
    def {name}(order):
        requests.post("https://mail.example.com", timeout=3)
    """,
    """
    @app.post("/{name}")
    async def {name}(order: int):
        asyncio.create_task({other}(order))
        return {{}}
    """,
    """
    @router.get("/{name}")
    def {name}(order: int):
        threading.Thread(target={other}, args=(order,)).start()
    """,
    """
    def {name}(work):
        asyncio.create_task(work)
    """,
    """
    def {name}(work):
        {other}(work)
    """,
    """
    def {name}(func):
        def started(*args):
            threading.Thread(target=func, args=args).start()
        return started
    """,
    """
    @{other}
    def {name}(order):
        requests.post("https://mail.example.com")
    """,
    """
    async def {name}(order: int):
        {other}({third}(order))
    """,
    """
    async def {name}():
        while True:
            await {other}(1)
            await asyncio.sleep(60)
    """,
    """
    def {name}():
        while True:
            {other}(1)
            time.sleep(5)
    """,
    """
    class {name}({other}):
        def run(self):
            {third}(1)

        async def post(self, request):
            asyncio.create_task({third}(request))
    """,
    """
    class {name}(threading.Thread):
        def run(self):
            while True:
                {other}(1)
                time.sleep(1)
    """,
    """
    async def {name}(background: BackgroundTasks):
        background.add_task({other}, 1)
    """,
    """
    app.add_api_route("/{name}", {other})
    """,
    """
    def {name}(app):
        app.add_event_handler("startup", {other})
        {third}(app)
    """,
    """
    {name} = {other}
    """,
    """
    executor = ThreadPoolExecutor()

    def {name}(order):
        executor.submit({other}, order)
    """,
    """
    @celery.task
    def {name}(order):
        {other}.delay(order)
    """,
    """
    async def {name}(order):
        task = asyncio.create_task({other}(order))
        await task
    """,
    """
    if __name__ == "__main__":
        {other}(1)
    """,
    """
    @click.command()
    def {name}():
        {other}(2)
    """,
)  # fmt: skip
HEAD = """\
import asyncio, threading, time
import click, httpx, requests
from concurrent.futures import ThreadPoolExecutor
from celery import Celery
from fastapi import APIRouter, BackgroundTasks, FastAPI
"""
MADE = ("app = FastAPI()\n", "router = APIRouter()\n", "celery = Celery()\n")
NAMES = [f"{verb}_{noun}" for verb in ("send", "start", "run", "keep") for noun in ("mail", "order", "page")]
FILES = [
    "main.py",
    "views.py",
    "jobs.py",
    "mail.py",
    "app.py",
    "lib/__init__.py",
    "lib/tools.py",
    "lib/more.py",
    "cli.py",
    "worker.py",
    "lib/deep/x.py",
]


class Tree:
    """A project that nobody would write, which changes at random."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.n = 0
        (folder / "shop").mkdir()
        if seed % 4:
            (folder / "shop" / "__init__.py").write_text("")  # else modules are not called what they are imported as
        (folder / "pyproject.toml").write_text("[project]\nname = 'shop'\nversion = '1'\n")
        for name in self.random.sample(FILES, 9):
            self.write(name)

    def write(self, name: str) -> None:
        choose = self.random
        lines = [HEAD]
        known = ["print"]
        for _ in range(choose.randint(1, 5)):
            imported = choose.choice(NAMES)
            module = "shop." + choose.choice(FILES).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            form = choose.random()
            if form < 0.75:
                lines.append(f"from {module} import {imported}\n")
                known.append(imported)
            elif form < 0.9:
                lines.append(f"import {module}\n")
                known.append(f"{module}.{imported}")
            else:
                lines.append(f"from {module} import *\n")
                known.append(imported)
        lines += [each for each in MADE if choose.random() < 0.5]
        for _ in range(choose.randint(1, 4)):
            own = choose.choice(NAMES)
            part = dedent(choose.choice(PARTS if choose.random() < 0.4 else (*PARTS[:5], *PARTS[9:]))).format(
                name=own, other=choose.choice(known), third=choose.choice(known)
            )
            known.append(own)
            lines.append(part)
        if choose.random() < 0.15:
            lines = ["X = 1\n"]  # without any word of the rules
        elif choose.random() < 0.03:
            lines.append("def (\n")
        file = self.folder / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(lines))
        self.n += 1
        os.utime(file, (1_000_000 + self.n,) * 2)

    def change(self) -> None:
        choose = self.random
        there = sorted(str(each.relative_to(self.folder / "shop")) for each in (self.folder / "shop").rglob("*.py"))
        what = choose.random()
        name = choose.choice(there)
        file = self.folder / "shop" / name
        self.n += 1
        if what < 0.35:
            self.write(name)
        elif what < 0.75:
            text = file.read_text()
            old, new = choose.choice(EDITS)
            file.write_text(text.replace(old, new, 1) if choose.random() < 0.5 else text.replace(old, new))
            os.utime(file, (1_000_000 + self.n,) * 2)
        elif what < 0.85:
            text = file.read_text()
            old, new = choose.sample(NAMES, 2)
            file.write_text(text.replace(old, new))
            os.utime(file, (1_000_000 + self.n,) * 2)
        elif what < 0.92:
            self.write(choose.choice(FILES))
        elif len(there) > 4:
            file.unlink()


EDITS = (
    ("asyncio.create_task(", "await ("), ("await ", ""), ("while True", "while order"), ("@app.post", "@app.get"), ("requests.post", "print"),
    ("def ", "async def "), ("async def ", "def "), ("import ", "\n\nimport "), ("return order", "requests.get(order)"),
    ("print(", "asyncio.create_task("), ("threading.Thread(", "print("), ("(order)", "(order, 2)"), ("(work)", "(job)"),
    ("time.sleep(5)", "time.sleep(1)"), ("@click.command()\n", ""), ("app = FastAPI()\n", ""), ("if __name__", "# if __name__"),
)  # fmt: skip


def told(scanned: Scanned) -> tuple[object, ...]:
    return sorted(map(repr, scanned.findings)), sorted(map(repr, scanned.unscanned))


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Count the looks that went on from the last one, and the modules that were judged."""
    found = {"went on": 0, "judged": 0, "looks": 0}
    goes_on, judges = look.Look._go_on, Desk._judge

    def go_on(self: look.Look, tell: Callable[[int], None] | None) -> bool:
        found["looks"] += 1
        found["went on"] += (has := goes_on(self, tell))
        return has

    def judge(self: Desk, module: str, judged: object) -> None:
        found["judged"] += 1
        judges(self, module, judged)  # type: ignore[arg-type]

    monkeypatch.setattr(look.Look, "_go_on", go_on)
    monkeypatch.setattr(Desk, "_judge", judge)
    yield found


@pytest.mark.parametrize("seed", range(int(os.environ.get("RESTS_SEEDS", "6"))))
def test_whatever_changes_the_findings_are_those_of_a_look_from_nothing(tmp_path: Path, seed: int, count: dict[str, int]) -> None:
    tree = Tree(tmp_path, seed)
    Scan(tmp_path, Settings()).run([tmp_path])
    for _ in range(40):
        for _ in range(tree.random.choice((1, 1, 1, 2))):
            tree.change()
        if tree.random.random() < 0.2:  # somebody looks at one file in between
            Scan(tmp_path, Settings()).run([next((tmp_path / "shop").rglob("*.py"))])
        warm = told(Scan(tmp_path, Settings()).run([tmp_path]))
        cold = told(Scan(tmp_path, Settings(), is_cached=False).run([tmp_path]))
        assert warm == cold
    assert count["went on"] > 1
