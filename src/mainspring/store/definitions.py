"""Definitions in the store: what nodes say about their tasks when they start, for runs that are made in SQL and for people who look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from mainspring.core.definition import Definition
from mainspring.core.template import Template
from mainspring.store import codes
from mainspring.store.database import Database


class DefinitionStore:
    """Keeps what the node that started last says about each task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, definitions: Sequence[Definition]) -> int:
        """Write down what has changed; answers how many that were."""
        if not definitions:
            return 0
        rows = [
            {
                "task": each.task, "queue": each.queue, "pool": int(each.pool), "priority": each.priority,
                "timeout_ms": _milliseconds(each.timeout), "deadline_ms": _milliseconds(each.deadline),
                "max_retries": each.max_retries, "max_rescues": each.max_rescues, "is_repeatable": each.is_repeatable,
                "is_enabled": each.is_enabled, "params_version": each.params_version, "limit_task": each.limit_task,
                "limit_key": _parts(each.limit_key), "dedupe_key": _parts(each.dedupe_key), "dedupe_policy": each.dedupe_policy,
                "overlap": None if each.overlap is None else codes.POLICY_CODE[each.overlap.policy],
                "overlap_most": None if each.overlap is None else each.overlap.most,
                "overlap_key": None if each.overlap is None else _parts(each.overlap.key), "depends": each.depends,
            }
            for each in sorted(definitions, key=lambda each: each.task)
        ]  # fmt: skip
        return len(await self._database.write("definitions_register", batch=json.dumps(rows)))


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration.total_seconds() * 1000)


def _parts(template: Template | None) -> str | None:
    return None if template is None else json.dumps(template.parts)
