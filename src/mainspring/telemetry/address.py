"""Where a node answers scrapes, and questions about its health."""

from __future__ import annotations

from mainspring.core.errors import ConfigurationError


def parse_address(text: str, setting: str = "MAINSPRING_METRICS") -> tuple[str, int]:
    """Return host and port of ``9464``, ``:9464`` or ``127.0.0.1:9464``; only this machine is answered unless a host is named.

    Raises `ConfigurationError`.
    """
    host, _, port = text.strip().rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"{setting}={text!r} is no address: write for instance 9464 or 0.0.0.0:9464")
    return host.strip("[]") or "127.0.0.1", int(port)
