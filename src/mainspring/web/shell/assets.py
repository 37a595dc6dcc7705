"""Static files: read once, compressed once, served under a digest of them all, so that browsers may keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

HOME = Path(__file__).parents[1] / "static"
FOREVER = "public, max-age=31536000, immutable"
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
SHIPPED = (".js", ".css", ".svg", ".png", ".ico", ".webmanifest")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and compressed."""

    content: bytes
    packed: bytes
    kind: str


class Assets:
    """All files below `HOME`; ``digest`` changes when any of them does."""

    def __init__(self, home: Path = HOME) -> None:
        self.files: dict[str, Asset] = {}
        digest = hashlib.sha256()
        for path in sorted(each for each in home.rglob("*") if each.suffix in SHIPPED):
            name, content = path.relative_to(home).as_posix(), path.read_bytes()
            digest.update(name.encode() + b"\0" + content)
            kind = KINDS.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
            self.files[name] = Asset(content, gzip.compress(content, 9, mtime=0), kind)
        self.digest = digest.hexdigest()[:10]

    def path(self, name: str) -> str:
        """Return where a file is, below the mount; raises `KeyError` for one that is not there."""
        if name not in self.files:
            raise KeyError(f"there is no static file {name!r}")
        return f"/static/{self.digest}/{name}"

    def routes(self) -> list[BaseRoute]:
        """Return the route that serves them."""
        return [Route("/static/{digest}/{name:path}", self._serve, methods=["GET"], name="static")]

    async def _serve(self, request: Request) -> Response:
        asset = self.files.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        # Under an old digest the present file is still better than none, but nobody is to keep it.
        age = FOREVER if request.path_params["digest"] == self.digest else "no-cache"
        headers = {"Cache-Control": age, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", "") and len(asset.packed) < len(asset.content):
            return Response(asset.packed, media_type=asset.kind, headers={**headers, "Content-Encoding": "gzip"})
        return Response(asset.content, media_type=asset.kind, headers=headers)


@lru_cache(maxsize=1)
def assets() -> Assets:
    """Return the files of this installation."""
    return Assets()
