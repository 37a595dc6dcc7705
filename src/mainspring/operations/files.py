"""Files that come in and go out by a face. No operations: what travels is a stream, and an answer to it has no end."""

from __future__ import annotations

from collections.abc import AsyncIterable

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import Forbidden, UnknownFile
from mainspring.core.file import Artifact, File, FileLimit, limit_in
from mainspring.operations.operation import Caller
from mainspring.operations.permit import permitted
from mainspring.operations.tasks import visible


async def receive(
    app: Mainspring, content: AsyncIterable[bytes], caller: Caller, *, name: str | None, media_type: str | None, limit: FileLimit | None
) -> File:  # fmt: skip
    """Take a file in, for the tenant of who sends it; streamed, and gone after a day when no run holds it.

    Raises `Forbidden`, `FileRefused` as soon as ``limit`` is passed, and `ConfigurationError` where there is no place for files.
    """
    user = caller.user
    if not user.may(Verb.START) and not any(user.may(Verb.START, each.spec.access, is_owner=True) for each in app.registry):
        raise Forbidden(f"{caller.user.name!r} ({caller.user.role}) may not send files: it needs {Verb.START}")
    file = await app.files.put(content, name=name, media_type=media_type, limit=limit, tenant=caller.tenant)
    data = {"name": file.name, "size": file.size, "media_type": file.media_type}
    await (await app.store()).audit.add("files.put", f"file:{file.id}", actor=caller.actor, source=caller.source, data=data)
    return file


def limit_of(app: Mainspring, task: str, parameter: str, caller: Caller) -> FileLimit | None:
    """Return what a parameter takes, or None where it says nothing; raises `UnknownTask`, `Forbidden`."""
    schema = visible(app, task, caller).params.schema()
    found = schema.get("properties", {}).get(parameter)
    return None if found is None else limit_in(found)


async def artifact(app: Mainspring, run_id: str, name: str, caller: Caller) -> Artifact:
    """Return what a run has left behind under a name (the latest of it) or an id; it can be read. Raises `UnknownRun`, `UnknownFile`."""
    run = await permitted(app, caller, Verb.PAYLOAD, run_id)
    found = await app.artifacts(run.id)
    for each in reversed(found):
        if name in (each.id, each.name):
            return each
    known = ", ".join(sorted({each.name for each in found})) or "nothing"
    raise UnknownFile(f"the run {run_id} has left no {name!r} behind: there is {known}")


async def file(app: Mainspring, file_id: str, caller: Caller) -> File:
    """Return a file that was sent before, of the caller's own tenant; it can be read. Raises `Forbidden`, `UnknownFile`."""
    if not caller.user.may(Verb.PAYLOAD):
        raise Forbidden(f"{caller.user.name!r} ({caller.user.role}) may not fetch files: it needs {Verb.PAYLOAD}")
    return await app.files.get(file_id, tenant=caller.tenant)
