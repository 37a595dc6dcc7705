"""Precision, recall and kinds against the labels: `python -m benchmarks.governance.evaluate CORPUS --split tune`.

Every package is a project of its own, as its users would check it. A finding belongs to a label when it stands within three lines of it.
Errors and warnings count; a notice is no accusation, and a label that is unclear counts for neither side.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.governance.labels import Label, Split, Verdict, read, split_of, stale
from mainspring.advisor.finding import Finding, Severity
from mainspring.advisor.scan import Scan
from mainspring.advisor.settings import Settings

NEAR = 3  # lines
FAMILIES = ("MS1", "MS2", "MS3")  # what the labels speak of; the rest needs definitions of ours
FRAMEWORKS = ("fastapi", "flask", "quart", "django", "aiohttp", "tornado", "starlette", "litestar", "sanic", "twisted")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding and the package it is in."""

    package: str
    finding: Finding

    @property
    def is_heard(self) -> bool:
        """Whether it would fail a build."""
        return self.finding.severity is not Severity.NOTICE

    @property
    def where(self) -> str:
        """Package, path and line."""
        return f"{self.package}/{self.finding.path}:{self.finding.place.line}"


@dataclass(slots=True)
class Score:
    """Counts of one group of labels."""

    right: int = 0  # heard findings at violations
    wrong: int = 0  # heard findings where nothing is
    met: int = 0  # violations that are heard
    noticed: int = 0  # violations with a notice only
    missed: int = 0
    kinds_right: int = 0
    kinds_wrong: int = 0

    def __str__(self) -> str:
        return (
            f"precision {_share(self.right, self.wrong)}   recall {_share(self.met, self.noticed + self.missed)}"
            f" ({self.noticed} more noticed)   kind {_share(self.kinds_right, self.kinds_wrong)}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Scan the corpus, compare, print. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.governance.evaluate", description=__doc__)
    parser.add_argument("corpus", type=Path, help="a folder with one folder for each package of packages.txt")
    parser.add_argument("--split", type=Split, default=Split.TUNE, choices=list(Split))
    parser.add_argument("--package", action="append", default=[], help="only these")
    parser.add_argument("--readers", type=int, default=1, metavar="N", help="only labels that at least N people agree on")
    parser.add_argument("--list", action="store_true", help="print every mistake with its line of code")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="print N findings at random that nobody has judged yet, to be read"
    )
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args(arguments)
    labels = [
        each
        for each in read()
        if each.split is options.split and each.readers >= options.readers and (not options.package or each.package in options.package)
    ]
    packages = {each.package for each in labels}
    for each in stale(labels, options.corpus):
        print(f"not in this corpus: {each.folder}/{each.path}:{each.lines[0]}", file=sys.stderr)
    folders = {
        package: folder
        for folder in sorted(options.corpus.iterdir())
        if split_of(package := folder.name.rpartition("-")[0]) is options.split and package in packages
    }
    found = [each for package, folder in folders.items() for each in scan(package, folder)]
    report(labels, found, folders, is_listed=options.list)
    if options.sample:
        sample(labels, found, folders, options.sample, options.seed)
    return 0


def scan(package: str, folder: Path) -> Iterable[Found]:
    """Return the findings of one package, in this process and without a cache."""
    scanned = Scan(folder, Settings(), is_cached=False).run([folder])
    for each in scanned.findings:
        if each.code.startswith(FAMILIES):
            yield Found(package, each)


def report(labels: Sequence[Label], found: Sequence[Found], folders: Mapping[str, Path], *, is_listed: bool) -> None:
    """Print the figures: of all labels, by framework, by rule."""
    near = match(labels, found)
    total, whole, by_framework, by_rule = Score(), Score(), defaultdict[str, Score](Score), defaultdict[str, Score](Score)
    wrong: list[tuple[Label, Found]] = []
    missed: list[tuple[Label, Sequence[Found]]] = []
    kinds: list[tuple[Label, Found]] = []
    for label in labels:
        if label.verdict is Verdict.UNCLEAR:
            continue
        heard = [each for each in near[label] if each.is_heard]
        scores = [total, by_framework[framework_of(label, folders)], *([whole] if label.is_exhaustive else [])]
        if label.verdict is Verdict.OK:
            wrong += [(label, each) for each in heard]
            _add(scores + [by_rule[each.finding.code] for each in heard[:1]], "wrong", bool(heard))
            continue
        rule = by_rule[min(label.codes)]
        right = [each for each in heard if each.finding.code in label.codes]
        _add([*scores, rule], "right", bool(heard))
        _add([*scores, rule], "met" if heard else "noticed" if near[label] else "missed", True)
        if not heard:
            missed.append((label, near[label]))
        if told := right or heard:
            is_right = any(each.finding.kind is None or each.finding.kind.value in label.kinds for each in told)
            _add([*scores, rule], "kinds_right" if is_right else "kinds_wrong", True)
            if not is_right:
                kinds.append((label, told[0]))
    count = Counter(each.verdict for each in labels)
    everything = Counter(each.finding.severity.value for each in found)
    print(f"{len(labels)} labels ({', '.join(f'{n} {verdict}' for verdict, n in count.items())}), {len(found)} findings {dict(everything)}")
    print(f"all          {total}")
    print(f"whole files  {whole}")
    for name, score in sorted(by_framework.items()):
        print(f"{name:<12} {score}")
    for name, score in sorted(by_rule.items()):
        print(f"{name:<12} {score}")
    if is_listed:
        for label, each in wrong:
            print(f"\nWRONG {each.finding.code} {each.finding.severity} {_told(each, folders)}\n      is: {label.why}")
        for label, others in missed:
            noticed = ", ".join(sorted(each.finding.code for each in others))
            print(f"\nMISSED {'/'.join(sorted(label.codes))} {label.package}/{label.path}:{label.lines[0]} noticed: {noticed or '-'}")
            print(f"      {_line(folders[label.package] / label.path, label.lines[0])}\n      is: {label.why}")
        for label, each in kinds:
            print(f"\nKIND {each.finding.code} [{each.finding.kind}] instead of {'/'.join(sorted(label.kinds))} {_told(each, folders)}")


def sample(labels: Sequence[Label], found: Sequence[Found], folders: Mapping[str, Path], count: int, seed: int) -> None:
    """Print findings at random that no label speaks of."""
    judged = {id(each) for several in match(labels, found).values() for each in several}
    unread = [each for each in found if each.is_heard and id(each) not in judged]
    print(f"\n{len(unread)} findings that count are not judged yet; {min(count, len(unread))} of them:")
    for each in random.Random(seed).sample(unread, min(count, len(unread))):
        print(f"\nREAD {each.finding.code} {each.finding.severity} [{each.finding.kind}] {each.finding.role} {_told(each, folders)}")


def match(labels: Iterable[Label], found: Iterable[Found]) -> Mapping[Label, Sequence[Found]]:
    """Return the findings that speak of each label.

    A finding speaks of where it stands. It also tells a violation that it cites: a loop that is found where it is started.
    """
    by_file = defaultdict[tuple[str, str], dict[int, Found]](dict)
    for each in found:
        for path in (each.finding.path, *(evidence.path for evidence in each.finding.evidence)):
            by_file[each.package, path][id(each)] = each
    return {
        label: [each for each in by_file[label.package, label.path].values() if _stands_at(each, label) or _cites(each, label)]
        for label in labels
    }


def _stands_at(found: Found, label: Label) -> bool:
    place = found.finding.place
    return found.finding.path == label.path and any(
        place.line - NEAR <= line <= max(place.end_line, place.line + NEAR) for line in label.lines
    )


def _cites(found: Found, label: Label) -> bool:
    return label.verdict is Verdict.VIOLATION and any(
        evidence.path == label.path and abs(evidence.line - line) <= 1 for evidence in found.finding.evidence for line in label.lines
    )


def framework_of(label: Label, folders: Mapping[str, Path]) -> str:
    """Return the framework that a package is built with, by what its files import most."""
    if label.package not in _FRAMEWORKS:
        seen = Counter[str]()
        for file in folders[label.package].rglob("*.py"):
            text = file.read_bytes()
            seen.update(name for name in FRAMEWORKS if f"from {name}".encode() in text or f"import {name}".encode() in text)
        _FRAMEWORKS[label.package] = seen.most_common(1)[0][0] if seen else "other"
    return _FRAMEWORKS[label.package]


_FRAMEWORKS: dict[str, str] = {}


def _add(scores: Iterable[Score], field: str, is_so: bool) -> None:
    for each in scores:
        setattr(each, field, getattr(each, field) + is_so)


def _share(some: int, others: int) -> str:
    return f"{some / (some + others):.2f} ({some} of {some + others})" if some + others else "-"


def _told(each: Found, folders: Mapping[str, Path]) -> str:
    path = folders[each.package] / each.finding.path
    evidence = "".join(f"\n      {item.path}:{item.line} {item.text[:100]}" for item in each.finding.evidence[:3])
    return f"{each.where} in {each.finding.function or '(module)'}\n      {_line(path, each.finding.place.line)}{evidence}"


def _line(path: Path, line: int) -> str:
    try:
        return path.read_text("utf-8", errors="replace").split("\n")[line - 1].strip()[:140]
    except (OSError, IndexError):
        return "?"


if __name__ == "__main__":
    raise SystemExit(main())
