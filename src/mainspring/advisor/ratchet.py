"""The ratchet: findings of old code that nobody has to mend today, so that a build can fail for new ones from the first day.

A finding is known by its rule, its function and its statement, not by its line or file: code that moves stays known, a statement that
is edited does not. Entries end after half a year, as a migration does, and are counted: the second of two equal statements is new.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from mainspring.advisor.finding import Finding, Judged, Status
from mainspring.advisor.record import record
from mainspring.core.errors import ConfigurationError

FORM = 1
LIFE = timedelta(days=180)


@record(frozen=True, slots=True)
class Entry:
    """A finding that was there when the ratchet was set. ``until`` is the last day on which it is forgiven."""

    hash: str
    code: str
    path: str  # where it was, for people
    function: str
    statement: str
    until: date


def hash_of(finding: Finding) -> str:
    """Return what a finding is known by, wherever its code moves."""
    return _hash(finding.code, _function(finding), _normal(finding.statement))


def fingerprint(finding: Finding, nth: int) -> str:
    """Return what a finding is known by in this very file; ``nth`` counts those that are alike there, from 0."""
    return _hash(finding.code, finding.path, finding.function, _normal(finding.statement), str(nth))


class Fingerprints:
    """Gives every finding of a check its own fingerprint: of those alike in one function, the order in the file decides."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, finding: Finding) -> str:
        base = fingerprint(finding, 0)
        nth = self._seen[base]
        self._seen[base] += 1
        return base if nth == 0 else fingerprint(finding, nth)


def read(file: Path) -> tuple[Entry, ...]:
    """Return the entries of a ratchet file. Raises `ConfigurationError` for one that is missing or broken."""
    try:
        plain = json.loads(file.read_text("utf-8"))
        if plain["mainspring-ratchet"] != FORM:
            raise ConfigurationError(f"{file}: form {plain['mainspring-ratchet']!r} is not known; this version writes form {FORM}")
        return tuple(
            Entry(each["hash"], each["code"], each["path"], each["function"], each["statement"], date.fromisoformat(each["until"]))
            for each in plain["entries"]
        )
    except FileNotFoundError:
        raise ConfigurationError(f"{file} is not there: write it with --ratchet {file} --update-ratchet") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{file} is no ratchet file ({type(error).__name__}: {error}): restore it, or write it anew with --update-ratchet"
        ) from None


def apply(judged: Sequence[Judged], entries: Sequence[Entry], today: date) -> tuple[list[Judged], int, int]:
    """Return the findings with those forgiven that the entries know, how many entries are over, and how many match nothing more."""
    left = Counter(entry.hash for entry in entries if entry.until >= today)
    over = Counter(entry.hash for entry in entries if entry.until < today)
    told, expired = [], 0
    for each in judged:
        key = hash_of(each.finding)
        if each.status is Status.OPEN and can_be_ratcheted(each.finding) and left[key]:
            left[key] -= 1
            told.append(replace(each, status=Status.RATCHETED))
            continue
        if each.status is Status.OPEN and over[key]:
            over[key] -= 1
            expired += 1
        told.append(each)
    return told, expired, sum(left.values()) + sum(over.values())


def can_be_ratcheted(finding: Finding) -> bool:
    """Tell whether a finding may be forgiven: what is wrong with exceptions, and files that nobody could read, may not."""
    return not finding.code.startswith("MS00")


def update(file: Path, judged: Sequence[Judged], old: Sequence[Entry], today: date, kept: Sequence[Entry] = ()) -> int:
    """Write the findings that are open or forgiven now; known ones keep their last day unless it is over. Returns how many there are.

    ``kept`` are old entries that stay because nobody has looked there this time.
    """
    days: dict[str, list[date]] = {}
    for entry in sorted(old, key=lambda entry: entry.until, reverse=True):
        if entry.until >= today and entry not in kept:
            days.setdefault(entry.hash, []).append(entry.until)
    entries = [_plain(entry) for entry in kept]
    for each in judged:
        finding = each.finding
        if each.status is Status.SUPPRESSED or not can_be_ratcheted(finding):
            continue
        key = hash_of(finding)
        until = days[key].pop() if days.get(key) else today + LIFE
        entries.append(_plain(Entry(key, finding.code, finding.path, finding.function, _normal(finding.statement), until)))
    entries.sort(key=lambda entry: (entry["path"], entry["code"], entry["function"], entry["statement"], entry["until"]))
    text = json.dumps({"mainspring-ratchet": FORM, "entries": entries}, indent=1, ensure_ascii=False) + "\n"
    aside = file.with_name(f".{file.name}.{os.getpid():x}")
    try:
        aside.write_text(text, "utf-8", errors="backslashreplace")
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
    return len(entries)


def _plain(entry: Entry) -> dict[str, str]:
    return {
        "hash": entry.hash,
        "code": entry.code,
        "path": entry.path,
        "function": entry.function,
        "statement": entry.statement,
        "until": entry.until.isoformat(),
    }


def _function(finding: Finding) -> str:
    """Return a function's name as far as it stays when its lines move: a lambda is called by its place."""
    return "" if "<lambda" in finding.function else finding.function


def _normal(statement: str) -> str:
    return " ".join(statement.split())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
