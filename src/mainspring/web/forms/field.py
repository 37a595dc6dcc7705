"""One control and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mainspring.core.form import FormField

Data = Mapping[str, Sequence[Any]]  # what was posted: texts, and for files the handles that they have become

TYPED = ("text", "multiline", "code")  # anything may be typed, also nothing
MOST_ROWS = 500
_CONTROL = {  # what a browser's own control takes; anything else stays visible as plain text
    "integer": re.compile(r"[+-]?\d+"), "number": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"),
    "range": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"), "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "time": re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?"), "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?"),
}  # fmt: skip
_INPUT = {
    "integer": "number", "number": "number", "range": "range", "date": "date", "time": "time", "date-time": "datetime-local",
    "email": "email", "uri": "url", "password": "password",
}  # fmt: skip


@dataclass(slots=True)
class Row:
    """One row of a list, or one entry of an object: then it has a ``key``. ``index`` names its controls and says nothing of its place."""

    index: int
    field: Field
    key: str = ""
    is_new: bool = False


@dataclass(slots=True)
class Field:
    """One control. ``name`` is its path; which of the rest is used depends on the widget.

    ``text`` stands in it, ``texts`` are what is ticked of a group, ``rows`` the rows, ``fields`` what is in a fieldset, ``variants`` what
    is in each shape of a union, of which ``chosen`` is the one. ``is_none``: "no value" is ticked; ``is_empty``: that an empty text is
    meant. ``was`` is the JSON of a value that the control shows and cannot hold exactly: untouched, it is sent as it was.
    """

    spec: FormField
    name: str
    text: str = ""
    texts: list[str] = field(default_factory=list)
    is_none: bool = False
    is_empty: bool = False
    is_rows: bool = False
    zone: str = ""
    was: str = ""
    file: dict[str, Any] | None = None
    fields: list[Field] = field(default_factory=list)
    variants: list[list[Field]] = field(default_factory=list)
    chosen: int = -1
    rows: list[Row] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)  # suggestions of this moment
    is_dropped: bool = False  # a file that is not to be sent again

    @property
    def id(self) -> str:
        """Its place in the page."""
        return f"f-{self.name}"

    @property
    def widget(self) -> str:
        """How it is drawn: a group of boxes cannot show one value twice, so that such a list has rows."""
        return "rows" if self.is_rows else self.spec.widget

    @property
    def item(self) -> FormField:
        """What its rows are."""
        if self.is_rows:
            return FormField("", "", "select", options=self.spec.options)
        return self.spec.item or FormField("", "", "text")

    @property
    def kind(self) -> str:
        """The type of its input."""
        widget = self.spec.widget
        if self.text and widget in _CONTROL and not _CONTROL[widget].fullmatch(self.text):
            return "text"
        return _INPUT.get(widget, "text")

    @property
    def is_long(self) -> bool:
        """Whether a single line cannot hold it."""
        return self.spec.widget in ("multiline", "code", "json") or "\n" in self.text or "\r" in self.text

    @property
    def shown(self) -> str:
        """What is drawn: nothing of what may be a secret."""
        from mainspring.core.secret import PATTERN

        if self.spec.widget == "password" or (self.spec.widget == "secret" and not re.fullmatch(PATTERN, self.text)):
            return ""
        return self.text

    @property
    def has_absence(self) -> bool:
        """Whether it may be left out altogether, and no default can be shown for that."""
        return self.spec.is_nullable or (not self.spec.is_required and not self.spec.has_default)

    @property
    def has_none(self) -> bool:
        """Whether a box says that there is no value, as nothing else can."""
        if self.widget in ("rows", "pairs", "checkboxes", "fieldset"):
            return self.has_absence
        return self.spec.is_nullable and blank_is_text(self.spec)

    @property
    def has_empty(self) -> bool:
        """Whether a box says that an empty text is meant, and not the default."""
        spec = self.spec
        is_default = spec.has_default and spec.default == ""
        return not spec.is_nullable and not spec.is_required and blank_is_text(spec) and not is_default

    @property
    def is_wrong(self) -> bool:
        """Whether it or anything in it is wrong."""
        return any(each.errors for each in walk([self]))

    @property
    def is_hidden(self) -> bool:
        """Whether nothing of it is seen."""
        return self.spec.widget == "hidden"

    @property
    def groups(self) -> list[tuple[str | None, list[Field]]]:
        """What is in it, by sections."""
        return grouped(self.fields)

    def shape_groups(self, number: int) -> list[tuple[str | None, list[Field]]]:
        """What is in one shape of a union, by sections."""
        return grouped(self.variants[number])

    @property
    def is_compact(self) -> bool:
        """Whether its rows are pairs of a name and a value, which stand in one line."""
        return tuple(each.name for each in self.item.fields) == ("name", "value")


def blank_is_text(spec: FormField) -> bool:
    """Tell whether an empty text is a value of this field."""
    if spec.widget not in TYPED or spec.limits.get("minLength"):
        return False
    pattern = spec.limits.get("pattern")
    try:
        return pattern is None or re.search(str(pattern), "") is not None
    except re.error:
        return False


def segment(name: str) -> str:
    """Return a property's name as a part of a path: what paths are made of is written otherwise."""
    return quote(name, safe="-~!$*+@")


def walk(fields: Iterable[Field]) -> Iterator[Field]:
    """Yield fields and all that is in them; of a union the chosen shape."""
    for each in fields:
        yield each
        yield from walk(each.fields)
        if 0 <= each.chosen < len(each.variants):
            yield from walk(each.variants[each.chosen])
        yield from walk(row.field for row in each.rows)


def grouped(fields: Sequence[Field]) -> list[tuple[str | None, list[Field]]]:
    """Return fields by their sections, each where its first field stands."""
    found: list[tuple[str | None, list[Field]]] = []
    places: dict[str, list[Field]] = {}
    for each in fields:
        section = each.spec.ui.get("section")
        if section is None:
            if not found or found[-1][0] is not None:
                found.append((None, []))
            found[-1][1].append(each)
        elif section in places:
            places[section].append(each)
        else:
            places[section] = [each]
            found.append((str(section), places[section]))
    return found
