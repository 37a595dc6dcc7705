"""Tasks whose code is elsewhere: what a manifest says is enough to list them, to check parameters and to enqueue, and never to execute.

`mainspring.core.task.Task` with a schema where another has a signature. The validator (the extra ``manifest``) is imported when parameters
are first checked.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, ParamSpec, TypeVar
from uuid import UUID

from mainspring.core.errors import ConfigurationError, DefinitionError, InvalidParams, InvalidResult, Problem, UndecodableParams
from mainspring.core.params import Params, Result
from mainspring.core.secret import Secret
from mainspring.core.task import Hooks, Task, TaskSpec

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

_SHOWN = 80  # characters of a wrong value that an error repeats
_FORMATS: Mapping[str, type] = {"date-time": datetime, "date": date, "time": time, "duration": timedelta, "uuid": UUID}


class RemoteTask(Task[P, R]):
    """A task that can be enqueued here and is carried out elsewhere."""

    __slots__ = ()
    is_here: ClassVar[bool] = False

    def __init__(self, spec: TaskSpec, params: SchemaParams, result: SchemaResult) -> None:
        super().__init__(_stub(spec.name), spec, (), Hooks())
        self._inspected = (params, result, ())

    def __repr__(self) -> str:
        return f"<task {self.spec.name}, whose code is elsewhere>"


def _stub(name: str) -> Callable[..., Any]:
    def stub(*args: Any, **kwargs: Any) -> Any:
        raise DefinitionError(f"the code of the task {name!r} is not here: it can be enqueued, but not called")

    stub.__name__ = stub.__qualname__ = name
    return stub


class SchemaParams(Params):
    """Checks parameters against a JSON Schema, as a node with the code would; what is missing and has a default is filled in."""

    __slots__ = ("_defaults", "_validator")

    def __init__(self, owner: str, schema: Mapping[str, Any]) -> None:  # there is no type to ask: nothing of the base is used
        self._owner, self._schema, self._marks, self.filled = owner, dict(schema), None, {}
        self._names = tuple(schema.get("properties", {}))
        self._defaults = {name: each["default"] for name, each in schema.get("properties", {}).items() if "default" in each}
        self._validator: Any = None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema; the copy is the caller's."""
        return copy.deepcopy(self._schema or {})

    def dump(self, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
        """Return the JSON text of a call; raises `InvalidParams` with one problem a field."""
        from pydantic_core import PydanticSerializationError, to_json

        try:
            text = to_json(self._bind(args, kwargs), bytes_mode="base64", inf_nan_mode="strings", fallback=_by_reference)
        except PydanticSerializationError as error:
            raise self._unwritable(error) from None
        return self.dump_json_text(text)

    def dump_json_text(self, text: str | bytes) -> str:
        """Check parameters that arrive as JSON and return them with defaults filled in."""
        return json.dumps(self._defaults | self.load(text), separators=(",", ":"), ensure_ascii=False)

    def load(self, text: str | bytes) -> dict[str, Any]:
        """Return keyword arguments from JSON; raises `UndecodableParams` and `InvalidParams`."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise UndecodableParams(f"undecodable parameters for {self._owner}", [Problem("*", f"invalid JSON: {error}")]) from None
        if self._validator is None:
            self._validator = _validator(self._schema or {})
        problems = [each for error in self._validator.iter_errors(values) for each in self._problems(error)]
        if problems:
            raise InvalidParams(f"wrong parameters for {self._owner}", problems)
        found: dict[str, Any] = values
        return found

    def _problems(self, error: Any) -> Iterator[Problem]:
        """Yield what one error of the validator says, in the words of the other doors."""
        path = [str(part) for part in error.absolute_path]
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            yield from (Problem(".".join([*path, name]), "is missing") for name in missing if f"'{name}'" in error.message)
        elif error.validator == "additionalProperties" and isinstance(error.instance, dict) and not error.validator_value:
            known = error.schema.get("properties", {})
            for name in sorted(error.instance.keys() - known.keys()):
                what = self._unknown(name) if not path else f"unknown, there are {', '.join(known) or 'none'}"
                yield Problem(".".join([*path, name]), what, self._shown(error.instance[name]))
        else:
            is_quiet = self.marks.has_secrets and error.validator not in _WITHOUT_VALUES
            said = f"does not fit {error.validator}" if is_quiet else _words(error)
            yield Problem(".".join(path) or "*", said, self._shown(error.instance))

    def _shown(self, value: object) -> str | None:
        if self.marks.has_secrets:  # what was given may be one, also under a misspelt name
            return None
        text = repr(value)
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


class SchemaResult(Result):
    """Reads a result as the plain JSON value that it is: its type is where the code is."""

    __slots__ = ()

    def __init__(self, owner: str, schema: Mapping[str, Any]) -> None:
        self._owner, self._schema = owner, dict(schema)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema; the copy is the caller's."""
        return copy.deepcopy(self._schema or {})

    def dump(self, value: object) -> str | None:
        """Return the JSON text of a value."""
        return None if value is None else json.dumps(value)

    def load(self, text: str | None) -> Any:
        """Return the value."""
        try:
            return None if text is None else json.loads(text)
        except ValueError as error:
            raise InvalidResult(f"the stored result of {self._owner} is no JSON: {error}") from None


def _validator(schema: Mapping[str, Any]) -> Any:
    try:
        from jsonschema import Draft202012Validator, FormatChecker
    except ImportError as error:
        raise ConfigurationError(
            f"tasks of a manifest need a validator of JSON Schema ({error}): pip install 'mainspring[manifest]'"
        ) from error
    from pydantic import TypeAdapter, ValidationError

    checker = FormatChecker(formats=())

    def check(name: str, kind: type) -> None:
        adapter = TypeAdapter[Any](kind)

        def fits(value: object) -> bool:
            if isinstance(value, str):
                adapter.validate_python(value)
            return True

        checker.checks(name, raises=ValidationError)(fits)

    for name, kind in _FORMATS.items():
        check(name, kind)
    return Draft202012Validator(schema, format_checker=checker)


def _by_reference(value: object) -> object:
    if isinstance(value, Secret):
        return value.reference
    raise TypeError(f"a {type(value).__name__} has no JSON form")


# Errors whose words repeat nothing of what was given.
_WITHOUT_VALUES = frozenset({
    "type", "enum", "format", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "anyOf", "oneOf", "pattern",
})  # fmt: skip


def _words(error: Any) -> str:
    wanted = error.validator_value
    match error.validator:
        case "type":
            return f"input should be {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
        case "enum":
            return f"input should be {' or '.join(map(repr, wanted))}"
        case "format":
            return f"input should be a valid {wanted}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            signs = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most", "exclusiveMaximum": "less than"}
            return f"input should be {signs[error.validator]} {wanted}"
        case "pattern":
            return f"input should match {wanted}"
        case "anyOf" | "oneOf":
            return "input fits none of the allowed shapes"
    said = str(error.message)
    return said[:200] if len(said) <= 200 else f"does not fit {error.validator}: {wanted!r}"[:200]
