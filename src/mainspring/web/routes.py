"""What a process of ours answers over HTTP: one ASGI application, made of those that each know their own paths."""

from __future__ import annotations

from mainspring.app import Mainspring
from mainspring.web import pulse
from mainspring.web.health import HealthApp, Receive, Scope, Send


class Asgi:
    """Hands a request to whoever knows its path."""

    def __init__(self, app: Mainspring) -> None:
        self._health, self._pulse = HealthApp(app), pulse.pulse_asgi(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_pulse = scope["type"] == "http" and scope["path"].rstrip("/") == pulse.PATH
        await (self._pulse if is_pulse else self._health)(scope, receive, send)


def routes(app: Mainspring) -> Asgi:
    """Return what answers for an app: health, and pulses to those who know the secret."""
    return Asgi(app)


__all__ = ["Asgi", "Receive", "Scope", "Send", "routes"]
