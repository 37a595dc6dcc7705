"""How a scan behaves on a tree that nobody trusts and that is large: it touches nothing but text, and parses little of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.advisor import reading
from mainspring.advisor.read import reader, source
from mainspring.advisor.scan import Scan
from mainspring.advisor.settings import Settings

WATCHED = """
import os, sys
SEEN = []
def listen(event, args):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "ctypes.")):
        SEEN.append(event)
    elif event == "import" and args[0].partition(".")[0] in ("shop", "views", "conftest", "sitecustomise"):
        SEEN.append("import " + args[0])
    elif event == "exec" and "scanned" in getattr(args[0], "co_filename", ""):
        SEEN.append("exec " + args[0].co_filename)
    elif event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+") and ".mainspring_cache" not in str(args[0]):
        SEEN.append("write " + str(args[0]))
sys.addaudithook(listen)
from mainspring.cli.main import main
try:
    main(["check", "--jobs", "2", *sys.argv[1:]])
finally:
    print(SEEN, file=sys.stderr)
"""
HOSTILE = """
    import asyncio
    import socket
    import subprocess

    from fastapi import FastAPI

    subprocess.run(["touch", "executed"])
    socket.create_connection(("127.0.0.1", 9))
    open("executed", "w").close()
    app = FastAPI()


    async def send(order: int) -> None:
        socket.create_connection(("127.0.0.1", 9))


    @app.post("/pay")
    async def pay(order: int) -> None:
        asyncio.create_task(send(order))


    raise SystemExit(9)
"""


@pytest.mark.scenario("G-33", part="nothing but text")
@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_a_scan_uses_no_network_starts_nothing_and_runs_no_line_of_what_it_reads(tmp_path: Path, form: str) -> None:
    root = tmp_path / "scanned"
    (root / "shop").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[project]\nname = 'shop'\nversion = '1'\ndependencies = ['mainspring']\n")
    for name in ("shop/__init__.py", "conftest.py", "sitecustomize.py", "setup.py"):
        (root / name).write_text("raise SystemExit(9)\n")
    (root / "shop" / "views.py").write_text(dedent(HOSTILE))
    done = subprocess.run([sys.executable, "-P", "-c", WATCHED, "--format", form], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (1, "[]")
    assert "MS101" in done.stdout
    assert not (root / "executed").exists()


PLAIN = """
    \"\"\"Invoices of month {n}.\"\"\"
    from __future__ import annotations

    from dataclasses import dataclass, field
    from decimal import Decimal


    @dataclass(slots=True)
    class Line{n}:
        name: str
        amount: Decimal
        tags: list[str] = field(default_factory=list)

        def total(self, rate: Decimal = Decimal("0.19")) -> Decimal:
            if self.amount < 0 and "refund" not in self.tags:
                raise ValueError(f"{{self.name}}: {{self.amount}} is below nothing")
            return sum((self.amount * each for each in (1, rate)), Decimal())


    def add_up_{n}(lines: list[Line{n}], *, skip: frozenset[str] = frozenset()) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {{}}
        for line in lines:
            for tag in line.tags or ["none"]:
                if tag in skip:
                    continue
                found[tag] = found.get(tag, Decimal()) + line.total()
        return {{key: value for key, value in sorted(found.items()) if value}}
"""
TELLING = """
    import asyncio
    import httpx
    from fastapi import APIRouter, BackgroundTasks
    from shop.plain_{n} import add_up_{n}

    router = APIRouter()


    async def send_{n}(order: int) -> None:
        async with httpx.AsyncClient() as client:
            await client.post("https://mail.example.com", json={{"order": order}})


    @router.post("/orders/{{order}}/{n}")
    async def pay_{n}(order: int, background_tasks: BackgroundTasks) -> dict[str, str]:
        await asyncio.sleep(0)
        await asyncio.gather(asyncio.create_task(send_{n}(order)))
        return {{key: str(value) for key, value in add_up_{n}([]).items()}}
"""


@pytest.mark.scenario("G-33", part="pace")
def test_a_large_tree_is_parsed_where_a_rule_may_find_something_and_nowhere_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What 35,000 files take is decided by how many of them are parsed. `benchmarks/governance/speed.py` measures the time.

    One file in seven speaks of background work, as in code of others.
    """
    (tmp_path / "shop").mkdir()
    for n in range(70):
        (tmp_path / "shop" / f"plain_{n}.py").write_text(dedent(PLAIN.format(n=n)))
        if n % 7 == 0:
            (tmp_path / "shop" / f"telling_{n}.py").write_text(dedent(TELLING.format(n=n)))
    parsed: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    parse, read = source.parsed, reading.bytes_of

    def parsing(text: str) -> ast.Module:
        parsed[text] += 1
        return parse(text)

    def opening(file: str) -> tuple[bytes, str]:
        opened[Path(file).name] += 1
        return read(file)

    monkeypatch.setattr(reader, "parsed", parsing)
    monkeypatch.setattr(source, "parsed", parsing)
    monkeypatch.setattr(reading, "bytes_of", opening)
    scanned = Scan(tmp_path, Settings(), is_cached=False).run([tmp_path])
    assert scanned.files == 80 and not scanned.unscanned
    whole = [text for text in parsed if not text.startswith("\n\n") and "import" in text]
    assert 10 <= len(whole) <= 20, "only files that hold a word, and those that their names lead to"
    assert max(parsed.values()) == 1
    assert len(opened) == 80 and max(opened.values()) <= 2  # once for words, once where a name leads there
