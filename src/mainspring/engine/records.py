"""Records: what a body says while it runs, on its way from the executor to the recorder of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["log", "progress", "gap", "artifact", "ready", "probe"]
Stream = Literal["log", "stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Record:
    """One line, one progress report or one gap of a run.

    ``at`` is monotonic time of this machine (the loop's time for inline runs), comparable between the processes of a
    node: whoever stores the record sends its age, never a time. ``progress`` keeps current, total and stage in
    ``data``; ``gap`` keeps ``{"dropped": n}``, ``artifact`` a file and its ``role``. ``ready`` and ``probe`` are of services: the
    supervisor hears them, and no log keeps them.
    """

    kind: Kind
    at: float
    level: str = "info"
    stream: Stream = "log"
    message: str = ""
    data: Mapping[str, Any] | None = None


def to_wire(records: Sequence[Record]) -> list[tuple[Any, ...]]:
    """Return records as rows; what `from_wire` takes."""
    return [(each.kind, each.at, each.level, each.stream, each.message, each.data) for each in records]


def from_wire(rows: Sequence[Sequence[Any]] | None) -> list[Record]:
    """Return the records whose fields a tape kept or a frame carried as rows."""
    return [Record(*row) for row in rows] if rows else []
