"""Predicates of schedules in child processes: whatever one does, the others and the engine do not notice."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import pytest

from mainspring.core.policy import Isolation
from mainspring.engine.prober import Answer, Prober
from tests.aio import run
from tests.engine import askable

SOON, LATER = timedelta(milliseconds=300), timedelta(seconds=20)
HERE = f"{askable.__name__}:"


def prober(isolation: Isolation = Isolation.PROCESS) -> Prober:
    os.environ["ASKING_ENGINE"] = str(os.getpid())
    return Prober({"drain_backlog": askable.drain_backlog}, isolation=isolation)


async def ask(asking: Prober, name: str, timeout: timedelta = LATER) -> Answer:
    return await asking.ask("drain_backlog", HERE + name, timeout)


@pytest.mark.scenario("D5", part="processes")
def test_each_predicate_is_asked_in_a_process_of_its_own_kind() -> None:
    async def scenario() -> None:
        asking = prober()
        try:
            assert await ask(asking, "is_wanted") == Answer(True)  # and it was not asked here
            found = await asyncio.gather(
                ask(asking, "is_not_wanted"), ask(asking, "raises"), ask(asking, "waits", SOON), ask(asking, "holds", SOON),
                ask(asking, "dies"), ask(asking, "mumbles"), ask(asking, "is_wanted"),
            )  # fmt: skip
            no, raised, waited, held, died, mumbled, yes = found
            assert (no, yes) == (Answer(False), Answer(True))
            assert raised.error is not None and raised.error.startswith("RuntimeError: the queue cannot be reached (")
            assert "askable.py:" in raised.error
            late = "the predicate did not answer within 0.3 s"
            assert (waited.error, held.error) == (late, late)
            assert died.error == "the process in which the predicate was asked died"
            assert mumbled.error is not None and "returned str 'yes': True or False is needed" in mumbled.error
            assert await ask(asking, "is_wanted") == Answer(True)  # what happened to the others is forgotten
        finally:
            await asking.close()

    run(scenario())


def test_what_the_code_does_not_have_is_said() -> None:
    async def scenario() -> None:
        asking = prober()
        assert asking.knows("drain_backlog", HERE + "raises")
        assert not asking.knows("drain_backlog", HERE + "gone")
        assert not asking.knows("drain_backlog", None)
        assert not asking.knows("nothing", HERE + "raises")
        answer = await ask(asking, "gone")
        assert answer.error is not None and "no predicate" in answer.error
        await asking.close()

    run(scenario())


@pytest.mark.parametrize("isolation", [Isolation.INLINE, Isolation.THREAD])
def test_other_isolations_ask_in_the_engines_process(isolation: Isolation) -> None:
    async def scenario() -> None:
        asking = prober(isolation)
        assert await ask(asking, "is_wanted") == Answer(False)  # it says so itself
        raised = await ask(asking, "raises")
        assert raised.error is not None and "cannot be reached" in raised.error
        waited = await ask(asking, "waits", SOON)
        assert waited.error == "the predicate did not answer within 0.3 s"
        await asking.close()

    run(scenario())
