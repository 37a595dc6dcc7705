"""Exit codes, as the table in `mainspring.cli.main` has them."""

from __future__ import annotations

from mainspring.core.errors import MainspringError, RunError, StoreError
from mainspring.core.state import RunState

FAILED, USAGE, FORBIDDEN, UNAVAILABLE, BUG, INTERRUPTED = 1, 2, 3, 4, 70, 130
WELL = (RunState.COMPLETED, RunState.SKIPPED)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code for an error."""
    if isinstance(error, RunError):
        return FAILED
    if isinstance(error, (StoreError, OSError)):
        return UNAVAILABLE
    if isinstance(error, MainspringError):
        return FORBIDDEN if error.code == "forbidden" else USAGE
    return BUG


def exit_code_of_run(state: RunState) -> int:
    """Return the exit code for the end of a run; a skipped one had nothing to do, which is well."""
    return 0 if state in WELL else FAILED
