"""The app that `mainspring serve -A benchmarks.console_tasks:app` shows: the tasks of the runs in `million`, and one that takes a file."""

from __future__ import annotations

import os

from benchmarks.million import TASKS
from benchmarks.place import Place
from mainspring import File, Mainspring, Task, task

VARIABLE = "MAINSPRING_BENCH_PLACE"


@task
async def take(file: File) -> int:
    """Take a file and say how large it is."""
    return file.size


def _made(number: int) -> Task[[int, str], None]:
    @task(name=f"task_{number}", title=f"Task {number}", category=f"category {number % 5}", tags=["bench"])
    async def body(customer: int = 0, mode: str = "full") -> None:
        """Do nothing for a customer."""

    return body


app = Mainspring(Place.load(os.environ[VARIABLE]).url, tasks=[take, *(_made(number) for number in range(TASKS))])
