"""MS403 to MS406 and MS408: what bodies do outside of their process, and how often, how long and how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Evidence, Finding, Ground, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, Function, Value
from mainspring.advisor.rules.clients import (
    BLOCKING,
    bounded_by,
    is_charge,
    is_mail,
    is_post,
    is_repeatable_call,
    lacks_timeout,
    plain_ref,
)
from mainspring.advisor.rules.definitions import (
    Definition,
    Reached,
    Sort,
    body_calls,
    canonical,
    constant,
    duration,
    enqueues,
    handlers_named,
    plain,
)
from mainspring.advisor.rules.timetable import shortest_period
from mainspring.advisor.shelf import mentioning

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


# MS403, MS404


def network(project: Project, definition: Definition) -> Iterator[Finding]:
    """Yield what is missing around calls to other systems: how long they may take, and what becomes of them when they fail."""
    if definition.sort is Sort.STEP:
        return
    calls = list(body_calls(project, definition))
    yield from _no_timeout(project, definition, calls)
    yield from _no_retry(project, definition, calls)


def _no_timeout(project: Project, definition: Definition, calls: Sequence[Reached]) -> Iterator[Finding]:
    if definition.gives("timeout", "timeout_ms"):
        return
    for each in calls:
        found = lacks_timeout(project, each.file, each.function, each.call)
        if found is None or bounded_by(each.call.inside):
            continue
        is_off = found == "off"
        is_bounded = definition.is_ours and definition.sort is Sort.TASK and "timeout" not in definition.options and not is_off
        yield evident(
            project.finding(
                "MS403", definition.file, definition.function, definition.place_of(each),
                severity=Severity.NOTICE if is_bounded else Severity.WARNING,
                variant="service" if definition.sort is Sort.SERVICE else "off" if is_off else "default" if is_bounded else "",
                call=each.call.source, task=definition.name,
            ),
            each,
        )  # fmt: skip
        return  # one is enough to give the task a timeout


def evident(finding: Finding, each: Reached) -> Finding:
    """Add the line that a finding is about, where that stands elsewhere, and what it says of a claim that the work is short."""
    seen = Evidence(each.file.path, each.call.place.line, each.call.statement)
    return replace(
        finding,
        evidence=(seen,) if each.depth else (),
        contradicts=((Ground.SUB_SECOND, f"{each.call.source} ({each.file.path}:{each.call.place.line})"),),
    )


_RETRIES = ("retry", "retry_on", "retry_backoff", "min_backoff", "max_backoff")
_RETRIED = ("dramatiq", "arq")  # which try again unless they are told not to


def _no_retry(project: Project, definition: Definition, calls: Sequence[Reached]) -> Iterator[Finding]:
    if definition.sort is Sort.SERVICE:
        return
    network = next((each for each in calls if is_network(project, each)), None)
    if network is None:
        return
    if not definition.is_ours:
        variant = None if definition.library in _RETRIED or definition.gives(*_RETRIES) else "foreign"
    else:
        variant = _retry_trouble(project, definition, definition.option("retry"))
    if variant is None:
        return
    if variant == "" and (_is_said_once(definition) or _has_dense_schedule(definition) or any(_is_once(each) for each in calls)):
        return
    finding = project.finding(
        "MS404", definition.file, definition.function, definition.place, variant=variant, task=definition.name, call=network.call.source
    )
    yield evident(finding, network)


def is_network(project: Project, each: Reached) -> bool:
    """Tell whether a call is one to another system, and none to a function of the project."""
    if project.function(each.call.ref) is not None:
        return False
    effects = project.effects(each.call.ref)
    return effects.has(Effect.NETWORK) or effects.has(Effect.LLM)


def _is_once(each: Reached) -> bool:
    return (is_charge(each.call) or is_mail(each.call)) and not is_repeatable_call(each.function, each.call)


def _is_said_once(definition: Definition) -> bool:
    """Tell whether the definition says that a second attempt is not wanted: that is a decision."""
    return plain(definition.option("repeatable")) is False


def _has_dense_schedule(definition: Definition) -> bool:
    """Tell whether the next slot does the work again anyway, within the hour."""
    periods = [shortest_period(each) for each in definition.schedules]
    return any(period is not None and period <= 3600 for period in periods)


def _retry_trouble(project: Project, definition: Definition, retry: Value | None) -> str | None:
    """Return what is wrong with a retry option: "" for switched off, a variant for a bad policy, None for a good one."""
    if retry is None:
        return None
    found = constant(project, definition.file, retry)
    if plain(found) == 0 and not isinstance(plain(found), bool):
        return ""
    call = definition.call(found if found is retry else None)
    if call is None or canonical(project, call.ref) != "mainspring.Retry":
        return None
    if plain(call.argument(0, "retries")) == 0:
        return ""
    delay = call.argument(1, "delay")
    if delay is not None and duration(project, definition.file, definition.scope, delay) == timedelta(0):
        return "hammer"
    if plain(call.keyword("jitter")) is False:
        return "jitter"
    return None


# MS405

_TERMINAL = pattern(
    r"(permission|forbidden|unauthori[sz]ed|authentication|authorization|invalidcredentials|accessdenied|validation|invalidrequest"
    r"|badrequest|typeerror|notimplemented)",
    re.IGNORECASE,
)
_PERHAPS = pattern(r"(notfound|doesnotexist|integrityerror|valueerror|keyerror)", re.IGNORECASE)  # what was not there may come
_BROAD = ("", "Exception", "BaseException")


def terminal_retries(project: Project, definition: Definition) -> Iterator[Finding]:
    """Yield the places where a body asks for another attempt that cannot help."""
    told = list(body_calls(project, definition, depth=2))
    if any(canonical(project, each.call.ref) == "mainspring.Fail" for each in told):
        return  # what is final is told apart
    for each in told:
        if canonical(project, each.call.ref) != "mainspring.RetryLater" and not _is_foreign_retry(definition, each.call):
            continue
        caught = handlers_named(each.call.inside)
        if not caught:
            continue
        names = [part.strip().rpartition(".")[2] for part in caught[-1].split(",")]
        severity, variant = None, "terminal"
        if any(name in _BROAD for name in names):
            if _has_narrow(each.function):
                continue
            variant = ""
        elif not any(_TERMINAL.search(name) for name in names):
            if not any(_PERHAPS.search(name) for name in names):
                continue
            severity = Severity.NOTICE
        finding = project.finding(
            "MS405", definition.file, definition.function, definition.place_of(each), severity=severity, variant=variant,
            task=definition.name, caught=caught[-1] or "everything",
        )  # fmt: skip
        yield replace(finding, evidence=(Evidence(each.file.path, each.call.place.line, each.call.statement),) if each.depth else ())
    yield from _retry_options(project, definition)


def _is_foreign_retry(definition: Definition, call: Call) -> bool:
    return definition.library == "celery" and call.source.endswith("self.retry")


def _has_narrow(function: Function) -> bool:
    """Tell whether the body also tells apart what is not worth another attempt, by an except clause of its own that raises."""
    names = {part.strip().rpartition(".")[2] for call in function.calls for each in handlers_named(call.inside) for part in each.split(",")}
    return any(_TERMINAL.search(name) or _PERHAPS.search(name) for name in names)


def _retry_options(project: Project, definition: Definition) -> Iterator[Finding]:
    """Judge retries that a decorator of another library brings: they are spent inside of each attempt."""
    retried = definition.option("retry_on")
    if (
        retried is not None
        and not definition.gives("dont_autoretry_for")
        and {"Exception", "builtins.Exception"} & {*retried.names, retried.text}
    ):
        yield project.finding("MS405", definition.file, definition.function, definition.place, task=definition.name, caught="Exception")
    for decorator in definition.function.decorators:
        ref = canonical(project, decorator.ref)
        is_tenacity = ref == "tenacity.retry" and decorator.keyword("retry") is None
        is_backoff = ref == "backoff.on_exception" and any(value.text in ("Exception", "builtins.Exception") for value in decorator.args)
        if is_tenacity or is_backoff:
            yield project.finding(
                "MS405", definition.file, definition.function, decorator.place, variant="nested", task=definition.name, caught=ref
            )


# MS406


def no_dedupe(project: Project, definition: Definition) -> Iterator[Finding]:
    """Yield an effect that must not happen twice, where nothing sees to that."""
    if definition.sort is not Sort.TASK or definition.schedules or definition.gives("dedupe") or _is_said_once(definition):
        return
    if any(canonical(project, each.ref).rpartition(".")[2] == "complete_in" for each in definition.function.calls):
        return
    weak: Reached | None = None
    for each in body_calls(project, definition):
        if is_repeatable_call(each.function, each.call):
            continue
        variant = "charge" if is_charge(each.call) else "mail" if is_mail(each.call) else None
        if variant is not None and _is_guarded(each):
            return
        if variant is not None:
            if _always_keyed(project, definition):
                return
            yield evident(
                project.finding(
                    "MS406", definition.file, definition.function, definition.place_of(each),
                    variant=variant, task=definition.name, call=each.call.source,
                ),
                each,
            )  # fmt: skip
            return
        if weak is None and is_post(each.call):
            weak = each
    if weak is not None and definition.is_ours and not _always_keyed(project, definition):
        yield evident(
            project.finding(
                "MS406", definition.file, definition.function, definition.place_of(weak),
                severity=Severity.NOTICE, task=definition.name, call=weak.call.source,
            ),
            weak,
        )  # fmt: skip


def _is_guarded(each: Reached) -> bool:
    """Tell whether the body looks whether it was done already, and returns or skips where it was."""
    return any(call.ref.rpartition(".")[2] == "Skip" for call in each.function.calls)


def _always_keyed(project: Project, definition: Definition) -> bool:
    """Tell whether every enqueue of a task that is seen gives it a key."""
    seen = False
    for module in dict.fromkeys([*mentioning(project.files, "enqueue"), *mentioning(project.files, "enqueue_many")]):
        other = project.files[module]
        for function in other.calling("enqueue", "enqueue_many"):
            for enqueue in enqueues(project, function):
                if enqueue.ref == definition.ref:
                    seen = True
                    if "key" not in enqueue.options and "dedupe" not in enqueue.options:
                        return False
    return seen


# MS408


def blocking(project: Project, definition: Definition) -> Iterator[Finding]:
    """Yield the first call of an async body that holds its event loop."""
    if not definition.function.is_async or not definition.is_ours:
        return
    for each in body_calls(project, definition):
        ref = canonical(project, plain_ref(each.call))
        what = BLOCKING.get(ref)
        if what is None or each.call.is_awaited:
            continue
        if ref == "time.sleep" and isinstance(seconds := plain(each.call.argument(0)), (int, float)) and seconds < 0.05:
            continue
        yield evident(
            project.finding(
                "MS408", definition.file, definition.function, definition.place_of(each),
                variant=what, task=definition.name, call=each.call.source,
            ),
            each,
        )  # fmt: skip
        return
