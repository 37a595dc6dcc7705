"""What is judged again after a change: as much as a look from nothing would find, and little more."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.advisor import look, scan
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
    *("main.py", "views.py", "jobs.py", "mail.py", "app.py", "cli.py", "worker.py"),
    *("lib/__init__.py", "lib/tools.py", "lib/more.py", "lib/deep/x.py"),
]


QUIET_PARTS = (*PARTS[:5], *PARTS[9:])  # without those that start what they are given
EDITS = (
    ("asyncio.create_task(", "await ("), ("await ", ""), ("while True", "while order"), ("@app.post", "@app.get"),
    ("requests.post", "print"), ("def ", "async def "), ("async def ", "def "), ("import ", "\n\nimport "), ("(work)", "(job)"),
    ("return order", "requests.get(order)"), ("print(", "asyncio.create_task("), ("threading.Thread(", "print("),
    ("(order)", "(order, 2)"), ("time.sleep(5)", "time.sleep(1)"), ("@click.command()\n", ""), ("app = FastAPI()\n", ""),
    ("if __name__", "# if __name__"), ("(order)", "(1)"), ("httpx.AsyncClient", "print"), ("(target=", "(daemon=True, target="),
)  # fmt: skip


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
            parts = PARTS if choose.random() < 0.4 else QUIET_PARTS
            part = dedent(choose.choice(parts)).format(name=own, other=choose.choice(known), third=choose.choice(known))
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
        if what < 0.1:
            self.write(name)
        elif what < 0.8:
            text = file.read_text()
            old, new = choose.choice(EDITS)
            file.write_text(text.replace(old, new, 1) if choose.random() < 0.5 else text.replace(old, new))
            os.utime(file, (1_000_000 + self.n,) * 2)
        elif what < 0.88:
            text = file.read_text()
            old, new = choose.sample(NAMES, 2)
            file.write_text(text.replace(old, new))
            os.utime(file, (1_000_000 + self.n,) * 2)
        elif what < 0.94:
            self.write(choose.choice(FILES))
        elif len(there) > 4:
            file.unlink()


def write(file: Path, text: str) -> None:
    """Write a file that looks as if it had been there for a while, and like no other."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (1_000_000 + next(_AGES),) * 2)


_AGES = itertools.count()


def look_at(root: Path) -> Scanned:
    return Scan(root, Settings()).run([root])


def from_nothing(root: Path) -> Scanned:
    return Scan(root, Settings(), is_cached=False).run([root])


def told(scanned: Scanned) -> tuple[object, ...]:
    return sorted(map(repr, scanned.findings)), sorted(map(repr, scanned.unscanned))


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
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
    return found


@pytest.mark.parametrize("seed", range(int(os.environ.get("RESTS_SEEDS", "6"))))
def test_whatever_changes_the_findings_are_those_of_a_look_from_nothing(
    tmp_path: Path, seed: int, count: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(tmp_path, seed)
    jobs = 2 if seed % 3 == 2 else 1
    monkeypatch.setattr(look, "SHARED_FROM", 1)
    Scan(tmp_path, Settings(), jobs=jobs).run([tmp_path])
    for _ in range(40):
        for _ in range(tree.random.choice((1, 1, 1, 2))):
            tree.change()
        if tree.random.random() < 0.2:  # somebody looks at one file in between
            Scan(tmp_path, Settings()).run([next((tmp_path / "shop").rglob("*.py"))])
        warm = told(Scan(tmp_path, Settings(), jobs=jobs).run([tmp_path]))
        cold = told(Scan(tmp_path, Settings(), is_cached=False).run([tmp_path]))
        assert warm == cold
    assert count["went on"]


VIEWS = """
    import asyncio
    from fastapi import FastAPI
    from shop.mail import send

    app = FastAPI()


    @app.post("/pay{n}")
    async def pay{n}(order: int) -> dict:
        asyncio.create_task({what}(order))
        return {{}}


    async def say{n}(order: int) -> None:
        await asyncio.sleep(order)
"""
SENDS = "import httpx, asyncio\n\n\nasync def send(order):\n    await httpx.AsyncClient().post('https://mail.example.com')\n"


START = "from fastapi import FastAPI\nimport asyncio\n\napp = FastAPI()\n\n\nasync def rest():\n    await asyncio.to_thread(print)\n\n\n"
LATER = "\n\ndef later(work):\n    asyncio.create_task(work)\n"


class TestWhatIsJudgedAgain:
    @pytest.fixture
    def shop(self, tmp_path: Path) -> Path:
        write(tmp_path / "pyproject.toml", "[project]\nname = 'shop'\nversion = '1'\n")
        for name, text in {"__init__": "", "mail": SENDS, "start": START}.items():
            write(tmp_path / "shop" / f"{name}.py", text)
        for n in range(20):
            write(tmp_path / "shop" / f"page{n}.py", dedent(VIEWS).format(n=n, what="send" if n < 3 else f"say{n}"))
        look_at(tmp_path)
        return tmp_path

    def test_who_calls_what_has_changed(self, shop: Path, count: dict[str, int]) -> None:
        write(shop / "shop" / "mail.py", SENDS.replace("await httpx.AsyncClient().post('https://mail.example.com')", "return order"))
        again = look_at(shop)
        assert count == {"looks": 1, "went on": 1, "judged": 3}
        assert told(again) == told(from_nothing(shop))

    def test_whose_name_is_spoken_of_elsewhere(self, shop: Path, count: dict[str, int]) -> None:
        page, start = shop / "shop" / "page7.py", shop / "shop" / "start.py"
        write(page, page.read_text().replace("    await asyncio.sleep(order)\n", "    asyncio.create_task(send(order))\n"))
        before = look_at(shop)
        write(start, f"from shop.page7 import say7\n{START}app.add_event_handler('startup', say7)\n")
        count["judged"] = 0
        again = look_at(shop)
        assert 1 < count["judged"] < 5
        assert told(again) == told(from_nothing(shop)) != told(before)

    @pytest.mark.parametrize("most", ["SHARED_FROM", "POOL_FROM"])
    def test_who_was_judged_in_several_processes(
        self, shop: Path, count: dict[str, int], monkeypatch: pytest.MonkeyPatch, most: str
    ) -> None:
        monkeypatch.setattr(look if most == "SHARED_FROM" else scan, most, 1)
        shutil.copytree(shop / "shop", shop / "other" / "shop")
        write(shop / "other" / "setup.py", "")
        write(shop / "extra.py", "")  # as many here as there
        shutil.rmtree(shop / ".mainspring_cache")
        Scan(shop, Settings(), jobs=2).run([shop])
        assert count["judged"] == 0
        write(shop / "shop" / "mail.py", SENDS.replace("await httpx.AsyncClient().post('https://mail.example.com')", "return order"))
        again = look_at(shop)
        assert count == {"looks": 2, "went on": 2, "judged": 3}
        assert told(again) == told(from_nothing(shop))

    def test_nobody_where_a_file_without_a_word_was_named_itself(self, shop: Path, count: dict[str, int]) -> None:
        plain = shop / "shop" / "plain.py"
        write(plain, "from shop.mail import send\n\n\ndef tell():\n    return send\n")
        look_at(shop)
        count |= {"judged": 0, "went on": 0}
        write(plain, plain.read_text() + "# told\n")
        Scan(shop, Settings()).run([plain])
        again = look_at(shop)
        assert count["went on"] == 1 and count["judged"] < 5
        assert told(again) == told(from_nothing(shop))

    def test_nobody_else_where_lines_move(self, shop: Path, count: dict[str, int]) -> None:
        write(shop / "shop" / "page9.py", "# about pages\n" + (shop / "shop" / "page9.py").read_text())
        again = look_at(shop)
        assert count["judged"] == 1
        assert told(again) == told(from_nothing(shop))
        assert look_at(shop).is_remembered

    def test_everybody_where_calls_start_something_else(self, shop: Path, count: dict[str, int]) -> None:
        write(shop / "shop" / "mail.py", SENDS + LATER)
        again = look_at(shop)
        assert count["went on"] == 0 and count["judged"] > 20
        assert told(again) == told(from_nothing(shop))

    def test_who_calls_what_starts_its_work(self, shop: Path, count: dict[str, int]) -> None:
        page = shop / "shop" / "page5.py"
        write(shop / "shop" / "mail.py", SENDS + LATER)
        write(page, page.read_text().replace("import send", "import later, send").replace("asyncio.create_task(", "later("))
        look_at(shop)
        write(page, f"# paid\n{page.read_text()}")
        count |= {"judged": 0, "went on": 0}
        again = look_at(shop)
        assert count["went on"] == 1 and 0 < count["judged"] < 4
        assert told(again) == told(from_nothing(shop))

    def test_everybody_where_a_file_that_nobody_walks_to_has_changed(self, shop: Path, count: dict[str, int]) -> None:
        write(shop / "shop" / "tests" / "__init__.py", "")
        write(shop / "shop" / "tests" / "tools.py", "import httpx\n\n\nasync def send(order):\n    await httpx.AsyncClient().post('x')\n")
        write(shop / "shop" / "page1.py", (shop / "shop" / "page1.py").read_text().replace("shop.mail", "shop.tests.tools"))
        before = look_at(shop)
        write(shop / "shop" / "tests" / "tools.py", "async def send(order):\n    return order\n")
        write(shop / "shop" / "page9.py", "# about pages\n" + (shop / "shop" / "page9.py").read_text())
        again = look_at(shop)
        assert told(again) == told(from_nothing(shop))
        assert [each.contradicts for each in again.findings] != [each.contradicts for each in before.findings]

    def test_what_was_kept_may_be_anything(self, shop: Path) -> None:
        file, page = shop / ".mainspring_cache" / "check" / "rests.json", shop / "shop" / "page9.py"
        kept = json.loads(file.read_text())
        frame = kept["projects"][str(shop)][0]
        several: list[object] = [{}, [], {**kept, "projects": 7}, {**kept, "projects": {str(shop): [frame, *[3] * 10]}}]
        for broken in several:
            file.write_text(json.dumps(broken))
            write(page, f"# about pages\n{page.read_text()}")
            assert told(look_at(shop)) == told(from_nothing(shop))
