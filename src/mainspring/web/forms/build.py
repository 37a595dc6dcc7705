"""From values, or from what was posted, to controls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mainspring.core.form import FormField, text_of
from mainspring.web.forms.carry import flat, is_carried, pretty, settled, shown_duration, shown_moment
from mainspring.web.forms.field import MOST_ROWS, TYPED, Data, Field, Row, segment

NOTHING: Final = object()  # no value is given, nor a default known
_FILE = {"id", "name", "size", "media_type", "sha256"}


def build(specs: Sequence[FormField], values: Mapping[str, Any] | None = None, *, zone: str = "UTC") -> list[Field]:
    """Return the controls that show values; where there is none, the default. ``zone`` is the one that moments are shown in."""
    return [_built(each, segment(each.name), (values or {}).get(each.name, NOTHING), zone) for each in specs]


def blank(spec: FormField, name: str, *, zone: str = "UTC") -> Field:
    """Return a control with its default, or with nothing."""
    return _built(spec, name, NOTHING, zone)


def _built(spec: FormField, name: str, value: Any, zone: str) -> Field:
    made = Field(spec, name, zone=zone)
    is_given = value is not NOTHING
    if not is_given and spec.has_default:
        value = spec.default
    match spec.widget:
        case "hidden":
            made.was = json.dumps(value) if is_given and not spec.options else ""
        case "fieldset":
            made.is_none = value is None or (value is NOTHING and made.has_absence)
            inner = value if isinstance(value, Mapping) else {}
            made.fields = [_built(each, f"{name}.{segment(each.name)}", inner.get(each.name, NOTHING), zone) for each in spec.fields]
        case "variants":
            _shape(made, value, zone)
        case "rows" | "checkboxes" | "pairs":
            _many(made, value, zone)
        case "file":
            made.file = dict(value) if isinstance(value, Mapping) and value.keys() == _FILE else None
        case _:
            _single(made, value, zone)
    return made


def _shape(made: Field, value: Any, zone: str) -> None:
    spec = made.spec
    if isinstance(value, Mapping):
        made.chosen = next((n for n, each in enumerate(spec.variants) if _fits(each, value)), 0)
    elif value is None or (value is NOTHING and made.has_absence):
        made.is_none = True
    else:
        made.chosen = 0
    for n, variant in enumerate(spec.variants):
        given = value if n == made.chosen and isinstance(value, Mapping) else {}
        under = f"{made.name}[{n}]"
        made.variants.append(
            [_built(each, f"{under}.{segment(each.name)}", given.get(each.name, NOTHING), zone) for each in variant.fields]
        )


def _fits(variant: FormField, value: Mapping[str, Any]) -> bool:
    """Tell whether a value is of this shape: its constants are, it has what is required, and nothing else."""
    for each in variant.fields:
        if each.widget == "hidden" and each.options and each.name in value and value[each.name] != each.options[0].value:
            return False
        if each.is_required and each.name not in value and each.widget != "hidden":
            return False
    return value.keys() <= {each.name for each in variant.fields}


def _many(made: Field, value: Any, zone: str) -> None:
    spec = made.spec
    made.is_none = value is None or (value is NOTHING and made.has_absence)
    if spec.widget == "pairs":
        pairs = value if isinstance(value, Mapping) else {}
        made.rows = [
            Row(n, _built(FormField("", "", "text"), f"{made.name}[{n}]", each, zone), key) for n, (key, each) in enumerate(pairs.items())
        ]
        made.was = json.dumps(value) if "" in pairs or any(flat(key) != key for key in pairs) else ""
        return
    items = list(value) if isinstance(value, (list, tuple)) else []
    if spec.widget == "checkboxes":
        texts = [text_of(each) for each in items]
        in_order = [each.text for each in spec.options if each.text in texts]
        if len(in_order) == len(texts):
            made.texts, made.was = texts, json.dumps(items) if texts != in_order else ""
            return
        made.is_rows = True
    made.rows = [Row(n, _built(made.item, f"{made.name}[{n}]", each, zone)) for n, each in enumerate(items)]


def _single(made: Field, value: Any, zone: str) -> None:
    widget = made.spec.widget
    if widget == "password":
        return
    if widget in ("radio", "select"):
        is_option = any(each.value is None for each in made.spec.options)
        made.text = "" if value is NOTHING or (value is None and not is_option) else text_of(value)
    elif widget == "checkbox":
        made.text = "true" if value is True else "false" if value is False and made.has_absence else ""
    elif value is NOTHING:
        made.is_none = made.spec.is_nullable
    elif widget == "json":
        made.text = "" if value is None and made.spec.is_nullable else pretty(value)
        made.was = json.dumps(value) if not is_carried(made.text) else ""
    elif value is None:
        made.is_none = True
    elif not isinstance(value, str):
        made.text = text_of(value)
    elif widget == "duration":
        made.text, made.was = shown_duration(value), json.dumps(value)
    elif widget == "date-time":
        made.text, made.zone = shown_moment(value, zone)
        made.was = json.dumps(value)
    elif widget in ("integer", "number", "range"):
        made.text, made.was = value, json.dumps(value)
    else:
        made.text, made.is_empty = settled(value), value == "" and widget in TYPED
        made.was = json.dumps(value) if made.text != value else ""


# -- from what was posted ----------------------------------------------------------------------------------------------


def posted(specs: Sequence[FormField], data: Data, *, zone: str = "UTC") -> list[Field]:
    """Return the controls as they stood in a browser; nothing is checked."""
    return [_posted(each, segment(each.name), data, zone) for each in specs]


def _posted(spec: FormField, name: str, data: Data, zone: str) -> Field:
    made = Field(spec, name, zone=_text(data, f"{name}[zone]") or zone)
    made.was = _text(data, f"{name}[was]")
    made.is_none, made.is_empty = f"{name}[none]" in data, f"{name}[empty]" in data
    match spec.widget:
        case "fieldset":
            made.fields = [_posted(each, f"{name}.{segment(each.name)}", data, zone) for each in spec.fields]
        case "variants":
            shape = _text(data, f"{name}[variant]")
            made.chosen = int(shape) if shape.isdecimal() and int(shape) < len(spec.variants) else -1
            for n, variant in enumerate(spec.variants):
                made.variants.append([_posted(each, f"{name}[{n}].{segment(each.name)}", data, zone) for each in variant.fields])
        case "rows" | "pairs" | "checkboxes":
            indices = [int(each) for each in data.get(f"{name}[]", ()) if isinstance(each, str) and each.isdecimal()][:MOST_ROWS]
            made.is_rows = spec.widget == "checkboxes" and bool(indices)
            made.texts = [settled(each) for each in data.get(name, ()) if isinstance(each, str)]
            item = FormField("", "", "text") if spec.widget == "pairs" else made.item
            made.rows = [
                Row(n, _posted(item, f"{name}[{n}]", data, zone), flat(_text(data, f"{name}[{n}][key]"))) for n in dict.fromkeys(indices)
            ]
        case "file":
            made.file = _file(data, name)
        case _:
            made.text = settled(_text(data, name))
    return made


def _text(data: Data, name: str) -> str:
    return next((each for each in data.get(name, ()) if isinstance(each, str)), "")


def _file(data: Data, name: str) -> dict[str, Any] | None:
    """Return the file that was sent now, else the one that was sent before unless it is to go."""
    for each in data.get(name, ()):
        if isinstance(each, Mapping):
            return dict(each)
    if f"{name}[drop]" in data:
        return None
    try:
        kept = json.loads(_text(data, f"{name}[file]") or "null")
    except ValueError:
        return None
    return kept if isinstance(kept, dict) and kept.keys() == _FILE else None
