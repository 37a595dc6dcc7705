"""Tenants: those on whose behalf runs are made, and who do not see each other's. One that nobody has said anything of is active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class TenantState(StrEnum):
    """What becomes of a tenant's runs: they go on, they are held, or they are cancelled and everything of theirs is taken away."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Tenant:
    """What somebody has said of a tenant.

    ``completed`` and ``others`` are how long its finished runs are kept (None: as tasks and app say), ``max_waiting`` runs and
    ``max_bytes`` of files its quotas (None: none). ``is_moving``: its runs are still being held, let go or taken away; ``purged_at`` is
    when nothing of a deleted one was left.
    """

    name: str
    title: str
    state: TenantState
    reason: str | None
    completed: timedelta | None
    others: timedelta | None
    max_waiting: int | None
    max_bytes: int | None
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    changed_by: str | None
    is_moving: bool = False
    purged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What an enqueue has to know of a tenant that is not like others."""

    state: TenantState
    reason: str | None
    max_waiting: int | None
    max_bytes: int | None
