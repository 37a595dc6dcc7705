"""The groups ``users``, ``tokens``, ``sessions``, ``secrets`` and ``access``: who may come in.

What is secret is asked for on the terminal, or read from a file or from what is piped in: an argument would be in the shell's history and
in every list of processes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from mainspring.cli.derive import command_for
from mainspring.cli.groups import noun_group
from mainspring.cli.present import moment, print_json, print_table
from mainspring.cli.session import Session, command
from mainspring.core.access import UserRole
from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import ConfigurationError, Conflict
from mainspring.i18n import t

_from_option = click.Option(["--from", "source"], type=click.Path(exists=True, dir_okay=False), metavar="FILE", help=t("cli.option.from"))


def read_secret(prompt: str, source: str | None, *, is_twice: bool) -> str:
    """Return what is typed without being shown, or stands in a file, or is piped in; one line end after it is no part of it."""
    if source is not None:
        try:
            text = Path(source).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"--from {source!r} cannot be read: {error}") from None
    elif sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=is_twice, err=True))
    else:
        text = sys.stdin.read()
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigurationError(f"{prompt}: nothing was given; type it, pipe it in or name a file with --from")
    return text


def _asking(field: str, prompt: str, *, is_twice: bool) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def read(given: dict[str, Any]) -> dict[str, Any]:
        source, has_none = given.pop("source"), given.pop("has_none", False)
        return given if has_none else {**given, field: read_secret(t(prompt), source, is_twice=is_twice)}

    return read


def _listed(names: list[str] | None) -> str:
    return t("access.all") if names is None else ", ".join(names) or "-"


# -- people


def _show_users(view: Any) -> None:
    rows = [
        [each.name, each.role, _listed(each.tenants), ", ".join(each.teams) or None, each.has_password, each.is_enabled, each.seen_at]
        for each in view.items
    ]
    columns = ["name", "role", "tenants", "teams", "password", "enabled", "last seen"]
    print_table(columns, rows, empty=t("access.no-users"), spare=("teams", "password"))


def _show_user(view: Any) -> None:
    state = "" if view.is_enabled else f" ({t('access.disabled')})"
    click.echo(t("access.user", name=view.name, role=view.role, tenants=_listed(view.tenants)) + state)


def _show_password(view: Any) -> None:
    click.echo(t("access.password", name=view.name))


def _show_removed(view: Any) -> None:
    click.echo(t("access.removed", name=view.name))


_without = click.Option(["--no-password", "has_none"], is_flag=True, help=t("cli.option.no-password"))
users = noun_group(
    "users",
    "list",
    command_for("users.list", _show_users),
    command_for(
        "users.add", _show_user, hidden=("password",), options=(_from_option, _without),
        read=_asking("password", "access.ask.password", is_twice=True),
    ),
    command_for(
        "users.password", _show_password, hidden=("password", "old"), options=(_from_option,),
        read=_asking("password", "access.ask.password", is_twice=True),
    ),
    command_for("users.role", _show_user),
    command_for("users.disable", _show_user),
    command_for("users.enable", _show_user),
    command_for("users.remove", _show_removed),
)  # fmt: skip


# -- tokens and sessions


def _show_tokens(view: Any) -> None:
    rows = [
        [
            each.id, each.label, each.role, each.user, _listed(each.tenants), _listed(each.tasks),
            t("access.open" if each.is_open else "access.over"), each.expires_at, each.used_at,
        ]
        for each in view.items
    ]  # fmt: skip
    columns = ["token", "label", "role", "user", "tenants", "tasks", "state", "until", "last used"]
    print_table(columns, rows, empty=t("access.no-tokens"), spare=("tenants", "tasks", "user"))


def _show_token(view: Any) -> None:
    until = t("access.token.never") if view.expires_at is None else t("access.token.until", at=moment(view.expires_at))
    click.echo(t("access.token", id=view.id, label=view.label, until=until), err=True)
    click.echo(view.token)


def _show_revoked(view: Any) -> None:
    click.echo(t("access.revoked" if view.was_open else "access.revoked-already", id=view.id, label=view.label))


def _show_sessions(view: Any) -> None:
    rows = [[each.id, each.name, each.kind, each.address, each.seen_at, each.expires_at, each.agent] for each in view.items]
    columns = ["session", "name", "by", "from", "last used", "until", "browser"]
    print_table(columns, rows, empty=t("access.no-sessions"), spare=("browser",))


def _show_ended(view: Any) -> None:
    click.echo(t("access.signed-out", id=view.id, name=view.name))


tokens = noun_group(
    "tokens",
    "list",
    command_for("tokens.list", _show_tokens),
    command_for("tokens.add", _show_token),
    command_for("tokens.revoke", _show_revoked),
)
sessions = noun_group("sessions", "list", command_for("sessions.list", _show_sessions), command_for("sessions.revoke", _show_ended))


# -- secrets


def _show_secrets(view: Any) -> None:
    rows = [
        [each.reference, ", ".join(each.declared_for) or t("access.secret.nobody"), each.changed_at, each.changed_by, each.reason]
        for each in view.items
    ]
    print_table(["secret", "for the tasks", "changed", "by", "reason"], rows, empty=t("access.no-secrets"))
    if any(not each.is_current for each in view.items):
        click.echo(t("access.secret.rotate"))


def _show_kept(view: Any) -> None:
    click.echo(t("access.secret.kept" if view.is_new else "access.secret.changed", reference=view.reference))


def _show_rotated(view: Any) -> None:
    click.echo(t("access.secret.rotated", n=view.number))


@command(name="key", help=t("cli.command.secrets.key"))
@click.option("--file", "file", type=click.Path(dir_okay=False), help=t("cli.option.key-file"))
def _key(session: Session, file: str | None) -> None:
    """Make a key, and print it or write it into a file of its own."""
    from mainspring.engine.keyring import make_vault_key
    from mainspring.operations.entry import write_private

    key = make_vault_key()
    if file is None:
        click.echo(key)
        return
    if Path(file).exists():
        raise Conflict(f"{file} is there already: a key that is lost opens nothing any more, so none is written over")
    write_private(Path(file), f"{key}\n")
    click.echo(t("access.key.written", file=file))


secrets = noun_group(
    "secrets",
    "list",
    command_for("secrets.list", _show_secrets),
    command_for(
        "secrets.set", _show_kept, hidden=("value",), options=(_from_option,), read=_asking("value", "access.ask.secret", is_twice=False)
    ),
    command_for("secrets.remove", _show_removed),
    command_for("secrets.rotate", _show_rotated),
    _key,
)


# -- links


@command(name="link", help=t("cli.command.access.link"))
@click.option(
    "--role",
    type=click.Choice([each.value for each in UserRole]),
    default=UserRole.ADMIN.value,
    show_default=True,
    help=t("cli.option.link-role"),
)
@click.option("--for", "life", default="15m", show_default=True, metavar="DURATION", help=t("cli.option.link-life"))
@click.option("--at", "base", default="http://127.0.0.1:8080", show_default=True, metavar="URL", help=t("cli.option.link-at"))
def _link(session: Session, role: str, life: str, base: str) -> None:
    """Make a link that lets one browser in, once."""
    import asyncio
    from urllib.parse import urlencode

    from mainspring.operations.entry import Visit, make_link, place_of_link, write_private

    lasts = parse_duration(life, "--for")
    if not timedelta(minutes=1) <= lasts <= timedelta(days=1):
        raise ConfigurationError(f"--for {life!r}: from a minute to a day is allowed")
    app = session.app

    async def make() -> str:
        try:
            return await make_link(app, Visit(source="cli"), role=UserRole(role), life=lasts, actor=session.caller.actor)
        finally:
            await app.close()

    address = f"{base.rstrip('/')}/login/link?{urlencode({'t': asyncio.run(make())})}"
    if sys.stdout.isatty() and not session.is_json:
        click.echo(t("access.link", role=role, life=describe(lasts)), err=True)
        click.echo(address)
        return
    file = place_of_link(app)  # what is not a terminal may be anybody's log
    write_private(file, f"{address}\n")
    if session.is_json:
        print_json({"file": str(file), "role": role})
    else:
        click.echo(t("access.link.file", file=file))


access = noun_group("access", "link", _link)
