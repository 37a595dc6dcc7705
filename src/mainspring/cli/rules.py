"""``mainspring rules``: the rules of this release for whoever writes code here with a machine's help, kept in the repository."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mainspring.cli.ansi import clean
from mainspring.cli.exits import FAILED
from mainspring.cli.groups import LazyGroup
from mainspring.cli.session import Session, command
from mainspring.i18n import t

if TYPE_CHECKING:
    from mainspring.advisor.agents.install import Planned

_TARGETS = ("agents-md", "skill", "cursor", "copilot", "claude")


def _target_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that name files, and those that say what is to be done."""
    for option in reversed((
        *(click.option(f"--{name}", name.replace("-", "_"), is_flag=True, help=t(f"cli.rules.{name}")) for name in _TARGETS),
        click.option("--check", "is_check", is_flag=True, help=t("cli.rules.check")),
        click.option("--dry-run", "is_dry", is_flag=True, help=t("cli.rules.dry-run")),
        click.option("--yes", "is_yes", is_flag=True, help=t("cli.rules.yes")),
    )):  # fmt: skip
        function = option(function)
    return function


@command(name="install", help=t("cli.command.rules.install"))
@_target_options
def install(session: Session, is_check: bool, is_dry: bool, is_yes: bool, **named: bool) -> int:
    """Write what was named; without a name, what the repository seems to use. ``--check`` looks at what is there."""
    from mainspring.advisor.agents.install import installed, repository_of, usual

    root = repository_of(Path.cwd())
    targets = _named(named) or ((installed(root) or usual(root)) if is_check else usual(root))
    return _go(session, root, targets, is_check=is_check, is_dry=is_dry, is_yes=is_yes)


@command(name="update", help=t("cli.command.rules.update"))
@_target_options
def update(session: Session, is_check: bool, is_dry: bool, is_yes: bool, **named: bool) -> int:
    """Write anew what is there already."""
    from mainspring.advisor.agents.install import installed, repository_of

    root = repository_of(Path.cwd())
    there = installed(root)
    targets = tuple(each for each in there if each in _named(named)) if _named(named) else there
    if not targets:
        click.echo(t("rules.none"), err=True)
        return FAILED if is_check else 0
    return _go(session, root, targets, is_check=is_check, is_dry=is_dry, is_yes=is_yes)


def _named(named: dict[str, bool]) -> tuple[str, ...]:
    return tuple(name for name in _TARGETS if named[name.replace("-", "_")])


def _go(session: Session, root: Path, targets: Sequence[str], *, is_check: bool, is_dry: bool, is_yes: bool) -> int:
    from mainspring.advisor.agents.install import plan, write
    from mainspring.advisor.versions import read_versions

    planned = plan(root, targets, read_versions(root))
    if is_check:
        return _checked(session, planned)
    left = False
    for each in planned:
        if not each.is_change:
            _tell(session, each, each.state)
            continue
        if not session.is_json:
            click.echo(clean(each.diff()), nl=False)
        if is_dry:
            _tell(session, each, "would-write")
        elif each.before is None or is_yes or _agrees(session, each):
            write(root, each)
            _tell(session, each, "written")
        else:
            left = True
            _tell(session, each, "needs-yes")
    return FAILED if left else 0


def _checked(session: Session, planned: Sequence[Planned]) -> int:
    for each in planned:
        _tell(session, each, each.state)
    return 0 if all(each.is_current for each in planned) else FAILED


def _agrees(session: Session, each: Planned) -> bool:
    """Ask before a file changes that was there before; without a terminal nobody can be asked."""
    if session.is_json or not _is_terminal():
        return False
    return click.confirm(t("rules.sure", path=each.path), err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _tell(session: Session, each: Planned, what: str) -> None:
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json({"path": each.path, "state": str(each.state), "what": str(what)})
    else:
        click.echo(t(f"rules.{what}", path=each.path))


rules = LazyGroup("rules", help=t("cli.command.rules"))
rules.add_command(install)
rules.add_command(update)
