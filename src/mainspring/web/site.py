"""What every room of the console is given: the app, who watches the door, the live hub, and how a page is rendered."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import InvalidParams
from mainspring.i18n import t
from mainspring.i18n.web import tables
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from mainspring.operations.wrong import problems_of
from mainspring.web.access import caller_of
from mainspring.web.shell import formats
from mainspring.web.shell.assets import Assets, assets
from mainspring.web.shell.navigation import NAVIGATION
from mainspring.web.shell.prefs import Prefs, language_of, prefs_of, zone_of


@dataclass(frozen=True, slots=True)
class Page:
    """One page that is being rendered: for whom, in which language and zone, at what time."""

    request: Request
    caller: Caller
    prefs: Prefs
    language: str
    zone: ZoneInfo
    now: datetime

    @property
    def root(self) -> str:
        """The path that the console is mounted at, without a slash at its end."""
        return str(self.request.scope.get("root_path", "")).rstrip("/")

    @property
    def path(self) -> str:
        """The path of this page below the mount."""
        return self.request.url.path.removeprefix(self.root) or "/"


_PAGE: ContextVar[Page] = ContextVar("mainspring_page")


def page() -> Page:
    """Return the page that is being rendered."""
    return _PAGE.get()


def page_of(request: Request) -> Page:
    """Return how pages of a request are rendered."""
    prefs = prefs_of(request)
    return Page(request, caller_of(request), prefs, language_of(request, prefs), zone_of(request, prefs), datetime.now(UTC))


class Site:
    """What a room needs. Rooms are functions ``routes(site)`` in `mainspring.web.console`."""

    def __init__(self, app: Mainspring, *, guard: Any = None, hub: Any = None) -> None:
        self.app, self.guard, self.hub = app, guard, hub
        self.assets: Assets = assets()
        self.templates = _environment()

    async def ask(self, caller: Caller, name: str, /, **fields: Any) -> Any:
        """Perform an operation by its name; raises `InvalidParams` with every wrong field. None and empty texts are left out."""
        operation = CATALOG[name]
        try:
            wanted = operation.request(**{field: value for field, value in fields.items() if value not in (None, "")})
        except ValidationError as error:
            raise InvalidParams(f"{name} cannot be asked like this", problems_of(error)) from None
        return await operation(self.app, wanted, caller)

    def render(
        self, request: Request, template: str, /, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:  # fmt: skip
        """Return a page. Its template gets the values, ``page`` (a `Page`) and ``site``; see `_environment` for what else is there."""
        return Response(
            self.text(request, template, status=status, **values), status, {"Cache-Control": "no-store", **(headers or {})}, "text/html"
        )

    def text(self, request: Request, template: str, /, **values: Any) -> str:
        """Return a rendered template as text."""
        this = page_of(request)
        token = _PAGE.set(this)
        try:
            return self.templates.get_template(template).render(page=this, site=self, **values)
        finally:
            _PAGE.reset(token)

    def url(self, request: Request, path: str, **query: object) -> str:
        """Return an address of the console as this request reaches it."""
        return address(str(request.scope.get("root_path", "")).rstrip("/"), path, query)

    def see(self, request: Request, path: str, **query: object) -> Response:
        """Send the browser to another page, after something was done (303)."""
        return RedirectResponse(self.url(request, path, **query), status_code=303)


def address(root: str, path: str, query: dict[str, object]) -> str:
    """Join mount, path and what is not None of a query; lists are repeated."""
    rest: dict[str, object] = {}
    for name, value in query.items():
        if value is not None and value != "":
            rest[name] = list(value) if isinstance(value, (list, tuple)) else value
    return root + path + (f"?{urlencode(rest, doseq=True)}" if rest else "")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mainspring.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        auto_reload=False,
    )  # fmt: skip
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # people read it
    environment.globals |= {
        "t": _text, "has_text": lambda key: key in tables(), "url": _url, "here": _here, "static": _static, "icon_url": _icon, "can": _can,
        "verbs": Verb, "navigation": NAVIGATION, "this_page": page, "DASH": formats.DASH, "moment": _moment, "ago": _ago,
        "in_utc": formats.in_utc, "iso": formats.iso,
    }  # fmt: skip
    environment.filters |= {
        "count": _count,
        "exact": lambda n: formats.DASH if n is None else formats.grouped(n, page().language),
        "duration": lambda ms: formats.duration(ms, page().language),
        "bytes": lambda n: formats.size(n, page().language),
        "percent": lambda part: formats.percent(part, page().language),
        "segment": lambda text: quote(str(text), safe=""),
    }
    return environment


def _text(key: str, /, **values: object) -> str:
    return t(key, language=page().language, **values)


def _count(n: int | None, cap: int | None = None) -> str:
    return formats.count(n, page().language, cap=cap)


def _url(path: str, **query: object) -> str:
    return address(page().root, path, query)


def _here(**changes: object) -> str:
    """Return the address of this page with other query values; None leaves one out."""
    given: dict[str, object] = {}
    for name in page().request.query_params:
        given[name] = page().request.query_params.getlist(name)
    return address(page().root, page().path, given | changes)


def _static(name: str) -> str:
    return page().root + assets().path(name)


_ALIKE = {"gear": "cog", "chart-column": "chart-line", "broom": "wrench"}  # names that definitions use and the sprite calls otherwise


def _icon(name: str) -> str:
    name = _ALIKE.get(name, name)
    known = f'id="{name}"'.encode() in assets().files["vendor/icons.svg"].content
    return f"{_static('vendor/icons.svg')}#{name if known else 'box'}"


def _can(verb: str) -> bool:
    return page().caller.user.may(Verb(verb))


def _moment(at: datetime, **how: bool) -> str:
    return formats.moment(at, page().zone, clock=page().prefs.clock, **how)


def _ago(at: datetime) -> str:
    return formats.ago(at, page().now, page().language)


__all__ = ["Markup", "Page", "Site", "address", "page", "page_of"]
