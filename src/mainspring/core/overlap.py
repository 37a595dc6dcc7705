"""Overlap: what happens when a run is due while an earlier one of its task has not ended. Pure.

A run with a policy is asked at a gate before it is ready: by the engine, in one place, never in the transaction that adds it. A run that
was let through is *active* until it has ended: it may retry, snooze or wait for a limit meanwhile, nobody asks it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import check_whole
from mainspring.core.template import Template, parse_template

MOST = 1000
REPLACER = "overlap"  # who cancels the runs that newer ones replace
QUEUED = 1  # runs that wait with a bare "queue": more of them would all do the same work


class Policy(StrEnum):
    """What becomes of a run that is due while others of its key are active."""

    SKIP = "skip"  # it ends as skipped, and says which run was in the way
    QUEUE = "queue"  # it waits for its turn, up to `most` of them; what is due beyond them is skipped
    REPLACE = "replace"  # those that are active are cancelled, and the newest that is due follows them
    ALLOW = "allow"  # it goes; with `most`, while fewer than those are active, and is skipped otherwise


class Gate(IntEnum):
    """What a run has still to be asked before it is ready. Numbers of the store: their meaning never changes."""

    OPEN = 0  # nothing, or nothing any more
    OVERLAP = 1  # its overlap policy, and then what it depends on
    DEPENDENCY = 2  # what it depends on


_HOLDS = (Policy.QUEUE, Policy.ALLOW)  # those that count


@dataclass(frozen=True, slots=True, init=False)
class Overlap:
    """A policy for runs that would overlap: ``Overlap("queue", most=3, key="repo:{url}")``.

    Runs of a task share a key (of each tenant its own) unless ``key``, a template over the parameters, tells them apart. ``most`` belongs
    to ``queue`` (how many wait; 1 unless given) and ``allow`` (how many are active at once; no bound unless given).
    """

    policy: Policy
    most: int | None
    key: Template | None

    def __init__(self, policy: Policy | str, *, most: int | None = None, key: str | None = None) -> None:
        try:
            chosen = Policy(policy)
        except ValueError:
            raise ConfigurationError(f"Overlap(policy)={policy!r} is unknown: choose one of {', '.join(Policy)}") from None
        if most is not None:
            if chosen not in _HOLDS:
                raise ConfigurationError(f"Overlap(most)={most!r} has no meaning with {chosen}: it belongs to {' and '.join(_HOLDS)}")
            check_whole(most, 1, MOST, "Overlap(most)")
        object.__setattr__(self, "policy", chosen)
        object.__setattr__(self, "most", QUEUED if most is None and chosen is Policy.QUEUE else most)
        object.__setattr__(self, "key", None if key is None else parse_template(key, "Overlap(key)"))

    @property
    def is_gate(self) -> bool:
        """Tell whether anybody has to be asked: an unbounded ``allow`` lets everything go."""
        return self.policy is not Policy.ALLOW or self.most is not None

    def __str__(self) -> str:
        return str(self.policy) if self.most is None else f"{self.policy}:{self.most}"


SKIP = Overlap(Policy.SKIP)  # what holds for a task that has a schedule and says nothing


def parse_overlap(value: object, field_name: str = "overlap") -> Overlap:
    """Return the policy of a text (``skip``, ``queue``, ``queue:3``, ``replace``, ``allow``, ``allow:4``); raises `ConfigurationError`."""
    if isinstance(value, Overlap):
        return value
    wanted = "write skip, queue, queue:3, replace, allow or allow:4, or give Overlap('queue', most=3, key='repo:{url}')"
    if not isinstance(value, str):
        raise ConfigurationError(f"{field_name}={value!r} is no overlap policy: {wanted}")
    name, colon, number = value.strip().partition(":")
    if name not in list(Policy) or (colon and not (number.isascii() and number.isdigit())):
        raise ConfigurationError(f"{field_name}={value!r} is no overlap policy: {wanted}")
    return Overlap(name, most=int(number) if colon else None)


def overlap_key(task: str, tenant: str, text: str | None = None) -> str:
    """Return the key that runs share which must not overlap; no two of (task, tenant, text) have the same.

    A task's name has no slash, and one in a tenant's is doubled, so a single one before ``=`` begins the text.
    """
    key = f"{task}/{tenant.replace('/', '//')}"
    return key if text is None else f"{key}/={text}"


@dataclass(frozen=True, slots=True)
class OverlapChoice:
    """The policy that an operator has set for a task, instead of the code's; the key stays the code's."""

    task: str
    overlap: Overlap
    changed_at: datetime
    changed_by: str | None = None
    reason: str | None = None
