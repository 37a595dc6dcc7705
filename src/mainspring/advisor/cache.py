"""What is known from the last time: which files hold nothing, what the others speak of, and all findings where nothing has changed.

One folder a project, ``.mainspring_cache/check``. Everything is JSON; what cannot be read, or was written by another version of these
rules, was never there. Facts are not kept: a file is read as quickly as they could be. Two checkers at once do no harm, since each file
is replaced whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from mainspring.advisor import codec
from mainspring.advisor.finding import Finding
from mainspring.advisor.record import record
from mainspring.core.version import VERSION

FOLDER = ".mainspring_cache"
SUSPICIOUS = 2 * 10**9  # ns: a file that changed so shortly before it was noted may have changed again within one tick of its clock
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of mainspring check; it may be deleted at any time.\n"


@record(slots=True)
class Entry:
    """What is known of a file. One without facts holds no word that a rule looks for, or could not be read: ``problem`` says why."""

    mtime: int
    size: int
    digest: str
    module: str
    project: str
    has_facts: bool = False
    has_comments: bool = False  # that speak to the checker
    is_whole: bool = False  # it was read whatever words it holds
    wrappers: tuple[str, ...] = ()
    searched: str = ""  # what is known of the words that it was searched for beside the rules' own
    problem: str = ""
    problem_line: int = 0
    seen_at: int = 0


class Cache:
    """The memory of one project. Reading never fails; writing fails silently, since a check without memory is only slower."""

    def __init__(self, root: Path, *, is_used: bool = True) -> None:
        self._folder = root / FOLDER / "check"
        self._is_used = is_used
        self.entries: dict[str, Entry] = {}
        self._names: dict[str, list[str]] | None = None
        self._result: tuple[str, bytes] | None = None
        self.is_changed = False
        if is_used:
            self._load()

    def entry(self, path: str, mtime: int, size: int) -> Entry | None:
        """Return what is known of a file that looks as it did; None where it has changed, or may have."""
        known = self.entries.get(path)
        if known is None or known.mtime != mtime or known.size != size or known.seen_at - mtime < SUSPICIOUS:
            return None
        return known

    def same(self, path: str, size: int) -> Entry | None:
        """Return what is known of a file that may have changed although it is as large as it was; its digest decides."""
        known = self.entries.get(path)
        return known if known is not None and known.size == size else None

    def names(self, path: str) -> Sequence[str]:
        """Return what a file speaks of, by the last parts of the names."""
        return self._known_names().get(path, ())

    def put(self, path: str, entry: Entry, names: Sequence[str] = ()) -> None:
        """Note a file, and what it speaks of."""
        entry.seen_at = time.time_ns()
        self.entries[path] = entry
        if names:
            self._known_names()[path] = list(names)
        self.is_changed = True

    def result(self, digest: str) -> tuple[Finding, ...] | None:
        """Return the findings of the last check, where it was of the very same files and settings."""
        if self._result is None or self._result[0] != digest:
            return None
        try:
            return tuple(codec.value_of(Finding, each) for each in json.loads(self._result[1]))
        except ValueError:
            return None

    def put_result(self, digest: str, findings: Sequence[Finding]) -> None:
        """Keep the findings of this check."""
        self._result = digest, json.dumps([codec.plain_of(each) for each in findings], separators=(",", ":")).encode()
        self.is_changed = True

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files that are no more."""
        for path in list(paths):
            if self.entries.pop(path, None) is not None:
                self.is_changed = True

    def save(self) -> None:
        """Write what is new, where anything is."""
        if not (self._is_used and self.is_changed):
            return
        with contextlib.suppress(OSError):
            self._prepare()
            files = {path: codec.plain_of(entry) for path, entry in self.entries.items()}
            named = {path: names for path, names in self._known_names().items() if path in self.entries}
            text = json.dumps(named, separators=(",", ":")).encode()
            _replace(self._folder / "names.json", text)
            index = {"stamp": stamp(), "names": digest_of(text), "files": files}
            _replace(self._folder / "index.json", json.dumps(index, separators=(",", ":")).encode())
            if self._result is not None:
                _replace(self._folder / "findings.json", self._result[0].encode() + b"\n" + self._result[1])

    def _prepare(self) -> None:
        if self._folder.parent.is_symlink() or self._folder.is_symlink():
            raise OSError("a cache that leads elsewhere")  # somebody else's tree may not choose where we write
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            if not (file := self._folder.parent / name).exists():
                file.write_text(text, "utf-8")

    def _load(self) -> None:
        try:
            plain = json.loads(_read(self._folder / "index.json"))
            if plain["stamp"] == stamp() and digest_of(self._names_text()) == plain["names"]:
                self.entries = {path: codec.value_of(Entry, values) for path, values in plain["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.entries = {}
        if self.entries:
            with contextlib.suppress(OSError, ValueError):
                digest, _, text = _read(self._folder / "findings.json").partition(b"\n")
                self._result = digest.decode("ascii"), text

    def _names_text(self) -> bytes:
        return _read(self._folder / "names.json")

    def _known_names(self) -> dict[str, list[str]]:
        if self._names is None:
            self._names = {}
            if self.entries:
                with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
                    self._names = {path: [str(name) for name in names] for path, names in json.loads(self._names_text()).items()}
        return self._names


def _read(file: Path) -> bytes:
    """Read a plain file; raises `OSError` for anything else, which may have no end or nobody at its other one."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no plain file")
        return opened.read()


def _replace(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    aside = file.with_name(f".{file.name}.{os.getpid():x}")
    try:
        aside.write_bytes(content)
        os.replace(aside, file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def digest_of(data: bytes) -> str:
    """Return what a content is known by."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def stamp() -> str:
    """Return what the rules and their reader are known by: other rules, or another Python, read other facts."""
    found = [VERSION, sys.version]
    top = Path(__file__).parent
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(each for each in folders if each not in ("__pycache__", "pages", "output", "advise", "agents"))
        for name in sorted(names):
            if name.endswith(".py"):
                known = os.stat(os.path.join(folder, name))
                found.append(f"{name} {known.st_size} {known.st_mtime_ns}")
    return hashlib.blake2b("\n".join(found).encode(), digest_size=16).hexdigest()
