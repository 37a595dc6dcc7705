"""What a definition says about one parameter beside its type: ``Annotated[str, Param(help="…", search=True)]``.

Everything ends in the parameter's JSON Schema, where forms, the command line and agents read it. What JSON Schema has a word for stands
under that word (``title``, ``description``, ``examples``, ``enum``); hints for forms stand under ``x-ui``; what the engine itself obeys
stands under ``x-mainspring``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainspring.core.errors import ConfigurationError

WIDGETS = ("text", "multiline", "code", "json", "select", "radio", "checkboxes", "range", "date", "hidden")
OURS, FORMS = "x-mainspring", "x-ui"  # the keys of the JSON Schema that are not the standard's


@dataclass(frozen=True, slots=True, init=False)
class Param:
    """Metadata of a parameter, to be put into ``Annotated``.

    ``title`` and ``help`` are its label and the text below it, ``placeholder`` stands in an empty field, ``examples`` are suggestions and
    ``choices`` all that is allowed: values, or a mapping of values to their names. ``unit`` stands behind a number, ``section`` groups
    fields, ``widget`` is one of `WIDGETS`. ``options`` is a function of a module that is given the form's other values by name, as JSON has
    them, and returns suggestions for this one: a list, or a mapping of values to their names.

    ``search=True`` makes runs findable by this parameter (``mainspring runs list --where name=value``) at the price of a row each.
    ``secret=False`` says that the parameter only looks like a secret, by its name or its values: nothing warns of it.
    """

    title: str | None
    help: str | None
    placeholder: str | None
    choices: tuple[Any, ...]
    labels: Mapping[str, str]
    examples: tuple[Any, ...]
    unit: str | None
    section: str | None
    widget: str | None
    options: str | None
    search: bool
    secret: bool | None

    def __init__(
        self, *, title: str | None = None, help: str | None = None, placeholder: str | None = None,
        choices: Sequence[Any] | Mapping[Any, str] = (), examples: Sequence[Any] = (), unit: str | None = None,
        section: str | None = None, widget: str | None = None, options: Callable[[Mapping[str, Any]], Any] | None = None,
        search: bool = False, secret: bool | None = None,
    ) -> None:  # fmt: skip
        texts = {"title": title, "help": help, "placeholder": placeholder, "unit": unit, "section": section}
        for name, value in texts.items():
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"Param({name})={value!r}: a text is needed")
            object.__setattr__(self, name, value)
        for name, many in (("choices", choices), ("examples", examples)):
            if isinstance(many, str) or not isinstance(many, (Sequence, Mapping)):
                raise ConfigurationError(f"Param({name})={many!r}: a list is needed, as {name}=[{many!r}]")
            object.__setattr__(self, name, tuple(many))
        object.__setattr__(self, "labels", {str(k): str(v) for k, v in choices.items()} if isinstance(choices, Mapping) else {})
        if widget is not None and widget not in WIDGETS:
            raise ConfigurationError(f"Param(widget)={widget!r} is unknown: choose one of {', '.join(WIDGETS)}")
        if secret:
            raise ConfigurationError(
                "Param(secret=True) would not keep a value out of the store: annotate the parameter as Secret, and hand over a reference"
            )
        object.__setattr__(self, "widget", widget)
        object.__setattr__(self, "options", None if options is None else _name_of(options))
        object.__setattr__(self, "search", bool(search))
        object.__setattr__(self, "secret", secret)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:  # the types are pydantic's, which core loads late
        """Refuse what is not among the choices; called by pydantic."""
        inner = handler(source)
        if not self.choices:
            return inner
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: Any) -> Any:
            for each in value if isinstance(value, (list, tuple, set, frozenset)) else [value]:
                if each is not None and each not in self.choices:
                    raise PydanticCustomError("choice", "input should be one of {choices}", {"choices": ", ".join(map(repr, self.choices))})
            return value

        return core_schema.no_info_after_validator_function(check, inner)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Write it into the JSON Schema; called by pydantic."""
        made: dict[str, Any] = dict(handler(schema))
        standard = {"title": self.title, "description": self.help, "examples": list(self.examples) or None}
        made |= {key: value for key, value in standard.items() if value is not None}
        if self.choices:
            for part in scalars(made):
                part["enum"] = list(self.choices)
        forms = {"placeholder": self.placeholder, "unit": self.unit, "section": self.section, "widget": self.widget, "labels": self.labels}
        forms["options"] = self.options
        ours = {"search": self.search or None, "secret": self.secret}
        for key, words in ((FORMS, forms), (OURS, ours)):
            if found := {name: value for name, value in words.items() if value not in (None, {})}:
                made[key] = {**made.get(key, {}), **found}
        return made


def _name_of(function: object) -> str:
    """Return how a function of a module is found again, as ``package.module:name``: the schema travels, the function does not."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not callable(function) or not module or not name or "<" in name:
        raise ConfigurationError(f"Param(options)={function!r}: a function of a module is needed, it is found again by its name")
    return f"{module}:{name}"


def scalars(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the schemas of the single values in a schema: itself, the items of a list, what stands beside null."""
    if options := schema.get("anyOf"):
        for each in options:
            if each.get("type") != "null":
                yield from scalars(each)
    elif schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        yield from scalars(schema["items"])
    else:
        yield schema
