"""One measurement in its own interpreter: `python -m benchmarks.measure MODULE FUNCTION COUNT PLACE` prints its
reading as JSON.

A module that is missing, a function that raises, a worker that hangs: each stays in here.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path

from benchmarks.place import Place
from benchmarks.readings import Reading, Unavailable


def run_loop(main: object) -> object:
    """Run a coroutine on uvloop, which the peers recommend, or on asyncio's own loop where there is none."""
    assert asyncio.iscoroutine(main)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def main() -> None:
    module, function, count, place, answer = sys.argv[1:]
    try:
        measure = getattr(importlib.import_module(module), function)
        reading = run_loop(measure(Place.load(place), int(count)))
        assert isinstance(reading, Reading)
        found: dict[str, object] = {"values": dict(reading.values), "note": reading.note}
    except (Unavailable, ImportError) as reason:
        found = {"unavailable": str(reason)}
    Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
