"""Files that commands write: there whole or not at all, so that nobody ever reads half of one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mainspring.core.errors import ConfigurationError
from mainspring.i18n import t


@contextlib.contextmanager
def written(path: str | Path, *, mode: int = 0o666) -> Iterator[IO[str]]:
    """Open a text file that takes its place when the block ends well; raises `ConfigurationError` where it cannot be written.

    A link stays one. What is no regular file (a pipe, a terminal, ``/dev/null``) is written into: nothing may take its place.
    """
    file = Path(path).resolve()
    aside: Path | None = None
    try:
        if not file.exists() or file.is_file():
            aside = file.with_name(f".{file.name}.{os.getpid():x}")
        descriptor = os.open(aside or file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    except OSError as error:
        raise ConfigurationError(t("export.cannot", file=path, why=error.strerror)) from None
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as target:
            yield target
        if aside is not None:
            aside.replace(file)
    except BaseException:
        if aside is not None:
            aside.unlink(missing_ok=True)
        raise
