"""MS501 to MS509: schedules that should be something else, that come too often, at the wrong time, or never.

The engine's own policies count: a task with a schedule skips a run while the last one goes on, each slot has one run in the fleet, and
fixed times happen once on the days when clocks change. What it refuses when it starts (an expression that never fires, a zone that is
none) is said here before it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Loop, Param, Value, ValueForm
from mainspring.advisor.rules.definitions import (
    ENQUEUES,
    Definition,
    ScheduleFact,
    Sort,
    Unknown,
    canonical,
    constant,
    definition_at,
    definitions,
    duration,
    enqueues,
    plain,
    schedule_of_call,
    schedule_of_text,
)
from mainspring.advisor.rules.status import bodies
from mainspring.advisor.rules.timetable import fixed_times, has_clocks, oddities, shortest_period, zone_of
from mainspring.advisor.rules.writers import writer_of
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
            yield from _sleeps(project, definition)
        for schedule in definition.schedules:
            yield from _of_schedule(project, file, definition.function, definition.name, schedule)
        if definition.schedules:
            yield from _of_scheduled(project, definition)
    for function in file.calling(*ENQUEUES, "create"):
        yield from _fired_by_timer(project, file, function)
        yield from _submitted(project, file, function)
        yield from _made_at_run_time(project, file, function)
    yield from _herd(project, file)


def _of_schedule(project: Project, file: FileFacts, function: Function, task: str, schedule: ScheduleFact) -> Iterator[Finding]:
    yield from _never_fires(project, file, function, task, schedule)
    yield from _no_zone(project, file, function, task, schedule)


def _of_scheduled(project: Project, definition: Definition) -> Iterator[Finding]:
    yield from _too_short(project, definition)
    yield from _overlapping(project, definition)
    yield from _polls_user_work(project, definition)
    yield from _user_params(project, definition)
    if not definition.is_variant:
        yield from _giant_run(project, definition)


def _written(schedule: ScheduleFact) -> str:
    return f"every {schedule.text}" if schedule.kind == "every" else str(schedule.text)


def _span(seconds: float) -> str:
    return describe(timedelta(seconds=seconds))


# MS505: what the engine refuses when it starts


def _never_fires(project: Project, file: FileFacts, function: Function, task: str, schedule: ScheduleFact) -> Iterator[Finding]:
    def found(variant: str, why: str) -> Finding:
        return project.finding("MS505", file, function, schedule.place, variant=variant, task=task, text=_written(schedule), problem=why)

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
            text=_written(schedule), time=shown,
        )  # fmt: skip
        return
    if tz is None or not _is_zone(tz) or not has_clocks(tz):
        return
    literal = plain(schedule.options.get("dst"))
    for odd in oddities(schedule.text or "", tz):
        yield project.finding(
            "MS504", file, function, schedule.place, severity=Severity.WARNING if literal == "wall" else Severity.NOTICE,
            variant=f"{odd.kind}.wall" if literal == "wall" else odd.kind, task=task, text=_written(schedule), time=odd.time, zone=tz,
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
        period=_span(period), timeout=describe(timeout), policy=policy or "unknown",
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
                "MS503", definition.file, definition.function, schedule.place, variant="allow", task=definition.name, period=_span(period),
                timeout=_span(APP_TIMEOUT),
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
            yield project.finding("MS503", file, function, call, task=named, period=_span(period), timeout=_span(bound))


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


# MS501, and the other way round

_PENDING = "pending|queued|requested|new|waiting|todo|submitted|unprocessed|not_started|enqueued|created|to_process|to_do|unsent|ready"
_WAITS = pattern(rf"\b(status|state|stage)\b\s*(?:==|=|\.is_\(|\.in_\()\s*[^,)]*?['\"\.]({_PENDING})\b", re.IGNORECASE)
_UNDONE = pattern(
    r"(?:\bnot\s+|~)\w*\.?(?:is_)?(?:processed|sent|done|handled|delivered|exported|executed)\b"
    r"|\b(?:is_)?(?:processed|sent|done|handled|delivered|exported|executed)\b\s*(?:==|=|\.is_\()\s*(?:False|false|0)\b"
    r"|\b(?:processed|sent|handled|started|executed|exported)_at\b\s*(?:==\s*None|\.is_\(None\)|\s+is\s+null)",
    re.IGNORECASE,
)
_FIELD = pattern(r"^(status|state|stage)(__in|__exact|__iexact)?$")
_UNDONE_FIELD = pattern(r"^(is_)?(processed|sent|done|handled|delivered|exported|executed)$")
_NULL_FIELD = pattern(r"^(processed|sent|handled|started|executed|exported)_at__isnull$")
_TIMED = pattern(
    r"(__lte?\b|__gte?\b|timedelta|_at\s*[<>]|\b(?:created|updated|expires?|due|scheduled|run|send|publish|starts?|next)\w*\s*(?:<=?|>=?)|cutoff"
    r"|deadline|older|stale|expire|before|\bdue\b|interval\s+')",
    re.IGNORECASE,
)
_WORD = pattern(rf"^({_PENDING})$", re.IGNORECASE)
_FROM = pattern(r"\bfrom\s+[\"'`]?([\w.]+)", re.IGNORECASE)


def _polls_user_work(project: Project, definition: Definition) -> Iterator[Finding]:
    """Find a schedule that looks for rows which somebody's request left behind: it is work on demand."""
    periods = [period for each in definition.schedules if (period := shortest_period(each)) is not None]
    if not periods or min(periods) > 3600:
        return
    query = _pending_query(project, definition)
    if query is None:
        return
    model, evidence = query
    maker = _made_by_handler(project, model) if model else None
    if maker is None and min(periods) > 300:
        return
    schedule = definition.schedules[0]
    finding = project.finding(
        "MS501", definition.file, definition.function, schedule.place, kind=Kind.ADHOC, variant="" if maker is None else "handler",
        task=definition.name, period=_span(min(periods)), rows=model.rpartition(".")[2] or evidence.text,
        where="" if maker is None else f"{maker.path}:{maker.line}",
    )  # fmt: skip
    yield replace(
        finding,
        evidence=(evidence, *((maker,) if maker is not None else ())),
        contradicts=((Ground.PROCESS_LOCAL, f"{evidence.text} reads shared rows"),),
    )


def _pending_query(project: Project, definition: Definition) -> tuple[str, Evidence] | None:
    """Return the class or table whose waiting rows a body asks for, without asking for a time, and the line."""
    for file, function in bodies(project, definition.home or definition.file, definition.function, depth=3):
        for call in function.calls:
            if not _asks_for_waiting(call) or _is_timed(function, call):
                continue
            return _model_of(project, function, call), Evidence(file.path, call.place.line, call.statement)
        for line, text in function.texts:
            if text.lstrip().lower().startswith("select") and (_WAITS.search(text) or _UNDONE.search(text)) and not _TIMED.search(text):
                table = _FROM.search(text)
                return (table[1].rpartition(".")[2] if table else ""), Evidence(file.path, line, text[:120])
    return None


def _asks_for_waiting(call: Call) -> bool:
    verb = call.ref.rpartition(".")[2]
    if verb in ("filter", "where", "get_or_none", "filter_by", "find", "exclude", "afilter", "get_many", "list"):
        if any(_FIELD.match(name) and _is_waiting(value) for name, value in call.keywords):
            return True
        if any(_UNDONE_FIELD.match(name) and value.text in ("False", "0") for name, value in call.keywords):
            return True
        if any(_NULL_FIELD.match(name) and value.text == "True" for name, value in call.keywords):
            return True
        return any(_WAITS.search(value.text) or _UNDONE.search(value.text) for value in call.args if value.form is ValueForm.OTHER)
    return False


def _is_waiting(value: Value) -> bool:
    if value.form is ValueForm.LIST:
        return bool(value.items) and all(_is_waiting(item) for item in value.items)
    text = value.text.removesuffix(".value").rpartition(".")[2]
    return value.form in (ValueForm.TEXT, ValueForm.REF, ValueForm.OTHER) and _WORD.match(text) is not None


def _is_timed(function: Function, call: Call) -> bool:
    """Tell whether the query also asks for a time: what expires, is due or is too old is the business of a schedule."""
    if _TIMED.search(call.statement):
        return True
    return any(_TIMED.search(name) for name, _ in call.keywords) or any(_TIMED.search(value.text) for value in call.args)


def _model_of(project: Project, function: Function, call: Call) -> str:
    parts = call.ref.replace("()", "").split(".")
    for stop in ("objects", "query", "filter", "where", "select", "all"):
        if stop in parts[1:]:
            owner = project.canonical(".".join(parts[: parts.index(stop, 1)]))
            if project.class_of(owner) is not None:
                return owner
    names = [name for value in call.given for name in (value.text, *value.names)]
    for each in function.calls:
        if each.statement == call.statement and each.ref.rpartition(".")[2] in ("select", "query"):
            names = [name for value in each.args for name in (value.text, *value.names)] + names
    for name in names:
        for part in (name, name.rpartition(".")[0]):
            owner = project.canonical(part) if part else ""
            if owner and project.class_of(owner) is not None and not _is_enum(project, owner):
                return owner
    return ""


def _is_enum(project: Project, ref: str) -> bool:
    return project.is_a(ref, "enum.Enum", "enum.StrEnum", "enum.IntEnum", "django.db.models.TextChoices", "django.db.models.IntegerChoices")


def _made_by_handler(project: Project, model: str) -> Evidence | None:
    """Return where a handler adds rows of a class or table."""
    ref = writer_of(project, (model,), ()) if "." in model else writer_of(project, (), (model,))
    known = project.function(ref) if ref else None
    return None if known is None else Evidence(known.file.path, known.function.place.line, f"def {known.function.name}")


# MS507

_USER_PARAM = pattern(
    r"^(current_)?(user|request|customer|member|requester|recipient|client|visitor|caller|session|upload|order|invoice|ticket|message|job|run"
    r"|email|email_address|phone|ip|ip_address|username)(_id|_ids|_pk|_uuid|_email|_name)?$"
)


def _user_params(project: Project, definition: Definition) -> Iterator[Finding]:
    """Find a schedule whose task needs to know whose request it is for: nobody is there to say so."""
    for param in definition.params:
        if not _USER_PARAM.match(param.name) or param.default is not None or _every_schedule_gives(definition, param):
            continue
        place = definition.place if definition.is_variant else param.place or definition.place
        yield project.finding("MS507", definition.file, definition.function, place, kind=Kind.ADHOC, task=definition.name, param=param.name)


def _submitted(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Find a request that enqueues, for one user, a task that a schedule runs as well: two kinds of work in one definition."""
    for enqueue in enqueues(project, function):
        definition = enqueue.definition
        if definition is None or not definition.schedules or not any(_USER_PARAM.match(name) for name, _ in enqueue.params):
            continue
        if project.role(file, function) is not Role.HANDLER:
            continue
        finding = project.finding(
            "MS507", file, function, enqueue.call, kind=Kind.ADHOC, severity=Severity.NOTICE, variant="submitted", task=enqueue.name,
            param=next(name for name, _ in enqueue.params if _USER_PARAM.match(name)),
        )  # fmt: skip
        place = definition.schedules[0].place
        yield replace(finding, evidence=(Evidence(definition.file.path, place.line, _written(definition.schedules[0])),))


def _every_schedule_gives(definition: Definition, param: Param) -> bool:
    return all(("params" in each.options and param.name in (*each.options["params"].keys, "**")) or
               ("params" in each.options and not each.options["params"].keys) for each in definition.schedules)  # fmt: skip


# MS508

_WAITS_FOR_OTHERS = pattern(
    r"(connect|subscribe|listen|consume|recv|receive|poll|watch|idle|accept|serve|blpop|brpop|xread|getmessage|get_message|stream|websocket"
    r"|start_polling|wait_for|acquire|select)$",
    re.IGNORECASE,
)
LEAST_REST = 30.0  # seconds: what works more often than that is better kept alive than started each time


def _sleeps(project: Project, definition: Definition) -> Iterator[Finding]:
    """Find a service that only rests for a fixed time, works, and rests again: a schedule without the schedule."""
    function = definition.function
    for number, loop in enumerate(function.loops):
        if loop.parent >= 0 or not (loop.is_endless or _is_paced(loop)):
            continue
        rest = _rest_of(project, definition.file, function, number, loop)
        if rest is None or rest < LEAST_REST or _holds_something(function, number):
            continue
        works = [call for call in function.calls if _is_in(function, call, number) and not _is_rest(call) and not _is_talk(call)]
        if works:
            yield project.finding("MS508", definition.file, function, loop.place, kind=Kind.CRON, task=definition.name, period=_span(rest))
            return


def _is_paced(loop: Loop) -> bool:
    return loop.is_while and re.search(r"\.sleep\(|stopping", loop.head) is not None


def _is_in(function: Function, call: Call, number: int) -> bool:
    at = call.loop
    while at >= 0:
        if at == number:
            return True
        at = function.loops[at].parent
    return False


_TALK = frozenset(("log", "info", "debug", "warning", "error", "exception", "print", "progress", "time", "monotonic", "ready", "now"))


def _is_rest(call: Call) -> bool:
    return call.ref.rpartition(".")[2] == "sleep" or call.source.endswith(".sleep")


def _is_talk(call: Call) -> bool:
    """Tell whether a call only says or measures something."""
    return call.ref.rpartition(".")[2] in _TALK


def _rest_of(project: Project, file: FileFacts, function: Function, number: int, loop: Loop) -> float | None:
    """Return the fixed seconds that a round of a loop rests, None where it does not, or more than once, or who knows how long."""
    rests = [call for call in function.calls if call.loop == number and _is_rest(call)]
    if len(rests) != 1 or any(each.startswith("except") for each in rests[0].inside):
        return None
    if "if" in rests[0].inside or "else" in rests[0].inside:
        return None
    length = duration(project, file, function, rests[0].argument(0, "duration"))
    return length.total_seconds() if isinstance(length, timedelta) else None


def _holds_something(function: Function, number: int) -> bool:
    """Tell whether a service keeps a connection, or waits for others in its rounds: then it is one."""
    for call in function.calls:
        if _WAITS_FOR_OTHERS.search(call.ref.rpartition(".")[2]) and not _is_rest(call):
            return True
        if not _is_in(function, call, number) and any(each.startswith("with:") for each in call.inside):
            return True
    return any(other.is_async for other in function.loops)


def _fired_by_timer(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Find a client that makes a run every so often: the engine keeps time, once for all processes and over restarts."""
    if not function.loops:
        return
    found = [each for each in enqueues(project, function) if each.call.loop >= 0 and each.definition is not None]
    for enqueue in found:
        number = enqueue.call.loop
        loop = function.loops[number]
        if not loop.is_endless or any(name and _depends(value) for name, value in enqueue.params) or enqueue.definition is None:
            continue
        if "if" in enqueue.call.inside or "else" in enqueue.call.inside:
            continue
        rest = _rest_of(project, file, function, number, loop)
        if rest is None or rest < 1:
            continue
        yield project.finding(
            "MS508", file, function, enqueue.call, kind=Kind.CRON, variant="client", task=enqueue.definition.name, period=_span(rest)
        )
        return


def _depends(value: Value) -> bool:
    """Tell whether an argument is anything but a constant: then each run is for something of its own."""
    return value.form in (ValueForm.REF, ValueForm.CALL, ValueForm.OTHER) and not value.text.isupper()


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
            if not _is_in(function, call, number) or _is_made_run(project, call):
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
