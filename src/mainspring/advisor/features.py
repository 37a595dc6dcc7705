"""What which version has: the one table behind `advise`, the MS6xx rules and what a fallback is said to cost.

A version is compared by number and never guessed: who does not know what is installed asks for what `OLDEST` has. Schema numbers are
those of the engine's own abilities (`core.capability.NEEDS_SCHEMA`). Words for a fallback and its losses stand in
``i18n/governance/advise.py`` as ``advise.fallback.NAME`` and ``advise.loss.NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from mainspring.advisor.finding import Kind
from mainspring.advisor.record import record
from mainspring.core.capability import NEEDS_SCHEMA, version_key

OLDEST = "0.1.0"  # the oldest engine that is still looked after, and what an unknown one is taken for


class Backend(StrEnum):
    """What a store stands on."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class Profile(StrEnum):
    """How something is deployed: no process that stays, one machine, or several."""

    SERVERLESS = "serverless"
    SINGLE_HOST = "single-host"
    FLEET = "fleet"


EVERY_BACKEND, EVERY_PROFILE = frozenset(Backend), frozenset(Profile)
PROCESS_STAYS = frozenset({Profile.SINGLE_HOST, Profile.FLEET})


@record(frozen=True, slots=True)
class Feature:
    """One thing that a definition may stand on.

    ``engine`` is the first version that has it, empty where none has; ``schema`` the step of the database's schema that it needs.
    ``names`` are public names of Python that ask for it, ``options`` keywords of a definition or of ``.options()`` that do.
    ``fallback`` is the kind to take where it is missing, or None where nothing needs to change but the words of ``advise.fallback.NAME``.
    """

    name: str
    engine: str = OLDEST
    schema: int = 1
    backends: frozenset[Backend] = EVERY_BACKEND
    profiles: frozenset[Profile] = EVERY_PROFILE
    fallback: Kind | None = None
    losses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether any version has it."""
        return bool(self.engine)

    def is_in_engine(self, version: str) -> bool:
        """Whether an engine of that version has it; 1.10 is above 1.9, a pre-release below its release."""
        return self.exists and version_key(version) >= version_key(self.engine)


_ALL = (
    Feature("tasks", fallback=Kind.CRON, losses=("starts-late", "empty-rounds", "temporary"), names=("mainspring.task",)),
    Feature("schedules", schema=NEEDS_SCHEMA["schedules"], fallback=Kind.ADHOC, losses=("outside-clock", "missed-slots"),
            names=("mainspring.cron", "mainspring.every", "mainspring.at", "mainspring.when", "mainspring.manual", "mainspring.Schedule"),
            options=("schedule",)),
    Feature("zones", schema=NEEDS_SCHEMA["schedules"], losses=("clock-changes",), options=("tz",)),
    Feature("overlap", schema=NEEDS_SCHEMA["overlap"], losses=("may-overlap",), names=("mainspring.Overlap",), options=("overlap",)),
    Feature("dependencies", schema=NEEDS_SCHEMA["dependencies"], losses=("order-by-hand",),
            names=("mainspring.Dependency", "mainspring.WaitFor"), options=("depends_on",)),
    Feature("services", schema=NEEDS_SCHEMA["services"], profiles=PROCESS_STAYS, fallback=Kind.NONE,
            losses=("own-supervision", "two-at-once", "no-history"), names=("mainspring.service", "mainspring.Service")),
    Feature("workflows", engine="", fallback=Kind.ADHOC, losses=("own-markers", "repeated-step", "no-wait"),
            names=("mainspring.workflow", "mainspring.step", "mainspring.Context.step")),
    Feature("pulse", schema=NEEDS_SCHEMA["pulse"]),
    Feature("progress", losses=("poll-state",), names=("mainspring.progress", "mainspring.Context.progress")),
    Feature("limits", schema=NEEDS_SCHEMA["limits"], losses=("one-at-a-time",), names=("mainspring.Limit",),
            options=("limit", "concurrency")),
    Feature("rates", schema=NEEDS_SCHEMA["limits"], losses=("one-at-a-time",), names=("mainspring.Rate",), options=("rate",)),
    Feature("dedupe", schema=NEEDS_SCHEMA["dedupe"], losses=("twice",), names=("mainspring.Dedupe",), options=("dedupe",)),
    Feature("files", schema=NEEDS_SCHEMA["files"], losses=("own-storage",), names=("mainspring.File", "mainspring.Artifact")),
    Feature("rollbacks", schema=8, losses=("undo-by-hand",), options=("rollback",)),
    Feature("secrets", losses=("environment-only",), names=("mainspring.Secret",)),
    Feature("stored-secrets", schema=15, losses=("environment-only",)),
    Feature("tenants", schema=16, losses=("no-fair-share",), options=("tenant",)),
    Feature("transactions", losses=("two-commits",), options=("connection",)),
    Feature("sql", schema=4, backends=frozenset({Backend.POSTGRES}), losses=("no-triggers",)),
    Feature("many-hosts", backends=frozenset({Backend.POSTGRES})),
)  # fmt: skip
FEATURES: Mapping[str, Feature] = MappingProxyType({each.name: each for each in _ALL})
BY_NAME: Mapping[str, Feature] = MappingProxyType({name: each for each in _ALL for name in each.names})  # of a public name of Python
BY_OPTION: Mapping[str, Feature] = MappingProxyType({option: each for each in _ALL for option in each.options})  # of a keyword

OF_KIND: Mapping[Kind, str] = MappingProxyType({
    Kind.ADHOC: "tasks", Kind.CRON: "schedules", Kind.SIDE: "services", Kind.WORKFLOW: "workflows",
})  # fmt: skip
