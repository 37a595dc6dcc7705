"""The page map: every page of the console, as the suites visit it. A new page is a new line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from tests.browser.stand import Stand

LOOK = Caller("the test", "test")
Path = str | Callable[[Stand], Awaitable[str]]


@dataclass(frozen=True)
class Place:
    """One page. ``path`` may ask the stand for an id; ``is_bare`` says that it is there in an empty store as well."""

    name: str
    path: Path
    is_bare: bool = True

    async def on(self, stand: Stand) -> str:
        """Return its path on a stand."""
        return self.path if isinstance(self.path, str) else await self.path(stand)


def run(tab: str = "", **which: object) -> Callable[[Stand], Awaitable[str]]:
    """Return where a run is shown, the newest of those that are asked for."""

    async def find(stand: Stand) -> str:
        operation = CATALOG["runs.list"]
        page = await operation(stand.app, operation.request(limit=1, **which), LOOK)
        return f"/runs/{page.items[0].id}{tab}"

    return find


async def _error(stand: Stand) -> str:
    operation = CATALOG["errors.list"]
    view = await operation(stand.app, operation.request(), LOOK)
    return f"/errors/{view.items[0].fingerprint}"


async def _node(stand: Stand) -> str:
    operation = CATALOG["nodes.list"]
    view = await operation(stand.app, operation.request(all=True), LOOK)
    return f"/nodes/{view.items[0].id}"


PLACES = (
    Place("overview", "/"),
    Place("tasks", "/tasks"),
    Place("tasks, searched", "/tasks?q=backup"),
    Place("task", "/tasks/backup"),
    Place("form", "/tasks/widgets"),
    Place("tasks, as a table", "/tasks?as=table"),
    Place("task, runs", "/tasks/backup/runs"),
    Place("task, stats", "/tasks/backup/stats"),
    Place("task, schedules", "/tasks/report/schedules"),
    Place("task, code", "/tasks/backup/code"),
    Place("task, settings", "/tasks/backup/settings"),
    Place("runs", "/runs"),
    Place("runs, failed", "/runs?q=status:failed"),
    Place("run, completed", run(task="backup", state=["completed"]), is_bare=False),
    Place("run, failed", run(task="fails"), is_bare=False),
    Place("run, running", run(task="ticks"), is_bare=False),
    Place("run, waiting", run(state=["pending"]), is_bare=False),
    Place("overview, a day", "/?window=24h"),
    Place("schedules", "/schedules"),
    Place("schedules, lanes", "/schedules?view=lanes"),
    Place("schedules, calendar", "/schedules?view=calendar"),
    Place("schedule, new", "/schedules/new"),
    Place("schedule, edited", "/schedules/prune_dumps/edit", is_bare=False),
    Place("schedule", "/schedules/prune_dumps", is_bare=False),
    Place("services", "/services"),
    Place("service", "/services/unlucky", is_bare=False),
    Place("queues", "/queues"),
    Place("queue", "/queues/imports", is_bare=False),
    Place("nodes", "/nodes"),
    Place("node", _node, is_bare=False),
    Place("errors", "/errors"),
    Place("error", _error, is_bare=False),
    Place("dead letters", "/dead"),
    Place("events", "/events"),
    Place("audit", "/audit"),
    Place("settings", "/settings"),
    Place("settings, access", "/settings/access"),
    Place("search", "/search?q=backup"),
)
