"""Spans: one where a run is enqueued, one for each attempt, tied by the W3C trace context that is stored with the run.

OpenTelemetry is used where the application has set it up, and is not even imported elsewhere. Attributes follow the semantic
conventions for messaging where they have a word for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager as Block
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mainspring.core.context import Context
from mainspring.core.run import Completed, Failed, NewRun, Outcome, Skipped, Snoozed, TimedOut

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

NAME = "mainspring"
TRACE = "trace"  # in a run's meta: the headers of the trace context


def tracer() -> Tracer | None:
    """Return a tracer where OpenTelemetry has been set up in this process, else None."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return None
    found: Tracer = trace.get_tracer(NAME)
    return found


def submitting(runs: Sequence[NewRun], count: int | None = None) -> Block[Sequence[NewRun]]:
    """Open the span of an enqueue and yield the runs, with its trace context in their meta; without OpenTelemetry they are as they were.

    ``count``: how many there are where the first stands for all.
    """
    found = tracer()
    return nullcontext(runs) if found is None or not runs else _submit(found, runs, count or len(runs))


@contextmanager
def _submit(found: Tracer, runs: Sequence[NewRun], count: int) -> Iterator[Sequence[NewRun]]:
    from opentelemetry.propagate import extract, inject
    from opentelemetry.trace import SpanKind

    first = runs[0]
    attributes: dict[str, Any] = {
        "messaging.system": NAME,
        "messaging.operation.type": "send",
        "messaging.destination.name": first.queue,
        "mainspring.task": first.task,
    }
    if count == 1:
        attributes["messaging.message.id"] = first.id
    else:
        attributes["messaging.batch.message_count"] = count
    # A body in another process asked for it: its span is the parent.
    sent = (json.loads(first.meta) if first.meta else {}).get(TRACE)
    parent = extract(sent) if sent else None
    with found.start_as_current_span(f"enqueue {first.task}", context=parent, kind=SpanKind.PRODUCER, attributes=attributes):
        headers: dict[str, str] = {}
        inject(headers)
        yield [marked(run, headers) for run in runs]


def headers() -> dict[str, str] | None:
    """Return the headers of the span that is open here, for an enqueue that another process carries out; None where there is none."""
    if tracer() is None:
        return None
    from opentelemetry.propagate import inject

    found: dict[str, str] = {}
    inject(found)
    return found or None


def marked(run: NewRun, trace: Mapping[str, str] | None) -> NewRun:
    """Return a run that belongs to the trace whose headers came from another process."""
    return run if trace is None else replace(run, meta=json.dumps({**(json.loads(run.meta) if run.meta else {}), TRACE: dict(trace)}))


def note(
    meta: Mapping[str, Any], *, category: str, key: str | None, origin: str, schedule_id: int | None = None, slot_at: datetime | None = None
) -> dict[str, Any]:
    """Return what an executor has to know to open the span of an attempt; a slot is the time of its schedule that a run is for."""
    noted: dict[str, Any] = {"headers": meta.get(TRACE) or {}, "category": category, "key": key, "origin": origin}
    if schedule_id is not None:
        noted["schedule_id"] = schedule_id
        noted |= {} if slot_at is None else {"slot_at": slot_at.isoformat()}
    return noted


@contextmanager
def attempting(noted: Mapping[str, Any], context: Context) -> Iterator[Attempted]:
    """Open the span of an attempt: in the trace of the enqueue, and linked to its span. Does nothing where nothing is set up."""
    found = tracer()
    if found is None:
        yield Attempted(None)
        return
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    parent = extract(noted["headers"])
    submit = trace.get_current_span(parent).get_span_context()
    attributes: dict[str, Any] = {
        "messaging.system": NAME,
        "messaging.operation.type": "process",
        "messaging.destination.name": context.queue,
        "messaging.message.id": context.run_id,
        "mainspring.task": context.task,
        "mainspring.category": noted["category"],
        "mainspring.attempt": context.attempt,
    }
    for name in ("key", "origin", "schedule_id", "slot_at"):
        if noted.get(name) is not None:
            attributes[f"mainspring.{name}"] = noted[name]
    if context.tenant:
        attributes["mainspring.tenant"] = context.tenant
    links = [trace.Link(submit)] if submit.is_valid else []
    with found.start_as_current_span(
        f"run {context.task}", context=parent, kind=trace.SpanKind.CONSUMER, attributes=attributes, links=links
    ) as span:
        yield Attempted(span)


class Attempted:
    """The span of an attempt, which wants to know how it ended."""

    __slots__ = ("_span",)

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def ended(self, outcome: Outcome) -> None:
        """Set the span's status: an error for what failed or ran out of time, none for what was put off or asked to stop."""
        if self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        if isinstance(outcome, (Completed, Skipped, Snoozed)):
            self._span.set_status(Status(StatusCode.OK))
        elif isinstance(outcome, (Failed, TimedOut)):
            error = (
                outcome.error if isinstance(outcome, Failed) else {"type": "TimeoutError", "message": "the time of the attempt was over"}
            )
            self._span.set_attribute("error.type", str(error.get("class") or error.get("type")))
            self._span.set_status(Status(StatusCode.ERROR, str(error.get("message"))[:500]))
            self._span.add_event(
                "exception",
                {
                    "exception.type": str(error.get("class") or error.get("type")),
                    "exception.message": str(error.get("message")),
                    "exception.stacktrace": str(error.get("traceback", "")),
                },
            )
