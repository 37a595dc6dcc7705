"""Whatever bytes somebody calls Python: the checker ends, within bounds, and says of what it could not read that it could not."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainspring.advisor import directives, output, ratchet
from mainspring.advisor.allow import parse
from mainspring.advisor.codec import plain_of, value_of
from mainspring.advisor.finding import Finding
from mainspring.advisor.read.facts import Comment, FileFacts
from mainspring.advisor.scan import Scan
from mainspring.advisor.settings import Settings
from mainspring.advisor.verdict import Terms, judge

BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
MIXED = settings(BOUNDED, max_examples=120)

PYTHON = """
    asyncio . create_task ( send ( order ) ) await async def for while True : return yield from import with as try except finally lambda
    threading Thread target = self . _task BackgroundTasks add_task @app.post("/x") class ( Base ) : None [ ] { } * ** , := -> if else not
    global nonlocal TASKS . add executor . submit loop . run_in_executor on_commit partial sleep ( 5 ) Popen Queue ( ) . get match case _
    f"{x}" b"\\x00" 'text' 1e999 0x10 \\\n # mainspring: allow[MS101] sub-second -- one two three four five
"""
ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "src" / "mainspring" / "engine").glob("*.py"))[:12]


def check(folder: Path, data: bytes) -> tuple[int, int]:
    """Check one file with everything that the command does; returns how many findings there are and how many files were not scanned."""
    (folder / "a.py").write_bytes(data)
    (folder / "b.py").write_bytes(b"from a import *\nimport a, threading\nthreading.Thread(target=a.send).start()\n")
    scanned = Scan(folder, Settings(include_tests=True, is_celery=True), is_cached=False, is_strict=True).run([folder])
    report = judge(scanned, Settings(select=("MS",), is_celery=True), Terms(date(2026, 6, 1), str(folder)))
    assert not [each for each in report.unscanned if "failed" in each.why], report.unscanned
    for form in output.FORMATS:
        assert isinstance(output.write(report, form), str)
    for finding in scanned.findings:
        assert value_of(Finding, plain_of(finding)) == finding
        assert finding.place.line >= 1
    return len(scanned.findings), len(report.unscanned)


@BOUNDED
@given(st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    check(tmp_path, data)


@MIXED
@given(st.lists(st.sampled_from([*PYTHON.split(), "\n", "\n    ", "\n        ", "\t"]), max_size=80))
def test_words_of_python_in_any_order(tmp_path: Path, words: list[str]) -> None:
    check(tmp_path, " ".join(words).replace(" \n", "\n").encode())


@BOUNDED
@given(st.sampled_from(SAMPLES), st.randoms(use_true_random=False))
def test_real_code_that_was_hurt(tmp_path: Path, sample: Path, chance: random.Random) -> None:
    lines = sample.read_bytes().splitlines(keepends=True)
    start = chance.randrange(max(len(lines) - 120, 1))
    part = lines[start : start + 120]
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(part))
        match chance.randrange(4):
            case 0:
                del part[at]
            case 1:
                part.insert(at, chance.choice(part))
            case 2:
                part[at] = part[at].replace(chance.choice([b"(", b":", b" ", b"="]), chance.choice([b"", b"[", b"\n", b"\xff"]), 1)
            case _:
                part[at], part[at - 1] = part[at - 1], part[at]
    check(tmp_path, b"".join(part))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "[" * 90 + "create_task(x)" + "]" * 90,
        "x = " + "-" * 50_000 + "1",
        "x = " + "not " * 50_000 + "1",
        "x = " + " + ".join(["create_task"] * 20_000),
        "x = f" + ".f()" * 20_000,
        "x = create_task" + "[0]" * 20_000,
        "x = " + "lambda: " * 5_000 + "1",
        "\n".join(" " * n + "if create_task:" for n in range(99)) + "\n" + " " * 99 + "pass",
        "".join(f"{' ' * n}def create_task_{n}():\n" for n in range(95)) + " " * 95 + "pass",
        "@create_task\n" * 5_000 + "def f(): pass",
        "def f(" + ",".join(f"a{n}=create_task({n})" for n in range(3_000)) + "): pass",
        "try:\n    create_task()\n" + "".join(f"except E{n}:\n    pass\n" for n in range(3_000)),
        "if create_task: pass\n" + "elif x: pass\n" * 3_000,
        "create_task(" + ",".join("(yield)" for _ in range(100)) + ")",
        "x = " + "(" * 150 + "create_task" + ")" * 150,
        "x = '" + "a" * 1_000_000 + "create_task'",
        "class create_task(create_task): pass\n" * 500,
        "from . import *\nfrom .. import a\nfrom a import a as create_task\na = a\nb = a\na = b\ncreate_task(a())",
        "def f(g=lambda: f()):\n    create_task(f())\n    return f(f(f))\nf = f",
        "import asyncio\n"
        + "\n".join(f"def f{n}():\n    f{n + 1}()\n    f{n - 1}()\n    asyncio.create_task(f{n + 1}())" for n in range(300)),
        "# mainspring: " * 10_000 + "allow[" * 1_000,
        "# mainspring: allow[" + "MS101," * 5_000 + "] sub-second -- one two three four five",
    ],
    ids=range(23),
)
def test_hostile_code_is_bounded(tmp_path: Path, text: str) -> None:
    check(tmp_path, text.encode())


@MIXED
@given(st.text(max_size=120))
def test_any_comment(text: str) -> None:
    for comment in (f"# mainspring:{text}", f"# mainspring: allow{text}", f"# mainspring: allow[MS101] {text}"):
        parse(comment)
        facts = FileFacts("a.py", "a", comments=(Comment(comment, 1, 5, False),), statements=((1, 1),), lines=1)
        source = directives.Source(facts, [f"x() {comment}"], False)
        chosen = Settings()
        directives.judge([], source, chosen, date(2026, 6, 1), False, frozenset(chosen.codes), ratchet.Fingerprints())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@MIXED
@given(JSON)
def test_what_a_cache_may_hold_is_a_finding_or_refused(plain: Any) -> None:
    try:
        found = value_of(Finding, plain)
    except ValueError:
        return
    assert isinstance(found, Finding)
