"""What a project says of how it wants to be checked: ``[tool.mainspring.check]`` of pyproject.toml, or ``[check]`` of mainspring.toml."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mainspring.advisor.allow import parse
from mainspring.advisor.catalogue import RULES
from mainspring.advisor.finding import Role, Severity
from mainspring.advisor.record import record
from mainspring.core.errors import ConfigurationError

MAX_ALLOWS = 3  # in one file: with more of them it is the file that should change
MARKERS = ("pyproject.toml", "mainspring.toml", ".git", "setup.py", "setup.cfg", "manage.py")


@record(frozen=True, slots=True)
class FileAllow:
    """A written exception for whole files: paths that it covers, the directive as written, and the file that it stands in."""

    glob: str
    directive: str
    source: str


@record(frozen=True, slots=True)
class Settings:
    """Plain values; globs match paths from the root, with forward slashes."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: Severity = Severity.WARNING
    exclude: tuple[str, ...] = ()
    roles: tuple[tuple[str, Role], ...] = ()
    effects: tuple[tuple[str, str], ...] = ()
    spawn_wrappers: tuple[str, ...] = ()
    engine_packages: tuple[str, ...] = ()
    vendored: tuple[str, ...] = ()
    per_file_allow: tuple[FileAllow, ...] = ()
    include_tests: bool = False
    max_allows_per_file: int = MAX_ALLOWS
    max_justifications: int | None = None
    is_celery: bool = False  # definitions of Celery, RQ and dramatiq are read as ours would be

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the rules that run: all but optional ones, or those that are selected, without those that are ignored."""
        chosen = [
            code
            for code, rule in RULES.items()
            if (any(code.startswith(each) for each in self.select) if self.select else not rule.is_optional)
        ]
        return tuple(code for code in chosen if not any(code.startswith(each) for each in self.ignore))


def find_root(start: Path) -> Path:
    """Return the project that a path is in: the nearest folder above it that says how it is checked, or holds a repository."""
    folder = start if start.is_dir() else start.parent
    for marker in (("mainspring.toml", "pyproject.toml"), MARKERS):
        for each in (folder, *folder.parents):
            if any((each / name).exists() for name in marker):
                return each
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent  # a package alone: its modules are named from above it
    return folder


def read_settings(root: Path) -> Settings:
    """Return what the files of a folder say; mainspring.toml wins over pyproject.toml. Raises `ConfigurationError` naming file and key."""
    import tomllib

    for name, path in (("mainspring.toml", ("check",)), ("pyproject.toml", ("tool", "mainspring", "check"))):
        file = root / name
        try:
            if not file.is_file():
                continue
            table: Any = tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{file} cannot be read: {error}") from None
        for part in path:
            table = table.get(part) if isinstance(table, Mapping) else None
        if table is not None:
            where = f"{file} [{'.'.join(path)}]"
            if not isinstance(table, Mapping):
                raise ConfigurationError(f"{where} is no table: write [{'.'.join(path)}] and the keys below it")
            return _from_table(table, where)
    return Settings()


def _from_table(table: Mapping[str, Any], where: str) -> Settings:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if (read := _KEYS.get(key)) is None:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
            raise ConfigurationError(f"{where}: the key {key} is unknown; {hint}")
        values[_field(key)] = read(value, f"{where} {key}")
    return replace(Settings(), **values)


def parse_codes(given: Iterable[str], where: str) -> tuple[str, ...]:
    """Return codes, or beginnings of codes such as MS1, of texts that may hold several with commas. Raises `ConfigurationError`."""
    found: list[str] = []
    for code in (part.strip() for text in given for part in text.split(",")):
        if not code:
            continue
        if not any(known.startswith(code) for known in RULES) or not code.startswith("MS"):
            by_name = next((rule.code for rule in RULES.values() if rule.name == code), None)
            near = [by_name] if by_name else difflib.get_close_matches(code.upper(), RULES, n=1)
            hint = f"did you mean {near[0]}?" if near else "codes look like MS101, and MS1 stands for all that begin so"
            raise ConfigurationError(f"{where}: there is no rule {code!r}; {hint}")
        found.append(code)
    return tuple(dict.fromkeys(found))


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise ConfigurationError(f'{where}={value!r} is no list of texts: write ["…"]')
    return tuple(value)


def _codes(value: Any, where: str) -> tuple[str, ...]:
    return parse_codes(_texts(value, where), where)


def _severity(value: Any, where: str) -> Severity:
    if value not in list(Severity):
        raise ConfigurationError(f"{where}={value!r} is none of {', '.join(Severity)}")
    return Severity(value)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where}={value!r} is neither true nor false")
    return value


def _count(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(f"{where}={value!r} is no number from 0 on")
    return value


def _table(value: Any, where: str, remedy: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where}={value!r} is no table: write {remedy}")
    return value


def _roles(value: Any, where: str) -> tuple[tuple[str, Role], ...]:
    found = []
    for glob, role in _table(value, where, '{ "scripts/*.py" = "cli" }').items():
        if role not in list(Role):
            raise ConfigurationError(f"{where}.{glob}={role!r} is no role; there are {', '.join(Role)}")
        found.append((glob, Role(role)))
    return tuple(found)


def _effects(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    from mainspring.advisor.effects import Effect

    found = []
    for name, effects in _table(value, where, '{ "shop.mail.send" = "network" }').items():
        for effect in [effects] if isinstance(effects, str) else _texts(effects, f"{where}.{name}"):
            if effect not in list(Effect):
                raise ConfigurationError(f"{where}.{name}={effect!r} is no effect; there are {', '.join(Effect)}")
            found.append((name, effect))
    return tuple(found)


def _per_file_allow(value: Any, where: str) -> tuple[FileAllow, ...]:
    found = []
    for glob, given in _table(value, where, '{ "shop/old/*.py" = "allow[MS104] migration until=2026-12-31 -- why" }').items():
        for text in [given] if isinstance(given, str) else _texts(given, f"{where}.{glob}"):
            if parse(f"# mainspring: {text}") is None or not text.lstrip().startswith("allow"):
                raise ConfigurationError(f"{where}.{glob}={text!r} is no exception: write allow[MS104] GROUND -- REASON")
            found.append(FileAllow(glob, text, "mainspring.toml" if "[check]" in where else "pyproject.toml"))
    return tuple(found)


_KEYS: Mapping[str, Callable[[Any, str], Any]] = {
    "select": _codes,
    "ignore": _codes,
    "fail-on": _severity,
    "exclude": _texts,
    "roles": _roles,
    "effects": _effects,
    "spawn-wrappers": _texts,
    "engine-packages": _texts,
    "vendored": _texts,
    "per-file-allow": _per_file_allow,
    "include-tests": _flag,
    "max-allows-per-file": _count,
    "max-justifications": _count,
    "celery": _flag,
}


def _field(key: str) -> str:
    return "is_celery" if key == "celery" else key.replace("-", "_")


assert {_field(key) for key in _KEYS} == {each.name for each in fields(Settings)}
