"""Policies that a definition or a call carries: priority, retries, isolation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from hashlib import blake2b
from math import inf

from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError

MOST_RETRIES = 1000


def check_whole(value: object, least: int, most: int, field_name: str) -> None:
    """Refuse what is no whole number between two bounds; raises `ConfigurationError`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(f"{field_name}={value!r}: a whole number from {least} to {most} is needed")


class Priority(IntEnum):
    """Five lanes; a lower number is served first. Ageing lets the last lane advance all the same."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3
    BACKGROUND = 4

    @classmethod
    def parse(cls, value: Priority | str) -> Priority:
        """Return the priority of a name in any case; raises `ConfigurationError` naming the five."""
        if isinstance(value, Priority):
            return value
        try:
            return cls[str(value).upper()]
        except KeyError:
            names = ", ".join(each.name.lower() for each in cls)
            raise ConfigurationError(f"priority={value!r} is unknown: choose one of {names}") from None


class Isolation(StrEnum):
    """Where a body runs. ``process`` can always be stopped; ``thread`` and ``inline`` cannot."""

    PROCESS = "process"
    THREAD = "thread"
    INLINE = "inline"


class PoolKind(IntEnum):
    """Whose slots a run takes on a node. Part of its lane, so that a node asks only for what it has room for."""

    ASYNC = 0
    DEF = 1
    THREAD = 2
    INLINE = 3
    SOLO = 4  # an executor for one run only: what must not be repeated, and what may have brought others down
    QUARANTINE = 5  # the same, and one such run on a node at a time: what may have killed a node
    ROLLBACK = 6  # runs whose body is over for good and whose rollback is not: older nodes do not ask for this lane
    SERVICE = 7  # an instance of a service, running from its first moment: nobody asks for this lane

    @classmethod
    def of(cls, isolation: Isolation, *, is_async: bool, is_repeatable: bool = True) -> PoolKind:
        """Return the pool of a task."""
        if isolation is Isolation.INLINE:
            return cls.INLINE
        if isolation is Isolation.THREAD:
            return cls.THREAD
        if not is_repeatable:
            return cls.SOLO
        return cls.ASYNC if is_async else cls.DEF


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed attempt is followed by another.

    ``retries`` are those after the first attempt (3 means four attempts). The delay before retry *n* is
    ``min(cap, delay * factor ** (n - 1))``; with ``jitter`` it is drawn evenly between nothing and that ("full jitter",
    AWS Architecture Blog, "Exponential Backoff and Jitter", 2015), from the seed of the run, so that it can be told
    beforehand. ``terminal`` names further exception classes that are never retried; ``Fail``, permission, validation
    and authentication errors never are.
    """

    retries: int = 3
    delay: Duration = timedelta(seconds=2)
    factor: float = 4.0
    cap: Duration = timedelta(minutes=10)
    jitter: bool = True
    terminal: tuple[type[BaseException], ...] = field(default=())
    seed: str | None = None

    def __post_init__(self) -> None:
        check_whole(self.retries, 0, MOST_RETRIES, "Retry(retries)")
        factor: object = self.factor
        if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 1 <= factor < inf:
            raise ConfigurationError(f"Retry(factor)={factor!r}: a number from 1 on is needed")
        terminal: object = self.terminal
        if not isinstance(terminal, tuple) or not all(isinstance(each, type) and issubclass(each, BaseException) for each in terminal):
            raise ConfigurationError(f"Retry(terminal)={terminal!r}: a tuple of exception classes is needed")
        object.__setattr__(self, "delay", parse_duration(self.delay, "Retry(delay)"))
        object.__setattr__(self, "cap", parse_duration(self.cap, "Retry(cap)"))

    def delay_before(self, retry: int, seed: str) -> timedelta:
        """Return how long to wait before the retry with this number (from 1).

        ``seed`` is the run's id; the policy's own wins.
        The draw is ``blake2b(seed:retry, 8 bytes) / 2**64``: the same run and retry always wait the same time.
        """
        assert isinstance(self.delay, timedelta)
        assert isinstance(self.cap, timedelta)
        try:
            seconds = min(self.cap.total_seconds(), self.delay.total_seconds() * self.factor ** (retry - 1))
        except OverflowError:
            seconds = self.cap.total_seconds()
        if self.jitter:
            digest = blake2b(f"{self.seed or seed}:{retry}".encode(), digest_size=8).digest()
            seconds *= int.from_bytes(digest, "big") / 2**64
        return timedelta(seconds=seconds)
