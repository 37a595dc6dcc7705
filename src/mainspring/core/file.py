"""Files as parameters, as results and as what a run leaves behind: a handle travels, the content stays in the store of files.

In JSON a file is an object with ``id``, ``name``, ``size`` (bytes), ``media_type`` and ``sha256``. ``app.files.put(…)`` makes one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from mainspring.core.carried import tell
from mainspring.core.errors import ConfigurationError, FileRefused
from mainspring.core.ids import is_id
from mainspring.core.param import OURS, scalars
from mainspring.core.size import describe_size, parse_size

LONGEST_NAME = 200  # characters
PLAIN_TYPE = "application/octet-stream"
_TYPE = re.compile(r"\.[A-Za-z0-9]{1,20}(\.[A-Za-z0-9]{1,20})?|[a-z]+/(\*|[A-Za-z0-9.+-]+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,80}/[A-Za-z0-9!#$&^_.+-]{1,120}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_FIELDS = {"id", "name", "size", "media_type", "sha256"}


class FileSource(Protocol):
    """Where the content of files is, as a handle needs it."""

    def open(self, file: File) -> BinaryIO:
        """Open the content for reading."""

    def path(self, file: File) -> Path:
        """Return a local path of the content."""


class _Placed:
    """What a handle knows beside its fields, so that nobody who writes a dataclass down writes this, too."""

    __slots__ = ("_source",)

    _source: FileSource


@dataclass(frozen=True, slots=True, kw_only=True)
class File(_Placed):
    """A file in the store of files: ``name``, ``size`` in bytes, ``media_type`` and the ``sha256`` of its content, as hex digits.

    Inside a body, and where an app has given it out, it can be read; the calls block, so an ``async def`` body reads large files by
    ``await asyncio.to_thread(file.read)``.
    """

    id: str
    name: str
    size: int
    media_type: str
    sha256: str

    @property
    def suffix(self) -> str:
        """The ending of the name with its dot, in lower case, where it is a short plain one; else nothing."""
        ending = Path(self.name).suffix
        return ending.lower() if _SUFFIX.fullmatch(ending) else ""

    def open(self) -> BinaryIO:
        """Open the content for reading, as bytes."""
        return self._where().open(self)

    def read(self) -> bytes:
        """Return the whole content."""
        with self.open() as content:
            return content.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the whole content as text."""
        return self.read().decode(encoding)

    def path(self) -> Path:
        """Return a local path with the content, for libraries that want one; only to be read.

        Where the store is remote it is fetched first; the path is good until the body ends.
        """
        return self._where().path(self)

    def at(self, source: FileSource) -> File:
        """Take note of where the content is; used by the engine. Returns the file itself."""
        object.__setattr__(self, "_source", source)
        return self

    def as_json(self) -> dict[str, Any]:
        """Return the file as it travels."""
        return {"id": self.id, "name": self.name, "size": self.size, "media_type": self.media_type, "sha256": self.sha256}

    def _where(self) -> FileSource:
        source: FileSource | None = getattr(self, "_source", None)
        if source is None:
            raise ConfigurationError(
                f"the file {self.name!r} cannot be read here: only where it was put, in a body, or from run.artifacts()"
            )
        return source

    @classmethod
    def _accept(cls, value: Any) -> File:
        from pydantic_core import PydanticCustomError

        found = value if isinstance(value, File) else _from_json(value) if isinstance(value, Mapping) else None
        if found is None:
            raise PydanticCustomError(
                "file", "input should be a file: put it first, with app.files.put(…), and hand over what that returns"
            )
        tell(found)
        return found

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # the types are pydantic's, which core loads late
        """Say how it is checked and written; called by pydantic."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._accept, serialization=core_schema.plain_serializer_function_ser_schema(lambda file: file.as_json())
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Say how it looks in JSON; called by pydantic. ``format: binary`` is what makes a form show an upload."""
        text = {"type": "string"}
        return {
            "type": "object",
            "format": "binary",
            "properties": {"id": text, "name": text, "size": {"type": "integer"}, "media_type": text, "sha256": text},
            "required": sorted(_FIELDS),
            "additionalProperties": False,
            OURS: {"file": {}},
        }


def _from_json(value: Mapping[str, Any]) -> File | None:
    if value.keys() != _FIELDS:
        return None
    size, texts = value["size"], [value[each] for each in ("id", "name", "media_type", "sha256")]
    if not isinstance(size, int) or size < 0 or not all(isinstance(each, str) for each in texts):
        return None
    if not is_id(value["id"]) or not _SHA256.fullmatch(value["sha256"]) or value["name"] != clean_name(value["name"]):
        return None
    return File(**value)


def files_in(value: Any) -> Iterator[File]:
    """Yield the handles in a JSON value, wherever they are."""
    if isinstance(value, Mapping):
        if (file := _from_json(value)) is not None:
            yield file
        else:
            for each in value.values():
                yield from files_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from files_in(each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact(File):
    """A file that a run has left behind, and when, and in which attempt."""

    attempt: int
    created_at: datetime


@dataclass(frozen=True, slots=True, init=False)
class FileLimit:
    """What a file parameter takes: ``Annotated[File, FileLimit(max_size="50MB", types=["image/*", ".csv"])]``.

    ``max_size`` is for one file. ``types`` are media types, with ``*`` for all of a kind, and endings of names; one of them must fit. They
    are what the sender says: who must know reads the content.
    """

    max_size: int | None
    types: tuple[str, ...]

    def __init__(self, *, max_size: int | str | None = None, types: Sequence[str] = ()) -> None:
        if max_size is None and not types:
            raise ConfigurationError("FileLimit() limits nothing: give max_size= or types=")
        if isinstance(types, str):
            raise ConfigurationError(f"FileLimit(types)={types!r}: a list is needed, as types=[{types!r}]")
        for each in types:
            if not _TYPE.fullmatch(str(each)):
                raise ConfigurationError(f"FileLimit(types) has {each!r}: write media types such as 'image/*' or endings such as '.csv'")
        object.__setattr__(self, "max_size", None if max_size is None else parse_size(max_size, "FileLimit(max_size)"))
        object.__setattr__(self, "types", tuple(types))

    def check_type(self, name: str, media_type: str) -> None:
        """Raise `FileRefused` for a file of another type."""
        plain = media_type.lower()
        kinds = [each.lower() for each in self.types]
        if kinds and not any(
            name.lower().endswith(kind) if kind[0] == "." else plain.startswith(kind[:-1]) if kind.endswith("/*") else plain == kind
            for kind in kinds
        ):
            raise FileRefused(f"the file {name!r} ({media_type}) is of a type that is not taken: {', '.join(self.types)} would be")

    def check_size(self, name: str, size: int) -> None:
        """Raise `FileRefused` for a file that is too large."""
        if self.max_size is not None and size > self.max_size:
            raise FileRefused(f"the file {name!r} is too large: {describe_size(self.max_size)} at most are taken")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Refuse what does not fit; called by pydantic."""
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: Any) -> Any:
            for each in value if isinstance(value, (list, tuple, set, frozenset)) else [value]:
                if isinstance(each, File):
                    try:
                        self.check_type(each.name, each.media_type)
                        self.check_size(each.name, each.size)
                    except FileRefused as refused:
                        raise PydanticCustomError("file_limit", "{why}", {"why": str(refused)}) from None
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Write it beside the mark of a file; called by pydantic."""
        made: dict[str, Any] = dict(handler(schema))
        for each in scalars(made):
            if "file" in each.get(OURS, {}):
                limits = {"max_size": self.max_size, "types": list(self.types)}
                each[OURS] = {**each[OURS], "file": {key: value for key, value in limits.items() if value}}
        return made


def limit_in(schema: Mapping[str, Any]) -> FileLimit | None:
    """Return the limit that the JSON Schema of a parameter says, for who puts a file before there is a call."""
    for each in scalars(dict(schema)):
        said = each.get(OURS, {}).get("file")
        if said:
            return FileLimit(max_size=said.get("max_size"), types=said.get("types", ()))
    return None


def clean_name(name: str) -> str:
    """Return the last part of a name or path, without what could lead out of a directory or confuse a terminal; never empty."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(each for each in last if each.isprintable()).strip(" ")
    if len(kept) > LONGEST_NAME:
        stem, dot, ending = kept.rpartition(".")
        kept = stem[: LONGEST_NAME - len(ending) - 1] + dot + ending if dot and len(ending) <= 20 else kept[:LONGEST_NAME]
    return "file" if kept in ("", ".", "..") else kept


def check_media_type(media_type: str) -> str:
    """Return a media type without its parameters; raises `ConfigurationError` for what is none."""
    plain = media_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(plain):
        raise ConfigurationError(f"media_type={media_type!r} is none: write for instance 'text/csv'")
    return plain
