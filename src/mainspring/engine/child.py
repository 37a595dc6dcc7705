"""The child: a process for user code. It is made ready before anybody knows what for, then told what it shall be.

Forked from the template on Linux, spawned elsewhere (``python -m mainspring.engine.child``). It leaves when the socket
to the engine closes, and dies with its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mainspring.core.task import Task
from mainspring.engine.attempt import take_apart
from mainspring.engine.faults import arm_from
from mainspring.engine.frames import Wire
from mainspring.engine.page import LEASE, Page
from mainspring.registry.module_form import has_form, task_of_module

LEASE_LOOK = 0.2  # seconds between looks of a leased child at its lease
BROKEN = 3  # the exit code of a child that could not be made ready


class StartProblem(Exception):
    """What hinders a child or the template: a sentence with the culprit's name."""


def import_tasks(wanted: Sequence[Sequence[str]]) -> dict[str, Task[Any, Any]]:
    """Return the tasks with the given names, modules and qualified names; raises `StartProblem` naming the module."""
    found: dict[str, Task[Any, Any]] = {}
    for name, module_name, qualname in wanted:
        try:
            task = _find(importlib.import_module(module_name), name, qualname)
        except BaseException as error:
            raise StartProblem(_told(f"the task module {module_name} cannot be imported", error)) from error
        if task is not None:
            found[name] = task
    return found


def warm_up(tasks: Mapping[str, Task[Any, Any]]) -> None:
    """Do once, before any fork, what every child would do otherwise: import the hosts and build the tasks' models."""
    for name in ("mainspring.engine.loop_host", "mainspring.engine.def_host", "uvloop"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for task in tasks.values():
        take_apart(task)


def _find(module: Any, name: str, qualname: str) -> Task[Any, Any] | None:
    held: Any = module
    for part in qualname.split("."):
        held = getattr(held, part, None)
    if isinstance(held, Task) and held.name == name:
        return held
    candidates = [each for each in list(vars(module).values()) if isinstance(each, Task) and each.name == name]
    if not candidates and has_form(module) and isinstance(made := task_of_module(module), Task) and made.name == name:
        return made
    return next(iter(candidates), None)


def call_hooks(hooks: Sequence[str]) -> None:
    """Call ``module:function`` hooks in order; raises `StartProblem` naming the hook."""
    for hook in hooks:
        try:
            module, _, function = hook.partition(":")
            getattr(importlib.import_module(module), function)()
        except BaseException as error:
            raise StartProblem(_told(f"the start hook {hook} failed", error)) from error


def _told(what: str, error: BaseException) -> str:
    last = traceback.format_exception_only(error)[-1].strip()
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<frozen")]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames and frames[-1].filename != __file__ else ""
    return f"{what}: {last[:2000]}{where}"


def serve(sock: socket.socket, page: Page, load: Callable[[], Mapping[str, Task[Any, Any]]], hooks: Sequence[str]) -> int:
    """Make this process ready, wait to be told what to be, and be it until the engine closes the socket."""
    wire = Wire(sock)
    arm_from(os.environ)
    _take_signals()
    try:
        call_hooks(hooks)
        tasks = load()
    except StartProblem as problem:
        wire.send(["broken", str(problem)])
        return BROKEN
    wire.send(["ready", os.getpid()])
    told = wire.receive()
    if told is None:
        return 0
    _, kind, options = told
    if options["leased"]:
        threading.Thread(target=_keep_lease, args=(page,), daemon=True, name="mainspring-lease").start()
    if kind == "async":
        from mainspring.engine.loop_host import serve_loop  # late: half of the children need no event loop

        serve_loop(wire, page, tasks, options)
    elif kind == "ask":
        from mainspring.engine.asking import serve_questions

        serve_questions(wire, tasks)
    else:
        from mainspring.engine.def_host import serve_defs

        serve_defs(wire, page, tasks, options)
    return 0


def _keep_lease(page: Page) -> None:
    """End this process, and what it has started, when the engine does not extend its lease: it is stopped, and others may take over."""
    cells = page.cells
    while True:
        until = cells[LEASE]
        if until and time.monotonic_ns() >= until:
            if hasattr(os, "killpg"):
                os.killpg(os.getpgid(0), signal.SIGKILL)
            os._exit(1)
        time.sleep(LEASE_LOOK)


def leave(code: int) -> None:
    """End this process: what hooks registered runs, nothing that the template registered does."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def forget_exit_functions() -> None:
    """Drop the exit functions that came with a fork: the temporary folders of the template are not ours to remove."""
    atexit._clear()


def _take_signals() -> None:
    """Leave stopping to the engine: Ctrl-C and a service manager's SIGTERM reach every process, and ours must drain.

    Functions, not SIG_IGN: that would be inherited by the programs that bodies start.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, _ignore)


def _ignore(number: int, frame: object) -> None:
    pass


def die_with_parent(parent: int, number: int) -> None:
    """Ask the kernel to send a signal when the parent goes, however it goes (Linux); leaves at once if it is gone."""
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, number)
    if os.getppid() != parent:
        os._exit(1)


def _watch_parent(parent: int) -> None:
    """Leave when the parent has gone: systems without a signal for it are asked each second."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main() -> None:
    """Be a spawned child: the plan comes by stdin, the socket and the page as that plan says."""
    plan = json.loads(sys.stdin.readline())
    sys.path[:] = plan["path"]
    sys.argv[:] = plan["argv"]
    sock = _socket_of(plan)
    page = Page.open(plan["page"]) if isinstance(plan["page"], str) else Page(plan["page"])
    if hasattr(os, "setsid"):
        os.setsid()
        os.dup2(2, 1)
        threading.Thread(target=_watch_parent, args=(plan["parent"],), daemon=True, name="mainspring-parent").start()
    sys.stdin.close()
    sys.stdin = open(os.devnull)  # noqa: SIM115 - open as long as the process

    def load() -> Mapping[str, Task[Any, Any]]:
        call_hooks(plan["before_import"])
        return import_tasks(plan["tasks"])

    leave(serve(sock, page, load, plan["hooks"]))


def _socket_of(plan: Mapping[str, Any]) -> socket.socket:
    if "share" in plan:  # Windows hands sockets over as a description
        return socket.fromshare(bytes.fromhex(plan["share"]))  # type: ignore[attr-defined,no-any-return,unused-ignore]
    return socket.socket(fileno=plan["socket"])


if __name__ == "__main__":
    main()
