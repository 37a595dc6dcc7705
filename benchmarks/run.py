"""The run: rounds of all rows, the subjects of a row in turn, each measurement in its own process.

Leave the machine alone meanwhile: on two cores anything else that works shows in the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import machine, report
from benchmarks.place import Place
from benchmarks.readings import Figures, Reading, Unavailable
from benchmarks.rows import METRICS, ROWS, Row
from benchmarks.stores import Stores
from benchmarks.subjects import DISK, Subject
from benchmarks.tree import VARIABLE

ALWAYS = "disk.flush"  # without the time of a flush no other figure means anything
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for."""

    rows: tuple[Row, ...]
    subjects: frozenset[str]
    rounds: int
    is_quick: bool
    folder: Path

    def subjects_of(self, row: Row) -> tuple[Subject, ...]:
        """Return who takes part in a row; the disk always does."""
        chosen = self.subjects | {DISK.key}
        return tuple(subject for subject in row.subjects if not self.subjects or subject.key in chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the report. Returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        for row in ROWS:
            print(f"{row.key:20} {row.title}{'  (only when asked for)' if row.is_long else ''}")
        return 0
    if options.tree is not None:
        if not options.tree.is_dir():
            parser.error(f"--tree {options.tree} is no folder")
        os.environ[VARIABLE] = str(options.tree.resolve())
    rows = _chosen(options.only, options.long)
    if not rows:
        parser.error(f"no row is called {', '.join(options.only)}; --list names them")
    rounds = options.rounds or (1 if options.quick else 3)
    wishes = Wishes(rows, frozenset(options.subjects), rounds, options.quick, options.folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers we started are stopped then, too
    with Stores() as stores:
        result = measure_all(wishes, stores)
    report.write(result, wishes.folder)
    print(f"\n{report.text(result)}\n\nwritten: {wishes.folder / 'report.md'}, {wishes.folder / 'report.json'}")
    return 0


def measure_all(wishes: Wishes, stores: Stores) -> report.Result:
    """Run all rounds."""
    figures: dict[tuple[str, str], Figures] = {}
    facts, quiet = machine.facts(stores), machine.Quiet()
    for number in range(wishes.rounds):
        for row in wishes.rows:
            subjects = wishes.subjects_of(row)
            turn = number % max(len(subjects), 1)
            for subject in subjects[turn:] + subjects[:turn]:
                found = figures.setdefault((row.key, subject.key), Figures())
                count = row.count_for(subject, wishes.is_quick)
                outcome = _measure(row, subject, count, stores)
                if isinstance(outcome, Reading):
                    remark = f"{count:,} of them" if count != row.count else ""
                    found.readings.append(replace(outcome, note=", ".join(filter(None, (outcome.note, remark)))))
                else:
                    found.failures.append(outcome)
                print(f"{number + 1}/{wishes.rounds} {row.key:20} {subject.title:30} {_line(outcome)}", flush=True)
    facts |= quiet.facts()
    if any(row.store == "postgres" for row in wishes.rows):
        with suppress(Unavailable):
            facts |= machine.postgres_facts(stores.postgres())
    facts |= machine.versions({subject for row in wishes.rows for subject in wishes.subjects_of(row)})
    facts["rounds"] = f"{wishes.rounds}{', quick (small counts: a first look only)' if wishes.is_quick else ''}"
    return report.Result(facts, wishes.rows, figures)


def _measure(row: Row, subject: Subject, count: int, stores: Stores) -> Reading | str:
    """Measure once, in a process of its own, and return the reading or why there is none."""
    try:
        with stores.place(subject.store or row.store, subject.synchronous) as place:
            return _in_own_process(row, subject, count, place)
    except Unavailable as reason:
        return str(reason)


def _in_own_process(row: Row, subject: Subject, count: int, place: Place) -> Reading | str:
    answer, log = place.folder / "answer.json", place.folder / "measure.log"
    command = [
        sys.executable,
        "-m",
        "benchmarks.measure",
        subject.module,
        row.call,
        str(count),
        place.dump(),
        str(answer),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=HERE.parent, start_new_session=True)
        try:
            process.wait(row.limit)
        except subprocess.TimeoutExpired:
            return f"given up after {row.limit:.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its session, which we started, with any worker that it left behind
            process.wait()
    if not answer.exists():
        return log.read_text(errors="replace").strip()[-1000:] or f"exit code {process.returncode}"
    found = json.loads(answer.read_text())
    return found["unavailable"] if "unavailable" in found else Reading(found["values"], found["note"])


def _line(outcome: Reading | str) -> str:
    if isinstance(outcome, str):
        return f"not measured: {outcome.splitlines()[-1]}"
    return "  ".join(f"{METRICS[name].title} {METRICS[name].show(value)}" for name, value in outcome.values.items())


def _chosen(only: Sequence[str], is_long: bool) -> tuple[Row, ...]:
    """Return the rows whose key starts with one of the words, or all short ones; the disk always."""
    if not only:
        return tuple(row for row in ROWS if is_long or not row.is_long)
    whole = {row.key for row in ROWS}  # who names one row whole does not mean those that begin alike
    chosen = [row for row in ROWS if any(row.key == word or (word not in whole and row.key.startswith(word)) for word in only)]
    return tuple(row for row in ROWS if row in chosen or (chosen and row.key == ALWAYS))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Mainspring beside its peers.")
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="rows by their key or its beginning, as pg.drain or pg")
    parser.add_argument("--subjects", nargs="+", default=[], metavar="WHO", help="only these, as ours pgqueuer raw disk")
    parser.add_argument("--quick", action="store_true", help="small counts and one round")
    parser.add_argument("--long", action="store_true", help="also the rows that take minutes each")
    parser.add_argument("--rounds", type=int, default=0, help="how many rounds (3, or 1 with --quick)")
    parser.add_argument("--folder", type=Path, default=HERE, help="where the report goes")
    parser.add_argument("--tree", type=Path, help="the Python code that rows about reading code use (this Python's own library)")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    return parser
