"""``mainspring worker``: a node that carries out runs, until it is told to stop."""

from __future__ import annotations

import click

from mainspring.cli.node import NodePlan, health_option, live, node_options, split_names
from mainspring.cli.session import Session, command
from mainspring.core.role import Role
from mainspring.i18n import t


@command(name="worker", help=t("cli.command.worker"))
@node_options
@click.option("--burst", is_flag=True, help=t("cli.option.burst"))
@health_option
def worker(
    session: Session, queues: tuple[str, ...], concurrency: int | None, name: str | None, drain: str | None, log_level: str,
    burst: bool, health_port: str | None,
) -> int:  # fmt: skip
    """Work until stopped."""
    plan = NodePlan(Role.WORKER, split_names(queues), name, is_burst=burst, listen=health_port)
    return live(session, plan, concurrency=concurrency, drain=drain, log_level=log_level)
