"""Limits: how many runs of one key go at once in the whole fleet, and how many start in a time.

A run holds up to three keys: its queue's, its task's and one of its own. Where a limit stands in the code it is a default; operators set
others at run time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import check_whole
from mainspring.core.template import Template, parse_template

MOST = 100_000
MOST_KEY = 1000
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


def parse_rate(value: object, field_name: str = "rate", *, burst: int | None = None) -> Rate:
    """Return the rate of a text such as ``10/s``, ``100/minute`` or ``5/10s``; raises `ConfigurationError`. ``burst`` is 1 unless given."""
    if isinstance(value, Rate):
        return value
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ConfigurationError(f"{field_name}={value!r} is no rate: write for instance '10/s', '100/m' or '5/10s'")
    per = re.sub(r"[a-z]+", lambda unit: _UNITS.get(unit[0].removesuffix("s") or unit[0], unit[0]), found[2].lower())
    per = per.replace(" ", "")
    return Rate(int(found[1]), parse_duration(per if per[0].isdigit() else f"1{per}", field_name), burst or 1)


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


@dataclass(frozen=True, slots=True)
class Maximum:
    """What a key allows: runs at once, and starts in a time. None is no bound."""

    concurrency: int | None = None
    rate: Rate | None = None

    def fields(self) -> dict[str, int | None]:
        """Return it flat, as it is stored: a field that is there counts, also where it is None.

        ``interval_us`` is rounded up, so that a rate is never exceeded.
        """
        rate = self.rate
        if rate is None:
            return {"concurrency": self.concurrency, "count": None, "per_us": None, "burst": None, "interval_us": None}
        per_us = rate.per // timedelta(microseconds=1)
        interval_us = max(-(-per_us // rate.count), 1)
        return {"concurrency": self.concurrency, "count": rate.count, "per_us": per_us, "burst": rate.burst, "interval_us": interval_us}

    @classmethod
    def of(cls, fields: Mapping[str, int | None]) -> Maximum:
        """Return what stored fields say; one that is missing is no bound."""
        count, per_us, burst = fields.get("count"), fields.get("per_us"), fields.get("burst")
        rate = None if count is None or per_us is None else Rate(count, timedelta(microseconds=per_us), burst or 1)
        return cls(fields.get("concurrency"), rate)


NODE_KEY = "node"  # how many bodies a node has room for, instead of TASK_MAX_CONCURRENT; no run waits for it


def queue_key(queue: str) -> str:
    """Return the limit key of a queue."""
    return f"queue:{queue}"


def task_key(task: str) -> str:
    """Return the limit key of a task."""
    return f"task:{task}"


def own_key(tenant: str, text: str) -> str:
    """Return the limit key of a run's own; tenants never share one."""
    return f"key:{tenant}:{text}"


def each_key(task: str) -> str:
    """Return the key under which it stands what each own key of a task's runs allows."""
    return f"each:{task}"


_KEY = re.compile(r"node|queue:[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}|(?:task|each):[A-Za-z][A-Za-z0-9_.:-]{0,199}|key:[^:]*:.+", re.DOTALL)


def check_key(key: str) -> str:
    """Return a limit key that may be set; raises `ConfigurationError` with the kinds that there are."""
    if not _KEY.fullmatch(key) or len(key) > MOST_KEY:
        raise ConfigurationError(
            f"key={key!r} is no limit key: write queue:NAME, task:NAME, each:TASK (for every own key of a task's runs), "
            "key:TENANT:TEXT (for one of them; the tenant may be empty) or node (the slots of every node)"
        )
    return key
