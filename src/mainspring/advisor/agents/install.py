"""Putting the texts into a repository: what would change is worked out first, shown, and only then written.

A managed part carries the digest of what was written. Where the two differ, somebody has edited it, and it is left to them. Each file is
written whole or not at all.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from mainspring.advisor.agents.content import Target, Text, texts_for
from mainspring.advisor.versions import Versions
from mainspring.core.errors import ConfigurationError

FORM = 1  # of the marks
MOST_BYTES = 2 * 1024 * 1024  # a larger file is nobody's rules
_BEGIN = re.compile(r"<!-- mainspring:begin v(?P<form>\d+) (?P<digest>[0-9a-f]{64}) -->\n")
_END = "<!-- mainspring:end -->\n"


class State(StrEnum):
    """What stands in a file, and what is to become of it."""

    NEW = "new"  # there is no such file, or nothing of ours in it
    FRESH = "fresh"
    STALE = "stale"  # ours, unedited, and not what this release would write
    EDITED = "edited"  # edited by somebody: left alone
    EDITED_STALE = "edited-stale"  # edited, and what it was made from is not what this release would write


@dataclass(frozen=True, slots=True)
class Planned:
    """One file. ``before`` is what stands there (None: nothing), ``after`` what would."""

    path: str
    state: State
    before: str | None
    after: str

    @property
    def is_change(self) -> bool:
        """Whether something would be written."""
        return self.state in (State.NEW, State.STALE)

    @property
    def is_current(self) -> bool:
        """Whether what stands there is of this release and these versions."""
        return self.state in (State.FRESH, State.EDITED)

    def diff(self) -> str:
        """Return what would change, as a unified diff."""
        before = (self.before or "").splitlines(keepends=True)
        old = f"a/{self.path}" if self.before is not None else "/dev/null"
        lines = difflib.unified_diff(before, self.after.splitlines(keepends=True), old, f"b/{self.path}")
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def repository_of(folder: Path) -> Path:
    """Return the root of the repository that a folder is in, or the folder itself where it is in none."""
    here = folder.resolve()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), here)


def usual(root: Path) -> tuple[str, ...]:
    """Return the targets that a repository seems to want: those of everybody, and of the tools whose folders are there."""
    wanted = [Target.AGENTS, Target.SKILL]
    wanted += [Target.CURSOR] if (root / ".cursor").is_dir() else []
    has_copilot = (root / ".github" / "copilot-instructions.md").exists() or (root / ".github" / "instructions").is_dir()
    wanted += [Target.COPILOT] if has_copilot else []
    wanted += [Target.CLAUDE] if (root / ".claude").is_dir() else []
    return tuple(wanted)


def installed(root: Path) -> tuple[str, ...]:
    """Return the targets of which something is there."""
    return tuple(target for target in Target.ALL if any(_is_ours(root, text) for text in texts_for(target, Versions())))


def _is_ours(root: Path, text: Text) -> bool:
    return (there := _read(root, text.path)) is not None and _BEGIN.search(there) is not None


def plan(root: Path, targets: Iterable[str], versions: Versions) -> Sequence[Planned]:
    """Return what would become of each file; raises `ConfigurationError` for one that must not be touched."""
    return [_planned(text, _read(root, text.path)) for target in targets for text in texts_for(target, versions)]


def _planned(text: Text, before: str | None) -> Planned:
    part = _part(text)
    if before is None:
        return Planned(text.path, State.NEW, None, text.head + part)
    found = list(_BEGIN.finditer(before))
    ends = before.count(_END)
    if not found and not ends:
        if not text.is_block:
            return Planned(text.path, State.EDITED, before, before)  # somebody's own file of that name
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        return Planned(text.path, State.NEW, before, before + gap + part)
    end = before.find(_END, found[0].end()) if found else -1
    if len(found) != 1 or ends != 1 or end < 0:
        raise ConfigurationError(f"{text.path}: the marks mainspring:begin and mainspring:end do not belong together; mend or delete them")
    begin = found[0]
    head = "" if text.is_block else before[: begin.start()]
    if _digest(head, before[begin.end() : end]) != begin["digest"]:
        is_current = begin["digest"] == _digest(text.head, text.body)
        return Planned(text.path, State.EDITED if is_current else State.EDITED_STALE, before, before)
    kept = before[: begin.start()] if text.is_block else text.head
    after = kept + part + before[end + len(_END) :]
    return Planned(text.path, State.FRESH if after == before else State.STALE, before, after)


def write(root: Path, planned: Planned) -> None:
    """Write a file whole or not at all, if it is still what it was when it was planned."""
    if _read(root, planned.path) != planned.before:
        raise ConfigurationError(f"{planned.path} has changed meanwhile: nothing was written to it; ask again")
    path = root / planned.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _confined(root, planned.path)  # once more, with the folders that were made
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(planned.after)
            os.chmod(aside, path.stat().st_mode & 0o777 if planned.before is not None else 0o644)
            os.replace(aside, path)
        except BaseException:
            os.unlink(aside)
            raise
    except OSError as error:
        raise ConfigurationError(f"{planned.path} cannot be written: {error.strerror}") from None


def _read(root: Path, path: str) -> str | None:
    """Return what stands in a file, None for nothing; raises `ConfigurationError` for one that must not be touched."""
    file = _confined(root, path)
    try:
        if not file.exists():
            return None
        if not file.is_file():
            raise ConfigurationError(f"{path} is no file: nothing is written there")
        if file.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{path} has more than {MOST_BYTES // 2**20} MiB: nothing is written there")
        with file.open(encoding="utf-8", newline="") as opened:
            return opened.read()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8: nothing is written there") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _confined(root: Path, path: str) -> Path:
    """Return the file of a relative path, after every part of it was found to be no link."""
    here = root
    for part in Path(path).parts:
        if part in ("..", "/") or here == here / part:
            raise ConfigurationError(f"{path} leads out of the repository: nothing is written there")
        here = here / part
        if here.is_symlink():
            raise ConfigurationError(f"{here.relative_to(root).as_posix()} is a link: nothing is written through it")
    return here


def _part(text: Text) -> str:
    return f"<!-- mainspring:begin v{FORM} {_digest(text.head, text.body)} -->\n{text.body}{_END}"


def _digest(head: str, body: str) -> str:
    """Return what an edit is seen by: of a file that is ours alone, its head counts as well."""
    return sha256(f"{head}{body}".encode()).hexdigest()
