"""Dedupe: what an enqueue means when a run with the same key is there already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.template import Template, parse_template


class DedupePolicy(StrEnum):
    """What becomes of the second enqueue of a key. A key belongs to one task of one tenant."""

    EXISTING = "existing"  # answer the unfinished run that holds the key
    REJECT = "reject"  # raise `AlreadyEnqueued` with that run's id and state
    REPLACE = "replace"  # give the run that still waits the new parameters and time; one that runs goes on, and a new one follows it
    DEBOUNCE = "debounce"  # as replace, and start only when nobody has asked again for the window
    ONCE = "once"  # once in the window, or once ever without one: finished runs count too


class How(StrEnum):
    """How an enqueue was answered."""

    NEW = "new"  # by a run of its own
    EXISTING = "existing"  # by the run that was there; nothing was changed
    REPLACED = "replaced"  # by the run that waited, which now has this call's parameters
    DEBOUNCED = "debounced"  # likewise, and its start was put off
    REJECTED = "rejected"  # by the run that was there, and the policy is `reject`: a single enqueue raises `AlreadyEnqueued` instead


SHORTEST_WINDOW = timedelta(milliseconds=1)  # the store counts in these
# Windows that a debounced run waits at most from its first enqueue on: a key that is asked for without a pause starts all the same.
LONGEST_WAIT = 10

_WINDOWED = (DedupePolicy.DEBOUNCE, DedupePolicy.ONCE)


@dataclass(frozen=True, slots=True, init=False)
class Dedupe:
    """A key template with a policy: ``Dedupe("repo:{url}", "debounce", window="30s")``.

    ``window`` is needed by ``debounce`` (how long nobody may have asked again; the run starts after ten windows at the latest) and allowed
    with ``once`` (how long the key stays taken after the enqueue; for ever without it).
    """

    key: Template
    policy: DedupePolicy
    window: timedelta | None

    def __init__(self, key: str, policy: DedupePolicy | str = DedupePolicy.EXISTING, *, window: Duration | None = None) -> None:
        object.__setattr__(self, "key", parse_template(key, "Dedupe(key)"))
        try:
            chosen = DedupePolicy(policy)
        except ValueError:
            raise ConfigurationError(f"Dedupe(policy)={policy!r} is unknown: choose one of {', '.join(DedupePolicy)}") from None
        object.__setattr__(self, "policy", chosen)
        if window is not None and chosen not in _WINDOWED:
            raise ConfigurationError(f"Dedupe(window) has no meaning with the policy {chosen}: it belongs to {' and '.join(_WINDOWED)}")
        if window is None and chosen is DedupePolicy.DEBOUNCE:
            raise ConfigurationError("Dedupe(policy='debounce') needs window=, for instance window='30s'")
        length = None if window is None else parse_duration(window, "Dedupe(window)")
        if length is not None and length < SHORTEST_WINDOW:
            raise ConfigurationError(f"Dedupe(window)={window!r} is too short: a millisecond is the least")
        object.__setattr__(self, "window", length)
