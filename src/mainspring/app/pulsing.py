"""Pulses of an app: the store opened, a node for the length of a budget, its round, and the record of it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from mainspring.app.definitions import Definitions
from mainspring.app.enqueuer import Enqueuer
from mainspring.app.opening import Opened, Opening
from mainspring.core.duration import parse_duration
from mainspring.core.environment import Environment
from mainspring.core.errors import Conflict, MainspringError, StoreError, StoreUnavailable, TaskDisabled
from mainspring.core.notice import Severity
from mainspring.core.policy import Isolation
from mainspring.core.pulse import CRITICAL_FROM, JUDGED, Budget, Deferred, DueSlot, PulseHealth, PulseReport, PulseState, Why, judge
from mainspring.core.role import Role

if TYPE_CHECKING:
    from mainspring.config import Settings
    from mainspring.core.task import Task
    from mainspring.engine.pulse import Round
    from mainspring.engine.runner import Runner

THREADS = 8  # bodies at once in the threads of a pulse, where TASK_MAX_CONCURRENT does not say
OBJECT = "pulse"  # what notices about pulses are about
MOST_LATE = timedelta(seconds=60)  # a slot that late is on time, as for the scheduler
UPKEEP_EVERY, UPKEEP_AFTER = 10, timedelta(minutes=5)  # pulses, and the time since the last one, after which old things are cleared away
ORIGIN = "pulse"  # of runs that a pulse was told to enqueue


class MakeRunner(Protocol):
    """Makes the node of a pulse."""

    def __call__(self, held: Opened, *, role: Role, name: str | None = None, budget: Budget | None = None) -> Runner:
        """Return it, not started."""


def isolation_of_pulse(settings: Settings) -> Isolation:
    """Return where bodies run in a pulse whose task does not say.

    Serverless platforms have no time for children: there they run in threads, which cannot be killed, but never hold up the pulse itself
    as a ``def`` body in its event loop would.
    """
    is_serverless = settings.runner_environment is Environment.SERVERLESS
    return Isolation.THREAD if is_serverless and settings.isolation is Isolation.PROCESS else settings.isolation


def threads_of_pulse(settings: Settings) -> int:
    """Return how many bodies a pulse runs at once where they run in threads: they mostly wait, however few cores a function has."""
    is_threaded = isolation_of_pulse(settings) is Isolation.THREAD and settings.max_concurrent is None
    return max(settings.def_children, THREADS) if is_threaded else settings.def_children


class Pulsing:
    """Beats, one at a time for each process."""

    def __init__(self, definitions: Definitions, opening: Opening, enqueuer: Enqueuer, make_runner: MakeRunner) -> None:
        self._definitions, self._opening, self._enqueuer, self._make_runner = definitions, opening, enqueuer, make_runner

    async def pulse(
        self, *, budget: timedelta | str | None, dry_run: bool, only: tuple[str, ...], force: tuple[str, ...], source: str,
        actor: str | None, request: str | None,
    ) -> PulseReport:  # fmt: skip
        """Do one round; see `Mainspring.pulse`."""
        clock = asyncio.get_running_loop().time
        given = self._definitions.settings.pulse_budget if budget is None else parse_duration(budget, "budget")
        bounds = Budget.of(given, clock())
        chosen = {self._named(name)[0].name for name in only}
        forced = [self._named(name) for name in dict.fromkeys(force)]
        try:
            async with asyncio.timeout_at(bounds.stops_at):
                held = await self._opening.opened()
                if dry_run:
                    return await self._look(held, bounds, chosen, source)
                for task, params in forced:  # everything is checked before anything is written
                    if not (await held.board.read()).is_off(task.spec):
                        await self._enqueuer.check(task, params)
                health = await self.health()
                number = await held.store.pulses.begin(source, None, given, request=request)
        except TimeoutError:
            raise _too_late(bounds) from None
        if number is None:
            raise Conflict("this request has been taken before: sign another, with the time of now")
        beat = _Beat(self._definitions, self._enqueuer, held, bounds, number, source)
        beat.keeps_up = number % UPKEEP_EVERY == 1 or health.age is None or health.age >= UPKEEP_AFTER
        report: PulseReport | None = None
        try:
            report = await beat.through(self._make_runner, chosen, forced, actor)
        finally:
            if report is None:  # whatever went wrong: it is to be seen in the list of pulses, where that is possible
                report = beat.report(errors=beat.errors or {"pulse": "broken off"})
            await _at_most(bounds.ends_at - clock(), self._write_down(held, number, report, health))
        return report

    def _named(self, name: str) -> tuple[Task[..., Any], str]:
        """Return the task that is meant by its own name or that of a schedule, with the schedule's parameters; raises `UnknownTask`."""
        from mainspring.engine.scheduler import schedules_among

        registry = self._definitions.registry
        task_name, schedule = schedules_among(self._definitions.live).get(name, (name, None))
        return registry.get(task_name), "{}" if schedule is None else schedule.params_json

    async def health(self) -> PulseHealth:
        """Say how pulses are doing; see `Mainspring.pulse_health`."""
        held = await self._opening.opened()
        latest, now = await held.store.pulses.latest(n=JUDGED)
        is_expected = bool(latest) and not await held.store.pulses.is_covered()
        return judge(latest, now or await held.store.database.now(), self._definitions.settings.pulse_interval, is_expected=is_expected)

    async def _look(self, held: Opened, bounds: Budget, only: Collection[str], source: str) -> PulseReport:
        from mainspring.core.firing import SlotReason, account
        from mainspring.engine.pulse import deferred_of, next_of

        clock, settings = asyncio.get_running_loop().time, self._definitions.settings
        schedules, live = held.store.schedules, self._definitions.live
        switches, look = await held.board.read(), await held.store.schedules.look()
        slots: list[DueSlot] = []
        for record in await schedules.due(look.now):
            if record.problem is not None or record.task not in live or (only and record.task not in only):
                continue
            silent = SlotReason.MAINTENANCE if look.is_maintenance else None
            if switches.is_off(live[record.task].spec):
                silent = silent or SlotReason.DISABLED
            firing = account(record, look.now, max(MOST_LATE, 2 * settings.pulse_interval), silent=silent)
            told = [(slot, "fire") for slot in firing.fires] + [(each.slot, str(each.reason)) for each in firing.unfired]
            told += [] if firing.asks is None else [(firing.asks, "ask")]
            slots += [DueSlot(record.name, record.task, slot, verdict) for slot, verdict in sorted(told)]
        kept, could = deferred_of(
            await held.store.pulses.due(), live, switches, bounds, room=bounds.longest, default_timeout=settings.default_timeout,
            only=only, is_maintained=look.is_maintenance,
        )  # fmt: skip
        return PulseReport(
            id=None, source=source, budget=timedelta(seconds=bounds.seconds), duration=timedelta(seconds=clock() - bounds.began_at),
            is_dry_run=True, remaining=sum(each.runs for each in (*kept, *could)),
            is_more=bool(could) or any(slot.verdict in ("fire", "ask") for slot in slots), next_in=await next_of(held.store),
            deferred=tuple(kept), due=tuple(could), slots=tuple(slots),
        )  # fmt: skip

    async def _write_down(self, held: Opened, number: int, report: PulseReport, before: PulseHealth) -> None:
        """Keep the record, forget old ones, and tell what people want to know of it."""
        await held.store.pulses.end(number, report)
        await held.store.pulses.prune()
        tell = held.store.notices.add
        if before.state is PulseState.STALE:
            await tell(OBJECT, "pulse_missed", Severity.WARNING, {"missed": before.missed, "last_at": before.last_pulse_at})
        if killed := [each for each in before.killed if await held.store.pulses.killed(each)]:
            await tell(OBJECT, "pulse_killed", Severity.WARNING, {"pulses": killed})
        in_a_row = 0 if report.is_ok else before.in_a_row + 1
        if in_a_row == CRITICAL_FROM:
            await tell(OBJECT, "pulse_critical", Severity.ALERT, {"in_a_row": in_a_row, "errors": dict(report.errors)})
        elif in_a_row == 1:
            await tell(OBJECT, "pulse_failed", Severity.WARNING, {"errors": dict(report.errors)})
        elif not in_a_row and before.in_a_row:
            await tell(OBJECT, "pulse_recovered", Severity.INFO, {"failed": before.in_a_row})


class _Beat:
    """One pulse under way."""

    def __init__(self, definitions: Definitions, enqueuer: Enqueuer, held: Opened, bounds: Budget, number: int, source: str) -> None:
        self._definitions, self._enqueuer, self._held, self._bounds, self._number = definitions, enqueuer, held, bounds, number
        self._source = source
        self._clock = asyncio.get_running_loop().time
        self._round: Round | None = None
        self._forced: list[str] = []
        self._refused: list[Deferred] = []
        self._is_maintained = False
        self.keeps_up = True
        self.errors: dict[str, str] = {}

    async def through(
        self, make_runner: MakeRunner, only: Collection[str], force: Sequence[tuple[Task[..., Any], str]], actor: str | None
    ) -> PulseReport:
        """Beat, and return what was done and what is left."""
        try:
            async with asyncio.timeout(self._bounds.stops_at - self._clock()):
                await self._held.pulsing.acquire()
        except TimeoutError:  # another pulse of this process took all the time, and does what this one would have done
            return await self._left(only)
        try:
            await self._beat(make_runner, only, force, actor)
        except MainspringError as error:
            self.errors["pulse"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._held.pulsing.release()
        return await self._left(only)

    async def _beat(
        self, make_runner: MakeRunner, only: Collection[str], force: Sequence[tuple[Task[..., Any], str]], actor: str | None
    ) -> None:
        from mainspring.engine.pulse import Round

        held, settings = self._held, self._definitions.settings
        before, heard = await self._make_room(), held.bus.hooks
        name = f"pulse-{self._number}-{socket.gethostname()}-{os.getpid()}"
        runner = held.runner = make_runner(held, role=Role.PULSE, name=name, budget=self._bounds)
        try:
            try:
                async with asyncio.timeout_at(self._bounds.stops_at):
                    for task, params in force:
                        await self._enqueue(task, params, actor)
                    await runner.start(drives=False)
            except TimeoutError:
                raise _too_late(self._bounds) from None
            turning = self._round = Round(
                held.store, runner, self._definitions.live, self._bounds, clock=self._clock, default_timeout=settings.default_timeout,
                only=(*only, *(task.name for task, _ in force)) if only else (),
            )  # fmt: skip
            try:
                await turning.turn(keeps_up=self.keeps_up)
            finally:
                self._is_maintained = runner.presence.is_maintained
                await turning.stop()
        finally:
            held.runner = before
            if before is not None:
                held.bus.hooks = heard

    async def _make_room(self) -> Runner | None:
        """Take the place of a node that carries out nothing that waits; raises `Conflict` where one works. Answers who is to come back."""
        held = self._held
        runner = held.runner
        if runner is None or runner.stopped.is_set():
            return None
        if runner.role is Role.SERVE:
            return runner
        if runner.role is not Role.LOCAL or runner.worker.in_hand:
            raise Conflict("this app works already, and does all that a pulse would do: one node for each app and process")
        await runner.stop(0.0)
        return None

    async def _enqueue(self, task: Task[..., Any], params: str, actor: str | None) -> None:
        try:
            handle = await self._enqueuer.enqueue_json(task, params, origin=ORIGIN, actor=actor)
        except TaskDisabled:
            self._refused.append(Deferred(task.name, 1, Why.DISABLED))
        else:
            self._forced.append(handle.id)

    async def _left(self, only: Collection[str]) -> PulseReport:
        """Return the report, with what is due and was not begun."""
        from mainspring.engine.pulse import deferred_of, next_of

        held = self._held
        try:
            async with asyncio.timeout(max(self._bounds.ends_at - self._clock(), 0.0)):
                due = await held.store.pulses.due()
                next_in = await next_of(held.store)
        except (TimeoutError, StoreError) as error:
            self.errors["remaining"] = f"what is left was not counted: {type(error).__name__}"
            return self.report(is_more=True)
        kept, could = deferred_of(
            due, self._definitions.live, held.board.switches, self._bounds, room=self._bounds.room(self._clock()),
            default_timeout=self._definitions.settings.default_timeout, only=only, is_maintained=self._is_maintained,
        )  # fmt: skip
        deferred = [*self._refused, *kept, *could]
        return self.report(
            remaining=sum(each.runs for each in (*kept, *could)), deferred=tuple(deferred), next_in=next_in,
            is_more=any(each.reason.is_for_the_next for each in deferred),
        )  # fmt: skip

    def report(self, **left: Any) -> PulseReport:
        """Return what has been done so far; ``left`` tells the rest."""
        turning = self._round
        errors = {**self.errors, **(turning.errors if turning is not None else {}), **left.pop("errors", {})}
        return PulseReport(
            id=self._number, source=self._source, budget=timedelta(seconds=self._bounds.seconds),
            duration=timedelta(seconds=self._clock() - self._bounds.began_at),
            executed=0 if turning is None else turning.executed, succeeded=0 if turning is None else turning.succeeded,
            failed=0 if turning is None else turning.executed - turning.succeeded,
            given_back=0 if turning is None else turning.given_back, ran=() if turning is None else tuple(turning.ran),
            fired=0 if turning is None else turning.fired, forced=tuple(self._forced), errors=errors, **left,
        )  # fmt: skip


def _too_late(bounds: Budget) -> StoreUnavailable:
    return StoreUnavailable(
        f"the store took so long to answer that nothing is left of the budget of {bounds.seconds:g} s: give more, or see why"
    )


async def _at_most(seconds: float, work: Any) -> None:
    """Do something within a time, and without raising what the store has to say about it: the pulse itself has been told already."""
    try:
        async with asyncio.timeout(max(seconds, 0.05)):
            await work
    except (TimeoutError, StoreError):
        pass
