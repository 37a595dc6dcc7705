"""Workflow commands of GitHub: annotations beside the lines of a pull request, and a table for the step's summary.

GitHub shows ten errors and ten warnings of a step and hides all others, so the ones that matter come first: errors before warnings,
lines of the change before others. What does not fit is listed in the log. No text of the code can be a command: neither does a line of
ours begin with one, nor does ``##[``, the older form, which is understood anywhere in a line, stay what it is.
"""

from __future__ import annotations

from mainspring.advisor.finding import Finding, Judged, Severity
from mainspring.advisor.output import markdown
from mainspring.advisor.output.plain import plain
from mainspring.advisor.output.words import rule_name, words_of
from mainspring.advisor.report import Report

MOST = 10  # annotations of one level that a step shows


def write(report: Report) -> str:
    """Return what a step prints: annotations, what did not fit, and one line that counts."""
    ordered = sorted(report.open, key=lambda judged: (judged.finding.severity.rank, not _is_changed(judged, report)))
    commands: list[str] = []
    rest: list[str] = []
    shown = dict.fromkeys(Severity, 0)
    for judged in ordered:
        severity = judged.finding.severity
        if shown[severity] < MOST:
            shown[severity] += 1
            commands.append(_command(judged.finding))
        else:
            rest.append(_line(judged.finding))
    if rest:
        rest.insert(0, f"{len(rest)} more, which GitHub would not show beside the code:")
    return "\n".join([*commands, *rest, _counted(report)]) + "\n"


def summary(report: Report) -> str:
    """Return the table for ``$GITHUB_STEP_SUMMARY``."""
    return markdown.write(report)


def _command(finding: Finding) -> str:
    words, place = words_of(finding), finding.place
    properties: dict[str, object] = {
        "file": finding.path, "line": place.line, "endLine": max(place.end_line, place.line), "col": place.column,
        "title": f"{finding.code} {rule_name(finding.code)}",
    }  # fmt: skip
    if place.end_line == place.line and place.end_column > place.column:
        properties["endColumn"] = place.end_column
    told = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    kind = "" if finding.kind is None else f"[{finding.kind}] "
    lines = "\n".join(plain(each) for each in (f"{kind}{words.message}", words.why, words.fix))
    return f"::{finding.severity} {told}::{_data(lines)}"


def _line(finding: Finding) -> str:
    text = f"{finding.path}:{finding.place.line}:{finding.place.column}: {finding.code} {finding.severity}: {words_of(finding).message}"
    return "- " + plain(text).replace("##[", "# #[")


def _counted(report: Report) -> str:
    weighed = report.by_severity()
    told = ", ".join(f"{n} {severity}{'' if n == 1 else 's'}" for severity, n in weighed.items())
    beside = f"; {len(report.unscanned)} not scanned" if report.unscanned else ""
    return f"mainspring check: {told} in {report.files} files{beside}"


def _is_changed(judged: Judged, report: Report) -> bool:
    place = judged.finding.place
    lines = range(place.line, max(place.end_line, place.line) + 1)
    return report.changed is not None and any((judged.finding.path, line) in report.changed for line in lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(plain(text)).replace(":", "%3A").replace(",", "%2C")
