"""MS501 to MS509: schedules that should be something else, that come too often, at the wrong time, or never.

The engine's own policies count: a task with a schedule skips a run while the last one goes on, each slot has one run in the fleet, and
fixed times happen once on the days when clocks change. What it refuses when it starts (an expression that never fires, a zone that is
none) is said here before it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Evidence, Finding, Ground, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Loop, Value, ValueForm
from mainspring.advisor.rules.definitions import Definition, Sort, definition_at, definitions
from mainspring.advisor.rules.demand import polls_user_work, submitted, user_params
from mainspring.advisor.rules.enqueues import ENQUEUES, enqueues
from mainspring.advisor.rules.literals import Unknown, constant, duration, plain, span
from mainspring.advisor.rules.ours import canonical
from mainspring.advisor.rules.pauses import fired_by_timer, is_in, sleeps
from mainspring.advisor.rules.schedule_facts import ScheduleFact, schedule_of_call, schedule_of_text
from mainspring.advisor.rules.timetable import fixed_times, has_clocks, oddities, shortest_period, zone_of
from mainspring.advisor.shelf import mentioning
from mainspring.core import cron as crons
from mainspring.core.calendar import zone, zones_like
from mainspring.core.duration import describe

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

APP_TIMEOUT = 300.0  # seconds that a run may take where neither its task nor the app says otherwise
HERD = 5  # schedules of one minute from which on they are one


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what MS501 to MS509 find in a file."""
    for definition in definitions(project, file):
        if not definition.is_ours:
            continue
        if definition.sort is Sort.SERVICE:
            yield from sleeps(project, definition)
        for schedule in definition.schedules:
            yield from _of_schedule(project, file, definition.function, definition.name, schedule)
        if definition.schedules:
            yield from _of_scheduled(project, definition)
    for function in file.calling(*ENQUEUES, "create"):
        yield from fired_by_timer(project, file, function)
        yield from submitted(project, file, function)
        yield from _made_at_run_time(project, file, function)
    yield from _herd(project, file)


def _of_schedule(project: Project, file: FileFacts, function: Function, task: str, schedule: ScheduleFact) -> Iterator[Finding]:
    yield from _never_fires(project, file, function, task, schedule)
    yield from _no_zone(project, file, function, task, schedule)


def _of_scheduled(project: Project, definition: Definition) -> Iterator[Finding]:
    yield from _too_short(project, definition)
    yield from _overlapping(project, definition)
    yield from polls_user_work(project, definition)
    yield from user_params(project, definition)
    if not definition.is_variant:
        yield from _giant_run(project, definition)


# MS505: what the engine refuses when it starts


def _never_fires(project: Project, file: FileFacts, function: Function, task: str, schedule: ScheduleFact) -> Iterator[Finding]:
    def found(variant: str, why: str) -> Finding:
        return project.finding("MS505", file, function, schedule.place, variant=variant, task=task, text=schedule.written, problem=why)

    if schedule.kind == "cron" and schedule.text is not None:
        problems = crons.problems_of(schedule.text)
        if problems:
            variant = "reboot" if schedule.text.strip().lower() == "@reboot" else ""
            yield found(variant, "; ".join(f"{each.where}: {each.what}" for each in problems))
    elif schedule.kind == "every" and schedule.text is not None:
        length = schedule.seconds
        if length is None or not 1 <= length <= 3660 * 86400:
            yield found("period", "an interval is from a second to ten years")
    tz = zone_of(schedule)
    if tz is not None and not _is_zone(tz):
        near = zones_like(tz)
        yield found("zone", f"did you mean {' or '.join(near)}?" if near else f"{tz} is no zone of the tz database")


def _is_zone(name: str) -> bool:
    if name in ("utc", "Z", "Etc/UTC", "UTC"):
        return True
    try:
        zone(name)
    except ValueError:
        return False
    return True


# MS504


def _no_zone(project: Project, file: FileFacts, function: Function, task: str, schedule: ScheduleFact) -> Iterator[Finding]:
    times = fixed_times(schedule)
    if not times or isinstance(schedule.tz, Unknown):
        return
    tz = zone_of(schedule)
    shown = ", ".join(f"{hour:02}:{minute:02}" for hour, minute in times[:3])
    if schedule.tz is None:
        is_office = _names_office_hours(schedule.text or "", times)
        yield project.finding(
            "MS504", file, function, schedule.place, severity=Severity.WARNING if is_office else Severity.NOTICE, task=task,
            text=schedule.written, time=shown,
        )  # fmt: skip
        return
    if tz is None or not _is_zone(tz) or not has_clocks(tz):
        return
    literal = plain(schedule.options.get("dst"))
    for odd in oddities(schedule.text or "", tz):
        yield project.finding(
            "MS504", file, function, schedule.place, severity=Severity.WARNING if literal == "wall" else Severity.NOTICE,
            variant=f"{odd.kind}.wall" if literal == "wall" else odd.kind, task=task, text=schedule.written, time=odd.time, zone=tz,
            day=odd.day,
        )  # fmt: skip
        return


def _names_office_hours(text: str, times: Sequence[tuple[int, int]]) -> bool:
    """Tell whether an expression names working days, and hours at which people are there: somebody's own clock is meant."""
    cron = crons.parse(text)
    days = {value % 7 for value in cron.weekday.values}
    return not cron.weekday.is_free and days <= {1, 2, 3, 4, 5} and all(5 <= hour <= 22 for hour, _ in times)


# MS502, MS503


def _too_short(project: Project, definition: Definition) -> Iterator[Finding]:
    for schedule in definition.schedules:
        found = list(_below_timeout(project, definition, schedule, definition.file, definition.function))
        yield from found
        if found:
            return


def _below_timeout(
    project: Project, definition: Definition, schedule: ScheduleFact, file: FileFacts, function: Function
) -> Iterator[Finding]:  # fmt: skip
    """Yield a schedule whose period is shorter than what its task says that a run may take."""
    timeout = duration(project, definition.file, definition.scope, definition.option("timeout"))
    period = shortest_period(schedule)
    if timeout is None or isinstance(timeout, Unknown) or period is None or timeout.total_seconds() <= period:
        return
    policy = _policy(project, definition)
    is_unbounded = policy == "allow" and not definition.gives("concurrency", "limit")
    yield project.finding(
        "MS502", file, function, schedule.place, severity=Severity.ERROR if is_unbounded else Severity.WARNING,
        variant="allow" if is_unbounded else policy if policy in ("replace", "queue") else "", task=definition.name,
        period=span(period), timeout=describe(timeout), policy=policy or "unknown",
    )  # fmt: skip


def _policy(project: Project, definition: Definition) -> str:
    """Return the overlap policy that holds, in one word; "" where only a running program knows."""
    value = definition.option("overlap")
    if value is None or value.form is ValueForm.NONE:
        return "skip"
    found = constant(project, definition.file, value)
    call = definition.call(found) if found is value else None
    if call is not None and canonical(project, call.ref) == "mainspring.Overlap":
        most = call.keyword("most")
        said = plain(call.argument(0, "policy"))
        return "" if not isinstance(said, str) else f"{said}:n" if said == "allow" and most is not None else said
    said = plain(found)
    if not isinstance(said, str):
        return ""
    word, _, number = said.partition(":")
    return f"{word}:n" if word == "allow" and number else word


def _overlapping(project: Project, definition: Definition) -> Iterator[Finding]:
    """Judge a policy that lets runs of a schedule pile up although nothing bounds how long one takes in its period."""
    if _policy(project, definition) != "allow" or definition.gives("concurrency", "limit", "timeout"):
        return  # with a timeout of its own that is MS502's business
    for schedule in definition.schedules:
        period = shortest_period(schedule)
        if period is not None and period < APP_TIMEOUT:
            yield project.finding(
                "MS503", definition.file, definition.function, schedule.place, variant="allow", task=definition.name, period=span(period),
                timeout=span(APP_TIMEOUT),
            )  # fmt: skip
            return


def _made_at_run_time(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Judge ``app.schedules.create(name, task, schedule)``: its expression, and a task that nothing keeps from overlapping itself."""
    for call in function.calls:
        if not call.ref.endswith(".schedules.create") and not call.source.endswith(".schedules.create"):
            continue
        value = call.argument(2, "schedule")
        schedule = _schedule_value(project, file, function, value, call)
        named = plain(call.argument(1, "task"))
        if schedule is None or not isinstance(named, str):
            continue
        yield from _of_schedule(project, file, function, named, schedule)
        definition = _by_name(project, named)
        if definition is None:
            continue
        if definition.schedules or definition.gives("overlap", "concurrency", "limit"):
            yield from _below_timeout(project, definition, schedule, file, function)
            continue
        period = shortest_period(schedule)
        timeout = duration(project, definition.file, definition.scope, definition.option("timeout"))
        bound = APP_TIMEOUT if timeout is None else 0.0 if isinstance(timeout, Unknown) else timeout.total_seconds()
        if period is not None and bound > period:
            yield project.finding("MS503", file, function, call, task=named, period=span(period), timeout=span(bound))


def _schedule_value(project: Project, file: FileFacts, function: Function, value: Value | None, call: Call) -> ScheduleFact | None:
    found = constant(project, file, value)
    if found is None:
        return None
    if found.form is ValueForm.TEXT:
        return schedule_of_text(found.text, call.place)
    if found is value and found.form is ValueForm.CALL and 0 <= found.call < len(function.calls):
        return schedule_of_call(project, file, function.calls[found.call])
    return None


def _by_name(project: Project, name: str) -> Definition | None:
    """Return the definition of a task's name, where one function of the project is called so."""
    found = [
        definition
        for module in mentioning(project.files, "task")
        for definition in definitions(project, project.files[module])
        if definition.name == name and definition.is_ours
    ]
    return found[0] if len(found) == 1 else None


# MS509

_WHOLE = pattern(r"(^|\.)(all|fetchall|scalars|find|iterator|select|filter|order_by|values_list|query|exclude|find_all|get_all|list_all)$")
_PART = pattern(r"(\[:|\.limit\(|\.first\(|\.paginate|\bLIMIT\b|chunk|batch|islice|:limit)", re.IGNORECASE)


def _giant_run(project: Project, definition: Definition) -> Iterator[Finding]:
    """Find a scheduled run that goes through all rows and does something outside for each: one bad row ends it, and all are done again."""
    function = definition.function
    for number, loop in enumerate(function.loops):
        if loop.is_while or loop.parent >= 0 or not _goes_through_all(function, loop):
            continue
        for call in function.calls:
            if not is_in(function, call, number) or _is_made_run(project, call):
                continue
            effects = project.effects(call.ref)
            if effects.has(Effect.NETWORK) or effects.has(Effect.LLM):
                if any(each.call.loop == number for each in enqueues(project, function)):
                    break
                finding = project.finding(
                    "MS509", definition.file, function, loop.place, task=definition.name, head=loop.head, call=call.source
                )
                yield replace(
                    finding,
                    evidence=(Evidence(finding.path, call.place.line, call.statement),),
                    contradicts=((Ground.SUB_SECOND, f"{call.source} for each row"),),
                )
                return


def _is_made_run(project: Project, call: Call) -> bool:
    head, _, verb = call.ref.rpartition(".")
    return verb in ("enqueue", "enqueue_many") or definition_at(project, head) is not None


def _goes_through_all(function: Function, loop: Loop) -> bool:
    value = loop.iterates
    if value is None or _PART.search(loop.head):
        return False
    if value.form is ValueForm.CALL:
        return _WHOLE.search(value.text) is not None and not _is_bounded(function, value.call)
    if value.form is ValueForm.REF:
        name = value.text.rpartition(".")[2]
        made = [call for call in function.calls if call.target == name]
        return bool(made) and _WHOLE.search(made[-1].ref) is not None and not _PART.search(made[-1].statement)
    return _WHOLE.search(loop.head.partition("(")[0]) is not None


def _is_bounded(function: Function, number: int) -> bool:
    return 0 <= number < len(function.calls) and _PART.search(function.calls[number].statement.partition(":\n")[0]) is not None


# MS506


def _herd(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Find schedules that all begin in the same minute; each file tells of its own, where the project has enough of them together."""
    own = list(_minutes_of(project, file))
    if not own:
        return
    everywhere: dict[str, list[tuple[str, int]]] = {}
    for module in dict.fromkeys(mentioning(project.files, "task")):
        for minute, definition, schedule in _minutes_of(project, project.files[module]):
            everywhere.setdefault(minute, []).append((definition.file.path, schedule.place.line))
    told: set[tuple[int, int]] = set()
    for minute, definition, schedule in own:
        others = everywhere.get(minute, [])
        place = (schedule.place.line, schedule.place.column)
        if len(others) < HERD or place in told:
            continue
        told.add(place)
        finding = project.finding(
            "MS506", file, definition.function, schedule.place, severity=Severity.NOTICE, task=definition.name, count=str(len(others)),
            minute=minute,
        )  # fmt: skip
        beside = [Evidence(path, line, "") for path, line in others if (path, line) != (file.path, schedule.place.line)]
        yield replace(finding, evidence=tuple(beside[:4]))


def _minutes_of(project: Project, file: FileFacts) -> Iterator[tuple[str, Definition, ScheduleFact]]:
    """Yield the minutes at which schedules of a file begin and that nothing spreads, as "00:00 UTC"."""
    for definition in definitions(project, file):
        if not definition.is_ours:
            continue
        for schedule in definition.schedules:
            if schedule.says("jitter") or schedule.says("window") or isinstance(schedule.tz, Unknown):
                continue
            for hour, minute in fixed_times(schedule):
                yield f"{hour:02}:{minute:02} {zone_of(schedule) or 'UTC'}", definition, schedule
