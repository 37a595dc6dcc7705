"""An app whose tasks are programs, for the command line's tests."""

from __future__ import annotations

import sys
from pathlib import Path

from mainspring import Command, EnvVar, Mainspring, command, task

PROGRAM = str(Path(__file__).parents[1] / "engine" / "program.py")


@command(retry=0)
def program(what: str, rest: list[str] = [], env: list[EnvVar] = []) -> Command:  # noqa: B006 - never changed
    """Run the program of the tests."""
    return Command(sys.executable, PROGRAM, what, *rest, env=env)


def even(n: int) -> None:
    if n % 2:
        raise ValueError(f"{n} is odd")


@task(validate=even)
async def halve(n: int) -> int:
    return n // 2


def no_way_back() -> None:
    raise KeyError("no way back")


@task(retry=0, rollback=no_way_back)
async def fails_twice() -> None:
    raise OSError("no line")


app = Mainspring(tasks=[program, halve, fails_twice])
