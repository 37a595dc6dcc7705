"""The console's cookies. Browsers keep one jar for all ports of a host, so the port is part of the name; the path is that of the mount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION, OPEN, FLOW = "mainspring_session", "mainspring_open", "mainspring_oidc"


def cookie_name(kind: str, connection: HTTPConnection) -> str:
    """Return the name of a cookie for the house that this request has called."""
    host = connection.headers.get("host", "")
    port = host.rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    return f"{kind}_{port}" if port.isdigit() else kind


def cookie_of(kind: str, connection: HTTPConnection) -> str | None:
    """Return what a browser has kept; of several with one name the first, whose path is the nearest (RFC 6265, 5.4)."""
    name = cookie_name(kind, connection)
    raw = "; ".join(connection.headers.getlist("cookie"))
    found = [value.strip() for key, sign, value in (each.partition("=") for each in raw.split(";")) if sign and key.strip() == name]
    return found[0] or None if found else None


def keep(response: Response, kind: str, connection: HTTPConnection, value: str, *, seconds: int | None) -> None:
    """Let the browser keep a value, out of reach of scripts and of pages elsewhere."""
    response.set_cookie(cookie_name(kind, connection), value, max_age=seconds, **_how(connection))


def drop(response: Response, kind: str, connection: HTTPConnection) -> None:
    """Let the browser forget it."""
    response.delete_cookie(cookie_name(kind, connection), **_how(connection))


def _how(connection: HTTPConnection) -> dict[str, Any]:
    root = str(connection.scope.get("root_path", "")).rstrip("/")
    is_secure = connection.scope.get("scheme") in ("https", "wss")
    how: Mapping[str, Any] = {"path": root or "/", "secure": is_secure, "httponly": True, "samesite": "lax"}
    return dict(how)
