"""Definitions in a module whose annotations are texts (``from __future__ import annotations``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import BaseModel

from mainspring.core.params import Params
from mainspring.core.task import Task, task

if TYPE_CHECKING:
    from decimal import Decimal

    from mainspring.core.context import Context


class Order(BaseModel):
    count: int
    kind: Literal["a", "b"] = "a"


@task
async def with_context(ctx: Context, order: Order, names: tuple[str, ...] = ()) -> Order:
    return order


@task(title="Without")
def without_context(order: Order | None = None) -> list[Order]:
    return [order] if order else []


@task
def unresolved(ctx: Context, price: Decimal, count: int = 1) -> None: ...


@pytest.mark.parametrize("each", [with_context, without_context])
def test_texts_are_resolved_in_their_module(each: Task[..., object]) -> None:
    assert each.problems() == ()
    assert isinstance(each.params, Params)


def test_a_context_imported_for_the_type_checker_only_is_still_the_context() -> None:
    assert with_context.spec.takes_context
    assert with_context.params.names == ("order", "names")
    loaded = with_context.params.load(with_context.params.dump((Order(count=1),), {}))
    assert loaded == {"order": Order(count=1), "names": ()}


def test_the_result_is_typed() -> None:
    assert without_context.result.load('[{"count": 1}]') == [Order(count=1)]


def test_other_types_imported_for_the_type_checker_only_are_told() -> None:
    (problem,) = unresolved.problems()
    assert "(price)" in problem.where
    assert "name 'Decimal' is not defined" in problem.what
