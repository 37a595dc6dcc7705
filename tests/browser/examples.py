"""Serve an example of hosting in a process of its own: ``python -m tests.browser.examples FOLDER MODULE NAME``. It says its address."""

from __future__ import annotations

import importlib
import socketserver
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

FOLDER = Path(__file__).parents[2] / "examples"


class Threaded(socketserver.ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each request, as production has."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(folder: str, module: str, name: str) -> None:
    """Serve one until killed."""
    sys.path.insert(0, str(FOLDER / folder))
    application = getattr(importlib.import_module(module), name)
    if folder == "console_flask" or module == "wsgi":
        server = make_server("127.0.0.1", 0, application, server_class=Threaded, handler_class=Quiet)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
    else:
        import uvicorn

        from mainspring.web.server import address_of, listen_at

        listening = listen_at("127.0.0.1", 0)
        print(address_of(listening), flush=True)
        uvicorn.Server(uvicorn.Config(application, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
