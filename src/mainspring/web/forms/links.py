"""Values of a form in an address, and as a command, a program and a request: what somebody gives to somebody else."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from mainspring.core.form import FormField, text_of
from mainspring.core.secret import PATTERN
from mainspring.core.task import Task
from mainspring.operations.tasks import option_of
from mainspring.web.forms.carry import parse_json
from mainspring.web.forms.field import TYPED

_PLAIN = (*TYPED, "email", "uri", "date", "time", "date-time", "duration", "uuid", "path", "radio", "select")


def is_private(spec: FormField) -> bool:
    """Tell whether a field, or anything in it, is a secret or a file: neither goes into an address."""
    inside = (*spec.fields, *spec.variants, *([spec.item] if spec.item is not None else ()))
    return spec.widget in ("secret", "password", "file") or any(is_private(each) for each in inside)


@dataclass(frozen=True, slots=True)
class Prefill:
    """Values that came with an address; ``unknown`` names were not used, and ``private`` ones must not come that way."""

    values: Mapping[str, Any]
    unknown: tuple[str, ...]
    private: tuple[str, ...]


def prefill(specs: Sequence[FormField], query: Sequence[tuple[str, str]]) -> Prefill:
    """Read values from an address: JSON, or a plain text where one is meant. The page's own words are ``from`` and begin with ``_``."""
    by_name = {each.name: each for each in specs}
    values: dict[str, Any] = {}
    unknown: list[str] = []
    private: list[str] = []
    for name, text in query:
        if name.startswith("_") or name == "from":
            continue
        spec = by_name.get(name)
        if spec is None:
            unknown.append(name)
        elif is_private(spec):
            private.append(name)
        else:
            values[name] = _value(spec, text)
    return Prefill(values, tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(private)))


def _value(spec: FormField, text: str) -> Any:
    if spec.widget in _PLAIN and all(isinstance(each.value, str) for each in spec.options):
        if text == "null" and spec.is_nullable:
            return None
        if not text.startswith('"'):
            return text
    try:
        return parse_json(text)
    except ValueError:
        return text


def _written(spec: FormField, value: Any) -> str:
    if spec.widget in _PLAIN and isinstance(value, str) and all(isinstance(each.value, str) for each in spec.options):
        return value if not value.startswith('"') and not (value == "null" and spec.is_nullable) else json.dumps(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def query_of(specs: Sequence[FormField], values: Mapping[str, Any]) -> str:
    """Return what stands behind the question mark of an address that prefills these values; defaults, secrets and files are left out."""
    given = [(each.name, _written(each, values[each.name])) for each in specs if _is_said(each, values) and not is_private(each)]
    return urlencode(given, quote_via=quote)


def _is_said(spec: FormField, values: Mapping[str, Any]) -> bool:
    if spec.name not in values or spec.widget == "password":
        return False
    return not spec.has_default or values[spec.name] != spec.default


def scrubbed(spec: FormField, value: Any) -> Any:
    """Return a value with an example in the place of whatever stands where a secret's reference should: it may be the secret."""
    if spec.widget == "secret":
        return value if value is None or (isinstance(value, str) and re.fullmatch(PATTERN, value)) else "env:NAME"
    if spec.widget == "password":
        return ""
    if isinstance(value, Mapping):
        shape = spec.fields or next((each.fields for each in spec.variants if value.keys() <= {one.name for one in each.fields}), ())
        inside = {each.name: each for each in shape}
        if is_private(spec) and spec.widget != "file":
            return {name: scrubbed(inside[name], each) for name, each in value.items() if name in inside}
        return value
    if isinstance(value, list) and spec.item is not None:
        return [scrubbed(spec.item, each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Shown:
    """The same call by other doors."""

    link: str
    cli: str
    python: str
    curl: str


def shown(task: Task[..., Any], specs: Sequence[FormField], values: Mapping[str, Any], *, page: str, api: str) -> Shown:
    """Return how a call is made elsewhere. ``page`` and ``api`` are the whole addresses of the form, and of where the task is started."""
    said = {each.name: scrubbed(each, values[each.name]) for each in specs if _is_said(each, values)}
    widgets = {each.name: each.widget for each in specs}
    query = query_of(specs, values)
    return Shown(
        page + (f"?{query}" if query else ""), _cli(task, said, widgets), _python(task, said, widgets), _curl(task, said, api)
    )  # fmt: skip


def _cli(task: Task[..., Any], said: Mapping[str, Any], widgets: Mapping[str, str]) -> str:
    words = ["mainspring", "run", *(["--yes"] if task.spec.danger is not None else []), task.name]
    for name, value in said.items():
        option = f"--{option_of(name)}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option_of(name)}")
        elif widgets[name] == "file" and isinstance(value, Mapping):
            words.append(f"{option}=@{value['name']}")
        elif isinstance(value, list) and value and widgets[name] in ("rows", "checkboxes"):
            words += [f"{option}={text_of(each)}" for each in value]
        else:
            words.append(f"{option}={text_of(value)}")
    return " ".join(map(shlex.quote, words))


def _python(task: Task[..., Any], said: Mapping[str, Any], widgets: Mapping[str, str]) -> str:
    source = task.spec.source
    given = ", ".join(f"{name}={_literal(value, widgets[name])}" for name, value in said.items())
    if not task.is_here or "<" in source.qualname:
        params = ", ".join(f"{json.dumps(name)}: {_literal(value, widgets[name])}" for name, value in said.items())
        return f'await app.enqueue_json(app.task_named("{task.name}"), json.dumps({{{params}}}))'
    return f"from {source.module} import {source.qualname}\n\nrun = await {source.qualname}.enqueue({given})"


def _literal(value: Any, widget: str) -> str:
    if widget == "file" and isinstance(value, Mapping):
        return f"await app.files.put({json.dumps(value['name'])})"
    if widget == "secret" and isinstance(value, str):
        return f"Secret({json.dumps(value)})"
    return repr(value)


def _curl(task: Task[..., Any], said: Mapping[str, Any], api: str) -> str:
    lines = [f"curl -X POST {shlex.quote(api)}", "-H 'Authorization: Bearer TOKEN'", "-H 'Content-Type: application/json'"]
    if task.spec.danger is not None:
        lines.append(f"-H 'Mainspring-Confirm: {task.name}'")
    return " \\\n  ".join([*lines, f"-d {shlex.quote(json.dumps(said, ensure_ascii=False))}"])
