"""Libraries that run jobs on a clock inside a Python process (MS201), and how their jobs are told to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mainspring.advisor.effects import Effect, Effects
from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Place, Role, Severity
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Call, Decorator, FileFacts, Function, Value, ValueForm
from mainspring.advisor.rules.loops import is_of_a_connection
from mainspring.advisor.rules.sources import asks_sql_for_waiting, looks_for_waiting, tables_of
from mainspring.advisor.rules.spawn import HINTS
from mainspring.advisor.rules.steps import SHARED, WRITES, changes, functions_within, models_of, steps_within
from mainspring.advisor.rules.writers import writer_of

# Packages whose schedulers keep their jobs in this process, and how people call them.
LIBRARIES = {
    "apscheduler": "APScheduler",
    "flask_apscheduler": "Flask-APScheduler",
    "django_apscheduler": "APScheduler",
    "quart_apscheduler": "APScheduler",
    "sanic_apscheduler": "APScheduler",
    "fastapi_scheduler": "fastapi-scheduler",
    "fastapi_amis_admin": "fastapi-scheduler",
    "schedule": "schedule",
    "rocketry": "Rocketry",
    "red_engine": "Rocketry",
    "aiocron": "aiocron",
    "fastapi_utils": "repeat_every",
    "fastapi_utilities": "repeat_every",
    "fastapi_restful": "repeat_every",
    "fastapi_crons": "fastapi-crons",
    "quart_tasks": "quart-tasks",
    "sched": "sched",
    "timeloop": "timeloop",
    "uwsgidecorators": "uWSGI",
    "uwsgi": "uWSGI",
    "tornado.ioloop.PeriodicCallback": "PeriodicCallback",
    "twisted.internet.task.LoopingCall": "LoopingCall",
    "twisted.internet.task": "LoopingCall",
    "discord.ext.tasks": "discord.ext.tasks",
    "nextcord.ext.tasks": "discord.ext.tasks",
    "disnake.ext.tasks": "discord.ext.tasks",
    "aioschedule": "aioschedule",
    "async_scheduler": "async-scheduler",
    "scheduler.Scheduler": "scheduler",
    "scheduler.asyncio": "scheduler",
    "asyncz": "asyncz",
    "advanced_python_scheduler": "APScheduler",
    "fastscheduler": "fastscheduler",
    "repeated_timer": "repeated-timer",
    "periodiq_local": "periodiq",
    "starlette_cron": "starlette-cron",
    "aioclock": "aioclock",
    "ischedule": "ischedule",
    "crython": "crython",
    "simple_scheduler": "simple-scheduler",
    "cherrypy.process.plugins": "CherryPy's Monitor",
    "oslo_service.loopingcall": "oslo.service",
}
_BEATERS = {  # classes that call what they are given again and again: position and keyword of that
    "tornado.ioloop.PeriodicCallback": (0, "callback"),
    "twisted.internet.task.LoopingCall": (0, "f"),
    "cherrypy.process.plugins.Monitor": (1, "callback"),
    "cherrypy.process.plugins.PerpetualTimer": (1, "function"),
    "cherrypy.process.plugins.BackgroundTask": (1, "function"),
    "oslo_service.loopingcall.FixedIntervalLoopingCall": (0, "f"),
    "oslo_service.loopingcall.DynamicLoopingCall": (0, "f"),
}
_BEATERISH = re.compile(r"^(?=[A-Z])\w*(Callback|LoopingCall|Monitor|Timer|Task)$")
_ADDS = frozenset(
    {
        "add_job", "scheduled_job", "add_schedule", "add_cron_job", "add_interval_job", "add_date_job", "interval_schedule",
        "cron_schedule", "cron_job",
    }
)  # fmt: skip
_SCHEDULERISH = re.compile(r"sched\w*(\(\))?$", re.IGNORECASE)
_TRIGGERS = frozenset({"interval", "cron", "date"})
_TRIGGER_CLASSES = re.compile(r"(Interval|Cron|Date|Calendar\w*|And|Or)Trigger")
_RECURS = frozenset(
    {
        "seconds", "minutes", "hours", "days", "weeks", "hour", "minute", "second", "day", "day_of_week", "month", "cron", "interval",
    }
)  # fmt: skip
_UWSGI = frozenset(
    {
        "timer",
        "cron",
        "rbtimer",
        "spool",
        "spoolforever",
        "spoolraw",
        "filemon",
        "mulefunc",
        "add_timer",
        "add_cron",
        "add_rb_timer",
        "thread",
    }
)
_DECORATED = {
    "repeat_every": ("fastapi_utils", "fastapi_utilities", "fastapi_restful"),
    "repeat_at": ("fastapi_utilities", "fastapi_restful", "fastapi_utils"),
    "loop": ("discord.ext.tasks", "nextcord.ext.tasks", "disnake.ext.tasks"),
    "crontab": ("aiocron",),
    "job": ("timeloop", "fastscheduler"),
    "every": ("fastapi_crons",),
    "cron": ("quart_tasks", "rocketry", "fastapi_crons", "uwsgidecorators"),
    "periodic": ("quart_tasks",),
    "task": ("rocketry", "red_engine", "flask_apscheduler"),
    **dict.fromkeys(("timer", "rbtimer", "spool", "spoolforever", "spoolraw", "filemon", "mulefunc"), ("uwsgidecorators",)),
}
_STARTS = frozenset({"start", "run_pending", "start_in_background", "serve", "run_until_stopped"})
_PACES = frozenset({"cyclic", "minutely", "hourly", "daily", "weekly", "once"})
_TELLS = _ADDS | _UWSGI | _PACES | {"do", "enterabs", "enter", "crontab", "Cron"}
_ONCE = frozenset({"spool", "spoolraw", "mulefunc"})
_DECORATES = _DECORATED.keys() | _ADDS | {"repeat", "do"}
_HANDS_ON = frozenset({"send", "send_with_options", "delay", "apply_async", "enqueue", "kiq", "defer", "defer_async", "publish"})
_NO_JOBS = (Role.VENDORED, Role.MIGRATION)
_BEATS = frozenset(
    {"PeriodicCallback", "LoopingCall", "CherryPy's Monitor", "oslo.service"}
)  # of an event loop, which people use for its own upkeep as well
_OWN_CARE = re.compile(
    r"metric|heart_?beat|keep_?alive|(^|_)ping|nop(_|$)|(^|_)lag(_|$)|stats?(_|$)|memory|cpu|cache|animat|spinner|progress|uptime|watch_?dog"
    r"|_store$|idle|inactiv|no_activity|garbage|timeout|countdown|if_?dead|is_?alive|prune|evict|profil",
    re.IGNORECASE,
)
"""Names of what a process does again and again for itself."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job that a scheduler is told of. ``what`` is the function where it is known, or else what stands there."""

    library: str
    where: Call | Decorator
    value: Value | None
    known: Known | None
    is_once: bool


def is_own_care(effects: Effects, name: str) -> bool:
    """Say whether work that is done again and again is this process's own upkeep by its name, and changes nothing that is stored."""
    return bool(_OWN_CARE.search(name.rpartition("<locals>.")[2])) and not effects.has(Effect.DB_WRITE)


def library_of(ref: str) -> str:
    """Return how people call the scheduler that a dotted name belongs to, or nothing."""
    owner = ref
    while owner:
        if (found := LIBRARIES.get(owner)) is not None:
            return found
        owner = owner.rpartition(".")[0]
    return ""


def schedulers(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield a finding for every job that a file tells a scheduler of, and for a scheduler that it starts with jobs from elsewhere."""
    made: list[tuple[Function, Call, str]] = []
    starts: list[tuple[Function, Call, str]] = []
    judged: list[Finding] = []
    for function in project.telling(file, HINTS):
        for job in _jobs_by_decorator(project, file, function):
            judged.extend(_judge(project, file, _enclosing(project, file, function), job))
        for call in function.calls:
            job_of_call = _job_by_call(project, file, function, call)
            if job_of_call is not None:
                judged.extend(_judge(project, file, function, job_of_call))
            elif (library := _made(project, call)) != "":
                made.append((function, call, library))
            elif (library := _start(project, call)) != "":
                starts.append((function, call, library))
    yield from judged
    for function, call, library in made or ([] if judged else starts[:1]):
        role = project.role(file, function)
        if role in _NO_JOBS or (role is Role.TASK):
            continue
        severity = min((each.severity for each in judged), key=lambda each: each.rank, default=Severity.WARNING)
        is_apart = role in (Role.WORKER, Role.CLI) or call.ref.endswith("BlockingScheduler")
        variant = "made.apart" if is_apart else "made"
        yield project.finding("MS201", file, function, call, kind=Kind.CRON, severity=severity, variant=variant, scheduler=library, job="")


def _made(project: Project, call: Call) -> str:
    """Return the scheduler that a call makes, which runs jobs in this process as soon as it is started."""
    if not call.ref.rpartition(".")[2][:1].isupper():
        return ""
    ref = project.canonical(call.ref)
    name = ref.rpartition(".")[2]
    if name in (
        "BackgroundScheduler",
        "AsyncIOScheduler",
        "BlockingScheduler",
        "GeventScheduler",
        "TornadoScheduler",
        "TwistedScheduler",
        "AsyncScheduler",
    ):
        return library_of(ref)
    if ref in (
        "flask_apscheduler.APScheduler",
        "rocketry.Rocketry",
        "rocketry.rocketry.Rocketry",
        "timeloop.Timeloop",
        "apscheduler.Scheduler",
        "apscheduler.scheduler.Scheduler",
    ):
        return library_of(ref)
    return ""


def _enclosing(project: Project, file: FileFacts, function: Function) -> Function:
    """Return the function in which a decorated one stands: that is what runs the decorator."""
    parent = project.parents(file, function)
    return parent if parent is not None else file.top


def _jobs_by_decorator(project: Project, file: FileFacts, function: Function) -> Iterator[Job]:
    for decorator in function.decorators:
        if decorator.ref.rpartition(".")[2] not in _DECORATES:
            continue
        ref = project.canonical(decorator.ref)
        owner, _, method = ref.rpartition(".")
        owners = _DECORATED.get(method)
        known = Known(file, function)
        if method == "scheduled_job" or (method in _ADDS and library_of(ref)):
            if (
                library_of(ref)
                or _SCHEDULERISH.search(decorator.ref.rpartition(".")[0])
                or _has_trigger(decorator.args, decorator.keywords)
            ):
                yield Job(library_of(ref) or "APScheduler", decorator, None, known, _is_date(decorator.args, decorator.keywords))
        elif owners is not None and ref.startswith(owners):
            yield Job(library_of(ref), decorator, None, known, method in _ONCE)
        elif method == "repeat_every" and (owner.startswith("?") or not owner):
            yield Job("repeat_every", decorator, None, known, False)
        elif method == "task" and _SCHEDULERISH.search(owner) and decorator.args and decorator.args[0].text.strip("'\"") in _TRIGGERS:
            yield Job("Flask-APScheduler", decorator, None, known, decorator.args[0].text.strip("'\"") == "date")
        elif method in ("repeat", "do") and library_of(ref) in ("schedule", "aioschedule"):
            yield Job(library_of(ref), decorator, None, known, False)


def _job_by_call(project: Project, file: FileFacts, function: Function, call: Call) -> Job | None:
    last = call.ref.rpartition(".")[2]
    if last not in _TELLS and not _BEATERISH.match(last) and not any(value.text.endswith(".add_job") for value in call.args[:2]):
        return None
    ref = project.canonical(call.ref)
    beater = ref if ref in _BEATERS else next((base for base in sorted(project.ancestors(ref)) if base in _BEATERS), "")
    if beater:
        value = call.argument(*_BEATERS[beater])
        known = project.target(file, function, value).known if value is not None else None
        return Job(library_of(beater), call, value, known, False) if value is not None else None
    owner, _, method = ref.rpartition(".")
    receiver = call.source.rpartition(".")[0]
    library = library_of(ref)

    def job(value: Value | None, is_once: bool, name: str = "") -> Job:
        known = project.target(file, function, value).known if value is not None else None
        return Job(name or library or "APScheduler", call, value, known, is_once)

    if method in _ADDS:
        is_opaque = not owner or owner.startswith("?") or not owner.rpartition(".")[2][:1].isupper()
        by_base = any(library_of(base) for base in project.ancestors(owner)) if owner and not library else False
        library = library or _handed_on(project, call)
        if library or by_base or (is_opaque and (_SCHEDULERISH.search(receiver) or _has_trigger(call.args, call.keywords))):
            value = call.argument(0, "func")
            if method == "scheduled_job":  # used as a decorator, the function is found there
                return None
            if value is not None and value.form is ValueForm.TEXT and method == "add_job" and not _has_trigger(call.args, call.keywords):
                value = call.keyword("func") or value  # Flask-APScheduler: the id comes first
            return job(value, _is_one_off(call, method))
        return None
    if method == "do" and (
        library in ("schedule", "aioschedule")
        or re.match(r"(schedule|aioschedule|scheduler|self\.\w*sched\w*)\.every\(|every\(", call.source)
    ):
        return job(call.argument(0), False, library or "schedule")
    if method in ("enterabs", "enter") and (library == "sched" or owner == "sched.scheduler"):
        value = call.argument(2, "action")
        return job(value, not _rearms(project, file, function, value))
    if method in _PACES and library == "scheduler":
        return job(call.argument(1, "handle"), method == "once")
    if library == "uWSGI" and ref.startswith("uwsgi.") and method in _UWSGI and method != "thread":
        return job(None, method == "spool")
    if ref in ("aiocron.crontab", "aiocron.Cron"):
        value = call.keyword("func") or (call.args[1] if len(call.args) > 1 else None)
        return job(value, False) if value is not None else None
    for value in call.args[:2]:
        if value.form is ValueForm.REF and value.text.rpartition(".")[2] == "add_job":
            handed = project.canonical(value.text)
            if library_of(handed) or _SCHEDULERISH.search(value.text.rpartition(".")[0]):
                return Job(library_of(handed) or "APScheduler", call, None, None, False)
    return None


def _handed_on(project: Project, call: Call) -> str:
    """Return the library to which a method of the project of the same name hands a job on, or nothing."""
    known = project.function(call.ref)
    if known is None:
        return ""
    method = call.ref.rpartition(".")[2]
    handed = (library_of(project.canonical(each.ref)) for each in known.function.calls if each.ref.rpartition(".")[2] == method)
    return next((library for library in handed if library), "")


def _rearms(project: Project, file: FileFacts, function: Function, value: Value | None) -> bool:
    known = project.target(file, function, value).known if value is not None else None
    return known is not None and any(
        project.canonical(call.ref).startswith("sched.scheduler.enter") or call.source.endswith((".enter", ".enterabs"))
        for call in known.function.calls
    )


def _has_trigger(args: tuple[Value, ...], keywords: tuple[tuple[str, Value], ...]) -> bool:
    values = (*args[:3], *(value for name, value in keywords if name == "trigger"))
    return any(
        (value.form is ValueForm.TEXT and value.text.strip("'\"") in _TRIGGERS) or _TRIGGER_CLASSES.search(value.text) for value in values
    )


def _is_date(args: tuple[Value, ...], keywords: tuple[tuple[str, Value], ...]) -> bool:
    values = (*args[:3], *(value for name, value in keywords if name == "trigger"))
    return any(value.text.strip("'\"") == "date" or "DateTrigger" in value.text for value in values) or any(
        name in ("run_date", "run_time") for name, _ in keywords
    )


def _is_one_off(call: Call, method: str) -> bool:
    if method == "add_date_job" or _is_date(call.args, call.keywords):
        return True
    names = {name for name, _ in call.keywords}
    if method != "add_job" or names & _RECURS or "trigger" in names or _has_trigger(call.args, call.keywords) or "**" in names:
        return False
    return len(call.args) < 2 and not names & {"", None} and bool(call.args)


def _start(project: Project, call: Call) -> str:
    """Return the scheduler that a call starts, which then runs jobs that stand somewhere else."""
    if call.ref.rpartition(".")[2] not in _STARTS:
        return ""
    owner, _, method = project.canonical(call.ref).rpartition(".")
    if method in _STARTS and not owner.startswith("?"):
        name = library_of(owner)
        if name in ("APScheduler", "Flask-APScheduler", "Rocketry", "schedule", "timeloop", "aioschedule", "asyncz") and (
            method != "serve" or name == "Rocketry"
        ):
            return name
        for base in project.ancestors(owner):
            if base.startswith(("apscheduler.", "flask_apscheduler.")) and method == "start":
                return library_of(base)
    return ""


def _judge(project: Project, file: FileFacts, function: Function, job: Job) -> Iterator[Finding]:
    role = project.role(file, function)
    if role in _NO_JOBS:
        return
    if job.library in _BEATS and (role is Role.STREAM or is_of_a_connection(project, file, function)):
        return  # it beats for one connection, and ends with it
    if job.library in _BEATS and role is Role.CLI:
        return  # whoever started the command looks at it
    name = _name(job)
    poll = _poll(project, job.known) if job.known is not None and not job.is_once else ("", "")
    if poll[1]:
        yield project.finding(
            "MS204", file, function, _place(job), kind=Kind.ADHOC, severity=Severity.WARNING, target=name, what=poll[0], writer=poll[1]
        )
        return
    variant, severity = ("once" if job.is_once else ""), Severity.WARNING
    is_apart = role in (Role.WORKER, Role.CLI) or _is_blocking(project, job)
    evidence: tuple[Evidence, ...] = ()
    contradicts: tuple[tuple[Ground, str], ...] = ()
    if job.known is not None:
        effects = project.effects(job.known)
        shared = [effect for effect in (*SHARED, Effect.DB_READ) if effects.has(effect)]
        is_local = not is_apart and not shared and effects.is_local_only and not job.is_once
        handle = job.where.target if isinstance(job.where, Call) else ""
        is_care = is_own_care(effects, job.known.function.name) or is_own_care(effects, handle)
        if is_local or (job.library in _BEATS and is_care):
            variant, severity = "local", Severity.NOTICE
        evidence = tuple(each for effect in shared for each in effects.evidence(effect)[:1])[:4]
        writing = next((each for effect in WRITES if effects.has(effect) for each in effects.evidence(effect)), None)
        if writing is not None:
            contradicts = ((Ground.PROCESS_LOCAL, f"{writing.path}:{writing.line}: {writing.text}"),)
    if is_apart:
        variant, severity = ("apart", Severity.NOTICE) if _only_hands_on(project, job) else ("worker", severity)
    kind = Kind.ADHOC if job.is_once else Kind.CRON
    finding = project.finding(
        "MS201", file, function, _place(job), kind=kind, severity=severity, variant=variant, scheduler=job.library, job=name
    )
    alternatives = (Kind.ADHOC,) if poll[0] and kind is Kind.CRON else ()
    yield replace(finding, alternatives=alternatives, evidence=evidence, contradicts=contradicts)


def _is_blocking(project: Project, job: Job) -> bool:
    """Whether a job's scheduler keeps the whole process to itself."""
    return isinstance(job.where, Call) and "BlockingScheduler" in project.canonical(job.where.ref)


def _only_hands_on(project: Project, job: Job) -> bool:
    """Whether a job does nothing but give work to an engine."""
    if job.value is not None and job.value.text.rpartition(".")[2] in _HANDS_ON:
        return True
    if job.known is None:
        return False
    effects = project.effects(job.known)
    return effects.has(Effect.ENQUEUE) and not any(effects.has(effect) for effect in SHARED if effect is not Effect.ENQUEUE)


def _place(job: Job) -> Call | Place:
    return job.where if isinstance(job.where, Call) else job.where.place


def _name(job: Job) -> str:
    if job.known is not None:
        return job.known.function.name.rpartition("<locals>.")[2]
    return job.value.text[:60] if job.value is not None and job.value.text else "…"


def _poll(project: Project, known: Known) -> tuple[str, str]:
    """Return what a job polls for, and the handler that writes it."""
    models: list[str] = []
    tables: list[str] = []
    works = False
    for step in steps_within(project, known):
        if looks_for_waiting(step.call):
            models.extend(models_of(project, step))
        works = works or changes(project, step)
    texts = [text for function in functions_within(project, known) for _, text in function.texts if asks_sql_for_waiting(text)]
    tables.extend(table for text in texts for table in tables_of(text))
    if not (models or tables) or not works:
        return "", ""
    return (models or tables)[0].rpartition(".")[2], writer_of(project, models, tables)
