"""``mainspring runs artifacts``: what a run has left behind, listed or fetched."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from pathlib import Path
from typing import IO, Any

import click

from mainspring.cli.session import Session, command
from mainspring.core.file import File
from mainspring.core.size import describe_size
from mainspring.i18n import t

_PIECE = 1024 * 1024


@command(name="artifacts", help=t("cli.command.runs.artifacts"))
@click.argument("id_", metavar="ID")
@click.option("--download", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help=t("cli.option.download"))
def artifacts(session: Session, id_: str, download: Path | None) -> int:
    """List the files that a run has left behind, or fetch them into a directory."""

    async def perform() -> tuple[Any, list[Path]]:
        try:
            view = await session.ask("runs.artifacts", id=id_)
            return view, [] if download is None else await _fetch(session, (await session.ask("runs.show", id=id_)).id, download)
        finally:
            await session.app.close()

    _ = session.app
    view, fetched = asyncio.run(perform())
    if session.is_json:
        from mainspring.cli.derive import print_view

        print_view(view)
        return 0
    if download is None:
        from mainspring.cli.present import print_table

        rows = [
            [each.name, describe_size(each.size), each.media_type, str(each.attempt), each.created_at, each.sha256] for each in view.items
        ]
        print_table(["name", "size", "type", "attempt", "created", "sha256"], rows, empty=t("artifact.none"))
    for path in fetched:
        click.echo(str(path))
    return 0


async def _fetch(session: Session, run_id: str, folder: Path) -> list[Path]:
    """Fetch what a run has left, each under a name that is free; raises `OSError` where the directory cannot be written."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    return [await asyncio.to_thread(_copy, each, folder) for each in await session.app.artifacts(run_id)]


def _copy(file: File, folder: Path) -> Path:
    """Copy a file under its own name, with a number where that is taken; what was there stays as it is."""
    with file.open() as content, _free(folder, file.name) as target:
        path = Path(target.name)
        try:
            shutil.copyfileobj(content, target, _PIECE)
        except BaseException:
            path.unlink(missing_ok=True)  # half a file looks like a whole one
            raise
    return path


def _free(folder: Path, name: str) -> IO[bytes]:
    """Open a new file under the first name that is free."""
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            return open(folder / (name if number == 1 else f"{stem}-{number}{suffix}"), "xb")
    raise AssertionError
