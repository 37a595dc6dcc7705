"""The pipe: how code inside a child enqueues. The engine does it and answers: a child knows no store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import Any, NoReturn

from mainspring.core import errors
from mainspring.core.dedupe import How
from mainspring.core.errors import AlreadyEnqueued, InvalidParams, MainspringError, NoActiveApp, NotHere
from mainspring.core.event import Event
from mainspring.core.file import Artifact, File
from mainspring.core.handle import RunHandle
from mainspring.core.run import Run
from mainspring.core.task import Bound, CallOptions, Task
from mainspring.engine.capture import Tape
from mainspring.engine.frames import Message, pack_call
from mainspring.telemetry.tracing import headers

Answer = Message  # ["told", number, run id, is_new, error code, error message, how, state of the run in the way]


class Pipe:
    """What ``task.enqueue`` and ``app.enqueue`` find in a child. ``ask`` sends a message and promises its answer."""

    def __init__(self, owner: Callable[[], Tape | None], ask: Callable[[int, list[Any]], Future[Answer]]) -> None:
        self._owner, self._ask = owner, ask

    async def enqueue(self, task: Any, /, *args: Any, **kwargs: Any) -> RunHandle[Any]:
        """Enqueue a task or a task with options, and return the run's handle."""
        promise, bare = self._request(task, args, kwargs)
        return _handle(bare, await asyncio.wrap_future(promise))

    def enqueue_blocking(self, task: Any, /, *args: Any, **kwargs: Any) -> RunHandle[Any]:
        """Enqueue from a ``def`` body or a thread; raises `NotHere` on an event loop, which it would block."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            promise, bare = self._request(task, args, kwargs)
            return _handle(bare, promise.result())
        raise NotHere("a blocking enqueue would hold the event loop and with it every other body: await task.enqueue(...)")

    def _request(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Future[Answer], Task[..., Any]]:
        call, bare = (task.call, task.task) if isinstance(task, Bound) else (CallOptions(), task)
        if not isinstance(bare, Task):
            raise TypeError(f"enqueue needs a task, this is {type(bare).__name__}: decorate the function with @task")
        if getattr(call, "connection", None) is not None:
            raise NotHere(
                f"{bare.name} cannot be enqueued on a connection by the engine, which does not have it: call "
                f"app.enqueue({bare.name}.options(connection=…)) with your app, which does it here"
            )
        tape = self._owner()
        if tape is None or tape.is_over:
            raise NoActiveApp(f"{bare.name} cannot be enqueued outside a run: an executor child enqueues for its runs")
        params, packed = bare.params.dump(args, kwargs), pack_call(call)
        if tape.mask is not None and (tape.mask.has(params) or tape.mask.has(str(packed))):
            raise InvalidParams(f"{bare.name} is not enqueued: the call holds the value of a secret of this run; hand over the reference")
        return self._ask(tape.serial, [bare.name, params, packed, headers()]), bare


def _handle(task: Task[..., Any], answer: Answer) -> RunHandle[Any]:
    _, _, run_id, is_new, code, message, how, state = answer
    if code == AlreadyEnqueued.code:
        raise AlreadyEnqueued(message, run_id=run_id, state=state)
    if run_id is None:
        raise _error_of(code)(message)
    return RunHandle(_Nobody(task.name), run_id, task.result, is_new, None if how is None else How(how))


def _error_of(code: str | None) -> type[MainspringError]:
    """Return the error class with a code, so that a body can tell an unknown task from an unreachable store."""
    return next((each for each in _family(errors.MainspringError) if each.code == code), MainspringError)


def _family(kind: type[MainspringError]) -> Iterator[type[MainspringError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _family(each)


class _Nobody:
    """Whom a handle in a child asks about its run: nobody. Says so, with the remedy."""

    def __init__(self, task: str) -> None:
        self._task = task

    def _refuse(self) -> NoReturn:
        raise NotHere(
            f"a body cannot wait for the run of {self._task} that it enqueued: it would hold its own slot meanwhile, and bodies that wait "
            "for each other's slots wait for ever. Let that run enqueue what is to follow it, or keep the handle's id: return it, and read "
            "the result where the app is"
        )

    async def read_run(self, run_id: str) -> Run:
        self._refuse()

    async def wait_for(self, run_id: str, timeout: float | None) -> Run:
        self._refuse()

    def follow(self, run_id: str, after: int) -> AsyncIterator[Event]:
        self._refuse()

    async def cancel(self, run_id: str, *, reason: str | None = None) -> str:
        self._refuse()

    async def artifacts(self, run_id: str) -> list[Artifact]:
        self._refuse()

    def place(self, file: File) -> None:
        self._refuse()
