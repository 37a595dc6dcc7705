"""Groups that import a command when it is called, and say what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from mainspring.i18n import t


def noun_group(noun: str, default: str, *commands: click.Command) -> LazyGroup:
    """Return the group of a noun and its commands."""
    made = LazyGroup(noun, default=default, help=t(f"cli.command.{noun}"), invoke_without_command=False)
    for each in commands:
        made.add_command(each)
    return made


class LazyGroup(click.Group):
    """A group whose commands are named as ``module:attribute``; listing them imports none.

    ``default`` is the command that is meant when the arguments begin with none, as in ``mainspring runs --json``.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, default: str | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._lazy, self.default = dict(lazy or {}), default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are written down: by use, not by letter."""
        return [*self._lazy, *(name for name in self.commands if name not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        where = self._lazy.get(cmd_name)
        if where is None:
            return self.commands.get(cmd_name)
        module, _, name = where.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before arguments that name none."""
        if self.default is not None and (not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            import difflib

            if near := difflib.get_close_matches(args[0], known, n=2):
                ctx.fail(t("cli.did-you-mean", name=args[0], near=" or ".join(near)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        rows = [
            (name, t(f"cli.command.{name}")) if name in self._lazy else (name, self.commands[name].get_short_help_str(limit=120))
            for name in self.list_commands(ctx)
        ]
        with formatter.section(t("cli.commands")):
            formatter.write_dl(rows)
