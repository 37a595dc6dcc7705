"""The schemas of all models of the API, under names that no two of them share."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

_PLACE = "#/components/schemas/{model}"


class Schemas:
    """Give them as pydantic makes them; `all` of them by name."""

    def __init__(self, asked: Iterable[type[BaseModel]], answered: Iterable[type[BaseModel]]) -> None:
        modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(each, "validation") for each in sorted(set(asked), key=_name)]
        modes += [(each, "serialization") for each in sorted(set(answered), key=_name)]
        found, made = models_json_schema(modes, ref_template=_PLACE)
        definitions: dict[str, Any] = made["$defs"]
        names = {name: _short(name) for name in definitions}
        if len(set(names.values())) < len(names):
            names = {name: name for name in definitions}
        text = json.dumps(definitions)
        for name in sorted(names, key=len, reverse=True):
            text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{names[name]}"')
        renamed: dict[str, Any] = json.loads(text)
        self.all = {names[name]: renamed[name] for name in sorted(definitions, key=lambda each: names[each])}
        self._names = {each: names[schema["$ref"].rpartition("/")[2]] for each, schema in found.items()}

    def reference(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        """Return a reference to a model's schema."""
        return {"$ref": _PLACE.format(model=self._names[model, mode])}

    def properties(self, model: type[BaseModel]) -> dict[str, Any]:
        """Return the schemas of a request's fields, each complete in itself."""
        whole = self.all[self._names[model, "validation"]]
        return {name: self._inlined(each) for name, each in whole.get("properties", {}).items()}

    def without(self, model: type[BaseModel], name: str | None) -> dict[str, Any]:
        """Return the schema of a request without one of its fields."""
        if name is None:
            return self.reference(model, "validation")
        whole: dict[str, Any] = copy.deepcopy(self.all[self._names[model, "validation"]])
        whole["properties"].pop(name, None)
        whole["required"] = [each for each in whole.get("required", ()) if each != name]
        if not whole["required"]:
            del whole["required"]
        return whole

    def adopt(self, schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        """Take in a schema of its own, with its definitions under names of their own."""
        made = copy.deepcopy(dict(schema))
        definitions = made.pop("$defs", {})
        text = json.dumps([made, definitions])
        for name in definitions:
            text = text.replace(json.dumps(f"#/$defs/{name}"), json.dumps(_PLACE.format(model=_plain(f"{prefix}.{name}"))))
        made, definitions = json.loads(text)
        self.all |= {_plain(f"{prefix}.{name}"): each for name, each in definitions.items()}
        found: dict[str, Any] = made
        return found

    def _inlined(self, schema: Any) -> Any:
        if isinstance(schema, dict):
            if "$ref" in schema:
                beside = {name: each for name, each in schema.items() if name != "$ref"}
                return self._inlined({**self.all[schema["$ref"].rpartition("/")[2]], **beside})
            return {name: self._inlined(each) for name, each in schema.items()}
        return [self._inlined(each) for each in schema] if isinstance(schema, list) else schema


def _name(model: type[BaseModel]) -> str:
    return f"{model.__module__}.{model.__qualname__}"


def _short(name: str) -> str:
    *modules, plain = name.split("__")
    return _plain(plain if not modules else modules[-1].capitalize() + plain)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)
