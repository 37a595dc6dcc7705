"""The JSON Schema of parameters, made for people too: labels, help, order, names of choices, and the defaults that factories make.

Extras that JSON Schema has no word for stand under ``x-ui``, as the console reads them: ``labels`` (of an enum's members) and ``order``
(of an object's properties, for readers whose JSON objects have none).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind, NoDefault
from pydantic_core import core_schema, to_jsonable_python

from mainspring.core.form import text_of
from mainspring.core.words import humanise

_LASTING = (str, bytes, int, float, bool, type(None), list, tuple, dict, set, frozenset, Enum, BaseModel)


class BadDefault(Exception):
    """A default that JSON cannot hold: it would be part of every stored call."""


class ParamsSchema(GenerateJsonSchema):
    """Writes the schema of parameters; raises `BadDefault` for a default that cannot be stored."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Refuse what pydantic only warns of."""
        if kind == "non-serializable-default":
            raise BadDefault(detail)
        super().emit_warning(kind, detail)

    def get_title_from_name(self, name: str) -> str:
        """Return a label as the rest of the product writes them: ``dry_run`` is "Dry run"."""
        return humanise(name)

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """Return the default, also that of a factory which makes the same each time; one that makes ids or times has none to show."""
        if "default" in schema:
            return schema["default"]
        if (factory := schema.get("default_factory")) is None or schema.get("default_factory_takes_data"):
            return NoDefault
        try:
            first, second = factory(), factory()  # type: ignore[call-arg]
            is_lasting = isinstance(first, _LASTING) or (is_dataclass(first) and not isinstance(first, type))
            return first if is_lasting and first == second else NoDefault
        except Exception:  # noqa: BLE001 - the user's code; whoever calls the task will hear of it
            return NoDefault

    def encode_default(self, dft: Any) -> Any:
        """Write bytes as they are stored and typed: as base64."""
        return base64.b64encode(dft).decode() if isinstance(dft, bytes) else super().encode_default(dft)

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        """Say that bytes travel as base64; ``format: binary`` is left to files."""
        made = super().bytes_schema(schema)
        del made["format"]
        return made | {"contentEncoding": "base64"}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        """Add the names of an enum's members as labels of their values."""
        made = super().enum_schema(schema)
        labels = {text_of(to_jsonable_python(each.value)): humanise(each.name.lower()) for each in schema["members"]}
        return made | {"x-ui": {"labels": labels}}


def finish(schema: dict[str, Any], title: str, docs: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema with what the function says beside its types: help from the docstring, labels, the order of the signature."""
    for each in schema.get("$defs", {}).values():
        _label(each)
    _label(schema)
    for name, said in docs.items():
        if name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", said)
    return schema | {"title": title}


def _label(schema: dict[str, Any]) -> None:
    properties: dict[str, Any] = schema.get("properties", {})
    for name, each in properties.items():
        each.setdefault("title", humanise(name))  # a reference has the title of its model, which is no label
    if properties:
        schema["x-ui"] = {"order": list(properties), **schema.get("x-ui", {})}
