"""What stands beside an SQLite file.

Lock files that the kernel frees with their process, and sockets on which processes wake each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MOUNTS = Path("/proc/self/mounts")
_NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.s3fs",
}


def private_folder(path: Path) -> None:
    """Make a folder for this user alone, or see that one which is there is: names in a folder for temporary files are anybody's guess.

    Raises `PermissionError` for one that belongs to somebody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "geteuid"):
        found = path.stat(follow_symlinks=False)
        if found.st_uid != os.geteuid() or stat.S_ISLNK(found.st_mode):
            raise PermissionError(errno.EACCES, "it belongs to somebody else", str(path))
        if found.st_mode & 0o077:
            path.chmod(0o700)


class FileLock:
    """An exclusive lock on a small file, for threads and processes alike.

    The kernel frees it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._threads = threading.Lock()  # file locks belong to the process's descriptor, so threads need their own

    def acquire(self) -> None:
        """Wait for the lock."""
        self._threads.acquire()
        try:
            _lock(self._descriptor, wait=True)
        except BaseException:
            self._threads.release()
            raise

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        if not self._threads.acquire(blocking=False):
            return False
        if _lock(self._descriptor, wait=False):
            return True
        self._threads.release()
        return False

    def release(self) -> None:
        """Free the lock."""
        _unlock(self._descriptor)
        self._threads.release()

    def close(self) -> None:
        """Close the file, which frees the lock as well."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


class Gate:
    """A lock that cannot be snatched: who finds it taken waits at a turnstile, and nobody passes while somebody stands there.

    With one lock alone, a process that lets go and asks again at once is always quicker than those that must first be woken.
    """

    def __init__(self, path: Path) -> None:
        self._turnstile = FileLock(path.with_name(path.name + ".next"))
        self._lock = FileLock(path)

    def acquire(self) -> None:
        """Wait for the turn."""
        with self._turnstile:
            self._lock.acquire()

    def try_acquire(self) -> bool:
        """Pass if nobody is inside and nobody waits."""
        if not self._turnstile.try_acquire():
            return False
        try:
            return self._lock.try_acquire()
        finally:
            self._turnstile.release()

    def release(self) -> None:
        """Let the next one pass."""
        self._lock.release()

    def close(self) -> None:
        """Close both files."""
        self._lock.close()
        self._turnstile.close()

    def __enter__(self) -> Gate:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _lock(descriptor: int, *, wait: bool) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if not wait and error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def _unlock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_network_path(path: Path) -> str | None:
    """Return the kind of network file system that a path is on, or None.

    Known on Linux only, from the table of mounts.
    """
    try:
        lines = MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    resolved, best, kind = str(path.resolve()), "", None
    for line in lines:
        parts = line.split(" ")
        if len(parts) > 2:
            mount = parts[1].replace("\\040", " ")
            if (resolved == mount or resolved.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
                best, kind = mount, parts[2]
    return kind if kind in _NETWORK else None


class Sockets:
    """Datagram sockets of the processes on one file: each listens on its own, everybody sends to all.

    Lost hints are only late ones.
    """

    def __init__(self, path: Path) -> None:
        name = blake2b(str(path.resolve()).encode(), digest_size=8).hexdigest()
        # beside the file where the path is short enough for a socket's address (108 bytes), else in the directory for
        # temporary files
        beside = path.with_name(path.name + ".wake")
        self._folder = beside if len(str(beside)) < 70 else Path(tempfile.gettempdir()) / f"mainspring-{name}"
        self._is_shared = self._folder != beside  # with other users of this machine
        self._own: Path | None = None
        self._receiving: socket.socket | None = None
        self._sending = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if hasattr(socket, "AF_UNIX") else None
        if self._sending is not None:
            self._sending.setblocking(False)
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, loop: asyncio.AbstractEventLoop, hear: Callable[[bytes], None]) -> None:
        """Hand every hint to ``hear`` on the loop."""
        if self._sending is None:
            return
        if self._is_shared:
            try:
                private_folder(self._folder)
            except PermissionError:  # then others are asked every while, as where there are no sockets
                self._folder = Path(os.devnull)
                return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        own = self._folder / os.urandom(6).hex()
        receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiving.setblocking(False)
        receiving.bind(str(own))
        os.chmod(own, 0o600)
        self._own, self._receiving, self._loop = own, receiving, loop

        def ready() -> None:
            with contextlib.suppress(BlockingIOError):
                for _ in range(64):
                    hear(receiving.recv(512))

        loop.add_reader(receiving.fileno(), ready)

    def send(self, message: bytes) -> None:
        """Send a hint to all others; sweeps away the sockets of processes that are gone."""
        if self._sending is None:
            return
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in names:
            target = self._folder / name
            if target == self._own:
                continue
            try:
                self._sending.sendto(message, str(target))
            except (ConnectionRefusedError, FileNotFoundError):
                with contextlib.suppress(OSError):
                    target.unlink()
            except OSError:
                pass  # its buffer is full, so it is awake anyway

    def close(self) -> None:
        """Stop listening and take the own socket away."""
        if self._receiving is not None and self._loop is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._receiving.fileno())
            self._receiving.close()
        if self._own is not None:
            with contextlib.suppress(OSError):
                self._own.unlink()
                self._folder.rmdir()
        if self._sending is not None:
            self._sending.close()
