"""Providing: how functions of the user are called around a body, and how what it depends on is opened before it and closed after.

One pipeline serves both kinds of bodies. Around an ``async def`` everything is called on its loop; around a ``def`` there is none, so what
has to be awaited runs on a loop beside, in a thread that exists for as long as it is needed.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Protocol, TypeVar

from mainspring.core.context import Context
from mainspring.core.depends import Call, Kind, Need, Provider, standing_in
from mainspring.engine.blame import said_by

T = TypeVar("T")
Exit = Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], Any]


class Caller(Protocol):
    """Calls a function of the user and waits for what it gives, if that has to be waited for."""

    async def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what the function gives, awaited where it is awaitable."""


async def call_here(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call on the loop that runs here."""
    value = function(*args, **kwargs)
    return await value if inspect.isawaitable(value) else value


class CallBeside:
    """Calls on this thread, and awaits on a loop of its own beside. Close it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        return self._wait(value) if inspect.isawaitable(value) else value

    def _wait(self, work: Awaitable[T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="mainspring-beside")
            self._thread.start()
        promise = asyncio.run_coroutine_threadsafe(_awaited(work), self._loop)
        try:
            return promise.result()
        except BaseException:  # also what is raised here from outside: the body is to stop
            promise.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread, where they were needed."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def _end_all() -> None:
    """Cancel what is left, so that nothing of one attempt outlives it."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a pipeline whose caller never suspends (`CallBeside`) to its end, on this thread."""
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise RuntimeError("the pipeline of a def body awaited on its own thread")


class Provided:
    """What an attempt depends on: opened once each, closed in the opposite order."""

    def __init__(self, context: Context, call: Caller) -> None:
        self._context, self.call = context, call
        self._values: dict[Callable[..., Any], Any] = {}
        self._exits: list[tuple[str, Exit]] = []

    async def fill(self, needs: Sequence[Need]) -> dict[str, Any]:
        """Return the values of parameters by name; raises whatever a provider raises."""
        return {need.parameter: await self._give(need.provider) for need in needs}

    async def _give(self, wanted: Provider) -> Any:
        provider = standing_in(wanted)
        function = provider.function
        if function not in self._values:
            own = await self.fill(provider.needs)
            self._values[function] = await self._open(provider, (self._context,) if provider.takes_context else (), own)
        return self._values[function]

    async def _open(self, provider: Provider, args: tuple[Any, ...], own: Mapping[str, Any]) -> Any:
        function = provider.function
        match provider.kind:
            case Kind.GENERATOR:
                opened = contextmanager(function)(*args, **own)
                value = await self.call(opened.__enter__)
                self._exits.append((function.__qualname__, opened.__exit__))
                return value
            case Kind.ASYNC_GENERATOR:
                awaited = asynccontextmanager(function)(*args, **own)
                value = await self.call(awaited.__aenter__)
                self._exits.append((function.__qualname__, awaited.__aexit__))
                return value
            case Kind.VALUE | Kind.COROUTINE:
                return await self.call(function, *args, **own)

    async def close(self, error: BaseException | None) -> BaseException | None:
        """Let every provider clean up, the last one first; each sees the error that the body ended with.

        Returns the error that a provider raised while cleaning up, if one did: the first, the others are logged. The body's own error
        cannot be swallowed by a provider.
        """
        trouble: BaseException | None = None
        while self._exits:
            name, leave = self._exits.pop()
            seen = error or trouble
            try:
                await self.call(leave, None if seen is None else type(seen), seen, None if seen is None else seen.__traceback__)
            except BaseException as raised:  # noqa: BLE001 - the attempt's call into user code
                if raised is seen:
                    continue
                if seen is not None:
                    said = f"{name} could not clean up: {type(raised).__name__}: {said_by(raised)}"
                    self._context.log(said, level="warning")
                else:
                    trouble = raised
        return trouble


async def call_planned(plan: Call, context: Context, arguments: Mapping[str, Any], provided: Provided) -> Any:
    """Call a hook as planned and return what it gives."""
    given = plan.chosen(arguments) | await provided.fill(plan.needs)
    return await provided.call(plan.function, *((context,) if plan.takes_context else ()), **given)
