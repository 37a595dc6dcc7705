"""Serving: the body of a service with what belongs around it, inside its executor. The attempt calls it in place of the task's function.

Whoever cancels the attempt asks the service to stop: its token fires, ``on_shutdown`` is called once, and the body has its time to return
before it is interrupted. Beside the body its probe is asked; what it answers leaves as a record, like a log line.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing, suppress
from typing import Any, cast

from mainspring.core.context import Context, enter_run
from mainspring.core.depends import Call
from mainspring.core.service import Service
from mainspring.engine.blame import said_by, shorten
from mainspring.engine.capture import Tape
from mainspring.engine.provide import CallBeside, Caller, Provided, call_here, call_planned, drive

LAST = 2.0  # seconds for a body that was interrupted; the engine's force follows
_LOOK = 0.05  # seconds between looks of the attendant of a def body
_LONGEST = 1000  # characters of what a probe says


def body_of(service: Service[..., Any]) -> Callable[..., Any]:
    """Return the body as the attempt calls it: with the context first, whether the function takes it or not."""
    if service.spec.is_async:

        async def serve(context: Context, **own: Any) -> Any:
            return await _serve(service, context, own)

        return serve

    def serve_def(context: Context, **own: Any) -> Any:
        return _serve_def(service, context, own)

    return serve_def


def _call(service: Service[..., Any], context: Context, own: dict[str, Any]) -> Any:
    return service.fn(context, **own) if service.spec.takes_context else service.fn(**own)


# -- async def


async def _serve(service: Service[..., Any], context: Context, own: dict[str, Any]) -> Any:
    loop = asyncio.get_running_loop()
    body = loop.create_task(_as_coroutine(_call(service, context, own)), name=service.name)
    probing = None if service.probe is None else loop.create_task(_probe_for_ever(service, context), name=f"{service.name} probe")
    try:
        await _over(body, context)
        if context.stopping:
            await _wind_down(service, context, body)
    finally:
        if probing is not None:
            probing.cancel()
    return body.result()


async def _as_coroutine(work: Awaitable[Any]) -> Any:
    return await work


async def _over(body: asyncio.Task[Any], context: Context) -> None:
    """Wait for the end of the body, or until it is asked to stop."""
    try:
        await asyncio.wait({body})
    except asyncio.CancelledError:
        context.stop()
        if (me := asyncio.current_task()) is not None:
            me.uncancel()  # it is understood, and what follows may wait


async def _wind_down(service: Service[..., Any], context: Context, body: asyncio.Task[Any]) -> None:
    """Give the body its time to return, and ``on_shutdown`` too; then interrupt them. Asked once more, interrupt them now."""
    loop = asyncio.get_running_loop()
    works: set[asyncio.Task[Any]] = {body}
    if service.on_shutdown is not None:
        works.add(loop.create_task(_call_shutdown(service.on_shutdown, context, call_here), name=f"{service.name} on_shutdown"))
    with suppress(asyncio.CancelledError):
        _, works = await asyncio.wait(works, timeout=service.policy.stop_within.total_seconds())
    left = [work for work in works if not work.done()]
    if left:
        context.log(
            f"not over {service.policy.stop_within.total_seconds():g} s after it was asked to stop: it is interrupted", level="warning"
        )
    for work in left:
        work.cancel()
    while not body.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({body, *left}, timeout=LAST)
    if not body.cancelled() and (error := body.exception()) is not None:
        context.log(f"it ended with an error when it was asked to stop: {type(error).__name__}: {said_by(error)}", level="warning")


async def _call_shutdown(plan: Call, context: Context, call: Caller) -> None:
    try:
        await _call_hook(plan, context, call)
    except Exception as error:  # noqa: BLE001 - the call into a hook of the user
        context.log(f"on_shutdown failed: {type(error).__name__}: {said_by(error)}", level="warning")


async def _call_hook(plan: Call, context: Context, call: Caller) -> Any:
    provided, trouble = Provided(context, call), None
    try:
        return await call_planned(plan, context, {}, provided)
    except BaseException as error:
        trouble = error
        raise
    finally:
        await provided.close(trouble)


async def _probe_for_ever(service: Service[..., Any], context: Context) -> None:
    every, most = service.policy.probe_every.total_seconds(), service.policy.probe_timeout.total_seconds()
    while service.policy.ready_timeout is not None and not context.is_ready:
        await context.sleep(_LOOK)
    while True:
        await asyncio.sleep(every)
        clock, said = asyncio.get_running_loop().time, None
        began = clock()
        try:
            async with asyncio.timeout(most):
                is_ok = await _call_probe(service, context) is not False
        except TimeoutError:
            is_ok, said = False, f"no answer within {most:g} s"
        except Exception as error:  # noqa: BLE001 - the call into a hook of the user
            is_ok, said = False, f"{type(error).__name__}: {said_by(error)}"
        _answer(context, is_ok, (clock() - began) * 1000, said)


async def _call_probe(service: Service[..., Any], context: Context) -> Any:
    """Call the probe: a plain ``def`` in a thread, so that it may block."""
    plan = cast("Call", service.probe)

    async def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(*args, **kwargs)
        value = await asyncio.to_thread(function, *args, **kwargs)
        return await value if isinstance(value, Coroutine) else value

    return await _call_hook(plan, context, call)


def _answer(context: Context, is_ok: bool, ms: float, said: str | None) -> None:
    if isinstance(context.sink, Tape):
        context.sink.tell("probe", {"ok": is_ok, "ms": ms, "said": None if said is None else shorten(said, _LONGEST)})


# -- def


def _serve_def(service: Service[..., Any], context: Context, own: dict[str, Any]) -> Any:
    """Run the body on this thread; a second one attends to it, because nothing else runs here while it does."""
    over = threading.Event()
    attendant = threading.Thread(target=_attend, args=(service, context, over), daemon=True, name="mainspring-attendant")
    attendant.start()
    try:
        return _call(service, context, own)
    finally:
        over.set()
        attendant.join(service.policy.stop_within.total_seconds())


def _attend(service: Service[..., Any], context: Context, over: threading.Event) -> None:
    enter_run(context)
    every = service.policy.probe_every.total_seconds()
    next_at = time.monotonic() + every
    is_waiting = service.policy.ready_timeout is not None
    while not over.wait(_LOOK) and not context.stopping:
        if is_waiting:
            is_waiting, next_at = not context.is_ready, time.monotonic() + every
        elif service.probe is not None and time.monotonic() >= next_at:
            _probe_beside(service, context)
            next_at = time.monotonic() + every
    if context.stopping and service.on_shutdown is not None:
        with closing(CallBeside()) as beside:
            drive(_call_shutdown(service.on_shutdown, context, beside))


def _probe_beside(service: Service[..., Any], context: Context) -> None:
    """Ask the probe of a ``def`` body here; what takes too long is told when it is over, and the engine has missed it by then."""
    began, said, is_ok = time.monotonic(), None, False
    most = service.policy.probe_timeout.total_seconds()
    try:
        with closing(CallBeside()) as beside:
            is_ok = drive(_call_hook(cast("Call", service.probe), context, beside)) is not False
    except Exception as error:  # noqa: BLE001 - the call into a hook of the user
        said = f"{type(error).__name__}: {said_by(error)}"
    took = time.monotonic() - began
    if took > most:
        is_ok, said = False, f"no answer within {most:g} s"
    _answer(context, is_ok, took * 1000, said)
