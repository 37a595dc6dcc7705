"""Settings: how somebody likes the console. Other rooms add their tabs."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from mainspring.core.access import Verb
from mainspring.i18n import t
from mainspring.web.access import caller_of
from mainspring.web.shell.prefs import CHOICES, is_zone, prefs_of
from mainspring.web.site import Site, page_of

TABS: list[tuple[str, str, str, str]] = [("yours", "web.settings.yours", "/settings", "view")]
"""Key, text, path and the verb that is needed, of each tab."""


def tabs_for(site: Site, request: Request) -> list[tuple[str, str, str]]:
    """Return the tabs that the caller may see, as `ui.tabs` takes them."""
    language, user = page_of(request).language, caller_of(request).user
    return [(key, t(text, language=language), site.url(request, path)) for key, text, path, verb in TABS if user.may(Verb(verb))]


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def show(request: Request) -> Response:
        return _page(request)

    def _page(request: Request, status: int = 200, zone: str = "", zone_error: str = "") -> Response:
        return site.render(
            request, "shell/settings.html", status, title=t("web.settings.title", language=page_of(request).language), choices=CHOICES,
            tabs=tabs_for(site, request), tab="yours", zone=zone, zone_error=zone_error,
        )  # fmt: skip

    async def save(request: Request) -> Response:
        form = await request.form()
        given = {name: str(value) for name, value in form.items() if isinstance(value, str)}
        zone = given.get("zone")
        if zone is not None and not is_zone(zone):
            return _page(request, 422, zone, t("web.settings.zone.wrong", language=page_of(request).language, zone=zone))
        back = urlsplit(given.pop("back", ""))
        root = str(request.scope.get("root_path", "")).rstrip("/")
        # Only a place of this console: an address of somebody else's is not followed.
        is_ours = not back.scheme and not back.netloc and back.path.startswith(f"{root}/") and not back.path.startswith("//")
        target = back.path + (f"?{back.query}" if back.query else "") if is_ours else site.url(request, "/settings")
        response = RedirectResponse(target, status_code=303)
        prefs_of(request).with_(given).remember(response, root, is_secure=request.url.scheme == "https")
        return response

    return [Route("/settings", show, methods=["GET"]), Route("/settings/prefs", save, methods=["POST"])]
