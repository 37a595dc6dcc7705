"""The template: a process with one thread that imports the tasks once and forks children from then on (Linux).

A fork takes milliseconds where an import takes seconds, and the children share the imported code's memory. The template
is the children's parent: it reaps them, tells the engine how they ended, and takes what their bodies left behind along
(their process group). It runs nothing of the user's but imports and the hooks asked for before them.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
from typing import Any

from mainspring.core.task import Task
from mainspring.engine.child import (
    StartProblem,
    call_hooks,
    die_with_parent,
    forget_exit_functions,
    import_tasks,
    leave,
    serve,
    warm_up,
)
from mainspring.engine.page import Page

MESSAGE = 64 * 1024


class Template:
    """Imports, then forks what it is told to. Children are known by the token with which they were asked for."""

    def __init__(self, control: socket.socket, plan: dict[str, Any]) -> None:
        self._control, self._plan = control, plan
        self._tasks: dict[str, Task[Any, Any]] = {}
        self._children: dict[int, int] = {}  # token: pid
        self._wake_in, self._wake_out = socket.socketpair()

    def run(self) -> None:
        """Serve until the engine closes the control socket or dies."""
        self._catch_signals()
        try:
            call_hooks(self._plan["before_import"])
            self._tasks = import_tasks(self._plan["tasks"])
            warm_up(self._tasks)
        except StartProblem as problem:
            self._tell(["broken", str(problem)])
            return
        threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
        gc.collect()
        gc.freeze()  # children must not copy the imported objects only because their collector looked at them
        self._tell(["ready", threads])
        try:
            self._serve()
        finally:
            for pid in self._children.values():
                _kill(pid, signal.SIGKILL)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_in, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake_in.fileno():
                    with contextlib.suppress(BlockingIOError):
                        while self._wake_in.recv(4096):
                            pass
                    self._reap()
                elif not self._obey():
                    return

    def _obey(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, MESSAGE, 2, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return False
        match json.loads(data):
            case ["fork", token]:
                self._fork(token, *fds)
            case ["signal", token, number]:
                if (pid := self._children.get(token)) is not None:
                    _kill(pid, number)
        return True

    def _fork(self, token: int, sock_fd: int, page_fd: int) -> None:
        template = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_child(template, sock_fd, page_fd)
        self._children[token] = pid
        os.close(sock_fd)
        os.close(page_fd)

    def _be_child(self, template: int, sock_fd: int, page_fd: int) -> None:
        code = 1
        try:
            os.setsid()  # a group of its own: whatever its bodies start can be reached through it
            die_with_parent(template, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for sock in (self._control, self._wake_in, self._wake_out):
                sock.close()
            forget_exit_functions()
            page = Page(page_fd)
            page.close_file()
            code = serve(socket.socket(fileno=sock_fd), page, lambda: self._tasks, self._plan["hooks"])
        except BaseException:  # noqa: BLE001 - nothing of a child may run on into the template's loop
            sys.excepthook(*sys.exc_info())
        finally:
            leave(code)

    def _reap(self) -> None:
        for token, pid in list(self._children.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # Before it is reaped: as long as the dead child keeps its number, so does its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            del self._children[token]
            self._tell(["exit", token, os.waitstatus_to_exitcode(status)])

    def _tell(self, message: list[Any]) -> None:
        with contextlib.suppress(ConnectionError):
            self._control.send(json.dumps(message).encode()[:MESSAGE])

    def _catch_signals(self) -> None:
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        signal.set_wakeup_fd(self._wake_out.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM):  # meant for the engine, which drains first
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: self._perish())

    def _perish(self) -> None:
        """Follow a dead engine, children first."""
        for pid in self._children.values():
            _kill(pid, signal.SIGKILL)
        os._exit(1)


def _kill(pid: int, number: int) -> None:
    """Send a signal to a child; what ends it for good goes to its whole group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
    if number == signal.SIGKILL:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it may not have its own group yet
            os.killpg(pid, number)


def main(control_fd: int, plan_fd: int, engine: int) -> None:
    """Be the template of an engine."""
    with os.fdopen(plan_fd, "rb") as file:
        plan = json.load(file)
    os.dup2(2, 1)  # stdout belongs to the engine's command, which may be writing JSON there
    sys.argv[:] = plan["argv"]
    template = Template(socket.socket(fileno=control_fd), plan)
    die_with_parent(engine, signal.SIGHUP)
    template.run()
