"""The rules, a file a family. Each has ``judge(project, file)``, a pure function from facts to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mainspring.advisor.rules import ms1, ms2, ms3, ms4, ms5, ms6

if TYPE_CHECKING:
    from mainspring.advisor.finding import Finding
    from mainspring.advisor.project import Project
    from mainspring.advisor.read.facts import FileFacts

Judge = Callable[["Project", "FileFacts"], "Iterator[Finding]"]
FAMILIES: tuple[Judge, ...] = (ms1.judge, ms2.judge, ms3.judge, ms4.judge, ms5.judge, ms6.judge)
"""What a file is judged by, in order."""
