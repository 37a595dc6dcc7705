"""Files on the command line: ``--template @report.xlsx`` or a plain path. They are checked like any value, and sent when all else fits."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainspring.core.file import PLAIN_TYPE, clean_name

if TYPE_CHECKING:
    from mainspring.app import Mainspring

_NOT_YET = {"id": "00000000-0000-0000-0000-000000000000", "sha256": "0" * 64}


class Upload(dict[str, Any]):
    """A file of this machine that is to be sent, as a value that is checked like the handle which it will become."""

    def __init__(self, path: Path) -> None:
        name = clean_name(path.name)
        super().__init__(
            _NOT_YET, name=name, size=path.stat().st_size, media_type=mimetypes.guess_type(name)[0] or PLAIN_TYPE
        )  # fmt: skip
        self.path = path


def read_path(text: str) -> Upload:
    """Return the upload that a text names, with or without ``@``; raises `ValueError` for what cannot be read."""
    path = Path(text[1:] if text.startswith("@") else text).expanduser()
    try:
        if not path.is_file():
            path.stat()
            raise ValueError(f"{path} is no file")
        if not os.access(path, os.R_OK):
            raise ValueError(f"{path} may not be read")
        return Upload(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


async def sent(app: Mainspring, params: Mapping[str, Any]) -> dict[str, Any]:
    """Send the files among parameters, each once, and return the parameters with their handles; raises as `app.files.put` does."""
    handles: dict[Path, dict[str, Any]] = {}

    async def send(value: Any) -> Any:
        if isinstance(value, list):
            return [await send(each) for each in value]
        if not isinstance(value, Upload):
            return value
        if value.path not in handles:
            handles[value.path] = (await app.files.put(value.path)).as_json()
        return handles[value.path]

    return {name: await send(value) for name, value in params.items()}
