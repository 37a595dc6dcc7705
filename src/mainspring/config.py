"""Settings, read once at the composition root: defaults < mainspring.toml or pyproject.toml < environment < arguments.

Everything below receives plain values. Each value remembers where it came from, so that ``mainspring doctor`` can say so.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mainspring.core.door import (
    Access,
    GuestList,
    HostRules,
    Peers,
    parse_access,
    parse_header,
    parse_hosts,
    parse_peers,
    parse_roles,
    parse_tenants,
)
from mainspring.core.duration import describe, parse_duration
from mainspring.core.environment import Environment
from mainspring.core.errors import ConfigurationError
from mainspring.core.payload import HARD_CAP
from mainspring.core.policy import Isolation
from mainspring.core.pulse import check_budget
from mainspring.core.retention import Keeping
from mainspring.core.secret import SecretRules, parse_secrets
from mainspring.core.size import describe_size, parse_size

DEFAULT_URL = "sqlite:///mainspring.db"
SHORTEST_SECRET = 16  # characters
OURS_BUT_NOT_SETTINGS = ("MAINSPRING_TEST_", "MAINSPRING_BENCH_", "MAINSPRING_FAULT", "MAINSPRING_APP", "MAINSPRING_GUARD")


@dataclass(frozen=True, slots=True)
class Settings:
    """Plain values. ``sources`` says for each changed field where its value came from."""

    url: str = DEFAULT_URL
    max_concurrent: int | None = None
    async_slots: int = 100
    expensive_concurrent: int = 1
    default_timeout: timedelta | None = timedelta(minutes=5)
    default_retries: int = 3
    buffer_size: int = 1000
    websocket_enabled: bool = True
    log_level: str = "info"
    retention: timedelta | None = timedelta(days=7)
    retention_completed: timedelta | None = None
    keep_last: int = 0
    isolation: Isolation = Isolation.PROCESS
    lease: timedelta = timedelta(seconds=60)
    beat: timedelta = timedelta(seconds=3)
    drain: timedelta = timedelta(seconds=25)
    grace: timedelta = timedelta(seconds=5)
    memory_limit: int | None = None
    max_runs_per_child: int | None = None
    auto_migrate: bool | None = None
    manifest: str | None = None
    files: str | None = None
    max_payload: int = 256 * 1024
    max_upload: int = 2**30
    spill: bool = False
    tracing: bool = False
    metrics: str | None = None
    health: str | None = None
    listen: str | None = None
    base_path: str = ""
    runner_enabled: bool = True
    runner_environment: Environment = Environment.DEVELOPMENT
    overlap_prevention: bool = True
    pulse_interval: timedelta = timedelta(minutes=1)
    pulse_budget: timedelta = timedelta(seconds=10)
    pulse_secret: str | None = field(default=None, repr=False)
    side_tasks_enabled: bool = True
    access: Access = Access.AUTO
    access_token: str | None = field(default=None, repr=False)
    hosts: HostRules = field(default_factory=HostRules)
    trusted_proxies: Peers = field(default_factory=Peers)
    trust_header_user: str | None = None
    trust_header_groups: str | None = None
    access_roles: GuestList = field(default_factory=GuestList)
    access_tenants: GuestList = field(default_factory=GuestList)
    session_idle: timedelta = timedelta(hours=12)
    session_life: timedelta = timedelta(days=7)
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    oidc_scopes: str = "openid profile email"
    oidc_claim_name: str = "preferred_username"
    oidc_claim_groups: str = "groups"
    vault_keys: str | None = field(default=None, repr=False)
    vault_key_file: str | None = None
    secrets: SecretRules = field(default_factory=SecretRules)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def keeping(self) -> Keeping:
        """How long finished runs stay where their task does not say."""
        return Keeping(self.retention_completed or self.retention, self.retention, self.keep_last)

    @property
    def services_problem(self) -> str | None:
        """Why services do not start here, as a code: ``disabled`` or ``serverless``; None where they do."""
        if self.runner_environment is Environment.SERVERLESS:
            return "serverless"
        return None if self.side_tasks_enabled else "disabled"

    @property
    def surely_small(self) -> int:
        """How many characters of a payload are within its cap, whatever they are: UTF-8 takes four bytes for one at most."""
        return self.max_payload // 4

    @property
    def def_children(self) -> int:
        """How many ``def`` bodies run at once."""
        return self.max_concurrent or os.cpu_count() or 1

    @property
    def slots(self) -> int:
        """How many ``async def`` bodies run at once."""
        return self.max_concurrent or self.async_slots


@dataclass(frozen=True, slots=True)
class Setting:
    """How one field is called outside, and how its text is read."""

    field: str
    variables: tuple[str, ...]
    parse: Callable[[str, str], Any]
    about: str
    is_secret: bool = False  # its value is shown nowhere


def _text(value: str, name: str) -> str:
    return value


def _path(value: str, name: str) -> str:
    found = value.strip().rstrip("/")
    if found and (not found.startswith("/") or "//" in found or not re.fullmatch(r"[\w/.~-]+", found, re.ASCII)):
        raise ConfigurationError(f"{name}={value!r} is no path: write /tasks, say, or nothing where the console has a host of its own")
    return found


def _count(value: str, name: str) -> int:
    try:
        found = int(value)
    except ValueError:
        raise ConfigurationError(f"{name}={value!r}: a whole number is needed") from None
    if found < 1:
        raise ConfigurationError(f"{name}={value!r}: it must be at least 1")
    return found


def _count_or_zero(value: str, name: str) -> int:
    return 0 if value.strip() == "0" else _count(value, name)


def _retries(value: str, name: str) -> int:
    try:
        found = int(value)
    except ValueError:
        raise ConfigurationError(f"{name}={value!r}: a whole number is needed") from None
    if not 0 <= found <= 1000:
        raise ConfigurationError(f"{name}={value!r}: from 0 to 1000 is allowed")
    return found


def _bool(value: str, name: str) -> bool:
    lowered = value.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ConfigurationError(f"{name}={value!r}: write true or false")


def _duration(value: str, name: str) -> timedelta:
    return parse_duration(value, name)


def _milliseconds(value: str, name: str) -> timedelta:
    """Read the seeds' settings in milliseconds; a bare number so small that seconds were meant is refused."""
    if value.strip().isdigit():
        if int(value) < 1000:
            raise ConfigurationError(
                f"{name}={value!r} would be {value} milliseconds: write {int(value) * 1000} or '{value}s' if you mean seconds"
            )
        return timedelta(milliseconds=int(value))
    return parse_duration(value, name)


def _days(value: str, name: str) -> timedelta:
    if value.strip().isdigit():
        return timedelta(days=_count(value, name))
    return parse_duration(value, name)


def _payload(value: str, name: str) -> int:
    size = parse_size(value, name)
    if size > HARD_CAP:
        raise ConfigurationError(f"{name}={value!r}: {describe_size(HARD_CAP)} at most; hand larger things over as a File")
    return size


def _level(value: str, name: str) -> str:
    if value.lower() not in ("debug", "info", "warning", "error", "critical"):
        raise ConfigurationError(f"{name}={value!r}: choose debug, info, warning, error or critical")
    return value.lower()


def _isolation(value: str, name: str) -> Isolation:
    try:
        return Isolation(value.lower())
    except ValueError:
        raise ConfigurationError(f"{name}={value!r}: choose {', '.join(Isolation)}") from None


def _environment(value: str, name: str) -> Environment:
    try:
        return Environment(value.strip().lower())
    except ValueError:
        raise ConfigurationError(f"{name}={value!r}: choose {', '.join(Environment)}") from None


def _interval(value: str, name: str) -> timedelta:
    found = _milliseconds(value, name)
    if not timedelta(seconds=1) <= found <= timedelta(days=1):
        raise ConfigurationError(f"{name}={value!r}: from a second to a day is allowed")
    return found


def _budget(value: str, name: str) -> timedelta:
    try:
        return check_budget(parse_duration(value, name))
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None


def _secret(value: str, name: str) -> str:
    """Read shared secrets. What is refused is not repeated: it may be in a log next."""
    if any(len(each.strip()) < SHORTEST_SECRET for each in value.split(",")):
        raise ConfigurationError(
            f"{name}: at least {SHORTEST_SECRET} characters are needed, for each where there are several (separated by commas, while they "
            "are being exchanged); make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return value


def _address(value: str, name: str) -> str:
    found = value.strip().rstrip("/")
    if not found.startswith("https://") and not found.startswith(("http://localhost", "http://127.0.0.1", "http://[::1]")):
        raise ConfigurationError(f"{name}={value!r}: an https:// address is needed; http:// is for a provider on this machine alone")
    return found


def _session(value: str, name: str) -> timedelta:
    found = parse_duration(value, name)
    if not timedelta(minutes=1) <= found <= timedelta(days=365):
        raise ConfigurationError(f"{name}={value!r}: from a minute to a year is allowed")
    return found


SETTINGS = (
    Setting("url", ("MAINSPRING_URL",), _text, "the store"),
    Setting("max_concurrent", ("TASK_MAX_CONCURRENT",), _count, "bodies at once: def children, and async slots where it is set"),
    Setting("expensive_concurrent", ("MAINSPRING_EXPENSIVE_CONCURRENT",), _count, "expensive runs at once in the whole fleet"),
    Setting("async_slots", ("MAINSPRING_ASYNC_SLOTS",), _count, "async bodies at once where TASK_MAX_CONCURRENT is not set"),
    Setting(
        "default_timeout", ("TASK_DEFAULT_TIMEOUT", "TASK_TIMEOUT"), _duration, "how long an attempt may take where the task does not say"
    ),
    Setting("default_retries", ("TASK_DEFAULT_RETRIES",), _retries, "retries where the task does not say"),
    Setting(
        "buffer_size",
        ("TASK_BUFFER_SIZE",),
        _count,
        "log lines of a run that wait to be written, past which they are dropped and counted; messages that a viewer may be behind",
    ),
    Setting("websocket_enabled", ("TASK_WEBSOCKET_ENABLED",), _bool, "whether pages are told by socket; else by event stream or polling"),
    Setting("log_level", ("TASK_LOG_LEVEL",), _level, "the least level of log lines that runs keep"),
    Setting("retention", ("TASK_RETENTION_DAYS",), _days, "how long finished runs are kept"),
    Setting("retention_completed", ("MAINSPRING_RETENTION_COMPLETED",), _days, "how long runs are kept that completed, where that differs"),
    Setting("keep_last", ("MAINSPRING_KEEP_LAST",), _count_or_zero, "finished runs of each task that are kept whatever their age"),
    Setting("isolation", ("MAINSPRING_ISOLATION",), _isolation, "where bodies run: process, thread or inline"),
    Setting("lease", ("MAINSPRING_LEASE",), _duration, "how long a silent node keeps its runs"),
    Setting("beat", ("MAINSPRING_BEAT",), _duration, "how often a node renews its lease"),
    Setting("drain", ("MAINSPRING_DRAIN",), _duration, "how long a stopping node lets bodies finish"),
    Setting("grace", ("MAINSPRING_GRACE",), _duration, "how long a body that was asked to stop may take before it is forced"),
    Setting("memory_limit", ("MAINSPRING_MEMORY_LIMIT",), parse_size, "memory past which an executor child is killed"),
    Setting("max_runs_per_child", ("MAINSPRING_MAX_RUNS_PER_CHILD",), _count, "runs after which an executor child is replaced"),
    Setting("manifest", ("MAINSPRING_MANIFEST",), _text, "a file of 'mainspring index': its tasks can be enqueued without their code"),
    Setting("tracing", ("MAINSPRING_TRACING",), _bool, "attempts get OpenTelemetry spans, in the trace of their enqueue"),
    Setting("metrics", ("MAINSPRING_METRICS",), _text, "where a worker answers scrapes of Prometheus, as 9464 or 0.0.0.0:9464"),
    Setting("health", ("MAINSPRING_HEALTH",), _text, "where a node answers /livez, /readyz, /healthz and /metrics, as 0.0.0.0:8080"),
    Setting("listen", ("MAINSPRING_LISTEN",), _text, "where 'start', 'serve' and 'dev' answer the console and the API, as 0.0.0.0:8080"),
    Setting("base_path", ("MAINSPRING_BASE_PATH",), _path, "the path that a proxy keeps before the console's own, as /tasks"),
    Setting("auto_migrate", ("MAINSPRING_AUTO_MIGRATE",), _bool, "bring the schema up to date at start (SQLite: yes, PostgreSQL: no)"),
    Setting("files", ("MAINSPRING_FILES",), _text, "where files lie: a directory, s3://, gs:// or az://; beside an SQLite file by default"),
    Setting("max_payload", ("MAINSPRING_MAX_PAYLOAD",), _payload, "the largest parameters and results that are kept in the database"),
    Setting("max_upload", ("MAINSPRING_MAX_UPLOAD",), parse_size, "the most bytes of files that one HTTP request may bring"),
    Setting("runner_enabled", ("TASK_RUNNER_ENABLED",), _bool, "whether 'mainspring runner' and 'start' move anything in this place"),
    Setting("runner_environment", ("TASK_RUNNER_ENVIRONMENT",), _environment, "development, production or serverless"),
    Setting("overlap_prevention", ("TASK_OVERLAP_PREVENTION",), _bool, "whether the overlap policies of tasks hold; false lets all start"),
    Setting("pulse_interval", ("PULSE_INTERVAL",), _interval, "the scheduler's longest sleep, and how often a pulse is expected"),
    Setting("pulse_budget", ("MAINSPRING_PULSE_BUDGET",), _budget, "how long a pulse may take where the caller does not say"),
    Setting("pulse_secret", ("MAINSPRING_PULSE_SECRET",), _secret, "what callers of the pulse endpoint have to know", is_secret=True),
    Setting("side_tasks_enabled", ("SIDE_TASKS_ENABLED",), _bool, "whether services start; never in a serverless environment"),
    Setting("access", ("MAINSPRING_ACCESS",), parse_access, "whether the printed address alone lets in: auto, open or closed"),
    Setting("access_token", ("MAINSPRING_ACCESS_TOKEN",), _secret, "the token of that address; made anew at each start", is_secret=True),
    Setting("hosts", ("MAINSPRING_HOSTS",), parse_hosts, "names that requests may call this house by, beside those of this machine"),
    Setting("trusted_proxies", ("MAINSPRING_TRUSTED_PROXIES",), parse_peers, "addresses and networks whose X-Forwarded-* are believed"),
    Setting("trust_header_user", ("MAINSPRING_TRUST_HEADER_USER",), parse_header, "the header in which those proxies say who asks"),
    Setting("trust_header_groups", ("MAINSPRING_TRUST_HEADER_GROUPS",), parse_header, "the header in which they say that person's groups"),
    Setting("access_roles", ("MAINSPRING_ACCESS_ROLES",), parse_roles, "roles of people of other houses, as ops=operator, *=viewer"),
    Setting("access_tenants", ("MAINSPRING_ACCESS_TENANTS",), parse_tenants, "their tenants, as staff=acme, root=*; all where not set"),
    Setting("session_idle", ("MAINSPRING_SESSION_IDLE",), _session, "how long a browser stays signed in that is not used"),
    Setting("session_life", ("MAINSPRING_SESSION_LIFE",), _session, "how long it stays signed in at most"),
    Setting("oidc_issuer", ("MAINSPRING_OIDC_ISSUER",), _address, "the OpenID Connect provider that people sign in with"),
    Setting("oidc_client_id", ("MAINSPRING_OIDC_CLIENT_ID",), _text, "what this house is called there"),
    Setting("oidc_client_secret", ("MAINSPRING_OIDC_CLIENT_SECRET",), _text, "its secret there, where it has one", is_secret=True),
    Setting("oidc_scopes", ("MAINSPRING_OIDC_SCOPES",), _text, "what is asked for there"),
    Setting("oidc_claim_name", ("MAINSPRING_OIDC_CLAIM_NAME",), _text, "the claim that is somebody's name here"),
    Setting("oidc_claim_groups", ("MAINSPRING_OIDC_CLAIM_GROUPS",), _text, "the claim that lists somebody's groups"),
    Setting(
        "vault_keys", ("MAINSPRING_VAULT_KEYS", "MAINSPRING_VAULT_KEY"), _text, "keys of stored secrets; the first seals", is_secret=True
    ),
    Setting("vault_key_file", ("MAINSPRING_VAULT_KEY_FILE",), _text, "a file (0600) with such keys, one a line"),
    Setting("spill", ("MAINSPRING_SPILL",), _bool, "put larger ones, up to 64 MiB, among the files instead of refusing them"),
)
_BY_VARIABLE = {variable: setting for setting in SETTINGS for variable in setting.variables}
_BY_FIELD = {setting.field: setting for setting in SETTINGS}


def read_settings(
    environment: Mapping[str, str] | None = None, folder: Path | None = None, **arguments: Any
) -> tuple[Settings, list[str]]:  # fmt: skip
    """Return settings and warnings (unknown names, with the nearest known). Raises `ConfigurationError` naming variable, value and remedy.

    ``arguments`` that are None count as not given.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    warnings: list[str] = []
    table, file = read_table(folder or Path.cwd())
    read = {"": _from_table(table, file, warnings)} | _by_environment(table, file, warnings)
    told: tuple[dict[str, Any], dict[str, str]] = ({}, {})
    _from_environment(environment, *told, warnings)
    given = arguments.get("runner_environment") or told[0].get("runner_environment") or read[""][0].get("runner_environment")
    here = Environment.DEVELOPMENT if given is None else _environment(given, "runner_environment")
    for some_values, some_sources in (read[""], read.get(here, ({}, {})), told):
        values |= some_values
        sources |= some_sources
    for name, value in arguments.items():
        if value is not None:
            setting = _BY_FIELD.get(name)
            parsed = _parse(setting, name, value) if setting is not None and isinstance(value, str) else value
            values[name], sources[name] = parsed, "argument"
    if isinstance(values.get("secrets"), Mapping):
        values["secrets"] = parse_secrets(values["secrets"], "argument")
    settings = replace(Settings(), **values, sources=sources)
    if settings.runner_environment is Environment.SERVERLESS and (settings.default_timeout or timedelta.max) > settings.pulse_budget:
        warnings.append(
            f"a task that does not say gets a timeout of {describe(settings.default_timeout)}, which no pulse of "
            f"{describe(settings.pulse_budget)} has time for: lower TASK_DEFAULT_TIMEOUT here, or raise MAINSPRING_PULSE_BUDGET"
            if settings.default_timeout is not None
            else "tasks have no timeout unless they say so, and a pulse takes five minutes for granted then: set TASK_DEFAULT_TIMEOUT here"
        )
    if settings.lease < settings.beat * 3:
        raise ConfigurationError(
            f"MAINSPRING_LEASE={settings.lease} is too short for MAINSPRING_BEAT={settings.beat}: at least three beats are needed"
        )
    _check_doors(settings, warnings)
    return settings, warnings


def _check_doors(settings: Settings, warnings: list[str]) -> None:
    """Refuse what opens no door, or opens one too far."""
    if settings.trust_header_user is not None and settings.trusted_proxies == Peers():
        raise ConfigurationError("MAINSPRING_TRUST_HEADER_USER is set: name the proxies that may send it in MAINSPRING_TRUSTED_PROXIES")
    if settings.trust_header_groups is not None and settings.trust_header_user is None:
        raise ConfigurationError("MAINSPRING_TRUST_HEADER_GROUPS says nothing without MAINSPRING_TRUST_HEADER_USER: set both")
    if (settings.oidc_issuer is None) != (settings.oidc_client_id is None):
        raise ConfigurationError("MAINSPRING_OIDC_ISSUER and MAINSPRING_OIDC_CLIENT_ID belong together: set both")
    if settings.session_idle > settings.session_life:
        raise ConfigurationError("MAINSPRING_SESSION_IDLE is longer than MAINSPRING_SESSION_LIFE: nothing would ever be idle for so long")
    if (settings.trust_header_user or settings.oidc_issuer) and not settings.access_roles.entries:
        warnings.append(
            "MAINSPRING_ACCESS_ROLES is not set: whoever another house knows may not come in here; *=viewer lets all of them look"
        )


def _from_environment(environment: Mapping[str, str], values: dict[str, Any], sources: dict[str, str], warnings: list[str]) -> None:
    read: dict[str, tuple[str, Any]] = {}
    for variable, text in environment.items():
        setting = _BY_VARIABLE.get(variable)
        if setting is None and (not variable.startswith(("TASK_", "MAINSPRING_")) or variable.startswith(OURS_BUT_NOT_SETTINGS)):
            continue
        if setting is None:
            warnings.append(_unknown(variable, "environment"))
            continue
        value = _parse(setting, variable, text)
        if setting.field in read and read[setting.field][1] != value:
            other = read[setting.field][0]
            raise ConfigurationError(f"{other}={environment[other]!r} and {variable}={text!r} say different things: keep one of them")
        read[setting.field] = (variable, value)
        values[setting.field], sources[setting.field] = value, f"environment ({variable})"


def _parse(setting: Setting, name: str, text: str) -> Any:
    return _milliseconds(text, name) if name == "TASK_DEFAULT_TIMEOUT" else setting.parse(text, name)


def read_table(folder: Path) -> tuple[dict[str, Any], str]:
    """Return what ``mainspring.toml``, or ``[tool.mainspring]`` of ``pyproject.toml``, says in a folder, and which of them it was."""
    for name, path in (("mainspring.toml", ()), ("pyproject.toml", ("tool", "mainspring"))):
        file = folder / name
        if file.is_file():
            try:
                table: Any = tomllib.loads(file.read_text("utf-8"))
            except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{file} cannot be read: {error}") from None
            for part in path:
                table = table.get(part, {})
            if table:
                return table, name
    return {}, ""


def _from_table(table: Mapping[str, Any], source: str, warnings: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings of one table of a file, and where each comes from."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in ("app", "discover", "env", "check"):  # the last is what `mainspring check` reads
            continue
        if name == "secrets":
            values[name] = parse_secrets(value, source)
        elif (setting := _BY_FIELD.get(name) or _BY_VARIABLE.get(name)) is None:
            warnings.append(_unknown(name, source))
        else:
            values[setting.field] = _parse(setting, name, str(value))
    return values, dict.fromkeys(values, source)


def _by_environment(table: Mapping[str, Any], file: str, warnings: list[str]) -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Return what ``[env.NAME]`` says, for each environment: those of other places are checked too, before they are needed there."""
    found: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
    tables = table.get("env", {})
    if not isinstance(tables, Mapping):
        raise ConfigurationError(f"{file}: env={tables!r} is no table: write [env.production] and the settings below it")
    for name, part in tables.items():
        where = f"{file} [env.{name}]"
        if name not in list(Environment) or not isinstance(part, Mapping):
            raise ConfigurationError(f"{where} is no table of an environment: they are called {', '.join(Environment)}")
        if set(part) & {"runner_environment", "TASK_RUNNER_ENVIRONMENT"}:
            raise ConfigurationError(f"{where}: runner_environment cannot depend on itself; set it above the tables or in the environment")
        found[name] = _from_table(part, where, warnings)
    return found


def _unknown(name: str, source: str) -> str:
    near = difflib.get_close_matches(name, [*_BY_VARIABLE, *_BY_FIELD], n=1)
    return f"{source}: the setting {name} is unknown" + (f"; did you mean {near[0]}?" if near else "")


def explain(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Return each setting as (name, value, source, meaning), for people."""
    told = []
    for each in fields(settings):
        setting = _BY_FIELD.get(each.name)
        if setting is not None:
            value = getattr(settings, each.name)
            shown = "***" if setting.is_secret and value is not None else _shown(value)
            told.append((setting.variables[0], shown, settings.sources.get(each.name, "default"), setting.about))
    return told


def _shown(value: object) -> str:
    """Return a value as it could be written in the file."""
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case timedelta():
            return describe(value)
    return str(value)
