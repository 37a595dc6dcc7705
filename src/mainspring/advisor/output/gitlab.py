"""GitLab's Code Quality report: a list of issues, each with a fingerprint that no other has."""

from __future__ import annotations

import json

from mainspring.advisor.finding import Severity
from mainspring.advisor.output.json import clean
from mainspring.advisor.output.words import rule_name, words_of
from mainspring.advisor.report import Report

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTICE: "info"}


def write(report: Report) -> str:
    """Return the findings that count; an empty list where nothing does."""
    issues, seen = [], dict[str, int]()
    for judged in report.open:
        finding, words = judged.finding, words_of(judged.finding)
        seen[judged.fingerprint] = times = seen.get(judged.fingerprint, 0) + 1
        place = finding.place
        issues.append({
            "description": f"{finding.code} {clean(words.message)}. {clean(words.fix)}",
            "check_name": rule_name(finding.code),
            # The same statement twice in one function is two issues: GitLab drops the second of two alike.
            "fingerprint": judged.fingerprint if times == 1 else f"{judged.fingerprint}-{times}",
            "severity": _SEVERITIES[finding.severity],
            "location": {"path": clean(finding.path), "lines": {"begin": max(place.line, 1), "end": max(place.end_line, place.line, 1)}},
        })  # fmt: skip
    return json.dumps(issues, indent=1) + "\n"
