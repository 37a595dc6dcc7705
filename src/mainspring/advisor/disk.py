"""Where a module lies that nobody has walked to: what names lead to, in folders that are listed once each."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mainspring.advisor.walk import Found, Walker, places_of


class Disk:
    """The modules of one project as the disk has them."""

    def __init__(self, folder: str, walker: Walker) -> None:
        self._folder, self._walker = folder, walker
        self._packages: dict[str, Sequence[str]] = {}
        self._listed: dict[str, frozenset[str]] = {}

    def find(self, module: str) -> Found | None:
        """Return the file of a module, or None where this tree has none."""
        package, _, name = module.rpartition(".")
        for folder in self._folders_of(package) if name.isidentifier() else ():
            for file in (os.path.join(folder, f"{name}.py"), os.path.join(folder, name, "__init__.py")):
                if self._is_there(file) and os.path.isfile(file):
                    return Found(file, self._walker.shown(file), module, self._folder, 0, 0)
        return None

    def _folders_of(self, package: str) -> Sequence[str]:
        """Return the folders that may hold the modules of a package: none for most, whose first name is nobody's here."""
        if (known := self._packages.get(package)) is None:
            if package:
                above, _, name = package.rpartition(".")
                inside = [os.path.join(folder, name) for folder in self._folders_of(above)] if name.isidentifier() else []
                known = [each for each in inside if self._is_there(each)]
            else:
                known = places_of(self._folder, self._walker.root)
            self._packages[package] = known
        return known

    def _is_there(self, path: str) -> bool:
        """Tell whether a folder lists a name; each folder is listed once."""
        folder, name = os.path.split(path)
        if (names := self._listed.get(folder)) is None:
            try:
                names = frozenset(os.listdir(folder))
            except OSError:
                names = frozenset()
            self._listed[folder] = names
        return name in names
