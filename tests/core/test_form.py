"""What a form can be made from: every type of parameter with its control, label, help, default and whether it is needed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from mainspring import task
from mainspring.core.category import category_of
from mainspring.core.form import FormField, Option


class Colour(Enum):
    RED = "red"
    DARK_BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Weekday(Enum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"


class Address(BaseModel):
    street: str
    number: int = Field(1, ge=1, description="the house's")
    tags: list[str] = Field(default_factory=lambda: ["home"])


class Company(BaseModel):
    name: str


@dataclass
class Point:
    x: int
    y: int = 0


class Extra(TypedDict, total=False):
    note: str


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


_next = count()


@task
def everything(
    text: str,
    number: int,
    ratio: float,
    dry_run: bool,
    kind: Literal["sql", "tar"],
    size: Literal[1, 2, 3, 4, 5],
    colour: Colour,
    level: Level,
    day: Weekday,
    when: datetime,
    on: date,
    at: time,
    wait: timedelta,
    id: UUID,
    price: Decimal,
    names: list[str],
    colours: set[Colour],
    counts: dict[str, int],
    path: Path,
    maybe: str | None,
    address: Address,
    point: Point,
    extra: Extra,
    who: Address | Company,
    odd: int | str | list[int],
    bounded: Annotated[int, Field(ge=1, le=5, description="from one to five", title="How many", examples=[2, 3])],
    tree: Tree,
    blob: bytes,
    made: Annotated[list[str], Field(default_factory=list)],
    fresh: Annotated[str, Field(default_factory=lambda: str(uuid4()))],
    rising: Annotated[int, Field(default_factory=lambda: next(_next))],
    plain: list[int] = [1],  # noqa: B006 - the default travels as JSON
    start: datetime = datetime(2030, 1, 1, tzinfo=UTC),
    raw: bytes = b"ab",
    level_or_not: Level | None = None,
) -> None:
    """Take everything.

    Args:
        text: a word or two
        bounded: never shown, its own words win
        address: where to
    """


FIELDS = {each.name: each for each in everything.form()}


@pytest.mark.scenario("S3-10", part="schema")
def test_every_type_has_a_suitable_control() -> None:
    assert {name: field.widget for name, field in FIELDS.items()} == {
        "text": "text", "number": "integer", "ratio": "number", "dry_run": "checkbox", "kind": "radio", "size": "select", "colour": "radio",
        "level": "radio", "day": "select", "when": "date-time", "on": "date", "at": "time", "wait": "duration", "id": "uuid",
        "price": "number", "names": "rows", "colours": "checkboxes", "counts": "json", "path": "path", "maybe": "text",
        "address": "fieldset", "point": "fieldset", "extra": "fieldset", "who": "variants", "odd": "json", "bounded": "integer",
        "tree": "fieldset", "blob": "text", "made": "rows", "fresh": "text", "rising": "integer", "plain": "rows", "start": "date-time",
        "raw": "text", "level_or_not": "radio",
    }  # fmt: skip


@pytest.mark.scenario("S3-10", "S3-02", part="schema")
def test_labels_help_and_order() -> None:
    assert list(FIELDS) == list(everything.params.names)
    assert everything.params.schema()["x-ui"]["order"] == list(FIELDS)
    assert (FIELDS["dry_run"].label, FIELDS["bounded"].label, FIELDS["colour"].label) == ("Dry run", "How many", "Colour")
    assert (FIELDS["text"].help, FIELDS["bounded"].help, FIELDS["address"].help) == ("a word or two", "from one to five", "where to")
    assert FIELDS["bounded"].suggestions == (2, 3)
    assert everything.spec.description == "Take everything."


@pytest.mark.scenario("S3-10", part="schema")
def test_what_is_needed_and_what_is_prefilled() -> None:
    optional = {"made", "fresh", "rising", "plain", "start", "raw", "level_or_not"}
    assert {name for name, field in FIELDS.items() if not field.is_required} == optional
    shown = {name: field.default for name, field in FIELDS.items() if field.has_default}
    assert shown == {"made": [], "plain": [1], "start": "2030-01-01T00:00:00Z", "raw": "YWI=", "level_or_not": None}
    assert FIELDS["maybe"].is_nullable and FIELDS["level_or_not"].is_nullable and not FIELDS["text"].is_nullable


def test_a_default_of_a_factory_is_filled_in_also_where_it_cannot_be_shown() -> None:
    class Odd(BaseModel):
        since: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @task
    def asks(
        odd: Odd,
        ids: Annotated[list[str], Field(default_factory=lambda: ["a"])],
        key: Annotated[str, Field(default_factory=lambda: str(uuid4()))],
    ) -> None: ...

    first, second = (asks.params.load(asks.params.dump((), {"odd": {}})) for _ in range(2))
    assert first["ids"] == ["a"]
    assert UUID(first["key"]) != UUID(second["key"])
    first["ids"].append("b")
    assert asks.params.load('{"odd": {}}')["ids"] == ["a"]
    assert "default" not in asks.params.schema()["$defs"]["Odd"]["properties"]["since"]


@pytest.mark.scenario("S3-10", part="schema")
def test_choices_have_names_and_post_their_text() -> None:
    assert FIELDS["colour"].options == (Option("red", "red", "Red"), Option("blue", "blue", "Dark blue"))
    assert FIELDS["level"].options == (Option(1, "1", "Low"), Option(2, "2", "High"))
    assert FIELDS["colours"].options == FIELDS["colour"].options
    assert [each.label for each in FIELDS["kind"].options] == ["sql", "tar"]


@pytest.mark.scenario("S3-10", part="schema")
def test_what_nests() -> None:
    street, number, tags = FIELDS["address"].fields
    assert (street.label, street.is_required, number.default, number.limits, number.help) == (
        "Street",
        True,
        1,
        {"minimum": 1},
        "the house's",
    )
    assert (tags.widget, tags.default, tags.item and tags.item.widget) == ("rows", ["home"], "text")
    assert [[each.name for each in shape.fields] for shape in FIELDS["who"].variants] == [["street", "number", "tags"], ["name"]]
    assert [each.name for each in FIELDS["point"].fields] == ["x", "y"]
    assert not FIELDS["extra"].fields[0].is_required
    assert FIELDS["bounded"].limits == {"minimum": 1, "maximum": 5}


def test_what_holds_itself_ends() -> None:
    depth, field = 0, FIELDS["tree"]
    while field.fields:
        inner: Any = field.fields[1].item
        assert isinstance(inner, FormField)
        depth, field = depth + 1, inner
    assert 2 <= depth <= 12
    assert field.widget == "json"


@pytest.mark.scenario("S3-02")
def test_a_task_without_title_and_icon_has_both() -> None:
    @task
    def prune_old_dumps() -> None: ...

    @task(category="report")
    def monthly() -> None: ...

    @task(category="sales", icon="chart-pie")
    def sold() -> None: ...

    assert (prune_old_dumps.spec.title, prune_old_dumps.spec.icon, prune_old_dumps.spec.category) == ("Prune old dumps", "gear", "general")
    assert (monthly.spec.icon, sold.spec.icon) == ("chart-column", "chart-pie")
    assert [category_of(each).order for each in ("maintenance", "data", "admin", "report")] == [1, 2, 3, 4]
    assert (category_of("data").title, category_of("night_jobs").title, category_of("night_jobs").order) == ("Data", "Night jobs", 100)


@pytest.mark.parametrize("icon", ["Gear", "a b", "x/../y", "-x", "x--y", "", "é"])
def test_an_icon_is_a_plain_name(icon: str) -> None:
    @task(icon=icon)
    def named() -> None: ...

    (problem,) = named.problems()
    assert "icon" in problem.what


def test_a_choice_of_nothing_has_its_label_as_every_other() -> None:
    class Mode(Enum):
        AS_USUAL = None
        STRICT = True

    @task
    async def chooses(mode: Mode) -> None: ...

    (field,) = chooses.form()
    assert [(each.text, each.label) for each in field.options] == [("null", "As usual"), ("true", "Strict")]
