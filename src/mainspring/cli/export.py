"""``export`` and ``runs export``: lines that are written as they are read, however many there are."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import IO, Any

import click

from mainspring.cli import whole
from mainspring.cli.session import Session, command
from mainspring.i18n import t

_STATES = click.Choice(["pending", "blocked", "running", "suspended", "completed", "failed", "timeout", "cancelled", "skipped"])


@command(name="export", help=t("cli.command.export"))
@click.option("-o", "--output", metavar="FILE", help=t("cli.option.output"))
def export(session: Session, output: str | None) -> int:
    """Write everything as JSON Lines."""
    from mainspring.operations.export import everything

    return _write(session, lambda: everything(session.app, session.caller), "jsonl", output)


@command(name="export", help=t("cli.command.runs.export"))
@click.option("-f", "--format", "format_", type=click.Choice(["jsonl", "csv", "json"]), default="jsonl", show_default=True,
              help=t("cli.option.format"))  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help=t("cli.option.output"))
@click.option("-s", "--state", multiple=True, type=_STATES, help=t("cli.option.only-state"))
@click.option("-t", "--task", metavar="NAME", help=t("cli.option.only-task"))
@click.option("-q", "--queue", metavar="NAME", help=t("cli.option.only-queue"))
@click.option("--label", help=t("cli.option.only-label"))
@click.option("--since", metavar="DURATION", help=t("cli.option.made-since"))
@click.option("-n", "--limit", type=click.IntRange(1), help=t("cli.option.limit"))
def export_runs(session: Session, format_: str, output: str | None, **given: Any) -> int:
    """Write runs that a filter names."""
    from mainspring.operations.export import ExportRequest, runs

    request = ExportRequest.model_validate({name: value for name, value in given.items() if value not in (None, ())})
    return _write(session, lambda: runs(session.app, request, session.caller), format_, output)


def _write(session: Session, rows: Callable[[], AsyncIterator[dict[str, Any]]], format_: str, output: str | None) -> int:
    from mainspring.operations.writing import pieces

    _ = session.app

    async def perform() -> int:
        try:
            n = 0
            with _opened(output) as target:
                async for piece in pieces(rows(), format_):
                    target.write(piece)
                    n += 1
        finally:
            await session.app.close()
        if output is not None:
            click.echo(t("export.done", file=output), err=True)
        return 0

    return asyncio.run(perform())


@contextlib.contextmanager
def _opened(output: str | None) -> Iterator[IO[str]]:
    """Open the target; a file is there whole or not at all, and for its owner alone."""
    if output is None or output == "-":
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(newline="", encoding="utf-8")  # type: ignore[union-attr]
        yield sys.stdout
        sys.stdout.flush()
        return
    with whole.written(output, mode=0o600) as target:
        yield target
