"""The manifest: every task of a registry as JSON, for nodes and programs without the code.

It holds what an enqueue needs (schemas, queue, priority, policies, keys) and what people are shown, and nothing about this machine: the
same code gives the same text everywhere, so that ``mainspring index --check`` can tell a stale one.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from mainspring.core.access import parse_access
from mainspring.core.dedupe import Dedupe
from mainspring.core.dependency import Dependency
from mainspring.core.errors import ConfigurationError, MainspringError
from mainspring.core.limit import Limit, Rate
from mainspring.core.overlap import Overlap, Policy
from mainspring.core.policy import Isolation, Priority, Retry
from mainspring.core.role import Role
from mainspring.core.schedule import Schedule
from mainspring.core.service import Service, ServicePolicy
from mainspring.core.signature import parameters_of
from mainspring.core.task import Source, Surface, Task, TaskSpec
from mainspring.registry.remote import RemoteTask, SchemaParams, SchemaResult

VERSION = 1  # of the manifest's own form; a reader refuses a higher one
DEFAULT_FILE = "mainspring.json"

AnyTask = Task[..., Any]


def manifest_text(tasks: Iterable[AnyTask], isolation: Isolation = Isolation.PROCESS, services: Iterable[AnyTask] = ()) -> str:
    """Return the manifest, sorted by name. ``isolation`` is the app's default, from which each task's pool follows."""
    described = [describe_task(task, isolation) for task in sorted(tasks, key=lambda task: task.name)]
    beside = [describe_service(service) for service in sorted(services, key=lambda service: service.name)]
    by_category: dict[str, list[str]] = {}
    for each in described:
        by_category.setdefault(each["category"], []).append(each["name"])
    whole = {
        "manifest": VERSION,
        "tasks": described,
        "by_category": dict(sorted(by_category.items())),
        "services": beside,
        "runner": {
            "command": "mainspring runner",
            "roles": [str(each) for each in (Role.ALL, Role.WORKER, Role.SCHEDULER, Role.SERVE)],
            "queues": sorted({each["queue"] for each in described}),
        },
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def describe_service(service: AnyTask) -> dict[str, Any]:
    """Return one service as plain JSON values: what people are told of it, for it is started where its code is."""
    spec = service.spec
    policy: ServicePolicy = service.policy if isinstance(service, Service) else ServicePolicy()
    return {
        "name": spec.name,
        "title": spec.title,
        "description": spec.description,
        "category": spec.category,
        "icon": spec.icon,
        "tags": list(spec.tags),
        "priority": spec.priority.name.lower(),
        "is_enabled": spec.is_enabled,
        "instances": str(policy.instances),
        "restart": str(policy.restart),
        "module": spec.source.module,
    }


def describe_task(task: AnyTask, isolation: Isolation = Isolation.PROCESS) -> dict[str, Any]:
    """Return one task as plain JSON values."""
    spec = task.spec
    limit, dedupe = spec.limit, spec.dedupe
    return {
        "name": spec.name,
        "title": spec.title,
        "description": spec.description,
        "category": spec.category,
        "icon": spec.icon,
        "tags": list(spec.tags),
        "danger": spec.danger,
        "is_expensive": spec.is_expensive,
        "is_enabled": spec.is_enabled,
        "surfaces": [str(each) for each in Surface if each not in spec.hidden_from],
        "access": None if spec.access is None else spec.access.dump(),
        "is_admin_only": spec.access is not None and spec.access.is_admin_only,
        "requires": list(spec.requires),
        "variant_of": spec.variant_of,
        "module": spec.source.module,
        "queue": spec.queue,
        "priority": spec.priority.name.lower(),
        "retries": None if spec.retry is None else spec.retry.retries,
        "timeout_ms": _milliseconds(spec.timeout),
        "deadline_ms": _milliseconds(spec.deadline),
        "isolation": str(spec.isolation),
        "pool": spec.pool_in(isolation).name.lower(),
        "is_async": spec.is_async,
        "is_repeatable": spec.is_repeatable,
        "max_rescues": spec.max_rescues,
        "concurrency": spec.concurrency,
        "rate": _rate(spec.rate),
        "limit": None if limit is None else {"key": limit.key.text, "concurrency": limit.concurrency, "rate": _rate(limit.rate)},
        "dedupe": None if dedupe is None else {
            "key": dedupe.key.text, "policy": str(dedupe.policy), "window_ms": _milliseconds(dedupe.window),
        },
        "schedules": [each.dump() for each in spec.schedules],
        "overlap": None if spec.overlap is None else {
            "policy": str(spec.overlap.policy), "most": spec.overlap.most,
            "key": None if spec.overlap.key is None else spec.overlap.key.text,
        },
        "depends_on": [{"task": each.task, "within_ms": _milliseconds(each.within)} for each in spec.depends_on],
        "params_version": spec.params_version,
        "has_upgrade": task.hooks.upgrade is not None,
        "keyword_only": _keyword_only(task),
        "params": task.params.schema(),
        "result": task.result.schema(),
    }  # fmt: skip


def read_manifest(path: str | Path) -> list[RemoteTask[..., Any]]:
    """Return the tasks of a manifest; raises `ConfigurationError` that names the file and what to do."""
    file = Path(path)
    try:
        return tasks_of(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise ConfigurationError(
            f"manifest={str(path)!r}: there is no such file; write it with 'mainspring index' where the code is"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"manifest={str(path)!r} cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError, MainspringError) as error:
        remedy = "write it anew with 'mainspring index'"
        raise ConfigurationError(f"manifest={str(path)!r} is not understood ({type(error).__name__}: {error}): {remedy}") from None


def tasks_of(manifest: Mapping[str, Any]) -> list[RemoteTask[..., Any]]:
    """Return the tasks of a manifest that was read."""
    if not isinstance(manifest.get("manifest"), int) or "tasks" not in manifest:
        raise ConfigurationError("it is no manifest of Mainspring")
    if manifest["manifest"] > VERSION:
        raise ConfigurationError(f"its form is {manifest['manifest']}, this release reads up to {VERSION}: upgrade mainspring here")
    return [_task(each) for each in manifest["tasks"]]


def _task(said: Mapping[str, Any]) -> RemoteTask[..., Any]:
    name = str(said["name"])
    limit, dedupe, retries = said["limit"], said["dedupe"], said["retries"]
    spec = TaskSpec(
        name=name,
        title=said["title"],
        description=said["description"],
        category=said["category"],
        icon=said["icon"],
        tags=tuple(said["tags"]),
        danger=said["danger"],
        is_expensive=said["is_expensive"],
        queue=said["queue"],
        priority=Priority.parse(said["priority"]),
        retry=None if retries is None else Retry(retries=retries),
        timeout=_duration(said["timeout_ms"]),
        deadline=_duration(said["deadline_ms"]),
        isolation=Isolation(said["isolation"]),
        is_enabled=said["is_enabled"],
        is_repeatable=said["is_repeatable"],
        max_rescues=said["max_rescues"],
        is_async=said["is_async"],
        takes_context=False,
        source=Source(said["module"], name, "manifest", 0),
        concurrency=said["concurrency"],
        rate=_rate_of(said["rate"]),
        limit=None if limit is None else Limit(limit["key"], concurrency=limit["concurrency"], rate=_rate_of(limit["rate"])),
        dedupe=None if dedupe is None else Dedupe(dedupe["key"], dedupe["policy"], window=_duration(dedupe["window_ms"])),
        requires=tuple(said["requires"]),
        hidden_from=frozenset(Surface) - {Surface(each) for each in said["surfaces"]},
        access=parse_access(said.get("access"), is_admin_only=said.get("is_admin_only", False)),
        params_version=said["params_version"],
        variant_of=said["variant_of"],
        schedules=tuple(Schedule.load(each) for each in said.get("schedules", ())),  # what an older release wrote has none of these
        overlap=_overlap_of(said.get("overlap")),
        depends_on=tuple(Dependency(each["task"], within=_duration(each["within_ms"])) for each in said.get("depends_on", ())),
    )
    return RemoteTask(spec, SchemaParams(name, said["params"]), SchemaResult(name, said["result"]))


def _overlap_of(said: Mapping[str, Any] | None) -> Overlap | None:
    if said is None:
        return None
    policy = Policy(said["policy"])
    return Overlap(policy, most=said["most"] if policy in (Policy.QUEUE, Policy.ALLOW) else None, key=said["key"])


def _keyword_only(task: AnyTask) -> list[str]:
    if not task.is_here:
        return []
    return [each.name for each in parameters_of(task.fn) if each.kind is inspect.Parameter.KEYWORD_ONLY]


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration.total_seconds() * 1000)


def _duration(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)


def _rate(rate: Rate | None) -> dict[str, int] | None:
    return None if rate is None else {"count": rate.count, "per_ms": round(rate.per.total_seconds() * 1000), "burst": rate.burst}


def _rate_of(said: Mapping[str, int] | None) -> Rate | None:
    return None if said is None else Rate(said["count"], timedelta(milliseconds=said["per_ms"]), said["burst"])
