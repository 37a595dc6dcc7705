"""Commands made from operations: a required field becomes an argument, every other and each reason an option, the view is printed."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mainspring.cli.session import Session, command
from mainspring.operations.catalog import CATALOG

Show = Callable[[Any], "int | None"]
REASON = "reason"  # is an option everywhere, also where it must be given


def command_for(
    name: str, show: Show, *, code: Callable[[Any], int] | None = None, hidden: Collection[str] = (), options: Sequence[click.Option] = (),
    read: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> click.Command:  # fmt: skip
    """Return the command of an operation; ``show`` prints its view for people and may answer an exit code, ``code`` does also for JSON.

    ``hidden`` fields are no parameters of the command: ``read`` makes them of what was given, ``options`` of its own included.
    """
    operation = CATALOG[name]

    def call(session: Session, **given: Any) -> int | None:
        given = given if read is None else read(given)
        view = session.answer(name, **{key: value for key, value in given.items() if value not in (None, ())})
        shown = None
        if session.is_json:
            print_view(view)
        else:
            shown = show(view)
        return shown if code is None else code(view)

    made = command(name=operation.verb, help=operation.summary)(call)
    fields = operation.request.model_fields.items()
    made.params[:0] = [*(_parameter(field, info) for field, info in fields if field not in hidden), *options]
    return made


def print_view(view: Any) -> None:
    """Print a view as JSON: one object, or the items of a list one a line."""
    from mainspring.cli.present import print_json

    for each in getattr(view, "items", None) or ([] if "items" in type(view).model_fields else [view]):
        print_json(each)


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object as the value of an option."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the object; fails with what is wrong about the text."""
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(value)
        except ValueError as error:
            self.fail(f"is no JSON: {error}", param, ctx)
        if not isinstance(found, dict):
            self.fail("is no JSON object", param, ctx)
        return found


def _parameter(name: str, info: FieldInfo) -> click.Parameter:
    kind, is_many = _type_of(info.annotation)
    if info.is_required() and name != REASON:
        return click.Argument([name], type=kind)
    has_default = info.default is not PydanticUndefined and info.default is not None
    option = f"--{name.replace('_', '-')}"
    if kind is click.BOOL:
        return click.Option([option], is_flag=True, help=info.description)
    letters = {"limit": ["-n"], "state": ["-s"], "task": ["-t"], "queue": ["-q"]}.get(name, [])
    return click.Option(
        [*letters, option],
        type=kind,
        multiple=is_many,
        default=(str(info.default) if isinstance(info.default, enum.Enum) else info.default) if has_default else None,
        show_default=has_default,
        required=info.is_required(),
        help=info.description,
    )


def _type_of(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    origin = get_origin(annotation)
    if origin is list:
        return _type_of(get_args(annotation)[0])[0], True
    if origin is Literal:
        return click.Choice([str(each) for each in get_args(annotation)]), False
    if isinstance(annotation, type) and issubclass(annotation, enum.StrEnum):
        return click.Choice([str(each) for each in annotation]), False
    if annotation is bool:
        return click.BOOL, False
    if origin is dict:
        return JsonObject(), False
    return (annotation if annotation in (int, float) else click.STRING), False
