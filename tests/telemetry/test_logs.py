"""Log lines say to which run they belong."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from mainspring.core.context import Context, enter_run, leave_run
from mainspring.telemetry.logs import JsonFormatter, RunFilter


class Nowhere:
    def log(self, level: str, message: str, data: Mapping[str, Any] | None) -> None: ...

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None: ...

    def attach(self, source: Any, name: str | None, media_type: str | None) -> Any: ...


def record_of(message: str, **extra: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "shop", "levelno": 30, "levelname": "WARNING", "msg": message})
    vars(record).update(extra)
    return record


def test_a_line_of_json_has_the_ids_of_its_run_and_what_extra_holds() -> None:
    token = enter_run(Context(run_id="r1", task="pack", attempt=2, claim_id="c", queue="default", tenant="", sink=Nowhere()))
    try:
        line = json.loads(JsonFormatter().format(record_of("zu spät", order=7, odd=object)))
    finally:
        leave_run(token)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning", "logger": "shop", "message": "zu spät", "run_id": "r1", "task": "pack", "attempt": 2,
        "order": 7, "odd": "<class 'object'>",
    }  # fmt: skip


def test_outside_a_run_a_format_that_names_ids_still_works() -> None:
    record = record_of("idle", attempt=9)
    assert RunFilter().filter(record)
    assert logging.Formatter("%(run_id)s|%(attempt)s|%(trace_id)s|%(message)s").format(record) == "|9||idle"


def test_an_exception_is_part_of_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        record = record_of("failed")
        record.exc_info = (type(error), error, error.__traceback__)
    assert "ValueError: no" in json.loads(JsonFormatter().format(record))["exception"]
