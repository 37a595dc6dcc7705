"""Which files there are to look at, and what each is called where it is imported.

The tree may be hostile: links are followed to files only, what is no plain file is never opened, and a name of bytes stays a name.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import field
from pathlib import Path

from mainspring.advisor.record import record
from mainspring.advisor.settings import MARKERS

NEVER = frozenset({
    ".git", ".hg", ".svn", ".bzr", ".tox", ".nox", ".venv", "venv", "node_modules", "site-packages", "__pypackages__", "build", "dist",
    "__pycache__", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".mainspring_cache", ".hypothesis", ".idea", ".vscode",
    ".direnv",
})  # fmt: skip
ROOTS = frozenset({"src", "lib", "backend", "server", "api", "python"})  # folders without __init__.py that packages lie directly in
_PROJECT = (*MARKERS, "requirements.txt", "Pipfile")
DEEPEST = 60  # folders; no project is deeper, and an archive may be


@record(frozen=True, slots=True)
class Found:
    """A file to look at. ``project`` is the folder whose imports it shares; ``is_asked``: it was named itself, not only a folder above."""

    file: str  # as the system opens it
    path: str  # as people are told, from the root, with forward slashes
    module: str
    project: str
    mtime: int  # ns
    size: int
    is_asked: bool = False


@record(slots=True)
class Tree:
    """What a walk has found."""

    files: list[Found] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)  # path and why nobody looks into it
    links: list[str] = field(default_factory=list)  # to folders elsewhere, which are not followed


class Walker:
    """Walks folders of one root. ``shown`` turns a path of the system into what people are told."""

    def __init__(self, root: Path, exclude: Sequence[str] = ()) -> None:
        self.root = str(root)
        self._exclude = re.compile("|".join(fnmatch.translate(each) for each in _globs(exclude))) if exclude else None
        self._folders: dict[str, tuple[bool, bool]] = {}  # has __init__.py, is a project
        self._real = os.path.realpath(self.root)
        self._taken: dict[tuple[str, str], str] = {}
        self._places: dict[str, tuple[str, tuple[str, ...]]] = {}

    def shown(self, file: str) -> str:
        """Return a path as people are told it: from the root where it is below, else whole."""
        if file.startswith(self.root + os.sep):
            file = file[len(self.root) + 1 :]
        return file.replace(os.sep, "/") if os.sep != "/" else file

    def walk(self, paths: Iterable[Path]) -> Tree:
        """Return all Python files below the paths, each once, in the order of their names."""
        tree = Tree()
        seen: set[str] = set()
        for path in paths:
            text = os.path.abspath(path)
            if os.path.isdir(text):
                self._folder(text, tree, seen)
            elif text not in seen and not self._is_excluded(text):  # hooks name all files that changed
                seen.add(text)
                self._file(text, tree, None, is_asked=True)
        return tree

    def _folder(self, top: str, tree: Tree, seen: set[str]) -> None:
        stack = [top]
        while stack:
            folder = stack.pop()
            if folder in seen:
                continue
            seen.add(folder)
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=_name, reverse=True)
            except OSError as error:
                tree.refused.append((self.shown(folder), error.strerror or type(error).__name__))
                continue
            names = {entry.name for entry in entries}
            if "pyvenv.cfg" in names and folder != top:
                continue
            self._folders[folder] = ("__init__.py" in names, any(marker in names for marker in _PROJECT))
            files = []
            for entry in entries:
                if entry.name.endswith(".py"):
                    files.append(entry)
                    continue
                try:
                    if entry.is_symlink():
                        if entry.is_dir() and entry.name not in NEVER and not self._is_inside(entry.path):
                            tree.links.append(self.shown(entry.path))
                    elif entry.is_dir() and entry.name not in NEVER and not entry.name.endswith(".egg-info"):
                        if self._is_excluded(entry.path):
                            continue
                        if entry.path.count(os.sep) - self.root.count(os.sep) > DEEPEST:
                            tree.refused.append((self.shown(entry.path), f"more than {DEEPEST} folders deep"))
                        else:
                            stack.append(entry.path)
                except OSError:
                    continue
            for entry in reversed(files):
                if entry.path not in seen and not self._is_excluded(entry.path):
                    seen.add(entry.path)
                    self._file(entry.path, tree, entry)

    def _file(self, file: str, tree: Tree, entry: os.DirEntry[str] | None, *, is_asked: bool = False) -> None:
        try:
            found = os.stat(file) if entry is None else entry.stat()
        except OSError as error:
            tree.refused.append((self.shown(file), error.strerror or type(error).__name__))
            return
        if stat.S_ISDIR(found.st_mode):
            return  # a folder called x.py, linked to or not
        if not stat.S_ISREG(found.st_mode):
            tree.refused.append((self.shown(file), "no plain file"))
            return
        tree.files.append(self.found(file, found.st_mtime_ns, found.st_size, is_asked=is_asked))

    def found(self, file: str, mtime: int, size: int, *, is_asked: bool = False) -> Found:
        """Return a file with its module's name; of two that would be called alike, the later is called by its whole path."""
        folder, name = os.path.split(file)
        project, parts = self._place(folder)
        stem = name[:-3] if name.endswith(".py") else name
        module = ".".join((*parts, stem) if stem != "__init__" else parts) or stem
        if self._taken.setdefault((project, module), file) != file:
            module = self.shown(file).removesuffix(".py").replace("/", ".").lstrip(".")
            self._taken[project, module] = file
        return Found(file, self.shown(file), module, project, mtime, size, is_asked)

    def _place(self, folder: str) -> tuple[str, tuple[str, ...]]:
        """Return the project of a folder, and the dotted name that its modules begin with.

        The name ends where the packages do: above the topmost folder with an __init__.py, at a project, or at a folder such as ``src``.
        """
        if (known := self._places.get(folder)) is not None:
            return known
        has_init, is_project = self._look(folder)
        above, name = os.path.split(folder)
        if folder == self.root or above == folder:
            place: tuple[str, tuple[str, ...]] = (folder, ())
        elif is_project and not has_init:
            place = (folder, ())
        else:
            project, parts = self._place(above)
            is_in_package = self._look(above)[0] and above != self.root
            if has_init and not is_in_package and not self._has_package_above(above):
                parts = ()  # the topmost package: what lies around it is only a folder
            elif not has_init and not is_in_package and name in ROOTS:
                parts = ()
                place = self._places[folder] = (project, parts)
                return place
            place = (folder if is_project else project, (*parts, name))
        self._places[folder] = place
        return place

    def _has_package_above(self, folder: str) -> bool:
        while folder != self.root and len(folder) > len(self.root):
            if self._look(folder)[0]:
                return True
            folder = os.path.dirname(folder)
        return False

    def _look(self, folder: str) -> tuple[bool, bool]:
        if (known := self._folders.get(folder)) is None:
            known = self._folders[folder] = (
                os.path.isfile(os.path.join(folder, "__init__.py")),
                any(os.path.exists(os.path.join(folder, marker)) for marker in _PROJECT),
            )
        return known

    def _is_excluded(self, file: str) -> bool:
        return self._exclude is not None and self._exclude.match(self.shown(file)) is not None

    def _is_inside(self, link: str) -> bool:
        real = os.path.realpath(link)
        return real == self._real or real.startswith(self._real + os.sep)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _globs(given: Sequence[str]) -> list[str]:
    """Return globs as paths are matched: ``old`` means that folder anywhere and all below it."""
    found = []
    for each in given:
        glob = each.rstrip("/").removeprefix("./")
        found += [glob, f"{glob}/*"]
        if "/" not in glob:
            found.append(f"*/{glob}")
            found.append(f"*/{glob}/*")
    return found


def places_of(project: str, root: str) -> list[str]:
    """Return the folders in which a project's modules may begin, for programs that have not walked the tree."""
    tops = [os.path.join(base, name) for base in (project, root) for name in ("", *sorted(ROOTS))]
    return list(dict.fromkeys(each.rstrip(os.sep) or os.sep for each in tops))
