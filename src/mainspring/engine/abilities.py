"""Abilities: what this engine can do here, asked of code, schema and backend. Requirements of tasks are compared with the same facts."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

from mainspring.core.capability import Capability, Facts
from mainspring.core.version import VERSION
from mainspring.store.migrate import newest

Backend = Literal["sqlite", "postgres"]
NO_SERVICES = "this release has no services yet: run what must not end as a task that enqueues itself anew, or beside the worker"


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


def capabilities(facts: Facts) -> Mapping[str, Capability]:
    """Return what can be asked for here, by name; what is missing says why."""
    is_postgres = facts.backend == "postgres"
    found = (
        Capability("engine", True, facts.engine),
        Capability("schema", True, str(facts.schema)),
        Capability("python", True, facts.python),
        Capability("backend", True, facts.backend),
        Capability("platform", True, facts.platform),
        Capability("fork", facts.platform == "linux", why="executor children are spawned here, which takes longer"),
        Capability("many_hosts", is_postgres, why="one SQLite file serves the processes of one machine: nodes on several need PostgreSQL"),
        Capability("hints", True, "notify" if is_postgres else "datagrams"),
        Capability(
            "manifest",
            facts.has_module("jsonschema"),
            why="pip install 'mainspring[manifest]' lets parameters be checked without the code",
        ),
        Capability("uvloop", facts.has_module("uvloop"), why="pip install 'mainspring[uvloop]' gives the event loops twice the rate"),
        Capability("services", False, why=NO_SERVICES),
    )  # fmt: skip
    return MappingProxyType({each.name: each if not each.is_available else Capability(each.name, True, each.value) for each in found})


def _has_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):  # a parent that is no package, or was put into sys.modules by hand
        return False
