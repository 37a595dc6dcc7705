"""The verbs of an app for callers without an event loop: one thread, a loop of its own, and the app's twin open in it."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from mainspring.app.app import App
from mainspring.app.enqueuer import Enqueuer, accepted, connection_of, lane_of
from mainspring.core import active
from mainspring.core.errors import ConfigurationError
from mainspring.core.handle import RunHandle
from mainspring.core.run import Added, Attempt, NewRun, Run
from mainspring.core.status import TaskStatus
from mainspring.core.task import Bound, Task
from mainspring.engine.faults import FAULT
from mainspring.telemetry.tracing import submitting

if TYPE_CHECKING:
    from mainspring.core.file import Artifact, File, FileLimit
    from mainspring.core.pulse import PulseReport
    from mainspring.store.file_store import Source

P = ParamSpec("P")
R = TypeVar("R")


class Blocking:
    """The verbs for callers without an event loop: Flask and Django views, scripts.

    They run on one thread of this app with a loop of its own, which starts with the first call.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._twin: App | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def enqueue(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R]:
        """Add a run and return its handle; see `Mainspring.enqueue`. The handle's own methods need a loop: use `result` here.

        With ``connection=`` the statement runs on this very thread, on that connection.
        """
        enqueuer = self._other()._enqueuer
        if (connection := connection_of(task)) is not None:
            run, definition = enqueuer.prepare_within(task, args, kwargs)
            [added] = self._add_within(enqueuer, [_checked_here(run, definition)], definition, connection)
            return enqueuer.handle(accepted(run, added), definition)
        enqueuer.warn_if_open(task)
        if (pipe := active.child_pipe()) is not None:
            return cast("RunHandle[R]", self._do(pipe.enqueue(task, *args, **kwargs)))
        return self._do(enqueuer.enqueue(task, args, kwargs))

    def enqueue_many(self, task: Task[P, R] | Bound[P, R], params: Iterable[Mapping[str, Any]], /) -> list[RunHandle[R]]:
        """Add many runs of one task; see `Mainspring.enqueue_many`, and `enqueue` for ``connection=``."""
        given, enqueuer = list(params), self._other()._enqueuer
        if not given:
            return []
        if (connection := connection_of(task)) is not None:
            prepared = [enqueuer.prepare_within(task, (), each) for each in given]
            definition = prepared[0][1]
            added = self._add_within(enqueuer, [_checked_here(run, definition) for run, _ in prepared], definition, connection)
            return [enqueuer.handle(each, definition) for each in added]
        enqueuer.warn_if_open(task)
        return self._do(enqueuer.enqueue_many(task, given))

    def poke(self) -> None:
        """Let every worker look for runs now; see `Mainspring.poke`."""
        self._do(self._other().poke())

    def _add_within(self, enqueuer: Enqueuer, runs: Sequence[NewRun], task: Task[..., Any], connection: object) -> list[Added]:
        """Add on the caller's connection and thread. What is asked beforehand of our own goes by the other thread, the statement never."""
        from mainspring.engine.within import hint_behind
        from mainspring.store.caller import at_once
        from mainspring.store.foreign import adopt

        caller = adopt(connection)
        if caller.is_async:
            raise ConfigurationError(f"{caller.title} needs an event loop, which app.blocking has not: 'await app.enqueue(...)' instead")
        if active.child_pipe() is not None:
            return at_once(enqueuer.add_in_child(runs, task, caller))
        held = self._do(enqueuer.opened_for(task))
        foreign = held.store.foreign

        async def learn() -> str:
            return self._do(foreign.learn())

        with submitting(runs) as runs:
            added = at_once(foreign.add(caller, runs, learn))
        FAULT("after_enqueue_within")
        hint_behind(caller, held.loop, held.bus, lane_of(runs[0]))
        return added

    def put_file(
        self, source: Source, *, name: str | None = None, media_type: str | None = None, limit: FileLimit | None = None,
        tenant: str | None = None,
    ) -> File:  # fmt: skip
        """Store a file and return its handle; see `Files.put`."""
        return self._do(self._other().files.put(source, name=name, media_type=media_type, limit=limit, tenant=tenant))

    def artifacts(self, run_id: str) -> list[Artifact]:
        """Return the files that a run has left behind; see `Mainspring.artifacts`."""
        return self._do(self._other().artifacts(run_id))

    def run(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a task the durable way and wait for its result; see `Mainspring.run`."""
        return self._do(self._other().run(task, *args, **kwargs))

    def result(self, handle: RunHandle[R], timeout: float | None = None) -> R:
        """Wait for a run's end and return its typed result; see `RunHandle.result`."""
        return self._do(handle.result(timeout))

    def status(self, run_id: str) -> Run:
        """Return a run as it is now."""
        return self._do(self._other().read_run(run_id))

    def attempts(self, run_id: str) -> list[Attempt]:
        """Return the finished tries of a run; see `Mainspring.attempts`."""
        return self._do(self._other().attempts(run_id))

    def progress(self, run_id: str) -> dict[str, Any] | None:
        """Return the latest progress of a run, or None where its body reported none; see `RunHandle.progress`."""
        found = self.status(run_id).progress
        return None if found is None else dict(found)

    def task_status(self, name: str) -> TaskStatus:
        """Return what the runs of a task are doing now; see `Mainspring.task_status`."""
        return self._do(self._other().task_status(name))

    def is_running(self, name: str) -> bool:
        """Tell whether a run of a task is being carried out now; see `Mainspring.is_running`."""
        return self._do(self._other().is_running(name))

    def running(self) -> list[str]:
        """Return the names of the tasks of which runs are being carried out now; see `Mainspring.running`."""
        return self._do(self._other().running())

    def cancel(self, run_id: str, *, reason: str | None = None) -> str:
        """Ask a run to stop; see `Mainspring.cancel`."""
        return self._do(self._other().cancel(run_id, reason=reason))

    def pulse(
        self, *, budget: timedelta | str | None = None, dry_run: bool = False, only: Sequence[str] = (), force: Sequence[str] = (),
        source: str = "api",
    ) -> PulseReport:  # fmt: skip
        """Do what a runner does, once and within a budget; see `Mainspring.pulse`."""
        return self._do(self._other().pulse(budget=budget, dry_run=dry_run, only=only, force=force, source=source))

    def do(self, work: Callable[[App], Awaitable[R]]) -> R:
        """Do asynchronous work on this face's thread, with the app that is open there; for faces without an event loop."""
        return self._do(work(self._other()))

    def close(self) -> None:
        """End the thread. The next call starts another."""
        with self._lock:
            loop, thread, twin = self._loop, self._thread, self._twin
            self._loop = self._thread = self._twin = None
        if loop is None or thread is None or twin is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(twin.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _other(self) -> App:
        """Return the app's twin, whose store is opened in the thread's loop."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._twin = self._app._make_twin()
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                self._thread = threading.Thread(target=self._loop.run_forever, name="mainspring-blocking", daemon=True)
                self._thread.start()
            assert self._twin is not None
            return self._twin

    def _do(self, work: Awaitable[R]) -> R:
        """Have the loop's thread do some work in the caller's context, in which for instance a span is open."""
        assert self._loop is not None
        context = contextvars.copy_context()
        return asyncio.run_coroutine_threadsafe(_in_context(work, context), self._loop).result()


def _checked_here(run: NewRun, task: Task[..., Any]) -> NewRun:
    """Ask the task's ``validate`` on this very thread, where the caller's transaction is; see `Enqueuer.checked`."""
    if task.hooks.validate is None:
        return run
    from mainspring.engine.attempt import check_new_here

    return check_new_here(run, task)


async def _in_context(work: Awaitable[R], context: contextvars.Context) -> R:
    return await asyncio.create_task(_awaited(work), context=context)


async def _awaited(work: Awaitable[R]) -> R:
    return await work
