"""Signing in and out: with a password, with a link that works once, or with another house's word. All of it works without scripts."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import MainspringError, TooManyRequests, Unauthorized
from mainspring.i18n import t
from mainspring.operations.entry import SignedIn, Visit, has_people, is_link, open_session, sign_in, sign_out, take_link
from mainspring.web.access import caller_of
from mainspring.web.access.cookies import FLOW, OPEN, SESSION, cookie_of, drop, keep
from mainspring.web.access.guard import Guard
from mainspring.web.access.oidc import Flow, OidcRefused, Provider, provider_of
from mainspring.web.problems import status_of
from mainspring.web.site import Site, page_of

FLOW_SECONDS = 600  # in which somebody has to come back from another house


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""
    room = _Room(site)
    return [
        Route("/login", room.show, methods=["GET"]),
        Route("/login", room.enter, methods=["POST"]),
        Route("/login/link", room.show_link, methods=["GET"]),
        Route("/login/link", room.take, methods=["POST"]),
        Route("/login/oidc", room.go, methods=["GET"]),
        Route("/login/oidc/callback", room.come_back, methods=["GET"]),
        Route("/logout", room.leave, methods=["POST"]),
    ]


class _Room:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._provider: Provider | None = provider_of(site.app)

    @property
    def _guard(self) -> Guard:
        guard = self._site.guard
        assert isinstance(guard, Guard)
        return guard

    # -- a password

    async def show(self, request: Request) -> Response:
        """Show the form, or go on where somebody is in already."""
        wanted = _inside(request, request.query_params.get("next", ""))
        if caller_of(request).user.kind != "nobody":
            return self._site.see(request, "/") if wanted is None else _goto(wanted)
        return await self._form(request, wanted)

    async def enter(self, request: Request) -> Response:
        """Check name and password."""
        form = await request.form()
        name, password, wanted = str(form.get("name", "")), str(form.get("password", "")), _inside(request, str(form.get("next", "")))
        guard, language = self._guard, page_of(request).language
        if not guard.has_passwords:
            return self._site.see(request, "/login")
        try:
            before = cookie_of(SESSION, request)
            signed = await sign_in(self._site.app, name[:64], password, visit_of(request), guard.trail, before=before)
        except TooManyRequests as error:
            said = t("web.login.locked", language=language, minutes=math.ceil(error.retry_after / 60))
            return await self._form(request, wanted, said, 429, name, {"Retry-After": str(error.retry_after)})
        except Unauthorized:
            return await self._form(request, wanted, t("web.login.wrong", language=language), 401, name)
        except MainspringError as error:
            return await self._form(request, wanted, str(error), status_of(error), name)
        return self._signed_in(request, signed, wanted)

    async def _form(
        self, request: Request, wanted: str | None, error: str = "", status: int = 200, name: str = "",
        headers: dict[str, str] | None = None, end_there: str | None = None,
    ) -> Response:  # fmt: skip
        guard = self._guard
        return self._site.render(
            request, "access/login.html", status, headers, next=wanted or "", error=error, name=name,
            is_out=request.query_params.get("done") == "out", has_passwords=guard.has_passwords and await has_people(self._site.app),
            has_oidc=self._provider is not None and guard.has_passwords, house=self._house, end_there=end_there,
            is_open_here=guard.open_token is not None,
        )  # fmt: skip

    def _signed_in(self, request: Request, signed: SignedIn, wanted: str | None) -> Response:
        response = self._site.see(request, "/") if wanted is None else _goto(wanted)
        seconds = max(int((signed.expires_at - datetime.now(UTC)).total_seconds()), 1)
        keep(response, SESSION, request, signed.key, seconds=seconds)
        return response

    async def leave(self, request: Request) -> Response:
        """End this browser's session, and forget the cookie of the printed address as well."""
        caller, key = caller_of(request), cookie_of(SESSION, request)
        end_there = None
        if key is not None:
            await sign_out(self._site.app, key, caller.user.name, visit_of(request))
        if caller.user.kind == "oidc" and self._provider is not None:
            end_there = await self._provider.end_address(self._address(request, "/login"))
        response = await self._form(request, None, end_there=end_there) if end_there else self._site.see(request, "/login", done="out")
        drop(response, SESSION, request)
        drop(response, OPEN, request)
        return response

    # -- a link

    async def show_link(self, request: Request) -> Response:
        """Show a button: what looks at links before people do (mail scanners, previews) uses none up."""
        key = request.query_params.get("t", "")
        is_open = bool(key) and await is_link(self._site.app, key)
        headers = {"Referrer-Policy": "no-referrer"}
        return self._site.render(request, "access/link.html", 200 if is_open else 410, headers, is_open=is_open, key=key)

    async def take(self, request: Request) -> Response:
        """Trade a link for a session."""
        key = str((await request.form()).get("t", ""))
        try:
            signed = await take_link(self._site.app, key, visit_of(request), self._guard.trail, before=cookie_of(SESSION, request))
        except Unauthorized:
            return self._site.render(request, "access/link.html", 410, {"Referrer-Policy": "no-referrer"}, is_open=False, key="")
        return self._signed_in(request, signed, None)

    # -- another house

    @property
    def _house(self) -> str:
        return urlsplit(self._site.app.settings.oidc_issuer or "").hostname or ""

    async def go(self, request: Request) -> Response:
        """Send the browser to the other house; what it has to bring back stays in a cookie. Nothing is changed here."""
        if self._provider is None:
            return self._site.see(request, "/login")
        wanted = _inside(request, request.query_params.get("next", ""))
        try:
            flow, address = await self._provider.begin(self._address(request, "/login/oidc/callback"), wanted or "")
        except OidcRefused as error:
            return await self._refused(request, str(error), 503)
        response = _goto(address)
        keep(response, FLOW, request, flow.packed(), seconds=FLOW_SECONDS)
        return response

    async def come_back(self, request: Request) -> Response:
        """Take what the other house says, if it is an answer to what this browser was sent for."""
        if self._provider is None:
            return self._site.see(request, "/login")
        flow, visit = Flow.unpacked(cookie_of(FLOW, request) or ""), visit_of(request)
        try:
            guest = await self._provider.finish(flow, request.query_params, self._address(request, "/login/oidc/callback"))
        except OidcRefused as error:
            await self._guard.trail.add(self._site.app, "access.refused", "oidc:?", visit, {"why": str(error)[:200]})
            response = await self._refused(request, str(error), 401)
        else:
            rights = self._provider.rights_of(guest)
            if rights is None:
                told = {"why": "unmapped", "groups": list(guest.groups)[:20]}
                await self._guard.trail.add(self._site.app, "access.refused", f"user:{guest.name[:64]}", visit, told)
                text = t("web.login.unmapped", language=page_of(request).language, name=guest.name)
                response = await self._form(request, None, text, 403)
            else:
                before = cookie_of(SESSION, request)
                signed = await open_session(self._site.app, "oidc", guest.name, rights, visit, before=before)
                response = self._signed_in(request, signed, _inside(request, flow.next if flow is not None else ""))
        drop(response, FLOW, request)
        return response

    async def _refused(self, request: Request, why: str, status: int) -> Response:
        text = t("web.login.refused", language=page_of(request).language, house=self._house, why=why)
        return await self._form(request, None, text, status)

    def _address(self, request: Request, path: str) -> str:
        scheme, host = request.scope.get("scheme", "http"), request.headers.get("host", "")
        return f"{scheme}://{host}{self._site.url(request, path)}"


def visit_of(request: Request) -> Visit:
    """Return from where somebody comes."""
    address = None if request.client is None else request.client.host
    return Visit(address, request.headers.get("user-agent"), "web", request.scope.get("mainspring.request_id"))


def _goto(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address})


def _inside(request: Request, wanted: str) -> str | None:
    """Return an address where it is a place of this console, None for what would lead elsewhere."""
    root = str(request.scope.get("root_path", "")).rstrip("/")
    if not wanted.startswith(f"{root}/") or wanted.startswith(("//", "/\\")) or any(ord(each) < 33 or each == "\\" for each in wanted):
        return None
    parts = urlsplit(wanted)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith(f"{root}/") and not parts.path.startswith("//")
    return wanted if is_ours and not parts.path.removeprefix(root).startswith(("/login", "/logout")) else None
