"""Several desks for one project, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from mainspring.advisor.crew import Crew, Share
from mainspring.advisor.desk import Desk, Judged, Question, Told
from mainspring.advisor.neighbours import Names
from mainspring.advisor.report import Unscanned
from mainspring.advisor.walk import Found

SHARES = 12  # that each process is given, about: small enough for all to end together, and large enough for files that lie together
SMALLEST = 2**15  # bytes of a share that is read


class Shared:
    """The desks of one project, each in a process of its own."""

    def __init__(self, question: Question, folder: str, files: Sequence[Found], jobs: int) -> None:
        import mainspring.advisor.read.reader
        import mainspring.advisor.rules
        import mainspring.advisor.versions  # noqa: F401 - all that the processes need is loaded once, before they fork

        self._paths = {each.module: each.path for each in files}
        self._owners: dict[str, int] = {}  # who has read a module
        self._jobs = jobs
        self._crew = Crew(jobs, partial(Desk, question, folder, files))

    def __enter__(self) -> Self:
        self._crew.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._crew.__exit__(kind, error, trace)

    def read(self, files: Sequence[Found], words: tuple[bytes, ...], *, is_second: bool) -> Iterable[tuple[Found, Told | None]]:
        """Yield what each file has told; nothing where it killed its process."""
        shares = _shares_of_bytes(files, self._jobs)
        for share, number, told in self._crew.do(partial(Desk.read, words=words, is_second=is_second), shares):
            for at, each in enumerate(share.items):
                self._owners[each.module] = number
                yield each, told[at] if told is not None else None

    def know(self, names: Names, wrappers: frozenset[str], modules: Sequence[str], starting: frozenset[str] | None) -> Judged:
        """Know these names and wrappers, and which modules start what they are given: looked for where that is None, and told."""
        self._crew.tell(partial(Desk.know, names={module: tuple(speaks()) for module, speaks in names.items()}, wrappers=wrappers))
        told = Judged(giving=sorted(starting or ()))
        if starting is None:
            for _, _, some in self._crew.do(Desk.starting, self._shares_of_owners(modules)):
                told.giving += some.giving if some is not None else ()
                told.given |= some.given if some is not None else {}
        self._crew.tell(partial(Desk.start_with, modules=frozenset(told.giving)))
        return told

    def judge(self, modules: Sequence[str]) -> Iterable[Judged]:
        """Yield what the rules say of the modules."""
        for share, _, judged in self._crew.do(Desk.judge, self._shares_of_owners(modules)):
            yield judged or Judged(unscanned=[died(self._paths[module], "file") for module in share.items])

    def _shares_of_owners(self, modules: Sequence[str]) -> list[Share[str]]:
        """Return modules as they are judged best: by who has read them, and in the order in which they lie."""
        size = max(1, len(modules) // (self._jobs * SHARES))
        found = []
        for owner in range(-1, self._jobs):
            own = [module for module in modules if self._owners.get(module, -1) == owner]
            found += [Share(own[at : at + size], owner) for at in range(0, len(own), size)]
        return found


def _shares_of_bytes(files: Sequence[Found], jobs: int) -> list[Share[Found]]:
    """Return files in shares of about as many bytes, neighbours together: the files of one package share their imports."""
    most = max(SMALLEST, sum(each.size for each in files) // (jobs * SHARES))
    found: list[list[Found]] = [[]]
    size = 0
    for each in files:
        if size >= most:
            found.append([])
            size = 0
        found[-1].append(each)
        size += each.size
    return [Share(each) for each in found if each]


def died(path: str, what: str) -> Unscanned:
    """Tell of what nobody has looked at."""
    return Unscanned(path, 0, f"the process that read this {what} died")
