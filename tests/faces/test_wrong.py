"""What is wrong with a request is said in one way, whoever asks."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from mainspring.operations.wrong import faults_of, problems_of
from mainspring.web.problems import errors_of


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: int


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    steps: list[Step] = []


@pytest.fixture
def error() -> ValidationError:
    with pytest.raises(ValidationError) as told:
        Plan.model_validate({"steps": [{"seconds": 1}, {"seconds": "sk_live_much"}], "color": "red"})
    return told.value


def test_every_wrong_field_is_told_with_where_and_what_and_without_its_value(error: ValidationError) -> None:
    assert [str(each) for each in problems_of(error)] == [
        "name: is missing",
        "steps.1.seconds: input should be a valid integer, unable to parse string as an integer",
        "color: is unknown here",
    ]
    assert "sk_live" not in repr(problems_of(error))
    assert [keys for keys, _ in faults_of(error)] == [("name",), ("steps", 1, "seconds"), ("color",)]


def test_http_tells_the_same_with_a_pointer(error: ValidationError) -> None:
    told = errors_of(error)
    assert [(each["field"], each["message"]) for each in told] == [(each.where, each.what) for each in problems_of(error)]
    assert told[1]["path"] == "/steps/1/seconds"


def test_what_is_wrong_as_a_whole_is_a_star() -> None:
    with pytest.raises(ValidationError) as told:
        Plan.model_validate_json("[")
    assert [each.where for each in problems_of(told.value)] == ["*"]
