"""Pulses: one bounded round of everything that a runner does for ever. What one has done, and how they are doing.

The arithmetic of a budget and the judgement over a row of pulses are here, without a clock; who beats is `engine.pulse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mainspring.core.duration import describe
from mainspring.core.errors import ConfigurationError

SHORTEST_BUDGET, LONGEST_BUDGET = timedelta(seconds=1), timedelta(hours=1)
RESERVED_PART = 0.2  # of the budget, for giving back and for writing
LEAST_RESERVE, MOST_RESERVE = 0.2, 2.0  # seconds
LEASE_BEYOND = 10.0  # seconds past its budget's end after which others may take what a pulse has held
LATE = timedelta(seconds=LEASE_BEYOND)  # … and after which a pulse without an end counts as one that was killed
WARNING_FROM, CRITICAL_FROM = 1, 3  # failing pulses in a row
MISSED_FROM = 2  # intervals without a pulse past which it is stale
JUDGED = 100  # the latest pulses, over which the success rate is told


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a pulse may take, cut into its parts; all are seconds of the monotonic clock.

    Work ends at ``stops_at``: a run is begun only if its timeout ends before that. What is left until ``ends_at`` is for asking bodies to
    stop that overran, for giving back, and for writing all of it.
    """

    began_at: float
    seconds: float

    @classmethod
    def of(cls, given: timedelta, began_at: float) -> Budget:
        """Return the budget of a pulse that began at a time; raises `ConfigurationError` where it makes no sense."""
        return cls(began_at, check_budget(given).total_seconds())

    @property
    def reserve(self) -> float:
        """What is kept back from work."""
        return min(max(self.seconds * RESERVED_PART, LEAST_RESERVE), MOST_RESERVE)

    @property
    def grace(self) -> float:
        """How long a body that is asked to stop may take."""
        return self.reserve / 2

    @property
    def longest(self) -> float:
        """What a run may take at most to be begun by any pulse of this budget."""
        return self.seconds - self.reserve

    @property
    def stops_at(self) -> float:
        """When work ends."""
        return self.began_at + self.seconds - self.reserve

    @property
    def ends_at(self) -> float:
        """When the pulse has answered."""
        return self.began_at + self.seconds

    def room(self, now: float) -> float:
        """Return what a run may take at most to be begun now."""
        return max(self.stops_at - now, 0.0)

    def lease(self, now: float) -> float:
        """Return for how long a beat now keeps what is in hand: to the end of the budget and a little more, so that no beat has to follow.

        Past that the pulse is over or its process has been killed, whatever else is the matter: anybody may take its runs.
        """
        return max(self.ends_at - now, 0.0) + LEASE_BEYOND


def check_budget(given: timedelta) -> timedelta:
    """Return a budget that can be used; raises `ConfigurationError` where it is too short or too long."""
    if not SHORTEST_BUDGET <= given <= LONGEST_BUDGET:
        shortest, longest = describe(SHORTEST_BUDGET), describe(LONGEST_BUDGET)
        raise ConfigurationError(
            f"budget={describe(given)!r}: from {shortest} to {longest} is allowed; take what the platform grants, less a second"
        )
    return given


class Why(StrEnum):
    """Why something that is due was not begun, as a code; faces have the words."""

    TOO_LONG = "timeout_exceeds_budget"  # no pulse of this budget will ever begin it
    NO_ROOM = "timeout_exceeds_remaining"  # a fresh pulse will
    NO_TIME = "no_time"  # the budget was over
    WAITS = "waits"  # for a limit, another run, or a task that it depends on
    PAUSED = "queue_paused"
    DISABLED = "disabled"
    MAINTENANCE = "maintenance"
    ELSEWHERE = "unknown_task"  # its code is not here
    LEFT_OUT = "left_out"  # other names were asked for

    @property
    def is_for_the_next(self) -> bool:
        """Whether a pulse that follows at once would begin it."""
        return self in (Why.NO_ROOM, Why.NO_TIME)


@dataclass(frozen=True, slots=True)
class Deferred:
    """Runs of one task that are due and were not begun. ``timeout`` is the shortest among them, where that is the reason."""

    task: str
    runs: int
    reason: Why
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """One attempt that a pulse has carried out."""

    run_id: str
    task: str
    outcome: str
    ran_ms: float


@dataclass(frozen=True, slots=True)
class DueSlot:
    """A slot of a schedule that a dry run has found due: it would fire, be missed, and so on (``verdict``)."""

    schedule: str
    task: str
    slot_at: datetime
    verdict: str


@dataclass(frozen=True, slots=True)
class PulseReport:
    """What a pulse has done, and what it has left.

    ``remaining`` are the runs that are due and not done, and ``deferred`` says why, task by task. ``is_more``: a pulse that follows at once
    would find work; otherwise ``next_in`` says when something is due, if anything is known to be. ``ran`` tells of the first hundred
    attempts. A dry run lists in ``due`` what it would begin, and writes nothing.
    """

    id: int | None
    source: str
    budget: timedelta
    duration: timedelta
    is_dry_run: bool = False
    fired: int = 0
    executed: int = 0
    succeeded: int = 0
    failed: int = 0
    given_back: int = 0
    remaining: int = 0
    is_more: bool = False
    next_in: timedelta | None = None
    ran: tuple[Ran, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    forced: tuple[str, ...] = ()
    due: tuple[Deferred, ...] = ()
    slots: tuple[DueSlot, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether the round itself went well, whatever became of the runs in it."""
        return not self.errors


@dataclass(frozen=True, slots=True)
class PulseRecord:
    """A pulse as the store remembers it.

    One without ``finished_at`` is under way, or was killed: ``is_ok`` is False once somebody has seen that.
    """

    id: int
    source: str
    node_id: str | None
    started_at: datetime
    finished_at: datetime | None
    budget: timedelta
    is_ok: bool | None
    fired: int
    executed: int
    succeeded: int
    failed: int
    given_back: int
    remaining: int
    deferred: tuple[Deferred, ...]
    error: str | None

    @property
    def duration(self) -> timedelta | None:
        """How long it took."""
        return None if self.finished_at is None else self.finished_at - self.started_at

    def verdict(self, now: datetime) -> bool | None:
        """Tell whether it went well; None while that is open. One that did not come back long past its budget was killed."""
        if self.finished_at is not None:
            return bool(self.is_ok)
        return False if self.is_ok is False or now > self.started_at + self.budget + LATE else None


class PulseState(StrEnum):
    """How pulses are doing, as one word."""

    UNUSED = "unused"  # there has been none, and none is expected
    HEALTHY = "healthy"
    WARNING = "warning"  # the latest failed
    CRITICAL = "critical"  # three or more in a row did
    STALE = "stale"  # none has come for two intervals, and no runner is there instead


@dataclass(frozen=True, slots=True)
class PulseHealth:
    """How pulses are doing: over the latest hundred, of which those that ended count."""

    state: PulseState
    in_a_row: int  # the latest that failed
    judged: int
    succeeded: int
    last_pulse_at: datetime | None
    age: timedelta | None  # since then
    last_success_at: datetime | None
    mean_duration: timedelta | None
    interval: timedelta
    missed: int  # whole intervals since the latest, where one is expected
    killed: tuple[int, ...]  # numbers of those that did not come back, and of which nobody has told yet

    @property
    def success_rate(self) -> float | None:
        """Part of those that went well."""
        return self.succeeded / self.judged if self.judged else None


def judge(pulses: Sequence[PulseRecord], now: datetime, interval: timedelta, *, is_expected: bool) -> PulseHealth:
    """Return how pulses are doing. They are given newest first; ``now`` is by the clock that wrote their times.

    ``is_expected`` is False where a runner lives that does the same all the time: then nobody misses a pulse.
    """
    ended = [(pulse, verdict) for pulse in pulses if (verdict := pulse.verdict(now)) is not None]
    in_a_row = next((n for n, (_, verdict) in enumerate(ended) if verdict), len(ended))
    went_well = [pulse for pulse, verdict in ended if verdict]
    took = [pulse.duration for pulse, _ in ended if pulse.duration is not None]
    last = pulses[0].started_at if pulses else None
    missed = 0 if last is None or not is_expected else max(int((now - last) / interval), 0)
    return PulseHealth(
        state=_state(last, in_a_row, missed), in_a_row=in_a_row, judged=len(ended), succeeded=len(went_well), last_pulse_at=last,
        age=None if last is None else now - last,
        last_success_at=went_well[0].started_at if went_well else None,
        mean_duration=sum(took, timedelta()) / len(took) if took else None, interval=interval,
        missed=missed if missed >= MISSED_FROM else 0,
        killed=tuple(pulse.id for pulse, verdict in ended if verdict is False and pulse.is_ok is None),
    )  # fmt: skip


def _state(last: datetime | None, in_a_row: int, missed: int) -> PulseState:
    if last is None:
        return PulseState.UNUSED
    if missed >= MISSED_FROM:
        return PulseState.STALE
    if in_a_row >= CRITICAL_FROM:
        return PulseState.CRITICAL
    return PulseState.WARNING if in_a_row >= WARNING_FROM else PulseState.HEALTHY
