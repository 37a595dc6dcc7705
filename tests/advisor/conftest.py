"""Code as text in, findings out: what tests of the rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.advisor.finding import Finding
from mainspring.advisor.output.words import words_of
from mainspring.advisor.project import Project
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.read.reader import read_source
from mainspring.advisor.reading import read_one
from mainspring.advisor.rules import FAMILIES
from mainspring.advisor.scan import Scanned
from mainspring.advisor.settings import Settings
from mainspring.advisor.verdict import Terms, judge
from mainspring.advisor.versions import read_versions
from mainspring.i18n.tables import TAGS

Sources = str | Mapping[str, str]


def module_of(path: str) -> str:
    """Return the dotted name of a file under the project's root."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def facts_of(sources: Sources) -> list[FileFacts]:
    """Read sources: one text is app/main.py."""
    texts = {"app/main.py": sources} if isinstance(sources, str) else sources
    return [read_source(path, module_of(path), dedent(text).encode()) for path, text in texts.items() if path.endswith(".py")]


def project_of(sources: Sources, **settings: object) -> Project:
    """Make a project of sources."""
    return Project({facts.module: facts for facts in facts_of(sources)}, settings=Settings(**settings))  # type: ignore[arg-type]


def codes(found: list[Finding]) -> list[str]:
    """Return the codes, in order, each as often as it was found."""
    return [each.code for each in found]


def judged_files(sources: Sources) -> set[str]:
    """Return the paths that a scan would judge: a file holds a word of the rules, or calls a wrapper of another file."""
    texts = {"app/main.py": sources} if isinstance(sources, str) else sources
    files = {path: dedent(text).encode() for path, text in texts.items() if path.endswith(".py")}
    wrappers: tuple[bytes, ...] = ()
    for _ in range(3):
        read = {path: read_one(path, module_of(path), data, wrappers, is_whole=False) for path, data in files.items()}
        wrappers = tuple(sorted({word.encode() for outcome in read.values() for word in outcome.wrappers}))
    return {path for path, outcome in read.items() if outcome.facts is not None}


def judged(found: list[Finding], project: Project, sources: Sources) -> list[Finding]:
    """Return what counts of findings, after the written exceptions of the sources: those that are refused are findings themselves."""
    texts = {"app/main.py": sources} if isinstance(sources, str) else sources
    commented = [facts for facts in project.files.values() if facts.comments]
    scanned = Scanned(sorted(found, key=lambda each: (each.path, each.place.line)), commented, on_disk={path: path for path in texts})
    terms = Terms(date(2026, 6, 1), "", instead={path: dedent(text).encode() for path, text in texts.items()})
    return [each.finding for each in judge(scanned, project.settings, terms).open]


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., list[Finding]]:
    """Return what all rules find in sources; what is no Python is written into the project's folder."""

    def run(sources: Sources, **settings: object) -> list[Finding]:
        project = project_of(sources, **settings)
        for path, text in (sources if not isinstance(sources, str) else {}).items():
            if not path.endswith(".py"):
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(dedent(text))
        project.versions = read_versions(tmp_path)
        for facts in project.files.values():
            assert not facts.problem, f"{facts.path}:{facts.problem_line} {facts.problem}"
        told = judged_files(sources)
        found = [each for facts in list(project.files.values()) if facts.path in told for judge in FAMILIES for each in judge(project, facts)]
        if any(facts.comments for facts in project.files.values()):
            found = judged(found, project, sources)
        for each in found:
            for language in TAGS:
                words_of(each, language)  # raises where nobody has written its words
        return sorted({(each.code, each.path, each.place.line, each.place.column): each for each in reversed(found)}.values(),
                      key=lambda each: (each.path, each.place.line, each.place.column, each.code))  # fmt: skip

    return run
