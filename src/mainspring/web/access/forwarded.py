"""What proxies say of a request, and whether they are believed."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers

from mainspring.core.door import Peers

_TELLS = ("forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip", "x-cluster-client-ip", "client-ip")
_PREFIX = re.compile(r"^/[A-Za-z0-9._~/-]{0,200}$")


def is_forwarded(headers: Headers) -> bool:
    """Tell whether somebody has passed this request on: then being on this machine says nothing about who asks."""
    return any(name in _TELLS or name.startswith(("x-forwarded-", "x-original-")) for name in headers)


def peer_of(scope: MutableMapping[str, Any]) -> str | None:
    """Return the address at the other end of the connection; None for a local socket."""
    client = scope.get("client")
    return None if not client or not client[0] else str(client[0])


def believe(scope: MutableMapping[str, Any], headers: Headers, peers: Peers) -> Headers:
    """Change a scope into what a trusted proxy says it was, and return its headers; the caller has seen that the peer is trusted.

    Address, scheme, host and prefix are taken; of several proxies the nearest one's word counts, and of addresses the last that is not
    itself a trusted proxy.
    """
    if (address := _last_stranger(headers.get("x-forwarded-for"), peers)) is not None:
        scope["client"] = (address, 0)
    scheme = (_last(headers.get("x-forwarded-proto")) or "").lower()
    if scheme in ("http", "https"):
        scope["scheme"] = {"http": "ws", "https": "wss"}[scheme] if scope["type"] == "websocket" else scheme
    if (host := _last(headers.get("x-forwarded-host"))) is not None:
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"host"] + [(b"host", host.encode("latin-1"))]
        headers = Headers(raw=scope["headers"])
    prefix = (_last(headers.get("x-forwarded-prefix")) or "").rstrip("/")
    if prefix and _PREFIX.match(prefix) and "//" not in prefix and ".." not in prefix:
        scope["root_path"] = prefix + scope.get("root_path", "")
        scope["path"] = prefix + scope["path"]  # ASGI's path has root_path in it
        if scope.get("raw_path"):
            scope["raw_path"] = quote(prefix).encode("ascii") + scope["raw_path"]
    return headers


def _last(value: str | None) -> str | None:
    last = (value or "").rpartition(",")[2].strip()
    return last or None


def _last_stranger(value: str | None, peers: Peers) -> str | None:
    for each in reversed((value or "").split(",")):
        address = each.strip().strip('"')
        if address.startswith("["):
            address = address[1:].partition("]")[0]
        elif address.count(":") == 1:
            address = address.partition(":")[0]
        if address and not peers.has(address):
            return address
    return None
