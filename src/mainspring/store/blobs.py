"""Blobs: the content of files, under keys, in a directory or in an object store. Whose they are is rows (`mainspring.store.file_store`).

Plain blocking calls: the engine makes them in threads, an executor child on the body's own. A blob is written to the side while its
size and hash are counted, and has its key only when it is whole and durable; a refused one leaves nothing behind. Keys begin with a day,
so that no directory grows without end and the sweep looks at a few days only.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from mainspring.core.errors import ConfigurationError, StoreUnavailable, UnknownFile
from mainspring.core.file import File, FileLimit
from mainspring.core.ids import made_at

CHUNK = 1024 * 1024  # bytes in memory at a time
SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "file")
_DEAD_PART = 86_400.0  # seconds without a byte after which nobody writes a part any more
_UPLOADS = 4  # parts of one object on their way at once: 20 MiB of memory at most


class Blobs(Protocol):
    """Where contents lie. Keys are ``DAY/ID.suffix``; failures are `StoreUnavailable` and, for a key that is not there, `UnknownFile`."""

    @property
    def where(self) -> str:
        """The place, as the configuration would name it."""

    def part(self) -> Path:
        """Return a fresh empty file of this user alone, in which a blob gathers."""

    def keep(self, part: Path, key: str) -> None:
        """Give a gathered file its key; durable when it returns."""

    def open(self, key: str) -> BinaryIO:
        """Open a blob for reading."""

    def path(self, key: str) -> Path | None:
        """Return where a blob lies on this machine, or None where it does not."""

    def delete(self, key: str) -> None:
        """Take a blob away; does nothing where it is gone."""

    def keys(self, day: str) -> Iterator[str]:
        """Yield the keys of a day (``20310304``)."""

    def tidy(self) -> None:
        """Take away what writers left behind that died in the middle."""


def key_of(file: File) -> str:
    """Return where the content of a file lies."""
    return f"{day_of(made_at(file.id))}/{file.id}{file.suffix}"


def day_of(moment: datetime) -> str:
    """Return a day as keys have it."""
    return f"{moment:%Y%m%d}"


class Blob:
    """A blob that is being written: count, check, and keep or forget.

    ::

        with Blob(blobs, limit, name) as blob:
            blob.write(piece)
            blob.keep(file)
    """

    def __init__(self, blobs: Blobs, limit: FileLimit | None, name: str) -> None:
        self._blobs, self._limit, self._name = blobs, limit, name
        self.size, self._hash = 0, sha256()
        self._part = _translated(blobs, blobs.part)
        self._descriptor = os.open(self._part, os.O_WRONLY)

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._hash.hexdigest()

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes; raises `FileRefused` as soon as there are too many."""
        self.size += len(piece)
        if self._limit is not None:
            self._limit.check_size(self._name, self.size)
        self._hash.update(piece)
        _translated(self._blobs, _write_all, self._descriptor, piece)

    def keep(self, file: File) -> None:
        """Make it the content of a file."""

        def settle() -> None:
            os.fsync(self._descriptor)
            self._blobs.keep(self._part, key_of(file))

        _translated(self._blobs, settle)

    def __enter__(self) -> Blob:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self._part.unlink()


def _write_all(descriptor: int, piece: bytes | bytearray | memoryview) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _translated(blobs: Blobs, call: Any, *values: Any) -> Any:
    try:
        return call(*values)
    except OSError as error:
        raise StoreUnavailable(f"the store of files at {blobs.where} cannot be used: {error.strerror or error}") from error


class DirectoryBlobs:
    """Blobs in a directory that is this user's alone; several machines may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def where(self) -> str:
        return str(self._root)

    def part(self) -> Path:
        self._folder("parts")
        descriptor, path = tempfile.mkstemp(dir=self._root / "parts")  # 0600
        os.close(descriptor)
        return Path(path)

    def keep(self, part: Path, key: str) -> None:
        target = self._root / key
        for _ in range(3):  # a deletion may just be taking the empty day away
            self._folder(target.parent.name)
            with contextlib.suppress(FileNotFoundError):
                os.replace(part, target)
                _sync(target.parent)
                return
        raise FileNotFoundError(errno.ENOENT, "the directory vanishes again and again", str(target))

    def open(self, key: str) -> BinaryIO:
        try:
            return (self._root / key).open("rb")
        except FileNotFoundError:
            raise UnknownFile(f"the content {key} is no longer in the store of files at {self.where}") from None
        except OSError as error:
            raise StoreUnavailable(f"the store of files at {self.where} cannot be read: {error.strerror}") from error

    def path(self, key: str) -> Path | None:
        path = self._root / key
        if not path.exists():
            raise UnknownFile(f"the content {key} is no longer in the store of files at {self.where}")
        return path

    def delete(self, key: str) -> None:
        _translated(self, (self._root / key).unlink, True)
        with contextlib.suppress(OSError):  # the last one takes the day along; others may just be writing into it
            (self._root / key).parent.rmdir()

    def keys(self, day: str) -> Iterator[str]:
        try:
            names = sorted(os.listdir(self._root / day))
        except OSError:
            return
        yield from (f"{day}/{name}" for name in names)

    def tidy(self) -> None:
        with contextlib.suppress(OSError):
            for each in os.scandir(self._root / "parts"):
                if time.time() - each.stat().st_mtime > _DEAD_PART:  # both of this machine's clock, or nearly
                    os.unlink(each.path)

    def _folder(self, name: str) -> None:
        """Make a folder; the root is shut for others also where it was made with a careless umask."""
        folder = self._root / name
        if not folder.is_dir():
            is_new = not self._root.is_dir()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_new:
                self._root.chmod(0o700)


def _sync(folder: Path) -> None:
    """Make a new name in a folder durable, where the system knows how."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


class ObjectBlobs:
    """Blobs in an object store, by obstore, which is imported here and nowhere else.

    A blob gathers in a local temporary file first: a refused one never leaves the machine, and no broken upload stays behind.
    """

    def __init__(self, store: Any, where: str) -> None:  # any of obstore's stores; it is an extra
        self._store, self._where = store, where

    @property
    def where(self) -> str:
        return self._where

    def part(self) -> Path:
        descriptor, path = tempfile.mkstemp(prefix="mainspring-")  # 0600
        os.close(descriptor)
        return Path(path)

    def keep(self, part: Path, key: str) -> None:
        import obstore

        with self._guarded(key):
            obstore.put(self._store, key, part, max_concurrency=_UPLOADS)

    def open(self, key: str) -> BinaryIO:
        import obstore

        with self._guarded(key):
            return io.BufferedReader(_Remote(obstore.open_reader(self._store, key, buffer_size=CHUNK)), CHUNK)

    def path(self, key: str) -> Path | None:
        return None

    def delete(self, key: str) -> None:
        import obstore

        with contextlib.suppress(UnknownFile), self._guarded(key):
            obstore.delete(self._store, key)

    def keys(self, day: str) -> Iterator[str]:
        import obstore

        with self._guarded(day):
            for batch in obstore.list(self._store, f"{day}/"):
                yield from (each["path"] for each in batch)

    def tidy(self) -> None:
        pass  # parts lie among the machine's temporary files

    @contextlib.contextmanager
    def _guarded(self, key: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, NotFoundError

        try:
            yield
        except (FileNotFoundError, NotFoundError):
            raise UnknownFile(f"the content {key} is no longer in the store of files at {self.where}") from None
        except (BaseError, OSError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise StoreUnavailable(f"the store of files at {self.where} cannot be used: {said}") from error


class _Remote(io.RawIOBase):
    """A reader of obstore's as Python's own kind of file."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = self._reader.read(len(buffer))
        buffer[: len(piece)] = memoryview(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())


def blobs_at(where: str) -> Blobs:
    """Return the blobs that a setting names: a directory, or ``s3://bucket/prefix``, ``gs://…``, ``az://…``; nothing is touched yet.

    Raises `ConfigurationError` for a scheme that is unknown, or whose extra is not installed.
    """
    scheme, has_scheme, _ = where.partition("://")
    if not has_scheme:
        return DirectoryBlobs(Path(where).expanduser().absolute())
    if scheme == "file":
        return DirectoryBlobs(Path(unquote(urlsplit(where).path)))
    if scheme not in SCHEMES:
        raise ConfigurationError(f"MAINSPRING_FILES={where!r} is not understood: name a directory, or s3://…, gs://…, az://…")
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise ConfigurationError(f"MAINSPRING_FILES={where!r} needs obstore ({error}): pip install 'mainspring[blobs]'") from error
    try:
        return ObjectBlobs(from_url(where), where)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"MAINSPRING_FILES={where!r} is not understood: {str(error).splitlines()[0]}") from error


class BlobSource:
    """What a `File` needs to be read. ``path`` fetches remote contents into a folder that `close` takes away."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def open(self, file: File) -> BinaryIO:
        """Open the content for reading."""
        return self._blobs.open(key_of(file))

    def path(self, file: File) -> Path:
        """Return a local path of the content."""
        found = self._blobs.path(key_of(file))
        if found is not None:
            return found
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mainspring-files-", ignore_cleanup_errors=True)
        local = Path(self._folder.name) / f"{file.id}{file.suffix}"
        if not local.exists():
            fetched = local.with_suffix(".part")
            with self.open(file) as content, fetched.open("wb") as target:
                while piece := content.read(CHUNK):
                    target.write(piece)
            fetched.rename(local)
        return local

    def close(self) -> None:
        """Take fetched copies away."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
