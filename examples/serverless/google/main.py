"""The container of a Cloud Run service: ``uvicorn main:application --host 0.0.0.0 --port $PORT``."""

from __future__ import annotations

from shop import app

from mainspring.web.pulse import pulse_asgi

application = pulse_asgi(app)
