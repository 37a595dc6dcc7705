"""May somebody do this to that task, or to that run? Asked by every verb that is about one, after what their role may at all.

First whether the task is for somebody (a token may be for some), then its own rules, which may allow more than the role or less, then the
host's. A task that may not be viewed is answered as one that does not exist, and a run outside of the scope likewise.
"""

from __future__ import annotations

from mainspring.app import Mainspring
from mainspring.core.access import EVERYTHING, SYSTEM, TaskAccess, User, Verb
from mainspring.core.errors import Forbidden, UnknownTask
from mainspring.core.run import Run
from mainspring.core.task import Task
from mainspring.operations.operation import Caller, settled, tell


def rules_of(app: Mainspring, name: str) -> TaskAccess | None:
    """Return what a task says of access; None where it says nothing, or is not known here."""
    return app.registry.get(name).spec.access if name in app.registry else None


def may(app: Mainspring, user: User, verb: Verb, name: str, *, owner: str | None = None) -> bool:
    """Tell whether a user may do this to a task, or to a run of it that ``owner`` has started; the host is not asked."""
    return user is SYSTEM or (user.covers(name) and user.may(verb, rules_of(app, name), is_owner=owner is not None and owner == user.name))


async def permit(app: Mainspring, caller: Caller, verb: Verb, task: str | Task[..., object], *, owner: str | None = None) -> None:
    """Raise `Forbidden` unless a caller may do this to a task, or to a run of it; `UnknownTask` for one that they do not see."""
    if caller.user is SYSTEM:
        return
    name = task if isinstance(task, str) else task.name
    if verb is not Verb.VIEW and not may(app, caller.user, Verb.VIEW, name, owner=owner or caller.user.name):
        raise UnknownTask(f"there is no task named {name!r}")
    if not may(app, caller.user, verb, name, owner=owner):
        if verb is Verb.VIEW:
            raise UnknownTask(f"there is no task named {name!r}")
        raise Forbidden(f"{caller.user.name!r} ({caller.user.role}) may not {verb} with the task {name!r}", about=f"task:{name}")
    if not await caller.agrees(verb, f"task:{name}"):
        raise Forbidden(f"this application does not let {caller.user.name!r} {verb} with the task {name!r}", about=f"task:{name}")
    if verb in (Verb.START, Verb.RETRY) and owner_of(caller) is not None:
        await (await app.store()).owners.know(caller.user)  # what they start goes on with the rights that they have then


async def seen(app: Mainspring, caller: Caller, text: str) -> Run:
    """Return the run that a person means by an id or its end, if they may see it; raises `UnknownRun`, and `Conflict` where several fit."""
    scope = (await settled(app, caller)).scope
    runs = (await app.store()).runs
    return await runs.get(await runs.find(text, scope=scope), scope=scope)


async def permitted(app: Mainspring, caller: Caller, verb: Verb, text: str) -> Run:
    """Return the run that a person means, if they may do this to it, and name it to the audit trail; raises as `seen` and `permit` do."""
    run = await seen(app, caller, text)
    tell(f"run:{run.id}")
    await permit(app, caller, verb, run.task, owner=run.actor)
    return run


def is_host(caller: Caller) -> bool:
    """Tell whether somebody is bound to no tenant and to no runs of their own."""
    return caller.user.scope == EVERYTHING


def tenant_of(caller: Caller, asked: str) -> str:
    """Return the tenant that is meant: the one that was asked for, or the caller's own where they are bound to one.

    Raises `Forbidden` for another than theirs: they were told of none.
    """
    tenants = caller.user.tenants
    if tenants is None:
        return asked or caller.tenant
    tenant = asked or caller.tenant
    if tenant not in tenants:
        raise Forbidden(f"{caller.user.name!r} belongs to other tenants than {tenant!r}", about=f"tenant:{tenant}")
    return tenant


def owner_of(caller: Caller) -> str | None:
    """Return who owns what this caller makes, so that it goes on with their rights; None: the host, whose rights do not end."""
    return None if caller.user.kind in ("system", "open", "link") else caller.user.name
