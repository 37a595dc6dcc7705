"""Access: who comes in by the web, decided once per request, before any room sees it.

The guard (`mainspring.web.access.guard`) leaves the caller in the connection's scope; every room asks `caller_of` and nothing else.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection

from mainspring.core.access import User
from mainspring.operations.operation import Caller

SCOPE_KEY: Final = "mainspring.caller"
NOBODY: Final = Caller("nobody", "web", User("nobody", tenants=frozenset(), verbs=frozenset(), kind="nobody", tasks=()))


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who asks by a request or a socket: nobody, where no guard has looked."""
    found = connection.scope.get(SCOPE_KEY, NOBODY)
    assert isinstance(found, Caller)
    return found
