"""A pulse on AWS Lambda. EventBridge Scheduler calls it under IAM, so there is no HTTP and no secret."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shop import app

from mainspring.operations.pulse import pulse_view

MARGIN = timedelta(seconds=2)  # for this function's own beginning and end


def pulse(event: object, context: Any) -> dict[str, Any]:
    """Beat for as long as Lambda lets this function live, and tell what was done."""
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    try:
        return pulse_view(app.blocking.pulse(budget=left - MARGIN, source="lambda")).model_dump(mode="json")
    finally:
        app.blocking.close()  # Lambda freezes what is left, and connections do not survive that
