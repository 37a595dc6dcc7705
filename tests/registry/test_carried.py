"""A node without the code hands over files and secrets, too, and repeats as little."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mainspring import File, Mainspring, Secret
from mainspring.core.errors import InvalidParams
from mainspring.registry.manifest import manifest_text, tasks_of
from tests.engine import parcels

STRANGE = File(id="01900000-0000-7000-8000-000000000000", name="a.txt", size=1, media_type="text/plain", sha256="0" * 64)
REMOTE = {task.name: task for task in tasks_of(json.loads(manifest_text(parcels.ALL)))}


def test_files_are_held_and_strange_ones_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with Mainspring(f"sqlite:///{tmp_path}/m.db", tasks=list(REMOTE.values())) as app:
            file = await app.files.put(b"x", name="x.txt")
            run = await app.enqueue(REMOTE["upper"], files=[file])
            store = await app.store()
            (link,) = await store.database.execute("select run_id from mainspring.artifacts")
            assert link["run_id"] == run.id
            assert json.loads((await run.status()).params) == {"files": [file.as_json()]}
            with pytest.raises(InvalidParams, match="a.txt: is not in the store"):
                await app.enqueue(REMOTE["upper"], files=[STRANGE])

    asyncio.run(story())


@pytest.mark.scenario("I6", part="without the code")
@pytest.mark.parametrize(
    "params", [{"token": "hunter2"}, {"tokn": "hunter2"}, {"token": "env:A", "how": ["hunter2"]}, {"token": {"a": "hunter2"}}]
)
def test_a_raw_secret_is_refused_and_not_repeated(params: dict[str, Any]) -> None:
    task = REMOTE["betray_async"]
    for check in (task.params.dump_json_text, lambda text: task.params.dump((), json.loads(text))):
        with pytest.raises(InvalidParams) as info:
            check(json.dumps(params))
        assert "hunter2" not in str(info.value)
    assert json.loads(task.params.dump((), {"token": Secret("env:A")}))["token"] == "env:A"
