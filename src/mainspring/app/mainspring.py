"""The public class: it reads the settings, puts the parts together, and has the verbs twice: in an event loop, and without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mainspring.app.app import App
from mainspring.app.blocking import Blocking
from mainspring.app.definitions import Definitions
from mainspring.app.opening import Clocked, Opening
from mainspring.config import read_settings
from mainspring.core import active
from mainspring.core.policy import Isolation
from mainspring.core.task import Task

if TYPE_CHECKING:
    from mainspring.engine.alerts import OnAlert


class Mainspring(App):
    """An app: a store, the tasks of some packages, and the ways to enqueue, wait and work.

    ``url`` names the store: ``sqlite:///mainspring.db``, ``postgresql://…``, ``sqlite://`` for one in memory; it and every other setting
    may come from the environment or ``mainspring.toml`` instead. ``discover`` names packages whose ``task.py``, ``tasks.py`` and
    ``*_tasks.py`` are imported when the app is first used; ``tasks`` are added to them. ``manifest`` names a file that ``mainspring index``
    wrote where the code is: its tasks can be listed, checked and enqueued here, and are carried out elsewhere. ``isolation`` is where
    bodies run unless their task says otherwise.
    ``on_child_start`` names functions (``module:function``) that every executor child calls first, ``before_import``
    those that are called before tasks are imported for them (as ``django:setup``).
    ``on_alert`` is a function, or a coroutine function, that is called with each `Notice` of severity alert that this process writes: a
    schedule without code, a service that does not come up, a run that was lost for good.

    It opens itself when first used; ``async with app`` closes it as well.
    """

    def __init__(
        self, url: str | None = None, *, discover: Sequence[str] = (), tasks: Iterable[Task[..., Any]] = (),
        isolation: Isolation | str | None = None, on_child_start: Sequence[str] = (), before_import: Sequence[str] = (),
        on_alert: OnAlert | None = None, database: Clocked | None = None,
        **settings: Any,
    ) -> None:  # fmt: skip
        chosen = None if isolation is None else Isolation(isolation)
        read, warnings = read_settings(url=url, isolation=chosen, **settings)
        dialect = None if database is None else database.dialect
        definitions = Definitions(read, warnings, discover=discover, tasks=tuple(tasks), dialect=dialect)
        opening = Opening(read, definitions, database)
        opening.on_alert = on_alert
        super().__init__(
            read, warnings, definitions, opening,
            on_child_start=tuple(on_child_start), before_import=tuple(before_import),
        )  # fmt: skip
        self.blocking = Blocking(self)
        active.announce(self)

    async def provide(self) -> Mainspring:
        """Return this app, opened: a dependency for the routes of a web framework, as ``Depends(app.provide)``."""
        await self.open()
        return self

    async def close(self) -> None:
        """Stop this process's own node, if it has one, and let the store go. Runs in hand are given back."""
        self.blocking.close()
        await super().close()
