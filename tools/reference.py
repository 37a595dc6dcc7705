"""Write docs/reference from the code: states, settings, errors, events. `make reference` runs it; a test fails when a page is stale."""

from __future__ import annotations

import inspect
from pathlib import Path

from mainspring.config import SETTINGS, Settings, explain
from mainspring.core import errors
from mainspring.core.event import EventKind
from mainspring.core.run import AttemptOutcome, ErrorKind, Reason
from mainspring.core.state import TRANSITIONS, RunState, draw
from mainspring.web.api import openapi
from mainspring.web.api.endpoint import endpoints
from mainspring.web.api.starts import HEADERS, OptionRequest
from mainspring.web.problems import KINDS

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- Written by tools/reference.py from the code; edit that instead. -->\n\n"


def states() -> str:
    """Return the page about states."""
    rows = "\n".join(f"| {source} | {trigger} | {target} |" for (source, trigger), target in TRANSITIONS.items())
    final = ", ".join(state for state in RunState if state.is_final)
    reasons = ", ".join(f"`{reason}`" for reason in Reason)
    outcomes = ", ".join(f"`{outcome}`" for outcome in AttemptOutcome)
    return (
        f"# States of a run\n\n{NOTE}`pending` is ready now, scheduled for later, or waiting for a retry. "
        f"Final states absorb: {final}.\n\n"
        f"```mermaid\n{draw()}\n```\n\n| from | trigger | to |\n|---|---|---|\n{rows}\n\n"
        f"Reasons that stand beside a state: {reasons}.\n\nOutcomes of an attempt: {outcomes}.\n"
    )


def settings() -> str:
    """Return the page about settings."""
    defaults = {name: value for name, value, _, _ in explain(Settings())}
    rows = "\n".join(
        f"| {' or '.join(f'`{variable}`' for variable in each.variables)} | `{each.field}` | {defaults[each.variables[0]]} | {each.about} |"
        for each in SETTINGS
    )
    return (
        f"# Settings\n\n{NOTE}Precedence: defaults < `mainspring.toml` or `[tool.mainspring]` in `pyproject.toml` < environment < "
        "arguments of `Mainspring(…)`.\n`mainspring doctor` shows each value with its source. Durations are written `90s`, `5m`, `1h 30m`; "
        "a bare `TASK_DEFAULT_TIMEOUT` is milliseconds.\n\n"
        f"| environment | file and argument | default | what it is |\n|---|---|---|---|\n{rows}\n"
    )


def problems() -> str:
    """Return the page about errors."""
    found = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.MainspringError)]
    rows = "\n".join(
        f"| `{each.__name__}` | `{each.code}` | `{each.__mro__[1].__name__}` |" for each in sorted(found, key=lambda each: each.__name__)
        if not each.__name__.startswith("_")
    )  # fmt: skip
    tree = inspect.getdoc(errors) or ""
    picture = tree.split("::", 1)[1].split("``code``", 1)[0].strip("\n")
    kinds = ", ".join(f"`{kind}`" for kind in ErrorKind)
    return (
        f"# Errors\n\n{NOTE}```text\n{picture}\n```\n\n| class | code | base |\n|---|---|---|\n{rows}\n\n"
        f"Kinds of errors that a run keeps: {kinds}.\n\nExit codes of the command line: 0 ok, 1 the task failed, 2 usage, 3 forbidden, "
        "4 the store is unavailable.\n"
    )


def events() -> str:
    """Return the page about events."""
    rows = "\n".join(f"| `{kind}` | {'yes' if kind.is_final else ''} |" for kind in EventKind)
    return (
        f"# Events of a run\n\n{NOTE}Numbers are gapless from 1 within a run. Queued, claimed, started and the end are columns of the "
        f"run and merged in when somebody reads.\n\n| kind | final |\n|---|---|\n{rows}\n"
    )


def http_api() -> str:
    """Return the page about the places of the HTTP API."""
    found = openapi.document(endpoints(), [])
    rows = "\n".join(
        f"| `{method.upper()}` | `{path}` | {told['summary']} | {told.get('x-mainspring-needs', '')} |"
        for path, methods in found["paths"].items() for method, told in sorted(methods.items())
    )  # fmt: skip
    kinds = "\n".join(f"| `{code}` | {kind.status} | {kind.title} |" for code, kind in KINDS.items())
    headers = "\n".join(f"| `{header}` | {OptionRequest.model_fields[name].description} |" for header, name in HEADERS.items())
    return (
        f"# The HTTP API\n\n{NOTE}`GET /api/v1/openapi.json` has all of this with parameters, bodies and answers, and a start and a run "
        f"for each task. [The guide](../guides/http-api.md) tells how to use it.\n\n"
        f"| | place | does | needs |\n|---|---|---|---|\n{rows}\n\n"
        f"## Headers of a start\n\n| header | is |\n|---|---|\n{headers}\n\n"
        f"## Codes of problems\n\nOther codes have the status of the class that theirs is derived from ([errors](errors.md)).\n\n"
        f"| code | status | |\n|---|---|---|\n{kinds}\n"
    )


PAGES = {"states.md": states, "settings.md": settings, "errors.md": problems, "events.md": events, "http-api.md": http_api}


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
