"""The store: one door to the durable truth, split by noun."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from mainspring.core.errors import ConfigurationError, StoreError
from mainspring.store.audit import AuditStore
from mainspring.store.changes import ChangeStore
from mainspring.store.database import Database, split_url
from mainspring.store.dead import DeadStore
from mainspring.store.definitions import DefinitionStore
from mainspring.store.errors import ErrorStore
from mainspring.store.events import EventStore
from mainspring.store.explain import ExplainStore
from mainspring.store.export import ExportStore
from mainspring.store.foreign import Foreigners
from mainspring.store.gates import GateStore
from mainspring.store.idempotency import IdempotencyStore
from mainspring.store.limits import LimitStore
from mainspring.store.migrate import Migrations
from mainspring.store.modes import ModeStore
from mainspring.store.nodes import NodeStore
from mainspring.store.notices import NoticeStore
from mainspring.store.owners import OwnerStore
from mainspring.store.presets import FavouriteStore, PresetStore
from mainspring.store.pulses import PulseStore
from mainspring.store.queues import QueueStore
from mainspring.store.retention import RetentionStore
from mainspring.store.run_views import RunViewStore
from mainspring.store.runs import RunStore
from mainspring.store.samples import SampleStore
from mainspring.store.schedules import ScheduleStore
from mainspring.store.secrets import SecretStore
from mainspring.store.services import ServiceStore
from mainspring.store.sessions import LinkStore, SessionStore, SignInStore
from mainspring.store.sqlite import Clock, SqliteDatabase, wall_microseconds
from mainspring.store.stats import StatStore
from mainspring.store.sweep import SweepStore
from mainspring.store.switches import SwitchStore
from mainspring.store.tasks import TaskStore
from mainspring.store.tenants import TenantStore
from mainspring.store.tokens import TokenStore
from mainspring.store.trends import TrendStore
from mainspring.store.upkeep import Upkeep
from mainspring.store.users import Doors, UserStore
from mainspring.store.waiting import WaitingStore

SHARDS = 16  # of the statistics


class Store:
    """Nouns over one database. Open it before use; it may be opened and closed again."""

    def __init__(self, database: Database, shard: int | None = None) -> None:
        self.database = database
        self.runs = RunStore(database, (os.getpid() if shard is None else shard) % SHARDS)
        self.foreign = Foreigners(database, (os.getpid() if shard is None else shard) % SHARDS)
        self.events = EventStore(database, self.runs)
        self.nodes = NodeStore(database)
        self.definitions = DefinitionStore(database)
        self.queues = QueueStore(database)
        self.pulses = PulseStore(database)
        self.limits = LimitStore(database)
        self.audit = AuditStore(database)
        self.changes = ChangeStore(database)
        self.notices, self.modes = NoticeStore(database), ModeStore(database)
        self.schedules = ScheduleStore(database, self.runs, self.notices, (os.getpid() if shard is None else shard) % SHARDS)
        self.files, self.search = self.runs.files, self.runs.search
        self.run_lists, self.run_views = self.runs.lists, RunViewStore(database)
        self.stats = StatStore(database)
        self.samples, self.trends = SampleStore(database), TrendStore(database)
        self.switches = SwitchStore(database)
        self.tasks, self.presets, self.favourites = TaskStore(database), PresetStore(database), FavouriteStore(database)
        self.sweep = SweepStore(database)
        self.gates = GateStore(database, (os.getpid() if shard is None else shard) % SHARDS)
        self.services = ServiceStore(database)
        self.doors = doors = Doors()
        self.users, self.tokens, self.sessions = UserStore(database, doors), TokenStore(database, doors), SessionStore(database, doors)
        self.links, self.sign_ins, self.secrets = LinkStore(database), SignInStore(database), SecretStore(database)
        self.errors = ErrorStore(database, self.runs)
        self.idempotency = IdempotencyStore(database)
        self.dead = DeadStore(database)
        self.export, self.waiting = ExportStore(database), WaitingStore(database)
        self.migrations = Migrations(database)
        self.upkeep = Upkeep(database)
        self.retention = RetentionStore(database, self.upkeep, self.files)
        self.tenants, self.owners = TenantStore(database, self.runs, self.retention), OwnerStore(database)
        self.explain = ExplainStore(
            database, self.runs, self.nodes, self.queues, self.limits, self.switches, self.tenants, self.owners
        )  # fmt: skip

    async def open(self) -> None:
        """Connect."""
        await self.database.open()

    async def close(self) -> None:
        """Let everything go."""
        await self.database.close()


def database_for(url: str, *, clock: Clock | None = None) -> Database:
    """Return the database that a URL names; nothing is opened yet.

    ``sqlite://`` (in memory), ``sqlite:///relative.db``, ``sqlite:////absolute.db`` with ``?durability=relaxed``, and
    ``postgresql://…`` with ``?schema=name`` and ``pooler=transaction|session`` (found out where it is not said). Raises
    `ConfigurationError` with examples. ``clock`` (microseconds since 1970) is a test's own, for SQLite alone.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "sqlite":
        return _sqlite(url, clock)
    if scheme in ("postgres", "postgresql"):
        return _postgres(url)
    raise ConfigurationError(
        f"the store URL {url!r} is not understood: write sqlite:///mainspring.db (a file here), "
        "sqlite:////var/lib/app/mainspring.db (an absolute path), sqlite:// (in memory) or "
        "postgresql://user@host/database"
    )


def _sqlite(url: str, clock: Clock | None) -> Database:
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    if unknown := options.keys() - {"durability", "network"}:
        raise ConfigurationError(
            f"{url!r} has an unknown option {sorted(unknown)[0]!r}: durability=full|relaxed and network=allow are known"
        )
    durability = options.get("durability", ["full"])[0]
    if durability not in ("full", "relaxed"):
        raise ConfigurationError(f"durability={durability!r} is unknown: choose full or relaxed")
    if parts.netloc and parts.netloc != "":
        raise ConfigurationError(f"{url!r} has two slashes before the path: write sqlite:///{parts.netloc}{parts.path}")
    path = unquote(parts.path[1:])
    is_memory = path in ("", ":memory:")
    return SqliteDatabase(
        None if is_memory else Path(path),
        durability="relaxed" if durability == "relaxed" else "full",
        clock=clock or wall_microseconds,
        network_ok=options.get("network") == ["allow"],
    )


def _postgres(url: str) -> Database:
    try:
        from mainspring.store.postgres import PostgresDatabase
    except ImportError as error:
        raise StoreError(f"PostgreSQL needs psycopg ({error}): pip install 'mainspring[postgres]'") from error
    address, ours = split_url(url)
    pooler = ours.get("pooler")
    if pooler not in (None, "transaction", "session"):
        raise ConfigurationError(f"pooler={pooler!r} is unknown: choose transaction or session, or leave it out")
    is_pooled = None if pooler is None else pooler == "transaction"
    return PostgresDatabase(address, schema=ours.get("schema", "mainspring"), is_pooled=is_pooled)
