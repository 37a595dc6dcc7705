"""From paths to findings: walk, remember what has not changed, and look at the rest.

A folder whose files share their imports is a project, and is looked at by itself: in a process of its own where there are several and none
is much larger than the others, else one after the other, each in several.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from mainspring.advisor.cache import Cache, Entry, digest_of
from mainspring.advisor.desk import Question
from mainspring.advisor.finding import Finding, Role
from mainspring.advisor.look import Look, Part, patiently
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.reading import bytes_of, read_file, read_one
from mainspring.advisor.record import record
from mainspring.advisor.report import Unscanned
from mainspring.advisor.settings import Settings
from mainspring.advisor.walk import Found, Tree, Walker

POOL_FROM = 1_500  # files to be read: for fewer, starting processes takes longer than they save


@record(slots=True)
class Scanned:
    """What was found in a tree, before anybody asked what may stand."""

    findings: list[Finding] = field(default_factory=list)
    commented: list[FileFacts] = field(default_factory=list)  # files that speak to the checker
    unscanned: list[Unscanned] = field(default_factory=list)
    files: int = 0
    links: list[str] = field(default_factory=list)
    on_disk: dict[str, str] = field(default_factory=dict)  # path as told -> path as opened
    modules: dict[str, str] = field(default_factory=dict)  # path as told -> dotted name
    is_remembered: bool = False  # all of it, from the cache
    is_whole: bool = False  # the whole project was looked at


class Scan:
    """One look at a tree."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        *,
        jobs: int = 1,
        is_cached: bool = True,
        is_strict: bool = False,
        instead: Mapping[str, bytes] | None = None,
        on_read: Callable[[int], None] | None = None,
    ) -> None:
        self._question = Question(root, settings, is_strict, instead or {})
        self._jobs, self._on_read = jobs, on_read
        self._walker = Walker(root, settings.exclude)
        self._cache = Cache(root, is_used=is_cached)
        self._scanned = Scanned()
        self._known: dict[str, Entry] = {}  # files that are what they were, by their paths

    def run(self, paths: Sequence[Path]) -> Scanned:
        """Look at all Python files below the paths."""
        with patiently():
            return self._run(paths)

    def _run(self, paths: Sequence[Path]) -> Scanned:
        tree = self._walker.walk(paths)
        tree.files = [each for each in tree.files if each.is_asked or not self._is_left_out(each.path)]
        scanned = self._scanned
        scanned.files, scanned.links = len(tree.files) + len(tree.refused), tree.links
        scanned.is_whole = any(os.path.abspath(each) == self._walker.root for each in paths)
        scanned.on_disk = {each.path: each.file for each in tree.files}
        scanned.modules = {each.path: each.module for each in tree.files}
        self._recognise(tree)
        if self._question.instead or not self._remember(tree):
            self._look(tree)
            if not self._question.instead and self._is_sound():
                self._cache.put_result(self._digest(tree), scanned.findings)
        scanned.unscanned += [Unscanned(path, 0, why) for path, why in tree.refused]
        scanned.findings.sort(key=_order)
        scanned.unscanned.sort(key=_by_path)
        self._listen(tree)
        if scanned.is_whole:
            self._cache.forget([path for path in self._cache.entries if path not in scanned.on_disk])
        self._cache.save()
        return scanned

    def _is_sound(self) -> bool:
        """Tell whether no rule has failed: what is not known of a file because of that must be told again the next time."""
        return all((entry := self._cache.entries.get(each.path)) is not None and entry.problem for each in self._scanned.unscanned)

    def _is_left_out(self, path: str) -> bool:
        """Tell whether nothing that is found in a file would be told."""
        from mainspring.advisor.roles import role_of_path

        settings = self._question.settings
        role = role_of_path(path, settings)
        return role is Role.VENDORED or (role is Role.TEST and not settings.include_tests)

    # What is known already

    def _recognise(self, tree: Tree) -> None:
        """Find the files that hold what they held: a new checkout, or a branch left and entered again, changes nothing but their times."""
        for each in tree.files:
            if each.file in self._question.instead:
                continue
            entry = self._cache.entry(each.path, each.mtime, each.size)
            if entry is None and (same := self._cache.same(each.path, each.size)) is not None:
                data, problem = bytes_of(each.file)
                if not problem and digest_of(data) == same.digest:
                    entry = replace(same, mtime=each.mtime)
                    self._cache.put(each.path, entry)
            if entry is not None:
                self._known[each.path] = entry

    def _digest(self, tree: Tree) -> str:
        """Return what this very question is known by: what every file holds, and whatever else rules may look at."""
        from mainspring.advisor.versions import read_versions

        question = self._question
        asked = hashlib.blake2b(digest_size=16)
        told = replace(question.settings, select=(), ignore=(), per_file_allow=(), max_allows_per_file=0, max_justifications=None)
        asked.update(repr((told, question.is_strict, read_versions(question.root))).encode("utf-8", "surrogatepass"))
        for each in tree.files:
            entry = self._cache.entries.get(each.path)
            held = entry.digest if entry is not None else ""
            asked.update(f"{each.path}\0{each.module}\0{each.project}\0{held}\0{each.is_asked}\n".encode("utf-8", "surrogatepass"))
        return asked.hexdigest()

    def _remember(self, tree: Tree) -> bool:
        """Take everything from the cache, where nothing has changed since."""
        if any(each.path not in self._known for each in tree.files):
            return False
        if any(each.is_asked for each in tree.files) and self._has_moved(tree):
            return False
        if (findings := self._cache.result(self._digest(tree))) is None:
            return False
        self._scanned.findings = list(findings)
        for path, entry in self._known.items():
            if entry.problem:
                self._scanned.unscanned.append(Unscanned(path, entry.problem_line, entry.problem))
        self._scanned.is_remembered = True
        return True

    def _has_moved(self, tree: Tree) -> bool:
        """Tell whether anything that is known beside the asked files has changed: what they are judged by may be there."""
        asked = {each.path for each in tree.files}
        for path, entry in self._cache.entries.items():
            if path not in asked:
                try:
                    found = os.stat(os.path.join(self._walker.root, path))
                except OSError:
                    return True
                if found.st_mtime_ns != entry.mtime or found.st_size != entry.size:
                    return True
        return False

    def _listen(self, tree: Tree) -> None:
        """Read again the few files that speak to the checker: their comments, and the statements that these stand at."""
        for each in tree.files:
            entry = self._cache.entries.get(each.path)
            data = self._question.instead.get(each.file)
            if data is not None or (entry is not None and entry.has_comments):
                outcome = (
                    read_one(each.path, each.module, data, (), is_whole=True)
                    if data is not None
                    else read_file(each.file, each.path, each.module, (), is_whole=True)
                )
                if outcome.facts is not None and outcome.facts.comments:
                    self._scanned.commented.append(outcome.facts)

    # Looking

    def _look(self, tree: Tree) -> None:
        """Look at every project, in several processes where that pays."""
        projects: dict[str, list[Found]] = {}
        for each in tree.files:
            projects.setdefault(each.project, []).append(each)
        known = self._known
        unread = len(tree.files) - len(known)
        read = 0
        if self._jobs > 1 and unread >= POOL_FROM and max(map(len, projects.values())) * self._jobs <= len(tree.files):
            from mainspring.advisor.projects import parts

            names = {path: tuple(self._cache.names(path)) for path, entry in known.items() if entry.has_facts}
            for files, part in parts(self._question, projects, known, names, self._jobs):
                read += len(files)
                self._take(part, read)
            return
        for folder, files in projects.items():
            looked = Look(self._question, folder, files, known, self._cache.names, self._walker, self._cache.entries, self._jobs)
            self._take(looked.look(partial(self._tell, read)), read + len(files))
            read += len(files)

    def _take(self, part: Part, read: int) -> None:
        self._scanned.findings += part.findings
        self._scanned.unscanned += part.unscanned
        for path, entry, names in part.entries:
            self._cache.put(path, entry, names)
        noted = {path for path, _, _ in part.entries}
        self._cache.forget(each.path for each in part.unscanned if each.path not in noted and each.path not in self._known)
        self._tell(read)

    def _tell(self, read: int, more: int = 0) -> None:
        if self._on_read is not None:
            self._on_read(read + more)


def _order(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.place.line, finding.place.column, finding.code


def _by_path(each: Unscanned) -> tuple[str, int]:
    return each.path, each.line
