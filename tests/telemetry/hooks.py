"""What an application would do in its executor children: set OpenTelemetry up, with spans that go to a file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class FileExporter(SpanExporter):
    """Writes a line a span."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._path.open("a") as file:
            file.writelines(json.dumps(json.loads(span.to_json(indent=None))) + "\n" for span in spans)
        return SpanExportResult.SUCCESS


def set_up() -> None:
    """Be the application's hook."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FileExporter(Path(os.environ["SPANS"]))))
    trace.set_tracer_provider(provider)
