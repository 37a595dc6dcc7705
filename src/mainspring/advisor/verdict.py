"""What becomes of findings: written exceptions, the ratchet, the diff and the selection decide which of them count."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import field
from datetime import date
from pathlib import Path

from mainspring.advisor import diff, directives, ratchet
from mainspring.advisor.finding import Finding, Judged, Place, Role, Severity, Status
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.record import record
from mainspring.advisor.report import Accepted, Report, Unscanned
from mainspring.advisor.scan import Scanned
from mainspring.advisor.settings import Settings
from mainspring.core.version import VERSION

Notes = list[tuple[str, tuple[tuple[str, str], ...]]]


@record(frozen=True, slots=True)
class Terms:
    """By what findings are judged, beside the settings. ``today`` is the date that exceptions end by."""

    today: date
    root: str
    is_strict: bool = False
    base: str | None = None
    ratchet: tuple[ratchet.Entry, ...] | None = None
    with_suppressed: bool = False
    instead: Mapping[str, bytes] = field(default_factory=dict)


def judge(scanned: Scanned, settings: Settings, terms: Terms, seconds: float = 0.0) -> Report:
    """Return the report of a scan. Raises `ConfigurationError` where the base of a diff is no commit."""
    codes = frozenset(settings.codes)
    give = ratchet.Fingerprints()
    notes: Notes = [("check.link", (("path", link),)) for link in scanned.links[:20]]
    judged: list[Judged] = []
    accepted: list[Accepted] = []
    commented = {facts.path: facts for facts in scanned.commented}
    findings: dict[str, list[Finding]] = {}
    for finding in scanned.findings:
        if finding.code in codes:
            findings.setdefault(finding.path, []).append(finding)
    wide = [each.glob for each in settings.per_file_allow]
    for path in sorted(findings.keys() | commented.keys()):
        mine = findings.get(path, [])
        if path in commented or any(fnmatch.fnmatchcase(path, glob) for glob in wide):
            source = _source(commented.get(path), path, scanned, terms)
            is_engine = _is_engine(source.facts, settings)
            told, held = directives.judge(mine, source, settings, terms.today, is_engine, codes, give)
            judged += told
            accepted += held
        else:
            judged += [Judged(finding, Status.OPEN, give(finding)) for finding in mine]
    if "MS008" in codes:
        judged += [Judged(finding, Status.OPEN, give(finding)) for finding in map(_not_scanned, scanned.unscanned)]
    judged += _unmatched(settings, scanned, codes, give)
    changed = None
    if terms.base is not None:
        files = {each.finding.path for each in judged} | {e.path for each in judged for e in each.finding.evidence}
        changed = diff.changed_lines(terms.base, {path: scanned.on_disk.get(path) or str(Path(terms.root) / path) for path in files})
        judged = [each for each in judged if diff.is_touched(each, changed)]
    if terms.ratchet is not None:
        judged, expired, stale = ratchet.apply(judged, terms.ratchet, terms.today)
        if expired:
            notes.append(("check.ratchet.expired", (("n", str(expired)),)))
        if stale and terms.base is None:
            notes.append(("check.ratchet.stale", (("n", str(stale)),)))
    judged.sort(key=_order)
    return Report(
        tuple(judged), tuple(accepted), scanned.files, tuple(scanned.unscanned), seconds, tuple(sorted(codes)), settings.fail_on,
        terms.is_strict, VERSION, terms.root.replace("\\", "/"), changed, settings.max_justifications, terms.with_suppressed,
        notes=tuple(notes),
    )  # fmt: skip


def _source(facts: FileFacts | None, path: str, scanned: Scanned, terms: Terms) -> directives.Source:
    """Return a file as directives need it."""
    file = scanned.on_disk.get(path, path)
    data = terms.instead.get(file)
    if data is None:
        try:
            data = Path(file).read_bytes()
        except OSError:
            data = b""  # gone meanwhile: its directives cover what stands on their own lines
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if facts is None:
        facts = FileFacts(path, scanned.modules.get(path, ""))
    return directives.Source(facts, text.split("\n"), directives.is_generated(data))


def _is_engine(facts: FileFacts, settings: Settings) -> bool:
    """Tell whether a file lies in a package that was declared to be an engine, by its dotted name."""
    return any(facts.module == name or facts.module.startswith(f"{name}.") for name in settings.engine_packages)


def _not_scanned(each: Unscanned) -> Finding:
    line = max(each.line, 1)
    return Finding(
        "MS008", each.path, Place(line, 1, line, 1), Severity.WARNING, None, Role.SERVICE, "", "", (("problem", each.why),)
    )  # fmt: skip


def _unmatched(settings: Settings, scanned: Scanned, codes: frozenset[str], give: ratchet.Fingerprints) -> list[Judged]:
    """Return findings of exceptions for files that match none, where a whole tree was looked at."""
    if "MS004" not in codes or not scanned.is_whole:
        return []
    found = []
    for each in settings.per_file_allow:
        if not any(fnmatch.fnmatchcase(path, each.glob) for path in scanned.on_disk):
            finding = Finding(
                "MS004", each.source, Place(1, 1, 1, 1), Severity.WARNING, None, Role.SERVICE, "", each.directive[:200],
                (("codes", each.glob),), "glob",
            )  # fmt: skip
            found.append(Judged(finding, Status.OPEN, give(finding)))
    return found


def _order(judged: Judged) -> tuple[str, int, int, str]:
    finding = judged.finding
    return finding.path, finding.place.line, finding.place.column, finding.code
