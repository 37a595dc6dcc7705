"""A run that talks, for those who watch it: each line says when it was said."""

from __future__ import annotations

import asyncio
import os
import time

from benchmarks.ours import VARIABLE
from benchmarks.place import Place
from mainspring import Context, Mainspring, task

PARTS = 20  # turns a second


@task(timeout="1h")
async def talk(ctx: Context, rate: int, seconds: int) -> None:
    """Say ``rate`` lines a second."""
    began = time.monotonic()
    turns = min(PARTS, rate)
    for turn in range(turns * seconds):
        for number in range(rate * turn // turns, rate * (turn + 1) // turns):
            ctx.log(f"{time.time():.6f} \x1b[3{1 + number % 7}mline {number}\x1b[0m of a log that is as long as such lines are")
        await asyncio.sleep(max(began + (turn + 1) / turns - time.monotonic(), 0))


place = os.environ.get(VARIABLE)
app = Mainspring(Place.load(place).url if place else "sqlite://", tasks=[talk])
