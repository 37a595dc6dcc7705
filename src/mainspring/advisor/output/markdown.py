"""Markdown for a comment on a pull request, or for the summary of a build step.

The first line is an invisible mark by which whoever posts it finds the comment of the last time. What comes from code stands in code spans
or is escaped: no mention, link, picture or tag of it lives.
"""

from __future__ import annotations

import re

from mainspring.advisor.finding import Judged, Severity, Status
from mainspring.advisor.output.plain import cut, plain
from mainspring.advisor.output.words import can_be_allowed, directive_for, kind_word, rule_name, words_of
from mainspring.advisor.patterns import pattern
from mainspring.advisor.report import Report
from mainspring.i18n import ENGLISH

MARK = "<!-- mainspring-check -->"
MOST = 50  # findings in the table: GitHub takes comments of 65,536 characters, and nobody reads more
_SIGNS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTICE: "ℹ️"}
_SPECIAL = pattern(r"([\\`*_{}\[\]()#+\-.!|~<>&:=$])")


def write(report: Report) -> str:
    """Return a heading that counts, a table of findings, what their rules say, and what else there is to know."""
    found = report.open
    parts = [MARK, f"### mainspring check: {_counted(report)}"]
    if found:
        parts.append("\n".join(["| | place | rule | kind | what |", "|---|---|---|---|---|", *(_row(each) for each in found[:MOST])]))
        if len(found) > MOST:
            parts.append(f"… and {len(found) - MOST} more.")
        parts.append(_rules([*found[:MOST]]))
    parts += _beside(report)
    return "\n\n".join(parts) + "\n"


def _counted(report: Report) -> str:
    told = [f"{n} {severity}{'' if n == 1 else 's'}" for severity, n in report.by_severity().items() if n]
    return ", ".join(told) or f"nothing found in {report.files} files"


def _row(judged: Judged) -> str:
    finding, words = judged.finding, words_of(judged.finding)
    cells = (
        _SIGNS[finding.severity],
        code(f"{finding.path}:{finding.place.line}"),
        f"{finding.code} {rule_name(finding.code)}",
        "" if finding.kind is None else kind_word(finding.kind, ENGLISH),
        escaped(words.message),
    )
    return "| " + " | ".join(cells) + " |"


def _rules(found: list[Judged]) -> str:
    """Return why and what to do, once for each rule."""
    told: dict[str, str] = {}
    for judged in found:
        finding, words = judged.finding, words_of(judged.finding)
        if finding.code not in told:
            lines = [f"- **{finding.code}** {escaped(words.why)}", escaped(words.fix)]
            if can_be_allowed(finding):
                lines.append(f"or justify: {code(directive_for(finding))}")
            told[finding.code] = "<br>\n  ".join(lines)
    lines = [told[each] for each in sorted(told)]
    return "\n".join(["<details><summary>why, and what to do</summary>", "", *lines, "", "</details>"])


def _beside(report: Report) -> list[str]:
    beside = []
    if report.accepted:
        beside.append(f"{len(report.accepted)} justified exceptions hold.")
    if ratcheted := report.count(Status.RATCHETED):
        beside.append(f"{ratcheted} older findings are in the ratchet file.")
    if report.unscanned:
        some = ", ".join(code(each.path) for each in report.unscanned[:MOST])
        beside.append(f"{len(report.unscanned)} files were **not scanned**: {some}")
    return beside


def code(text: str) -> str:
    """Return a code span that nothing inside ends, and that may stand in a cell of a table."""
    shown = cut(plain(text), 300).replace("|", "\\x7c")  # a bar ends a cell even inside of a code span
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    room = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{room}{shown}{room}{fence}"


def escaped(text: str) -> str:
    """Return a text as itself: an empty comment behind ``@`` keeps it from calling somebody."""
    return _SPECIAL.sub(r"\\\1", plain(text)).replace("@", "@<!-- -->")
