"""Limits: how many runs of one key go at once in the whole fleet, and how many start in a time.

A run holds up to three keys: its queue's, its task's and one of its own. Where a limit stands in the code it is a default; operators set
others at run time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import check_whole
from mainspring.core.template import Template, parse_template

MOST = 100_000
_RATE = re.compile(r"\s*(\d+)\s*/\s*(\d*\s*[a-z]+)\s*", re.IGNORECASE)
_UNITS = {"second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "day": "d"}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many starts in a time, evenly spread; ``burst`` of them may come at once after a quiet while.

    The rule is GCRA (ITU-T I.371): in any window there are at most ``burst + count * window / per`` starts.
    """

    count: int
    per: timedelta
    burst: int = 1

    def __post_init__(self) -> None:
        check_whole(self.count, 1, MOST, "Rate(count)")
        check_whole(self.burst, 1, MOST, "Rate(burst)")
        if not timedelta(milliseconds=1) <= self.per <= timedelta(days=366):
            raise ConfigurationError(f"Rate(per)={self.per}: from a millisecond to a year is allowed")

    @property
    def interval(self) -> timedelta:
        """The time between two starts at an even pace."""
        return self.per / self.count

    def __str__(self) -> str:
        milliseconds = round(self.per.total_seconds() * 1000)
        size, unit = next(each for each in _SIZES if milliseconds % each[0] == 0)
        number = milliseconds // size
        return f"{self.count}/{'' if number == 1 else number}{unit}"


_SIZES = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))


def parse_rate(value: object, field_name: str = "rate") -> Rate:
    """Return the rate of a text such as ``10/s``, ``100/minute`` or ``5/10s``; raises `ConfigurationError`."""
    if isinstance(value, Rate):
        return value
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ConfigurationError(f"{field_name}={value!r} is no rate: write for instance '10/s', '100/m' or '5/10s'")
    per = re.sub(r"[a-z]+", lambda unit: _UNITS.get(unit[0].removesuffix("s") or unit[0], unit[0]), found[2].lower())
    per = per.replace(" ", "")
    return Rate(int(found[1]), parse_duration(per if per[0].isdigit() else f"1{per}", field_name))


@dataclass(frozen=True, slots=True, init=False)
class Limit:
    """A limit on a key that runs share: ``Limit("tenant:{tenant_id}", concurrency=2, rate="5/s")``.

    The key is a template over the task's parameters; runs of different tasks whose keys are the same text share the limit.
    """

    key: Template
    concurrency: int | None
    rate: Rate | None

    def __init__(self, key: str, *, concurrency: int | None = None, rate: Rate | str | None = None) -> None:
        object.__setattr__(self, "key", parse_template(key, "Limit(key)"))
        if concurrency is None and rate is None:
            raise ConfigurationError(f"Limit({key!r}) limits nothing: give concurrency= or rate=")
        if concurrency is not None:
            check_whole(concurrency, 1, MOST, "Limit(concurrency)")
        object.__setattr__(self, "concurrency", concurrency)
        object.__setattr__(self, "rate", None if rate is None else parse_rate(rate, "Limit(rate)"))


def queue_key(queue: str) -> str:
    """Return the limit key of a queue."""
    return f"queue:{queue}"


def task_key(task: str) -> str:
    """Return the limit key of a task."""
    return f"task:{task}"


def own_key(tenant: str, text: str) -> str:
    """Return the limit key of a run's own; tenants never share one."""
    return f"key:{tenant}:{text}"
