"""Forms with files, read as they arrive: of a file there is never more than one piece in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from mainspring.web.problems import Refused

PIECE = 64 * 1024  # bytes that are handed on at once, however much a server reads at once
MOST_PARTS = 1000
MOST_TEXT = 2**20  # bytes of a value that is no file


class Part:
    """One field of a form; one with a ``filename`` is a file. Its content is read once, before the next part."""

    def __init__(self, name: str, filename: str | None, media_type: str | None, content: AsyncIterator[bytes]) -> None:
        self.name, self.filename, self.media_type, self._content = name, filename, media_type, content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._content

    async def text(self) -> str:
        """Return the whole content as text; raises `Refused` for too much of it, and for what is no UTF-8."""
        held = b""
        async for piece in self:
            held += piece
            if len(held) > MOST_TEXT:
                raise Refused("payload-too-large", f"the field {self.name!r} is too large: {MOST_TEXT} bytes at most, or send it as a file")
        try:
            return held.decode()
        except UnicodeDecodeError:
            raise Refused("malformed", f"the field {self.name!r} is no UTF-8") from None


async def parts(request: Request, *, most: int) -> AsyncIterator[Part]:
    """Yield the parts of a multipart form; raises `Refused` for a form that is cut off, has too many parts or more than ``most`` bytes."""
    media, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if media != b"multipart/form-data" or not boundary:
        raise Refused("malformed", "a multipart form names its boundary")
    reader = _Reader(request, boundary, most)
    n = 0
    while (headers := await reader.part()) is not None:
        if (n := n + 1) > MOST_PARTS:
            raise Refused("payload-too-large", f"a form has at most {MOST_PARTS} parts")
        disposition, about = parse_options_header(headers.get("content-disposition", b""))
        if disposition != b"form-data" or b"name" not in about:
            raise Refused("malformed", "a part of the form has no name")
        filename = about.get(b"filename")
        kind = headers.get("content-type")
        content = reader.content()
        yield Part(
            _text(about[b"name"]), None if filename is None else _text(filename), None if kind is None else _text(kind), content
        )  # fmt: skip
        async for _ in content:  # what nobody has read is not part of the next
            pass


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


class _Reader:
    def __init__(self, request: Request, boundary: bytes, most: int) -> None:
        self._stream, self._most, self._size = request.stream(), most, 0
        self._events: deque[tuple[str, Any]] = deque()
        self._header, self._value, self._headers = b"", b"", dict[str, bytes]()
        self._parser = MultipartParser(boundary, {
            "on_part_begin": self._headers.clear, "on_header_field": self._on_field, "on_header_value": self._on_value,
            "on_header_end": self._on_header, "on_headers_finished": lambda: self._events.append(("part", dict(self._headers))),
            "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
            "on_part_end": lambda: self._events.append(("end", None)), "on_end": lambda: self._events.append(("over", None)),
        })  # fmt: skip
        self._ahead, self._is_over = memoryview(b""), False

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value
        self._header = self._value = b""

    async def part(self) -> dict[str, bytes] | None:
        """Return the headers of the next part, or None behind the last."""
        while (found := await self._next()) is not None:
            kind, value = found
            if kind == "part":
                headers: dict[str, bytes] = value
                return headers
        return None

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content of the part that has begun."""
        while (found := await self._next()) is not None:
            kind, value = found
            if kind == "end":
                return
            yield value
        raise Refused("malformed", "the form is cut off")

    async def _next(self) -> tuple[str, Any] | None:
        while not self._events:
            if self._is_over:
                return None
            await self._read()
        event = self._events.popleft()
        if event[0] == "over":
            self._is_over = True
            return None
        return event

    async def _read(self) -> None:
        if not self._ahead:
            piece = await anext(self._stream, None)
            if piece is None:
                raise Refused("malformed", "the form is cut off")
            self._size += len(piece)
            if self._size > self._most:
                raise Refused("payload-too-large", f"a form has at most {self._most} bytes here")
            self._ahead = memoryview(piece)
        piece, self._ahead = bytes(self._ahead[:PIECE]), self._ahead[PIECE:]
        try:
            self._parser.write(piece)
        except MultipartParseError as error:
            raise Refused("malformed", f"the form is not understood: {error}") from None
