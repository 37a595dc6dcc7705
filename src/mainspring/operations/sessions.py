"""Verbs about browsers that are signed in."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import Forbidden, NotFound
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.users import of_the_house

MOST = 500


class SessionView(View):
    """A browser that is signed in; ``kind`` says how: local (a password), link or oidc. Times are UTC."""

    id: str
    name: str
    kind: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    agent: str | None


class SessionList(View):
    """Sessions that are not over, the latest used first; at most 500."""

    items: list[SessionView]


class SessionRevoked(View):
    """The session that is over, and whose it was."""

    id: str
    name: str


class SessionsRequest(Request):
    """Nothing has to be said."""


class RevokeSessionRequest(Request):
    """Which session."""

    id: str = Field(min_length=1, description="its id, as the list shows it")
    reason: str | None = Field(None, description="why; kept in the audit trail")


@operation("sessions.list")
async def list_sessions(app: Mainspring, request: SessionsRequest, caller: Caller) -> SessionList:
    """List browsers that are signed in: administrators see all, everybody else their own."""
    user = caller.user
    if user.may(Verb.MANAGE_ACCESS):
        of_the_house(caller)
    found = await (await app.store()).sessions.list(MOST)
    if not user.may(Verb.MANAGE_ACCESS):
        found = [each for each in found if (each.name, each.kind) == (user.name, user.kind)]
    return SessionList(items=[SessionView.model_validate(each, from_attributes=True) for each in found])


@operation("sessions.revoke", changes="session:{id}")
async def revoke_session(app: Mainspring, request: RevokeSessionRequest, caller: Caller) -> SessionRevoked:
    """Sign a browser out, at once; everybody may sign their own browsers out."""
    sessions, user = (await app.store()).sessions, caller.user
    if user.may(Verb.MANAGE_ACCESS):
        of_the_house(caller)
    else:
        own = {each.id for each in await sessions.list(MOST) if (each.name, each.kind) == (user.name, user.kind)}
        if request.id not in own:
            raise Forbidden(f"{user.name!r} may sign out none but their own browsers")
    name = await sessions.revoke(request.id)
    if name is None:
        raise NotFound(f"there is no session {request.id!r}, or it is over already")
    return SessionRevoked(id=request.id, name=name)
