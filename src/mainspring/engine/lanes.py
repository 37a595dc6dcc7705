"""Which lanes a node asks, in which order, and from where.

A lane keeps the ready time of a row of its latest claim as a watermark: later claims start there, past the graveyard of dead index
entries that a long transaction anywhere leaves behind. Rows that were committed late lie before it; a full pass at times finds them, and
moves the watermark back to the oldest that it saw, so that nobody walks the graveyard a second time. Between two passes lanes that gave
nothing are asked again from their watermarks, for what arrived without a hint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from mainspring.core.run import ClaimedRun
from mainspring.core.task import EXPENSIVE_QUEUE
from mainspring.engine.ration import Ration
from mainspring.store.runs import Lane

SHORTEST_PASS, LONGEST_PASS = 0.5, 20.0  # seconds between full passes: the longest is reached with some six million dead entries
MOST_REMEMBERED = 1000  # lanes whose watermark outlives their being known; tenants may come and go by the thousand
MOST_SHARES = 8  # claims by which a free node is filled where tenants compete for it
AGEING = 16  # every sixteenth claim takes the oldest first, so that background work always advances

Key = tuple[str, str, int, int]


class Lanes:
    """The lanes of one node. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: set[Key] = set()
        self._since: dict[Key, Any] = {}  # outlives the knowledge of the lane: an idle lane has a graveyard too
        self._oldest: dict[Key, Any] = {}
        self._passes = Ration(SHORTEST_PASS, LONGEST_PASS)
        self._claims = 0
        self._served: dict[tuple[str, str, int], int] = {}  # the claim that last gave runs of a queue and tenant, by pool
        self._asked: dict[tuple[str, str, int], int] = {}  # the claim that asked them first of all

    def is_full_pass_due(self, now: float) -> bool:
        """Tell whether it is time to look from the beginning."""
        return self._passes.is_due(now)

    def passed(self, found: Sequence[tuple[Lane, Any]], now: float, cost: float) -> None:
        """Take what a full pass found: these lanes, each with its oldest. ``cost`` is the seconds that it took."""
        self._oldest = {_key(lane): oldest for lane, oldest in found}
        self._known = set(self._oldest)
        if len(self._since) > MOST_REMEMBERED:
            self._since = {}
        self._since |= self._oldest
        self._passes.took(cost, now)

    def hinted(self, lane: Lane) -> None:
        """Take a hint that a lane grew."""
        self._known.add(_key(lane))

    def look_again(self) -> None:
        """Make a full pass due now: a hint said that something changed, but not where."""
        self._passes.renew()

    def recall(self) -> None:
        """Ask the lanes again that gave nothing, from their watermarks: cheap, so it stands in for a pass that is not due yet."""
        self._known |= self._since.keys()

    def order(self, pools: Iterable[int], *, is_expensive: bool = False) -> list[Lane]:
        """Return the lanes of some pools in the order in which they are to be served: by priority, tenants and queues taking turns.

        Whoever was served longest ago comes first, so a newcomer waits for one turn, however much others have in line. The lanes of
        expensive runs are asked for themselves.
        """
        wanted = set(pools)
        keys = sorted(key for key in self._known if key[2] in wanted and (key[0] == EXPENSIVE_QUEUE) == is_expensive)
        self._claims += 1
        if self._claims % AGEING == 0:
            aged = sorted((key for key in keys if key in self._oldest), key=lambda key: self._oldest[key])
            keys = aged + [key for key in keys if key not in self._oldest]  # hinted at since the last pass: young
        else:
            keys.sort(key=lambda key: (key[3], self._served.get(key[:3], 0), self._asked.get(key[:3], 0)))
            if keys:
                self._asked[keys[0][:3]] = self._claims
        return [Lane(*key, since=self._since.get(key)) for key in keys]

    def claimed(self, lanes: Sequence[Lane], runs: Sequence[ClaimedRun], asked: int) -> None:
        """Move the watermarks to what the latest claim took; a lane that gave nothing is dropped until a hint or a full pass names it."""
        last: dict[Key, Any] = {}
        for run in runs:
            last[run.queue, run.tenant, run.pool, run.priority] = run.ready_at
        self._since.update(last)
        if len(self._served) > MOST_REMEMBERED:
            self._served, self._asked = {}, {}
        self._served |= {key[:3]: self._claims for key in last}
        if len(runs) < asked:  # every lane was asked to its end
            for lane in lanes:
                if _key(lane) not in last:
                    self._oldest.pop(_key(lane), None)
                    self._known.discard(_key(lane))

    def share(self, lanes: Sequence[Lane], n: int, whole: int) -> int:
        """Return how much of a room of ``n`` one claim may take: all, or its part of the ``whole`` where tenants compete."""
        tenants = len({lane.tenant for lane in lanes if lane.priority == lanes[0].priority})
        return n if tenants <= 1 else min(n, -(-whole // min(tenants, MOST_SHARES)))

    def has(self, pools: Collection[int]) -> bool:
        """Tell whether something is known to wait for one of these pools."""
        return any(key[2] in pools for key in self._known)

    def has_expensive(self, pools: Collection[int]) -> bool:
        """Tell whether expensive runs are known to wait for one of these pools."""
        return any(key[0] == EXPENSIVE_QUEUE and key[2] in pools for key in self._known)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known to wait."""
        return not self._known


def _key(lane: Lane) -> Key:
    return (lane.queue, lane.tenant, lane.pool, lane.priority)
