"""Which lines of files are new since a commit.

The repository may be hostile: its own configuration can name programs for diffs, filters, hooks and file watching. So Git is asked for
nothing but names and stored contents, which runs none of them; what is compared, is compared here.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from mainspring.advisor.finding import Judged
from mainspring.core.errors import ConfigurationError

MOST_COMPARED = 30_000  # lines: beyond them a file's lines are compared as a set, without their order
PATIENCE = 60.0  # seconds for one answer of Git's


def changed_lines(base: str, files: Mapping[str, str]) -> frozenset[tuple[str, int]]:
    """Return the (path, line) of all lines that are not as in the commit where this branch left ``base``.

    ``files`` are paths on the disk by the paths that are told. Raises `ConfigurationError` where there is no repository or no such commit.
    """
    if not files:
        return frozenset()
    folders = {os.path.dirname(os.path.realpath(file)) for file in files.values()}
    top = Path(_ask(Path(min(folders, key=len)), "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n"))
    commit = commit_of(top, base)
    stored = _stored(top, commit)
    algorithm = "sha256" if len(commit) == 64 else "sha1"
    changed: set[tuple[str, int]] = set()
    for path, file in files.items():
        try:
            now = Path(file).read_bytes()
        except OSError:
            changed.add((path, 0))
            continue
        name = os.path.relpath(os.path.realpath(file), top).replace(os.sep, "/")
        blob = stored.get(name)
        if blob is not None and _is_same(blob, now, algorithm):
            continue
        before = b"" if blob is None else _ask(top, "cat-file", "blob", blob)
        changed |= {(path, line) for line in _new_lines(before, now)}
    return frozenset(changed)


def check_base(folder: Path, base: str) -> None:
    """Raise `ConfigurationError` unless there is a repository and such a commit: asked before anything is scanned."""
    commit_of(Path(_ask(folder, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n")), base)


def commit_of(top: Path, base: str) -> str:
    """Return the commit where this branch left another; the commit itself where both have nothing in common."""
    if base.startswith("-") or not base or "\0" in base:
        raise ConfigurationError(f"--diff {base!r} is no commit: name a branch, a tag or a commit, as in --diff main")
    try:
        commit = _ask(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}").decode("ascii").strip()
    except ConfigurationError:
        raise ConfigurationError(
            f"--diff {base}: the repository {top} has no such commit; fetch it first (a shallow clone has little), or name another"
        ) from None
    try:
        return _ask(top, "merge-base", commit, "HEAD").decode("ascii").strip()
    except ConfigurationError:
        return commit  # no common ancestor, or nothing is committed yet


def is_touched(judged: Judged, changed: frozenset[tuple[str, int]]) -> bool:
    """Tell whether a finding's statement was changed, or what led to it: the lines that its evidence names."""
    finding = judged.finding
    place = finding.place
    last = max(place.line, min(place.end_line, place.line + 500))
    return (
        any((finding.path, line) in changed for line in range(place.line, last + 1))
        or (finding.path, 0) in changed
        or any((each.path, each.line) in changed for each in finding.evidence)
    )


def _stored(top: Path, commit: str) -> dict[str, str]:
    """Return the contents that a commit holds, by path."""
    found = {}
    for row in _ask(top, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        head, _, path = row.partition(b"\t")
        if path and head.split()[1] == b"blob":
            found[path.decode("utf-8", "surrogateescape")] = head.split()[2].decode("ascii")
    return found


def _is_same(blob: str, now: bytes, algorithm: str) -> bool:
    return hashlib.new(algorithm, b"blob %d\0" % len(now) + now, usedforsecurity=False).hexdigest() == blob


def _new_lines(before: bytes, now: bytes) -> Iterable[int]:
    """Return the numbers of lines that were not there; of lines that only went, the one that stands in their place."""
    old, new = (text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") for text in (before, now))
    if len(old) + len(new) > MOST_COMPARED:
        known = set(old)
        return [number for number, line in enumerate(new, 1) if line not in known]
    found: list[int] = []
    for tag, _, _, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("insert", "replace"):
            found += range(first + 1, last + 1)
        elif tag == "delete":
            found += [first + 1] if first < len(new) else [max(first, 1)]
    return found


def _ask(folder: Path, *words: str) -> bytes:
    """Ask Git something that only reads names and objects; raises `ConfigurationError` with what it says."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name == "GIT_CEILING_DIRECTORIES"},
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_PAGER": "",
        "LC_ALL": "C",
    }
    quiet = ["-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.pager=", "-c", "protocol.allow=never"]
    try:
        done = subprocess.run(
            ["git", "--no-pager", *quiet, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise ConfigurationError("--diff needs Git, and there is none on the path") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"--diff: git {words[0]} has not answered within {PATIENCE:.0f} s in {folder}") from None
    except OSError as error:
        raise ConfigurationError(f"--diff: git cannot be started in {folder}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[0] if said else f"git {words[0]} failed"
        raise ConfigurationError(f"--diff: {folder} is in no Git repository that can be read ({why})")
    return done.stdout
