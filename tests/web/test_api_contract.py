"""One definition, the same everywhere: whatever task and whichever surface, wrong values are told in the same words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring
from mainspring.cli.parameters import parameters_of
from mainspring.core.errors import InvalidParams
from mainspring.core.task import Surface
from tests.faces.conftest import Cli, cli  # noqa: F401 - a fixture
from tests.faces.shop import TASKS
from tests.web.asking import asking

Told = list[tuple[str, str, str | None]]


TYPED = ("bool", "integer", "number", "choice")  # what nobody takes "nonsense" for, and a command line hands on as it was typed


def wrong_values(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return calls of a task that are wrong in several ways."""
    odd: dict[str, Any] = {name: {"odd": [1]} for name in schema.get("properties", {})}
    return [{"no_such_thing": 1}, {**odd, "another": "x"}, {**{name: [[]] for name in odd}, "third": None}]


def wrong_texts(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return wrong values that can be typed."""
    return {each.name: "nonsense" for each in parameters_of(schema) if each.kind in TYPED}


def by_python(app: Mainspring, name: str, params: Mapping[str, Any]) -> Told:
    async def ask() -> Told:
        with pytest.raises(InvalidParams) as caught:
            await app.enqueue_json(app.task_named(name), json.dumps(params))
        return [(each.where, each.what, each.value) for each in caught.value.problems]

    return asyncio.run(ask())


@pytest.mark.scenario("U1", "S3-11", part="http")
@pytest.mark.parametrize("task", TASKS, ids=lambda each: each.name)
def test_every_surface_tells_the_same_of_wrong_values(task: Any, tmp_path: Path, cli: Cli) -> None:  # noqa: F811 - the fixture
    with asking(tmp_path, TASKS) as api:
        for params in wrong_values(task.params.schema()):
            python = by_python(api.app, task.name, params)
            for path, body in (
                (f"/api/v1/tasks/{task.name}/start", params), (f"/api/v1/tasks/{task.name}/run", params),
                ("/api/v1/runs", {"task": task.name, "params": params, "is_confirmed": True}),
            ):  # fmt: skip
                answer = api.post(path, body, mainspring_confirm=task.name)
                assert answer.status == 422, answer.text
                assert [(each["field"], each["message"], each.get("value")) for each in answer.json["errors"]] == python
            checked = api.post(f"/api/v1/tasks/{task.name}/check", {"params": params}).json["problems"]
            assert [(each["field"], each["what"], each["value"]) for each in checked] == python
        texts = wrong_texts(task.params.schema())
        if texts and Surface.CLI not in task.spec.hidden_from:
            words = [f"--{name}={value}" for name, value in texts.items()]
            typed = json.loads(cli("--json", "enqueue", "--yes", task.name, *words).stdout.splitlines()[-1])["error"]["problems"]
            sent = api.post(f"/api/v1/tasks/{task.name}/start", texts, mainspring_confirm=task.name).json["errors"]
            told = [(each["field"], each["message"], each.get("value")) for each in sent]
            assert [(each["field"], each["what"], each["value"]) for each in typed] == told == by_python(api.app, task.name, texts)
            assert len(told) >= len(texts)
        assert api.runs() == 0
