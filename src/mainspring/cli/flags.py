"""The options that every command takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from mainspring.i18n import t

R = TypeVar("R")
Command = Callable[..., R]


@dataclass(frozen=True, slots=True)
class Flags:
    """The options that every command takes, before or behind its name; the later one wins."""

    app: str | None = None
    discover: tuple[str, ...] = ()
    url: str | None = None
    is_json: bool = False
    is_debug: bool = False

    def merged(self, given: Mapping[str, Any]) -> Flags:
        """Return the flags with those over them that were given."""
        return replace(self, **{name: value for name, value in given.items() if value})


def common_options(command: Command[R]) -> Command[R]:
    """Add the options that every command takes."""
    for option in reversed((
        click.option("-A", "--app", metavar="MODULE:NAME", help=t("cli.option.app")),
        click.option("--discover", metavar="PACKAGE", multiple=True, help=t("cli.option.discover")),
        click.option("--url", metavar="URL", help=t("cli.option.url")),
        click.option("--json", "is_json", is_flag=True, help=t("cli.option.json")),
        click.option("--debug", "is_debug", is_flag=True, help=t("cli.option.debug")),
    )):  # fmt: skip
        command = option(command)
    return command
