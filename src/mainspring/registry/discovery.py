"""Discovery: walk packages for the modules that hold tasks, and collect the tasks that were defined there.

A module counts by its name (``task.py``, ``tasks.py``, ``*_tasks.py``) at any depth below a named package; the package
or module that was named counts always. What cannot be imported is told beside what could, never instead of it.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from mainspring.core.errors import DefinitionError, Problem
from mainspring.core.task import Task
from mainspring.registry.module_form import has_form, task_of_module

AnyTask = Task[..., Any]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a walk found: tasks in the order of their modules, and what went wrong on the way."""

    tasks: tuple[AnyTask, ...]
    problems: tuple[Problem, ...]
    modules: tuple[str, ...]


def discover(packages: Sequence[str]) -> Discovery:
    """Import the task modules of packages (or single modules, by dotted name) and return the tasks defined in them."""
    tasks: dict[int, AnyTask] = {}
    problems: dict[tuple[str, str], Problem] = {}
    modules: dict[str, None] = {}
    for package in [packages] if isinstance(packages, str) else packages:
        found = _look_up(package)
        if isinstance(found, Problem):
            problems.setdefault(_cause(found), found)
            continue
        for name in [package, *_task_modules(package, found)]:
            if name in modules:
                continue
            modules[name] = None
            module = _import(name, found)
            if isinstance(module, Problem):
                problems.setdefault(_cause(module), module)
                continue
            tasks.update((id(task), task) for task in _defined_in(module))
            if has_form(module):
                made = task_of_module(module)
                if isinstance(made, list):
                    problems.update(((each.where, each.what), each) for each in made)
                else:
                    tasks[id(made)] = made
    return Discovery(tuple(tasks.values()), tuple(problems.values()), tuple(modules))


def load_module(name: str) -> ModuleType:
    """Import one module of the user's; raises `DefinitionError` that names file and line of the mistake."""
    found = _look_up(name)
    module = found if isinstance(found, Problem) else _import(name, [])
    if isinstance(module, Problem):
        raise DefinitionError(f"the module {name!r} cannot be used", [module])
    return module


def _cause(problem: Problem) -> tuple[str, str]:
    """Return what makes two problems one: a broken package breaks each of its modules at the same place, told once."""
    return problem.where, problem.what.partition(": ")[2]


def is_task_module(name: str) -> bool:
    """Tell whether a module holds tasks, by the last part of its name."""
    last = name.rpartition(".")[2]
    return last in ("task", "tasks") or last.endswith("_tasks")


def _look_up(package: str) -> list[str] | Problem:
    """Return the directories of a package (none for a plain module), without importing it."""
    if not all(part.isidentifier() for part in str(package).split(".")):
        return Problem(f"discover {package!r}", "is no dotted module name: write for instance 'myproject' or 'myproject.jobs'")
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", []))
    try:
        spec = _find_spec(package)
    except Exception as error:  # noqa: BLE001 - imports the parents: the user's code
        return _import_problem(package, error, [])
    if spec is None:
        remedy = "install it, or start where it can be imported from (PYTHONPATH, or the project's directory)"
        return Problem(f"discover {package!r}", f"there is no module of that name: {remedy}")
    return list(spec.submodule_search_locations or [])


def _find_spec(package: str) -> ModuleSpec | None:
    try:
        return find_spec(package)
    except ModuleNotFoundError as error:
        if error.name is not None and (package == error.name or package.startswith(f"{error.name}.")):
            return None
        raise


def _task_modules(package: str, directories: Iterable[str]) -> Iterator[str]:
    """Yield the names of the task modules below, sorted, without importing anything."""
    seen: set[Path] = set()

    def walk(prefix: str, paths: list[str]) -> Iterator[str]:
        paths = [path for path in paths if Path(path).resolve() not in seen]  # a link may lead back up
        seen.update(Path(path).resolve() for path in paths)
        found = {name: is_package for _, name, is_package in pkgutil.iter_modules(paths)}
        bare = {child.name for path in paths for child in _children(Path(path)) if child.is_dir()}  # without __init__.py
        for name in sorted(found.keys() | {each for each in bare if each.isidentifier() and each != "__pycache__"}):
            if is_task_module(name) and name in found:
                yield f"{prefix}.{name}"
            if found.get(name, True):
                yield from walk(f"{prefix}.{name}", [str(Path(path) / name) for path in paths])

    return walk(package, list(directories))


def _children(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:  # inside an archive, or not ours to read
        return []


def _import(name: str, directories: Sequence[str]) -> ModuleType | Problem:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - modules are the user's code, which may raise anything
        return _import_problem(name, error, directories)


def _import_problem(name: str, error: BaseException, directories: Sequence[str]) -> Problem:
    last = traceback.format_exception_only(error)[-1].strip().split("\n", 1)[0]
    return Problem(_where(name, error, directories), f"{name} cannot be imported: {last}")


def _where(name: str, error: BaseException, directories: Sequence[str]) -> str:
    """Return file and line of the mistake: the syntax error's own, else the deepest in the package's files."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 0}"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not _is_machinery(each.filename)]
    own = [each for each in frames if any(Path(each.filename).is_relative_to(directory) for directory in directories)]
    if not frames:
        return f"discover {name!r}"
    deepest = (own or frames)[-1]
    return f"{deepest.filename}:{deepest.lineno or 0}"


def _is_machinery(file: str) -> bool:
    return file.startswith("<frozen ") or file in (__file__, importlib.__file__)


def _defined_in(module: ModuleType) -> Iterator[AnyTask]:
    for value in list(vars(module).values()):
        if isinstance(value, Task) and value.spec.source.module == module.__name__:
            yield value
