"""Retention: how long finished runs are kept, by what a task says and what the app says. Pure: nothing is deleted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import check_whole
from mainspring.core.state import RunState


@dataclass(frozen=True, slots=True, init=False)
class Retention:
    """By age for runs that completed and for those that did not, and how many of the newest stay whatever their age.

    What is None is as the app says (`Settings.retention`). Pinned runs stay; statistics outlive all of them.
    """

    completed: timedelta | None
    others: timedelta | None
    keep_last: int

    def __init__(self, completed: Duration | None = None, *, others: Duration | None = None, keep_last: int = 0) -> None:
        if completed is None and others is None and not keep_last:
            raise ConfigurationError("Retention() says nothing: give completed=, others= or keep_last=")
        check_whole(keep_last, 0, 1_000_000, "Retention(keep_last)")
        object.__setattr__(self, "completed", None if completed is None else parse_duration(completed, "Retention(completed)"))
        object.__setattr__(self, "others", None if others is None else parse_duration(others, "Retention(others)"))
        object.__setattr__(self, "keep_last", keep_last)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long finished runs stay, resolved.

    Ages by how a run ended (None: for ever), and how many of the newest stay whatever their age.
    """

    completed: timedelta | None
    others: timedelta | None
    last: int = 0

    def age_of(self, state: RunState) -> timedelta | None:
        """Return how long a run in a final state stays."""
        return self.completed if state is RunState.COMPLETED else self.others

    @property
    def shortest(self) -> timedelta | None:
        """The shorter of both ages; None where every run stays for ever."""
        ages = [age for age in (self.completed, self.others) if age is not None]
        return min(ages, default=None)

    @property
    def longest(self) -> timedelta | None:
        """The longer of both ages; None where some runs stay for ever."""
        return None if self.completed is None or self.others is None else max(self.completed, self.others)

    def refined(self, own: Retention | None) -> Keeping:
        """Return what holds for a task whose definition says something of its own."""
        if own is None:
            return self
        return Keeping(
            self.completed if own.completed is None else own.completed,
            self.others if own.others is None else own.others,
            own.keep_last or self.last,
        )


@dataclass(frozen=True, slots=True)
class Policies:
    """Who stays how long: what the app says, and what tasks say for themselves."""

    default: Keeping
    own: Mapping[str, Retention] = field(default_factory=dict)
    states: frozenset[RunState] | None = None  # only runs that ended so; None: however they ended
    task: str | None = None  # only runs of this task
    tenants: Mapping[str, Retention] = field(default_factory=dict)  # what tenants say for all of theirs
    scope: Scope = EVERYTHING  # only runs within it

    def of(self, task: str, tenant: str = "") -> Keeping:
        """Return what holds for a task; what its tenant says comes before what its definition says."""
        keeping = self.default.refined(self.own.get(task))
        return keeping.refined(self.tenants[tenant]) if tenant in self.tenants else keeping

    def only(
        self, *, older_than: timedelta | None = None, states: frozenset[RunState] | None = None, task: str | None = None,
        scope: Scope = EVERYTHING,
    ) -> Policies:  # fmt: skip
        """Return the policies for a clean-up by hand: another age in place of all others, and only some of the runs.

        How many of the newest stay is not touched by the age.
        """
        if older_than is None:
            return replace(self, states=states, task=task, scope=scope)
        default = Keeping(older_than, older_than, self.default.last)
        own = {
            name: Retention(older_than, others=older_than, keep_last=each.keep_last) for name, each in self.own.items() if each.keep_last
        }
        return Policies(default, own, states, task, scope=scope)

    def has_expired(self, task: str, state: RunState, finished_at: datetime, now: datetime, tenant: str = "") -> bool:
        """Tell whether a finished run is past its time; pins and the newest of a task are another's business."""
        if (self.task is not None and task != self.task) or (self.states is not None and state not in self.states):
            return False
        age = self.of(task, tenant).age_of(state)
        return age is not None and finished_at < now - age

    @property
    def is_partial(self) -> bool:
        """Whether only some of the runs are looked at."""
        return self.states is not None or self.task is not None or not self.scope.is_everything
