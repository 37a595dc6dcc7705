"""What is known from the last time: which files hold nothing, what the others speak of, and all findings where nothing has changed.

One folder a project, ``.mainspring_cache/check``. Everything is JSON or plain lines; what cannot be read, or was written by another version
of these rules, was never there. Facts are not kept: a file is read as quickly as they could be. Two checkers at once do no harm, since each
file is replaced whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mainspring.advisor import codec
from mainspring.advisor.digest import blake2b
from mainspring.advisor.finding import Finding
from mainspring.advisor.lines import Lines, is_plain, written
from mainspring.advisor.record import record
from mainspring.core.version import VERSION

if TYPE_CHECKING:
    from mainspring.advisor.rests import Rests

FOLDER = ".mainspring_cache"
SUSPICIOUS = 2 * 10**9  # ns: a file that changed so shortly before it was noted may have changed again within one tick of its clock
MOST_RECENT = 200  # files that are noted beside the index before it is written anew
_STARTS = "starts"  # and a word behind it: no key of what files speak of has a space in it
_MOST_RESULTS = 6  # questions whose findings are kept
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
    is_starting: bool = True  # it may define functions that start what they are given; an earlier look at the whole tree knows better


class Cache:
    """The memory of one project. Reading never fails; writing fails silently, since a check without memory is only slower.

    ``index.json`` says what is known of each file, ``names.txt`` what it speaks of and ``words.txt`` who speaks of a word. What came since
    is in ``recent.json``, as long as it is little: saving a changed file must not take as long as saving a tree.
    """

    def __init__(self, root: Path, *, is_used: bool = True) -> None:
        self._folder = root / FOLDER / "check"
        self._is_used = is_used
        self._began_at = time.time_ns()  # before any file is looked at: what changes while they are read is not believed the next time
        self.entries = Entries({})
        self._token = ""
        self._sizes: tuple[int, int] = (0, 0)
        self._paths: list[str] = []  # as ``words.txt`` counts them
        self._spoken: Lines | None = None
        self._speaking: Lines | None = None
        self._recent: dict[str, list[str]] = {}  # what files speak of that were noted since the index was written
        self._results: list[tuple[str, list[Any]]] | None = None
        self._rests: dict[str, Any] | None = None
        self.is_changed = self._is_result_changed = self._are_rests_changed = False
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
        if (recent := self._recent.get(path)) is not None:
            return recent
        return self._names_file().words(path)

    def speaking(self, word: str) -> Sequence[str]:
        """Return the paths of the files that speak of a word, in the order in which they were noted."""
        return self._of_words(word, lambda path: word in self._recent[path])

    def starting(self, word: str) -> Sequence[str]:
        """Return the paths of the files that define a function called so which may start what it is given."""
        return self._of_words(f"{_STARTS} {word}", lambda path: word in _starts(self.entries.get(path)))

    def _of_words(self, key: str, is_recent: Callable[[str], bool]) -> Sequence[str]:
        if self._speaking is None:
            self._speaking = self._lines("words.txt", 1)
        try:
            found = [self._paths[int(number)] for number in self._speaking.words(key)]
        except (ValueError, IndexError):
            found = []
        found = [path for path in found if path not in self._recent and path in self.entries]
        return [*found, *(path for path in self._recent if path in self.entries and is_recent(path))]

    def put(self, path: str, entry: Entry, names: Sequence[str] | None = None) -> None:
        """Note a file, and what it speaks of; None where that is what it was."""
        if not is_plain(path, is_key=True):
            return
        entry.seen_at = self._began_at
        if names is not None:
            self._recent[path] = [name for name in names if is_plain(name)]
        self.entries[path] = entry
        self.is_changed = True

    def result(self, digest: str) -> tuple[Finding, ...] | None:
        """Return the findings of a check, where one of the last was of the very same files and settings."""
        for known, findings in self._known_results():
            if known == digest:
                try:
                    return tuple(codec.value_of(Finding, each) for each in findings)
                except (ValueError, TypeError):
                    return None
        return None

    def put_result(self, digest: str, findings: Sequence[Finding]) -> None:
        """Keep the findings of this check, and of some before it: who checks single files checks the whole tree as well."""
        fresh = (digest, [codec.plain_of(each) for each in findings])
        self._results = [fresh, *(each for each in self._known_results() if each[0] != digest)][:_MOST_RESULTS]
        self._is_result_changed = True

    def rests(self, project: str) -> Rests | None:
        """Return what the findings of a project rest on, as they were when all of it was looked at the last time."""
        from mainspring.advisor.rests import rests_of

        if (known := self._known_rests().get(project)) is None:
            return None
        try:
            return rests_of(known)
        except ValueError:
            return None

    def put_rests(self, project: str, rests: Rests) -> None:
        """Keep what the findings of a project rest on."""
        from mainspring.advisor.rests import plain_of

        self._known_rests()[project] = plain_of(rests)
        self._are_rests_changed = True

    def _known_rests(self) -> dict[str, Any]:
        if self._rests is None:
            self._rests = {}
            if self._token:
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    plain = json.loads(_read(self._folder / "rests.json"))
                    self._rests = dict(plain["projects"]) if plain["stamp"] == stamp() else {}
        return self._rests

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files that are no more."""
        for path in list(paths):
            if self.entries.pop(path) is not None:
                self._recent.pop(path, None)
                self.is_changed = True

    def save(self) -> None:
        """Write what is new, where anything is."""
        if not self._is_used or not (self.is_changed or self._is_result_changed or self._are_rests_changed):
            return
        with contextlib.suppress(OSError):
            self._prepare()
            if self.is_changed and not self._save_recent():
                self._save_all()
            if self._are_rests_changed:
                rests = {"stamp": stamp(), "projects": self._rests}
                _replace(self._folder / "rests.json", json.dumps(rests, separators=(",", ":")).encode())
            if self._is_result_changed:
                _replace(self._folder / "findings.json", json.dumps(self._known_results(), separators=(",", ":")).encode())

    def _save_recent(self) -> bool:
        """Write what came since the index was written; tells whether that is little enough."""
        changed = self.entries.changed
        if not self._token or len(changed) > MOST_RECENT:
            return False
        plain = {
            "token": self._token,
            "files": {path: self.entries.plain(path) for path in changed},  # nothing for one that is gone
            "names": self._recent,
        }
        _replace(self._folder / "recent.json", json.dumps(plain, separators=(",", ":")).encode())
        return True

    def _save_all(self) -> None:
        paths = list(self.entries)
        old = dict(self._names_file()) if self._token else {}
        spoken = {path: self._recent.get(path) or old.get(path) or () for path in paths}
        speaking: dict[str, list[str]] = {}
        for number, path in enumerate(paths):
            for word in spoken[path]:
                speaking.setdefault(word, []).append(str(number))
            for word in _starts(self.entries.get(path)):
                speaking.setdefault(f"{_STARTS} {word}", []).append(str(number))
        token = blake2b(f"{time.time_ns()} {os.getpid()}".encode(), digest_size=8).hexdigest()
        texts = written(token, spoken.items()), written(token, speaking.items())
        index = {
            "stamp": stamp(),
            "token": token,
            "sizes": [len(each) for each in texts],
            "files": {path: self.entries.plain(path) for path in paths},
        }
        with contextlib.suppress(FileNotFoundError):
            (self._folder / "recent.json").unlink()
        _replace(self._folder / "names.txt", texts[0])
        _replace(self._folder / "words.txt", texts[1])
        _replace(self._folder / "index.json", json.dumps(index, separators=(",", ":")).encode())

    def _prepare(self) -> None:
        if self._folder.parent.is_symlink() or self._folder.is_symlink():
            raise OSError("a cache that leads elsewhere")  # somebody else's tree may not choose where we write
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            if not (file := self._folder.parent / name).exists():
                file.write_text(text, "utf-8")

    def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            plain = json.loads(_read(self._folder / "index.json"))
            if plain["stamp"] != stamp():
                return
            files, token, (names, words) = dict(plain["files"]), str(plain["token"]), plain["sizes"]
            if not all(type(each) is list for each in files.values()) or not self._is_whole(token, names, words):
                return
            self._token, self._sizes, self._paths = token, (names, words), list(files)
            self.entries = Entries(files)
        if self._token:
            self._load_recent()

    def _is_whole(self, token: str, *sizes: int) -> bool:
        """Tell whether the other files of the index are there, and of the same writing."""
        for name, size in zip(("names.txt", "words.txt"), sizes, strict=True):
            with _opened(self._folder / name) as file:
                if os.fstat(file.fileno()).st_size != size or file.readline(64).strip() != token.encode():
                    return False
        return True

    def _load_recent(self) -> None:
        try:
            plain = json.loads(_read(self._folder / "recent.json"))
            if plain["token"] != self._token:
                return
            files = dict(plain["files"])
            names = {str(path): [str(name) for name in names] for path, names in plain["names"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return
        self.entries.change(files)
        self._recent = names

    def _names_file(self) -> Lines:
        if self._spoken is None:
            self._spoken = self._lines("names.txt", 0)
        return self._spoken

    def _lines(self, name: str, number: int) -> Lines:
        if self._token:
            with contextlib.suppress(OSError):
                found = Lines(_read(self._folder / name))
                if found.head == self._token and len(found) == self._sizes[number]:
                    return found
        return Lines(b"")

    def _known_results(self) -> list[tuple[str, list[Any]]]:
        if self._results is None:
            self._results = []
            if self.entries:
                with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
                    plain = json.loads(_read(self._folder / "findings.json"))
                    self._results = [(str(digest), list(findings)) for digest, findings in plain]
        return self._results


class Entries:
    """What is known of files by their paths, each understood when somebody asks."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self._plain = plain
        self._known: dict[str, Entry] = {}
        self.changed: dict[str, None] = {}  # paths of those that are not what they were when the index was written

    def get(self, path: str) -> Entry | None:
        """Return what is known of a file."""
        if (known := self._known.get(path)) is None and (plain := self._plain.get(path)) is not None:
            try:
                known = self._known[path] = codec.value_of(Entry, plain)
            except ValueError:
                return None
        return known

    def __setitem__(self, path: str, entry: Entry) -> None:
        self._known[path] = entry
        self._plain.setdefault(path, None)
        self.changed[path] = None

    def pop(self, path: str) -> Entry | None:
        """Forget a file."""
        found = self.get(path)
        if self._plain.pop(path, self) is not self:
            self._known.pop(path, None)
            self.changed[path] = None
        return found

    def plain(self, path: str) -> Any:
        """Return what is known of a file as it is written, None where it is gone."""
        known = self._known.get(path)
        return self._plain.get(path) if known is None or path not in self.changed else codec.plain_of(known)

    def change(self, plain: dict[str, Any]) -> None:
        """Take over what came since the index was written."""
        for path, each in plain.items():
            self._known.pop(path, None)
            self.changed[path] = None
            if type(each) is list:
                self._plain[path] = each
            else:
                self._plain.pop(path, None)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._plain))

    def __len__(self) -> int:
        return len(self._plain)

    def __contains__(self, path: str) -> bool:
        return path in self._plain


def _starts(entry: Entry | None) -> Iterable[str]:
    """Return the names of the functions of a file that may start what they are given."""
    return dict.fromkeys(word.partition(" ")[0] for word in entry.wrappers) if entry is not None else ()


def _opened(file: Path) -> BinaryIO:
    """Open a plain file; raises `OSError` for anything else, which may have no end or nobody at its other one."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    opened = open(descriptor, "rb")  # noqa: SIM115 - who asks closes it
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise OSError("no plain file")
    return opened


def _read(file: Path) -> bytes:
    """Read a plain file."""
    with _opened(file) as opened:
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
    return blake2b("\n".join(found).encode(), digest_size=16).hexdigest()
