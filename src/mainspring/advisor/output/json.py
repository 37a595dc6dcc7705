"""JSON: the whole report. The names in it are stable; ``report.schema.json`` beside this file describes them."""

from __future__ import annotations

import json
from typing import Any

from mainspring.advisor.finding import Edit, Finding, Judged, Justification, Status
from mainspring.advisor.output.words import placed, rule_name, words_of
from mainspring.advisor.report import Accepted, Report

FORM = 1  # grows when a name goes or changes its meaning


def write(report: Report) -> str:
    """Return the report as one JSON object."""
    whole = {
        "form": FORM,
        "mainspring": report.version,
        "files": report.files,
        "exit_code": report.exit_code,
        "summary": {
            "open": len(report.open),
            "failing": len(report.failing),
            "suppressed": report.count(Status.SUPPRESSED),
            "ratcheted": report.count(Status.RATCHETED),
            "unscanned": len(report.unscanned),
            "justifications": len(report.accepted),
            "fixed": report.fixed,
            "by_severity": {str(severity): n for severity, n in report.by_severity().items()},
            "by_kind": {"unnamed" if kind is None else str(kind): n for kind, n in report.by_kind().items()},
        },
        "findings": [describe(each) for each in report.judged],
        "justifications": [_accepted(each) for each in report.accepted],
        "unscanned": [{"file": clean(each.path), "line": each.line or None, "why": clean(each.why)} for each in report.unscanned],
    }
    return json.dumps(whole, indent=1) + "\n"


def describe(judged: Judged) -> dict[str, Any]:
    """Return one finding as plain JSON values."""
    finding, words = judged.finding, words_of(judged.finding)
    return {
        "file": clean(finding.path),
        "line": finding.place.line,
        "column": finding.place.column,
        "end_line": finding.place.end_line,
        "rule": finding.code,
        "name": rule_name(finding.code),
        "severity": str(finding.severity),
        "kind": None if finding.kind is None else str(finding.kind),
        "alternatives": [str(kind) for kind in finding.alternatives],
        "context": {"role": str(finding.role), "function": clean(finding.function), "statement": clean(finding.statement)},
        "message": clean(words.message),
        "why": clean(words.why),
        "fix": {"title": clean(words.fix), "edits": [_edit(each, finding) for each in finding.edits] or None},
        "evidence": [{"file": clean(each.path), "line": each.line, "text": clean(each.text)} for each in placed(finding)],
        "status": str(judged.status),
        "justification": None if judged.justification is None else _justification(judged.justification),
        "fingerprint": judged.fingerprint,
        "approximate": finding.is_approximate,
    }


def clean(text: str) -> str:
    """Return a text that every reader of JSON takes: undecodable bytes of a file's name are written as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _edit(edit: Edit, finding: Finding) -> dict[str, Any]:
    place = edit.place
    return {
        "file": clean(edit.path or finding.path), "line": place.line, "column": place.column,
        "end_line": place.end_line, "end_column": place.end_column, "text": clean(edit.text),
    }  # fmt: skip


def _justification(given: Justification) -> dict[str, Any]:
    return {"ground": clean(given.ground), "reason": clean(given.reason), "until": given.until or None}


def _accepted(accepted: Accepted) -> dict[str, Any]:
    given = accepted.justification
    return {
        "file": clean(given.path), "line": given.line or None, "rules": list(accepted.codes), **_justification(given),
        "covers": len(accepted.covers),
    }  # fmt: skip
