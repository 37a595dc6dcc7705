"""The Python code that readers of code are measured on: the folder that ``--tree`` names, or else this Python's own standard library.

It is copied, so that nothing of ours is written where others read. Nothing of it is imported, and nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.place import Place
from benchmarks.readings import Reading

VARIABLE = "MAINSPRING_BENCH_TREE"
LEFT_OUT = ("site-packages", "test", "tests", "idlelib", "lib2to3", "node_modules", ".*", "__pycache__")


def tree(place: Place, count: int) -> tuple[Path, int]:
    """Return a copy of the code, at most ``count`` files, and how many these are."""
    named = os.environ.get(VARIABLE)
    source, target = Path(named or sysconfig.get_paths()["stdlib"]), place.folder / "tree"
    left = count

    def without(folder: str, names: list[str]) -> set[str]:
        nonlocal left
        found = shutil.ignore_patterns(*LEFT_OUT)(folder, names)
        for name in sorted(names):
            if name not in found and not os.path.isdir(os.path.join(folder, name)):
                is_wanted = name.endswith(".py") and left > 0
                left -= is_wanted
                found = found if is_wanted else {*found, name}
        return set(found)

    shutil.copytree(source, target, ignore=without, symlinks=True)
    (target / "pyproject.toml").write_text("[project]\nname = 'tree'\nversion = '1'\n", "utf-8")
    return target, count - left


def timed(command: Sequence[str], files: int = 0, *, ends: frozenset[int] = frozenset({0})) -> Reading:
    """Run a command: how long it took, its processor's time, its memory, and the rate where it has read files."""
    began = time.perf_counter()
    child = os.posix_spawn(command[0], list(command), os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status) not in ends:
        raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    found = {"seconds": took, "cpu_seconds": usage.ru_utime + usage.ru_stime, "memory_mb": usage.ru_maxrss / 1024}
    return Reading(found | ({"per_second": files / took} if files else {}), f"{files:,} files" if files else "")
