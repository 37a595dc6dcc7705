"""The house's settings: the values in force and where each comes from, the limits, and what the engine can do here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.access import Verb
from mainspring.core.duration import describe
from mainspring.core.errors import Forbidden
from mainspring.core.task import DEFAULT_QUEUE
from mainspring.i18n import t
from mainspring.web.access import caller_of
from mainspring.web.pages.settings import TABS, tabs_for
from mainspring.web.site import Site, page_of

TABS.append(("house", "web.house.title", "/settings/house", Verb.EDIT_SETTINGS))


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def show(request: Request) -> Response:
        caller = caller_of(request)
        if not caller.user.may(Verb.EDIT_SETTINGS):
            raise Forbidden(f"{caller.user.name!r} may not see the settings of the house: it needs {Verb.EDIT_SETTINGS}")
        found = await site.ask(caller, "system.doctor")
        bounds = await site.ask(caller, "limits.list", limit=200)
        own = await site.ask(caller, "tasks.list", category=None, tag=None)
        usual = site.app.settings.default_timeout
        other = [each for each in own.items if each.timeout != (None if usual is None else describe(usual)) or each.queue != DEFAULT_QUEUE]
        title = t("web.house.title", language=page_of(request).language)
        return site.render(
            request, "shell/house.html", title=title, tabs=tabs_for(site, request), tab="house",
            found=found, limits=bounds.items, tasks=other,
        )  # fmt: skip

    return [Route("/settings/house", show, methods=["GET"])]
