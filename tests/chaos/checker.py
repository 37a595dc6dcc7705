"""The offline checker: what must hold in the store, on the host and beside the file, whatever was done to the processes."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from mainspring.core.access import EVERYTHING
from mainspring.core.event import Event
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.store import Store

MOST_STREAMS = 150  # event streams read one by one; of more runs, some are drawn by lot

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a body wrote down."""

    event: str
    facts: Mapping[str, str]

    @property
    def run(self) -> str:
        return self.facts["run"]

    @property
    def attempt(self) -> int:
        return int(self.facts["attempt"])

    @property
    def pid(self) -> int:
        return int(self.facts["pid"])


def journal(folder: Path, event: str | None = None) -> list[Line]:
    """Return what bodies wrote down, in order."""
    try:
        text = (folder / "journal").read_text()
    except FileNotFoundError:
        return []
    lines = []
    for row in text.splitlines():
        name, *facts = row.split(" ")
        if event is None or name == event:
            lines.append(Line(name, dict(fact.split("=", 1) for fact in facts)))
    return lines


def rows(url: str, sql: str) -> list[dict[str, Any]]:
    """Ask the database itself, past everything of ours; tables are written as ``mainspring.name``."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql.replace("mainspring.", "mainspring_"))]
        finally:
            connection.close()
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as asked:
        return [
            {name: str(value) if name.endswith("id") and value is not None else value for name, value in row.items()}
            for row in asked.execute(sql.encode())
        ]


async def check(store: Store, url: str, folder: Path, committed: Iterable[str], *, living: int = 0) -> None:
    """Fail with everything that is wrong. ``committed`` are the runs whose enqueue was answered, ``living`` nodes may still hold some."""
    wrong: list[str] = []
    hot = rows(url, "select id, state, seq, attempt, node_id, claim_id from mainspring.hot_runs")
    past = rows(url, "select id, state, seq, attempt, rescues from mainspring.history")
    nodes = {row["id"]: row["state"] for row in rows(url, "select id, state from mainspring.nodes")}
    tries = defaultdict(list)
    for row in rows(url, "select run_id, number, claim_seq, end_seq, outcome from mainspring.attempts order by run_id, number"):
        tries[row["run_id"]].append(row)
    wrong += _places(hot, past, set(committed))
    wrong += _holders(hot, nodes, living)
    for row in [*hot, *past]:
        wrong += _attempts(row, tries.get(row["id"], []))
    wrong += _accepted_once(folder, past, tries)
    drawn = [row["id"] for row in [*past, *hot]]
    if len(drawn) > MOST_STREAMS:
        drawn = random.Random(len(drawn)).sample(drawn, MOST_STREAMS)
    for run_id in drawn:
        wrong += await _stream(store, run_id)
    assert not wrong, "\n".join(wrong[:40])


def _places(hot: Sequence[Row], past: Sequence[Row], committed: set[str]) -> list[str]:
    """Each run is in exactly one place, and none that was answered is missing."""
    places = Counter(row["id"] for row in [*hot, *past])
    wrong = [f"{run_id} is in {n} places" for run_id, n in places.items() if n > 1]
    return wrong + [f"{run_id} was committed and is gone" for run_id in committed - places.keys()]


def _holders(hot: Sequence[Row], nodes: Mapping[str, int], living: int) -> list[str]:
    """A running run has a claim and a node that lives or will be buried."""
    running = [row for row in hot if row["state"] == codes.RUNNING]
    wrong = [f"{row['id']} runs on nobody" for row in running if row["claim_id"] is None or row["node_id"] not in nodes]
    if not living:
        wrong += [f"{row['id']} runs on the node {row['node_id']}, which is gone" for row in running]
    return wrong


def _attempts(row: Row, tries: Sequence[Row]) -> list[str]:
    """Attempts are numbered without doubles, lie one behind the other, and the last final one is the run's own."""
    run_id, numbers = row["id"], [each["number"] for each in tries]
    wrong = []
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] > row["attempt"]):
        wrong.append(f"{run_id} has attempts {numbers}, its last is {row['attempt']}")
    bounds = [bound for each in tries for bound in (each["claim_seq"], each["end_seq"])]
    if bounds != sorted(set(bounds)):
        wrong.append(f"{run_id} has attempts that overlap: {bounds}")
    is_final = row["state"] >= codes.FIRST_FINAL
    if (
        is_final
        and row["state"] == codes.FINAL_CODE[RunState.COMPLETED]
        and row["attempt"] > 1
        and numbers != list(range(1, row["attempt"] + 1))
    ):
        wrong.append(f"{run_id} completed in attempt {row['attempt']}, but has only the attempts {numbers}")
    return wrong


def _accepted_once(folder: Path, past: Sequence[Row], tries: Mapping[str, Sequence[Row]]) -> list[str]:
    """No two bodies under one claim, and the accepted attempt of a completed run is one that a body really made."""
    begun = Counter((line.run, line.facts["claim"]) for line in journal(folder) if line.event in ("touched", "held", "fatal"))
    wrong = [f"{run_id} was begun {n} times under one claim" for (run_id, _), n in begun.items() if n > 1]
    made = defaultdict(set)
    for line in journal(folder):
        if "run" in line.facts:
            made[line.run].add(line.attempt)
    for row in past:
        if row["state"] == codes.FINAL_CODE[RunState.COMPLETED] and row["id"] in made and row["attempt"] not in made[row["id"]]:
            wrong.append(f"{row['id']} is completed by attempt {row['attempt']}, but bodies were called for {sorted(made[row['id']])}")
        accepted = [each for each in tries.get(row["id"], []) if each["outcome"] == codes.FINAL_CODE[RunState.COMPLETED]]
        if len(accepted) > 1:
            wrong.append(f"{row['id']} was accepted {len(accepted)} times")
    return wrong


async def _stream(store: Store, run_id: str) -> list[str]:
    """Events are numbered from 1 without a gap up to the run's own number; a final one is the last and the only one."""
    events: list[Event] = []
    while more := await store.events.after(run_id, events[-1].seq if events else 0, scope=EVERYTHING):
        events += more
    run = await store.runs.get(run_id, scope=EVERYTHING)
    seqs = [event.seq for event in events]
    wrong = []
    if seqs != list(range(1, run.seq + 1)):
        wrong.append(f"{run_id} ({run.state}) has events {seqs} up to {run.seq}")
    finals = [event.seq for event in events if event.kind.is_final]
    if finals != ([run.seq] if run.is_final else []):
        wrong.append(f"{run_id} ({run.state}) has final events {finals} of {run.seq}")
    return wrong


# -- the host


def processes_of(mark: str) -> dict[int, str]:
    """Return the live processes whose environment carries a mark, with their command lines (Linux; empty elsewhere)."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just gone, or is somebody else's
    return found
