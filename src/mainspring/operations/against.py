"""The deploy gate's look at a store: what waits there, held against a manifest. Nothing is written, nothing is locked, nothing is kept.

No operation of the catalogue: it is asked before a release is rolled out, by who has the manifest of its code in hand.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mainspring.advisor.against import Cause, Comparison, Expected, Origin, Stored, Wrong
from mainspring.advisor.finding import Place
from mainspring.advisor.rules.schedule_facts import ScheduleFact
from mainspring.advisor.rules.timetable import shortest_period
from mainspring.app import Mainspring
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import (
    ConfigurationError,
    Forbidden,
    InvalidParams,
    Problem,
    StoreUnavailable,
    UndecodableParams,
    UnknownFile,
)
from mainspring.core.payload import is_reference
from mainspring.core.task import Task
from mainspring.operations.operation import Caller
from mainspring.operations.permit import is_host
from mainspring.registry.manifest import tasks_of
from mainspring.store.store import Store

PAGE = 500  # schedules that are read together
LATELY = timedelta(days=7)  # whose runs say how long a task takes
FEWEST = 5  # runs that say something
NOWHERE = Place(1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Slow:
    """A task whose runs take longer than its schedule leaves them (MS502): one in twenty of ``n`` took longer than ``p95``."""

    task: str
    expression: str
    period: timedelta
    p95: timedelta
    n: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found. ``applied`` is the database's schema, ``known`` this code's; ``schema`` says who is behind, or that both fit."""

    comparison: Comparison
    applied: int
    known: int
    schema: str
    slow: tuple[Slow, ...] = ()  # told, but no reason to stop a release: the overlap policy holds

    @property
    def is_safe(self) -> bool:
        """Whether the code may be rolled out: nothing breaks, and it fits the database."""
        return self.schema == "fits" and not self.comparison.groups


async def look(app: Mainspring, manifest: Mapping[str, Any], caller: Caller) -> Looked:
    """Return what would break in a store if the code of a manifest took over; raises `ConfigurationError` for what is no manifest.

    ``app`` names the store only: its own tasks, if any, do not matter.
    """
    if not is_host(caller):
        raise Forbidden(f"{caller.user.name!r} sees a part of the store only: the gate is for the host's people")
    tasks = _tasks(manifest)
    comparison = Comparison(_expected(manifest, tasks))
    slow: tuple[Slow, ...] = ()
    async with app.unchecked_store() as store:
        status = await store.migrations.status()
        needed = [step for step in status.waiting if step.phase == "pre"]
        schema = "code-behind" if status.narrowed else "database-behind" if needed else "fits"
        if status.applied:
            async for row in _runs(store):
                comparison.add(row)
        if status.applied and not needed:  # an older schema may lack what the look at schedules asks for
            async for row in _schedules(store):
                comparison.add(row)
            slow = await _slow(store, tasks)
    return Looked(comparison, status.applied, status.known, schema, slow)


async def _slow(store: Store, tasks: Iterable[Task[..., Any]]) -> tuple[Slow, ...]:
    """Return the tasks of the code that are slower than their schedules, by what finished lately."""
    scheduled = [task for task in tasks if task.spec.schedules]
    if not scheduled:
        return ()
    took = await store.stats.durations(await store.database.now() - LATELY)
    found = []
    for task in scheduled:
        if (lately := took.get(task.name)) is None or lately.ran.n < FEWEST:
            continue
        p95 = timedelta(milliseconds=lately.ran.p95)
        for schedule in task.spec.schedules:
            seconds = shortest_period(ScheduleFact(str(schedule.kind), schedule.expression, None, {}, NOWHERE))
            if seconds is not None and p95 > timedelta(seconds=seconds):
                found.append(Slow(task.name, schedule.expression, timedelta(seconds=seconds), p95, lately.ran.n))
    return tuple(found)


def _tasks(manifest: Mapping[str, Any]) -> Sequence[Task[..., Any]]:
    try:
        return tasks_of(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the manifest is not understood ({type(error).__name__}: {error}): write it anew with 'mainspring index'"
        ) from None


def _expected(manifest: Mapping[str, Any], tasks: Sequence[Task[..., Any]]) -> dict[str, Expected]:
    said = {each["name"]: each for each in manifest["tasks"]}
    return {
        task.name: Expected(task.name, task.spec.params_version, said[task.name].get("has_upgrade"), _check_of(task.params.load))
        for task in tasks
    }


def _check_of(load: Callable[[str], object]) -> Callable[[str], Sequence[Wrong]]:
    """Return a check of stored parameters that repeats nothing of their values."""

    def check(params: str) -> Sequence[Wrong]:
        try:
            load(params)
        except UndecodableParams:
            return [Wrong(Cause.UNREADABLE, "")]
        except InvalidParams as error:
            return [_wrong(each) for each in error.problems]
        return []

    return check


def _wrong(problem: Problem) -> Wrong:
    if problem.what == "is missing":
        return Wrong(Cause.MISSING, problem.where)
    if problem.what.startswith("unknown"):
        return Wrong(Cause.UNKNOWN, problem.where)
    # These words are the schema's own; others of the validator quote what was given.
    is_plain = problem.what.startswith(("input should", "input fits"))
    return Wrong(Cause.WRONG, problem.where, problem.what if is_plain else "")


async def _runs(store: Store) -> AsyncIterator[Stored]:
    async for run in store.waiting.runs():
        params: str | None = run.params
        if is_reference(run.params):
            params = None
            with suppress(UnknownFile, ConfigurationError, StoreUnavailable):
                params = await store.files.text_of(run.params)
        yield Stored(Origin.RUN, run.id, run.task, params, run.params_version)


async def _schedules(store: Store) -> AsyncIterator[Stored]:
    """Yield schedules whose parameters an operator has written: what the code says of its own is written anew by the release."""
    past: tuple[int, str, str] | None = None
    while page := await store.schedules.find(scope=EVERYTHING, past=past, n=PAGE):
        for _, record in page:
            if record.problem is None and (record.override is not None or record.code is None):
                yield Stored(Origin.SCHEDULE, record.name, record.task, record.effective.params_json)
        place, last = page[-1]
        past = (place, last.name, last.tenant)


def manifest_of(text: str) -> Mapping[str, Any]:
    """Return a manifest that was read from a file; raises `ConfigurationError`."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"the manifest is no JSON ({error}): write it anew with 'mainspring index'") from None
    if not isinstance(found, dict):
        raise ConfigurationError("the manifest is no JSON object: write it anew with 'mainspring index'")
    return found
