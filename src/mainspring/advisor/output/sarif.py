"""SARIF 2.1.0, the form that code scanning services take (https://docs.oasis-open.org/sarif/sarif/v2.1.0/).

Every rule is declared on every run, so that an alert whose finding is gone is closed. Findings that do not count are left out unless they
are asked for: services show suppressed results as open ones, or not at all.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from mainspring.advisor.catalogue import RULES, Rule
from mainspring.advisor.finding import Evidence, Finding, Judged, Place, Severity, Status
from mainspring.advisor.output.json import clean
from mainspring.advisor.output.words import placed, words_of, words_of_rule
from mainspring.advisor.report import Report, Unscanned

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}
_INDEX = {code: index for index, code in enumerate(RULES)}


def write(report: Report) -> str:
    """Return the log of one run."""
    told = report.judged if report.with_suppressed else [each for each in report.judged if each.status is Status.OPEN]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "mainspring check",
                "semanticVersion": report.version or "0.0.0",
                "rules": [_rule(rule) for rule in RULES.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that was checked"}}},
        "invocations": [{
            "executionSuccessful": True,
            "toolExecutionNotifications": [_unscanned(each) for each in report.unscanned],
        }],
        "results": [_result(each) for each in told],
    }  # fmt: skip
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _unscanned(each: Unscanned) -> dict[str, Any]:
    text = clean(each.why) or "not scanned"
    return {"level": "warning", "message": {"text": text}, "locations": [_place(each.path, each.line or None)]}


def _rule(rule: Rule) -> dict[str, Any]:
    why, fix = words_of_rule(rule.code)
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.name.replace("-", " ").capitalize()},
        "fullDescription": {"text": why},
        "help": {"text": f"{why}.\n{fix}.\nmainspring check --explain {rule.code}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": not rule.is_optional},
        "properties": {"tags": ["background-work", *([] if rule.kind is None else [str(rule.kind)])]},
    }


def _result(judged: Judged) -> dict[str, Any]:
    finding, words = judged.finding, words_of(judged.finding)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{clean(words.message)}. {clean(words.fix)}"},
        "locations": [_location(finding)],
        "partialFingerprints": {"mainspring/v1": judged.fingerprint},
        "properties": {
            "kind": None if finding.kind is None else str(finding.kind),
            "alternatives": [str(kind) for kind in finding.alternatives],
            "approximate": finding.is_approximate,
        },
    }
    if finding.code in _INDEX:
        result["ruleIndex"] = _INDEX[finding.code]
    if evidence := placed(finding):
        result["relatedLocations"] = [_evidence(number, each) for number, each in enumerate(evidence, 1)]
    if judged.justification is not None:
        result["suppressions"] = [{
            "kind": "inSource", "status": "accepted",
            "justification": f"{clean(judged.justification.ground)}: {clean(judged.justification.reason)}",
        }]  # fmt: skip
    elif judged.status is Status.RATCHETED:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": "in the ratchet file"}]
    if finding.edits:
        result["fixes"] = [{"description": {"text": clean(words.fix)}, "artifactChanges": _changes(finding)}]
    return result


def _changes(finding: Finding) -> list[dict[str, Any]]:
    by_path: dict[str, list[dict[str, Any]]] = {}
    for edit in finding.edits:
        change = {"deletedRegion": _region(edit.place), "insertedContent": {"text": clean(edit.text)}}
        by_path.setdefault(edit.path or finding.path, []).append(change)
    return [{"artifactLocation": _artifact(path), "replacements": changes} for path, changes in by_path.items()]


def _location(finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(finding.path), "region": _region(finding.place, clean(finding.statement))}
    }
    if finding.function:
        place["logicalLocations"] = [{"fullyQualifiedName": clean(finding.function), "kind": "function"}]
    return place


def _evidence(number: int, evidence: Evidence) -> dict[str, Any]:
    return {"id": number, "message": {"text": clean(evidence.text) or "see here"}, **_place(evidence.path, evidence.line)}


def _place(path: str, line: int | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(path)}
    if line:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _region(place: Place, snippet: str = "") -> dict[str, Any]:
    region: dict[str, Any] = {
        "startLine": max(place.line, 1), "startColumn": max(place.column, 1),
        "endLine": max(place.end_line, place.line, 1), "endColumn": max(place.end_column, 1),
    }  # fmt: skip
    if snippet:
        region["snippet"] = {"text": snippet}
    return region


def _artifact(path: str) -> dict[str, Any]:
    """Return a path as a URI, relative to the root where it lies below."""
    uri = quote(path, safe="/", errors="surrogateescape")
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    # A colon in the first part of a relative reference would be taken for a scheme; `quote` has escaped it.
    return {"uri": uri, "uriBaseId": ROOT}
