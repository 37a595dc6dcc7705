"""Headers that every answer of the console has, so that a page can do no more than it was meant to, wherever it is shown."""

from __future__ import annotations

from collections.abc import Sequence

Header = tuple[bytes, bytes]

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Adds what an answer lacks. One that brings its own policy, as files do, keeps it."""

    def __init__(self, frame_ancestors: Sequence[str] = ()) -> None:
        ancestors = " ".join(frame_ancestors) or "'none'"
        self._defaults = {**_ALWAYS, b"content-security-policy": (_CSP + ancestors).encode("latin-1")}
        if not frame_ancestors:
            self._defaults[b"x-frame-options"] = b"DENY"

    def complete(self, headers: Sequence[Header], request_id: str) -> list[Header]:
        """Return the headers of an answer with those that it lacks."""
        given = {name.lower() for name, _ in headers}
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        made = [*headers, *((name, value) for name, value in self._defaults.items() if name not in given)]
        if b"x-request-id" not in given:
            made.append((b"x-request-id", request_id.encode("ascii")))
        if b"cache-control" not in given and not kind.startswith((b"text/css", b"image/", b"text/javascript")):
            made.append((b"cache-control", b"no-store"))
        return made
