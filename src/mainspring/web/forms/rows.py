"""The buttons of rows, pressed in a browser that runs no scripts: a row more, a row less, one up, one down."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.core.form import FormField
from mainspring.web.forms.build import blank
from mainspring.web.forms.field import MOST_ROWS, Data, Field, Row, walk

BUTTONS = ("_add", "_remove", "_up", "_down")


def act(fields: Sequence[Field], data: Data, *, zone: str = "UTC") -> str | None:
    """Do what a pressed button says, and return the id of the control that is to have the focus; None where none was pressed."""
    for button in BUTTONS:
        if pressed := data.get(button):
            return _act(fields, button, str(pressed[0]), zone)
    return None


def _act(fields: Sequence[Field], button: str, name: str, zone: str) -> str:
    for field in walk(fields):
        if button == "_add" and field.name == name and field.widget in ("rows", "pairs", "checkboxes"):
            return _add(field, zone)
        for place, row in enumerate(field.rows):
            if row.field.name == name and button != "_add":
                return _move(field, place, button)
    return ""


def _add(field: Field, zone: str) -> str:
    if len(field.rows) >= MOST_ROWS:
        return field.id
    index = max((row.index for row in field.rows), default=-1) + 1
    item = FormField("", "", "text") if field.widget == "pairs" else field.item
    row = Row(index, blank(item, f"{field.name}[{index}]", zone=zone), is_new=True)
    field.rows.append(row)
    field.is_none = False
    return row.field.id


def _move(field: Field, place: int, button: str) -> str:
    row = field.rows.pop(place)
    if button == "_remove":
        return field.id
    field.rows.insert(max(place - 1, 0) if button == "_up" else place + 1, row)
    return row.field.id


def blank_row(field: Field, index: str) -> Row:
    """Return a row for scripts to add, whose controls have this in the place of their number."""
    item = FormField("", "", "text") if field.widget == "pairs" else field.item
    return Row(0, blank(item, f"{field.name}[{index}]", zone=field.zone))
