"""Two: parameters are checked before anything is written, and arrive as the types that were asked for."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

import pytest
from pydantic import BaseModel

from mainspring import errors, task
from mainspring.testing import Kit


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Address:
    street: str
    city: str


class Parcel(BaseModel):
    weight: float
    to: Address


@task
def ship(parcel: Parcel, on: date, size: Size = Size.SMALL, how: Literal["train", "bike"] = "bike") -> str:
    """A plain ``def`` is a task as well."""
    assert isinstance(parcel, Parcel)
    assert isinstance(on, date)
    assert isinstance(size, Size)
    return f"{parcel.weight} kg to {parcel.to.city} on {on:%d.%m.} by {how}, {size}"


def test_whatever_has_a_type_can_be_a_parameter(ms: Kit) -> None:
    """Parameters are stored as JSON; the body gets what its annotations say."""
    parcel = Parcel(weight=2.5, to=Address("Main Street 1", "Kraków"))
    run = ms.enqueue(ship, parcel, on=date(2030, 5, 1), how="train")
    assert '"Kraków"' in ms.get(run).params
    ms.drain()
    assert ms.result(run) == "2.5 kg to Kraków on 01.05. by train, small"


def test_wrong_parameters_never_become_a_run(ms: Kit) -> None:
    """Each wrong field is named. The type checker says it earlier, here it is told to look away."""
    with pytest.raises(errors.InvalidParams) as info:
        ms.enqueue(ship, parcel={"weight": "heavy"}, on="some day", how="plane")  # type: ignore[arg-type]
    said = str(info.value)
    assert "weight" in said
    assert "how" in said
    assert ms.runs() == []


def test_a_result_is_typed_too(ms: Kit) -> None:
    """It is stored as JSON and comes back as what the function returns."""

    @task
    async def address_of(name: str) -> Address:
        return Address(f"{name}'s street", "Berlin")

    found = ms.run(address_of, name="Ann")
    assert found == Address("Ann's street", "Berlin")


def test_defaults_are_written_down_with_the_run(ms: Kit) -> None:
    """What a run was asked to do does not change when the code's defaults do."""
    run = ms.enqueue(ship, Parcel(weight=1, to=Address("x", "y")), on=date(2030, 5, 1))
    assert '"how":"bike"' in ms.get(run).params
