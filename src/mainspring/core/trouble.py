"""Errors that are alike, as people and programs read them: one group for each fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Failed tries with one fingerprint (task, type and innermost frames).

    ``n`` counts occurrences, also those whose runs are gone. ``message`` is that of the latest. A group is open until somebody resolves it,
    and again as soon as it occurs after that; ``reopened`` says how often that has happened. One that is ignored is counted on.
    """

    fingerprint: str
    task: str
    kind: str
    type: str
    message: str
    n: int
    first_at: datetime
    last_at: datetime
    last_run: str
    resolved_at: datetime | None
    resolved_by: str | None
    reason: str | None
    reopened: int
    ignored_at: datetime | None = None
    ignored_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the error was never resolved, or came again since."""
        return self.resolved_at is None or self.last_at > self.resolved_at


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One try that ended with an error; ``outcome`` is a word of `AttemptOutcome`."""

    run_id: str
    attempt: int
    outcome: str
    reason: str | None
    node_id: str | None
    at: datetime
