"""Log lines that say to which run and trace they belong."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from mainspring.core.context import current_run

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
FIELDS = ("run_id", "task", "attempt", "trace_id", "span_id")


def ids() -> dict[str, Any]:
    """Return the ids of the run and of the span that this code belongs to; empty outside of both."""
    found: dict[str, Any] = {}
    if (context := current_run()) is not None:
        found |= {"run_id": context.run_id, "task": context.task, "attempt": context.attempt}
    if (trace := sys.modules.get("opentelemetry.trace")) is not None:
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            found |= {"trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}
    return found


class RunFilter(logging.Filter):
    """Gives every record ``run_id``, ``task``, ``attempt``, ``trace_id`` and ``span_id``: add it to a handler of your own.

    Outside a run they are empty, so that a format that names them never fails. What a record has already is left alone.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with ids."""
        found = ids()
        for name in FIELDS:
            if not hasattr(record, name):
                setattr(record, name, found.get(name, ""))
        return True


class JsonFormatter(logging.Formatter):
    """Writes one JSON object a line: ``at`` (UTC), ``level``, ``logger``, ``message``, ids, and whatever ``extra`` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; what JSON cannot hold is written as text."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= ids()
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD and value != ""}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str, ensure_ascii=False)
