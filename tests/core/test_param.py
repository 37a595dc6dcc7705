"""What a definition says about a parameter beside its type, and where that ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from mainspring import Param, task
from mainspring.core.errors import ConfigurationError, InvalidParams
from mainspring.core.marks import marks_of, search_term, search_terms


@task
async def paint(
    colour: Annotated[str, Param(title="Farbe", help="What it shall look like.", choices={"r": "Red", "b": "Blue"}, widget="radio")],
    sizes: Annotated[list[int] | None, Param(unit="cm", choices=[1, 2], section="Sizes")] = None,
    note: Annotated[str, Param(placeholder="anything", examples=["x", "y"], search=True)] = "",
    api_token: Annotated[str, Param(secret=False)] = "",
) -> None: ...


def test_it_ends_in_the_schema() -> None:
    properties = paint.params.schema()["properties"]
    colour = properties["colour"]
    assert (colour["title"], colour["description"], colour["enum"]) == ("Farbe", "What it shall look like.", ["r", "b"])
    assert colour["x-ui"] == {"widget": "radio", "labels": {"r": "Red", "b": "Blue"}}
    assert properties["sizes"]["anyOf"][0]["items"]["enum"] == [1, 2]
    assert properties["sizes"]["x-ui"] == {"unit": "cm", "section": "Sizes"}
    assert properties["note"]["x-ui"] == {"placeholder": "anything"}
    assert properties["note"]["examples"] == ["x", "y"]
    assert properties["note"]["x-mainspring"] == {"search": True}
    assert properties["api_token"]["x-mainspring"] == {"secret": False}


def test_choices_are_all_that_is_allowed() -> None:
    assert paint.params.dump((), {"colour": "b", "sizes": [2, 1]}).startswith('{"colour":"b","sizes":[2,1]')
    with pytest.raises(InvalidParams) as info:
        paint.params.dump((), {"colour": "g", "sizes": [3]})
    assert "colour: input should be one of 'r', 'b' (got 'g')" in str(info.value)
    assert "sizes: input should be one of 1, 2" in str(info.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"title": 5}, "Param(title)=5"),
        ({"choices": "abc"}, "Param(choices)='abc': a list is needed"),
        ({"examples": 7}, "Param(examples)=7"),
        ({"widget": "dial"}, "Param(widget)='dial' is unknown: choose one of text"),
        ({"secret": True}, "annotate the parameter as Secret"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as info:
        Param(**given)
    assert said in str(info.value)


def test_marks_are_read_from_the_schema() -> None:
    @task
    async def plain(
        password: str, tokens: int, card_token: str | None = None, choice: Annotated[str, Param(choices=["a"])] = "a"
    ) -> None: ...

    marks = marks_of(plain.params.schema())
    assert marks.is_plain
    assert marks.named == ("password", "card_token")
    marks = marks_of(paint.params.schema())
    assert (marks.searched, marks.named, marks.silenced, marks.is_plain) == (("note",), (), frozenset({"api_token"}), False)


def test_search_terms() -> None:
    params = {"a": "x", "b": 1, "c": ["x", "y", "x"], "d": None, "e": {"k": True, "a": "ä"}, "f": "x" * 501, "g": True}
    assert search_terms(("a", "b", "c", "d", "e", "f", "g"), params) == [
        ("a", "x"), ("b", "1"), ("c", "x"), ("c", "y"), ("d", "null"), ("e", '{"a":"ä","k":true}'), ("g", "true"),
    ]  # fmt: skip
    assert search_term("x" * 500) == "x" * 500


def regions(values: Mapping[str, Any]) -> list[str]:
    """Suggest regions."""
    return ["eu"]


def test_suggestions_come_from_a_function_that_is_found_again_by_its_name() -> None:
    @task
    async def sends(region: Annotated[str, Param(options=regions)] = "eu") -> None: ...

    assert sends.params.schema()["properties"]["region"]["x-ui"] == {"options": f"{__name__}:regions"}
    with pytest.raises(ConfigurationError, match="a function of a module is needed"):
        Param(options=lambda values: [])
