"""Everything that can be raised, as one picture.

::

    MainspringError
    ├── DefinitionError        tasks that cannot be used, all problems at once, each with file and line
    ├── ConfigurationError     a setting, an option or a URL that makes no sense
    ├── InvalidParams          parameters that do not fit the task, one problem a field
    │   └── UndecodableParams  what is stored is not even JSON
    ├── PayloadTooLarge        parameters or a result past the cap; names size, cap and remedy
    ├── FileRefused            a file that is too large, or of a type that its parameter does not take
    ├── InvalidResult          a result that cannot be stored, or that no longer fits its annotation
    ├── NotFound
    │   ├── UnknownTask
    │   ├── UnknownTenant      nobody has said anything of it
    │   ├── UnknownRun
    │   ├── UnknownSchedule
    │   ├── UnknownService     no code here and no node has ever told of it
    │   ├── UnknownNode        no living node has that name or id
    │   ├── UnknownError       no group of errors has that fingerprint
    │   └── UnknownFile        was never put, was swept, or went with its run
    ├── Conflict               what is asked for is not possible in this state (disabled, already finished)
    │   ├── NotHere            nor will it ever be where the code runs: a body that waits for a run, a blocking call on a loop
    │   ├── TenantClosed       the tenant is suspended or deleted
    │   ├── TaskDisabled       by the code or by an operator; says who and why
    │   ├── TransactionConflict  the caller's own transaction met another one: roll it back and run it again
    │   ├── NotConfirmed       a dangerous task whose danger nobody has accepted; carries task and danger
    │   ├── VersionConflict    somebody else has changed it since it was read; carries the version that holds
    │   └── AlreadyEnqueued    the dedupe policy rejects a second run of the key; carries the first one's id and state
    ├── QuotaExceeded          a tenant has as much waiting, or as many bytes, as it may
    ├── Forbidden              not through this door, or not by this caller
    ├── Unauthorized           nobody knows who asks: a wrong password, a token that is over
    ├── TooManyRequests        asked too often; carries how long to wait
    ├── NoActiveApp            ``task.enqueue()`` without an app about
    ├── LeaseLost              the run is no longer ours; nothing was written
    ├── StoreError
    │   ├── StoreUnavailable   unreachable, locked, read-only, full: try again later
    │   ├── StoreForeign       the database belongs to something else
    │   └── SchemaMismatch     schema and code do not fit; names the command that helps
    └── RunError               what ``await run.result()`` raises instead of a result
        ├── RunFailed
        ├── RunTimeout
        ├── RunCancelled
        ├── RunSkipped
        └── StillRunning       the wait was over before the run was

    TaskVerb                   what a body raises to say what becomes of its run
    ├── Fail                   terminal: no retry
    ├── RetryLater(after)      try again after a while; counts as a retry
    ├── Snooze(until)          try again later; counts as nothing
    ├── WaitFor(task)          wait for the next success of another task; counts as nothing
    └── Skip(why)              there was nothing to do

    UserWarning
    └── TransactionNotGiven    a run was enqueued at once while a transaction of the caller's on the same database was open

``code`` is at once the API problem type, the message key and the anchor in the docs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar


class MainspringError(Exception):
    """Base of everything that the engine raises on purpose."""

    code: ClassVar[str] = "error"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[Exception], args: tuple[object, ...], held: dict[str, object]) -> Exception:
    error = kind.__new__(kind, *args)  # what unpickling needs where __init__ takes other arguments than the message
    error.__dict__.update(held)
    return error


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (field or ``file:line``), what, and with which value (already shortened)."""

    where: str
    what: str
    value: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" (got {self.value})" if self.value is not None else "")


class _WithProblems(MainspringError):
    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(message + lines)
        self.message = message


class DefinitionError(_WithProblems):
    code = "definition"


class ConfigurationError(MainspringError):
    code = "configuration"


class InvalidParams(_WithProblems):
    code = "invalid-params"


class UndecodableParams(InvalidParams):
    code = "undecodable-params"


class PayloadTooLarge(MainspringError):
    code = "payload-too-large"


class FileRefused(MainspringError):
    code = "file-refused"


class InvalidResult(_WithProblems):
    code = "invalid-result"


class NotFound(MainspringError):
    code = "not-found"


class UnknownTask(NotFound):
    code = "unknown-task"


class UnknownTenant(NotFound):
    code = "unknown-tenant"


class UnknownRun(NotFound):
    code = "unknown-run"


class UnknownService(NotFound):
    code = "unknown-service"


class UnknownSchedule(NotFound):
    code = "unknown-schedule"


class UnknownNode(NotFound):
    code = "unknown-node"


class UnknownError(NotFound):
    code = "unknown-error"


class UnknownFile(NotFound):
    code = "unknown-file"


class Conflict(MainspringError):
    code = "conflict"


class TaskDisabled(Conflict):
    code = "task-disabled"


class AlreadyEnqueued(Conflict):
    """Carries the run that holds the key: ``run_id`` and its ``state`` as a word."""

    code = "already-enqueued"

    def __init__(self, message: str, *, run_id: str, state: str) -> None:
        super().__init__(message)
        self.run_id, self.state = run_id, state


class NotConfirmed(Conflict):
    """Carries the ``task`` and its ``danger``, for whoever is to be asked."""

    code = "not-confirmed"

    def __init__(self, message: str, *, task: str, danger: str) -> None:
        super().__init__(message)
        self.task, self.danger = task, danger


class VersionConflict(Conflict):
    """Carries the ``version`` that holds now."""

    code = "version-conflict"

    def __init__(self, message: str, *, version: int) -> None:
        super().__init__(message)
        self.version = version


class TransactionConflict(Conflict):
    code = "transaction-conflict"


class TenantClosed(Conflict):
    code = "tenant-closed"


class QuotaExceeded(MainspringError):
    """Nothing was added. ``quota`` is what is used up: ``max_waiting`` or ``max_bytes``."""

    code = "quota-exceeded"

    def __init__(self, message: str, *, quota: str) -> None:
        super().__init__(message)
        self.quota = quota


class Forbidden(MainspringError):
    """``about`` is the object of what was refused, as the audit trail names it; None: the verb itself."""

    code = "forbidden"

    def __init__(self, message: str, *, about: str | None = None) -> None:
        super().__init__(message)
        self.about = about


class Unauthorized(MainspringError):
    code = "unauthorized"


class TooManyRequests(MainspringError):
    """``retry_after`` says in how many seconds it may be tried again."""

    code = "too-many-requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotHere(Conflict):
    """Never retried: another attempt would run in the same kind of place."""

    code = "not-here"


class NoActiveApp(MainspringError):
    code = "no-active-app"


class LeaseLost(MainspringError):
    code = "lease-lost"


class StoreError(MainspringError):
    code = "store"


class StoreUnavailable(StoreError):
    code = "store-unavailable"


class StoreForeign(StoreError):
    code = "store-foreign"


class SchemaMismatch(StoreError):
    code = "schema-mismatch"


class RunError(MainspringError):
    """Carries the end of a run: id, final ``state`` as a word, ``reason`` code and the stored ``error``, if any."""

    code = "run"

    def __init__(
        self,
        message: str,
        *,
        run_id: str,
        state: str,
        reason: str | None = None,
        error: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.run_id, self.state, self.reason, self.error = run_id, state, reason, error


class RunFailed(RunError):
    code = "run-failed"


class RunTimeout(RunError):
    code = "run-timeout"


class RunCancelled(RunError):
    code = "run-cancelled"


class RunSkipped(RunError):
    code = "run-skipped"


class StillRunning(RunError):
    code = "still-running"


class TransactionNotGiven(UserWarning):
    """Says that a run was enqueued beside a transaction of the caller's that is open on the same database.

    The run exists at once, and stays when that transaction is rolled back. Give it (``connection=``) or silence the category.
    """


class TaskVerb(Exception):
    """Base of the exceptions with which a body says what becomes of its run."""

    def __reduce__(self) -> tuple[object, ...]:  # bodies may raise them in process pools of their own
        return _rebuilt, (type(self), self.args, self.__dict__)


class Fail(TaskVerb):
    """End the run as failed now; no retry follows."""


class RetryLater(TaskVerb):
    """Ask for another attempt ``after`` a while (timedelta, seconds, ``"30s"``); without it the policy's delay holds.

    Counts as a retry.
    """

    def __init__(self, after: timedelta | float | str | None = None, message: str = "") -> None:
        super().__init__(message or "retry later")
        self.after = after


class Snooze(TaskVerb):
    """Put the run back until a time (aware datetime) or for a while (timedelta, seconds, ``"5m"``).

    Counts as nothing.
    """

    def __init__(self, until: datetime | timedelta | float | str) -> None:
        super().__init__("snoozed")
        self.until = until


class WaitFor(TaskVerb):
    """Put the run back until a run of another ``task`` (or of the task of that name) has succeeded, for the same tenant.

    Any success after this attempt began is enough, so none is missed. Counts as nothing. A deadline bounds the wait.
    """

    def __init__(self, task: object) -> None:
        name = getattr(getattr(task, "spec", None), "name", task)
        super().__init__(f"waits for {name}")
        self.task = name


class Skip(TaskVerb):
    """End the run as skipped: there was nothing to do, and this is ``why``."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why or "skipped")


_ENDS: Mapping[str, type[RunError]] = {
    "failed": RunFailed, "timeout": RunTimeout, "cancelled": RunCancelled, "skipped": RunSkipped,
}  # fmt: skip


def end_error(*, run_id: str, task: str, state: str, reason: str | None, error: Mapping[str, object] | None) -> RunError:
    """Return the exception for a run that ended in another way than completed."""
    said = (error or {}).get("message") or reason or ""
    kind = (error or {}).get("type")
    text = f"{task} {state}" + (f": {kind}: {said}" if kind else f": {said}" if said else "") + f" (run {run_id})"
    return _ENDS.get(state, RunError)(text, run_id=run_id, state=state, reason=reason, error=error)
