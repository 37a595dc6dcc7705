"""Files of a newer Python: told as not wholly read, and what is in them is found."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mainspring.advisor import approximate, reading
from mainspring.advisor.read import reader
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.scan import Scan
from mainspring.advisor.settings import Settings
from mainspring.advisor.verdict import Terms, judge

NEWER = {
    "type parameters of a function": "def first[T](items: list[T]) -> T:\n    return items[0]\n",
    "of an asynchronous one, with bounds": "async def first[T: (int, str), *Ts, **P](items: list[T]) -> T:\n    return items[0]\n",
    "of a class": "class Box[T = int](Base[T]):\n    kept: T\n",
    "a type statement": "type Pair = tuple[int, int]\nif x:\n    type Other[A, B] = dict[A, list[B]]\n",
    "exceptions without brackets": "try:\n    f()\nexcept ValueError, shop.Broken:\n    pass\n",
    "equal quotes inside": 'x = f"{rows["a"]} and {f"{deeper["b"]}"}"\n',
    "a backslash inside": "x = f\"{'\\n'.join(rows)}\"\n",
    "lines inside": 'x = f"{\n    rows["a"]\n}"\n',
    "a template": 't = t"{name} is {rt"{age}"}"\n',
}
VIEW = """
import asyncio
import httpx
from fastapi import FastAPI

app = FastAPI()


async def send[T](order: T) -> None:
    await httpx.AsyncClient().post("https://mail.example.com")


@app.post("/pay")
async def pay(order: int):
    asyncio.create_task(send(order))
"""


@pytest.mark.parametrize("text", NEWER.values(), ids=NEWER)
def test_newer_syntax_is_read_with_every_line_in_its_place(text: str) -> None:
    older = approximate.lowered(text)
    assert older is not None
    assert [len(line) for line in older.split("\n")] == [len(line) for line in text.split("\n")]
    ast.parse(older, feature_version=(3, 10))


@pytest.mark.parametrize(
    "text", ["def (", "x = = 1", "type type type", "class A[T:\n    pass", 'f"{', "except A, B:", "def f[(](): pass", "\x00"]
)
def test_what_is_no_python_at_all_stays_so(text: str) -> None:
    assert approximate.lowered(text) is None


@pytest.mark.parametrize("text", ["type = 3\ntype[0] = 4\ntype (x)\n", "rows[name] = 1\n", 'a = r"x"\nf = b"{"\n', "x['a'] = y[1] = 2\n"])
def test_what_every_python_knows_means_what_it_did(text: str) -> None:
    older = approximate.lowered(text)
    assert older is not None
    assert ast.dump(ast.parse(older)) == ast.dump(ast.parse(text))


@pytest.mark.scenario("G-18", part="approximate")
def test_a_finding_in_such_a_file_is_approximate_and_the_file_is_never_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse: Any = ast.parse

    def older(text: Any, *given: Any, **more: Any) -> Any:
        if isinstance(text, str) and "[T]" in text:  # as Python 3.11 does, whichever this is
            raise SyntaxError("expected '('", ("a.py", 9, 15, ""))
        return parse(text, *given, **more)

    monkeypatch.setattr(ast, "parse", older)
    (tmp_path / "views.py").write_text(VIEW)
    for _ in range(2):  # from the file, and from the cache
        scanned = Scan(tmp_path, Settings()).run([tmp_path])
        report = judge(scanned, Settings(), Terms(date(2026, 6, 1), str(tmp_path)))
        found = [(each.finding.code, each.finding.place.line, each.finding.is_approximate) for each in report.open]
        assert sorted(found) == [("MS008", 9, False), ("MS101", 15, True)]
        assert "approximately" in report.unscanned[0].why


def test_facts_say_that_they_are_approximate(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, module: str, data: bytes, **_: object) -> FileFacts:
        return FileFacts(path, module, problem="cannot be parsed: newer", problem_line=1) if b"[T]" in data else read(path, module, data)

    read = reader.read_source
    monkeypatch.setattr(reader, "read_source", refuse)
    outcome = reading.read_one("a.py", "a", VIEW.encode(), (), is_whole=True)
    assert outcome.problem
    assert outcome.facts is not None
    assert outcome.facts.is_approximate
