"""The page: a little memory that the engine shares with one child, for what must be known when nobody can talk.

A child that holds the interpreter lock, or is dead, answers no frame. What it did last stands here: which runs it had
begun, whose step it was in, and when its loop was last alive. The other way round, a ``def`` body that keeps its only
thread to itself reads here that it shall stop. One cell is one aligned 64-bit number: nobody sees a half-written one.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Final, Literal

Why = Literal["timeout", "requested", "shutdown"]

STARTED: Final = 0  # by the child: the highest serial number that was begun; runs begin in the order of their numbers
STEP: Final = 1  # by the child: the run whose step is executing now, 0 between steps
BEAT: Final = 2  # by the child: monotonic nanoseconds of the loop's last sign of life; 0 while nothing runs
BLAMED: Final = 3  # by the child: the run that its monitor found blocking the loop, 0 for none
STOP: Final = 4  # by the engine: the run that shall stop (children with one body)
WHY: Final = 5  # by the engine: why it shall, an index into REASONS
VOID: Final = 6  # by the engine: runs up to this number that have not begun are taken back (children with one body)
LEASE: Final = 7  # by the engine: monotonic nanoseconds past which a leased child ends itself; 0 while it has no lease

REASONS: Final[tuple[Why, ...]] = ("timeout", "requested", "shutdown")

_SIZE = mmap.PAGESIZE


class Page:
    """One page of shared memory; ``cells`` is indexed with the constants of this module."""

    __slots__ = ("_map", "cells", "fd", "path")

    def __init__(self, fd: int, path: str | None = None) -> None:
        self.fd, self.path = fd, path
        self._map = mmap.mmap(fd, _SIZE)
        self.cells = memoryview(self._map).cast("q")

    @classmethod
    def create(cls) -> Page:
        """Make a page. ``fd`` can be handed to a child; where file descriptors cannot be, ``path`` can."""
        if hasattr(os, "memfd_create"):
            fd, path = os.memfd_create("mainspring-page"), None
        else:
            fd, path = tempfile.mkstemp(prefix="mainspring-page-")
        os.ftruncate(fd, _SIZE)
        return cls(fd, path)

    @classmethod
    def open(cls, path: str) -> Page:
        """Open the page that another process made."""
        return cls(os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0)))

    def close_file(self) -> None:
        """Close the file descriptor; the memory stays."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def remove(self) -> None:
        """Let go of the memory and of the file, where it has a name."""
        self.close_file()
        self.cells.release()
        self._map.close()
        if self.path is not None:
            try:
                os.unlink(self.path)
            except OSError:  # Windows: the child still has it open; the system's temporary folder is swept by others
                pass
