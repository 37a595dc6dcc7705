"""Abilities: what this engine can do here, asked of code, schema and backend. Requirements of tasks are compared with the same facts."""

from __future__ import annotations

import difflib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

from mainspring.core.capability import NEEDS_SCHEMA, Capability, Facts, parse_requirement
from mainspring.core.environment import Environment
from mainspring.core.errors import ConfigurationError
from mainspring.core.version import VERSION
from mainspring.store.migrate import newest

Backend = Literal["sqlite", "postgres"]
NO_SERVICES = {
    "disabled": "SIDE_TASKS_ENABLED is false here: set it to true where services are to start",
    "serverless": "TASK_RUNNER_ENVIRONMENT is serverless, where no process stays: start 'mainspring runner' in a place that stays",
}
# What other systems call them.
ALIASES: Mapping[str, str] = {
    "side_tasks": "services", "cron": "schedules", "cron_tasks": "schedules", "unified_runner": "runner", "task_runner": "runner",
    "overlap_prevention": "overlap", "depends_on": "dependencies", "postgres": "many_hosts",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """What the settings say of the place where this process is. ``services_problem`` is why services do not start in it."""

    environment: Environment = Environment.DEVELOPMENT
    services_problem: str | None = None
    runner_enabled: bool = True
    overlap_prevention: bool = True
    has_pulse_secret: bool = False


def dialect_of(url: str) -> Backend:
    """Return the backend that a store's URL names."""
    return "postgres" if url.partition(":")[0].lower() in ("postgres", "postgresql") else "sqlite"


def facts_of(dialect: Backend) -> Facts:
    """Return what is so in this process, for stores of a backend."""
    return Facts(
        engine=VERSION,
        schema=newest(dialect),
        python=platform.python_version(),
        backend=dialect,
        platform="windows" if sys.platform == "win32" else sys.platform,
        has_module=_has_module,
    )


def capabilities(facts: Facts, place: Place, applied: int | None = None) -> Mapping[str, Capability]:
    """Return what can be asked for here, by name, from code, schema, backend and environment; what is missing says why and what to do.

    ``applied`` is the schema that a store has, where somebody has looked; a store that was opened has what this code needs.
    """
    is_postgres, is_serverless = facts.backend == "postgres", place.environment is Environment.SERVERLESS
    schema = facts.schema if applied is None else min(applied, facts.schema)
    found = (
        Capability("engine", True, facts.engine),
        Capability("schema", True, str(schema)),
        Capability("python", True, facts.python),
        Capability("backend", True, facts.backend),
        Capability("platform", True, facts.platform),
        Capability("environment", True, str(place.environment)),
        Capability("schedules", True),
        Capability("overlap", place.overlap_prevention, why="TASK_OVERLAP_PREVENTION is false here: runs may overlap whatever tasks say"),
        Capability("dependencies", True),
        Capability("services", place.services_problem is None, why=NO_SERVICES.get(place.services_problem or "", "")),
        Capability("runner", place.runner_enabled and not is_serverless, why=_no_runner(place)),
        Capability("pulse", True),
        Capability(
            "pulse_endpoint", place.has_pulse_secret,
            why="MAINSPRING_PULSE_SECRET is not set, so the endpoint refuses everybody: set it, or use 'mainspring pulse execute'",
        ),
        Capability("limits", True),
        Capability("dedupe", True),
        Capability("files", True),
        Capability("views", True),
        Capability("fork", facts.platform == "linux", why="executor children are spawned here, which takes longer"),
        Capability("many_hosts", is_postgres, why="one SQLite file serves the processes of one machine: nodes on several need PostgreSQL"),
        Capability("hints", True, "notify" if is_postgres else "datagrams"),
        *(_extra(facts, *each) for each in _EXTRAS),
    )  # fmt: skip
    return MappingProxyType({each.name: _on_schema(each, schema) for each in found})


def capability(name: str, facts: Facts, found: Mapping[str, Capability]) -> Capability:
    """Return what can be said of one name: a capability, what another system calls it, or a requirement such as ``engine>=1.2``."""
    asked = name.strip()
    plain = asked.lower().replace("-", "_").replace(" ", "_")
    known = found.get(ALIASES.get(plain, plain))
    if known is not None:
        return known
    try:
        problem = parse_requirement(asked).problem(replace(facts, schema=int(found["schema"].value)))
    except ConfigurationError:
        near = difflib.get_close_matches(plain, [*found, *ALIASES], n=2)
        meant = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(sorted(found))}, and requirements as engine>=1.2"
        return Capability(asked, False, why=f"mainspring {facts.engine} knows nothing of that name; {meant}")
    return Capability(asked, problem is None, why=problem or "")


# Name, module, the extra that brings it, and what it gives.
_EXTRAS = (
    ("manifest", "jsonschema", "manifest", "lets parameters be checked without the code"),
    ("uvloop", "uvloop", "uvloop", "gives the event loops twice the rate"),
    ("metrics", "prometheus_client", "metrics", "lets a node be scraped"),
    ("tracing", "opentelemetry", "tracing", "gives attempts spans"),
    ("blobs", "obstore", "blobs", "keeps files on S3, Google Cloud Storage or Azure"),
)


def _extra(facts: Facts, name: str, module: str, extra: str, gives: str) -> Capability:
    return Capability(name, facts.has_module(module), why=f"pip install 'mainspring[{extra}]' {gives}")


def _no_runner(place: Place) -> str:
    if not place.runner_enabled:
        return "TASK_RUNNER_ENABLED is false here: set it to true where a runner is to work"
    return "TASK_RUNNER_ENVIRONMENT is serverless, where no process stays: let something call the pulse, or start a runner elsewhere"


def _on_schema(found: Capability, schema: int) -> Capability:
    needed = NEEDS_SCHEMA.get(found.name, 0)
    if found.is_available and schema < needed:
        return Capability(found.name, False, why=f"the database's schema is {schema}, this needs {needed}: run 'mainspring migrate'")
    return Capability(found.name, True, found.value) if found.is_available else found


def _has_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):  # a parent that is no package, or was put into sys.modules by hand
        return False
