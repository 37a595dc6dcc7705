"""Our app and its schedules, for `mainspring runner -A benchmarks.scheduled_tasks:app`.

The runner imports this by name, so the place and what is scheduled come in the environment.
"""

from __future__ import annotations

import os
import time

from benchmarks.ours_tasks import place, url
from benchmarks.stamps import Stamps
from mainspring import Mainspring, Schedule, cron, every, task

VARIABLE = "MAINSPRING_BENCH_SCHEDULES"
PHASES = 5  # slots a second of `on_time`
wanted = int(found) if (found := os.environ.get(VARIABLE, "")).isdecimal() else 0
stamps = Stamps(place.stamps)


def phase(number: int) -> Schedule:
    """Return a schedule of every second, its slots at a fraction of it."""
    began = f"1970-01-01T00:00:00.{number * 1000 // PHASES:03}Z"
    return every("1s", anchor=began, name=f"phase{number}", params={"phase": number})


@task(schedule=[phase(number) for number in range(PHASES)] if os.environ.get(VARIABLE) == "on_time" else None)
async def on_time(phase: int) -> None:
    """Leave a stamp with the microseconds since the slot."""
    stamps.write((time.time_ns() // 1000 - phase * 1_000_000 // PHASES) % 1_000_000)


@task(schedule=[cron("* * * * *", name=f"minutely{number}") for number in range(wanted)] or None, overlap="allow")
async def minutely() -> None:
    """Do nothing."""


app = Mainspring(url(), tasks=[on_time, minutely], auto_migrate=True)
