"""Names of this engine in other people's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainspring.advisor.read.facts import FileFacts

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

OURS = "mainspring"


def canonical(project: Project, ref: str) -> str:
    """Return the dotted name of what is meant; a public name of ours is told without the room that it stands in."""
    found = project.canonical(ref)
    if found.startswith("mainspring.core.") and len(parts := found.split(".")) >= 4:
        return ".".join((OURS, *parts[3:]))
    return found


def is_engine(ref: str, file: FileFacts) -> bool:
    """Tell whether a call leaves the project for the engine, whose own source may stand beside it."""
    return ref.startswith(f"{OURS}.") and not file.module.startswith(OURS)
