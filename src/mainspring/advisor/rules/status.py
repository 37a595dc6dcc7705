"""Who writes which column: the assignments, updates and statements of SQL by which a function changes a row's state.

A column has one writer, the body that does the work. Rules compare what a caller writes with what the body writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Place
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm
from mainspring.advisor.record import record

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

_COLUMN = pattern(
    r"^(status|state|stage|phase|progress|percent|outcome|result_status|([a-z0-9]+_)*(status|state|progress)"
    r"|(started|finished|completed|failed|processed|done|ended)_at|is_(done|finished|completed|processed|failed|running)|last_error|error_message)$"
)
INITIAL = frozenset(
    ("queued", "pending", "new", "created", "scheduled", "requested", "waiting", "enqueued", "submitted", "accepted", "draft", "initial",
     "not_started", "in_queue", "todo", "received")
)  # fmt: skip
_UPDATE = pattern(r"\bupdate\s+(?:only\s+)?[\"'`\[]?([\w.]+)[\"'`\]]?\s+(?:as\s+\w+\s+|\w+\s+)?set\b(.*)", re.IGNORECASE | re.DOTALL)
_SET = pattern(r"[\"'`]?(\w+)[\"'`]?\s*=\s*('[^']*'|[:%$?\w.()]+)")


@record(frozen=True, slots=True)
class Write:
    """One write of a column. ``owner`` is the class or table, "" where nobody knows it; ``row`` what is written to, as written."""

    path: str
    owner: str
    row: str
    column: str
    value: str  # the text that is written, "" where it is none
    place: Place
    shown: str


def is_state_column(name: str) -> bool:
    """Tell whether a column says how far some work is."""
    return _COLUMN.match(name) is not None


def bodies(project: Project, file: FileFacts, function: Function, depth: int = 2) -> Iterator[tuple[FileFacts, Function]]:
    """Yield a function and those of the project that it calls."""
    seen = {(file.module, function.name)}
    round_ = [(file, function)]
    for _ in range(depth):
        following: list[tuple[FileFacts, Function]] = []
        for where, body in round_:
            yield where, body
            for call in body.calls:
                known = None if call.ref.startswith("?") else project.function(call.ref)
                if known is not None and (known.file.module, known.function.name) not in seen:
                    seen.add((known.file.module, known.function.name))
                    following.append((known.file, known.function))
        round_ = following


def writes(project: Project, file: FileFacts, function: Function) -> Iterator[Write]:
    """Yield what a function writes: attributes of rows, ``.update(…)`` and ``.values(…)``, and UPDATE statements."""
    for assign in function.assigns:
        if assign.attribute in ("", "[]") or "." not in assign.target:
            continue
        row = assign.target.rpartition(".")[0]
        if row in ("self", "cls"):
            continue
        owner = _owner_of(project, function, assign.owner, row)
        yield Write(file.path, owner, row, assign.attribute, _text(assign.value), assign.place, assign.target)
    for call in function.calls:
        yield from _of_call(project, file, function, call)
    for line, text in function.texts:
        found = _UPDATE.search(text)
        if found is None:
            continue
        table = found[1].rpartition(".")[2].lower()
        head = re.split(r"\bwhere\b|\breturning\b", found[2], maxsplit=1, flags=re.IGNORECASE)[0]
        for column, value in _SET.findall(head):
            yield Write(
                file.path, table, table, column.lower(), value.strip("'") if value.startswith("'") else "", Place(line, 1, line, 1),
                f"{table}.{column.lower()}",
            )  # fmt: skip


_FETCHES = frozenset(
    ("get", "get_one", "aget", "get_or_404", "scalar", "scalar_one", "scalar_one_or_none", "scalars", "execute", "first", "one",
     "one_or_none", "get_object_or_404", "aget_object_or_404", "exec")
)  # fmt: skip


def _owner_of(project: Project, function: Function, told: str, row: str) -> str:
    """Return the class of a row: as the reader knows it, or as it was fetched (``session.get(Order, id)``, ``Order.objects.get(…)``)."""
    if told and not told.startswith("?"):
        for name in (told, told.partition(".objects")[0], told.partition(".query")[0]):
            owner = project.canonical(name)
            if project.class_of(owner) is not None:
                return owner
    for call in function.calls:
        if call.target != row or call.ref.replace("()", "").rpartition(".")[2] not in _FETCHES:
            continue
        for value in call.args:
            for name in (value.text, *value.names):
                owner = project.canonical(name)
                if project.class_of(owner) is not None:
                    return owner
    return ""


def _of_call(project: Project, file: FileFacts, function: Function, call: Call) -> Iterator[Write]:
    verb = call.ref.rpartition(".")[2]
    if verb not in ("update", "aupdate", "values") or not call.keywords:
        return
    owner = _model_of(project, function, call)
    if not owner:
        return
    for name, value in call.keywords:
        yield Write(file.path, owner, owner, name, _text(value), call.place, f"{owner.rpartition('.')[2]}.{name}")


def _model_of(project: Project, function: Function, call: Call) -> str:
    """Return the class whose rows ``Order.objects.filter(…).update(…)`` or ``update(Order)….values(…)`` writes."""
    verb = call.ref.rpartition(".")[2]
    parts = call.ref.split(".")
    if "objects" in parts:
        owner = project.canonical(".".join(parts[: parts.index("objects")]))
        return owner if project.class_of(owner) is not None else ""
    if verb == "values":
        for each in function.calls:
            starts = (each.place.line, each.place.column) == (call.place.line, call.place.column)
            if starts and project.canonical(each.ref) in ("sqlalchemy.update", "sqlmodel.update") and each.args:
                owner = project.canonical(each.args[0].text)
                return owner if project.class_of(owner) is not None else ""
    return ""


def _text(value: Value) -> str:
    if value.form is ValueForm.TEXT:
        return value.text.lower()
    return value.text.removesuffix(".value").rpartition(".")[2].lower() if value.form is ValueForm.REF else ""


def is_same(one: Write, other: Write) -> bool:
    """Tell whether two writes change the same column, as far as can be seen: of one class, or of rows that are called the same."""
    if one.column != other.column:
        return False
    if one.owner and other.owner:
        return _table(one.owner) == _table(other.owner)
    return one.row == other.row and not one.owner and not other.owner


def _table(owner: str) -> str:
    """Return what class and table have in common: ``shop.models.Order`` and ``orders`` are one."""
    last = owner.rpartition(".")[2]
    plain = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", last).lower()
    return plain.removesuffix("s")


def is_initial(write: Write, enqueue: Call) -> bool:
    """Tell whether a write says that work is asked for, before it is: that belongs to the one who asks."""
    return write.value in INITIAL and write.place.line <= enqueue.place.line
