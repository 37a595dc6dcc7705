"""What the checker says of a place in the code: values, whose words are made at the face."""

from __future__ import annotations

from enum import StrEnum

from mainspring.advisor.record import record


class Kind(StrEnum):
    """What a piece of work should be. People read: on demand, schedule, service, multi-step, plain code."""

    ADHOC = "adhoc"
    CRON = "cron"
    SIDE = "side"
    WORKFLOW = "workflow"
    NONE = "none"


class Severity(StrEnum):
    """How much a finding weighs. Errors and warnings fail a build, notices never do."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """0 for an error, 2 for a notice."""
        return list(Severity).index(self)


class Role(StrEnum):
    """What a piece of code is there for. The first that fits wins, in this order."""

    VENDORED = "vendored"
    TEST = "test"
    MIGRATION = "migration"
    CLI = "cli"
    WORKER = "worker"  # a process of its own that never binds a web server
    HANDLER = "handler"
    STARTUP = "startup"
    STREAM = "stream"
    FRAMEWORK = "framework"
    TASK = "task"  # the body of a definition of ours, which the engine looks after
    SERVICE = "service"  # whatever else a handler may call


class Status(StrEnum):
    """Whether a finding counts."""

    OPEN = "open"
    SUPPRESSED = "suppressed"
    RATCHETED = "ratcheted"


class Ground(StrEnum):
    """Why a finding may stand. What can be checked is written beside it."""

    SUB_SECOND = "sub-second"  # no network, sleep, process or model in the target
    REQUEST_SCOPED = "request-scoped"  # joined before the answer, though not visibly
    STREAM_SCOPED = "stream-scoped"  # cancelled with the stream
    PROCESS_LOCAL = "process-local"  # writes nothing that others share
    ENGINE_INTERNAL = "engine-internal"  # inside a declared engine package
    OUTSIDE_ENGINE = "outside-engine"  # another durable system, which the reason names
    MIGRATION = "migration"  # until a date, at most 180 days away


@record(frozen=True, slots=True)
class Place:
    """Where something stands: lines from 1, columns from 1, the end behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


@record(frozen=True, slots=True)
class Evidence:
    """A line that led to a finding, perhaps of another file."""

    path: str
    line: int
    text: str


@record(frozen=True, slots=True)
class Edit:
    """A replacement of text: what stands at ``place`` becomes ``text``. ``path`` is empty for the finding's own file."""

    place: Place
    text: str
    path: str = ""


@record(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    ``variant`` chooses among the texts of its rule: ``check.MS101`` or, with "kept", ``check.MS101.kept``; ``values`` fill it in.
    ``statement`` is the statement as `ast.unparse` writes it, first line only: with the code and the function it is what a finding is
    known by when lines move. ``edits`` are safe: they keep what the program means but for what the rule is about.
    """

    code: str
    path: str  # as given to the checker, with forward slashes
    place: Place
    severity: Severity
    kind: Kind | None
    role: Role
    function: str  # qualified name inside its module, "" at module level
    statement: str
    values: tuple[tuple[str, str], ...] = ()
    variant: str = ""
    alternatives: tuple[Kind, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    edits: tuple[Edit, ...] = ()
    is_approximate: bool = False
    contradicts: tuple[tuple[Ground, str], ...] = ()  # grounds that are not true here, each with what says so


@record(frozen=True, slots=True)
class Justification:
    """A written exception, as the directive gives it. ``until`` is ISO, or empty."""

    ground: str
    reason: str
    until: str
    path: str
    line: int


@record(frozen=True, slots=True)
class Judged:
    """A finding and whether it counts."""

    finding: Finding
    status: Status
    fingerprint: str
    justification: Justification | None = None
