"""Key templates: ``"repo:{url}"`` names parameters, is checked against the signature at start and filled in at enqueue.

The fields are a small part of `str.format`: a parameter's name, then attributes of nested models and positions or keys behind dots
(``{order.id}``, ``{tags.0}``). No conversion, no format specification, no call: a key must mean the same on every machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from mainspring.core.errors import ConfigurationError

MOST = 500  # characters of a key: it is part of an index
_FIELD = re.compile(r"[^\W\d]\w*(\.\w+)*")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields; parsed once. ``parameters`` are the first names of its fields, in order, each once."""

    text: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]  # literal text, then the path of the field behind it (empty: none)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it reads."""
        return tuple(dict.fromkeys(path[0] for _, path in self.parts if path))

    def fill(self, params: Mapping[str, Any]) -> str:
        """Return the key of a call, from its parameters as plain JSON values.

        A text stands as it is, anything else as compact JSON, so that 1 and "1" are one key and None is ``null``. Raises
        `ConfigurationError` where a field leads nowhere or the key is longer than 500 characters.
        """
        key = "".join(literal + (self._value(path, params) if path else "") for literal, path in self.parts)
        if not 0 < len(key) <= MOST:
            raise ConfigurationError(f"the key {self.text!r} has {len(key)} characters with these parameters: 1 to {MOST} are allowed")
        return key

    def _value(self, path: tuple[str, ...], params: Mapping[str, Any]) -> str:
        value: Any = params
        for step in path:
            if isinstance(value, Mapping) and step in value:
                value = value[step]
            elif isinstance(value, Sequence) and not isinstance(value, str) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            else:
                raise ConfigurationError(f"the key {self.text!r} asks for {'.'.join(path)}, which these parameters do not have")
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def literal(text: str) -> str:
    """Return a template that stands for a text as it is, braces and all."""
    return text.replace("{", "{{").replace("}", "}}")


def parse_template(text: object, field_name: str) -> Template:
    """Return the template of a text; raises `ConfigurationError` that names ``field_name``, the text and the remedy."""
    if not isinstance(text, str) or not text:
        raise ConfigurationError(f"{field_name}={text!r}: a text such as 'repo:{{url}}' is needed")
    parts: list[tuple[str, tuple[str, ...]]] = []
    try:
        for literal, name, specification, conversion in Formatter().parse(text):
            if name is None:
                parts.append((literal, ()))
                continue
            if specification or conversion or not _FIELD.fullmatch(name):
                raise ConfigurationError(f"{field_name}={text!r}: {{{name}}} is no parameter's name; write {{name}} or {{name.attribute}}")
            parts.append((literal, tuple(name.split("."))))
    except ValueError as error:
        raise ConfigurationError(f"{field_name}={text!r}: {error}") from None
    return Template(text, tuple(parts))
