"""Code as text in, findings out: what tests of the rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from textwrap import dedent

import pytest

from mainspring.advisor.finding import Finding
from mainspring.advisor.output.words import words_of
from mainspring.advisor.project import Project
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.read.reader import read_source
from mainspring.advisor.scan import Scan
from mainspring.advisor.settings import Settings
from mainspring.advisor.verdict import Terms, judge
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


@pytest.fixture
def check(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Finding]]:
    """Return what a scan finds in sources, each time in a folder of its own: which files it reads at all is part of it.

    Tests of what stands in tests or in other people's code say so by the settings.
    """

    def run(sources: Sources, **settings: object) -> list[Finding]:
        texts = {"app/main.py": sources} if isinstance(sources, str) else sources
        root = tmp_path_factory.mktemp("project")
        for path, text in {"pyproject.toml": "", **texts}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(dedent(text))
        told = Settings(**settings)  # type: ignore[arg-type]
        scanned = Scan(root, told, is_cached=False).run([root])
        assert not scanned.unscanned
        found = scanned.findings
        if scanned.commented:
            found = [each.finding for each in judge(scanned, told, Terms(date(2026, 6, 1), "")).open]
        for each in found:
            for language in TAGS:
                words_of(each, language)  # raises where nobody has written its words
        return sorted({(each.code, each.path, each.place.line, each.place.column): each for each in reversed(found)}.values(),
                      key=lambda each: (each.path, each.place.line, each.place.column, each.code))  # fmt: skip

    return run
