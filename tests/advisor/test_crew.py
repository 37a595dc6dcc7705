"""Processes that are asked for one share after the other, and what becomes of those that die."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import pytest

from mainspring.advisor import crew as crew_
from mainspring.advisor.crew import Crew, Share


class Counter:
    """Counts what it was asked for."""

    def __init__(self, start: int) -> None:
        self.at = start

    def add(self, items: Sequence[int]) -> int:
        self.at += sum(items)
        return self.at

    def set_to(self, at: int) -> None:
        self.at = at

    def double(self, items: Sequence[int]) -> list[int]:
        if 13 in items:
            os._exit(1)
        return [2 * each for each in items]

    def fail(self, items: Sequence[int]) -> int:
        raise ValueError(f"not {items[0]}")


def crew(jobs: int = 2) -> Crew[Counter]:
    return Crew(jobs, partial(Counter, 100))


def test_each_keeps_what_it_has_made_and_takes_its_own_shares_first() -> None:
    with crew() as both:
        done = list(both.do(Counter.add, [Share((1,), 0), Share((2,), 0), Share((10,), 1)]))
        assert sorted(tuple(share.items) for share, _, _ in done) == [(1,), (2,), (10,)]
        assert {number: answer for share, number, answer in done if share.items != (2,)} == {0: 101, 1: 110}


def test_what_all_are_told_those_know_that_come_later() -> None:
    with crew(1) as one:
        one.tell(partial(Counter.set_to, at=7))
        assert [answer for _, _, answer in one.do(Counter.double, [Share((13,))])] == [None]
        assert [answer for _, _, answer in one.do(Counter.add, [Share((1,))])] == [8]


def test_of_many_items_only_the_one_that_kills_is_not_done() -> None:
    with crew() as both:
        done = {share.items: answer for share, _, answer in both.do(Counter.double, [Share((1, 2)), Share((12, 13, 14)), Share((3,))])}
    assert done == {(1, 2): [2, 4], (3,): [6], (12,): [24], (13,): None, (14,): [28]}


def test_where_all_die_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_, "MOST_DEATHS", 2)
    with crew() as both:
        done = list(both.do(Counter.double, [Share((13,)) for _ in range(5)]))
    assert [answer for _, _, answer in done] == [None] * 5


def test_an_error_is_raised_by_whoever_asked() -> None:
    with crew() as both, pytest.raises(RuntimeError, match="ValueError: not 3"):
        list(both.do(Counter.fail, [Share((3,))]))


def test_nothing_is_left_running() -> None:
    with crew() as both:
        running = [process for process, _ in both._running.values()]
        list(both.do(Counter.double, [Share((1,))]))
    assert [process.exitcode for process in running] == [0, 0]


def test_processes_that_begin_anew_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with crew(1) as one:
        assert [answer for _, _, answer in one.do(Counter.add, [Share((1,)), Share((2,))])] == [101, 103]
