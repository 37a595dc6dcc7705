"""Runs that wait, page by page: what a release has to be able to carry out."""

from datetime import timedelta

import pytest

from tests.store.harness import Stage


async def test_every_run_that_waits_comes_once_with_its_parameters(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.store.waiting.PAGE", 2)
    node = await stage.node()
    running = await stage.claim_new(node)
    done = await stage.claim_new(node)
    await stage.complete(done)
    ready = await stage.add_new(3, params='{"n": 1}', params_version=2)
    later = await stage.add_one(task="later", delay=timedelta(days=1))
    found = [each async for each in stage.store.waiting.runs()]
    assert [each.id for each in found] == [*ready, later]
    assert running.id not in {each.id for each in found}
    assert {(each.task, each.params, each.params_version) for each in found} == {("t", '{"n": 1}', 2), ("later", "{}", 1)}
