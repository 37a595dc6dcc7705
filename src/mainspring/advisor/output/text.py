"""Text for people, in the language of their terminal.

A place is told in one line that editors and ``grep`` understand; below it stands the statement, what led to the finding, why it matters,
what to do and how to justify it. What would be the same as before (the why of a rule, its remedy) is told once, at the first place.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from mainspring.advisor.finding import Evidence, Finding, Severity, Status
from mainspring.advisor.output.plain import cut, plain
from mainspring.advisor.output.words import can_be_allowed, directive_for, kind_word, words_of
from mainspring.advisor.report import Accepted, Report
from mainspring.i18n import t

INDENT = "    "
MOST_UNSCANNED = 20  # files that the summary names
MOST_EVIDENCE = 4
_COLOURS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.NOTICE: "36"}
_BOLD, _DIM, _GREEN = "1", "2", "32"


def write(report: Report, *, is_colour: bool = False, columns: int | None = None) -> str:
    """Return findings by path, and a summary. ``columns`` wraps the lines below a place; the places themselves stay whole."""
    return _Text(is_colour, columns).report(report)


def write_justifications(report: Report, *, is_colour: bool = False) -> str:
    """Return every written exception that holds: where, what it allows, on which ground, and why."""
    text = _Text(is_colour, None)
    return "".join(f"{line}\n" for line in [*map(text.accepted, report.accepted), text.justified(report)])


class _Text:
    def __init__(self, is_colour: bool, columns: int | None) -> None:
        self._is_colour, self._columns = is_colour, columns
        self._told: set[str] = set()

    def report(self, report: Report) -> str:
        lines: list[str] = []
        for judged in report.judged:
            if judged.status is Status.OPEN:
                lines += [*self._finding(judged.finding), ""]
        return "\n".join([*lines, *self._summary(report)]) + "\n"

    def accepted(self, accepted: Accepted) -> str:
        given = accepted.justification
        until = "" if not given.until else " " + t("check.output.until", day=given.until)
        at = self._in(_BOLD, f"{plain(given.path)}:{given.line}") if given.line else self._in(_BOLD, plain(given.path))
        covered = t("check.output.covers", n=len(accepted.covers))
        return f"{at}: {', '.join(accepted.codes)} {plain(given.ground)}{until} ({covered})\n{INDENT}{plain(given.reason)}"

    def justified(self, report: Report) -> str:
        told = t("check.output.justifications", n=len(report.accepted))
        if report.max_justifications is None:
            return told
        return told + " " + t("check.output.of_most", n=report.max_justifications)

    def _finding(self, finding: Finding) -> Iterator[str]:
        words = words_of(finding, None)
        place = finding.place
        weight = "" if finding.severity is Severity.ERROR else t(f"check.severity.{finding.severity}") + ": "
        kind = "" if finding.kind is None else f" [{finding.kind}]"
        guess = " " + t("check.output.approximate") if finding.is_approximate else ""
        at = self._in(_BOLD, f"{plain(finding.path)}:{place.line}:{place.column}:")
        yield f"{at} {self._in(_COLOURS[finding.severity], finding.code)}{kind} {weight}{words.message}{guess}"
        if finding.statement:
            yield self._in(_DIM, INDENT + cut(plain(finding.statement), (self._columns or 120) - len(INDENT)))
        for evidence in finding.evidence[:MOST_EVIDENCE]:
            yield self._evidence(evidence)
        yield from self._labelled("why", words.why)
        yield from self._labelled("fix", words.fix + (" " + t("check.output.by_fix") if finding.edits else ""))
        if finding.alternatives:
            others = ", ".join(f"{kind_word(other)} [{other}]" for other in finding.alternatives)
            yield from self._labelled("perhaps", others)
        if can_be_allowed(finding):
            yield from self._labelled("justify", directive_for(finding))

    def _evidence(self, evidence: Evidence) -> str:
        at = f"{plain(evidence.path)}:{evidence.line}: " if evidence.path and evidence.line else ""  # a library's has no line of ours
        return self._in(_DIM, f"{INDENT}{at}{cut(plain(evidence.text), 100)}")

    def _labelled(self, label: str, text: str) -> Iterator[str]:
        """Yield a labelled text, unless the very same has been told before."""
        name = t(f"check.output.{label}")
        whole = f"{name}: {text}"
        if whole in self._told:
            return
        self._told.add(whole)
        shown = f"{self._in(_BOLD, name + ':')} {text}"
        if self._columns is None or len(INDENT) + len(whole) <= self._columns:
            yield INDENT + shown
            return
        width = max(self._columns - len(INDENT), 20)
        first, *more = textwrap.wrap(whole, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        yield INDENT + self._in(_BOLD, name + ":") + first[len(name) + 1 :]
        yield from (INDENT + line for line in more)

    def _summary(self, report: Report) -> Iterator[str]:
        for key, values in report.notes:
            yield t(key, **{name: plain(value) for name, value in values})
        if report.unscanned:
            yield self._in(_COLOURS[Severity.WARNING], t("check.output.unscanned", n=len(report.unscanned)))
            for each in report.unscanned[:MOST_UNSCANNED]:
                line = f":{each.line}" if each.line else ""
                yield f"{INDENT}{plain(each.path)}{line}: {plain(each.why)}"
            if (more := len(report.unscanned) - MOST_UNSCANNED) > 0:
                yield INDENT + t("check.output.more", n=more)
        if report.fixed:
            yield t("check.output.fixed", n=report.fixed)
        scanned = t("check.output.files", n=report.files)
        took = f"({report.seconds:.2f} s)"
        if not report.open:
            colour = _COLOURS[Severity.WARNING] if report.unscanned else _GREEN
            yield f"{self._in(colour, t('check.output.nothing'))} {scanned} {took}"
        else:
            weighed = report.by_severity()
            told = ", ".join(
                self._in(_COLOURS[severity], t(f"check.output.{severity}", n=n)) if n else t(f"check.output.{severity}", n=n)
                for severity, n in weighed.items()
            )
            yield f"{told} {scanned} {took}"
            kinds = [f"{kind_word(kind)} {n}" for kind, n in report.by_kind().items() if kind is not None]
            if kinds:
                yield t("check.output.by_kind", kinds=", ".join(kinds))
        if report.accepted:
            yield self.justified(report) + t("check.output.list_them")
        if ratcheted := report.count(Status.RATCHETED):
            yield t("check.output.ratcheted", n=ratcheted)
        if report.has_too_many_justifications:
            yield self._in(_COLOURS[Severity.ERROR], t("check.output.too_many", n=report.max_justifications))
        fixable = sum(1 for judged in report.open if judged.finding.edits)
        if fixable:
            yield t("check.output.fixable", n=fixable)
        if report.open:
            yield self._in(_DIM, t("check.output.explain", code=report.open[0].finding.code))

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._is_colour else text
