"""``mainspring doctor`` and ``mainspring migrate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from mainspring.cli.exits import FAILED, UNAVAILABLE, USAGE
from mainspring.cli.session import Session, command
from mainspring.i18n import t


@command(name="doctor", help=t("cli.command.doctor"))
def doctor(session: Session) -> int:
    """Say how everything is; the exit code is that of the worst finding."""
    view = session.answer("system.doctor")
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json(view)
    else:
        _print(view)
    kinds = {finding.kind for finding in view.findings if finding.level == "problem"}
    return UNAVAILABLE if "unavailable" in kinds else USAGE if kinds else 0


@command(name="has", help=t("cli.command.has"))
@click.argument("name")
def has(session: Session, name: str) -> int:
    """Say whether something can be done here, and why not; the exit code is the answer."""
    view = session.answer("system.has", name=name)
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json(view)
    elif view.is_available:
        click.echo(t("has.yes", name=view.name) if not view.value else t("has.value", name=view.name, value=view.value))
    else:
        click.echo(t("has.no", name=view.name, why=view.why))
    return 0 if view.is_available else FAILED


def _print(view: Any) -> None:
    from mainspring.cli.present import print_facts, print_table, wants_colour

    def head(key: str) -> None:
        click.echo("\n" + (click.style(t(key), bold=True) if wants_colour() else t(key)))

    head("doctor.settings")
    rows = [[each.name, each.value, each.source, each.about] for each in view.settings]
    print_table(["name", "value", "source", "meaning"], rows, spare=("meaning",))
    head("doctor.database")
    for line in _database_lines(view):
        click.echo(line)
    if view.upkeep is not None:
        head("doctor.upkeep")
        for line in _upkeep_lines(view.upkeep):
            click.echo(line)
    head("doctor.nodes")
    click.echo(_counted([node.name for node in view.nodes]))
    head("doctor.tasks")
    click.echo(_counted(view.tasks))
    head("doctor.capabilities")
    print_facts((each.name, (each.value or True) if each.is_available else t("doctor.missing", why=each.why)) for each in view.capabilities)
    head("doctor.findings")
    print_facts(
        (finding.level, t(f"finding.{finding.code}", **finding.values) if finding.level == "warning" else finding.values["message"])
        for finding in view.findings
    )
    click.echo(t("doctor.ill") if not view.is_healthy else t("doctor.warned", n=len(view.findings)) if view.findings else t("doctor.well"))


def _counted(names: Sequence[str]) -> str:
    return t("doctor.count", count=len(names), names=", ".join(names)) if names else t("doctor.none")


def _database_lines(view: Any) -> list[str]:
    database, schema = view.database, view.schema_
    if not database.is_reachable:
        return [t("doctor.unreachable", dialect=database.dialect)]
    lines = [t("doctor.reachable", dialect=database.dialect, ms=database.answered_in_ms, offset=abs(database.clock_offset_ms))]
    if schema is not None:
        lines.append(t("doctor.schema", applied=schema.applied, known=schema.known))
    if database.partitions:
        lines.append(t("doctor.partitions", count=database.partitions))
    if threats := database.threats:
        lines.append(
            t(
                "doctor.threats",
                transaction=threats["oldest_transaction"],
                dead=threats["dead_rows"],
                live=threats["live_rows"],
                slots=threats["idle_slots"],
            )
        )
    return lines


def _upkeep_lines(upkeep: Any) -> list[str]:
    ages = {name: getattr(upkeep, name) or t("doctor.for-ever") for name in ("completed", "others")}
    lines = [t("doctor.keeping", **ages)]
    if upkeep.keep_last:
        lines.append(t("doctor.keep-last", last=upkeep.keep_last))
    if upkeep.own:
        lines.append(t("doctor.own", count=len(upkeep.own), names=", ".join(upkeep.own)))
    lines.append(t("doctor.pins", pins=upkeep.pins, errors=upkeep.open_errors))
    return lines


@command(name="migrate", help=t("cli.command.migrate"))
@click.option("--status", "is_status", is_flag=True, help=t("cli.option.status"))
@click.option("--phase", type=click.Choice(["pre", "post"]), default="pre", show_default=True)
@click.option(
    "--grants", type=click.Choice(["own", "work", "enqueue", "read", "all"]), is_flag=False, flag_value="all", help=t("cli.option.grants")
)
def migrate(session: Session, is_status: bool, phase: str, grants: str | None) -> int:
    """Migrate, or say where the schema stands, or print what gives roles their rights."""
    if grants is not None:
        told = session.answer("system.grants", role=grants)
        if session.is_json:
            from mainspring.cli.present import print_json

            print_json(told)
        else:
            click.echo("\n".join(told.statements))
        return 0
    view = session.answer("system.schema") if is_status else session.answer("system.migrate", phase=phase)
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json(view)
        return 0
    if is_status:
        _print_schema(view)
        return 0
    for step in view.applied:
        click.echo(t("migrate.applied", step=step))
    if view.partitions:
        click.echo(t("migrate.partitions", count=len(view.partitions)))
    _print_schema(view.schema_)
    return 0


def _print_schema(schema: Any) -> None:
    key = "migrate.current" if schema.is_current else "migrate.waiting"
    click.echo(t(key, applied=schema.applied, known=schema.known))
    for step in schema.waiting:
        click.echo(f"  {step}")
