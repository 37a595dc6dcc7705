"""What a piece of code goes through: its calls, and those of the project's functions that it calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mainspring.advisor.effects import Effect
from mainspring.advisor.finding import Evidence
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Assign, Call, FileFacts, Function, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.sources import writes_state

DEPTH = 3  # calls that are followed
CALLS = 400  # looked at in all, so that a huge program stays cheap
SHARED = (Effect.DB_WRITE, Effect.NETWORK, Effect.LLM, Effect.SUBPROCESS, Effect.ENQUEUE, Effect.FILE)
WRITES = (Effect.DB_WRITE, Effect.LLM, Effect.ENQUEUE)

_STATE = pattern(r"\w*(status|state)|processed\w*|sent_at|is_sent|is_done", re.IGNORECASE)
_ASKS = frozenset({"select", "query", "scalars", "update", "exists", "get", "select_from", "find", "exec"})


@record(frozen=True, slots=True)
class Step:
    """A call that a piece of code makes, itself (depth 0) or through others, and the function that it stands in."""

    file: FileFacts
    function: Function
    call: Call
    depth: int

    @property
    def method(self) -> str:
        """The last part of what is called."""
        return self.call.ref.rpartition(".")[2]

    @property
    def evidence(self) -> Evidence:
        """The line of the call."""
        return Evidence(self.file.path, self.call.place.line, self.call.statement)


def inside(function: Function, number: int, loop: int) -> bool:
    """Return whether a loop is another one or stands in it."""
    while number >= 0:
        if number == loop:
            return True
        number = function.loops[number].parent
    return False


def steps_of(project: Project, file: FileFacts, function: Function, loop: int) -> Iterator[Step]:
    """Yield the calls of a loop, and those of the project's functions that it calls, three deep."""
    return _follow(project, [Step(file, function, call, 0) for call in function.calls if inside(function, call.loop, loop)])


def steps_within(project: Project, known: Known) -> Iterator[Step]:
    """Yield the calls of a whole function, and those of the project's functions that it calls, three deep."""
    return _follow(project, [Step(known.file, known.function, call, 0) for call in known.function.calls])


def _follow(project: Project, waiting: list[Step]) -> Iterator[Step]:
    seen = {(step.file.module, step.function.name) for step in waiting[:1]}
    for step in waiting:  # grows
        yield step
        if step.depth >= DEPTH or len(waiting) >= CALLS:
            continue
        for ref in (step.call.ref, *(value.text for value in step.call.args if value.form is ValueForm.REF)):
            known = project.function(ref)
            if known is None or (known.file.module, known.function.name) in seen:
                continue
            seen.add((known.file.module, known.function.name))
            waiting.extend(Step(known.file, known.function, call, step.depth + 1) for call in known.function.calls)


def functions_within(project: Project, known: Known) -> list[Function]:
    """Return a function and those of the project that it goes through, three deep."""
    found = {id(step.function): step.function for step in steps_within(project, known)}
    return list({id(known.function): known.function, **found}.values())


def changes(project: Project, step: Step) -> bool:
    """Return whether a call changes rows or other systems, or its function writes a state."""
    if writes_state(step.call) or any(is_state(assign) for assign in step.function.assigns):
        return True
    effects = project.effects(step.call.ref)
    return any(effects.has(effect) for effect in SHARED if effect is not Effect.FILE)


def is_state(assign: Assign) -> bool:
    """Return whether a state is written into something that somebody else has: ``row.status = …``."""
    return "." in assign.target and _STATE.fullmatch(assign.attribute) is not None


def models_of(project: Project, step: Step) -> Iterator[str]:
    """Yield the classes whose rows the statement of a call asks for."""
    for call in step.function.calls:
        if call.statement != step.call.statement:
            continue
        for manager in (".objects.", ".query."):
            if manager in call.ref and call.ref[:1] != "?":
                yield project.canonical(call.ref.partition(manager)[0])
        if call.ref.rpartition(".")[2] in _ASKS:
            given = [value.text for value in call.args if value.form is ValueForm.REF]
            yield from (project.canonical(name) for name in given if name.rpartition(".")[2][:1].isupper())
    for value in (*step.call.args, *(value for _, value in step.call.keywords)):
        for name in value.names:
            owner, _, attribute = name.rpartition(".")
            if owner.rpartition(".")[2][:1].isupper() and attribute.endswith(("status", "state")):
                yield project.canonical(owner)


def texts_of(steps: Iterable[Step], around: Function) -> list[str]:
    """Return the statements of SQL of the functions that steps stand in, and of the constants of their files that they name."""
    steps = list(steps)
    functions = {id(step.function): step.function for step in steps}
    found = [text for function in (around, *functions.values()) for _, text in function.texts]
    constants = {
        assign.attribute: assign.value.text
        for file in {step.file.module: step.file for step in steps}.values()
        for assign in file.top.assigns
        if assign.value.form is ValueForm.TEXT and " " in assign.value.text
    }
    for step in steps:
        names = [name.rpartition(".")[2] for value in step.call.args[:2] for name in (value.text, *value.names)]
        found.extend(constants[name] for name in names if name in constants)
    return found
