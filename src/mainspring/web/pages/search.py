"""Search: pages, tasks and whatever else has a name, by words; runs by their id. The palette shows the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.access import Verb
from mainspring.core.errors import MainspringError
from mainspring.core.ids import looks_like_id
from mainspring.i18n import t
from mainspring.web.shell.navigation import NAVIGATION
from mainspring.web.site import Page, Site, page_of

MOST = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: its text, where it is, which kind of thing, and its icon."""

    text: str
    path: str
    kind: str
    icon: str


Finder = Callable[[Site, Page, str], Awaitable[list[Hit]]]


async def find_pages(site: Site, page: Page, words: str) -> list[Hit]:
    """Find pages by the name that they have in this language."""
    user = page.caller.user
    places = [place for _, group in NAVIGATION for place in group if user.may(Verb(place.verb))]
    named = [Hit(t(place.key, language=page.language), place.path, "web.search.page", place.icon) for place in places]
    return [hit for hit in named if fits(words, hit.text, hit.path)]


async def find_tasks(site: Site, page: Page, words: str) -> list[Hit]:
    """Find tasks by name, title and tag; the first hit of each starts it, the second shows it."""
    view = await site.ask(page.caller, "tasks.list", category=None, tag=None)
    found = [each for each in view.items if fits(words, each.name, each.title, " ".join(each.tags))]
    return [
        Hit(
            t("web.search.runtask", language=page.language, title=each.title), f"/tasks/{each.name}", "web.search.task", each.icon or "play"
        )
        for each in found
    ]


async def find_run(site: Site, page: Page, words: str) -> list[Hit]:
    """Find a run by its id or the end of it."""
    if not looks_like_id(words.strip().lower()):
        return []
    try:
        run = await site.ask(page.caller, "runs.show", id=words.strip())
    except MainspringError:
        return []
    return [Hit(f"{run.task} · {run.id}", f"/runs/{run.id}", "web.search.run", "layers")]


FINDERS: list[Finder] = [find_run, find_pages, find_tasks]
"""Who finds what; rooms add theirs."""


def fits(words: str, *texts: str) -> bool:
    """Tell whether every word is somewhere in the texts."""
    text = " ".join(texts).lower()
    return all(word in text for word in words.lower().split())


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def show(request: Request) -> Response:
        words = request.query_params.get("q", "")[:200]
        page = page_of(request)
        found: list[Hit] = []
        for finder in FINDERS:
            found += await finder(site, page, words)
        if request.query_params.get("part"):
            return site.render(request, "shell/found.html", found=found[:MOST])
        return site.render(request, "shell/search.html", title=t("web.search", language=page.language), q=words, found=found[:200])

    return [Route("/search", show, methods=["GET"])]
