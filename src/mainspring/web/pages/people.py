"""Who may come in: people, tokens, browsers that are signed in, stored secrets. Everybody finds their own here, administrators all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.access import UserRole, Verb
from mainspring.core.errors import MainspringError
from mainspring.i18n import t
from mainspring.operations import secrets, sessions, tokens, users
from mainspring.operations.operation import Caller, Operation
from mainspring.web.access import caller_of
from mainspring.web.pages.settings import TABS, tabs_for
from mainspring.web.paths import NamedRoute
from mainspring.web.problems import errors_of, status_of
from mainspring.web.site import Site, page_of

PAGE = "/settings/access"
MOST = 200  # of each kind that the page shows; the command line pages through more

if all(key != "access" for key, *_ in TABS):
    TABS.append(("access", "web.settings.access", PAGE, "view"))


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""
    room = _Room(site)
    posts: Mapping[str, Callable[[Request], Awaitable[Response]]] = {
        f"{PAGE}/password": room.password,
        f"{PAGE}/users": room.add_user,
        f"{PAGE}/users/{{name}}/role": room.role,
        f"{PAGE}/users/{{name}}/disable": room.on(users.disable_user, "name", "user"),
        f"{PAGE}/users/{{name}}/enable": room.on(users.enable_user, "name", "user"),
        f"{PAGE}/users/{{name}}/remove": room.on(users.remove_user, "name", "user"),
        f"{PAGE}/tokens": room.add_token,
        f"{PAGE}/tokens/{{id}}/revoke": room.on(tokens.revoke_token, "id", "revoked"),
        f"{PAGE}/sessions/{{id}}/revoke": room.on(sessions.revoke_session, "id", "revoked"),
        f"{PAGE}/secrets": room.set_secret,
        f"{PAGE}/secrets/{{name}}/remove": room.on(secrets.remove_secret, "name", "forgotten"),
    }
    made = [NamedRoute(path, _only_posts(handler), methods=["POST"]) for path, handler in posts.items()]
    return [Route(PAGE, room.show, methods=["GET"]), *made]


def _only_posts(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await handler(request) if request.method == "POST" else Response(status_code=405, headers={"Allow": "POST"})

    return handle


def _names(text: str) -> list[str] | None:
    """Return names that stand in a field, separated by commas; None where it is empty."""
    return [each.strip() for each in text.split(",") if each.strip()] or None


class _Room:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show what this caller may see."""
        return await self._page(request)

    async def _page(self, request: Request, status: int = 200, **more: Any) -> Response:
        caller = caller_of(request)
        user = caller.user
        is_admin = user.may(Verb.MANAGE_ACCESS) and user.tenants is None and user.tasks is None
        told: dict[str, Any] = {"people": None, "secrets": None, "tokens": None, "sessions": None}
        if is_admin:
            told["people"] = (await self._ask(users.list_users, caller, limit=MOST)).items
            told["secrets"] = (await self._ask(secrets.list_secrets, caller, limit=MOST)).items
        if is_admin or user.kind == "local":
            told["tokens"] = (await self._ask(tokens.list_tokens, caller, limit=MOST)).items
            told["sessions"] = (await self._ask(sessions.list_sessions, caller)).items
        typed = defaultdict(str, more.pop("given", {}))
        return self._site.render(
            request, "access/people.html", status, title=t("web.settings.title", language=page_of(request).language), is_admin=is_admin,
            is_local=user.kind == "local", roles=list(UserRole), user=user, tabs=tabs_for(self._site, request), tab="access", given=typed,
            **{"error": None, "problems": [], "made": None, **told, **more},
        )  # fmt: skip

    async def _ask(self, operation: Operation[Any, Any], caller: Caller, **fields: Any) -> Any:
        """Perform a verb; what is not said is as it is by default."""
        given = {name: value for name, value in fields.items() if value is not None}
        return await operation(self._site.app, operation.request.model_validate(given), caller)

    async def _done(
        self, request: Request, operation: Operation[Any, Any], done: str, shown: Mapping[str, str] | None = None, **fields: Any
    ) -> Response:  # fmt: skip
        """Perform a verb and go back to the page, or show it with what is wrong and what was typed."""
        try:
            await self._ask(operation, caller_of(request), **fields)
        except (MainspringError, ValidationError) as error:
            return await self._wrong(request, error, shown or {})
        return self._site.see(request, PAGE, done=done)

    async def _wrong(self, request: Request, error: MainspringError | ValidationError, given: Mapping[str, str]) -> Response:
        said = getattr(error, "message", None) or (str(error) if isinstance(error, MainspringError) else "")
        problems = [(each["field"], each["message"]) for each in errors_of(error)]
        return await self._page(request, status_of(error), error=said, problems=problems, given=given)

    def on(self, operation: Operation[Any, Any], slot: str, done: str) -> Callable[[Request], Awaitable[Response]]:
        """Return what performs a verb about what the path names."""

        async def handle(request: Request) -> Response:
            return await self._done(request, operation, done, **{slot: request.path_params[slot]})

        return handle

    async def password(self, request: Request) -> Response:
        """Change somebody's own password."""
        form, name = await _form(request), caller_of(request).user.name
        return await self._done(request, users.set_password, "password", name=name, password=form.get("password"), old=form.get("old"))

    async def add_user(self, request: Request) -> Response:
        """Add somebody."""
        form = await _form(request)
        return await self._done(
            request, users.add_user, "user", _shown(form), name=form.get("name"), role=form.get("role"),
            tenants=_names(form.get("tenants", "")), password=form.get("password") or None,
        )  # fmt: skip

    async def role(self, request: Request) -> Response:
        """Say what somebody may do."""
        form = await _form(request)
        return await self._done(request, users.set_role, "user", name=request.path_params["name"], role=form.get("role"))

    async def add_token(self, request: Request) -> Response:
        """Make a token, and show it on the page that answers, this once."""
        form = await _form(request)
        try:
            made = await self._ask(
                tokens.add_token, caller_of(request), label=form.get("label"), role=form.get("token_role"),
                tenants=_names(form.get("token_tenants", "")), tasks=_names(form.get("tasks", "")), expires=form.get("expires") or None,
            )  # fmt: skip
        except (MainspringError, ValidationError) as error:
            return await self._wrong(request, error, _shown(form))
        return await self._page(request, 201, made=made)

    async def set_secret(self, request: Request) -> Response:
        """Keep a secret."""
        form = await _form(request)
        name = form.get("name", "")
        return await self._done(request, secrets.set_secret, "kept", {"secret": name}, name=name, value=form.get("value"))


def _shown(form: Mapping[str, str]) -> dict[str, str]:
    """Return what may be shown again of what was typed: nothing secret."""
    return {name: value for name, value in form.items() if name not in ("password", "old", "value")}


async def _form(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
