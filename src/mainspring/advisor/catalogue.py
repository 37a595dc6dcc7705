"""All rules, listed by hand: code, name, how much it weighs, and the kind of work that it usually asks for.

Codes never change their meaning: ratchet files and directives name them. Texts stand in ``i18n/governance``, a page for each in ``pages``.
"""

from __future__ import annotations

from collections.abc import Mapping

from mainspring.advisor.finding import Kind, Severity
from mainspring.advisor.record import record

ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
ADHOC, CRON, SIDE, WORKFLOW = Kind.ADHOC, Kind.CRON, Kind.SIDE, Kind.WORKFLOW


@record(frozen=True, slots=True)
class Rule:
    """One rule. ``severity`` is the most that it weighs; a finding may weigh less. ``is_optional``: only where it is selected."""

    code: str
    name: str
    severity: Severity
    kind: Kind | None = None
    is_optional: bool = False


_ALL = (
    Rule("MS001", "allow-without-code", ERROR),
    Rule("MS002", "allow-without-ground", ERROR),
    Rule("MS003", "allow-without-reason", ERROR),
    Rule("MS004", "unused-allow", WARNING),
    Rule("MS005", "ground-contradicted", ERROR),
    Rule("MS006", "allow-expired", ERROR),
    Rule("MS007", "allow-too-wide", WARNING),
    Rule("MS008", "not-scanned", WARNING),
    Rule("MS101", "detached-asyncio-task", ERROR, ADHOC),
    Rule("MS102", "detached-thread", ERROR, ADHOC),
    Rule("MS103", "dropped-future", ERROR, ADHOC),
    Rule("MS104", "after-response-work", ERROR, ADHOC),
    Rule("MS105", "detached-process", ERROR, ADHOC),
    Rule("MS106", "detached-greenlet", ERROR, ADHOC),
    Rule("MS107", "spawn-in-commit-hook", ERROR, ADHOC),
    Rule("MS108", "delayed-in-process", ERROR, ADHOC),
    Rule("MS109", "spawn-wrapper", WARNING),
    Rule("MS110", "request-object-captured", ERROR, ADHOC),
    Rule("MS201", "in-process-scheduler", WARNING, CRON),
    Rule("MS202", "endless-startup-loop", WARNING, CRON),
    Rule("MS203", "self-rearming-timer", WARNING, CRON),
    Rule("MS204", "poller-for-user-work", WARNING, ADHOC),
    Rule("MS205", "permanent-connection", WARNING, SIDE),
    Rule("MS206", "handler-waits-for-job", ERROR, ADHOC),
    Rule("MS207", "home-made-leader", WARNING, CRON),
    Rule("MS301", "memory-queue", WARNING, ADHOC),
    Rule("MS302", "broker-list-queue", WARNING, ADHOC),
    Rule("MS303", "table-queue", WARNING, ADHOC),
    Rule("MS304", "hand-made-retry", WARNING, ADHOC),
    Rule("MS305", "chained-steps", WARNING, WORKFLOW),
    Rule("MS306", "spawn-and-status", ERROR, ADHOC),
    Rule("MS401", "raw-secret-param", ERROR),
    Rule("MS402", "object-param", ERROR),
    Rule("MS403", "network-without-timeout", WARNING),
    Rule("MS404", "network-without-retry", WARNING),
    Rule("MS405", "retries-terminal-errors", WARNING),
    Rule("MS406", "no-dedupe-key", WARNING),
    Rule("MS407", "enqueue-in-transaction", WARNING),
    Rule("MS408", "blocking-in-async-task", WARNING),
    Rule("MS409", "status-second-writer", ERROR),
    Rule("MS410", "side-without-stop", ERROR),
    Rule("MS411", "workflow-nondeterminism", ERROR),
    Rule("MS412", "no-failure-test", WARNING, None, is_optional=True),
    Rule("MS501", "cron-polls-user-work", WARNING, ADHOC),
    Rule("MS502", "interval-below-runtime", ERROR, CRON),
    Rule("MS503", "no-overlap-policy", WARNING, CRON),
    Rule("MS504", "no-timezone", WARNING, CRON),
    Rule("MS505", "never-fires", ERROR, CRON),
    Rule("MS506", "herd", NOTICE, CRON),
    Rule("MS507", "user-param-in-cron", WARNING, ADHOC),
    Rule("MS508", "sleep-as-schedule", WARNING, CRON),
    Rule("MS509", "one-giant-run", WARNING, CRON),
    Rule("MS601", "engine-too-old", ERROR),
    Rule("MS602", "schema-too-old", ERROR),
    Rule("MS603", "backend-unsupported", ERROR),
)
RULES: Mapping[str, Rule] = {rule.code: rule for rule in _ALL}
