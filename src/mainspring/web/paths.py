"""Paths with names in them that people have chosen: a slash in a name is written ``%2F``, and reaches the room as part of the name."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

Handler = Callable[[Request], Awaitable[Response]]
_SLOT = re.compile(r"\{(\w+)\}")


def segments_of(scope: Scope) -> list[str]:
    """Return the parts of a request's path below the mount, each decoded for itself."""
    root, path = str(scope.get("root_path", "")).rstrip("/"), str(scope["path"])
    below = path.removeprefix(root) if path.startswith(f"{root}/") or path == root else path
    raw = scope.get("raw_path")
    if not raw:  # a server that keeps only the decoded path: names with slashes cannot be told from folders there
        return below.strip("/").split("/")
    parts = raw.decode("latin-1").partition("?")[0].split("/")
    if below is not path and len(parts) > root.count("/"):
        parts = parts[root.count("/") :]
    decoded = [unquote(each) for each in parts]
    if "/".join(decoded).strip("/") != below.strip("/"):  # rewritten on the way here: what counts is the path
        return below.strip("/").split("/")
    return decoded[1:] if decoded and decoded[0] == "" else decoded


def fill(path: str, **values: str) -> str:
    """Return a path with its slots filled, each value escaped as one segment."""
    return _SLOT.sub(lambda found: quote(values[found[1]], safe=""), path)


class NamedRoute(Route):
    """A route whose slots are single segments, whatever is in them. All methods come here, so that there is one answer to a wrong one."""

    def __init__(self, path: str, handler: Handler, *, methods: Sequence[str], name: str | None = None) -> None:
        super().__init__(path, handler, methods=list(methods), name=name)
        self._parts = path.strip("/").split("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this path."""
        if scope["type"] != "http":
            return Match.NONE, {}
        given = segments_of(scope)
        if len(given) != len(self._parts):
            return Match.NONE, {}
        found: dict[str, str] = {}
        for wanted, part in zip(self._parts, given, strict=True):
            if (slot := _SLOT.fullmatch(wanted)) is not None:
                if not part:
                    return Match.NONE, {}
                found[slot[1]] = part
            elif wanted != part:
                return Match.NONE, {}
        params: Mapping[str, str] = {**scope.get("path_params", {}), **found}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": params}

    async def handle(self, scope: Scope, receive: object, send: object) -> None:
        """Answer, whatever the method: the handler knows which it takes."""
        await self.app(scope, receive, send)  # type: ignore[arg-type]  # as Starlette calls it
