"""Eight: what is no plain value: files, secrets, and what a run leaves behind."""

from __future__ import annotations

from typing import Annotated

import pytest

from mainspring import Context, File, FileLimit, Secret, errors, task
from mainspring.testing import Kit


@task
async def import_prices(ctx: Context, table: Annotated[File, FileLimit(max_size="1MB", types=[".csv", "text/csv"])]) -> int:
    lines = table.read_text().splitlines()
    ctx.attach("\n".join(sorted(lines)).encode(), name="sorted.csv")
    return len(lines)


def test_a_file_is_put_first_and_then_handed_over(ms: Kit) -> None:
    """What travels is a handle: name, size, type and hash. The body reads the content where it runs."""
    table = ms.do(ms.app.files.put(b"pear,2\napple,1\n", name="prices.csv"))
    assert (table.name, table.size, table.media_type) == ("prices.csv", 15, "text/csv")
    assert ms.run(import_prices, table=table) == 2


def test_what_a_run_leaves_behind_is_kept_as_long_as_the_run(ms: Kit) -> None:
    run = ms.enqueue(import_prices, table=ms.do(ms.app.files.put(b"b\na\n", name="x.csv")))
    ms.drain()
    (artifact,) = ms.do(run.artifacts())
    assert (artifact.name, artifact.read()) == ("sorted.csv", b"a\nb")


def test_a_file_that_does_not_fit_never_becomes_a_run(ms: Kit) -> None:
    picture = ms.do(ms.app.files.put(b"...", name="me.png"))
    with pytest.raises(errors.InvalidParams, match="of a type that is not taken"):
        ms.enqueue(import_prices, table=picture)
    assert ms.runs() == []


@task
async def charge(ctx: Context, token: Secret, amount: int) -> str:
    ctx.log(f"charging {amount} with {token.reveal()}")
    return "done"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-hunter2")
    return Kit(secrets={"env": {"SHOP_TOKEN": {"tasks": ["charge"]}}})


def test_a_secret_travels_as_a_reference_and_is_masked_in_what_is_said(shop: Kit) -> None:
    """Its value is looked up where the body runs, for tasks that the configuration names, and nothing that is stored holds it."""
    with shop:
        run = shop.enqueue(charge, token=Secret("env:SHOP_TOKEN"), amount=5)
        assert '"token":"env:SHOP_TOKEN"' in shop.get(run).params
        shop.drain()
        assert shop.logs(run) == ["charging 5 with ***"]


def test_the_plain_function_is_tested_with_a_value_of_ones_own() -> None:
    assert Secret("env:SHOP_TOKEN", value="test").reveal() == "test"
