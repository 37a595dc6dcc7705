"""The deploy gate: what waits in a store, held against the definitions of the code that is about to be rolled out.

Pure: rows and definitions come in, groups of what would break come out. Nothing of the parameters themselves is kept, only where they do
not fit and how; so a secret among them cannot come out either.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

EXAMPLES = 3  # ids of a group that are named
MOST_GROUPS = 1_000  # a store of garbage must not fill the memory


class Origin(StrEnum):
    """What a stored row is."""

    RUN = "run"
    SCHEDULE = "schedule"


class Cause(StrEnum):
    """Why a row would break."""

    GONE = "gone"  # the code has no such task
    NEWER = "newer"  # stored by newer code than this
    NO_UPGRADER = "no-upgrader"  # stored by older code, and nothing turns it into today's
    MISSING = "missing"  # a parameter that has no default
    UNKNOWN = "unknown"  # a parameter that the code no longer takes
    WRONG = "wrong"  # a value that no longer fits
    UNREADABLE = "unreadable"  # no JSON object


@dataclass(frozen=True, slots=True)
class Stored:
    """A row that waits: its parameters as JSON text, None where they lie elsewhere and were not fetched."""

    origin: Origin
    id: str  # a run's id, a schedule's name
    task: str
    params: str | None
    params_version: int | None = None  # None: a schedule's, which are written in today's form


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that does not fit: which parameter, and what a schema says of it without its value."""

    cause: Cause
    where: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the code says of a task. ``has_upgrade`` is None where its manifest is too old to say."""

    name: str
    params_version: int
    has_upgrade: bool | None
    check: Callable[[str], Sequence[Wrong]]


@dataclass(slots=True)
class Group:
    """Rows of one task that would break for one reason; ``nearest`` is a task with a similar name, where the task is gone."""

    origin: Origin
    task: str
    cause: Cause
    where: str
    what: str
    n: int = 0
    examples: list[str] = field(default_factory=list)
    nearest: str = ""


class Comparison:
    """Holds rows against definitions, one at a time, and keeps counts."""

    def __init__(self, expected: Mapping[str, Expected]) -> None:
        self._expected = expected
        self._groups: dict[tuple[Origin, str, Cause, str, str], Group] = {}
        self.looked = dict.fromkeys(Origin, 0)
        self.broken = dict.fromkeys(Origin, 0)
        self.upgraded = 0  # rows that the code's upgrader will turn into today's
        self.elsewhere = 0  # rows whose parameters were not looked into
        self.is_cut = False  # there were more groups than anybody would read

    @property
    def groups(self) -> Sequence[Group]:
        """What would break, by task; the most rows first."""
        return sorted(self._groups.values(), key=lambda each: (each.task, each.origin, -each.n, each.cause, each.where))

    def add(self, row: Stored) -> None:
        """Look at one row."""
        self.looked[row.origin] += 1
        wrong = self._wrong(row)
        if not wrong:
            return
        self.broken[row.origin] += 1
        for each in wrong:
            self._count(row, each)

    def _wrong(self, row: Stored) -> Sequence[Wrong]:
        known = self._expected.get(row.task)
        if known is None:
            return [Wrong(Cause.GONE, "")]
        version = row.params_version
        if version is not None and version > known.params_version:
            return [Wrong(Cause.NEWER, "", f"{version} > {known.params_version}")]
        if version is not None and version < known.params_version:
            if known.has_upgrade:
                self.upgraded += 1
                return []
            if known.has_upgrade is False:
                return [Wrong(Cause.NO_UPGRADER, "", f"{version} < {known.params_version}")]
        if row.params is None:
            self.elsewhere += 1
            return []
        return known.check(row.params)

    def _count(self, row: Stored, wrong: Wrong) -> None:
        key = (row.origin, row.task, wrong.cause, wrong.where, wrong.what)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                self.is_cut = True
                return
            group = self._groups[key] = Group(*key)
            if wrong.cause is Cause.GONE:
                group.nearest = next(iter(difflib.get_close_matches(row.task, self._expected, n=1, cutoff=0.6)), "")
        group.n += 1
        if len(group.examples) < EXAMPLES:
            group.examples.append(row.id)
