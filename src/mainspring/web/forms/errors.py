"""What is wrong, put to the controls that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mainspring.core.errors import Problem
from mainspring.web.forms.field import Field


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the summary: where it leads to (None: to nothing in particular), and what it says."""

    id: str | None
    label: str
    what: str


def attach(fields: Sequence[Field], problems: Iterable[Problem]) -> list[Fault]:
    """Note problems at the controls that they are about, and return them in the order of the form."""
    found: list[tuple[int, Fault]] = []
    for problem in problems:
        place, trail = _find(fields, problem.where)
        if not trail:
            found.append((len(fields), Fault(None, "" if problem.where == "*" else problem.where, problem.what)))
            continue
        target = trail[-1]
        if target.is_hidden:
            target = next((each for each in reversed(trail) if not each.is_hidden), target)
        target.errors.append(problem.what)
        found.append((place, Fault(target.id, _label(trail), problem.what)))
    return [fault for _, fault in sorted(found, key=lambda each: each[0])]


def _label(trail: Sequence[Field]) -> str:
    """Return what people call a control: that of a row goes by its place."""
    words: list[str] = []
    for at, each in enumerate(trail):
        if each.spec.name:
            words.append(each.spec.label)
        elif words:
            words[-1] += f" {next((n for n, row in enumerate(trail[at - 1].rows, 1) if row.field is each), '')}"
    return ": ".join(words)


def _find(fields: Sequence[Field], where: str) -> tuple[int, list[Field]]:
    """Follow a dotted path as far as it leads; what is no part of the form (the tag of a union) is passed over."""
    trail: list[Field] = []
    place = 0
    inside: Sequence[Field] = fields
    for step in where.split("."):
        at = trail[-1] if trail else None
        follow = next((each for each in inside if each.spec.name == step), None)
        if at is not None and at.rows and follow is None:
            follow = _row(at, step)
        if follow is None:
            if at is None:
                return 0, []
            continue
        if at is None:
            place = list(fields).index(follow)
        trail.append(follow)
        inside = follow.variants[follow.chosen] if 0 <= follow.chosen < len(follow.variants) else follow.fields
    return place, trail


def _row(field: Field, step: str) -> Field | None:
    if field.widget == "pairs":
        return next((row.field for row in field.rows if row.key == step), None)
    return field.rows[int(step)].field if step.isdecimal() and int(step) < len(field.rows) else None
