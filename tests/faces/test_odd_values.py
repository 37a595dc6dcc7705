"""Names that a framework would want for itself, and values that a form would break: they reach the body as they were given."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import pytest
from pydantic import Field

from mainspring import Mainspring, task
from mainspring.core import active
from mainspring.core.run import Run
from tests.faces.conftest import Cli

got: list[dict[str, Any]] = []


@task
async def odd(
    format: str, t: str, category: str, async_: Annotated[str, Field(alias="async")], download: str,
    json: str = "j", queue: str = "q", yes: bool = False, timeout: str = "t",
) -> dict[str, Any]:  # fmt: skip
    """Take names that others want.

    Args:
        async_: how
    """
    got.append(locals())
    return got[-1]


@task
async def choose(names: list[str], tags: set[str] | None = None) -> list[str]:
    """Take many."""
    got.append({"names": names, "tags": tags})
    return names


app = Mainspring("sqlite://", tasks=[odd, choose], isolation="inline")
active.retire(app)  # tests of other files know no app
ODD = {"format": "csv", "t": "json", "category": "x=y", "async_": "true", "download": "../a"}
WHOLE = {**ODD, "json": "[1]", "queue": "mine", "yes": True, "timeout": "never"}
NAMES = ["a,b", "ü, €", "[c]", "-d", '"e"', "--names", ""]


@pytest.fixture
def here(cli: Cli) -> Cli:
    cli.app = ("-A", "tests.faces.test_odd_values:app")
    got.clear()
    return cli


@pytest.mark.scenario("S3-13", part="cli")
def test_every_name_reaches_the_body_from_the_command_line(here: Cli) -> None:
    words = [
        "--format",
        "csv",
        "--t",
        "json",
        "--category",
        "x=y",
        "--async",
        "true",
        "--download",
        "../a",
        "--json",
        "[1]",
        "--queue",
        "mine",
        "--yes",
    ]
    found = here.run_object("odd", *words, "--timeout", "never")
    assert found["result"] == WHOLE
    assert found["queue"] == "default"
    assert (
        here.run_object("odd", "--format=csv", "--t=json", "--category=x=y", "--async_=true", "--download=../a")["params"]["async_"]
        == "true"
    )
    assert "--async" in here.ok("run", "odd", "--help")
    assert here.object("--json", "tasks", "show", "odd")["params"]["properties"]["async_"]["description"] == "how"


@pytest.mark.scenario("S3-13", part="python")
def test_every_name_reaches_the_body_from_python(here: Cli) -> None:
    plain = {name: value for name, value in WHOLE.items() if name != "async_"}

    async def both() -> None:
        async with Mainspring(here.url, tasks=[odd], isolation="inline") as app:
            assert await app.run(odd, **WHOLE) == WHOLE  # type: ignore[arg-type]
            assert await app.run(odd, **{**plain, "async": "true"}) == WHOLE  # type: ignore[arg-type]
            run = await app.enqueue_json(odd, json.dumps(WHOLE))
            await app.see_through(run.id)
            assert await run.result() == WHOLE

    asyncio.run(both())
    assert got == [WHOLE] * 3


@pytest.mark.scenario("S3-14", part="cli")
def test_a_list_with_commas_and_unicode_is_the_same_waited_for_and_enqueued(here: Cli) -> None:
    words = [word for name in NAMES for word in (f"--names={name}",)]
    assert here.run_object("choose", *words, "--tags", "x,y")["result"] == NAMES
    run_id = here.ok("enqueue", "choose", *words).strip()
    assert here.object("runs", "show", run_id)["params"]["names"] == NAMES
    here.work("--burst").end()
    assert here.object("runs", "show", run_id)["result"] == NAMES
    separate = [word for name in NAMES if not name.startswith("--") for word in ("--names", name)]
    assert here.run_object("choose", *separate)["result"] == [name for name in NAMES if not name.startswith("--")]
    assert got[0] == {"names": NAMES, "tags": {"x,y"}}


@pytest.mark.scenario("S3-14", part="python")
def test_a_list_with_commas_and_unicode_is_the_same_from_python(here: Cli) -> None:
    async def both() -> Run:
        async with Mainspring(here.url, tasks=[choose], isolation="inline") as app:
            assert await app.run(choose, NAMES, {"x,y"}) == NAMES
            run = await app.enqueue(choose, names=NAMES, tags={"x,y"})
            await app.see_through(run.id)
            assert await run.result() == NAMES
            return await run.status()

    assert json.loads(asyncio.run(both()).params)["names"] == NAMES
    assert got == [{"names": NAMES, "tags": {"x,y"}}] * 2
