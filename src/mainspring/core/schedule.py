"""Schedules: when a task is run by itself, as one frozen value.

``cron``, ``every``, ``at``, ``when`` and ``manual`` make one. A *slot* is a time that the schedule names; it is what a run is for, and
never moves. When the slot's run may start is `Schedule.due_at`: the slot, plus what jitter or window add. What becomes of slots that
nobody was there for is decided in `slots`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Self, TypedDict, Unpack, cast

from mainspring.core import cron as crons
from mainspring.core.calendar import EARLIEST, EPOCH, LATEST, Calendar, CronCalendar, Interval, Once, Zone, zone, zones_like
from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError, Problem

Predicate = Callable[[], Awaitable[bool]]
Moment = datetime | date | str

MOST_GRACE = timedelta(hours=24)
SHORTEST_PERIOD, LONGEST_PERIOD = timedelta(seconds=1), timedelta(days=3660)
LONGEST_JITTER, LONGEST_WINDOW = timedelta(days=1), timedelta(days=7)
MOST_CAUGHT_UP = 1000  # what one return after a stop may set free at once
LONGEST_PREDICATE = timedelta(minutes=5)
DEFAULT_TIMEOUT = timedelta(seconds=5)
MOST_PARAMS = 64 * 1024  # characters of JSON: it travels with every slot
_DAY = timedelta(days=1)
_MILLISECOND = timedelta(milliseconds=1)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:#-]{0,219}")
_SPAN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")


class ScheduleKind(StrEnum):
    """What names the slots."""

    CRON = "cron"  # an expression
    EVERY = "every"  # an interval from an anchor
    AT = "at"  # one single time
    WHEN = "when"  # a predicate, looked at in slots of an interval or an expression
    MANUAL = "manual"  # nothing: people do


class MisfirePolicy(StrEnum):
    """What becomes of slots that nobody was there for."""

    SKIP = "skip"  # none is made up for
    ONCE = "once"  # the newest is, within the grace
    ALL = "all"  # the newest are, in order, within the grace and up to a number


class Dst(StrEnum):
    """How fixed times are read on the days when clocks are put forward or back."""

    ONCE = "once"  # each exactly once
    WALL = "wall"  # as the clock shows it: a time that is left out has no slot, one that is shown twice has two


@dataclass(frozen=True, slots=True)
class Misfire:
    """A policy for missed slots; ``most`` belongs to ``all``: how many are made up for at once, the newest."""

    policy: MisfirePolicy = MisfirePolicy.ONCE
    most: int = 10

    def __init__(self, policy: MisfirePolicy | str = MisfirePolicy.ONCE, most: int | None = None) -> None:
        try:
            chosen = MisfirePolicy(policy)
        except ValueError:
            raise ConfigurationError(f"misfire={policy!r} is unknown: choose one of {', '.join(MisfirePolicy)}") from None
        if most is not None and chosen is not MisfirePolicy.ALL:
            raise ConfigurationError(f"misfire: most={most!r} has no meaning with the policy {chosen}: it belongs to all")
        number: object = 10 if most is None else most
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_CAUGHT_UP:
            raise ConfigurationError(f"misfire: most={most!r}: a whole number from 1 to {MOST_CAUGHT_UP} is needed")
        object.__setattr__(self, "policy", chosen)
        object.__setattr__(self, "most", number)

    def __str__(self) -> str:
        return f"all:{self.most}" if self.policy is MisfirePolicy.ALL else str(self.policy)


class ScheduleOptions(TypedDict, total=False):
    """The options that every kind of schedule takes. See `cron`."""

    tz: str
    misfire: Misfire | str
    grace: Duration | None
    start: Moment | None
    end: Moment | None
    jitter: Duration
    seed: str | None
    window: Duration | str | None
    dst: Dst | str
    params: Mapping[str, Any] | None
    name: str | None
    enabled: bool


class ScheduleChanges(ScheduleOptions, total=False):
    """What `Schedule.with_changes` takes: the options, and what names the slots."""

    kind: ScheduleKind | str
    expression: str | Duration | datetime
    anchor: Moment
    timeout: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a task is run by itself. Made and checked by `cron`, `every`, `at`, `when`, `manual`, `with_changes` and `load` alone.

    ``expression`` is the cron text, the interval (``90s``) or the time; of a predicate, what says when it is looked at. ``grace`` None is
    one period, at most 24 hours (24 hours where there is none, and with the policy ``all``). Slots lie at or after ``start`` and before
    ``end``; a date is the beginning of its day in the zone, and an end's day belongs to it whole. ``window`` is a length, or a span of the
    day such as ``01:00-05:00``. ``name`` None is the task's name. A predicate is no part of what makes two schedules equal, its name is.
    """

    kind: ScheduleKind
    expression: str = ""
    tz: str = "UTC"
    misfire: Misfire = Misfire()
    grace: timedelta | None = None
    start: datetime | date | None = None
    end: datetime | date | None = None
    jitter: timedelta = timedelta(0)
    seed: str | None = None
    window: timedelta | str | None = None
    dst: Dst = Dst.ONCE
    name: str | None = None
    is_enabled: bool = True
    anchor: datetime = EPOCH
    timeout: timedelta = DEFAULT_TIMEOUT
    predicate_name: str | None = None
    params_json: str = "{}"
    predicate: Predicate | None = field(default=None, compare=False, repr=False)

    # What it says

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the runs, where they are not the task's defaults."""
        return cast("dict[str, Any]", json.loads(self.params_json))

    @property
    def starts_at(self) -> datetime | None:
        """The time before which there is no slot."""
        return _bound(self.start, self.tz, after=0)

    @property
    def ends_at(self) -> datetime | None:
        """The time from which on there is no slot."""
        return _bound(self.end, self.tz, after=1)

    @property
    def period(self) -> timedelta | None:
        """The length of an interval, None for what is none."""
        return None if self._cron is not None or self.kind in (ScheduleKind.AT, ScheduleKind.MANUAL) else _interval(self.expression)

    @property
    def cron(self) -> crons.Cron | None:
        """The parsed expression, None where there is none."""
        return self._cron

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values under stable keys, without what is as usual; `load` reads it."""
        said: dict[str, Any] = {"kind": str(self.kind), "expression": self.expression}
        for key, usual in _USUAL.items():
            value = getattr(self, _ATTRIBUTES.get(key, key))
            if value != usual:
                said[key] = _plain(value)
        if self.predicate_name is not None:
            said["predicate"] = self.predicate_name
        if self.params_json != "{}":
            said["params"] = self.params
        return said

    @classmethod
    def load(cls, held: Mapping[str, Any], predicate: Predicate | None = None) -> Self:
        """Return the schedule of a dump; raises `ConfigurationError` for one that no release wrote. ``predicate`` goes with ``when``."""
        given = dict(held)
        name = given.pop("predicate", None)
        found, problems = _build(given, predicate=predicate, predicate_name=name)
        return cast("Self", _good(found, problems))

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of what `dump` says: the same for equal schedules."""
        text = json.dumps(self.dump(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def with_changes(self, **changes: Unpack[ScheduleChanges]) -> Self:
        """Return another schedule with some fields as said; raises `ConfigurationError` naming each that makes no sense.

        ``expression`` is what `parse_schedule` reads, or one of the same kind; ``kind`` says which where that must be certain. A predicate
        stays one.
        """
        given: dict[str, Any] = {"kind": self.kind, "expression": self.expression, "params": self.params}
        given |= {key: getattr(self, _ATTRIBUTES.get(key, key)) for key in _USUAL}
        given |= changes
        if "expression" in changes and "kind" not in changes:
            given["kind"], given["expression"] = _reread(self.kind, changes["expression"])
        predicate, name = self.predicate, self.predicate_name
        if given["kind"] != ScheduleKind.WHEN:
            predicate, name = None, None
            if "timeout" not in changes:
                given["timeout"] = DEFAULT_TIMEOUT
        if given["kind"] not in (ScheduleKind.WHEN, ScheduleKind.EVERY) and "anchor" not in changes:
            given["anchor"] = EPOCH
        found, problems = _build(given, predicate=predicate, predicate_name=name)
        return cast("Self", _good(found, problems))

    def problems_with(self, **changes: Unpack[ScheduleChanges]) -> list[Problem]:
        """Return what `with_changes` would refuse, one problem a field."""
        try:
            self.with_changes(**changes)
        except _InvalidSchedule as error:
            return list(error.problems)
        return []

    # Its slots

    def next_slot(self, after: datetime) -> datetime | None:
        """Return the first slot strictly after a moment (aware), or None where there will be none."""
        starts_at, ends_at = self.starts_at, self.ends_at
        since = after if starts_at is None or after >= starts_at else starts_at - _MICROSECOND
        found = self.calendar.after(since)
        return None if found is None or (ends_at is not None and found >= ends_at) else found

    def last_slot(self, until: datetime) -> datetime | None:
        """Return the last slot at or before a moment, or None where there was none."""
        starts_at, ends_at = self.starts_at, self.ends_at
        latest = until if ends_at is None or until < ends_at else ends_at - _MICROSECOND
        found = self.calendar.until(latest)
        return None if found is None or (starts_at is not None and found < starts_at) else found

    def slots_between(self, after: datetime, until: datetime, most: int) -> tuple[datetime, ...]:
        """Return the first slots strictly after one moment and not after another, ``most`` at the most, oldest first."""
        found: list[datetime] = []
        slot = self.next_slot(after)
        while slot is not None and slot <= until and len(found) < most:
            found.append(slot)
            slot = self.next_slot(slot)
        return tuple(found)

    def count_slots(self, after: datetime, until: datetime) -> int:
        """Count the slots strictly after one moment and not after another; a year of minutes takes no longer than a day."""
        starts_at, ends_at = self.starts_at, self.ends_at
        first = after if starts_at is None or after >= starts_at else starts_at - _MICROSECOND
        last = until if ends_at is None or until < ends_at else ends_at - _MICROSECOND
        return self.calendar.count(first, last) if first < last else 0

    def period_at(self, slot: datetime) -> timedelta:
        """Return the time from a slot to the one that follows it, whether or not the schedule ends before; 24 hours where none follows."""
        following = self.calendar.after(slot)
        return MOST_GRACE if following is None else following - slot

    def grace_at(self, slot: datetime) -> timedelta:
        """Return how late a slot's run may be made up for."""
        if self.grace is not None:
            return self.grace
        return MOST_GRACE if self.misfire.policy is MisfirePolicy.ALL else min(self.period_at(slot), MOST_GRACE)

    def due_at(self, slot: datetime, name: str | None = None) -> datetime:
        """Return when the slot's run may start: the slot, plus a draw that is always the same for one schedule and slot.

        ``name`` is the schedule's, where it has none of its own; its ``seed`` wins. The draw is even, to the millisecond, over the window,
        or over the jitter as far as the next slot: the order of runs is that of their slots.
        """
        spread = self.spread_at(slot)
        if not spread:
            return slot
        seed = self.seed if self.seed is not None else self.name or name or ""
        drawn = blake2b(f"{seed}\n{slot.astimezone(UTC).isoformat()}".encode(), digest_size=8).digest()
        return slot + int.from_bytes(drawn, "big") * (spread // _MILLISECOND + 1) // 2**64 * _MILLISECOND

    def spread_at(self, slot: datetime) -> timedelta:
        """Return how much later than a slot its run may be due at the most."""
        if isinstance(self.window, str):
            begins, ends = _span_of(self.window)
            local = self.zone.local(slot).replace(tzinfo=None, fold=0)
            day = local.date() + _DAY if ends <= begins else local.date()
            return max(self.zone.first_instant(datetime.combine(day, ends)) - slot, timedelta(0))
        most = self.window or self.jitter
        return min(most, self.period_at(slot)) if most else most

    @property
    def zone(self) -> Zone:
        """The zone in which it is read and shown."""
        return zone(self.tz)

    @property
    def calendar(self) -> Calendar:
        """The slots without regard to start and end."""
        return _calendar(self.kind, self.expression, self.tz, self.dst, self.anchor)

    @property
    def _cron(self) -> crons.Cron | None:
        found = self.calendar
        return found.cron if isinstance(found, CronCalendar) else None


# Making one


def cron(expression: str, **options: Unpack[ScheduleOptions]) -> Schedule:
    """Return a schedule of a cron expression: ``cron("0 3 * * *", tz="Europe/Berlin")``. For the syntax see `mainspring.core.cron`.

    Options of every schedule: ``tz`` is the zone of the expression, of dates and of what people are shown. ``misfire`` says what becomes of
    slots that nobody was there for: ``skip``, ``once`` (the newest is made up for) or ``all`` (``Misfire("all", most=3)``: the newest, in
    order); ``grace`` is how late they may be made up for (one period, at most 24 hours; for ``all`` 24 hours). ``start`` and ``end`` bound
    the slots (aware datetimes, ISO texts, or dates in the zone; an end date's day is in). ``jitter`` puts off each run by a draw of up to
    so long, ``window`` lets it start any time within so long, or within a span of the day (``"01:00-05:00"``: then the expression says
    which days); draws are the same whoever makes them, ``seed`` changes them. ``dst`` is about fixed times on the days when clocks
    change: ``once``, or ``wall`` for the literal reading. ``params`` go to every run. ``name`` is needed where a task has several
    schedules whose order may change. ``enabled=False``: listed, never due.

    Raises `ConfigurationError` with everything that is wrong, field by field.
    """
    return _made(ScheduleKind.CRON, expression, options)


def every(period: Duration, *, anchor: Moment = EPOCH, **options: Unpack[ScheduleOptions]) -> Schedule:
    """Return a schedule of a slot every so often: ``every("90s")``. Options as of `cron`.

    Slots are counted from the anchor, in real time, never from the end of the last run: whoever counts finds the same ones.
    """
    return _made(ScheduleKind.EVERY, period, {**options, "anchor": anchor})


def at(moment: datetime | str, **options: Unpack[ScheduleOptions]) -> Schedule:
    """Return a schedule of one single slot: ``at(datetime(2030, 1, 1, tzinfo=UTC))``. Options as of `cron`."""
    return _made(ScheduleKind.AT, moment, options)


def when(
    predicate: Predicate, *, every: Duration | str = "1m", anchor: Moment = EPOCH, timeout: Duration = DEFAULT_TIMEOUT,
    **options: Unpack[ScheduleOptions],
) -> Schedule:  # fmt: skip
    """Return a schedule that asks an async function in every slot of an interval or a cron expression, and fires where it says True.

    ``timeout`` bounds one answer. Options as of `cron`.
    """
    return _made(ScheduleKind.WHEN, every, {**options, "anchor": anchor, "timeout": timeout}, predicate)


def manual(**options: Unpack[ScheduleOptions]) -> Schedule:
    """Return a schedule that is listed and never due by itself: people and programs run it. Options as of `cron`."""
    return _made(ScheduleKind.MANUAL, "", options)


def parse_schedule(text: str, **options: Unpack[ScheduleOptions]) -> Schedule:
    """Return the schedule that a text asks for: a cron expression, ``every 90s``, ``at 2030-01-31T08:00:00+01:00`` or ``manual``."""
    kind, expression = _kind_of(text)
    return _made(kind, expression, options)


def check_schedule(text: object, **options: Unpack[ScheduleOptions]) -> list[Problem]:
    """Return everything that is wrong with what `parse_schedule` would read, one problem a field; empty for a good schedule."""
    kind, expression = _kind_of(text) if isinstance(text, str) else (ScheduleKind.CRON, text)
    return _build({**options, "kind": kind, "expression": expression})[1]


def as_schedules(value: object, task: str) -> tuple[Schedule, ...]:
    """Return the schedules of a definition, each with its name: that of the task, then ``task#2``, ``task#3`` … in the order given.

    A text is a cron expression in UTC, or what else `parse_schedule` reads. Raises `ConfigurationError` for what is no schedule, and for
    two of one name.
    """
    given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [] if value is None else [value]
    found: list[Schedule] = []
    for number, each in enumerate(given, 1):
        if isinstance(each, str):
            each = parse_schedule(each)
        if not isinstance(each, Schedule):
            raise ConfigurationError(f"schedule={each!r}: a cron text, or cron(), every(), at(), when() or manual() is needed")
        found.append(each if each.name else replace(each, name=task if number == 1 else f"{task}#{number}"))
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"schedule: two have the name {name!r}: give each another name=")
    return tuple(found)


class _InvalidSchedule(ConfigurationError):
    """Several problems told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(each) for each in problems))
        self.problems = tuple(problems)


def problems_in(error: ConfigurationError) -> tuple[Problem, ...]:
    """Return what an error of this module has to say, field by field."""
    return error.problems if isinstance(error, _InvalidSchedule) else (Problem("schedule", str(error)),)


def _made(kind: ScheduleKind, expression: object, options: Mapping[str, Any], predicate: Predicate | None = None) -> Schedule:
    return _good(*_build({**options, "kind": kind, "expression": expression}, predicate=predicate))


def _good(found: Schedule | None, problems: Sequence[Problem]) -> Schedule:
    if problems or found is None:
        raise _InvalidSchedule(problems)
    return found


def _kind_of(text: str) -> tuple[ScheduleKind, str]:
    head, _, rest = text.strip().partition(" ")
    match head.lower():
        case "every":
            return ScheduleKind.EVERY, rest
        case "at":
            return ScheduleKind.AT, rest
        case "manual" if not rest:
            return ScheduleKind.MANUAL, ""
        case _:
            return ScheduleKind.CRON, text


def _reread(kind: ScheduleKind, expression: object) -> tuple[ScheduleKind, object]:
    """Return the kind of a schedule whose expression is replaced, and the expression without the word that tells the kind."""
    if kind is ScheduleKind.WHEN or not isinstance(expression, str):
        return kind, expression
    told, rest = _kind_of(expression)
    if told is not ScheduleKind.CRON:
        return told, rest
    return (told if not crons.problems_of(expression) else kind), expression


class _Builder:
    """Reads fields one after the other and keeps what is wrong with each."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)
        self.problems: list[Problem] = []

    def take(self, key: str, read: Callable[[Any], Any], usual: Any = None) -> Any:
        """Return a field as it is kept; what is usual where it is not given or makes no sense."""
        if key not in self.given:
            return usual
        value = self.given.pop(key)
        try:
            return read(value)
        except ConfigurationError as error:
            self.say(key, str(error).removeprefix(f"{key}={value!r} ").removeprefix(f"{key}={value!r}: "), value)
            return usual

    def say(self, where: str, what: str, value: object = None) -> None:
        self.problems.append(Problem(where, what, None if value is None else repr(value)[:200]))


def _build(
    given: Mapping[str, Any], *, predicate: Predicate | None = None, predicate_name: str | None = None
) -> tuple[Schedule | None, list[Problem]]:
    """Return the schedule of its fields, or everything that is wrong with them."""
    builder = _Builder(given)
    take, say = builder.take, builder.say
    kind = take("kind", _as_kind, ScheduleKind.CRON)
    tz = take("tz", _as_zone, "UTC")
    window = take("window", _as_window)
    expression = _read_expression(kind, builder.given.pop("expression", ""), window, say)
    made = Schedule(
        kind=kind, expression=expression, tz=tz, window=window,
        misfire=take("misfire", _as_misfire, Misfire()), grace=take("grace", _as_grace),
        start=take("start", _as_bound), end=take("end", _as_bound),
        jitter=take("jitter", _as_jitter, timedelta(0)), seed=take("seed", _as_seed), dst=take("dst", _as_dst, Dst.ONCE),
        name=take("name", _as_name), is_enabled=take("enabled", _as_flag, True),
        anchor=take("anchor", lambda value: _as_anchor(value, tz), EPOCH), timeout=take("timeout", _as_timeout, DEFAULT_TIMEOUT),
        params_json=take("params", _as_params, "{}"), predicate=predicate, predicate_name=predicate_name,
    )  # fmt: skip
    for key in builder.given:
        say(key, f"is no field of a schedule: there are {', '.join(['kind', 'expression', 'params', *_USUAL])}")
    if kind is ScheduleKind.WHEN and predicate is not None:
        if inspect.iscoroutinefunction(predicate):
            made = replace(made, predicate_name=f"{predicate.__module__}:{predicate.__qualname__}")
        else:
            say("predicate", "must be an async function without parameters that returns True or False", predicate)
    elif kind is ScheduleKind.WHEN and predicate_name is None:
        say("predicate", "is missing: when() needs an async function")
    if made.window is not None and made.jitter:
        say("jitter", "excludes window: a window spreads the load already", made.jitter)
    if kind not in (ScheduleKind.EVERY, ScheduleKind.WHEN) and made.anchor != EPOCH:
        say("anchor", f"has no meaning with {kind}: it belongs to intervals")
    if not builder.problems:
        starts_at, ends_at = made.starts_at, made.ends_at
        if starts_at is not None and ends_at is not None and ends_at <= starts_at:
            say("end", f"never fires: the end must lie after the start, {starts_at.isoformat()}", _plain(made.end))
        elif starts_at is not None and kind is not ScheduleKind.MANUAL and made.next_slot(starts_at - _MICROSECOND) is None:
            say("end", "never fires: no slot lies between start and end", _plain(made.end or made.start))
        elif kind is not ScheduleKind.MANUAL and ends_at is not None and made.last_slot(ends_at) is None:
            say("end", "never fires: no slot lies before the end", _plain(made.end))
    return (None if builder.problems else made), builder.problems


def _read_expression(kind: ScheduleKind, given: object, window: object, say: Callable[[str, str, object], None]) -> str:
    """Return what names the slots as it is kept; with a span of the day as window, the expression of the days when it begins."""

    def interval(value: Any) -> str:
        try:
            period = parse_duration(value, "every")
        except ConfigurationError as error:
            say("every", str(error).removeprefix(f"every={value!r} "), value)
            return ""
        if not SHORTEST_PERIOD <= period <= LONGEST_PERIOD or period % _MILLISECOND:
            say("every", "must be from a second to ten years, in whole milliseconds", value)
        return _exact(period)

    def expression(value: object) -> str:
        problems = crons.problems_of(value)
        for each in problems:
            say(each.where, each.what, value if each.value is None else _Raw(each.value))
        return "" if problems or not isinstance(value, str) else crons.normalised(value)

    has_span = isinstance(window, str)
    if kind is ScheduleKind.MANUAL:
        return ""
    if kind is ScheduleKind.AT:
        if has_span:
            say("window", "a span of the day needs a schedule of days: give a length such as '4h'", window)
        return _read_moment(given, say)
    is_interval = kind is ScheduleKind.EVERY or (kind is ScheduleKind.WHEN and _is_duration(given))
    if not has_span:
        return interval(given) if is_interval else expression(given)
    if is_interval:
        say("window", "a span of the day needs a cron expression that says which days, such as @daily", window)
        return interval(given)
    read = expression(given)
    return _at_the_beginning(read, cast("str", window), say) if read else read


class _Raw(str):
    """A value that is shortened and quoted already."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _at_the_beginning(expression: str, window: str, say: Callable[[str, str, object], None]) -> str:
    """Return an expression of days with the time at which a window begins; its own must be that, or midnight for want of one."""
    words = crons.MACROS.get(expression, expression).split()
    begins, _ = _span_of(window)
    time_of_day, days = words[:-3], words[-3:]
    wanted = [str(begins.minute), str(begins.hour)]
    if time_of_day not in (["0", "0"], wanted):
        say("window", f"begins at {begins:%H:%M}, and the expression names other times: write {' '.join([*wanted, *days])}", window)
    return " ".join([*wanted, *days])


def _read_moment(given: object, say: Callable[[str, str, object], None]) -> str:
    try:
        found = _as_bound(given)
    except ConfigurationError as error:
        say("at", str(error), given)
        return ""
    if not isinstance(found, datetime):
        say("at", "a time is needed, as 2030-01-31T08:00:00+01:00", given)
        return ""
    return found.isoformat().replace("+00:00", "Z")


def _is_duration(value: object) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"(\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+|\s*\d+(\.\d+)?\s*", value, re.IGNORECASE) is not None
    return True


def _as_kind(value: object) -> ScheduleKind:
    try:
        return ScheduleKind(cast("str", value))
    except ValueError:
        raise ConfigurationError(f"is unknown: choose one of {', '.join(ScheduleKind)}") from None


def _as_zone(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError("must be the name of a zone, as Europe/Berlin")
    if value in ("utc", "Z", "Etc/UTC"):
        return "UTC"
    try:
        zone(value)
    except ValueError:
        near = zones_like(value)
        meant = f"did you mean {' or '.join(near)}?" if near else "names are those of the tz database, as Europe/Berlin"
        raise ConfigurationError(f"is no known zone: {meant}") from None
    return value


def _as_window(value: object) -> timedelta | str | None:
    if value is None:
        return None
    if isinstance(value, str) and (found := _SPAN.fullmatch(value)):
        hours, minutes = (int(found[1]), int(found[3])), (int(found[2]), int(found[4]))
        if max(hours) > 23 or max(minutes) > 59:
            raise ConfigurationError("must be a span of the day from 00:00 to 23:59, as 01:00-05:00")
        if (hours[0], minutes[0]) == (hours[1], minutes[1]):
            raise ConfigurationError("begins when it ends: for a whole day give '24h'")
        return f"{hours[0]:02}:{minutes[0]:02}-{hours[1]:02}:{minutes[1]:02}"
    length = parse_duration(cast("Duration", value), "window")
    if not timedelta(0) < length <= LONGEST_WINDOW:
        raise ConfigurationError("must be a span of the day as 01:00-05:00, or a length up to seven days")
    return length


def _as_misfire(value: object) -> Misfire:
    if isinstance(value, str) and value.startswith("all:") and value[4:].isdecimal():
        return Misfire(MisfirePolicy.ALL, int(value[4:]))
    return value if isinstance(value, Misfire) else Misfire(cast("str", value))


def _as_grace(value: object) -> timedelta | None:
    if value is None:
        return None
    found = parse_duration(cast("Duration", value), "grace")
    if found > timedelta(days=366):
        raise ConfigurationError("is longer than a year")
    return found


def _as_jitter(value: object) -> timedelta:
    found = parse_duration(cast("Duration", value), "jitter")
    if found > LONGEST_JITTER:
        raise ConfigurationError("is longer than a day: give window= to spread runs over more")
    return found


def _as_timeout(value: object) -> timedelta:
    found = parse_duration(cast("Duration", value), "timeout")
    if not timedelta(0) < found <= LONGEST_PREDICATE:
        raise ConfigurationError("must be more than nothing and at most five minutes")
    return found


def _as_seed(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= 200):
        return value
    raise ConfigurationError("must be a text of 1 to 200 characters")


def _as_dst(value: object) -> Dst:
    try:
        return Dst(cast("str", value))
    except ValueError:
        raise ConfigurationError(f"is unknown: choose one of {', '.join(Dst)}") from None


def _as_name(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _NAME.fullmatch(value)):
        return value
    raise ConfigurationError("is not allowed: letters, digits and _ . : # - after a first letter, 220 at most")


def _as_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigurationError("True or False is needed")


def _as_params(value: object) -> str:
    if value is None:
        return "{}"
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError("must be a mapping of names to values")
    try:
        text = json.dumps(dict(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"must be JSON values: {error}") from None
    if len(text) > MOST_PARAMS:
        raise ConfigurationError(f"has {len(text)} characters as JSON: {MOST_PARAMS} are allowed; store it, and name the place")
    return text


def _as_bound(value: object) -> datetime | date | None:
    """Return an aware UTC time, or a date as it is."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            raise ConfigurationError("is no time: write it as 2030-01-31 or 2030-01-31T08:00:00+01:00") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConfigurationError("has no zone: say which, as datetime(2030, 1, 31, 8, tzinfo=ZoneInfo('Europe/Berlin'))")
        value = _utc(value)
    elif value is not None and not isinstance(value, date):
        raise ConfigurationError("must be an aware datetime, a date or an ISO text")
    return value


def _utc(value: datetime) -> datetime:
    try:
        found = value.astimezone(UTC)
    except OverflowError:
        found = LATEST
    if not EARLIEST <= found < LATEST:
        raise ConfigurationError("is out of range: the years 1 to 9998 are allowed")
    return found


def _as_anchor(value: object, tz: str) -> datetime:
    found = _bound(_as_bound(value), tz, after=0)
    if found is None:
        raise ConfigurationError("must be an aware datetime, a date or an ISO text")
    return found


def _bound(value: datetime | date | None, tz: str, *, after: int) -> datetime | None:
    """Return a bound as a time: a date is the beginning of the day, or of the one ``after`` it, in the zone."""
    if value is None or isinstance(value, datetime):
        return value
    return zone(tz).first_instant(datetime.combine(value + after * _DAY, time()))


def _span_of(window: str) -> tuple[time, time]:
    begins, _, ends = window.partition("-")
    return time.fromisoformat(begins), time.fromisoformat(ends)


@lru_cache(maxsize=4096)
def _interval(expression: str) -> timedelta:
    return parse_duration(expression, "every")


@lru_cache(maxsize=4096)
def _calendar(kind: ScheduleKind, expression: str, tz: str, dst: Dst, anchor: datetime) -> Calendar:
    if kind is ScheduleKind.MANUAL:
        return Once(None)
    if kind is ScheduleKind.AT:
        return Once(datetime.fromisoformat(expression))
    if kind is ScheduleKind.EVERY or (kind is ScheduleKind.WHEN and _is_duration(expression)):
        return Interval(anchor, _interval(expression))
    return CronCalendar(crons.parse(expression), zone(tz), is_literal=dst is Dst.WALL)


def _exact(duration: timedelta) -> str:
    """Return a duration in words that `parse_duration` reads back without loss, to the millisecond."""
    rest, parts = duration // _MILLISECOND, []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return _exact(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, (Misfire, StrEnum)) else value


_MICROSECOND = timedelta(microseconds=1)
_ATTRIBUTES = {"enabled": "is_enabled"}  # fields that are named otherwise than the option that sets them
_USUAL: Mapping[str, Any] = {
    "tz": "UTC", "misfire": Misfire(), "grace": None, "start": None, "end": None, "jitter": timedelta(0), "seed": None, "window": None,
    "dst": Dst.ONCE, "name": None, "enabled": True, "anchor": EPOCH, "timeout": DEFAULT_TIMEOUT,
}  # fmt: skip
