"""The index: a Python module with a typed handle for every task, written from the manifest.

Who imports it imports no task code, and mypy and pyright check each call against the signature all the same. At run time the handles read
the manifest that lies beside the module.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, ParamSpec, TypeVar, cast

from mainspring.core.errors import ConfigurationError
from mainspring.core.task import Task
from mainspring.registry.manifest import read_manifest

P = ParamSpec("P")
R = TypeVar("R")
Direction = Literal["in", "out"]

_OWN = ("TASKS", "TASKS_BY_CATEGORY", "SERVICES", "RUNNER")  # what every index has beside its handles
_BUILTINS = {"str", "int", "float", "bool", "bytes", "list", "dict", "set", "tuple", "object"}  # a task of such a name must not hide them
_STRINGS: Mapping[str, str] = {
    "date-time": "_dt.datetime", "date": "_dt.date", "time": "_dt.time", "duration": "_dt.timedelta", "uuid": "_uuid.UUID",
    "path": "_path.Path | str", "file-path": "_path.Path | str", "directory-path": "_path.Path | str",
}  # fmt: skip
_HEAD = '''"""Typed handles of the tasks, for callers without their code. Written by `mainspring index`: do not edit."""
# fmt: off
# ruff: noqa
from __future__ import annotations

import datetime as _dt
import decimal as _decimal
import pathlib as _path
import typing as _t
import uuid as _uuid

from mainspring.registry.index import Index as _Index

_index = _Index(__file__, {manifest})
_DEFAULT: _t.Any = None  # where the task has one that is no literal
TASKS = _index.tasks  # every task by its name
TASKS_BY_CATEGORY = _index.tasks_by_category
SERVICES = _index.services  # what is started and watched where its code is, by its name
RUNNER = _index.runner'''


@dataclass(frozen=True, slots=True)
class ServiceNote:
    """A service as the index tells of it."""

    name: str
    title: str
    description: str
    category: str
    icon: str
    tags: tuple[str, ...]
    priority: str
    is_enabled: bool
    instances: str
    restart: str
    module: str


@dataclass(frozen=True, slots=True)
class RunnerNote:
    """What works through it all: its command, the roles that it can be split into, and the queues that tasks are enqueued to."""

    command: str = "mainspring runner"
    roles: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


class Index:
    """What an index module makes its handles with: the manifest beside it, read once."""

    def __init__(self, file: str, manifest: str) -> None:
        self._file = Path(file)
        path = self._file.with_name(manifest)
        self._tasks = {task.name: task for task in read_manifest(path)}
        self._said: Mapping[str, Any] = json.loads(path.read_text("utf-8"))

    @property
    def tasks(self) -> Mapping[str, Task[..., Any]]:
        """Every task by its name."""
        return MappingProxyType(self._tasks)

    @property
    def tasks_by_category(self) -> Mapping[str, tuple[Task[..., Any], ...]]:
        """The tasks of each category, sorted by name."""
        found: dict[str, list[Task[..., Any]]] = {}
        for _, task in sorted(self._tasks.items()):
            found.setdefault(task.spec.category, []).append(task)
        return MappingProxyType({category: tuple(found[category]) for category in sorted(found)})

    @property
    def services(self) -> Mapping[str, ServiceNote]:
        """What is said of each service, by its name."""
        notes = [ServiceNote(**{**each, "tags": tuple(each["tags"])}) for each in self._said.get("services", ())]
        return MappingProxyType({each.name: each for each in notes})

    @property
    def runner(self) -> RunnerNote:
        """What is said of the runner."""
        said = self._said.get("runner", {})
        return RunnerNote(str(said.get("command", RunnerNote().command)), tuple(said.get("roles", ())), tuple(said.get("queues", ())))

    def task(self, name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
        """Make a stub the handle of a task; its signature is for type checkers alone."""

        def decorate(stub: Callable[P, R]) -> Task[P, R]:
            try:
                return cast("Task[P, R]", self._tasks[name])
            except KeyError:
                raise ConfigurationError(
                    f"{self._file}: the manifest beside it has no task {name!r}; write both anew with 'mainspring index'"
                ) from None

        return decorate


def index_text(manifest: str, file: str) -> str:
    """Return the index module for the text of a manifest, which will lie beside it under the name ``file``."""
    return _Writer().write(json.loads(manifest), file)


class _Writer:
    """Writes one module: stubs, and above them the shapes of what nests."""

    def __init__(self) -> None:
        self._taken = dict.fromkeys(_OWN, "")  # names of the module and what stands behind them
        self._shapes: list[str] = []

    def write(self, manifest: Mapping[str, Any], file: str) -> str:
        stubs = [self._stub(task, name) for task, name in self._named(manifest["tasks"])]
        return _HEAD.format(manifest=json.dumps(file)) + "".join(f"\n\n\n{each}" for each in (*self._shapes, *stubs)) + "\n"

    def _named(self, tasks: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
        """Return tasks with the names of their handles, before any shape takes one."""
        named = []
        for task in tasks:
            name = _identifier(task["name"])
            while name in self._taken:
                name += "_"
            self._taken[name] = ""
            named.append((task, name))
        return named

    def _stub(self, task: Mapping[str, Any], name: str) -> str:
        params, keyword_only = task["params"], set(task["keyword_only"])
        required = set(params.get("required", ()))
        defs, owner = params.get("$defs", {}), _pascal(task["name"])
        parts: list[str] = []
        has_default = is_starred = False
        for each, schema in params.get("properties", {}).items():
            if not is_starred and (each in keyword_only or (has_default and each in required)):
                parts.append("*")
                is_starred = True
            annotation = self._annotation(schema, defs, owner, "in")
            has_default |= each not in required
            parts.append(f"{each}: {annotation}" + ("" if each in required else f" = {_default(schema, defs)}"))
        result = task["result"]
        returns = self._annotation(result, result.get("$defs", {}), owner, "out")
        line = f"def {name}({', '.join(parts)}) -> {returns}:"
        if len(line) > 120:
            line = f"def {name}(\n" + "".join(f"    {each},\n" for each in parts) + f") -> {returns}:"
        said = (task["description"] or task["title"]).split("\n", 1)[0].replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
        return f'@_index.task({json.dumps(task["name"])})\n{line}\n    """{said}"""\n    raise NotImplementedError'

    def _annotation(self, schema: Mapping[str, Any], defs: Mapping[str, Any], owner: str, direction: Direction) -> str:
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            return self._annotation({"title": name} | defs[name], defs, owner, direction)
        if "allOf" in schema and len(schema["allOf"]) == 1:
            return self._annotation(schema["allOf"][0], defs, owner, direction)
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            if all(isinstance(each, (str, int, bool, type(None))) for each in values):
                return f"_t.Literal[{', '.join(map(repr, values))}]"
            return "_t.Any"
        if shapes := schema.get("anyOf") or schema.get("oneOf"):
            return self._union(shapes, defs, owner, direction)
        return self._plain(schema, defs, owner, direction)

    def _union(self, shapes: list[Mapping[str, Any]], defs: Mapping[str, Any], owner: str, direction: Direction) -> str:
        kinds = [each.get("type") for each in shapes]
        if direction == "in" and {"number", "string"} <= set(kinds) <= {"number", "string", "null"}:
            return "_decimal.Decimal | float | str" + (" | None" if "null" in kinds else "")
        parts = [part for each in shapes for part in self._annotation(each, defs, owner, direction).split(" | ")]
        return " | ".join(dict.fromkeys(parts))

    def _plain(self, schema: Mapping[str, Any], defs: Mapping[str, Any], owner: str, direction: Direction) -> str:
        match schema.get("type"):
            case "null":
                return "None"
            case "boolean":
                return "bool"
            case "integer":
                return "int"
            case "number":
                return "float"
            case "string" if direction == "in":
                return "bytes" if "contentEncoding" in schema else _STRINGS.get(str(schema.get("format")), "str")
            case "string":
                return "str"
            case "array":
                return self._array(schema, defs, owner, direction)
            case "object" if schema.get("properties"):
                return self._shape(str(schema.get("title", "")) or owner, schema, defs, owner, direction)
            case "object":
                values = schema.get("additionalProperties")
                inner = self._annotation(values, defs, owner, direction) if isinstance(values, dict) else "_t.Any"
                return f"dict[str, {inner}]"
        return "_t.Any"

    def _array(self, schema: Mapping[str, Any], defs: Mapping[str, Any], owner: str, direction: Direction) -> str:
        if "prefixItems" in schema:
            inner = ", ".join(self._annotation(each, defs, owner, direction) for each in schema["prefixItems"])
            return f"tuple[{inner}]" if direction == "in" else "list[_t.Any]"
        inner = self._annotation(schema["items"], defs, owner, direction) if schema.get("items") else "_t.Any"
        return f"set[{inner}] | frozenset[{inner}] | list[{inner}]" if schema.get("uniqueItems") and direction == "in" else f"list[{inner}]"

    def _shape(self, title: str, schema: Mapping[str, Any], defs: Mapping[str, Any], owner: str, direction: Direction) -> str:
        """Return the name of the typed dict of a model; one that is written already is shared where it says the same."""
        properties = schema["properties"]
        if not all(each.isidentifier() and not keyword.iskeyword(each) for each in properties):
            return "dict[str, _t.Any]"
        mark = json.dumps([direction, title, schema, defs], sort_keys=True)
        plain = _pascal(title)
        names = [f"{plain}Dict", f"{plain}ResultDict", f"{owner}{plain}Dict", f"{owner}{plain}ResultDict"]
        for name in names if direction == "in" else [names[1], names[3]]:
            if self._taken.get(name) == mark:
                return name
            if name not in self._taken:
                break
        else:
            return "dict[str, _t.Any]"
        self._taken[name] = mark  # before its fields: a model may hold itself
        required = set(schema.get("required", ()))
        lines = [
            f"    {each}: {inner if each in required or direction == 'out' else f'_t.NotRequired[{inner}]'}"
            for each, nested in properties.items()
            for inner in [self._annotation(nested, defs, owner, direction)]
        ]
        self._shapes.append(f"class {name}(_t.TypedDict):\n" + "\n".join(lines))
        return name


def _default(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """Return a default as a literal where it is one and has the annotated type, else the stand-in."""
    if "default" not in schema:
        return "_DEFAULT"
    value = schema["default"]
    target = defs.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    if value is None and any(each.get("type") == "null" for each in schema.get("anyOf", ())):
        return "None"
    is_plain = (
        "format" not in target and "contentEncoding" not in target and target.get("type") in ("string", "integer", "number", "boolean")
    )
    return repr(value) if is_plain and isinstance(value, (str, int, float, bool)) else "_DEFAULT"


def _identifier(name: str) -> str:
    made = re.sub(r"\W", "_", name)
    return made + "_" if keyword.iskeyword(made) or made in _BUILTINS or not made.isidentifier() or made.startswith("_") else made


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name))
