"""Finishing a run in its body's own transaction: ``ctx.complete_in(connection)``, for effects that must happen exactly once.

The completion is the store's own statement, fenced by the claim, on the body's connection: it is there when the body's transaction
commits, together with the effect, and the fence makes that transaction fail where the run has become somebody else's. The engine is told
beforehand: it hands over what the run has said and is not written yet, keeps its hands off the row, and looks in the end whether it is
done.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import Future
from typing import Any

from mainspring.core.context import Context
from mainspring.core.errors import Conflict
from mainspring.engine.attempt import Bodies, Body
from mainspring.engine.capture import Tape
from mainspring.engine.faults import FAULT
from mainspring.engine.frames import Message
from mainspring.engine.records import from_wire
from mainspring.store.caller import Caller, at_once
from mainspring.store.foreign import Foreigners, adopt, database_of
from mainspring.store.runs import Completion
from mainspring.store.store import SHARDS

Way = tuple[Future[Any], float]  # a message with the words that go along, once the engine has made way; how long the body runs


class Done:
    """What a completion answers that is written already: it may be awaited, and need not be."""

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


class Finisher:
    """Completes runs for the bodies of one executor. ``make_way`` tells the engine, by the tape of the run."""

    def __init__(self, bodies: Bodies, foreign: Foreigners, make_way: Callable[[Tape], Way], clock: Callable[[], float]) -> None:
        self._bodies, self._foreign, self._make_way, self._clock = bodies, foreign, make_way, clock

    def complete(self, context: Context, tape: Tape, connection: object, result: object) -> Awaitable[None]:
        """Write the completion now, or return what writes it when awaited: on an event loop nobody may wait in any other way."""
        body = self._bodies.find(context.task)
        if not isinstance(body, Body) or tape.is_over or context.error is not None:
            raise Conflict("only a body that runs can complete its run: not a hook, and not what it left behind")
        caller = adopt(connection)
        text = None if result is None else body.dump(result)
        if caller.is_async or (body.is_async and _has_loop()):
            return self._later(context, tape, caller, text)
        promise, ran_ms = self._make_way(tape)
        completion = self._completion(context, text, ran_ms, promise.result())
        FAULT("child_before_complete")
        at_once(self._foreign.complete(caller, completion))
        FAULT("child_after_complete")
        return Done()

    async def _later(self, context: Context, tape: Tape, caller: Caller, text: str | None) -> None:
        promise, ran_ms = self._make_way(tape)
        completion = self._completion(context, text, ran_ms, await asyncio.wrap_future(promise))
        FAULT("child_before_complete")
        await self._foreign.complete(caller, completion)
        FAULT("child_after_complete")

    def _completion(self, context: Context, text: str | None, ran_ms: float, told: Message) -> Completion:
        from mainspring.engine.recorder import entries_of  # late: children that complete nothing need no recorder

        return Completion(context.run_id, context.claim_id, ran_ms, text, entries_of(from_wire(told[2]), self._clock()))


def foreigners_of(home: Mapping[str, Any]) -> Foreigners:
    """Return the way into callers' transactions of a process that has no connection of ours, from what was told about the store."""
    return Foreigners(database_of(home), os.getpid() % SHARDS)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
