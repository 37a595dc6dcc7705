"""What one call of the checker has found, whole: the value that every form of output is written from."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.advisor.finding import Finding, Judged, Justification, Kind, Severity, Status
from mainspring.advisor.record import record


@record(frozen=True, slots=True)
class Unscanned:
    """A file that nobody could look into, and why: each is also a finding of MS008, unless that rule is not selected."""

    path: str
    line: int  # 0 where no line is to blame
    why: str


@record(frozen=True, slots=True)
class Accepted:
    """A written exception that holds, and how many findings it covers."""

    justification: Justification
    codes: tuple[str, ...]  # that it names
    covers: tuple[Finding, ...]


@record(frozen=True, slots=True)
class Report:
    """All findings by path and line, those that do not count included; and what the reader of a summary wants to know.

    ``changed`` are lines that a diff names, by path: what is there should be told first. None where no diff was asked for.
    """

    judged: tuple[Judged, ...]
    accepted: tuple[Accepted, ...]
    files: int  # looked at
    unscanned: tuple[Unscanned, ...]
    seconds: float
    codes: tuple[str, ...]  # of the rules that ran
    fail_on: Severity = Severity.WARNING
    is_strict: bool = False
    version: str = ""  # of Mainspring, whose rules these are
    root: str = ""  # the folder that paths are relative to, with forward slashes
    changed: frozenset[tuple[str, int]] | None = None
    max_justifications: int | None = None
    with_suppressed: bool = False  # SARIF: results that do not count are written as well
    fixed: int = 0  # edits that were made before the files were read again
    notes: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()  # keys of i18n and their values: what else to tell people

    @property
    def open(self) -> Sequence[Judged]:
        """Findings that count, errors first, then by path and line."""
        return sorted((each for each in self.judged if each.status is Status.OPEN), key=_weight)

    @property
    def failing(self) -> Sequence[Judged]:
        """Those of them that fail a build."""
        return [each for each in self.open if each.finding.severity.rank <= self.fail_on.rank]

    def count(self, status: Status) -> int:
        """Return how many findings have a status."""
        return sum(1 for each in self.judged if each.status is status)

    def by_kind(self) -> dict[Kind | None, int]:
        """Return how many open findings ask for each kind of work, in the order of `Kind`; None are those that ask for none."""
        found = [each.finding.kind for each in self.judged if each.status is Status.OPEN]
        return {kind: n for kind in (*Kind, None) if (n := found.count(kind))}

    def by_severity(self) -> dict[Severity, int]:
        """Return how many open findings weigh how much, every severity named."""
        found = [each.finding.severity for each in self.judged if each.status is Status.OPEN]
        return {severity: found.count(severity) for severity in Severity}

    @property
    def has_too_many_justifications(self) -> bool:
        """Whether more exceptions are written than ``--max-justifications`` allows."""
        return self.max_justifications is not None and len(self.accepted) > self.max_justifications

    @property
    def exit_code(self) -> int:
        """0 clean; 1 for findings that weigh enough, too many exceptions or, where that is strict, files that nobody could read."""
        return int(bool(self.failing) or self.has_too_many_justifications or (self.is_strict and bool(self.unscanned)))


def _weight(judged: Judged) -> tuple[int, str, int, int, str]:
    finding = judged.finding
    return finding.severity.rank, finding.path, finding.place.line, finding.place.column, finding.code
