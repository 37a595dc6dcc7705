"""POST /api/pulse on Vercel: its Python runtime serves the ASGI application that is named ``app``."""

from __future__ import annotations

from shop import app as shop

from mainspring.web.pulse import pulse_asgi

app = pulse_asgi(shop)
