"""Errors on their way to people: a message, an exit code, and JSON for those who asked for it."""

from __future__ import annotations

import json
import traceback

import click

from mainspring.cli.ansi import clean
from mainspring.cli.exits import BUG, exit_code_of
from mainspring.cli.flags import Flags
from mainspring.i18n import t


def report(error: Exception, flags: Flags) -> int:
    """Print an error and return the exit code."""
    code = exit_code_of(error)
    message = str(error)
    if flags.is_debug:
        click.echo(traceback.format_exc(), err=True)
    if flags.is_json:
        told = {"code": getattr(error, "code", "os" if isinstance(error, OSError) else "bug"), "message": message}
        told |= {name: getattr(error, name) for name in ("run_id", "state") if hasattr(error, name)}
        problems = [{"field": each.where, "what": each.what, "value": each.value} for each in getattr(error, "problems", ())]
        click.echo(json.dumps({"v": 1, "error": {**told, "problems": problems}}, ensure_ascii=False))
    key = "error.internal" if code == BUG else "error"
    click.echo(clean(t(key, message=message, type=type(error).__name__)), err=True)
    return code
