"""The entry point: the root group, and the one place where errors become words and exit codes.

================  =====================================================================
0                 ok
1                 the task failed, timed out or was cancelled
2                 usage: wrong parameters, unknown task or run, bad setting, bad definition, not possible now
3                 forbidden
4                 unavailable: the store cannot be reached or used, or its schema does not fit
70                a bug in mainspring
130               interrupted
================  =====================================================================
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from mainspring.cli.exits import INTERRUPTED, USAGE
from mainspring.cli.flags import Flags, common_options
from mainspring.cli.groups import LazyGroup
from mainspring.core.version import VERSION
from mainspring.i18n import t

_COMMANDS = {
    "run": "mainspring.cli.run:run",
    "enqueue": "mainspring.cli.run:enqueue",
    "dev": "mainspring.cli.dev:dev",
    "start": "mainspring.cli.runner:start",
    "runner": "mainspring.cli.runner:runner",
    "worker": "mainspring.cli.worker:worker",
    "serve": "mainspring.cli.runner:serve",
    "tasks": "mainspring.cli.nouns:tasks",
    "runs": "mainspring.cli.nouns:runs",
    "schedules": "mainspring.cli.schedules:schedules",
    "queues": "mainspring.cli.nouns:queues",
    "limits": "mainspring.cli.limits:limits",
    "tenants": "mainspring.cli.tenants:tenants",
    "owners": "mainspring.cli.tenants:owners",
    "services": "mainspring.cli.services:services",
    "pulse": "mainspring.cli.pulse:pulse",
    "nodes": "mainspring.cli.nouns:nodes",
    "stats": "mainspring.cli.nouns:stats",
    "views": "mainspring.cli.nouns:views",
    "presets": "mainspring.cli.presets:presets",
    "favourites": "mainspring.cli.presets:favourites",
    "types": "mainspring.cli.definitions:types",
    "index": "mainspring.cli.definitions:index",
    "explain": "mainspring.cli.explain:explain",
    "errors": "mainspring.cli.troubles:errors",
    "dead": "mainspring.cli.troubles:dead",
    "events": "mainspring.cli.troubles:events",
    "prune": "mainspring.cli.upkeep:prune",
    "audit": "mainspring.cli.troubles:audit",
    "notices": "mainspring.cli.notices:notices",
    "export": "mainspring.cli.export:export",
    "maintenance": "mainspring.cli.runner:maintenance",
    "health": "mainspring.cli.health:health",
    "doctor": "mainspring.cli.system:doctor",
    "has": "mainspring.cli.system:has",
    "migrate": "mainspring.cli.system:migrate",
    "users": "mainspring.cli.access:users",
    "tokens": "mainspring.cli.access:tokens",
    "sessions": "mainspring.cli.access:sessions",
    "secrets": "mainspring.cli.access:secrets",
    "access": "mainspring.cli.access:access",
    "check": "mainspring.cli.check:check",
    "advise": "mainspring.cli.advise:advise",
    "new": "mainspring.cli.advise:new",
    "rules": "mainspring.cli.rules:rules",
    "completion": "mainspring.cli.completion:completion",
}


class Root(LazyGroup):
    """The root group. Whatever a command raises ends here."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; an error becomes a message, an exit code and, with ``--debug``, a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (click.Abort, KeyboardInterrupt):
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever read our output has gone: click ends quietly
            from mainspring.cli.errors import report

            ctx.exit(report(error, ctx.find_object(Flags) or Flags()))


@click.group(
    cls=Root,
    lazy=_COMMANDS,
    invoke_without_command=True,
    help=t("cli.help") + "\n\n" + t("cli.help.more"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION, prog_name="mainspring")
@common_options
@click.pass_context
def root(ctx: click.Context, /, **given: Any) -> None:
    """Take the options that may stand before every command."""
    ctx.obj = Flags().merged(given)
    if ctx.invoked_subcommand is not None:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(ctx.get_help(), err=True)
        ctx.exit(USAGE)
    from mainspring.cli.pick import pick

    ctx.exit(pick(ctx.obj))


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Be the command ``mainspring``."""
    if (asked := os.environ.get("_MAINSPRING_COMPLETE")) is not None:
        from mainspring.cli.completion import answer

        raise SystemExit(answer(root, asked))
    root.main(args=None if args is None else list(args), prog_name="mainspring")
    raise SystemExit(0)
