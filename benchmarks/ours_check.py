"""`mainspring check` over a tree, and how often `mainspring advise` is right about descriptions that were kept aside."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.governance import descriptions
from benchmarks.place import Place
from benchmarks.readings import Reading
from benchmarks.tree import timed, tree

CHECK = (sys.executable, "-m", "mainspring", "check", "--format", "json", "--output", "/dev/null")
_SMALL = 20_000  # bytes: a file as people change them
FOUND = frozenset({0, 1})  # clean, or findings


async def check_cold(place: Place, count: int) -> Reading:
    """One process, nothing remembered."""
    folder, files = tree(place, count)
    return timed([*CHECK, "--no-cache", "--jobs", "1", str(folder)], files, ends=FOUND)


async def check_warm(place: Place, count: int) -> Reading:
    """The same tree again, of which everything is remembered."""
    folder, files = tree(place, count)
    timed([*CHECK, str(folder)], ends=FOUND)
    return timed([*CHECK, str(folder)], files, ends=FOUND)


async def check_changed(place: Place, count: int) -> Reading:
    """One file of a tree that is remembered, after it has changed: what a hook before a commit does."""
    folder, files = tree(place, count)
    small = (file for file in sorted(folder.rglob("*.py")) if file.stat().st_size < _SMALL)
    changed = next((file for file in small if any(word in file.read_bytes() for word in (b"create_task", b"threading"))), Path(folder))
    timed([*CHECK, str(folder)], ends=FOUND)
    if changed.is_file():
        changed.write_bytes(changed.read_bytes() + b"\n# changed\n")
    found = timed([*CHECK, str(changed)], ends=FOUND)
    return Reading(found.values, f"one of {files:,} files")


async def check_small(place: Place, count: int) -> Reading:
    """One small file and nothing else: the way to the first rule."""
    (place.folder / "pyproject.toml").touch()
    (place.folder / "handler.py").write_text(
        "import asyncio\n\n\nasync def handler(request):\n    asyncio.create_task(request.app.send())\n"
    )
    return timed([*CHECK, "--no-cache", str(place.folder)], ends=FOUND)


async def advise_described(place: Place, count: int) -> Reading:
    """Descriptions in English, German and Polish, labelled before the advisor saw them and kept aside since."""
    got = descriptions.measure("held")
    values = {"right_percent": 100 * got.right / got.n, "asked_percent": 100 * got.asked / got.n, "silent": float(got.silent)}
    return Reading(values, f"{got.n} descriptions")
