"""What operators do to finished and waiting runs, in Python: retry many, explain, retention by a node's own loop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mainspring import Context, Fail, Retention, task
from mainspring.core.access import EVERYTHING
from mainspring.core.explanation import Why
from mainspring.core.run import Retried
from mainspring.engine.pruner import SWEEP_EVERY
from mainspring.testing import Kit


@task(retry=0)
async def picky(ctx: Context, n: int, is_good: bool = False) -> int:
    if not is_good:
        raise ValueError(f"no. {n}")
    return n


@task(retry=0)
async def other() -> None:
    raise Fail("for good")


@task(retention=Retention("1h", keep_last=1))
async def brief() -> None:
    pass


@task
async def plain() -> None:
    pass


def ids(runs: list[Any]) -> list[str]:
    return [run.id for run in runs]


@pytest.mark.scenario("R9", part="python")
def test_many_failed_runs_are_done_again_with_edited_parameters(ms: Kit) -> None:
    old = [ms.enqueue(picky, n=n) for n in range(3)]
    bad = ms.enqueue(other)
    ms.drain()
    waiting = ms.enqueue(picky.options(delay="1h"), n=9)
    asked = [*ids(old), bad.id, waiting.id, "01a1f9a2-0000-7000-8000-000000000000"]
    answers: list[Retried] = ms.do(ms.app.retry_many(asked, edit={"is_good": True}, actor="ada"))
    assert [each.retry_of for each in answers] == asked
    assert [each.is_new for each in answers] == [True, True, True, False, False, False]
    assert "is_good" in str(answers[3].problem)  # the other task has no such parameter
    assert "only a finished run can be retried" in str(answers[4].problem)
    assert "there is no run" in str(answers[5].problem)
    ms.drain()
    for number, (answer, first) in enumerate(zip(answers[:3], old, strict=True)):
        assert answer.id is not None
        again = ms.get(answer.id)
        assert (again.state, again.result, again.retry_of, again.origin, again.actor) == (
            "completed",
            str(number),
            first.id,
            "retry",
            "ada",
        )
        assert ms.state(first) == "failed"


@pytest.mark.scenario("R9", part="python")
def test_a_retry_keeps_queue_label_tenant_and_key(ms: Kit) -> None:
    old = ms.enqueue(picky.options(queue="mail", label="night", tenant="acme", key="k", priority="low"), n=1)
    ms.drain()
    (answer,) = ms.do(ms.app.retry_many([old.id]))
    again = ms.get(str(answer.id))
    assert (again.queue, again.label, again.tenant, again.key, again.priority.name) == ("mail", "night", "acme", "k", "LOW")
    (second,) = ms.do(ms.app.retry_many([old.id]))  # the first is unfinished and has the key
    assert (second.id, second.is_new) == (answer.id, False)


@pytest.mark.scenario("R10", part="python")
def test_a_nodes_errors_are_grouped_and_reopen_by_themselves(ms: Kit) -> None:
    async def errors() -> Any:
        return (await ms.app.store()).errors

    for n in range(3):
        ms.enqueue(picky, n=n)
    ms.enqueue(other)
    ms.drain()
    store = ms.do(errors())
    groups = {each.task: each for each in ms.do(store.list(scope=EVERYTHING))}
    assert {name: (each.n, each.type, each.kind) for name, each in groups.items()} == {
        "picky": (3, "ValueError", "execution"), "other": (1, "Fail", "execution"),
    }  # fmt: skip
    ms.advance("1s")
    ms.do(store.resolve(groups["picky"].fingerprint, actor="ada"))
    assert [each.task for each in ms.do(store.list(is_open=True, scope=EVERYTHING))] == ["other"]
    ms.advance("1s")
    last = ms.enqueue(picky, n=4)
    ms.drain()
    group = ms.do(store.get(groups["picky"].fingerprint, scope=EVERYTHING))
    assert (group.is_open, group.n, group.reopened, group.last_run, group.message) == (True, 4, 1, last.id, "no. 4")
    assert len(ms.do(store.occurrences(group.fingerprint, scope=EVERYTHING))) == 4


def test_explain_follows_a_run(ms: Kit) -> None:
    def why(run: Any) -> tuple[Why, dict[str, Any]]:
        answer = ms.do(ms.app.explain(run.id))
        return answer.code, dict(answer.values)

    later = ms.enqueue(plain.options(delay="1h"))
    assert why(later) == (Why.SCHEDULED, {"at": ms.get(later).run_at})
    failed = ms.enqueue(picky, n=1)
    assert why(failed) == (Why.NO_WORKERS, {})
    ms.drain()
    code, values = why(failed)
    assert (code, values["type"], values["message"], values["attempts"]) == (Why.FAILED, "ValueError", "no. 1", 1)
    assert why(ms.enqueue(plain))[0] is Why.NEXT
    ms.advance("2h")
    ms.drain()
    assert why(later)[0] is Why.COMPLETED


@pytest.mark.scenario("K4", part="retention")
@pytest.mark.scenario("S3-56", part="loop")
def test_a_nodes_own_loop_applies_the_policies_of_app_and_tasks() -> None:
    with Kit(retention=timedelta(days=2), retention_completed=timedelta(days=1), keep_last=0) as ms:
        first, second, good, bad = ms.enqueue(brief), ms.enqueue(brief), ms.enqueue(plain), ms.enqueue(other)
        ms.drain()

        def left() -> set[str]:
            ms.drain()
            for _ in range(SWEEP_EVERY + 1):  # until another pass has begun, and one round of it
                ms.do(ms.nodes[-1].runner.pruner.tick())
            return set(ids(ms.runs()))

        assert left() == {first.id, second.id, good.id, bad.id}
        ms.advance("2h")
        assert left() == {second.id, good.id, bad.id}
        ms.advance("1d")
        assert left() == {second.id, bad.id}
        ms.advance("1d")
        assert left() == {second.id}  # the newest of its task

        async def told() -> Any:
            return (await (await ms.app.store()).retention.policies(ms.app.settings.keeping)).own

        assert ms.do(told()) == {"brief": Retention("1h", keep_last=1)}
