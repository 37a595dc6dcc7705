"""What the project has that is looked at: engine, schema, backend and deployment, as its own files say.

Never the version of the tool that looks: the two may differ. What no file says stays unknown, and nobody may take it for the newest.
Files are read as data and nothing of the project is imported. In the order in which they win:

1. ``mainspring.lock``: a small TOML file with ``engine``, ``schema``, ``backend`` and ``deployment``, each of which may be missing
2. pins: ``uv.lock``, ``poetry.lock``, ``pdm.lock``, ``Pipfile.lock``, ``requirements*.txt``
3. the environment of the project: ``.venv`` or ``venv`` in its folder, or the interpreter that runs where that lies in it
4. bounds: the dependencies of ``pyproject.toml``
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mainspring.advisor.features import Backend, Profile
from mainspring.advisor.patterns import pattern
from mainspring.advisor.record import record
from mainspring.core.capability import version_key

NAME = "mainspring"
LOCK = "mainspring.lock"
MOST_BYTES = 32 * 1024 * 1024  # a larger lock file is left alone: it is nobody's
_MOST_FOLDERS = 64  # looked into below a root that says nothing itself
_REQUIREMENT = pattern(r"\s*mainspring\s*(?:\[[^\]]*\])?\s*(?P<spec>[^;#@]*)", re.IGNORECASE)
_CLAUSE = pattern(r"(?P<sign>===|==|~=|!=|>=|<=|>|<|\^|~)?\s*(?P<version>[0-9][0-9A-Za-z.!+*-]*)")


@record(frozen=True, slots=True)
class Engine:
    """Which engine a project has. ``below`` bounds it from above and is no part of it; ``is_exact``: ``version`` is the one."""

    version: str  # exact, or the oldest that is allowed; "" where only ``below`` is known
    source: str
    is_exact: bool = True
    below: str = ""

    def has(self, needed: str) -> bool | None:
        """Tell whether it is at least a version; None where that cannot be known."""
        if self.version and version_key(self.version) >= version_key(needed):
            return True
        if self.is_exact or (self.below and version_key(self.below) <= version_key(needed)):
            return False
        return None

    def __str__(self) -> str:
        if self.is_exact:
            return self.version
        return ",".join(part for part in (self.version and f">={self.version}", self.below and f"<{self.below}") if part)


@record(frozen=True, slots=True)
class Versions:
    """What is known of a project; everything may be unknown. ``sources`` names the file for schema, backend and deployment."""

    engine: Engine | None = None
    schema: int | None = None
    backend: Backend | None = None
    deployment: Profile | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def source(self, name: str) -> str:
        """Return the file that says a value, "" for what none says."""
        if name == "engine":
            return "" if self.engine is None else self.engine.source
        return dict(self.sources).get(name, "")

    def over(self, other: Versions) -> Versions:
        """Return these values, and the other's where these are unknown."""
        return Versions(
            other.engine if self.engine is None else self.engine,
            other.schema if self.schema is None else self.schema,
            other.backend if self.backend is None else self.backend,
            other.deployment if self.deployment is None else self.deployment,
            tuple((dict(other.sources) | dict(self.sources)).items()),
        )


def read_versions(root: Path) -> Versions:
    """Return what a folder's files say, then those of the folders above it up to the repository's own.

    Where all of them are silent, the folders one level below are asked, and believed where they agree (``backend/``, ``api/``).
    """
    found = Versions()
    for folder in _upwards(root):
        found = found.over(_read_folder(folder))
    if found == Versions():
        below = {each for each in map(_read_folder, _below(root)) if each != Versions()}
        if len(below) == 1:
            return below.pop()
    return found


def lock_text(versions: Versions) -> str:
    """Return the text of a ``mainspring.lock`` that says what is known."""
    lines = [f'engine = "{versions.engine.version}"'] if versions.engine is not None and versions.engine.is_exact else []
    lines += [f"schema = {versions.schema}"] if versions.schema is not None else []
    lines += [f'{name} = "{value}"' for name, value in (("backend", versions.backend), ("deployment", versions.deployment)) if value]
    return "".join(f"{line}\n" for line in lines)


def backend_of(url: str) -> Backend | None:
    """Return the backend that a store's URL names, None for what is no such URL."""
    scheme = url.partition("://")[0].partition("+")[0].lower()
    if "://" not in url:
        return None
    return {"sqlite": Backend.SQLITE, "postgres": Backend.POSTGRES, "postgresql": Backend.POSTGRES}.get(scheme)


# One folder


def _read_folder(folder: Path) -> Versions:
    pyproject = _toml(folder / "pyproject.toml")
    said = _from_lock(folder).over(_from_settings(folder, pyproject))
    engine = (
        said.engine or _own(folder, pyproject) or _pinned(folder) or _from_requirements(folder) or _installed(folder) or _bounded(pyproject)
    )
    return replace(said, engine=engine)


def _from_lock(folder: Path) -> Versions:
    table = _toml(folder / LOCK)
    engine, schema = table.get("engine"), table.get("schema")
    backend, deployment = table.get("backend"), table.get("deployment")
    made = Versions(
        Engine(engine, LOCK) if isinstance(engine, str) and engine[:1].isdigit() else None,
        schema if isinstance(schema, int) and not isinstance(schema, bool) else None,
        Backend(backend) if backend in list(Backend) else None,
        Profile(deployment) if deployment in list(Profile) else None,
    )
    return _sourced(made, LOCK)


def _from_settings(folder: Path, pyproject: Mapping[str, Any]) -> Versions:
    """Read backend and environment from the engine's own settings; what production has wins over what a developer has."""
    table, name = _toml(folder / "mainspring.toml"), "mainspring.toml"
    if not table:
        table, name = _table(pyproject, "tool", "mainspring"), "pyproject.toml"
    url = _table(table, "env", "production").get("url") or table.get("url") or table.get("MAINSPRING_URL")
    environment = table.get("runner_environment") or table.get("TASK_RUNNER_ENVIRONMENT")
    return _sourced(
        Versions(
            backend=backend_of(url) if isinstance(url, str) else None,
            deployment=Profile.SERVERLESS if environment == Profile.SERVERLESS else None,
        ),
        name,
    )


def _sourced(made: Versions, source: str) -> Versions:
    names = ("schema", "backend", "deployment")
    return replace(made, sources=tuple((name, source) for name in names if getattr(made, name) is not None))


def _own(folder: Path, pyproject: Mapping[str, Any]) -> Engine | None:
    """Return the version of the engine's own source tree."""
    project = _table(pyproject, "project")
    version = project.get("version")
    if project.get("name") != NAME or not isinstance(version, str):
        return None
    return Engine(version, "pyproject.toml")


def _pinned(folder: Path) -> Engine | None:
    for name in ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"):
        path = folder / name
        if not _mentions(path):
            continue
        table = _toml(path)
        for package in [*_items(table.get("package")), *_items(table.get("packages"))]:
            version = package.get("version")
            if package.get("name") == NAME and isinstance(version, str):
                return Engine(version, name)
    path = folder / "Pipfile.lock"
    if _mentions(path):
        try:
            held = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        for part in ("default", "develop"):
            version = _table(held if isinstance(held, dict) else {}, part, NAME).get("version")
            if isinstance(version, str) and version.startswith("=="):
                return Engine(version.removeprefix("=="), path.name)
    return None


def _from_requirements(folder: Path) -> Engine | None:
    """Return what requirements files say: those of the application before those of its tests, and of several pins the oldest."""
    try:
        named = sorted(each for each in os.listdir(folder) if each.startswith("requirements") and each.endswith((".txt", ".in")))
    except OSError:
        return None
    paths = [folder / each for each in named]
    if (folder / "requirements").is_dir():
        paths += sorted(path for path in (folder / "requirements").glob("*.txt") if path.is_file())
    found: list[Engine] = []
    for path in paths:
        if not _mentions(path):
            continue
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
            source = f"{path.relative_to(folder).as_posix()}:{number}"
            if line.lstrip()[: len(NAME)].lower() == NAME and (engine := _of_requirement(line, source)) is not None:
                found.append(engine)
    return min(found, key=lambda each: (not each.is_exact, version_key(each.version)), default=None)


def _installed(folder: Path) -> Engine | None:
    for name in (".venv", "venv"):
        try:
            roots = [folder / name / "Lib" / "site-packages", *sorted((folder / name / "lib").glob("python*/site-packages"))]
            for packages in roots:
                for path in sorted(packages.glob(f"{NAME}-*.dist-info")):
                    return Engine(path.name.removeprefix(f"{NAME}-").removesuffix(".dist-info"), f"{name} (installed)")
        except OSError:
            continue
    here = Path(sys.prefix)
    if sys.prefix != sys.base_prefix and here.parent == folder.absolute():
        from importlib.metadata import PackageNotFoundError, version

        try:
            return Engine(version(NAME), f"{here.name} (installed)")
        except PackageNotFoundError:
            return None
    return None


def _bounded(pyproject: Mapping[str, Any]) -> Engine | None:
    project = _table(pyproject, "project")
    lists = [
        project.get("dependencies"),
        *_table(project, "optional-dependencies").values(),
        *_table(pyproject, "dependency-groups").values(),
    ]
    for each in lists:
        for line in each if isinstance(each, list) else ():
            if isinstance(line, str) and (found := _of_requirement(line, "pyproject.toml")) is not None:
                return found
    poetry = _table(pyproject, "tool", "poetry")
    groups = [_table(poetry, "dependencies"), _table(poetry, "dev-dependencies")]
    groups += [_table(each, "dependencies") for each in _table(poetry, "group").values() if isinstance(each, dict)]
    for group in groups:
        said = group.get(NAME)
        if isinstance(said, dict):
            said = said.get("version")
        if isinstance(said, str) and (found := _of_spec(said, "pyproject.toml", is_bare_exact=True)) is not None:
            return found
    return None


# Specifiers


def _of_requirement(line: str, source: str) -> Engine | None:
    parts = _REQUIREMENT.match(line)
    if parts is None or line[parts.end() :].lstrip().startswith("@"):
        return None
    rest = line.strip()[len(NAME) :]
    if rest[:1] and (rest[0].isalnum() or rest[0] in "-_."):
        return None  # another package, whose name begins alike
    return _of_spec(parts["spec"], source)


def _of_spec(spec: str, source: str, *, is_bare_exact: bool = False) -> Engine | None:
    """Read ``>=0.1,<0.3``, ``~=0.1.2``, ``==0.1.*``, and poetry's ``^0.1``; None for what bounds nothing."""
    low, below = "", ""
    for part in re.split(r"[,\s]\s*(?=[<>=!~^])", spec.strip(" ()\t\\")):
        found = _CLAUSE.fullmatch(part.strip().split("--hash", 1)[0].strip(" \\"))
        if found is None:
            continue
        sign, version = found["sign"] or ("==" if is_bare_exact else ""), found["version"]
        if sign in ("==", "===") and not version.endswith("*"):
            return Engine(version, source)
        plain = version.removesuffix(".*").removesuffix("*")
        if sign in (">=", ">"):
            low = max(low, plain, key=_order)
        elif sign == "<":
            below = min(below or plain, plain, key=_order)
        elif sign == "<=":
            below = min(below or f"{plain}.1", f"{plain}.1", key=_order)
        elif sign in ("~=", "^", "~", "=="):
            low = max(low, plain, key=_order)
            upper = _next(plain, sign)
            below = min(below or upper, upper, key=_order)
    return Engine(low, source, is_exact=False, below=below) if low or below else None


def _next(version: str, sign: str) -> str:
    """Return the first version that a compatible-release bound leaves out."""
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("-")[0])] or [0]
    match sign:
        case "~=":
            kept = numbers[: max(len(numbers) - 1, 1)]
        case "^":  # up to the first number that is not zero
            first = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
            kept = numbers[: first + 1]
        case "~":
            kept = numbers[:2]
        case _:
            kept = numbers
    return ".".join(map(str, [*kept[:-1], kept[-1] + 1]))


def _order(version: str) -> tuple[tuple[int, ...], int]:
    return version_key(version)


# Files


def _upwards(root: Path) -> Iterator[Path]:
    folder = root.absolute()
    for each in (folder, *folder.parents):
        yield each
        if (each / ".git").exists():
            return
        if each != folder and not any((each / name).is_file() for name in ("pyproject.toml", "uv.lock", LOCK, "setup.py", "setup.cfg")):
            return  # without a repository, nothing above the first folder that is no project is ours


def _below(root: Path) -> Iterable[Path]:
    try:
        found = sorted(each for each in root.iterdir() if each.is_dir() and not each.is_symlink() and not each.name.startswith("."))
    except OSError:
        return ()
    return found[:_MOST_FOLDERS]


def _mentions(path: Path) -> bool:
    """Tell whether a file is there, of a size that somebody may have meant, and names the engine: parsing a lock file takes a while."""
    try:
        return path.is_file() and path.stat().st_size <= MOST_BYTES and NAME.encode() in path.read_bytes().lower()
    except OSError:
        return False


def _toml(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _table(held: Mapping[str, Any], *names: str) -> dict[str, Any]:
    found: Any = held
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, dict) else {}


def _items(held: object) -> list[dict[str, Any]]:
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []
