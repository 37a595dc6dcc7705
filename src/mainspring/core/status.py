"""The status of a task: what its runs are doing now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainspring.core.state import RunState

if TYPE_CHECKING:
    from mainspring.core.run import Run


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How a task is doing in the whole fleet. Counts are of unfinished runs; those that wait are counted up to a bound.

    ``last`` is the newest run, whatever became of it; None where there never was one, or none is kept.
    """

    name: str
    is_enabled: bool
    running: int
    pending: int
    blocked: int
    suspended: int
    last: Run | None

    @property
    def is_running(self) -> bool:
        """Whether a run of it is being carried out."""
        return self.running > 0

    @property
    def state(self) -> RunState | None:
        """The most telling state in one word: running before suspended, blocked and pending, else how the newest run ended."""
        counts = (
            (RunState.RUNNING, self.running), (RunState.SUSPENDED, self.suspended), (RunState.BLOCKED, self.blocked),
            (RunState.PENDING, self.pending),
        )  # fmt: skip
        waits = next((state for state, n in counts if n), None)
        return waits if waits is not None or self.last is None else self.last.state


@dataclass(frozen=True, slots=True)
class Stuck:
    """Runs of a task that no live node can carry out; ``since_ms`` is how long the oldest has existed."""

    task: str
    n: int
    since_ms: float
