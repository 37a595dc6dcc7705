"""The files of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainspring.app.opening import Opening

if TYPE_CHECKING:
    from mainspring.core.file import File, FileLimit
    from mainspring.store.file_store import Source


class Files:
    """The files of an app: put here, handed over as parameters, read where they are needed."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    async def put(
        self, source: Source, *, name: str | None = None, media_type: str | None = None, limit: FileLimit | None = None,
        tenant: str | None = None,
    ) -> File:  # fmt: skip
        """Store a file and return its handle, to be handed over as a parameter: ``enqueue(report, template=await app.files.put(path))``.

        ``source`` is a path (text or `Path`), bytes, a binary file object, or chunks of bytes, async or not; it is streamed. Name and media
        type are taken or guessed from a path. Raises `FileRefused` as soon as ``limit`` is passed, and then nothing is left behind;
        `ConfigurationError` where there is no place for files. A file belongs to a tenant, goes with the last run that holds it, and is
        swept after a day when none does.
        """
        held = await self._opening.opened()
        if tenant and (standing := await held.tenants.standing(tenant)) is not None:
            from mainspring.app.enqueuer import check_bytes, refuse_closed

            refuse_closed(tenant, standing)
            if standing.max_bytes is not None:
                await check_bytes(held.store, tenant, standing.max_bytes, 1)
        return await held.store.files.put(source, name=name, media_type=media_type, limit=limit, tenant=tenant or "")

    async def get(self, file_id: str, *, tenant: str | None = None) -> File:
        """Return the handle of a file that was put; raises `UnknownFile`, also for one of another tenant."""
        return await (await self._opening.opened()).store.files.get(file_id, tenant=tenant or "")
