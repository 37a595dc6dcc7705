"""The nursery: where executor children come from, with one warm spare, so that a new one is there when it is needed.

On Linux they are forked from a template, elsewhere spawned; both are told apart here and nowhere else. What hinders a
start (a module that cannot be imported, a hook that fails) is kept as a sentence in ``problem`` and tried again later.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mainspring.core.task import Task
from mainspring.engine.frames import Channel, Message
from mainspring.engine.keyring import environment_of_children
from mainspring.engine.loop import log
from mainspring.engine.page import Page
from mainspring.engine.template import MESSAGE

_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before a start is tried again; long enough not to burn a core
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Plan:
    """What children need to know of the application: its tasks, and the hooks that make a process ready for them.

    Hooks are ``module:function``. ``before_import`` runs where the tasks are imported (``django:setup``), ``hooks`` in
    every child (a client that must not be shared between processes).
    """

    tasks: tuple[tuple[str, str, str], ...]  # name, module, qualified name
    hooks: tuple[str, ...] = ()
    before_import: tuple[str, ...] = ()

    @classmethod
    def of(cls, tasks: Iterable[Task[..., Any]], *, hooks: Iterable[str] = (), before_import: Iterable[str] = ()) -> Plan:
        """Return the plan for the tasks that another process can import."""
        wanted = sorted((each.name, each.spec.source.module, each.spec.source.qualname) for each in tasks)
        return cls(tuple(wanted), tuple(hooks), tuple(before_import))

    def as_json(self, **more: object) -> bytes:
        """Return the plan as a line for another process."""
        plan = {"tasks": self.tasks, "hooks": self.hooks, "before_import": self.before_import}
        return json.dumps(plan | {"path": sys.path, "argv": sys.argv} | more).encode()


class Child:
    """A child process that is ready and waits to be told what to be."""

    def __init__(self, nursery: Nursery, token: int, channel: Channel, page: Page) -> None:
        self._nursery, self.token, self.channel, self.page = nursery, token, channel, page
        self.pid = 0
        self.exited: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()  # None: nobody saw how

    def signal(self, number: int) -> None:
        """Send it a signal; does nothing when it has gone. SIGKILL reaches its whole process group."""
        if not self.exited.done():
            self._nursery.send_signal(self.token, number)

    def kill(self) -> None:
        """End it now, and whatever its bodies started."""
        self.signal(KILL)


class Nursery:
    """Hands out children. ``take`` waits until one is ready; a new spare is begun at once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.problem: str | None = None
        self.has_settled = asyncio.Event()  # the first child is ready, or it is known why there is none
        self._tokens = itertools.count(1)
        self._children: dict[int, Child] = {}
        self._unborn: dict[int, Child] = {}
        self._spares: deque[Child] = deque()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._failures = 0
        self._retry: asyncio.TimerHandle | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._users = 0

    async def start(self) -> None:
        """Begin to rear; returns when the first child is ready or ``problem`` says why there is none.

        Several pools share a nursery: it stops when as many have stopped it as have started it.
        """
        self._users += 1
        self._is_open = True
        self._rear()
        await self.has_settled.wait()

    async def take(self) -> Child:
        """Return a child that is ready; waits as long as there is none. Raises `RuntimeError` after the end."""
        if not self._is_open:
            raise RuntimeError("the nursery is closed")
        while self._spares:
            child = self._spares.popleft()
            if not child.channel.is_closed:
                self._rear()
                return child
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._rear()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # it came in the same moment: it is the next one's
                self._offer(waiter.result())
            raise

    async def stop(self) -> None:
        """End everything that is still here, when nobody uses it any more; returns when it is gone."""
        self._users -= 1
        if self._users > 0:
            return
        self._is_open = False
        if self._retry is not None:
            self._retry.cancel()
        for waiter in self._waiting:
            waiter.cancel()
        children = [*self._children.values()]
        for child in children:
            child.kill()
        if gone := [child.exited for child in children if not child.exited.done()]:
            await asyncio.wait(gone, timeout=5)
        await self._close()
        for child in children:
            child.channel.close()
        for job in list(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def send_signal(self, token: int, number: int) -> None:
        """Send a signal to a child."""
        raise NotImplementedError

    # -- how the kinds of nursery differ

    def _is_ready_to_bear(self) -> bool:
        return True

    def _bear(self, child: Child, sock: socket.socket) -> None:
        """Start a process with this end of the socket and the child's page."""
        raise NotImplementedError

    async def _close(self) -> None:
        """Let go of what bears children."""

    # -- rearing

    def _rear(self) -> None:
        """Begin as many children as somebody waits for, and one spare."""
        if not self._is_open or self._retry is not None or not self._is_ready_to_bear():
            return
        while len(self._spares) + len(self._unborn) < len(self._waiting) + 1:
            ours, theirs = socket.socketpair()
            token, page = next(self._tokens), Page.create()
            child = Child(self, token, Channel(), page)
            self._unborn[token] = self._children[token] = child
            try:
                self._bear(child, theirs)
            except OSError as error:
                self._exit(token, None)
                self._fail(f"no executor can be started: {error}")
                ours.close()
                return
            finally:
                theirs.close()
                page.close_file()
            self._spawn_job(self._meet(child, ours))

    async def _meet(self, child: Child, sock: socket.socket) -> None:
        child.channel = await Channel.over(sock)
        child.channel.listen(lambda message: self._hear(child, message), lambda: self._miss(child))

    def _hear(self, child: Child, message: Message) -> None:
        match message:
            case ["ready", pid]:
                child.pid = pid
                self.problem, self._failures = None, 0
                self._unborn.pop(child.token, None)
                self._offer(child)
                self.has_settled.set()
            case ["broken", problem]:
                self._unborn.pop(child.token, None)
                self._fail(problem)

    def _miss(self, child: Child) -> None:
        """Notice that a child has gone before anybody took it."""
        if self._unborn.pop(child.token, None) is not None:
            self._fail("an executor ended while it was being started")
        elif child in self._spares:
            self._spares.remove(child)
            self._rear()

    def _offer(self, child: Child) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(child)
                return
        self._spares.append(child)

    def _fail(self, problem: str) -> None:
        if not self._is_open:
            return
        if problem != self.problem:  # told once, however often it is tried again
            log.error("executors cannot start: %s", problem)
        self.problem = problem
        self.has_settled.set()
        if self._retry is None:
            pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._failures += 1
            self._retry = asyncio.get_running_loop().call_later(pause, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._rear()

    def _exit(self, token: int, status: int | None) -> None:
        child = self._children.pop(token, None)
        if child is not None and not child.exited.done():
            child.exited.set_result(status)
        if self._unborn.pop(token, None) is not None:
            self._fail("an executor ended while it was being started")

    def _spawn_job(self, work: Any) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)


class TemplateNursery(Nursery):
    """Children are forked from a template that has imported everything (Linux)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._has_imported = False

    def send_signal(self, token: int, number: int) -> None:
        self._order(["signal", token, number])

    def _is_ready_to_bear(self) -> bool:
        if self._process is None:
            self._start_template()
        return self._has_imported

    def _bear(self, child: Child, sock: socket.socket) -> None:
        self._order(["fork", child.token], [sock.fileno(), child.page.fd])

    def _start_template(self) -> None:
        # SEQPACKET keeps messages apart, and its end is certain: the kernel closes it with the engine.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        plan = os.memfd_create("mainspring-plan")
        os.write(plan, self._plan.as_json())
        os.lseek(plan, 0, os.SEEK_SET)
        start = (
            f"import sys; sys.path[:] = {sys.path!r}; from mainspring.engine.template import main; "
            f"main({theirs.fileno()}, {plan}, {os.getpid()})"
        )
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
        try:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-c", start], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno(), plan],
                env=environment_of_children(),
            )  # fmt: skip
        finally:
            os.close(plan)
            theirs.close()
        ours.setblocking(False)
        self._control, self._has_imported = ours, False
        asyncio.get_running_loop().add_reader(ours.fileno(), self._listen)

    def _order(self, order: list[Any], fds: Iterable[int] = ()) -> None:
        if self._control is not None:
            with suppress(ConnectionError):
                socket.send_fds(self._control, [json.dumps(order).encode()], list(fds))

    def _listen(self) -> None:
        assert self._control is not None
        while True:
            try:
                data = self._control.recv(MESSAGE)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._lose_template()
                return
            match json.loads(data):
                case ["ready", _]:
                    self._has_imported = True
                    self._rear()
                case ["broken", problem]:
                    self._fail(problem)
                case ["exit", token, status]:
                    self._exit(token, status)

    def _lose_template(self) -> None:
        """Let everybody know that a template has gone, and with it its children; another one is begun after a pause."""
        self._drop_control()
        problem = self.problem or "the template process ended"
        for token in list(self._children):
            self._exit(token, None)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)
        self._process, self._has_imported = None, False
        self._fail(problem)

    def _drop_control(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None

    async def _close(self) -> None:
        self._drop_control()
        if self._process is not None:
            process, self._process = self._process, None
            try:
                await asyncio.to_thread(process.wait, 2)
            except subprocess.TimeoutExpired:  # an import that hangs
                process.kill()
                await asyncio.to_thread(process.wait)


class SpawnNursery(Nursery):
    """Every child is a fresh interpreter that imports the tasks itself (macOS, Windows)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def send_signal(self, token: int, number: int) -> None:
        process = self._processes.get(token)
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        if number == KILL and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)

    def _bear(self, child: Child, sock: socket.socket) -> None:
        posix = os.name == "posix"
        start = f"import sys; sys.path[:] = {sys.path!r}; from mainspring.engine.child import main; main()"
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
        process = subprocess.Popen(
            [sys.executable, *flags, "-c", start],
            stdin=subprocess.PIPE,
            pass_fds=[sock.fileno(), child.page.fd] if posix else (),
            env=environment_of_children(),
        )
        self._processes[child.token] = process
        where: dict[str, object] = {"parent": os.getpid(), "page": child.page.fd if posix else child.page.path}
        where |= {"socket": sock.fileno()} if posix else {"share": _share(sock, process.pid)}
        loop, plan = asyncio.get_running_loop(), self._plan.as_json(**where) + b"\n"
        threading.Thread(target=self._attend, args=(loop, child.token, process, plan), daemon=True).start()

    def _attend(self, loop: asyncio.AbstractEventLoop, token: int, process: subprocess.Popen[bytes], plan: bytes) -> None:
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write(plan)
            process.stdin.close()
        status = process.wait()
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(self._bury, token, status)

    def _bury(self, token: int, status: int) -> None:
        process = self._processes.pop(token, None)
        if process is not None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, KILL)  # what its bodies left behind
        self._exit(token, status)


def _share(sock: socket.socket, pid: int) -> str:
    shared: bytes = sock.share(pid)  # type: ignore[attr-defined,unused-ignore]  # Windows only
    return shared.hex()


def open_nursery(plan: Plan) -> Nursery:
    """Return the nursery that this system allows."""
    return TemplateNursery(plan) if sys.platform == "linux" else SpawnNursery(plan)
