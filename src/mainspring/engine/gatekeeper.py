"""The gatekeeper: asks before a run is ready whether it may go. On every node; any number of them at once let no two overlap that must not.

Level-triggered: it looks several times a second, and now and then at everything. Hints make it quick: a run that was added to a gate, one
that ended, a schedule that fired.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mainspring.core.overlap import REPLACER
from mainspring.core.run import Reason
from mainspring.core.switch import Switches
from mainspring.core.task import Task
from mainspring.engine.faults import FAULT
from mainspring.engine.ration import Ration
from mainspring.store.gates import Answers, GateStore, Look
from mainspring.store.runs import Lane, RunStore

EVERY = 0.7  # seconds between looks: what another process has put here, or ended, is found within them
FULL, LONGEST_FULL = 2.0, 30.0  # seconds between looks at all that waits; more where that is much
SOON = 0.05  # seconds after which keys are asked again whose runs have just begun to wait: the one in the way may have ended meanwhile
BUSY = 0.005  # seconds until a key is tried again that another gatekeeper held
SHORTEST = 0.002
TOGETHER = 200  # keys in one transaction: 160 us a run on PostgreSQL, against 240 with fifty
MANY = 500  # runs in one transaction


def watched(tasks: Mapping[str, Task[..., Any]]) -> frozenset[str]:
    """Return the tasks whose ends open gates, as far as the code says so."""
    policies = {name for name, task in tasks.items() if task.spec.overlap_policy is not None}
    return frozenset(policies.union(*({each.task for each in task.spec.depends_on} for task in tasks.values())))


class Gatekeeper:
    """Asks those that are due."""

    name = "gatekeeper"

    def __init__(
        self, gates: GateStore, runs: RunStore, tasks: Mapping[str, Task[..., Any]], switches: Switches, *, clock: Callable[[], float]
    ) -> None:
        self._gates, self._runs, self._switches, self._clock = gates, runs, switches, clock
        self._code = watched(tasks)
        self._overlaps: Mapping[str, object] = {}  # the operators' choices that the last full look went by
        self._is_choice_new = False  # whether runs from before the latest choice are still to be looked for
        self.watched = self._code
        self._fulls = Ration(FULL, LONGEST_FULL)
        self._adopts = Ration(FULL, LONGEST_FULL)
        self._beginnings = Ration(0.0, LONGEST_FULL)
        self._since: Any = None  # what is due and no late commit is due from here on: past the graveyard of those that were
        self._ended: set[str] = set()
        self._has_answered = False  # whether somebody got an answer in this round: there may be more than one look shows
        self._again: dict[str, float] = {}  # keys that are to be asked again, and when
        self.wake: Callable[[], None] = lambda: None
        self.on_ready: Callable[[Lane], None] = lambda lane: None
        self.on_limited: Callable[[Collection[str]], None] = lambda keys: None
        self.on_changed: Callable[[Sequence[str]], None] = lambda ids: None  # who waits for these runs wants to know
        self.on_cancelled: Callable[[Sequence[str]], None] = lambda ids: None  # these are running somewhere, and are to stop

    def poke(self) -> None:
        """Hear that there are new runs at the gates."""
        self.wake()

    def ended(self, tasks: Collection[str]) -> None:
        """Hear from this process's own node of which tasks runs have ended."""
        if found := self.watched.intersection(tasks):
            self._ended |= found
            self.wake()

    def look_again(self) -> None:
        """Hear that something changed, but not what: look at everything now."""
        self._fulls.renew()
        self.wake()

    async def tick(self) -> float:
        """Ask who is due now; answers when somebody may be again."""
        began = self._clock()
        if self._switches.overlaps != self._overlaps:
            self._overlaps = dict(self._switches.overlaps)
            self._fulls.renew()
            self._adopts.renew()
            self._is_choice_new = True
        ripe = {key for key, at in self._again.items() if at <= began}
        for key in ripe:
            del self._again[key]
        ended, self._ended = self._ended, set()
        is_full = self._fulls.is_due(began)
        self._has_answered = False
        try:
            if self._overlaps and self._adopts.is_due(began):
                while await self._gates.adopt(is_full=self._is_choice_new, n=MANY) == MANY:
                    pass
                self._is_choice_new = False
                self._adopts.took(self._clock() - began, self._clock())
            look = await self._look(is_full)
            if is_full:
                self.watched = self._code.union(self._overlaps, look.awaits)
            has_passed = await self._ask(ripe.union(look.keys))
            if look.depends or has_passed or ended:
                await self._depend(is_full=is_full, has_new=look.depends or has_passed, ended=ended)
        except BaseException:
            self._since = None
            self._fulls.renew()  # nobody will poke for these again
            raise
        now = self._clock()
        if is_full:
            self._fulls.took(now - began, now)
        waits = [EVERY, *(at - now for at in self._again.values())]
        if look.due is not None:
            waits.append(look.due)
        return 0.0 if self._ended or self._has_answered else max(min(waits), SHORTEST)

    async def _look(self, is_full: bool) -> Look:
        """Look what there is to do; from the beginning, for what came late or is due since long, as often as that is cheap."""
        began = self._clock()
        is_whole = is_full or self._beginnings.is_due(began)
        look = await self._gates.look(is_full=is_full, since=None if is_whole else self._since)
        if is_whole:
            self._beginnings.took(self._clock() - began, self._clock())
        if not look.is_cut:
            self._since = look.since
        return look

    async def _ask(self, keys: Collection[str]) -> bool:
        """Ask the overlap policies of keys; answers whether some have dependencies to be asked about now."""
        depends = False
        left = sorted(keys)
        while left:
            some, left = left[:TOGETHER], left[TOGETHER:]
            answers = await self._gates.ask(some)
            FAULT("after_gate_commit")
            depends |= answers.depends
            self._tell(answers)
            left += answers.more
            now = self._clock()
            self._again |= dict.fromkeys(answers.busy, now + BUSY)
            if answers.blocked:
                self._again |= {key: min(self._again.get(key, now + SOON), now + SOON) for key in some}
            if answers.to_cancel:
                await self._replace(answers.to_cancel)
                self._again |= {key: min(self._again.get(key, now + BUSY), now + BUSY) for key in some}
        return depends

    async def _replace(self, ids: Sequence[str]) -> None:
        """Cancel runs that a newer one takes the place of. What is being written just now is asked about the next time."""
        stopped = await self._runs.cancel(ids, actor=REPLACER, reason=str(Reason.REPLACED))
        FAULT("after_replace_commit")
        self.on_changed(ids)
        if running := [each.id for each in stopped.values() if each.was_running]:
            self.on_cancelled(running)

    async def _depend(self, *, is_full: bool, has_new: bool, ended: Collection[str]) -> None:
        after: str | None = None
        while True:
            answers = await self._gates.depend(is_full=is_full, has_new=has_new, tasks=ended, after=after)
            FAULT("after_gate_commit")
            self._tell(answers)
            if not answers.more:
                return
            after = answers.more[0]

    def _tell(self, answers: Answers) -> None:
        self._has_answered |= bool(answers.passed or answers.skipped)
        for lane in sorted(answers.lanes):
            self.on_ready(lane)
        if answers.limits:
            self.on_limited(answers.limits)
        if changed := [*answers.passed, *answers.skipped, *answers.blocked]:
            self.on_changed(changed)
