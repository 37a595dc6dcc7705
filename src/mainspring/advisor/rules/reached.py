"""What the body of a task reaches: its calls, and those of the project's functions that it calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Place
from mainspring.advisor.read.facts import Call, FileFacts, Function
from mainspring.advisor.record import record
from mainspring.advisor.rules.definitions import Definition
from mainspring.advisor.rules.ours import is_engine

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


DEPTH = 3


@record(frozen=True, slots=True)
class Reached:
    """A call that a body makes, itself or by functions of the project that it calls."""

    file: FileFacts
    function: Function
    call: Call
    depth: int

    def place_for(self, definition: Definition) -> Call | Place:
        """Return where to tell of it: at the call, or at the definition whose body stands elsewhere."""
        return self.call if self.depth == 0 and definition.home is None else definition.place


def body_calls(project: Project, definition: Definition, depth: int = DEPTH) -> Iterator[Reached]:
    """Yield the calls that the body of a definition makes, see `reached`."""
    return reached(project, definition.home or definition.file, definition.function, depth)


def reached(project: Project, file: FileFacts, function: Function, depth: int = DEPTH) -> Iterator[Reached]:
    """Yield the calls of a body and of the project's functions that it calls, each function once, nearest first."""
    seen = {(file.module, function.name)}
    round_: list[tuple[FileFacts, Function]] = [(file, function)]
    for level in range(depth):
        following: list[tuple[FileFacts, Function]] = []
        for where, body in round_:
            for call in body.calls:
                yield Reached(where, body, call, level)
                if level + 1 == depth or call.ref.startswith("?") or is_engine(call.ref, where):
                    continue
                known = project.function(call.ref)
                if known is None or (known.file.module, known.function.name) in seen:
                    continue
                seen.add((known.file.module, known.function.name))
                if not known.function.is_generator or call.loop >= 0 or known.function.calls:
                    following.append((known.file, known.function))
        round_ = following


def handlers_named(inside: Iterable[str]) -> Sequence[str]:
    """Return the classes of the except clauses that a call stands in, as written; "" for a bare one."""
    return [each.partition(":")[2] for each in inside if each == "except" or each.startswith("except:")]
