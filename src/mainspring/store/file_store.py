"""Files in the store: rows that say what a file is and which runs hold it, and blobs that are its content.

A blob comes before its row and goes before it, so that a row never names what is not there; what a crash leaves between the two is swept.
A run takes hold of its files before it is added, so that no run is ever without: rows that point at a run that was not added in the end
are swept as well.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from os import PathLike
from pathlib import Path
from typing import IO, Any

from pydantic_core import to_json

from mainspring.core.errors import ConfigurationError, Conflict, FileRefused, InvalidParams, Problem, UnknownFile
from mainspring.core.file import PLAIN_TYPE, Artifact, File, FileLimit, check_media_type, clean_name
from mainspring.core.ids import IdMaker, first_id_of
from mainspring.core.payload import reference_of
from mainspring.store.blobs import CHUNK, Blob, Blobs, BlobSource, day_of, key_of
from mainspring.store.database import LOWEST, Database, sure

LOOSE = timedelta(days=1)  # how long a file may lie that no run holds: who puts one enqueues soon
SETTLED = timedelta(hours=1)  # past which a run that is not there was never added, or is gone
TOGETHER = 500  # files or runs in one statement of a sweep
PAGES = 20  # of runs that one sweep looks through
STRAY_DAYS = (2, 3, 4)  # days back that are searched for contents without a row: older ones were, younger ones may get one
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Source = str | PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | AsyncIterable[bytes] | Iterable[bytes]


class Role(IntEnum):
    """What a file is to a run. The numbers are stored and never change their meaning."""

    LEFT = 1
    GIVEN = 2
    PARAMS = 3
    RESULT = 4


@dataclass(frozen=True, slots=True)
class Left:
    """A file that a running run leaves behind, by the node that holds it."""

    run_id: str
    claim_id: str
    attempt: int
    role: Role
    file: File


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep took away: files that nobody held, runs that were gone, contents without a row."""

    files: int = 0
    runs: int = 0
    strays: int = 0


class FileStore:
    """Puts, gives out, lets go and sweeps. Give it a place for contents with `settle`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._make: Callable[[], Blobs] | None = None
        self._blobs: Blobs | None = None
        self._source: BlobSource | None = None
        self._ids = IdMaker()
        self._cursor = LOWEST  # up to where the sweep has looked through the runs
        self._searched: set[str] = set()  # days whose contents were compared with the rows

    def settle(self, make: Callable[[], Blobs]) -> None:
        """Say how to come by the contents; asked when they are first needed."""
        self._make = make

    @property
    def blobs(self) -> Blobs:
        """The contents; raises `ConfigurationError` where no place is configured."""
        if self._blobs is None:
            if self._make is None:
                raise ConfigurationError("this store has no place for files")
            self._blobs = self._make()
        return self._blobs

    @property
    def source(self) -> BlobSource:
        """What handles read from."""
        if self._source is None:
            self._source = BlobSource(self.blobs)
        return self._source

    def close(self) -> None:
        """Take away local copies of remote contents."""
        if self._source is not None:
            self._source.close()

    async def text_of(self, reference: str) -> str:
        """Return the text of a payload that lies among the files; raises `UnknownFile`, `ConfigurationError`, `StoreUnavailable`."""
        file = reference_of(reference)

        def read() -> str:
            with self.blobs.open(key_of(file)) as content:
                return content.read().decode()

        return await asyncio.to_thread(read)

    # -- putting

    async def put(
        self, source: Source, *, name: str | None = None, media_type: str | None = None, limit: FileLimit | None = None, tenant: str = ""
    ) -> File:
        """Store a file and return its handle, which may be read and handed over as a parameter.

        ``source`` is a path (text or `Path`), bytes, a binary file object, or chunks of bytes, async or not; it is streamed, never held in
        memory as a whole. Without ``name`` that of the path or file object is taken; without ``media_type`` it is guessed from the name.
        Raises `FileRefused` as soon as ``limit`` is passed, and then nothing is left behind. A file that no run holds within a day is
        swept.
        """
        called, kind = names_of(source, name, media_type)
        if limit is not None:
            limit.check_type(called, kind)
        file_id = self._ids.make(int((await self._database.now()).timestamp() * 1000))
        with await asyncio.to_thread(Blob, self.blobs, limit, called) as blob:
            async for piece in chunks_of(source):
                await asyncio.to_thread(blob.write, piece)
            file = File(id=file_id, name=called, size=blob.size, media_type=kind, sha256=blob.sha256)
            await asyncio.to_thread(blob.keep, file)
        await self._put_row(file, tenant)
        return file.at(self.source)

    async def get(self, file_id: str, *, tenant: str | None = None) -> File:
        """Return the handle of a file; raises `UnknownFile`, also for one of another tenant."""
        rows = await self._database.read("files_get", ids=self._database.to_list([file_id]))
        if not rows or tenant not in (None, rows[0]["tenant"]):
            raise UnknownFile(f"there is no file {file_id}: it was never put, was swept after a day, or went with its run")
        return self._file(rows[0])

    def _file(self, row: dict[str, Any]) -> File:
        return file_of(row).at(self.source)

    # -- runs and their files

    async def hold(
        self, task: str, tenant: str, held: Sequence[tuple[str, Sequence[File], Role]], *, adopts: bool = False
    ) -> None:  # fmt: skip
        """Let runs that are about to be added (id, files, what these are to it) hold files.

        ``adopts``: a body may hand over a file that it has just attached, whose row is still on its way; where the content is there, that
        is enough. Raises `InvalidParams` where a file is not there, is another tenant's, or is not what its handle says.
        """
        links = [{"run_id": run_id, "file_id": file.id, "role": int(role)} for run_id, files, role in held for file in files]
        batch = to_json(links).decode()
        there = _by_id(await self._database.write("files_hold", batch=batch, tenant=tenant))
        if adopts and (missing := {file.id: file for _, files, _ in held for file in files if file.id not in there}):
            for file in missing.values():
                await self._adopt(file, tenant)
            there = _by_id(await self._database.write("files_hold", batch=batch, tenant=tenant))
        problems = [
            Problem(file.name, "is not in the store of files" if file.id not in there else "is not what was put under its id", file.id)
            for _, files, _ in held
            for file in files
            if there.get(file.id) != file
        ]
        if problems:
            raise InvalidParams(f"wrong files for {task}: put them with app.files.put(…), and hand over what that returns", problems)

    async def _adopt(self, file: File, tenant: str) -> None:
        with suppress(UnknownFile, ConfigurationError):
            (await asyncio.to_thread(self.blobs.open, key_of(file))).close()
            with suppress(Conflict):  # it has come meanwhile
                await self._put_row(file, tenant)

    async def _put_row(self, file: File, tenant: str) -> None:
        await self._database.write(
            "files_put", id=file.id, tenant=tenant, name=file.name, size=file.size, media_type=file.media_type, hash=file.sha256
        )

    async def leave(self, left: Sequence[Left]) -> set[str]:
        """Keep what running runs leave behind, fenced by their claims; answers the ids accepted. To ask twice changes nothing."""
        batch = [
            each.file.as_json() | {"run_id": each.run_id, "claim": each.claim_id, "attempt": each.attempt, "role": int(each.role)}
            for each in sorted(left, key=lambda each: (each.run_id, each.file.id))
        ]
        return {row[0] for row in await self._database.write("files_leave", batch=to_json(batch).decode())}

    async def artifacts(self, run_id: str) -> list[Artifact]:
        """Return what a run has left behind, in order."""
        found = [
            Artifact(
                **{name: row[name] for name in ("id", "name", "size", "media_type", "sha256", "attempt")},
                created_at=sure(self._database.from_time(row["created_at"])),
            )
            for row in await self._database.read("files_of_run", run_id=run_id) if row["role"] == Role.LEFT
        ]  # fmt: skip
        for each in found:
            each.at(self.source)
        return found

    # -- going

    async def purge(self, run_ids: Sequence[str]) -> int:
        """Let runs that are deleted go of their files and search terms, and delete what nobody else holds; answers how many files."""
        if not run_ids:
            return 0
        await self._database.write("files_release", runs=self._database.to_list(list(run_ids)))
        return await self._take_loose() if self._has_place() else 0

    async def sweep(self) -> Swept:
        """Take away what nobody holds: one small round that any node may do."""
        runs = await self._sweep_runs()
        if not self._has_place():
            return Swept(runs=runs)
        await self._database.write("files_keep", grace_ms=_milliseconds(LOOSE))
        return Swept(await self._take_loose(), runs, await self._sweep_strays())

    def _has_place(self) -> bool:
        """Tell whether there is a place for contents; without one there are no files here, and nobody has to configure it."""
        with suppress(ConfigurationError):
            return self.blobs is not None
        return False

    async def _take_loose(self) -> int:
        taken = 0
        while True:
            rows = await self._database.write("files_doom", grace_ms=_milliseconds(LOOSE), n=TOGETHER)
            for id_, name, size, media_type, sha256 in rows:
                file = File(id=id_, name=name, size=size, media_type=media_type, sha256=sha256)
                await asyncio.to_thread(self.blobs.delete, key_of(file))
            if rows:
                await self._database.write("files_forget", ids=self._database.to_list([row[0] for row in rows]))
            taken += len(rows)
            if len(rows) < TOGETHER:
                return taken

    async def _sweep_runs(self) -> int:
        """Look through runs that have files or search terms, a piece each time, and let those go that are no more."""
        before = first_id_of(await self._database.now() - SETTLED)
        swept = 0
        for _ in range(PAGES):
            rows = await self._database.read("files_runs", after=self._cursor, before=before, n=TOGETHER)
            gone = [row["run_id"] for row in rows if not row["is_there"]]
            if gone:
                await self._database.write("files_release", runs=self._database.to_list(gone))
                swept += len(gone)
            self._cursor = rows[-1]["run_id"] if len(rows) == TOGETHER else LOWEST
            if len(rows) < TOGETHER:
                break
        return swept

    async def _sweep_strays(self) -> int:
        """Delete contents without a row, of days that are over, once a day and process: a writer died between the two."""
        now, strays = await self._database.now(), 0
        await asyncio.to_thread(self.blobs.tidy)
        for back in STRAY_DAYS:
            day = day_of(now - timedelta(days=back))
            if day in self._searched:
                continue
            keys = await asyncio.to_thread(self._keys, day)
            for start in range(0, len(keys), TOGETHER):
                strays += await self._delete_strays(keys[start : start + TOGETHER])
            self._searched.add(day)
        return strays

    def _keys(self, day: str) -> list[str]:
        return list(self.blobs.keys(day))

    async def _delete_strays(self, keys: list[str]) -> int:
        ids = {key: found[0] for key in keys if (found := _ID.search(key)) is not None}
        rows = await self._database.read("files_get", ids=self._database.to_list(sorted(set(ids.values()))))
        known = {row["id"] for row in rows}
        strays = [key for key, id_ in ids.items() if id_ not in known]
        for key in strays:
            await asyncio.to_thread(self.blobs.delete, key)
        return len(strays)


def _by_id(rows: Sequence[Sequence[Any]]) -> dict[str, File]:
    return {row[0]: File(id=row[0], name=row[1], size=row[2], media_type=row[3], sha256=row[4]) for row in rows}


def file_of(fields: Mapping[str, Any]) -> File:
    """Return the handle in a mapping that has more than its fields."""
    return File(**{name: fields[name] for name in ("id", "name", "size", "media_type", "sha256")})


def names_of(
    source: object, name: str | None, media_type: str | None, hide: Callable[[str], str] = lambda text: text
) -> tuple[str, str]:  # fmt: skip
    """Return name and media type of a source, as far as they are said or can be guessed; ``hide`` sees the name before it is cut."""
    path = source if isinstance(source, (str, PathLike)) else getattr(source, "name", None)
    called = clean_name(hide(name if name is not None else str(path) if isinstance(path, (str, PathLike)) else "file"))
    return called, check_media_type(media_type) if media_type is not None else mimetypes.guess_type(called)[0] or PLAIN_TYPE


def pieces_of(source: object) -> Iterable[bytes]:
    """Yield the bytes of a source piece by piece; raises `FileRefused` for a path that cannot be read and for what is no source."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source)
        yield from (bytes(view[start : start + CHUNK]) for start in range(0, len(view), CHUNK))
    elif isinstance(source, (str, PathLike)):
        try:
            with Path(source).open("rb") as content:
                while piece := content.read(CHUNK):
                    yield piece
        except OSError as error:
            raise FileRefused(f"the file {str(source)!r} cannot be read: {error.strerror or error}") from error
    elif hasattr(source, "read"):
        while piece := source.read(CHUNK):
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise FileRefused("a file object that reads as text cannot be stored: open it with mode 'rb'")
            yield bytes(piece)
    elif isinstance(source, Iterable):
        yield from source
    else:
        raise FileRefused(f"a {type(source).__name__} is no file: give a path, bytes, a binary file object or chunks of bytes")


async def chunks_of(source: Source) -> AsyncIterator[bytes]:
    """Yield the bytes of any source; blocking ones are read in a thread."""
    if isinstance(source, AsyncIterable):
        async for piece in source:
            yield piece
        return
    if isinstance(read := getattr(source, "read", None), Callable) and asyncio.iscoroutinefunction(read):  # type: ignore[arg-type]  # an upload of a web framework
        reading: Callable[[int], Awaitable[bytes]] = read
        while piece := await reading(CHUNK):
            yield piece
        return
    pieces = iter(pieces_of(source))

    def following() -> bytes | None:
        return next(pieces, None)

    while (one := await asyncio.to_thread(following)) is not None:
        yield one


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
