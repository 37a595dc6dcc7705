"""MS501 and MS507: schedules that work off what users have asked for, which is work on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Param, Value, ValueForm
from mainspring.advisor.rules.definitions import Definition
from mainspring.advisor.rules.enqueues import enqueues
from mainspring.advisor.rules.literals import span
from mainspring.advisor.rules.status import bodies
from mainspring.advisor.rules.timetable import shortest_period
from mainspring.advisor.rules.writers import writer_of

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

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


def polls_user_work(project: Project, definition: Definition) -> Iterator[Finding]:
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
        task=definition.name, period=span(min(periods)), rows=model.rpartition(".")[2] or evidence.text,
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


def user_params(project: Project, definition: Definition) -> Iterator[Finding]:
    """Find a schedule whose task needs to know whose request it is for: nobody is there to say so."""
    for param in definition.params:
        if not _USER_PARAM.match(param.name) or param.default is not None or _every_schedule_gives(definition, param):
            continue
        place = definition.place if definition.is_variant else param.place or definition.place
        yield project.finding("MS507", definition.file, definition.function, place, kind=Kind.ADHOC, task=definition.name, param=param.name)


def submitted(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
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
        yield replace(finding, evidence=(Evidence(definition.file.path, place.line, definition.schedules[0].written),))


def _every_schedule_gives(definition: Definition, param: Param) -> bool:
    return all(("params" in each.options and param.name in (*each.options["params"].keys, "**")) or
               ("params" in each.options and not each.options["params"].keys) for each in definition.schedules)  # fmt: skip
