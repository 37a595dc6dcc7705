"""The pruner sweeps files: the loop that does it is started by every node, and by nobody else."""

from __future__ import annotations

import pytest

from mainspring import File, task
from mainspring.core.errors import UnknownFile
from mainspring.engine.pruner import PARTITIONS_EVERY, Pruner
from mainspring.testing import Kit


@task
async def keeps(file: File) -> str:
    return file.read_text()


@pytest.mark.scenario("K4", part="the sweep of files is started by every node")
def test_a_node_sweeps_what_nobody_holds(ms: Kit) -> None:
    loose = ms.do(ms.app.files.put(b"loose", name="loose.txt"))
    kept = ms.do(ms.app.files.put(b"kept", name="kept.txt"))
    run = ms.enqueue(keeps.options(delay="30d"), file=kept)
    ms.drain()
    ms.advance("2d")
    node = ms.do(ms.node())
    (pruner,) = [loop for loop in node.runner.loops() if isinstance(loop, Pruner)]

    async def an_hour() -> None:
        for _ in range(PARTITIONS_EVERY):
            await pruner.tick()

    ms.do(an_hour())
    with pytest.raises(UnknownFile):
        loose.read()
    assert kept.read() == b"kept"
    ms.advance("30d")
    ms.drain()
    assert ms.result(run) == "kept"
