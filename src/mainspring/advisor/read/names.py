"""What names mean inside one file: imports, definitions, classes of objects, annotations.

A `Meaning` is a dotted name, or the class of an object, or both: ``POOL`` is ``shop.jobs.POOL`` and a ThreadPoolExecutor. The class may
be a promise that only other files can keep: ``shop.deps.get_pool()``.
"""

from __future__ import annotations

import ast
import builtins
from functools import lru_cache
from typing import NamedTuple


class Meaning(NamedTuple):
    """What a name stands for. ``ref``: its dotted name, "" for a local that has none. ``type``: its class, "" where nobody knows."""

    ref: str = ""
    type: str = ""


UNKNOWN = Meaning()
_BUILTINS = {name: Meaning(name) for name in dir(builtins)}
_CLASSES = frozenset({"set", "list", "dict", "str", "int", "float", "tuple", "frozenset", "bytes", "bytearray", "bool"}) | {
    "collections.deque", "collections.defaultdict", "weakref.WeakSet", "datetime.datetime", "datetime.timedelta", "datetime.date",
}  # fmt: skip

RETURNS = {
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "asyncio.gather": "asyncio.Future",
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.new_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "asyncio.create_subprocess_exec": "asyncio.subprocess.Process",
    "asyncio.create_subprocess_shell": "asyncio.subprocess.Process",
    "asyncio.AbstractEventLoop.create_task": "asyncio.Task",
    "asyncio.AbstractEventLoop.create_future": "asyncio.Future",
    "asyncio.AbstractEventLoop.run_in_executor": "asyncio.Future",
    "asyncio.AbstractEventLoop.call_later": "asyncio.TimerHandle",
    "asyncio.AbstractEventLoop.call_at": "asyncio.TimerHandle",
    "asyncio.TaskGroup.create_task": "asyncio.Task",
    "asyncio.current_task": "asyncio.Task",
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.Executor.submit": "concurrent.futures.Future",
    "anyio.create_task_group": "anyio.abc.TaskGroup",
    "trio.open_nursery": "trio.Nursery",
    "gevent.spawn": "gevent.Greenlet",
    "gevent.spawn_later": "gevent.Greenlet",
    "multiprocessing.Pool": "multiprocessing.pool.Pool",
    "multiprocessing.Manager": "multiprocessing.managers.SyncManager",
    "multiprocessing.get_context": "multiprocessing",
    "logging.getLogger": "logging.Logger",
    "structlog.get_logger": "logging.Logger",
    "open": "io.IOBase",
    "sqlite3.connect": "sqlite3.Connection",
    "psycopg.connect": "psycopg.Connection",
    "psycopg2.connect": "psycopg2.extensions.connection",
    "redis.from_url": "redis.Redis",
    "redis.asyncio.from_url": "redis.asyncio.Redis",
    "redis.Redis.from_url": "redis.Redis",
    "redis.asyncio.Redis.from_url": "redis.asyncio.Redis",
    "redis.StrictRedis": "redis.Redis",
    "redis.StrictRedis.from_url": "redis.Redis",
    "redis.Redis.pubsub": "redis.client.PubSub",
    "redis.asyncio.Redis.pubsub": "redis.asyncio.client.PubSub",
    "aioredis.from_url": "redis.asyncio.Redis",
    "requests.session": "requests.Session",
    "sqlalchemy.create_engine": "sqlalchemy.engine.Engine",
    "sqlalchemy.orm.sessionmaker()": "sqlalchemy.orm.Session",
    "sqlalchemy.orm.scoped_session()": "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.async_sessionmaker()": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.create_async_engine": "sqlalchemy.ext.asyncio.AsyncEngine",
    "sqlalchemy.orm.sessionmaker.begin": "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.async_sessionmaker.begin": "sqlalchemy.ext.asyncio.AsyncSession",
    "quart.current_app._get_current_object": "quart.Quart",
    "flask.current_app._get_current_object": "flask.Flask",
    "flask_sqlalchemy.SQLAlchemy.session": "sqlalchemy.orm.Session",
    "tornado.ioloop.IOLoop.current": "tornado.ioloop.IOLoop",
    "tornado.ioloop.IOLoop.instance": "tornado.ioloop.IOLoop",
    "contextlib.AsyncExitStack.enter_async_context": "",
    "boto3.client": "boto3.client",
    "boto3.resource": "boto3.resource",
}
"""Classes of what well-known calls give. `Project.canonical` knows them, too, for names that cross files."""

RETURNS_ATTRIBUTE = {
    "flask_sqlalchemy.SQLAlchemy.session": "sqlalchemy.orm.Session",
    "flask_sqlalchemy.SQLAlchemy.Model": "sqlalchemy.orm.DeclarativeBase",
}
"""Classes of attributes of well-known objects."""

TRANSPARENT = frozenset(
    {
        "Annotated", "Optional", "ClassVar", "Final", "Required", "NotRequired", "ReadOnly", "InitVar", "Mapped", "Awaitable", "Coroutine",
        "Type",
    }
)  # fmt: skip
YIELDING = frozenset(
    {
        "Generator", "AsyncGenerator", "Iterator", "AsyncIterator", "Iterable", "AsyncIterable", "ContextManager", "AsyncContextManager",
        "AbstractContextManager", "AbstractAsyncContextManager",
    }
)  # fmt: skip

ALIASES = {
    "concurrent.futures.thread.ThreadPoolExecutor": "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.process.ProcessPoolExecutor": "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures._base.Future": "concurrent.futures.Future",
    "starlette.background.BackgroundTasks": "fastapi.BackgroundTasks",
    "fastapi.background.BackgroundTasks": "fastapi.BackgroundTasks",
    "fastapi.tasks.BackgroundTasks": "fastapi.BackgroundTasks",
    "asyncio.tasks.create_task": "asyncio.create_task",
    "asyncio.tasks.Task": "asyncio.Task",
    "asyncio.events.AbstractEventLoop": "asyncio.AbstractEventLoop",
    "asyncio.BaseEventLoop": "asyncio.AbstractEventLoop",
    "asyncio.base_events.BaseEventLoop": "asyncio.AbstractEventLoop",
    "asyncio.SelectorEventLoop": "asyncio.AbstractEventLoop",
    "asyncio.ProactorEventLoop": "asyncio.AbstractEventLoop",
    "uvloop.Loop": "asyncio.AbstractEventLoop",
    "asyncio.queues.Queue": "asyncio.Queue",
    "asyncio.taskgroups.TaskGroup": "asyncio.TaskGroup",
    "multiprocessing.context.Process": "multiprocessing.Process",
    "multiprocessing.process.Process": "multiprocessing.Process",
    "multiprocess.Process": "multiprocessing.Process",
    "billiard.Process": "multiprocessing.Process",
    "anyio.TaskGroup": "anyio.abc.TaskGroup",
    "gevent.greenlet.Greenlet": "gevent.Greenlet",
    "redis.asyncio.client.Redis": "redis.asyncio.Redis",
    "redis.client.Redis": "redis.Redis",
    "redis.StrictRedis": "redis.Redis",
    "aioredis.Redis": "redis.asyncio.Redis",
    "django.db.transaction.on_commit": "django.db.transaction.on_commit",
    "starlette.requests.Request": "fastapi.Request",
    "starlette.websockets.WebSocket": "fastapi.WebSocket",
    "fastapi.requests.Request": "fastapi.Request",
    "fastapi.websockets.WebSocket": "fastapi.WebSocket",
    "sqlalchemy.orm.session.Session": "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.session.AsyncSession": "sqlalchemy.ext.asyncio.AsyncSession",
    "fastapi.concurrency.run_in_threadpool": "starlette.concurrency.run_in_threadpool",
}
"""One name for what libraries export under several. Applied where they are imported; `Project.canonical` does the rest."""


class Names:
    """The names of one block: the module, a function, a lambda. ``parent`` is the block around it, classes left out as Python does."""

    __slots__ = ("is_module", "known", "module", "parent", "stars")

    def __init__(self, module: str, parent: Names | None = None) -> None:
        self.module = module
        self.parent = parent
        self.is_module = parent is None
        self.known: dict[str, Meaning] = {}
        self.stars: list[str] = []

    def find(self, name: str) -> tuple[Meaning, Names | None]:
        """Return what a name means here, and the block that defines it; None: a builtin, or a name that nobody has seen."""
        block: Names | None = self
        while block is not None:
            meaning = block.known.get(name)
            if meaning is not None:
                return meaning, block
            block = block.parent
        meaning = _BUILTINS.get(name)
        return Meaning(f"{self.module}.{name}") if meaning is None else meaning, None

    def add_import(self, node: ast.Import) -> None:
        """Learn ``import a.b`` and ``import a.b as c``."""
        for alias in node.names:
            if alias.asname:
                self.known[alias.asname] = Meaning(alias.name)
            else:
                first = alias.name.partition(".")[0]
                self.known[first] = Meaning(first)

    def add_import_from(self, node: ast.ImportFrom, package: str) -> None:
        """Learn ``from a import b as c``, also relative to a package."""
        origin = absolute(node, package)
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(origin)
            else:
                target = f"{origin}.{alias.name}" if origin else alias.name
                self.known[alias.asname or alias.name] = Meaning(ALIASES.get(target, target))


def absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the dotted module that a ``from`` names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
    return ".".join([*parts, node.module] if node.module else parts)


@lru_cache(maxsize=4096)
def class_of(ref: str) -> str:
    """Return the class of what calling a dotted name gives, as far as its name says."""
    if not ref or ref[0] == "?":
        return ""
    known = RETURNS.get(ref)
    if known is not None:
        return known
    if ref in _CLASSES:
        return ref
    last = ref.rpartition(".")[2].lstrip("_")
    return ref if last[:1].isupper() and not (last.isupper() and len(last) > 3) else f"{ref}()"
