"""A task's parameters on the command line: what its JSON Schema says becomes options, and what was typed becomes JSON.

Texts are turned only as far as the schema asks for (JSON for objects, choices by their text); whether they fit is
pydantic's business, the same for every door. Nothing here raises at the first mistake: all are collected.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mainspring.cli.uploads import read_path
from mainspring.core.errors import Problem
from mainspring.core.form import resolved
from mainspring.core.param import OURS
from mainspring.core.size import describe_size
from mainspring.i18n import t
from mainspring.operations.tasks import option_of

_PAIR = {"name", "value"}  # the properties of a row such as EnvVar: on a command line it is written NAME=value
Kind = Literal["bool", "integer", "number", "choice", "list", "json", "any", "text", "file", "pair"]
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_ENGINE_OPTIONS = {
    "yes", "json", "app", "url", "discover", "debug", "delay", "key", "dedupe", "window", "priority", "queue", "run-at", "label", "timeout",
    "deadline", "retries", "reason",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as a command line sees it."""

    name: str
    kind: Kind
    is_required: bool = True
    default: Any = None
    description: str = ""
    type_name: str = "text"
    choices: tuple[Any, ...] = ()
    item: Parameter | None = None
    is_nullable: bool = False
    is_secret: bool = False
    limits: tuple[str, ...] = field(default=())

    @property
    def option(self) -> str:
        """How people write it; the underscore behind ``async_`` is Python's need, not theirs."""
        return f"--{option_of(self.name)}"


def parameters_of(schema: Mapping[str, Any]) -> list[Parameter]:
    """Return the parameters of a task's schema, in the order of the signature."""
    required = set(schema.get("required", ()))
    return [
        _parameter(name, each, schema.get("$defs", {}), is_required=name in required) for name, each in schema.get("properties", {}).items()
    ]


def _parameter(name: str, given: Mapping[str, Any], defs: Mapping[str, Any], *, is_required: bool = True) -> Parameter:
    schema = resolved(given, defs)
    options = [resolved(each, defs) for each in schema.get("anyOf", schema.get("oneOf", ()))]
    is_nullable = any(each.get("type") == "null" for each in options)
    options = [each for each in options if each.get("type") != "null"]
    inner = {**schema, **options[0]} if len(options) == 1 else schema
    kind, type_name = _kind_of(inner, options if len(options) > 1 else [])
    choices = tuple(inner["enum"]) if "enum" in inner else (inner["const"],) if "const" in inner else ()
    item = None
    if kind == "list":
        item = _parameter(name, inner.get("items") or {}, defs)
        type_name = f"{item.type_name}, {t('task.repeatable')}"
    return Parameter(
        name=name,
        kind=kind,
        is_required=is_required,
        default=given.get("default"),
        description=" ".join(str(given.get("description", "")).split()),
        type_name=type_name,
        choices=choices,
        item=item,
        is_nullable=is_nullable,
        is_secret=bool(inner.get("writeOnly")) or inner.get("format") == "password",
        limits=tuple(_limits(inner)),
    )


def _kind_of(schema: Mapping[str, Any], options: Sequence[Mapping[str, Any]]) -> tuple[Kind, str]:
    if "enum" in schema or "const" in schema:
        return "choice", "|".join(text_of(each) for each in schema.get("enum", [schema.get("const")]))
    if "file" in schema.get(OURS, {}):
        return "file", "@file"
    match schema.get("type"):
        case "boolean":
            return "bool", "flag"
        case "integer":
            return "integer", "integer"
        case "number":
            return "number", "number"
        case "array":
            return ("json", "JSON array") if "prefixItems" in schema else ("list", "list")
        case "object" if schema.get("properties", {}).keys() == _PAIR:
            return "pair", "NAME=value"
        case "object":
            return "json", "JSON object"
        case "string":
            return "text", str(schema.get("format", "text"))
    types = [str(each.get("type", "any")) for each in options]
    if "string" in types and "integer" not in types and not {"object", "array"} & set(types):
        return "text", "text"  # a Decimal, for instance: its text is more exact than a number
    return "any", " or ".join("text" if each == "string" else each for each in dict.fromkeys(types)) or "any JSON"


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    signs = {
        "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}",
        "minLength": "at least {} characters", "maxLength": "at most {} characters", "pattern": "like {}",
        "minItems": "at least {}", "maxItems": "at most {}", "multipleOf": "a multiple of {}",
    }  # fmt: skip
    for key, sign in signs.items():
        if key in schema:
            yield sign.format(schema[key])
    said = schema.get(OURS, {}).get("file") or {}
    if "max_size" in said:
        yield f"at most {describe_size(said['max_size'])}"
    yield from said.get("types", ())


def text_of(value: Any) -> str:
    """Return a JSON value as people type it: a text as it is."""
    return value if isinstance(value, str) else json.dumps(value)


# -- what was typed ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Typed:
    """What was typed: values by parameter, as JSON would have them, and everything that is wrong so far."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(parameters: Sequence[Parameter], args: Sequence[str]) -> Typed:
    """Read ``--name value``, ``--name=value``, ``--flag``, ``--no-flag`` and values in the order of the parameters."""
    return _Reader(parameters).read(args)


class _Reader:
    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = list(parameters)
        self._by_option = {name: each for each in parameters for name in (each.option[2:], each.name)}
        self._typed = Typed()
        self._positional: list[str] = []

    def read(self, args: Sequence[str]) -> Typed:
        ahead = list(args)
        while ahead:
            word = ahead.pop(0)
            if word == "--":
                self._positional += ahead
                break
            if word.startswith("--"):
                self._option(word[2:], ahead)
            elif word.startswith("-") and len(word) > 1 and not (word[1].isdigit() or word[1] == "."):
                self._say(word, t("param.unknown", names=self._names()))
            else:
                self._positional.append(word)
        self._place()
        return self._typed

    def _option(self, word: str, ahead: list[str]) -> None:
        name, has_value, value = word.partition("=")
        found = self._by_option.get(name)
        if found is None and name.startswith("no-"):
            positive = self._by_option.get(name[3:])
            if positive is not None and positive.kind == "bool" and not has_value:
                self._take(positive, False)
                return
        if found is None:
            self._unknown(name)
            if not has_value and ahead and not ahead[0].startswith("-"):
                ahead.pop(0)
        elif has_value:
            self._read(found, value)
        elif found.kind == "bool":
            is_value = bool(ahead) and ahead[0].lower() in (*_TRUE, *_FALSE)
            self._read(found, ahead.pop(0) if is_value else "true")
        elif not ahead or self._is_option(ahead[0]):
            self._say(found.name, t("param.no-value"))
        else:
            self._read(found, ahead.pop(0))

    def _is_option(self, word: str) -> bool:
        return word.startswith("--") and word[2:].partition("=")[0] in self._by_option

    def _place(self) -> None:
        free = [each for each in self._parameters if each.name not in self._typed.values]
        said = {problem.where for problem in self._typed.problems}
        free = [each for each in free if each.name not in said]
        for number, word in enumerate(self._positional):
            if not free:
                self._say("*", t("param.too-many", names=self._names()) + f" ({self._positional[number]!r})")
                return
            self._read(free[0], word)
            if free[0].kind != "list":
                free.pop(0)

    def _read(self, parameter: Parameter, text: str) -> None:
        try:
            self._take(parameter, read_value(parameter, text))
        except ValueError as error:
            self._say(parameter.name, str(error))

    def _take(self, parameter: Parameter, value: Any) -> None:
        values = self._typed.values
        if parameter.kind == "list":
            many = value if isinstance(value, _Many) else [value]
            values[parameter.name] = [*values.get(parameter.name, []), *many]
        elif parameter.name in values:
            self._say(parameter.name, t("param.twice"))
        else:
            values[parameter.name] = value

    def _unknown(self, name: str) -> None:
        near = difflib.get_close_matches(name, [each.option[2:] for each in self._parameters], n=1)
        if near:
            self._say(name, t("param.unknown-near", near=f"--{near[0]}"))
        elif name in _ENGINE_OPTIONS:
            self._say(f"--{name}", t("param.engine-option"))
        else:
            self._say(name, t("param.unknown", names=self._names()))

    def _names(self) -> str:
        return ", ".join(each.name for each in self._parameters) or "none"

    def _say(self, where: str, what: str) -> None:
        self._typed.problems.append(Problem(where, what))


class _Many(list[Any]):
    """A JSON array typed as the value of a list parameter."""


def read_value(parameter: Parameter, text: str) -> Any:
    """Return what a text means for a parameter, as JSON would have it; raises `ValueError` for what is not readable."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(t("param.not-utf8")) from None
    lowered = text.lower()
    if parameter.is_nullable and lowered == "null" and parameter.kind != "text":
        return None
    match parameter.kind:
        case "bool":
            return True if lowered in _TRUE else False if lowered in _FALSE else text
        case "integer" | "number":
            return _number(text)
        case "choice":
            return next((each for each in parameter.choices if text_of(each) == text), text)
        case "list":
            assert parameter.item is not None
            if text.lstrip().startswith("[") and parameter.item.kind != "text":
                many = _json(text)
                return _Many(many) if isinstance(many, list) else many
            return read_value(parameter.item, text)
        case "json":
            return _json(text)
        case "pair":
            name, has_value, value = text.partition("=")
            return {"name": name, "value": value} if has_value and not text.lstrip().startswith("{") else _json(text)
        case "file":
            return _json(text) if text.lstrip().startswith("{") else read_path(text)
        case "any":
            try:
                return json.loads(text)
            except ValueError:
                return text
    return text


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(t("param.not-json", error=error)) from None


# -- what is shown -----------------------------------------------------------------------------------------------------


def describe(parameter: Parameter) -> tuple[str, str]:
    """Return how a parameter is written and what is to be known about it."""
    left = parameter.option
    if parameter.kind == "bool":
        left += f" / --no-{parameter.option[2:]}"
    else:
        left += f" {parameter.type_name}"
    facts = [t("task.required") if parameter.is_required else t("task.default", value=text_of(parameter.default))]
    facts += parameter.limits
    return left, " ".join(filter(None, [parameter.description, f"[{', '.join(facts)}]"]))
