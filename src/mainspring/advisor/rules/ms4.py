"""MS401 to MS412: what a definition is missing, or does that it should leave to the engine.

The engine's own defaults count: a task without ``timeout=`` has five minutes, one without ``retry=`` is tried three more times with
backoff. So these rules look for what takes that away, and for what no default can know: secrets, objects, effects that must not happen
twice. What the engine refuses when it starts (a parameter that is no JSON, a service with parameters) is said here before it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Finding, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import FileFacts, Function
from mainspring.advisor.rules import beside, carried, outward
from mainspring.advisor.rules.clients import (
    nondeterminism,
)
from mainspring.advisor.rules.definitions import (
    ENQUEUES,
    Definition,
    Enqueue,
    Reached,
    Sort,
    body_calls,
    canonical,
    definitions,
    enqueues,
)
from mainspring.advisor.rules.outward import evident, is_network

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what MS401 to MS412 find in a file."""
    for definition in definitions(project, file):
        for finding in _of_definition(project, definition):
            yield finding if definition.is_ours else replace(finding, severity=Severity.NOTICE)
    for function in file.calling(*ENQUEUES):
        for enqueue in enqueues(project, function):
            is_foreign = enqueue.definition is not None and not enqueue.definition.is_ours
            for finding in _of_enqueue(project, file, function, enqueue):
                yield replace(finding, severity=Severity.NOTICE) if is_foreign else finding


def _of_definition(project: Project, definition: Definition) -> Iterator[Finding]:
    if definition.sort is not Sort.WORKFLOW:
        yield from outward.network(project, definition)
        yield from outward.no_dedupe(project, definition)
    if definition.is_variant:
        return  # its function is judged where that is first defined; its own are its options
    yield from carried.secret_params(project, definition)
    yield from carried.object_params(project, definition)
    if definition.sort is Sort.WORKFLOW:
        yield from _nondeterminism(project, definition)
        return
    yield from outward.terminal_retries(project, definition)
    yield from outward.blocking(project, definition)
    yield from _no_stop(project, definition)
    yield from _no_failure_test(project, definition)


def _of_enqueue(project: Project, file: FileFacts, function: Function, enqueue: Enqueue) -> Iterator[Finding]:
    yield from carried.secret_arguments(project, file, function, enqueue)
    yield from carried.object_arguments(project, file, function, enqueue)
    yield from beside.in_transaction(project, file, function, enqueue)
    yield from beside.second_writer(project, file, function, enqueue)


# MS410

_LOOKS = pattern(r"\b(stopping|is_stopping)\b|\b(ctx|context)\.sleep\b|\bcurrent_run\(\)")


def _no_stop(project: Project, definition: Definition) -> Iterator[Finding]:
    if definition.sort is not Sort.SERVICE:
        return
    function = definition.function
    endless = [(number, loop) for number, loop in enumerate(function.loops) if loop.is_endless]
    streams = [(number, loop) for number, loop in enumerate(function.loops) if loop.is_async and not loop.is_endless and loop.parent < 0]
    if not endless and not streams:
        return
    if _looks_at_stop(function):
        return
    context = next((param.name for param in function.params if param.annotation.rpartition(".")[2].strip("'\"") == "Context"), None)
    if context is not None and any(value.text == context or context in value.names for call in function.calls for value in
                                   call.given):  # fmt: skip
        return  # handed on: somebody else looks
    is_closed = definition.gives("on_shutdown") or any(
        any(part in ("except:asyncio.CancelledError", "except:CancelledError", "finally") for part in call.inside)
        for call in function.calls
    )
    if endless and not (is_closed and function.is_async and any(call.loop == endless[0][0] and call.is_awaited for call in function.calls)):
        yield project.finding("MS410", definition.file, function, endless[0][1].place, task=definition.name, head=endless[0][1].head)
    elif not endless and not is_closed and _never_ends(project, function, streams[0][0]):
        yield project.finding(
            "MS410", definition.file, function, streams[0][1].place, severity=Severity.WARNING, variant="stream", task=definition.name,
            head=streams[0][1].head,
        )  # fmt: skip


def _looks_at_stop(function: Function) -> bool:
    if any(_LOOKS.search(loop.head) or any(_LOOKS.search(each) for each in loop.exits) for loop in function.loops):
        return True
    if any(name.rpartition(".")[2] == "stopping" for name in function.globals):
        return True
    for call in function.calls:
        owner, _, verb = call.ref.rpartition(".")
        if verb == "sleep" and (owner.rpartition(".")[2] in ("Context", "ctx", "context") or call.source in ("ctx.sleep", "context.sleep")):
            return True
        if _LOOKS.search(call.statement):
            return True
    return False


_STREAMS = (
    "listen",
    "subscribe",
    "messages",
    "consume",
    "stream",
    "iterator",
    "watch",
    "events",
    "notifies",
    "getone",
    "astream",
    "awatch",
)


def _never_ends(project: Project, function: Function, number: int) -> bool:
    """Tell whether what is iterated is known for having no end."""
    iterated = function.loops[number].iterates
    if iterated is None:
        return False
    words = (iterated.text.rpartition(".")[2], iterated.type.rpartition(".")[2].lower())
    return words[0] in _STREAMS or any(word in words[1] for word in ("consumer", "pubsub", "subscription", "websocket"))


# MS411


def _nondeterminism(project: Project, definition: Definition) -> Iterator[Finding]:
    seen: set[str] = set()
    for each in body_calls(project, definition):
        if _is_inside_step(project, each):
            continue
        what = nondeterminism(canonical(project, each.call.ref))
        if what is None and project.function(each.call.ref) is None and is_network(project, each):
            what = "network"
        if what is None or what in seen:
            continue
        seen.add(what)
        place = definition.place_of(each)
        yield evident(
            project.finding(
                "MS411", definition.file, definition.function, place, variant=what, task=definition.name, call=each.call.source
            ),
            each,
        )
    for name in definition.function.globals:
        if name.startswith("os.environ") and "env" not in seen:
            yield project.finding(
                "MS411", definition.file, definition.function, definition.place, variant="env", task=definition.name, call="os.environ"
            )
            return


def _is_inside_step(project: Project, each: Reached) -> bool:
    """Tell whether a call stands in a step, whose result is kept, or is what a step is given."""
    if any(canonical(project, decorator.ref) == "mainspring.step" for decorator in each.function.decorators):
        return True
    passed = each.call.passed_to
    return 0 <= passed < len(each.function.calls) and each.function.calls[passed].ref.rpartition(".")[2] == "step"


# MS412


def _no_failure_test(project: Project, definition: Definition) -> Iterator[Finding]:
    """Say that no test names a task, or none of those expects a failure. Only where it is selected."""
    if "MS412" not in project.settings.codes or definition.sort is not Sort.TASK or not definition.is_ours:
        return
    short = definition.function.name.rpartition(".")[2]
    tests = [function for module in project.search(short) if _is_test(module) for function in project.files[module].functions
             if function.name.rpartition(".")[2].startswith("test")]  # fmt: skip
    named = [function for function in tests if _speaks_of(project, function, definition.ref, short)]
    if not named and any(_is_test(module) for module in (*project.files, *project.search("def test_"))):
        yield project.finding("MS412", definition.file, definition.function, definition.place, task=definition.name)
    elif named and not any(_expects_failure(function) for function in named):
        yield project.finding("MS412", definition.file, definition.function, definition.place, variant="happy", task=definition.name)


def _is_test(module: str) -> bool:
    parts = module.split(".")
    return any(part in ("tests", "test") for part in parts) or parts[-1].startswith("test_") or parts[-1].endswith("_test")


def _speaks_of(project: Project, function: Function, ref: str, short: str) -> bool:
    names = [name for call in function.calls for value in call.given for name in (value.text, *value.names)]
    names += [call.ref for call in function.calls]
    return any(project.canonical(name).startswith(ref) for name in names if short in name)


_FAILING = pattern(r"(fail|error|raise|retr|timeout|invalid|refus|reject|bad|broken|down|terminal|wrong|unavailable)", re.IGNORECASE)


def _expects_failure(function: Function) -> bool:
    if _FAILING.search(function.name.rpartition(".")[2]):
        return True
    return any(call.ref.rpartition(".")[2] in ("raises", "assertRaises", "assertRaisesRegex") for call in function.calls)
