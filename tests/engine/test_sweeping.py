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


def test_a_place_for_files_that_does_not_answer_keeps_nothing_else_from_being_done(ms: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    node = ms.do(ms.node())
    (pruner,) = [loop for loop in node.runner.loops() if isinstance(loop, Pruner)]
    pruned: list[int] = []

    async def no_answer() -> None:
        raise OSError("no answer")

    async def vacuum() -> None:
        pruned.append(pruner._rounds)

    monkeypatch.setattr(pruner._store.files, "sweep", no_answer)
    monkeypatch.setattr(pruner._store.upkeep, "vacuum", vacuum)
    pruner._rounds = PARTITIONS_EVERY
    with pytest.raises(OSError, match="no answer"):
        ms.do(pruner.tick())
    ms.do(pruner.tick())
    assert pruned == [PARTITIONS_EVERY + 1, PARTITIONS_EVERY + 2]
