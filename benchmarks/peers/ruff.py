"""ruff, by the rules that it has for the same thing (RUF006 and ASYNC): one thread, without its cache. Where it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from benchmarks.place import Place
from benchmarks.readings import Reading, Unavailable
from benchmarks.tree import timed, tree

RULES = "RUF006,ASYNC"


async def check_cold(place: Place, count: int) -> Reading:
    """Look at every file."""
    program = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        raise Unavailable("ruff is not installed here: pip install ruff")
    folder, files = tree(place, count)
    os.environ["RAYON_NUM_THREADS"] = "1"
    return timed([program, "check", "--quiet", "--isolated", "--no-cache", "--exit-zero", "--select", RULES, str(folder)], files)
