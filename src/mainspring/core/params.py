"""Parameters: a signature becomes one pydantic model and one JSON Schema, once, for every door.

The model is a typed dict, not a ``BaseModel``, so that a parameter may have any name (``format``, ``copy``, ``schema``
…) without meeting an attribute of the model. `mainspring.core.task` imports this module when the first definition is
used: pydantic is three quarters of our import time.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Never, NoReturn, cast

from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreConfig, PydanticSerializationError, SchemaSerializer
from typing_extensions import TypedDict  # pydantic takes typing's own from 3.12 on only

from mainspring.core.depends import Dependency, filled_in
from mainspring.core.docstring import parse_docstring
from mainspring.core.errors import InvalidParams, InvalidResult, Problem, UndecodableParams
from mainspring.core.marks import Marks, marks_of, masked_types
from mainspring.core.schema import BadDefault, ParamsSchema, finish
from mainspring.core.signature import mentions_context, parameters_of, types_of

_SHOWN = 80  # characters of a wrong value that an error repeats: enough to recognise it, too few to flood a log

# What JSON itself cannot hold comes back as it went in: bytes as base64, infinities and NaN as words.
_WRITING = CoreConfig(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings")
_READING = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True, val_json_bytes="base64")
_RESULTS = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings")


class Params:
    """Checks, fills in and serialises the parameters of one function. Made by `inspect_params`."""

    __slots__ = ("_adapter", "_docs", "_marks", "_names", "_owner", "_read", "_schema", "_validate", "_write", "filled")

    def __init__(self, owner: str, adapter: TypeAdapter[Any], names: tuple[str, ...], docs: Mapping[str, str] | None = None) -> None:
        self._owner, self._adapter, self._names, self._docs = owner, adapter, names, docs or {}
        # Straight to pydantic's core: the adapter's own methods add a microsecond of Python to every enqueue.
        self._validate, self._read = adapter.validator.validate_python, adapter.validator.validate_json
        self._write = SchemaSerializer(adapter.core_schema, _WRITING).to_json  # a typed dict's own config does not reach its fields
        self._schema: dict[str, Any] | None = None
        self._marks: Marks | None = None
        self.filled: Mapping[str, Dependency] = {}  # what the run fills in, and no caller gives

    @property
    def marks(self) -> Marks:
        """What a call may carry beside its JSON: files, secrets, search terms."""
        if self._marks is None:
            self._marks = marks_of(self._schema or self.schema())
        return self._marks

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in the order of the signature, without the context."""
        return self._names

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of the parameters as an object; the copy is the caller's."""
        if self._schema is None:
            self._schema = finish(self._adapter.json_schema(by_alias=False, schema_generator=ParamsSchema), self._owner, self._docs)
        return copy.deepcopy(self._schema)

    def dump(self, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
        """Return the JSON text of a call, defaults filled in; raises `InvalidParams` with one problem a field."""
        try:
            return self._write(self._validate(self._bind(args, kwargs) if args else kwargs), round_trip=True).decode()
        except ValidationError as error:
            raise self._invalid(error) from None
        except PydanticSerializationError as error:
            raise self._unwritable(error) from None

    def dump_json_text(self, text: str | bytes) -> str:
        """Check parameters that arrive as JSON (CLI, HTTP, queue) and return them with defaults filled in."""
        try:
            return self._write(self.load(text), round_trip=True).decode()
        except PydanticSerializationError as error:
            raise self._unwritable(error) from None

    def load(self, text: str | bytes) -> dict[str, Any]:
        """Return keyword arguments from stored JSON, every object fresh.

        Raises `UndecodableParams` where the text is no JSON, and `InvalidParams` where the code no longer accepts it.
        """
        try:
            # Stored under the fields' own names, also where a nested model reads aliases.
            return cast("dict[str, Any]", self._read(text, by_alias=True, by_name=True))
        except ValidationError as error:
            raise self._invalid(error) from None

    def _bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        if len(args) > len(self._names):
            problem = Problem("*", f"{len(args)} were given by position")
            raise InvalidParams(f"{self._owner} takes {len(self._names)} parameters", [problem])
        bound: dict[str, object] = dict(zip(self._names, args, strict=False))
        if doubled := bound.keys() & kwargs.keys():
            raise InvalidParams(f"wrong parameters for {self._owner}", [Problem(name, "given twice") for name in sorted(doubled)])
        bound.update(kwargs)
        return bound

    def _invalid(self, error: ValidationError) -> InvalidParams:
        found = error.errors(include_url=False, include_context=False)
        if found[0]["type"] == "json_invalid":
            return UndecodableParams(f"undecodable parameters for {self._owner}", [Problem("*", _lowered(found[0]["msg"]))])
        problems = []
        for each in found:
            is_missing, is_unknown = (
                each["type"] == "missing",
                each["type"] == "extra_forbidden" and len(each["loc"]) == 1,
            )
            what = self._unknown(each["loc"][0]) if is_unknown else "is missing" if is_missing else _lowered(each["msg"])
            # Where there are secrets, what was given may be one, also under a misspelt name: nothing of it is repeated.
            is_shown = not is_missing and not self.marks.has_secrets
            problems.append(Problem(_path(each["loc"]), what, _shorten(each["input"]) if is_shown else None))
        return InvalidParams(f"wrong parameters for {self._owner}", problems)

    def _unknown(self, name: str | int) -> str:
        if name in self.filled:
            return f"is filled in by {self.filled[str(name)]} when the run begins: callers do not give it"
        return "unknown parameter, the task has " + (", ".join(self._names) or "none")

    def _unwritable(self, error: PydanticSerializationError) -> InvalidParams:
        return InvalidParams(f"wrong parameters for {self._owner}", [Problem("*", f"cannot be stored as JSON: {error}")])


class Result:
    """Serialises what a body returns, and reads it back as the annotated type."""

    __slots__ = ("_adapter", "_owner", "_schema")

    def __init__(self, owner: str, annotation: Any) -> None:
        self._owner = owner
        kind: Any = None if annotation in (Never, NoReturn) else annotation
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(kind, config=_RESULTS)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            self._adapter = TypeAdapter(kind)  # a model or dataclass has a configuration of its own
        self._schema: dict[str, Any] | None = None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the result; the copy is the caller's."""
        if self._schema is None:
            self._schema = self._adapter.json_schema(mode="serialization", by_alias=False)
        return copy.deepcopy(self._schema)

    def dump(self, value: object) -> str | None:
        """Return the JSON text of a result, or None for None; raises `InvalidResult` for what JSON cannot hold.

        A value of another type than the annotated one is stored as it is: the work is done, and its result must not be
        lost.
        """
        if value is None:
            return None
        try:
            return self._adapter.dump_json(value, warnings=False).decode()
        except PydanticSerializationError as error:
            where = Problem("return", f"cannot be stored as JSON: {error}", _shorten(value))
            raise InvalidResult(f"the result of {self._owner} cannot be kept", [where]) from None

    def load(self, text: str | None) -> Any:
        """Return the typed value of a stored result; raises `InvalidResult` where it does not fit the annotation."""
        if text is None:
            return None
        try:
            return self._adapter.validate_json(text, by_alias=True, by_name=True)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            problems = [Problem(_path(("return", *each["loc"])), _lowered(each["msg"]), _shorten(each["input"])) for each in found]
            raise InvalidResult(f"the stored result of {self._owner} does not fit its annotation", problems) from None


def inspect_params(
    owner: str, function: Callable[..., object], *, skip_first: bool, result_type: type | None = None
) -> tuple[Params | None, Result | None, list[Problem]]:
    """Build the models of a function's parameters and result, or tell every problem (``where`` is the parameter).

    ``result_type`` stands in for the annotation of what the function returns.
    """
    filled = filled_in(function)
    given = [each for each in parameters_of(function)[1 if skip_first else 0 :] if each.name not in filled]
    names = [parameter.name for parameter in given]
    docs = parse_docstring(function.__doc__, names).params
    hints, problems = types_of(function, [*names, "return"])
    unresolved = {problem.where for problem in problems}
    fields: dict[str, tuple[Any, Any]] = {}
    for parameter in given:
        if what := _misfit(parameter, hints.get(parameter.name)):
            problems.append(Problem(parameter.name, what))
        elif parameter.name not in unresolved:
            fields[parameter.name] = hints[parameter.name], parameter.default
    params, found = _build(owner, fields, docs)
    problems += found
    result, found = _build_result(owner, hints.get("return", Any) if result_type is None else result_type)
    problems += found
    if params is not None:
        params.filled = filled
    problems.sort(key=lambda problem: _position(names, problem))
    return (None, None, problems) if problems else (params, result, [])


def _misfit(parameter: inspect.Parameter, hint: object) -> str | None:
    """Say why a parameter cannot belong to a task, whatever its type."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return "*args and **kwargs cannot be parameters of a task: name each one"
    if parameter.annotation is parameter.empty and parameter.name in ("self", "cls"):
        return "a method cannot be a task: its object would have to travel too; take a plain function"
    if parameter.annotation is parameter.empty:
        return "has no annotation: a task needs the type of every parameter"
    if mentions_context(hint):
        return "the context comes first, by position, and is annotated as Context and nothing else"
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return "positional-only parameters cannot be named in a form or on the command line"
    if parameter.name.startswith("_"):
        return "a parameter's name must not start with an underscore"
    if isinstance(parameter.default, FieldInfo):
        return "Field(…) as a default would reach whoever calls the function: write Annotated[type, Field(…)] = value"
    return None


def _build(owner: str, fields: Mapping[str, tuple[Any, Any]], docs: Mapping[str, str]) -> tuple[Params | None, list[Problem]]:
    try:
        params = Params(owner, _adapter_of(fields), tuple(fields), docs)
        hidden = [
            Problem(name, "pydantic's secret types would be stored as stars and reach the body as such: annotate it as mainspring.Secret")
            for name in masked_types(params.schema())
        ]
        return params, hidden + _bad_defaults(params._validate)
    except Exception as error:  # noqa: BLE001 - building runs the hooks of the user's types, which may raise anything
        one_by_one = [problem for name, field in fields.items() for problem in _problems_of(name, field)]
        return None, one_by_one or [Problem("parameters", _type_trouble(error))]


def _adapter_of(fields: Mapping[str, tuple[Any, Any]]) -> TypeAdapter[Any]:
    keys = {
        name: hint if default is inspect.Parameter.empty else Annotated[hint, Field(default=_with_texts(default), validate_default=True)]
        for name, (hint, default) in fields.items()
    }
    shape = cast("Any", TypedDict)("Params", keys)
    shape.__pydantic_config__ = _READING
    return TypeAdapter(shape)


def _with_texts(default: Any) -> Any:
    """Return a default with texts in place of paths: where a call arrives as JSON, pydantic refuses a path that is one already."""
    if isinstance(default, PurePath):
        return str(default)
    if type(default) in (list, tuple, set, frozenset):
        return type(default)(map(_with_texts, default))
    return {key: _with_texts(value) for key, value in default.items()} if type(default) is dict else default


def _problems_of(name: str, field: tuple[Any, Any]) -> list[Problem]:
    try:
        adapter = _adapter_of({name: field})
        adapter.json_schema(schema_generator=ParamsSchema)
        return _bad_defaults(adapter.validator.validate_python)
    except Exception as error:  # noqa: BLE001 - as in _build, one parameter at a time
        return [Problem(name, _type_trouble(error))]


def _build_result(owner: str, annotation: Any) -> tuple[Result | None, list[Problem]]:
    try:
        result = Result(owner, annotation)
        result.schema()
        return result, []
    except Exception as error:  # noqa: BLE001 - as in _build
        return None, [Problem("return", _type_trouble(error))]


def _bad_defaults(validate: Callable[[Any], Any]) -> list[Problem]:
    """Check the defaults by a call without arguments; what is merely missing is no problem here."""
    try:
        validate({})
    except ValidationError as error:
        return [
            Problem(_path(each["loc"]), f"the default is wrong: {_lowered(each['msg'])}", _shorten(each["input"]))
            for each in error.errors(include_url=False, include_context=False)
            if each["type"] != "missing" or len(each["loc"]) > 1
        ]
    return []


def _type_trouble(error: Exception) -> str:
    said = (str(error) or type(error).__name__).split("\n", 1)[0]
    if isinstance(error, BadDefault):
        return "the default cannot be stored as JSON"
    if isinstance(error, PydanticSchemaGenerationError):
        kind = said.removeprefix("Unable to generate pydantic-core schema for ").split(". ", 1)[0]
        return f"its type {kind} cannot be checked and stored: use one that pydantic knows, or hand over an id instead"
    if isinstance(error, PydanticInvalidForJsonSchema):
        return f"its type has no JSON form: {_lowered(said)}"
    return f"its type cannot be used: {said}"


def _position(names: Sequence[str], problem: Problem) -> int:
    name = problem.where.split(".", 1)[0]
    return names.index(name) if name in names else len(names)


def _path(loc: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in loc) or "*"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
