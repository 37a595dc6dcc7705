"""The floor of whatever reads Python: the standard library's own parser over the same files, and nothing done with its trees."""

from __future__ import annotations

import sys

from benchmarks.place import Place
from benchmarks.readings import Reading
from benchmarks.tree import timed, tree

PARSE = """
import ast, os, sys, warnings
warnings.simplefilter("ignore")
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            try:
                ast.parse(data)
            except (SyntaxError, ValueError, RecursionError):
                pass
"""


async def check_cold(place: Place, count: int) -> Reading:
    """Parse every file, one process."""
    folder, files = tree(place, count)
    return timed([sys.executable, "-c", PARSE, str(folder)], files)
