"""Where a request comes from: what a browser says of it, and what a page elsewhere cannot forge.

Instead of tokens in forms: browsers say with every request whether a page of this very origin has made it (``Sec-Fetch-Site``), and those
that do not, on addresses without TLS, name the origin of the page (``Origin``). Scripts can set neither.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_OURS = ("same-origin", "none")  # none: somebody has typed the address, or opened a bookmark


def is_foreign(headers: Headers, *, is_socket: bool = False) -> bool:
    """Tell whether a page of somebody else's may have made this request, which changes something or opens a socket.

    A request with neither header is no browser's, for all of them send one: it passes where it has no cookies. With cookies it does not;
    who sends them from a program can say the origin as well.
    """
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    if len(sites) > 1 or len(origins) > 1:
        return True
    if is_socket:  # the origin is what all browsers send with a handshake
        return not is_same_origin(origins[0], headers.get("host", "")) if origins else "cookie" in headers
    if sites:
        return sites[0].strip().lower() not in _OURS
    if origins:
        return not is_same_origin(origins[0], headers.get("host", ""))
    return "cookie" in headers


def is_same_origin(origin: str, host: str) -> bool:
    """Tell whether an origin is the house that a Host header names. The scheme is not compared: a proxy may have ended TLS."""
    try:
        parts, ours = urlsplit(origin.strip().lower()), urlsplit(f"//{host.strip().lower()}")
        port, our_port = parts.port, ours.port
    except ValueError:
        return False
    if parts.scheme not in _PORTS or not parts.hostname or parts.hostname != ours.hostname:
        return False
    default = _PORTS[parts.scheme]
    return (port or default) == (our_port or default)
