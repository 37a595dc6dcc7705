"""Where the app is: named, configured, or made of the task modules that lie around.

In this order: ``-A module:name`` or ``--discover``; ``MAINSPRING_APP``; ``app`` and ``discover`` in ``mainspring.toml`` or
``[tool.mainspring]`` of ``pyproject.toml``; the task modules under the current directory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mainspring.app import Mainspring
from mainspring.cli.flags import Flags
from mainspring.config import read_table
from mainspring.core.errors import ConfigurationError
from mainspring.i18n import t
from mainspring.registry.discovery import is_task_module, load_module

_NOT_OURS = {"__pycache__", "build", "dist", "node_modules", "site-packages", "test", "tests"}
MOST_FOLDERS = 5000  # looked through without a word from anybody: a home directory must not take a minute


def locate(flags: Flags) -> Mainspring:
    """Return the app that the flags, the environment or the configuration name; raises `MainspringError`."""
    here = Path.cwd()
    for folder in (here / "src", here):  # the first is where a src layout keeps its packages
        if folder.is_dir() and not (folder / "__init__.py").exists() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    table, _ = read_table(here)
    if flags.app is not None:
        return with_settings(_load(flags.app), url=flags.url)
    if not flags.discover and (where := os.environ.get("MAINSPRING_APP") or table.get("app")):
        return with_settings(_load(str(where)), url=flags.url)
    discover = flags.discover or _texts(table.get("discover"))
    if not discover and not (os.environ.get("MAINSPRING_MANIFEST") or table.get("manifest")):  # with one, no code need lie around
        discover = tuple(find_task_modules(here))
    return Mainspring(flags.url, discover=discover)


def with_settings(app: Mainspring, **given: Any) -> Mainspring:
    """Let options of the command line win over what an app was made with; those that are None were not given."""
    values = {name: value for name, value in given.items() if value is not None}
    sources = {**app.settings.sources, **dict.fromkeys(values, "argument")}
    app.settings = replace(app.settings, **values, sources=sources)
    return app


def find_task_modules(folder: Path) -> list[str]:
    """Return the dotted names of the task modules under a folder; tests, environments and hidden folders are left out."""
    root = folder / "src" if (folder / "src").is_dir() and not (folder / "src" / "__init__.py").exists() else folder
    found = [name for base in dict.fromkeys((folder, root)) for name in _walk(base, skip=None if base == root else root)]
    return list(dict.fromkeys(found))


def _walk(base: Path, skip: Path | None) -> Iterator[str]:
    for number, (path, folders, files) in enumerate(os.walk(base)):
        if number >= MOST_FOLDERS:
            return
        inside = Path(path)
        folders[:] = sorted(
            each
            for each in folders
            if each.isidentifier() and each not in _NOT_OURS and inside / each != skip and not (inside / each / "pyvenv.cfg").exists()
        )
        for file in sorted(files):
            name, dot, ending = file.rpartition(".")
            if dot and ending == "py" and name.isidentifier() and is_task_module(name) and not name.startswith("test_"):
                yield ".".join((*inside.relative_to(base).parts, name))


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)  # type: ignore[attr-defined]


def _load(where: str) -> Mainspring:
    module_name, _, path = where.partition(":")
    if not module_name:
        raise ConfigurationError(t("error.no-such-app", where=where, why=t("error.app-format")))
    module = load_module(module_name)
    if not path:
        found = {name: value for name, value in vars(module).items() if isinstance(value, Mainspring)}
        if len({id(value) for value in found.values()}) == 1:
            return next(iter(found.values()))
        key = "error.app-several" if found else "error.app-none"
        why = t(key, module=module_name, names=", ".join(f"{module_name}:{name}" for name in found))
        raise ConfigurationError(t("error.no-such-app", where=where, why=why))
    held: object = module
    for part in path.split("."):
        try:
            held = getattr(held, part)
        except AttributeError:
            why = t("error.app-missing", module=module_name, name=path)
            raise ConfigurationError(t("error.no-such-app", where=where, why=why)) from None
    if not isinstance(held, Mainspring):
        why = t("error.app-wrong", name=path, kind=type(held).__name__)
        raise ConfigurationError(t("error.no-such-app", where=where, why=why))
    return held
