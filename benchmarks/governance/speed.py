"""How fast the checker is beside ruff and beside `ast.parse`, over the same files in the same run.

`python -m benchmarks.governance.speed CORPUS`. Rounds are interleaved, each measurement is a process of its own; read ratios, not rates.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RULES = "RUF006,ASYNC"  # what ruff has to say of the same thing
PARSE = """
import ast, os, sys, warnings
warnings.simplefilter("ignore")
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if name.endswith(".py"):
            data = open(os.path.join(folder, name), "rb").read()
            try:
                ast.parse(data)
            except (SyntaxError, ValueError, RecursionError):
                pass
"""
SMALL = "import asyncio\n\n\nasync def handler(request):\n    asyncio.create_task(request.app.send())\n"


@dataclass(slots=True)
class Row:
    """One thing that is measured: how it is made ready, what runs, and what came out of it."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] = lambda: None
    is_whole: bool = True  # the tree, not a part of it
    seconds: list[float] = field(default_factory=list)
    memory: int = 0  # MiB, of the largest process

    def measure(self) -> None:
        """Run it once."""
        self.prepare()
        began = time.perf_counter()
        child = os.posix_spawn(
            self.command[0],
            self.command,
            {**os.environ, **self.environment},
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(child, 0)
        took = time.perf_counter() - began
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            raise SystemExit(f"{self.name} ended with {os.waitstatus_to_exitcode(status)}")
        self.seconds.append(took)
        self.memory = max(self.memory, usage.ru_maxrss // 1024)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in rounds and print a table. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.governance.speed", description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if ruff is None:
        print("ruff is not installed here: pip install ruff", file=sys.stderr)
        return 2
    count = sum(1 for _ in options.corpus.rglob("*.py"))
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(options.corpus, tree)  # nothing of ours is written where others read
        (tree / "pyproject.toml").write_text("[project]\nname = 'corpus'\nversion = '1'\n", "utf-8")
        rows = rows_of(tree, Path(folder), ruff)
        for _ in range(options.rounds):
            for row in rows:
                row.measure()
    print(table(rows, count))
    return 0


def rows_of(tree: Path, aside: Path, ruff: str) -> Sequence[Row]:
    """Return everything that is measured, in the order of one round."""
    check = [sys.executable, "-m", "mainspring", "check", "--format", "json", "--output", str(aside / "report.json")]
    lint = [ruff, "check", "--quiet", "--isolated", "--no-cache", "--exit-zero", "--select", RULES, str(tree)]
    changed = next(path for path in sorted(tree.rglob("*.py")) if b"create_task" in path.read_bytes())
    small = aside / "small"
    small.mkdir()
    (small / "handler.py").write_text(SMALL, "utf-8")
    (small / "pyproject.toml").touch()

    def forget() -> None:
        shutil.rmtree(tree / ".mainspring_cache", ignore_errors=True)

    def change() -> None:
        changed.write_bytes(changed.read_bytes() + b"\n# changed\n")

    return (
        Row("read everything once, discarded", [sys.executable, "-c", PARSE.replace("ast.parse(data)", "len(data)"), str(tree)]),
        Row("ast.parse of every file", [sys.executable, "-c", PARSE, str(tree)]),
        Row("ruff, one thread", lint, {"RAYON_NUM_THREADS": "1"}),
        Row("ruff, two threads", lint, {"RAYON_NUM_THREADS": "2"}),
        Row("check, cold, one process", [*check, "--no-cache", "--jobs", "1", str(tree)], prepare=forget),
        Row("check, cold, two processes", [*check, "--jobs", "2", str(tree)], prepare=forget),
        Row("check, warm", [*check, "--jobs", "2", str(tree)]),
        Row("check, one file of the tree has changed", [*check, "--jobs", "2", str(tree)], prepare=change),
        Row("check of that one file, warm", [*check, str(changed)], prepare=change, is_whole=False),
        Row("check of one small file, nothing else there", [*check, "--no-cache", str(small)], is_whole=False),
        Row("python -c pass", [sys.executable, "-c", "pass"], is_whole=False),
    )


def table(rows: Sequence[Row], count: int) -> str:
    """Return the medians as Markdown; ratios are to one pass of `ast.parse` and to ruff with one thread."""
    median = {row.name: statistics.median(row.seconds) for row in rows}
    lines = [
        f"{count} files, medians of {len(rows[0].seconds)} rounds",
        "",
        "| what | s | files/s | x ast.parse | x ruff, one thread | MiB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        seconds = median[row.name]
        rate = f"{count / seconds:,.0f}" if row.is_whole else ""
        beside = f"{_ratio(row, median, 'ast.parse of every file')} | {_ratio(row, median, 'ruff, one thread')}"
        lines.append(f"| {row.name} | {seconds:.3f} | {rate} | {beside} | {row.memory} |")
    return "\n".join(lines)


def _ratio(row: Row, median: Mapping[str, float], to: str) -> str:
    return f"{median[row.name] / median[to]:.2f}" if row.is_whole else ""


if __name__ == "__main__":
    raise SystemExit(main())
