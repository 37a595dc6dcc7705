"""The group ``notices``: how they look."""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import print_table
from mainspring.i18n import t


def _show_notices(view: Any) -> None:
    rows = [
        [str(each.id), each.at, each.severity, each.object, each.kind, ", ".join(f"{k}={v}" for k, v in each.data.items() if v is not None)]
        for each in view.items
    ]
    print_table(["number", "at", "severity", "about", "what", "values"], rows, empty=t("notice.none"), spare=("number", "values"))
    if view.next is not None:
        click.echo(t("notice.more", n=view.next))


notices = noun_group("notices", "list", command_for("notices.list", _show_notices))
