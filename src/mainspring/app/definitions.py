"""Every task of an app: found in its packages, given to it, or handed in with a call."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mainspring.core.errors import DefinitionError
from mainspring.core.task import Task
from mainspring.engine import carry

if TYPE_CHECKING:
    from mainspring.config import Settings
    from mainspring.core.capability import Facts
    from mainspring.engine.abilities import Backend
    from mainspring.registry.registry import Registry


class Definitions:
    """The registry of an app, which grows by tasks that are handed in directly.

    ``live`` is what a running node looks into: the tasks whose code is here. What is worth a warning is added to ``warnings``.
    """

    def __init__(
        self, settings: Settings, warnings: list[str], *, discover: Sequence[str], tasks: Sequence[Task[..., Any]], dialect: Backend | None
    ) -> None:
        self.settings, self._warnings = settings, warnings
        self._discover, self._given, self._dialect = tuple(discover), tuple(tasks), dialect
        self._extra: Mapping[str, Task[..., Any]] = {}
        self._registry: Registry | None = None
        self.live: dict[str, Task[..., Any]] = {}

    @property
    def registry(self) -> Registry:
        """Every task of the app; the packages are imported on first use. Raises `DefinitionError` with all problems at once."""
        held = self._registry
        if held is None:
            held = self._registry = self._build(self._extra)
        return held

    def known(self, task: Task[..., Any]) -> Task[..., Any]:
        """Take a task that is handed in directly: one that discovery has not found becomes part of the app."""
        known = self.registry.by_name.get(task.name) or self.registry.services.get(task.name)
        if known is task:
            return task
        if known is not None and (known.is_here or not task.is_here):
            if known.spec.source == task.spec.source or not task.is_here:
                return known  # the same definition, imported twice, or a handle of the index
            raise DefinitionError(f"two tasks are named {task.name!r}: {known.spec.source} and {task.spec.source}")
        extra = {**self._extra, task.name: task}
        registry = self._build(extra)  # a bad definition is refused and leaves the app as it was
        self._extra, self._registry = extra, registry
        return registry.get(task.name)

    def facts(self) -> Facts:
        """Return what is true of this place, to be compared with what tasks require."""
        from mainspring.engine.abilities import dialect_of, facts_of

        return facts_of(self._dialect or dialect_of(self.settings.url))

    def _build(self, extra: Mapping[str, Task[..., Any]]) -> Registry:
        from mainspring.registry.discovery import discover
        from mainspring.registry.registry import Registry

        found = discover(self._discover)
        remote: list[Task[..., Any]] = [task for task in extra.values() if not task.is_here]
        if self.settings.manifest is not None:
            from mainspring.registry.manifest import read_manifest

            remote = [*read_manifest(self.settings.manifest), *remote]
        here = [*found.tasks, *self._given, *(task for task in extra.values() if task.is_here)]
        registry = Registry.build(here, found.problems, facts=self.facts(), remote=remote)
        local = [task for task in registry if task.is_here]
        for said in carry.named_like_secrets(local):
            if said not in self._warnings:
                self._warnings.append(said)
                carry.log.warning("%s", said)
        self.live.update((task.name, task) for task in (*local, *registry.services.values()))
        for name, why in registry.unmet.items():
            logging.getLogger("mainspring").warning("the task %r is not registered here: %s", name, "; ".join(why))
        return registry
