"""The report: what was reached against what we want, then every figure. In Markdown, JSON, and short for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.readings import Figures
from benchmarks.rows import METRICS, Row, Target
from benchmarks.subjects import OURS, Subject

NOTHING = "–"
PREFACE = """\
Medians over the rounds; in brackets the lowest and the highest. What each figure means, and what each peer was given to
be at its fastest, stands in the modules of `benchmarks/`. A disk that flushes fast flatters whoever commits for every
run."""


@dataclass(frozen=True)
class Result:
    """A finished run: facts of the machine, and figures by row and subject key."""

    facts: Mapping[str, str]
    rows: tuple[Row, ...]
    figures: Mapping[tuple[str, str], Figures]

    def median(self, row: str, subject: Subject, metric: str) -> float | None:
        """Return a median, or None where nothing was measured."""
        found = self.figures.get((row, subject.key))
        return found.median(metric) if found else None

    def has(self, row: Row) -> bool:
        """Say whether anybody took part in a row."""
        return any(key == row.key for key, _ in self.figures)

    def measured(self, row: Row) -> Iterator[tuple[Subject, Figures]]:
        """Yield a row's subjects that took part, in the row's order."""
        for subject in row.subjects:
            if found := self.figures.get((row.key, subject.key)):
                yield subject, found


@dataclass(frozen=True)
class Verdict:
    """A target and how far we came."""

    row: Row
    target: Target
    ours: float | None
    other: float | None

    @property
    def reached(self) -> float | None:
        """The ratio to the other, or our own value where the target is absolute."""
        if self.ours is None or self.target.against is None:
            return self.ours
        return self.ours / self.other if self.other else None

    @property
    def verdict(self) -> str:
        """``yes``, ``no``, or nothing."""
        return NOTHING if self.reached is None else "yes" if self.target.is_met(self.reached) else "**no**"

    def cells(self) -> list[str]:
        """Return the line of the table of targets."""
        target, metric = self.target, METRICS[self.target.metric]
        if target.against is None:
            wish, reached = f"{target.way} {metric.show(target.factor)}", metric.show(self.reached)
        else:
            other = target.against.title + (f" in {target.row}" if target.row else "")
            wish = f"{target.way} {target.factor:g} x {other}"
            reached = NOTHING if self.reached is None else f"{self.reached:.2f} x"
        return [
            self.row.title,
            metric.title,
            metric.show(self.ours),
            metric.show(self.other),
            wish,
            reached,
            self.verdict,
        ]


def verdicts(result: Result) -> list[Verdict]:
    """Return every target of the rows that ran."""
    return [
        Verdict(
            row,
            target,
            result.median(row.key, OURS, target.metric),
            result.median(target.row or row.key, target.against, target.metric) if target.against else None,
        )
        for row in result.rows
        for target in row.targets
    ]


def write(result: Result, folder: Path) -> None:
    """Write `report.md` and `report.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(markdown(result), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(plain(result), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def plain(result: Result) -> dict[str, object]:
    """Return everything as JSON data: medians, each round, remarks and failures."""
    return {
        "facts": dict(result.facts),
        "rows": [
            {
                "key": row.key,
                "title": row.title,
                "subjects": {
                    subject.key: {
                        "title": subject.title,
                        "medians": {name: figures.median(name) for name in METRICS if figures.all(name)},
                        "rounds": [dict(reading.values) for reading in figures.readings],
                        "note": figures.note(),
                        "failures": figures.failures,
                    }
                    for subject, figures in result.measured(row)
                },
            }
            for row in filter(result.has, result.rows)
        ],
        "targets": [
            {
                "row": verdict.row.key,
                "metric": verdict.target.metric,
                "wish": verdict.cells()[4],
                "reached": verdict.reached,
            }
            for verdict in verdicts(result)
        ],
    }


def markdown(result: Result) -> str:
    """Return the report for people."""
    facts = [[name, value] for name, value in result.facts.items()]
    parts = [
        "# Benchmark report",
        PREFACE,
        "## What was wanted",
        _table(
            ["measure", "", "Mainspring", "the other", "target", "reached", "met"],
            [v.cells() for v in verdicts(result)],
        ),
        "## All figures",
        *(part for row in filter(result.has, result.rows) for part in _row_parts(result, row)),
        "## On what",
        _table(["", ""], facts),
    ]
    return "\n\n".join(parts) + "\n"


def text(result: Result) -> str:
    """Return a short form for the terminal: each row's first metric, and our ratio to each subject."""
    lines = []
    for row in filter(result.has, result.rows):
        lines.append(row.title)
        for subject, figures in result.measured(row):
            shown = "  ".join(f"{METRICS[name].title} {METRICS[name].show(figures.median(name))}" for name in _metrics(figures))
            lines.append(f"  {subject.title:32} {shown or 'not measured':52} {_ratio(result, row, subject)}".rstrip())
    return "\n".join(lines)


def _row_parts(result: Result, row: Row) -> Iterator[str]:
    yield f"### {row.title} (`{row.key}`)"
    lines = []
    for subject, figures in result.measured(row):
        shown = [_with_range(figures, name) for name in _metrics(figures)]
        remark = figures.note() or (figures.failures[-1].splitlines()[-1] if figures.failures else "")
        lines.append([subject.title, ", ".join(shown) or "not measured", _ratio(result, row, subject), remark])
    yield _table(["", "measured", "Mainspring is", "remark"], lines)


def _metrics(figures: Figures) -> list[str]:
    return [name for name in METRICS if figures.all(name)]


def _with_range(figures: Figures, name: str) -> str:
    metric, values = METRICS[name], figures.all(name)
    low, high = (f"{value:,.{metric.digits}f}" for value in (min(values), max(values)))
    return f"{metric.title} {metric.show(figures.median(name))} [{low}–{high}]"


def _ratio(result: Result, row: Row, subject: Subject) -> str:
    """Say how we compare with a subject, in the first metric that both have."""
    if subject == OURS:
        return ""
    for name in METRICS:
        ours, other = result.median(row.key, OURS, name), result.median(row.key, subject, name)
        if ours and other:
            return f"{ours / other:.2f} x"
    return ""


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows)
