"""Schedules as they are written: texts and calls become one value, whose words the engine itself reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Place
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.literals import UNKNOWN, Unknown, constant, duration, duration_of_text, module_scope, plain
from mainspring.advisor.rules.ours import OURS, canonical

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


_KINDS = ("cron", "every", "at", "when", "manual")


@record(frozen=True, slots=True)
class ScheduleFact:
    """One schedule of a definition. ``text`` None: only a running program knows; ``tz`` None: nobody said."""

    kind: str  # cron every at when manual, or "?"
    text: str | None
    tz: str | Unknown | None
    options: Mapping[str, Value]
    place: Place

    @property
    def seconds(self) -> float | None:
        """The period of an interval."""
        if self.kind not in ("every", "when") or self.text is None:
            return None
        found = duration_of_text(self.text)
        return None if found is None else found.total_seconds()

    @property
    def written(self) -> str:
        """Return it as it is said: its words, or "every" and its period."""
        return f"every {self.text}" if self.kind == "every" else str(self.text)

    def says(self, option: str) -> bool:
        """Tell whether an option is given, and is more than None."""
        value = self.options.get(option)
        return value is not None and value.form is not ValueForm.NONE


def schedules_in(project: Project, file: FileFacts, scope: Function, value: Value | None, place: Place) -> Iterator[ScheduleFact]:
    found = constant(project, file, value)
    if found is None or found.form is ValueForm.NONE:
        return
    where = scope if found is value else module_scope(file) or scope
    if found.form is ValueForm.LIST:
        for item in found.items:
            yield from schedules_in(project, file, where, item, place)
    elif found.form is ValueForm.TEXT:
        yield schedule_of_text(found.text, place)
    elif found.form is ValueForm.CALL and 0 <= found.call < len(where.calls):
        made = schedule_of_call(project, file, where.calls[found.call])
        yield made or ScheduleFact("?", None, UNKNOWN, {}, place)
    else:
        yield ScheduleFact("?", None, UNKNOWN, {}, place)


def schedule_of_text(text: str, place: Place) -> ScheduleFact:
    """Return the schedule of a text, as a definition reads it."""
    head, _, rest = text.strip().partition(" ")
    kind = head.lower()
    if kind in ("every", "at") or (kind == "manual" and not rest):
        return ScheduleFact(kind, rest, None, {}, place)
    return ScheduleFact("cron", text, None, {}, place)


def schedule_of_call(project: Project, file: FileFacts, call: Call) -> ScheduleFact | None:
    """Return the schedule that a call of ``cron``, ``every``, ``at``, ``when`` or ``manual`` makes; None for another call."""
    ref = canonical(project, call.ref)
    head, _, kind = ref.rpartition(".")
    if head != OURS or kind not in _KINDS:
        return None
    options = dict(call.keywords)
    tz = plain(constant(project, file, options["tz"])) if "tz" in options else None
    said = call.argument(0, {"cron": "expression", "every": "period", "at": "moment"}.get(kind, ""))
    if kind == "when":
        said = options.get("every", Value(ValueForm.TEXT, "1m"))
    found = constant(project, file, said)
    given = plain(found)
    text = None if isinstance(given, (Unknown, bool)) or given is None else str(given)
    if kind in ("every", "when") and text is None and found is not None and found.form is ValueForm.CALL:
        owner = next((each for each in file.functions if any(other is call for other in each.calls)), None)
        length = duration(project, file, owner, found) if owner is not None else UNKNOWN
        text = f"{length.total_seconds()}s" if isinstance(length, timedelta) else None
    return ScheduleFact(kind, text, tz if isinstance(tz, (str, Unknown)) or tz is None else UNKNOWN, options, call.place)
