"""Libraries that run jobs on a clock inside a Python process (MS201): what their jobs are, and where they run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mainspring.advisor.effects import Effect, Effects
from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Place, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Call, FileFacts, Function
from mainspring.advisor.rules.jobs import Job, job_by_call, jobs_by_decorator, scheduler_made, scheduler_started
from mainspring.advisor.rules.loops import is_of_a_connection
from mainspring.advisor.rules.sources import asks_sql_for_waiting, looks_for_waiting, tables_of
from mainspring.advisor.rules.spawn import HINTS
from mainspring.advisor.rules.steps import SHARED, WRITES, changes, functions_within, models_of, steps_within
from mainspring.advisor.rules.writers import writer_of

_HANDS_ON = frozenset({"send", "send_with_options", "delay", "apply_async", "enqueue", "kiq", "defer", "defer_async", "publish"})
_NO_JOBS = (Role.VENDORED, Role.MIGRATION)
_BEATS = frozenset(
    {"PeriodicCallback", "LoopingCall", "CherryPy's Monitor", "oslo.service"}
)  # of an event loop, which people use for its own upkeep as well
_OWN_CARE = pattern(
    r"metric|heart_?beat|keep_?alive|(^|_)ping|nop(_|$)|(^|_)lag(_|$)|stats?(_|$)|memory|cpu|cache|animat|spinner|progress|uptime|watch_?dog"
    r"|_store$|idle|inactiv|no_activity|garbage|timeout|countdown|if_?dead|is_?alive|prune|evict|profil",
    re.IGNORECASE,
)
"""Names of what a process does again and again for itself."""


def is_own_care(effects: Effects, name: str) -> bool:
    """Say whether work that is done again and again is this process's own upkeep by its name, and changes nothing that is stored."""
    return bool(_OWN_CARE.search(name.rpartition("<locals>.")[2])) and not effects.has(Effect.DB_WRITE)


def schedulers(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield a finding for every job that a file tells a scheduler of, and for a scheduler that it starts with jobs from elsewhere."""
    made: list[tuple[Function, Call, str]] = []
    starts: list[tuple[Function, Call, str]] = []
    judged: list[Finding] = []
    for function in project.telling(file, HINTS):
        for job in jobs_by_decorator(project, file, function):
            judged.extend(_judge(project, file, _enclosing(project, file, function), job))
        for call in function.calls:
            job_of_call = job_by_call(project, file, function, call)
            if job_of_call is not None:
                judged.extend(_judge(project, file, function, job_of_call))
            elif (library := scheduler_made(project, call)) != "":
                made.append((function, call, library))
            elif (library := scheduler_started(project, call)) != "":
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


def _enclosing(project: Project, file: FileFacts, function: Function) -> Function:
    """Return the function in which a decorated one stands: that is what runs the decorator."""
    parent = project.parents(file, function)
    return parent if parent is not None else file.top


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
        said = job.value.text if job.value is not None else ""
        is_care = any(is_own_care(effects, name) for name in (job.known.function.name, handle, said))
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
