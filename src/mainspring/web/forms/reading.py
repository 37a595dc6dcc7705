"""From controls to values, as JSON has them. What is wrong with these is for those to say who check every door alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from mainspring.core.errors import Problem
from mainspring.core.form import text_of
from mainspring.web.forms.carry import flat, number, parse_json, pretty, read_duration, read_moment, settled, shown_duration, shown_moment
from mainspring.web.forms.field import Field, blank_is_text

ABSENT: Final = object()  # nothing is said: the default counts


def read(fields: Sequence[Field]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values of a form, without those that are left to their default, and what cannot be read at all."""
    reader = _Reader()
    return reader.many(fields, ""), reader.problems


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def many(self, fields: Sequence[Field], under: str) -> dict[str, Any]:
        found = {each.spec.name: self.one(each, f"{under}{each.spec.name}") for each in fields}
        return {name: value for name, value in found.items() if value is not ABSENT}

    def one(self, field: Field, where: str) -> Any:
        match field.widget:
            case "hidden":
                return field.spec.options[0].value if field.spec.options else _was(field) if field.was else ABSENT
            case "fieldset":
                return _none(field) if field.is_none and field.has_none else self.many(field.fields, f"{where}.")
            case "variants":
                return self.many(field.variants[field.chosen], f"{where}.") if field.chosen >= 0 else _none(field)
            case "rows":
                return self._rows(field, where)
            case "pairs":
                return self._pairs(field, where)
            case "checkboxes":
                return _ticked(field)
            case "checkbox":
                return field.text == "true" if field.text or not field.has_absence else _none(field)
            case "radio" | "select":
                return _choice(field)
            case "file":
                return field.file if field.file is not None else _none(field)
            case "json":
                return self._json(field, where)
        return self._typed(field, where)

    def _rows(self, field: Field, where: str) -> Any:
        if not field.rows and field.is_none and field.has_none:
            return _none(field)
        found = [self.one(row.field, f"{where}.{place}") for place, row in enumerate(field.rows)]
        return [None if each is ABSENT else each for each in found]  # a blank row is told as wrong where it is

    def _pairs(self, field: Field, where: str) -> Any:
        shown = [(row.key, row.field.text) for row in field.rows]
        if field.was and shown == [(flat(key), settled(text)) for key, text in (_was(field) or {}).items()]:
            return _was(field)
        if not shown and field.is_none and field.has_none:
            return _none(field)
        found: dict[str, Any] = {}
        for key, row in ((key, row) for (key, text), row in zip(shown, field.rows, strict=True) if key or text):
            if key in found:
                self.problems.append(Problem(f"{where}.{key}", "is given twice"))
            value = self.one(row.field, f"{where}.{key}")
            found[key] = "" if value is ABSENT else value
        return found

    def _json(self, field: Field, where: str) -> Any:
        if field.was and field.text == settled(_pretty_was(field)):
            return _was(field)
        if not field.text.strip():
            return _none(field)
        try:
            return parse_json(field.text)
        except json.JSONDecodeError as error:
            self.problems.append(Problem(where, f"is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"))
        except ValueError as error:
            self.problems.append(Problem(where, f"is no JSON: {error}"))
        return field.text

    def _typed(self, field: Field, where: str) -> Any:
        text, spec = field.text, field.spec
        if text == "" and blank_is_text(spec):
            if spec.is_nullable:
                return None if field.is_none else ""
            return "" if spec.is_required or field.is_empty or (spec.has_default and spec.default == "") else ABSENT
        if not text.strip() and (text == "" or spec.widget not in ("text", "multiline", "code", "password")):
            return "" if spec.is_required and spec.widget in ("text", "multiline", "code") and not spec.is_nullable else _none(field)
        if field.was and text == _shown_was(field):
            return _was(field)
        match spec.widget:
            case "integer" | "number" | "range":
                return number(text)
            case "duration":
                return read_duration(text)
            case "date-time":
                try:
                    return read_moment(text, field.zone)
                except LookupError:
                    self.problems.append(
                        Problem(where, f"no clock in {field.zone} ever shows {text.replace('T', ' ')}: it was set forward then")
                    )
        return text


def _none(field: Field) -> Any:
    return None if field.spec.is_nullable else ABSENT


def _was(field: Field) -> Any:
    try:
        return json.loads(field.was)
    except ValueError:  # somebody has changed what the page said
        return ABSENT


def _pretty_was(field: Field) -> str:
    return pretty(_was(field)) if _was(field) is not ABSENT else ""


def _shown_was(field: Field) -> str | None:
    was = _was(field)
    if not isinstance(was, str):
        return None
    match field.spec.widget:
        case "duration":
            return shown_duration(was)
        case "date-time":
            shown, zone = shown_moment(was, field.zone)
            return shown if zone == field.zone else None
    return settled(was)


def _ticked(field: Field) -> Any:
    if not field.texts and field.is_none and field.has_none:
        return _none(field)
    if field.was:
        was = _was(field)
        if isinstance(was, list) and sorted(settled(text_of(each)) for each in was) == sorted(field.texts):
            return was
    values = {settled(each.text): each.value for each in field.spec.options}
    return [values.get(text, text) for text in field.texts]


def _choice(field: Field) -> Any:
    for each in field.spec.options:
        if settled(each.text) == settled(field.text):
            return each.value
    return field.text if field.text else _none(field)
