"""How jobs are told to the libraries that run them on a clock inside a Python process: by decorators, by calls and by classes that beat."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Call, Decorator, FileFacts, Function, Value, ValueForm
from mainspring.advisor.record import record

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
_BEATERISH = pattern(r"^(?=[A-Z])\w*(Callback|LoopingCall|Monitor|Timer|Task)$")
_ADDS = frozenset(
    {
        "add_job", "scheduled_job", "add_schedule", "add_cron_job", "add_interval_job", "add_date_job", "interval_schedule",
        "cron_schedule", "cron_job",
    }
)  # fmt: skip
_SCHEDULERISH = pattern(r"sched\w*(\(\))?$", re.IGNORECASE)
_TRIGGERS = frozenset({"interval", "cron", "date"})
_TRIGGER_CLASSES = pattern(r"(Interval|Cron|Date|Calendar\w*|And|Or)Trigger")
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


@record(frozen=True, slots=True)
class Job:
    """One job that a scheduler is told of. ``what`` is the function where it is known, or else what stands there."""

    library: str
    where: Call | Decorator
    value: Value | None
    known: Known | None
    is_once: bool


def library_of(ref: str) -> str:
    """Return how people call the scheduler that a dotted name belongs to, or nothing."""
    owner = ref
    while owner:
        if (found := LIBRARIES.get(owner)) is not None:
            return found
        owner = owner.rpartition(".")[0]
    return ""


def scheduler_made(project: Project, call: Call) -> str:
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


def jobs_by_decorator(project: Project, file: FileFacts, function: Function) -> Iterator[Job]:
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


def job_by_call(project: Project, file: FileFacts, function: Function, call: Call) -> Job | None:
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


def scheduler_started(project: Project, call: Call) -> str:
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
