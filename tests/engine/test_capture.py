"""Capture: whose line it is, what it looks like, and that a flood stays in its banks."""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mainspring.core.context import Context, enter_run, leave_run
from mainspring.core.context import log as say
from mainspring.engine.capture import LONGEST_DATA, LONGEST_LINE, PROGRESS_EVERY, Capture, Row, RunLog, Tape, Tapes


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A tape and a run that writes on it."""

    def __init__(self, most: int = 1000) -> None:
        self.clock = Clock()
        self.wakes = 0
        self.tapes = Tapes(self.clock, self._wake, most)
        self.tape = self.tapes.open(1)
        self.context = Context(run_id="r", task="t", attempt=1, claim_id="c", queue="default", tenant="", sink=self.tape)

    def _wake(self) -> None:
        self.wakes += 1

    def rows(self) -> list[Row]:
        return [row for _, rows in self.tapes.drain() for row in rows]

    def lines(self) -> list[str]:
        return [row[4] for row in self.rows()]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@contextmanager
def caught(desk: Desk) -> Iterator[Desk]:
    """Catch everything for a desk's run. No fixture: pytest puts its own streams back before it calls a test."""
    capture = Capture(level="info", is_child=True)
    capture.install()
    token = enter_run(desk.context)
    try:
        yield desk
    finally:
        leave_run(token)
        capture.uninstall()


@pytest.mark.scenario("S3-31")
class TestText:
    def test_percent_signs_stay(self, desk: Desk) -> None:
        with caught(desk) as captured:
            captured.context.log("100%")
            captured.context.log("100%s %d")
            logging.getLogger("shop").info("100%")
            print("100%")
            say("100%")
            assert captured.lines() == ["100%", "100%s %d", "100%", "100%", "100%"]

    def test_objects_are_kept_as_json(self, desk: Desk) -> None:
        held = {"rows": [1, 2]}
        desk.context.log(held, level="warning", when=desk.context)
        held["rows"].append(3)
        ((kind, at, level, stream, message, data),) = desk.rows()
        assert (kind, at, level, stream) == ("log", 100.0, "warning", "log")
        assert message == "{'rows': [1, 2]}"
        assert data is not None
        assert data["value"] == {"rows": [1, 2]}
        assert isinstance(data["when"], str)

    def test_object_that_cannot_be_shown(self, desk: Desk) -> None:
        class Shy:
            def __str__(self) -> str:
                raise RuntimeError("no")

        desk.context.log("look", shy=Shy())
        data = desk.rows()[0][5]
        assert data is not None
        assert list(data) == ["unreadable"]

    def test_huge_data_is_shortened(self, desk: Desk) -> None:
        desk.context.log("much", rows=list(range(100_000)))
        data = desk.rows()[0][5]
        assert data is not None
        assert len(data["shortened"]) < LONGEST_DATA + 100


class TestStreams:
    def test_each_stream_keeps_its_name(self, desk: Desk) -> None:
        with caught(desk) as captured:
            print("out")
            print("err", file=sys.stderr)
            logging.error("gone %s", "wrong")
            found = [(stream, level, message) for _, _, level, stream, message, _ in captured.rows()]
            assert found == [("stdout", "info", "out"), ("stderr", "warning", "err"), ("log", "error", "gone wrong")]

    def test_lines_are_put_together(self, desk: Desk) -> None:
        with caught(desk) as captured:
            print("a", end="")
            print("b", end="")
            assert captured.lines() == []
            print("c\nd\n\ne", end="")
            assert captured.lines() == ["abc", "d", ""]
            assert captured.tape.close() == [("log", 100.0, "info", "stdout", "e", None)]

    def test_long_line_is_cut_with_a_mark(self, desk: Desk) -> None:
        with caught(desk) as captured:
            for _ in range(10):
                sys.stdout.write("x" * LONGEST_LINE)
            sys.stdout.write("\n")
            (line,) = captured.lines()
            assert line.startswith("x" * LONGEST_LINE + "…")
            assert str(9 * LONGEST_LINE) in line

    def test_bytes_find_their_way(self, desk: Desk) -> None:
        with caught(desk) as captured:
            text = "grün\n".encode()
            sys.stdout.buffer.write(text[:3])
            sys.stdout.buffer.write(text[3:])
            assert captured.lines() == ["grün"]

    def test_outside_a_run_the_real_stream_is_written(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        real = io.StringIO()
        monkeypatch.setattr(sys, "stderr", real)
        capture = Capture(is_child=True)
        capture.install()
        try:
            print("nobody's")
            token = enter_run(desk.context)
            print("mine")
            desk.tape.close()
            print("too late")
            leave_run(token)
        finally:
            capture.uninstall()
        assert real.getvalue() == "nobody's\ntoo late\n"

    def test_installing_leaves_no_trace(self) -> None:
        before = sys.stdout, sys.stderr, list(logging.getLogger().handlers), logging.getLogger().level
        capture = Capture(is_child=True)
        capture.install()
        assert sys.stdout is not before[0]
        capture.uninstall()
        assert before == (sys.stdout, sys.stderr, list(logging.getLogger().handlers), logging.getLogger().level)

    @pytest.mark.scenario("S3-41", part="lines of eight threads are the run's, each whole")
    def test_threads_belong_to_the_run_that_starts_them(self, desk: Desk) -> None:
        with caught(desk) as captured:

            def talk(number: int) -> None:
                for line in range(100):
                    print(number, line)

            threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(captured.lines()) == sorted(f"{number} {line}" for number in range(8) for line in range(100))

    def test_logging_with_a_wrong_format_or_an_exception(self, desk: Desk) -> None:
        with caught(desk) as captured:
            wrong = logging.LogRecord("shop", logging.WARNING, "f.py", 1, "%d apples", ("many",), None)
            RunLog(Capture(), None).emit(wrong)  # by hand: pytest's own handler would raise
            try:
                raise KeyError("k")
            except KeyError:
                logging.exception("failed", extra={"order": 7})
            first, second = captured.rows()
            assert "%d apples" in first[4]
            assert second[5] is not None
            assert second[5]["order"] == 7
            assert "KeyError" in second[5]["exception"]

    def test_level_of_the_setting(self, desk: Desk) -> None:
        with caught(desk) as captured:
            logging.debug("too fine")
            assert captured.lines() == []


class TestBounds:
    def test_what_does_not_fit_is_counted(self) -> None:
        desk = Desk(most=10)
        for number in range(25):
            desk.context.log(f"line {number}")
        rows = desk.rows()
        assert [row[4] for row in rows[:-1]] == [f"line {number}" for number in range(10)]
        assert rows[-1][0] == "gap"
        assert rows[-1][5] == {"dropped": 15}

    def test_room_is_made_by_flushing(self) -> None:
        desk = Desk(most=2)
        for number in range(4):
            desk.context.log(f"line {number}")
            desk.rows()
        desk.context.log("line 4")
        assert desk.lines() == ["line 4"]

    @pytest.mark.scenario("S3-28", part="a flood of output is cheap and bounded")
    def test_flood_costs_little_time_and_memory(self, desk: Desk) -> None:
        with caught(desk) as captured:
            piece = ("y" * 99 + "\n") * 10_000
            tracemalloc.start()
            begun = time.perf_counter()
            for _ in range(200):
                sys.stdout.write(piece)
            took, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            rows = captured.rows()
            assert len(rows) == 1001
            assert rows[-1][5] == {"dropped": 2_000_000 - 1000}
            assert peak < 8 * 1024 * 1024
            assert took < 20  # 200 MB; a second or so

    def test_one_huge_write_is_not_split_as_a_whole(self, desk: Desk) -> None:
        with caught(desk) as captured:
            sys.stdout.write("z\n" * 1_000_000)
            assert captured.rows()[-1][5] == {"dropped": 999_000}

    def test_silent_run_leaves_nothing(self, desk: Desk) -> None:
        assert desk.tape.close() is None
        assert desk.wakes == 0


@pytest.mark.scenario("E5", part="coalesced, last value exact")
class TestProgress:
    def test_latest_wins_and_at_most_four_a_second(self, desk: Desk) -> None:
        sent = []
        for number in range(1, 10_001):
            desk.context.progress(number, 10_000)
            desk.clock.now += 0.0001
            if number % 100 == 0:
                sent += desk.rows()
        sent += desk.tape.close() or []
        found = [row[5]["current"] for row in sent if row[5] is not None]
        assert len(found) <= 1 / PROGRESS_EVERY + 2
        assert found[-1] == 10_000
        assert found == sorted(found)

    def test_what_came_too_early_is_kept_for_the_next_flush(self, desk: Desk) -> None:
        desk.context.progress(1)
        assert len(desk.rows()) == 1
        desk.context.progress(2)
        assert desk.rows() == []
        assert desk.tapes.is_waiting
        desk.clock.now += PROGRESS_EVERY
        assert [row[5] for row in desk.rows()] == [{"current": 2, "total": None, "stage": None}]
        assert not desk.tapes.is_waiting

    def test_what_is_no_number_is_no_progress(self, desk: Desk) -> None:
        desk.context.progress(float("nan"))
        desk.context.progress(float("inf"))
        assert desk.rows() == []

    def test_only_the_first_word_wakes_the_executor(self, desk: Desk) -> None:
        for number in range(100):
            desk.context.progress(number)
            desk.context.log("x")
        assert desk.wakes == 1


def test_nothing_is_kept_after_the_end() -> None:
    tapes = Tapes()
    tape: Tape = tapes.open(1)
    tape.close()
    tape.log("info", "late", None)
    tape.progress(1, None, None, None)
    assert not tape.write("stdout", "late\n")
    assert tapes.drain() == []
