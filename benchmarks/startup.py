"""How long a program takes before it does anything: fresh interpreters, one after the other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.readings import Reading, spread


async def import_time(package: str, count: int) -> Reading:
    """Time `import package` inside fresh interpreters, the interpreter's own start not included."""
    code = f"import time; began = time.perf_counter(); import {package}; print((time.perf_counter() - began) * 1000)"
    command = [sys.executable, "-c", code]
    _run(command)  # fills the caches of the disk
    return Reading(spread([float(_run(command)) for _ in range(count)]))


async def command_time(command: Sequence[str], count: int) -> Reading:
    """Time whole commands, the interpreter's start included."""
    times = []
    for _ in range(count + 1):
        began = time.perf_counter()
        _run(command)
        times.append((time.perf_counter() - began) * 1000)
    return Reading(spread(times[1:]))


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
