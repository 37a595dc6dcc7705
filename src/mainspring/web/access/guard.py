"""The guard: stands before the console and its API, and lets nobody through whom it does not know.

One ASGI layer, the outermost. In this order: who has sent this (proxies), what house was called (Host), who asks, and whether a page of
somebody else's made the browser ask. Rooms find the caller in the scope (`mainspring.web.access.caller_of`).
"""

from __future__ import annotations

import getpass
import inspect
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mainspring.app import Mainspring
from mainspring.core.access import User, UserRole, Verb
from mainspring.core.door import LOOPBACK_NAMES, Access, HostRules, bare_host, rights_of_guest
from mainspring.core.environment import Environment
from mainspring.core.errors import MainspringError
from mainspring.core.keys import hash_of, is_same, make_key
from mainspring.operations.entry import PROOF, Recogniser, Trail, Visit, needs_link
from mainspring.operations.operation import Caller
from mainspring.web.access import NOBODY, SCOPE_KEY
from mainspring.web.access.cookies import OPEN, SESSION, cookie_of, keep
from mainspring.web.access.first import Announcement, announce_link
from mainspring.web.access.forwarded import believe, is_forwarded, peer_of
from mainspring.web.access.headers import SecurityHeaders
from mainspring.web.access.origin import SAFE, is_foreign
from mainspring.web.problems import MEDIA_TYPE, Refused, headers_of, problem_of
from mainspring.web.shell.prefs import language_of, prefs_of

log = logging.getLogger("mainspring.access")

Authorize = Callable[[User, Verb, str], "bool | Awaitable[bool]"]
Authenticate = Callable[[Request], "User | Response | Awaitable[User | Response | None] | None"]

PUBLIC = ("/static/", "/login")  # what strangers may see; the pulse knows its own secret
PROBES = ("/livez", "/readyz")  # asked by address, not by name, and they tell nothing but yes or no
PULSE = "/api/pulse"
API = ("/api/", "/admin/task", "/ws")
RECHECK = timedelta(minutes=5)  # after which somebody whom another house knows is asked for anew on a socket
REFUSED_SOCKET = 4401
TOKEN_QUERY = "token"
_REQUEST_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


class Guard:
    """ASGI middleware around the console.

    ``authenticate(request)`` is a host application's own way to know people: it answers a `User`, None for nobody, or a response that is
    sent instead (a redirect to its login, say). ``authorize(user, verb, object)`` is asked after our own rules have said yes. ``hosts``
    are allowed beside those of the settings (``"*"``: the host application checks them). ``bound`` is the address that a server of ours
    listens at, with which this machine's own people may come in by a token; without it nobody does.
    """

    def __init__(
        self, app: Mainspring, inner: ASGIApp | None = None, *, authenticate: Authenticate | None = None,
        authorize: Authorize | None = None, hosts: str | Iterable[str] = (), bound: str | None = None, frame_ancestors: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.app, self.inner = app, inner
        self._authenticate, self._authorize = authenticate, authorize
        self._hosts = [hosts] if isinstance(hosts, str) else list(hosts)
        self._headers = SecurityHeaders(frame_ancestors)
        self.recogniser, self.trail = Recogniser(app), Trail()
        self._key = make_key()
        self._told_of: set[str] = set()
        self._is_announced = False
        self.bound = bound
        self.refusal: Callable[[Request, int, str], Response] | None = None

    @property
    def bound(self) -> str | None:
        """Where the server listens, as ``127.0.0.1:8080``."""
        return self._bound

    @bound.setter
    def bound(self, address: str | None) -> None:
        self._bound = address
        name = None if address is None else bare_host(address)
        self._is_loopback = name is not None and (name in LOOPBACK_NAMES or name.startswith("127."))
        bindings = [] if name is None or name in ("0.0.0.0", "::") else [name]
        self._rules: HostRules | None = None
        self._bindings = bindings

    # -- the first words

    @property
    def open_token(self) -> str | None:
        """What lets this machine's own people in, None where nobody comes in so: see `Access`."""
        settings = self.app.settings
        if self._authenticate is not None or not self._is_loopback or settings.access is Access.CLOSED:
            return None
        if settings.access is Access.AUTO and settings.runner_environment is not Environment.DEVELOPMENT:
            return None
        return settings.access_token or self._key

    @property
    def has_passwords(self) -> bool:
        """Whether people may sign in here at all: a host application that knows them has its own way."""
        return self._authenticate is None

    async def announce(self, base: str = "") -> Announcement | None:
        """Say how to come in, once: the open address, or where nobody could come in a link for the first one. None: people know how.

        ``base`` is where the console is, as ``http://127.0.0.1:8080``. A link is written on the terminal alone, or into a file.
        """
        if self._is_announced or self._authenticate is not None:
            return None
        self._is_announced = True
        if self.app.settings.access is Access.OPEN and not self._is_loopback:
            log.warning("MAINSPRING_ACCESS=open does nothing here: it is for addresses of this machine alone, as 127.0.0.1")
        if (token := self.open_token) is not None:
            return Announcement(address=f"{base}/?{urlencode({TOKEN_QUERY: token})}")
        return await announce_link(self.app, base) if await needs_link(self.app) else None

    # -- every request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one socket."""
        assert self.inner is not None
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        scope, headers = dict(scope), Headers(raw=scope["headers"])
        peer, settings = peer_of(scope), self.app.settings
        is_trusted, was_forwarded = settings.trusted_proxies.has(peer), is_forwarded(headers)
        if is_trusted:
            headers = believe(scope, headers, settings.trusted_proxies)
        given = headers.get("x-request-id", "")
        request_id = scope["mainspring.request_id"] = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
        scope[SCOPE_KEY] = NOBODY
        path = _path_of(scope)
        visit = Visit(peer_of(scope), headers.get("user-agent"), "http" if path.startswith(API) else "web", request_id)
        dress = self._dressed(send, request_id)
        answer: Response | None
        try:
            answer = await self._look(scope, headers, visit, path, peer, is_trusted=is_trusted, was_forwarded=was_forwarded)
        except MainspringError as error:
            answer = self._problem(HTTPConnection(scope), path, error)
        if answer is None:
            await self.inner(scope, receive, dress)
        elif scope["type"] == "http":
            await answer(scope, receive, dress)
        else:
            await receive()  # the handshake
            await send({"type": "websocket.close", "code": REFUSED_SOCKET, "reason": ""})

    def _dressed(self, send: Send, request_id: str) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message = {**message, "headers": self._headers.complete(list(message.get("headers", ())), request_id)}
            await send(message)

        return dressed

    async def _look(
        self, scope: Scope, headers: Headers, visit: Visit, path: str, peer: str | None, *, is_trusted: bool, was_forwarded: bool
    ) -> Response | None:
        """Return what is answered instead of the console, None where the request goes on to it with its caller."""
        if path in PROBES and scope["type"] == "http":
            return None
        if not self._is_called_right(headers):
            await self.trail.add(self.app, "access.refused", "host:?", visit, {"why": "host", "host": headers.get("host", "")[:100]})
            name = headers.get("host", "")[:100]
            return PlainTextResponse(
                f"This house is not called {name!r}. If it is meant to be, add the name to MAINSPRING_HOSTS.\n", 421
            )  # fmt: skip
        connection = Request(scope) if scope["type"] == "http" else HTTPConnection(scope)
        bearer = _bearer_of(headers)
        if path == PULSE:
            return None
        user = await self._who(connection, headers, visit, bearer, peer, is_trusted=is_trusted, was_forwarded=was_forwarded)
        if isinstance(user, Response):
            return user
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE
        # What a browser adds by itself, cookies above all, is no sign that its user wants this; a token in a header is.
        is_by_token = user is not None and user.kind == "token"
        if changes and not is_by_token and is_foreign(headers, is_socket=scope["type"] == "websocket"):
            await self.trail.add(self.app, "access.refused", "request:foreign", visit, {"why": "origin", "path": path[:100]})
            return self._problem(connection, path, Refused("forbidden", "a page of another origin made this request"))
        if user is not None:
            scope[SCOPE_KEY] = self._caller(user, visit, language_of(connection, prefs_of(connection)))
            return self._without_token(connection)
        if path.startswith(PUBLIC):
            return None
        return await self._stranger(connection, path)

    def _is_called_right(self, headers: Headers) -> bool:
        given = headers.getlist("host")
        if self._rules is None:
            self._rules = self.app.settings.hosts.beside([*self._bindings, *self._hosts])
        return len(given) == 1 and self._rules.allows(given[0])

    def _caller(self, user: User, visit: Visit, language: str) -> Caller:
        token = user.facts.get("token")
        actor = user.name if token is None or user.name.startswith("token:") else f"{user.name}/{token}"
        tenant = next(iter(user.tenants)) if user.tenants is not None and len(user.tenants) == 1 else ""
        return Caller(actor, visit.source, user, tenant, visit.request_id, visit.address, authorize=self._authorize, locale=language)

    # -- who asks

    async def _who(
        self, connection: HTTPConnection, headers: Headers, visit: Visit, bearer: str | None, peer: str | None, *,
        is_trusted: bool, was_forwarded: bool,
    ) -> User | Response | None:  # fmt: skip
        if bearer is not None and (bearer.startswith("msp_") or self._authenticate is None):
            user = await self.recogniser.by_token(bearer)  # whoever shows a token is asked for nothing else: no cookie counts beside it
            if user is None:
                await self.trail.add(self.app, "access.refused", "token:?", visit, {"why": "token"})
                return self._problem(connection, "/api/", Refused("unauthorized", "this token opens nothing: it is wrong, over or revoked"))
            await self.recogniser.used(user, visit)
            return user
        if self._authenticate is not None:
            return await self._ask_host(connection)
        settings = self.app.settings
        if settings.trust_header_user is not None and (name := headers.get(settings.trust_header_user)):
            if is_trusted:
                return await self._guest(connection, headers, name, visit)
            if (peer or "unix") not in self._told_of and len(self._told_of) < 1000:
                self._told_of.add(peer or "unix")
                log.warning(
                    "%s says who asks (%s) and is none of MAINSPRING_TRUSTED_PROXIES: not believed", peer, settings.trust_header_user
                )
                told = {"why": "peer", "header": settings.trust_header_user}
                await self.trail.add(self.app, "access.refused", f"peer:{peer}", visit, told)
        if (key := cookie_of(SESSION, connection)) is not None and (user := await self.recogniser.by_session(key)) is not None:
            await self.recogniser.used(user, visit)
            return user
        if not was_forwarded and self._is_at_this_machine(connection, peer) and (token := self.open_token) is not None:
            cookie, shown = cookie_of(OPEN, connection), _shown_token(connection)
            if (cookie is not None and is_same(cookie, _open_cookie(token))) or (shown is not None and is_same(shown, token)):
                return User(_local_name(), UserRole.ADMIN, kind="open")
        return None

    async def _ask_host(self, connection: HTTPConnection) -> User | Response | None:
        assert self._authenticate is not None
        scope = connection.scope
        request = connection if isinstance(connection, Request) else Request({**scope, "type": "http", "method": "GET"})
        found = self._authenticate(request)
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, User):
            return _rechecked(found)
        return found

    async def _guest(self, connection: HTTPConnection, headers: Headers, name: str, visit: Visit) -> User | Response:
        settings = self.app.settings
        said = "" if settings.trust_header_groups is None else ",".join(headers.getlist(settings.trust_header_groups))
        groups = [each.strip() for each in said.split(",") if each.strip()]
        rights = rights_of_guest(name, groups, settings.access_roles, settings.access_tenants)
        if rights is None:
            await self.trail.add(self.app, "access.refused", f"user:{name[:64]}", visit, {"why": "unmapped", "groups": groups[:20]})
            refused = f"{name} is known, but may not come in: MAINSPRING_ACCESS_ROLES and MAINSPRING_ACCESS_TENANTS say who may"
            return self._problem(connection, _path_of(connection.scope), Refused("forbidden", refused))
        return _rechecked(User(name, rights.role, rights.tenants, teams=rights.teams, kind="header"))

    def _is_at_this_machine(self, connection: HTTPConnection, peer: str | None) -> bool:
        host = bare_host(connection.headers.get("host", ""))
        return self._is_loopback and peer is not None and _is_loopback(peer) and host is not None and _is_loopback(host)

    def _without_token(self, connection: HTTPConnection) -> Response | None:
        """Trade the token in an address for a cookie, and take it out of the address, which others may see."""
        shown, token = _shown_token(connection), self.open_token
        if shown is None or token is None or connection.scope["type"] != "http" or connection.scope["method"] not in ("GET", "HEAD"):
            return None
        if not is_same(shown, token):
            return None
        query = [(name, value) for name, value in QueryParams(connection.scope["query_string"]).multi_items() if name != TOKEN_QUERY]
        response = RedirectResponse(connection.url.path + (f"?{urlencode(query)}" if query else ""), 303)
        keep(response, OPEN, connection, _open_cookie(token), seconds=None)
        return response

    # -- strangers

    async def _stranger(self, connection: HTTPConnection, path: str) -> Response:
        if await self._has_no_way_in():
            await self.announce(str(connection.base_url).rstrip("/"))
        headers, scope = connection.headers, connection.scope
        refused = Refused("unauthorized", "sign in first, or send 'Authorization: Bearer msp_…'")
        if scope["type"] == "websocket" or path.startswith(API) or not self.has_passwords:
            return self._problem(connection, path, refused)
        root = str(scope.get("root_path", "")).rstrip("/")
        wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
        login = f"{root}/login?{urlencode({'next': wanted})}" if wanted not in (f"{root}/", root) else f"{root}/login"
        if "hx-request" in headers:
            return Response(status_code=401, headers={"HX-Redirect": login, "WWW-Authenticate": "Bearer"})
        if scope["method"] in ("GET", "HEAD"):
            return RedirectResponse(login, 303)
        return self._problem(connection, path, refused)

    async def _has_no_way_in(self) -> bool:
        return not self._is_announced and self._authenticate is None and self.open_token is None

    def _problem(self, connection: HTTPConnection, path: str, error: Exception) -> Response:
        document = problem_of(error, request_id=str(connection.scope.get("mainspring.request_id", "")))
        headers = headers_of(error) | ({"WWW-Authenticate": "Bearer"} if document["status"] == 401 else {})
        if isinstance(connection, Request) and self.refusal is not None and not path.startswith(API):
            made = self.refusal(connection, document["status"], document["detail"])
            MutableHeaders(raw=made.raw_headers).update(headers)
            return made
        return JSONResponse(document, document["status"], headers, MEDIA_TYPE)

    # -- later

    async def still(self, caller: Caller) -> bool:
        """Tell whether somebody who came in may still do what they might then; for sockets, that stay. At most two seconds old."""
        user = caller.user
        if user.until is not None and user.until <= datetime.now(UTC):
            return False
        proof = user.facts.get(PROOF)
        if proof is None:
            return user.kind != "nobody"
        now = await self.recogniser.by_proof(proof)
        return now is not None and _rights(now) == _rights(user)


def _rights(user: User) -> tuple[Any, ...]:
    return user.role, user.tenants, user.verbs, user.teams, user.tasks


def _rechecked(user: User) -> User:
    """Return somebody whom another house knows, to be asked for again after a while."""
    if user.until is not None:
        return user
    return replace(user, until=datetime.now(UTC) + RECHECK)


def _path_of(scope: Scope) -> str:
    """Return the path below the mount."""
    root, path = str(scope.get("root_path", "")).rstrip("/"), str(scope["path"])
    return path[len(root) :] or "/" if root and (path == root or path.startswith(f"{root}/")) else path


def _bearer_of(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _shown_token(connection: HTTPConnection) -> str | None:
    return connection.query_params.get(TOKEN_QUERY)


def _open_cookie(token: str) -> str:
    return hash_of(f"open:{token}")


def _is_loopback(name: str) -> bool:
    return name in LOOPBACK_NAMES or name.startswith("127.")


def _local_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "you"
