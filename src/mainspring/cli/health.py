"""``mainspring health``: how everything is, in one look; its exit code is for scripts."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.exits import UNAVAILABLE
from mainspring.cli.present import moment, print_facts, spent
from mainspring.cli.session import Session, command
from mainspring.i18n import t


@command(name="health", help=t("cli.command.health"))
def health(session: Session) -> int:
    """Say how everything is; exit 4 when it is critical."""
    view = session.answer("health.show")
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json(view)
    else:
        _print(view)
    return UNAVAILABLE if view.status == "critical" else 0


def _print(view: Any) -> None:
    fleet, waiting, versions = view.fleet, view.waiting, view.versions
    facts: list[tuple[str, object]] = [
        ("status", view.status),
        ("engine", versions.engine),
        ("schema", None if versions.schema_applied is None else f"{versions.schema_applied} of {versions.schema_needed}"),
        ("database", None if view.database_answered_in_ms is None else f"answers in {view.database_answered_in_ms:.1f} ms"),
    ]
    if fleet is not None:
        facts += [
            ("nodes", ", ".join(f"{n} {role}" for role, n in fleet.roles.items()) or "0"),
            ("paused", ", ".join(fleet.paused) or None),
            ("leaving", ", ".join(fleet.draining) or None),
            ("swept", None if fleet.sweep_age_seconds is None else f"{fleet.sweep_age_seconds:.0f} s ago"),
            ("scheduler lag", None if fleet.scheduler_lag_seconds is None else f"{fleet.scheduler_lag_seconds:.3f} s"),
        ]
    if waiting is not None:
        facts += [
            ("runs", f"{waiting.ready} ready, {waiting.later} later, {waiting.running} running, {waiting.blocked} blocked"),
            ("oldest", None if waiting.oldest_seconds is None else f"{waiting.oldest_seconds:.1f} s"),
        ]
    work, pulse = view.work, view.pulse
    if work is not None and work.success_rate is not None:
        told = f"{work.success_rate:.1%} of {work.completed + work.failed} within an hour, {spent(work.mean_ran_ms)} each"
        facts.append(("success", told))
    if pulse is not None:
        facts.append(("pulse", f"{pulse.state}, last {moment(pulse.last_pulse_at)}" + (f", {pulse.missed} missed" if pulse.missed else "")))
    print_facts(facts)
    for each in view.problems:
        click.echo(f"{each.level}: {t(f'health.{each.code}', **each.values)}")
