"""What every command shares: where the app is, how to print, and who asks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.flags import Flags, common_options
from mainspring.i18n import t

if TYPE_CHECKING:
    from mainspring.app import Mainspring
    from mainspring.operations.operation import Caller, Operation, Request, View


class Session:
    """One call of the command line."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self._app: Mainspring | None = None

    @property
    def is_json(self) -> bool:
        """Whether machines read the output."""
        return self.flags.is_json

    @property
    def app(self) -> Mainspring:
        """The app, located on first use; raises `MainspringError` where there is none or it is broken."""
        if self._app is None:
            from mainspring.cli.locate import locate

            self._app = locate(self.flags)
        return self._app

    @property
    def caller(self) -> Caller:
        """Who asks: the user of this machine."""
        from mainspring.operations.operation import Caller

        return Caller(actor=_who(), source="cli")

    def request(self, operation: Operation[Any, Any], /, **fields: Any) -> Request:
        """Return a checked request of an operation; raises `InvalidParams` with every wrong field."""
        from pydantic import ValidationError

        from mainspring.core.errors import InvalidParams
        from mainspring.operations.wrong import problems_of

        try:
            request: Request = operation.request(**fields)
        except ValidationError as error:
            raise InvalidParams(t("param.wrong", task=operation.name), problems_of(error)) from None
        return request

    async def ask(self, name: str, /, **fields: Any) -> Any:
        """Perform an operation by its name and return its view."""
        from mainspring.operations.catalog import CATALOG

        operation = CATALOG[name]
        view: View = await operation(self.app, self.request(operation, **fields), self.caller)
        return view

    def answer(self, name: str, /, **fields: Any) -> Any:
        """Perform an operation in a loop of its own, and let the store go afterwards."""
        import asyncio

        async def perform() -> Any:
            try:
                return await self.ask(name, **fields)
            finally:
                await self.app.close()

        _ = self.app  # the user's modules are imported outside of the loop, as they would be anywhere else
        return asyncio.run(perform())


def command(**settings: Any) -> Callable[[Callable[..., int | None]], click.Command]:
    """Make a function ``f(session, **options)`` a command that takes the common options; it answers an exit code."""

    def decorate(function: Callable[..., int | None]) -> click.Command:
        @click.pass_context
        @functools.wraps(function)
        def call(ctx: click.Context, /, **given: Any) -> None:
            own = {name: given.pop(name) for name in ("app", "discover", "url", "is_json", "is_debug")}
            flags = (ctx.find_object(Flags) or Flags()).merged(own)
            ctx.find_root().obj = flags
            ctx.exit(function(Session(flags), **given) or 0)

        made: click.Command = click.command(**settings)(common_options(call))
        return made

    return decorate


def _who() -> str:
    import getpass
    import os
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    return f"{user}@{socket.gethostname()}"
