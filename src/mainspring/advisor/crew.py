"""Processes that keep what they have made, and are asked for one small share of the work after the other.

Whoever is done first takes the next share, of its own where it has any. One that dies is replaced, and the items that it was busy with are
given out one by one: what kills a process is alone in not being done.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from mainspring.advisor.record import record

MOST_DEATHS = 100  # then it is not what they were asked for

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


@record(frozen=True, slots=True)
class Share(Generic[T]):
    """What one process is asked for at a time. ``owner``: the number of the one that is best at it, if any is."""

    items: Sequence[T]
    owner: int = -1


@record(frozen=True, slots=True)
class _Failed:
    """What an error in a process was: it is raised in the one that asked."""

    error: Exception


class Crew(Generic[S]):
    """Some processes, each with what ``make`` gives it."""

    def __init__(self, jobs: int, make: Callable[[], S]) -> None:
        self._make = make
        self._told: list[Callable[[S], object]] = []
        self._deaths = 0
        self._running: dict[int, tuple[BaseProcess, Connection]] = {}
        for number in range(jobs):
            self._start(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process, connection in self._running.values():
            connection.close()
            if kind is not None:
                process.terminate()
        for process, _ in self._running.values():
            process.join()

    def tell(self, say: Callable[[S], object]) -> None:
        """Have every process do something, also those that are started later."""
        self._told.append(say)
        told = [number for number in list(self._running) if self._send(number, _Told(say), ())]
        for number in told:  # all of them are at it by now
            try:
                self._receive(number)
            except EOFError:
                self._replace(number)

    def do(self, ask: Callable[[S, Sequence[T]], R], shares: Sequence[Share[T]]) -> Iterator[tuple[Share[T], int, R | None]]:
        """Yield shares as they are done, by which process, and what it answered: None where it died of a single item."""
        left = list(shares)
        busy: dict[int, Share[T]] = {}
        while left or busy:
            for number in self._running.keys() - busy.keys() if left else ():
                if not left:
                    break
                share = left.pop(_best(left, number))
                busy[number] = share
                self._send(number, ask, share.items)
            if not busy:  # nobody is there any more
                yield from ((share, -1, None) for share in left)
                return
            connections = {self._running[number][1]: number for number in busy}
            for ready in wait(list(connections)):
                number = connections[cast("Connection", ready)]
                share = busy.pop(number)
                try:
                    yield share, number, cast("R", self._receive(number))
                except EOFError:
                    self._replace(number)
                    if len(share.items) > 1:
                        left += [Share((item,)) for item in share.items]
                    else:
                        yield share, number, None

    def _send(self, number: int, ask: Callable[[S, Sequence[T]], R], items: Sequence[T]) -> bool:
        try:
            self._running[number][1].send((ask, items))
        except (BrokenPipeError, ConnectionResetError):
            return False  # that it is dead is seen when its answer is waited for
        return True

    def _receive(self, number: int) -> object:
        """Return what a process answers; raises `EOFError` where it has died."""
        try:
            answer = self._running[number][1].recv()
        except OSError:
            raise EOFError from None
        if isinstance(answer, _Failed):
            raise answer.error
        return answer

    def _replace(self, number: int) -> None:
        process, connection = self._running.pop(number)
        connection.close()
        process.join()
        self._deaths += 1
        if self._deaths < MOST_DEATHS:
            self._start(number)
            for say in self._told:
                if self._send(number, _Told(say), ()):
                    with contextlib.suppress(EOFError):  # it is seen when it is asked the next time
                        self._receive(number)

    def _start(self, number: int) -> None:
        """Start a process: by a fork where nothing can be torn apart by it, since that is many times quicker."""
        can_fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
        context = multiprocessing.get_context("fork") if can_fork else multiprocessing.get_context("spawn")
        mine, its = context.Pipe()
        others = [mine, *(connection for _, connection in self._running.values())] if can_fork else []
        process = context.Process(target=_serve, args=(self._make, its, others), daemon=True)
        process.start()
        its.close()
        self._running[number] = process, mine


@record(frozen=True, slots=True)
class _Told(Generic[S]):
    """Something to be done without any items."""

    say: Callable[[S], object]

    def __call__(self, made: S, items: Sequence[object]) -> None:
        self.say(made)


def _best(left: Sequence[Share[T]], number: int) -> int:
    """Return which share a process should take: its own, else nobody's, else the last one of somebody who has not come to it yet."""
    for owner in (number, -1):
        for at, share in enumerate(left):
            if share.owner == owner:
                return at
    return len(left) - 1


def _serve(make: Callable[[], S], connection: Connection, others: Sequence[Connection]) -> None:
    """Answer until nobody asks any more."""
    for each in others:  # a fork has the other ends as well, and would never see that they are closed
        each.close()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        made = make()
        while True:
            ask, items = connection.recv()
            try:
                answer: object = ask(made, items)
            except Exception as error:  # noqa: BLE001 - it belongs to the one that asked, whatever it is
                answer = _Failed(RuntimeError(f"{type(error).__name__}: {error}"))
            connection.send(answer)
