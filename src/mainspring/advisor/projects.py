"""Several projects at once, each in one of several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mainspring.advisor.cache import Entry
from mainspring.advisor.crew import Crew, Share
from mainspring.advisor.desk import Question
from mainspring.advisor.look import Look, Part
from mainspring.advisor.pool import died
from mainspring.advisor.walk import Found

_Job = tuple[str, Sequence[Found], Mapping[str, Entry], Mapping[str, tuple[str, ...]]]


def parts(
    question: Question,
    projects: Mapping[str, Sequence[Found]],
    known: Mapping[str, Entry],
    names: Mapping[str, tuple[str, ...]],
    jobs: int,
    frame: str = "",
) -> Iterator[tuple[Sequence[Found], Part]]:
    """Look at projects in ``jobs`` processes, the largest first, and yield what was found in each as it comes."""
    work: list[Share[_Job]] = []
    for folder, files in sorted(projects.items(), key=lambda each: -len(each[1])):
        paths = {each.path for each in files}
        mine = {path: entry for path, entry in known.items() if path in paths}
        work.append(Share([(folder, files, mine, {path: names[path] for path in mine if path in names})]))
    with Crew(jobs, partial(_Projects, question, frame)) as crew:
        for share, _, part in crew.do(_Projects.look, work):
            files = share.items[0][1]
            yield files, part or Part(unscanned=[died(each.path, "project") for each in files])


class _Projects:
    """A process that looks at whole projects."""

    def __init__(self, question: Question, frame: str) -> None:
        self._question, self._frame = question, frame

    def look(self, jobs: Sequence[_Job]) -> Part:
        """Look at one project."""
        ((folder, files, known, names),) = jobs
        return Look(self._question, folder, files, known, lambda path: names.get(path, ()), frame=self._frame).look()
