"""Forms in which a report is written: a file a form, each with ``write(report) -> str``, imported when it is asked for.

What stands in code that somebody checks may be hostile: no form lets it speak to a terminal, to a build system or to a browser.
Only `text` is for people in their language; all other forms are read by machines or by whole teams, and are English.
"""

from __future__ import annotations

from importlib import import_module

from mainspring.advisor.report import Report

FORMATS = ("text", "json", "jsonl", "sarif", "github", "gitlab", "junit", "markdown")


def write(report: Report, form: str) -> str:
    """Return a report in one of `FORMATS`, with a line feed at its end where it says anything; an unknown form raises `ValueError`."""
    if form not in FORMATS:
        raise ValueError(f"there is no form {form!r}: there are {', '.join(FORMATS)}")
    written: str = import_module(f"{__name__}.{form}").write(report)
    return written
