"""Which lanes a node asks, in which order, and from where.

A lane keeps the ready time of a row of its latest claim as a watermark: later claims start there, past the graveyard of dead index
entries that a long transaction anywhere leaves behind. Rows that were committed late lie before it; a full pass at times finds them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from mainspring.core.run import ClaimedRun
from mainspring.store.runs import Lane

SHORTEST_PASS, LONGEST_PASS = 0.5, 5.0
COST_FACTOR = 20  # a full pass may cost at most a twentieth of the time between two
AGEING = 16  # every sixteenth claim takes the oldest first, so that background work always advances

Key = tuple[str, str, int, int]


class Lanes:
    """The lanes of one node. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: set[Key] = set()
        self._since: dict[Key, Any] = {}  # outlives the knowledge of the lane: an idle lane has a graveyard too
        self._oldest: dict[Key, Any] = {}
        self._next_full = float("-inf")
        self._claims = 0

    def is_full_pass_due(self, now: float) -> bool:
        """Tell whether it is time to look from the beginning."""
        return now >= self._next_full

    def passed(self, found: Sequence[tuple[Lane, Any]], now: float, cost: float) -> None:
        """Take what a full pass found: these lanes, from the beginning. ``cost`` is the seconds that it took."""
        self._known = {_key(lane) for lane, _ in found}
        self._since = {}
        self._oldest = {_key(lane): oldest for lane, oldest in found}
        self._next_full = now + min(max(SHORTEST_PASS, COST_FACTOR * cost), LONGEST_PASS)

    def hinted(self, lane: Lane) -> None:
        """Take a hint that a lane grew."""
        self._known.add(_key(lane))

    def look_again(self) -> None:
        """Make a full pass due now: a hint said that something changed, but not where."""
        self._next_full = float("-inf")

    def order(self, pools: Iterable[int]) -> list[Lane]:
        """Return the lanes of some pools in the order in which they are to be served: by priority, tenants and queues taking turns."""
        wanted = set(pools)
        keys = sorted(key for key in self._known if key[2] in wanted)
        self._claims += 1
        if self._claims % AGEING == 0:
            aged = sorted((key for key in keys if key in self._oldest), key=lambda key: self._oldest[key])
            keys = aged + [key for key in keys if key not in self._oldest]  # hinted at since the last pass: young
        else:
            turn = self._claims % len(keys) if keys else 0
            keys = sorted(keys[turn:] + keys[:turn], key=lambda key: key[3])
        return [Lane(*key, since=self._since.get(key)) for key in keys]

    def claimed(self, lanes: Sequence[Lane], runs: Sequence[ClaimedRun], asked: int) -> None:
        """Move the watermarks to what the latest claim took; a lane that gave nothing is dropped until a hint or a full pass names it."""
        last: dict[Key, Any] = {}
        for run in runs:
            last[run.queue, run.tenant, run.pool, run.priority] = run.ready_at
        self._since.update(last)
        if len(runs) < asked:  # every lane was asked to its end
            for lane in lanes:
                if _key(lane) not in last:
                    self._oldest.pop(_key(lane), None)
                    self._known.discard(_key(lane))

    def has(self, pools: Collection[int]) -> bool:
        """Tell whether something is known to wait for one of these pools."""
        return any(key[2] in pools for key in self._known)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known to wait."""
        return not self._known


def _key(lane: Lane) -> Key:
    return (lane.queue, lane.tenant, lane.pool, lane.priority)
