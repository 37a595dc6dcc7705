"""Forms: a task's JSON Schema as a flat, normalised list of fields that a page, a prompt or a program can draw without knowing JSON Schema.

References are followed, "or nothing" is taken off, and each field has one widget. What no widget fits is edited as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from mainspring.core.words import humanise

Widget = Literal[
    "text", "multiline", "code", "password", "secret", "email", "uri", "integer", "number", "range", "checkbox", "radio", "select",
    "checkboxes", "date", "time", "date-time", "duration", "uuid", "path", "file", "rows", "pairs", "fieldset", "variants", "json",
    "hidden",
]  # fmt: skip
_OURS = "x-mainspring"  # as `mainspring.core.param` has it, which is above this module

MOST_RADIOS = 4
DEEPEST = 12  # models in models; one that holds itself is edited as JSON past it
_FORMATS: Mapping[str, Widget] = {
    "date": "date", "time": "time", "date-time": "date-time", "duration": "duration", "uuid": "uuid", "email": "email", "uri": "uri",
    "password": "password", "multiline": "multiline", "binary": "file", "path": "path", "file-path": "path", "directory-path": "path",
    "json": "json", "code": "code", "secret-reference": "secret",
}  # fmt: skip
_LIMITS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems",
    "uniqueItems", "contentMediaType",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """One of a closed set: the value as JSON has it, the text that a form posts for it, and what people read."""

    value: Any
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. ``item`` is what the rows of a list are, ``fields`` what a nested model holds, ``variants`` the shapes of a union.

    ``default`` counts only where ``has_default``; ``ui`` is what the definition says under ``x-ui``. A constant is hidden and has the one
    option that it is. ``limits`` of a file are ``max_size`` (bytes) and ``types``; ``pairs`` are the entries of an object of texts.
    """

    name: str
    label: str
    widget: Widget
    help: str = ""
    is_required: bool = True
    is_nullable: bool = False
    has_default: bool = False
    default: Any = None
    options: tuple[Option, ...] = ()
    suggestions: tuple[Any, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    item: FormField | None = None
    fields: tuple[FormField, ...] = ()
    variants: tuple[FormField, ...] = ()
    ui: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def fields_of(schema: Mapping[str, Any]) -> tuple[FormField, ...]:
    """Return the fields of an object's schema, in its order."""
    return _properties(schema, schema.get("$defs", {}), 0)


def _properties(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> tuple[FormField, ...]:
    properties = schema.get("properties", {})
    order = [name for name in schema.get("x-ui", {}).get("order", ()) if name in properties]
    required = set(schema.get("required", ()))
    names = [*order, *(name for name in properties if name not in order)]
    return tuple(_field(name, properties[name], defs, depth, is_required=name in required) for name in names)


def _field(name: str, given: Mapping[str, Any], defs: Mapping[str, Any], depth: int, *, is_required: bool = True) -> FormField:
    outer = resolved(given, defs)
    shapes = [resolved(each, defs) for each in outer.get("anyOf", outer.get("oneOf", ()))]
    is_nullable = outer.get("type") == "null" or any(each.get("type") == "null" for each in shapes)
    shapes = [each for each in shapes if each.get("type") != "null"]
    inner = (
        {**shapes[0], **{key: value for key, value in outer.items() if key not in ("anyOf", "oneOf", "title")}}
        if len(shapes) == 1
        else outer
    )
    ui = {**inner.get("x-ui", {}), **given.get("x-ui", {})}
    widget = _widget(inner, shapes if len(shapes) > 1 else [], ui, defs, depth)
    item = None
    if widget == "rows":
        item = _field("", inner.get("items", {}), defs, depth + 1)
    variants: tuple[FormField, ...] = ()
    if widget == "variants":
        variants = tuple(_field("", each, defs, depth + 1) for each in shapes)
    chosen = resolved(inner.get("items", {}), defs) if widget == "checkboxes" else inner
    limits = {key: inner[key] for key in _LIMITS if key in inner}
    if widget == "file":
        limits |= inner[_OURS]["file"]
    if widget == "hidden":
        options: tuple[Option, ...] = (Option(inner["const"], text_of(inner["const"]), ""),) if "const" in inner else ()
    else:
        options = _options(chosen, {**chosen.get("x-ui", {}), **ui}) if widget in ("radio", "select", "checkboxes") else ()
    return FormField(
        name=name,
        label=str(given.get("title") or outer.get("title") or humanise(name)),
        widget=widget,
        help=" ".join(str(given.get("description", outer.get("description", ""))).split()),
        is_required=is_required,
        is_nullable=is_nullable,
        has_default="default" in given,
        default=given.get("default"),
        options=options,
        suggestions=tuple(inner.get("examples", ())),
        limits=limits,
        item=item,
        fields=_properties(inner, defs, depth + 1) if widget == "fieldset" else (),
        variants=variants,
        ui={key: value for key, value in ui.items() if key not in ("order", "labels")},
    )


def resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its references followed."""
    found = dict(schema)
    for _ in range(20):  # references may be chained, and in a foolish schema go round
        if "$ref" in found:
            target = defs.get(str(found.pop("$ref")).rpartition("/")[2], {})
        elif len(found.get("allOf", ())) == 1:
            target = found.pop("allOf")[0]
        else:
            return found
        found = {**target, **found}
    return found


def _widget(
    inner: Mapping[str, Any], shapes: Sequence[Mapping[str, Any]], ui: Mapping[str, Any], defs: Mapping[str, Any], depth: int
) -> Widget:
    said = ui.get("widget")
    if "const" in inner or said == "hidden":
        return "hidden"
    if "enum" in inner:
        return said if said in ("radio", "select") else "radio" if len(inner["enum"]) <= MOST_RADIOS else "select"
    if said == "json":
        return "json"
    if shapes:
        return _of_union(shapes, depth)
    if "file" in inner.get(_OURS, {}):
        return "file"
    if said == "range" and inner.get("type") in ("integer", "number") and "minimum" in inner and "maximum" in inner:
        return "range"  # a slider without ends would be none
    match inner.get("type"):
        case "boolean":
            return "checkbox"
        case "integer":
            return "integer"
        case "number":
            return "number"
        case "array":
            return _of_list(inner, defs, depth)
        case "object":
            return _of_object(inner, defs, depth)
        case "string":
            if inner.get("writeOnly"):
                return "password"
            return said if said in ("multiline", "code") else _FORMATS.get(str(inner.get("format")), "text")
    return "json"


def _of_object(inner: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Widget:
    if inner.get("properties"):
        return "fieldset" if depth < DEEPEST else "json"
    values = inner.get("additionalProperties")
    is_of_texts = isinstance(values, Mapping) and resolved(values, defs).keys() <= {"type", "title"} and values.get("type") == "string"
    return "pairs" if is_of_texts else "json"


def _of_union(shapes: Sequence[Mapping[str, Any]], depth: int) -> Widget:
    kinds = {str(each.get("type")) for each in shapes}
    if kinds == {"number", "string"}:
        return "number"  # a Decimal: typed as a number, sent as the text that it is
    if all(each.get("type") == "object" and each.get("properties") for each in shapes) and depth < DEEPEST:
        return "variants"
    return "text" if kinds <= {"string"} else "json"


def _of_list(inner: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Widget:
    if "prefixItems" in inner or "items" not in inner or depth >= DEEPEST:
        return "json"
    return "checkboxes" if "enum" in resolved(inner["items"], defs) else "rows"


def _options(schema: Mapping[str, Any], ui: Mapping[str, Any]) -> tuple[Option, ...]:
    labels = ui.get("labels", {})
    return tuple(Option(value, text, str(labels.get(text, text))) for value in schema["enum"] for text in [text_of(value)])


def text_of(value: Any) -> str:
    """Return a choice, a JSON value, as people type it and a form posts it."""
    return value if isinstance(value, str) else json.dumps(value)
