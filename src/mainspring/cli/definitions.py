"""``mainspring types`` and ``mainspring index``: definitions as other programs see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mainspring.cli import whole
from mainspring.cli.exits import FAILED
from mainspring.cli.session import Session, command
from mainspring.i18n import t


@command(name="types", help=t("cli.command.types"))
@click.argument("name", required=False)
def types(session: Session, name: str | None) -> None:
    """Show each task once for every surface."""
    view = session.answer("tasks.types", **({} if name is None else {"name": name}))
    if session.is_json:
        from mainspring.cli.present import print_json

        for each in view.items:
            print_json(each)
        return
    from mainspring.cli.present import print_facts

    for number, each in enumerate(view.items):
        if number:
            click.echo()
        hidden = t("task.hidden")
        print_facts([
            ("python", each.python),
            ("cli", each.cli or hidden),
            ("http", hidden if each.http is None else _compact(each.http["params"])),
            ("result", None if each.http is None else _compact(each.http["result"])),
            ("form", hidden if each.form is None else ", ".join(_field_words(field) for field in each.form) or "-"),
            ("mcp", hidden if each.mcp is None else f"{each.mcp['name']}: {each.mcp['description'].splitlines()[0]}"),
        ])  # fmt: skip


def _field_words(field: dict[str, Any]) -> str:
    return f"{field['name']} ({field['widget']}{', required' if field.get('is_required') else ''})"


def _compact(schema: dict[str, Any]) -> str:
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=False)


@command(name="index", help=t("cli.command.index"))
@click.option("--check", "is_check", is_flag=True, help=t("cli.option.check"))
@click.option("--manifest", metavar="FILE", help=t("cli.option.manifest"))
@click.option("--module", metavar="FILE", default="mainspring_index.py", show_default=True, help=t("cli.option.module"))
def index(session: Session, is_check: bool, manifest: str | None, module: str) -> int:
    """Write both files, or say whether they are fresh."""
    session.app.settings = _without_manifest(session.app.settings)  # of what is here, never of what another manifest said
    file = Path(manifest or "mainspring.json")
    view = session.answer("tasks.manifest", file=_beside(file, module))
    wanted = {file: view.manifest} | ({} if module == "-" else {Path(module): view.index})
    stale = False
    for path, text in wanted.items():
        found = path.read_text("utf-8") if path.is_file() else None
        word = "missing" if found is None else "fresh" if found == text else "stale"
        if word != "fresh" and not is_check:
            with whole.written(path) as target:
                target.write(text)
            word = "written"
        stale |= word in ("missing", "stale")
        _tell(session, word, path, view.tasks)
    return FAILED if stale else 0


def _without_manifest(settings: Any) -> Any:
    from dataclasses import replace

    return replace(settings, manifest=None)


def _beside(manifest: Path, module: str) -> str:
    """Return the manifest's path as the module will look for it, from where it lies."""
    import os

    return manifest.name if module == "-" else Path(os.path.relpath(manifest, Path(module).parent)).as_posix()


def _tell(session: Session, word: str, path: Path, n: int) -> None:
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json({"path": str(path), "is_fresh": word in ("fresh", "written"), "what": word, "tasks": n})
    else:
        click.echo(t(f"index.{word}", path=path, n=n))
