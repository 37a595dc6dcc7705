"""JSON Lines: one finding a line, as ``findings`` of the JSON form has them; nothing at all where nothing was found."""

from __future__ import annotations

import json

from mainspring.advisor.output.json import describe
from mainspring.advisor.report import Report


def write(report: Report) -> str:
    """Return a line for each finding, those that do not count included: their ``status`` says so."""
    return "".join(json.dumps(describe(each), separators=(",", ":")) + "\n" for each in report.judged)
