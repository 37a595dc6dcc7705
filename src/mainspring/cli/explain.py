"""``explain``: the sentence that says why a run has not started, or why it stopped."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.ansi import clean_line
from mainspring.cli.derive import command_for
from mainspring.cli.present import moment
from mainspring.i18n.explanation import explained


def sentence(view: Any) -> str:
    """Return an explanation as one harmless sentence."""
    return clean_line(explained(view.code, view.values, moment))


def _show(view: Any) -> None:
    click.echo(sentence(view))


explain = command_for("runs.explain", _show)
