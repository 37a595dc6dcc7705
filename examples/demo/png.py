"""Just enough PNG (ISO 15948) for the demo: 8-bit RGB, no interlacing, written and read with zlib alone."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """Pixels row by row, three bytes each."""

    width: int
    height: int
    pixels: bytes


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture, each row unfiltered."""
    stride = picture.width * 3
    rows = b"".join(b"\0" + picture.pixels[start : start + stride] for start in range(0, len(picture.pixels), stride))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    path.write_bytes(SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def read_png(path: Path) -> Picture:
    """Read a picture; raises `ValueError` for what is none, or of another kind."""
    data = path.read_bytes()
    if not data.startswith(SIGNATURE):
        raise ValueError(f"{path.name} is no PNG")
    position, width, height, packed = len(SIGNATURE), 0, 0, b""
    while position < len(data):
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if (depth, colour, interlaced) != (8, 2, 0):
                raise ValueError(f"{path.name} is no plain 8-bit RGB picture")
        elif kind == b"IDAT":
            packed += body
        position += size + 12
    return Picture(width, height, _unfilter(zlib.decompress(packed), width * 3))


def _unfilter(rows: bytes, stride: int) -> bytes:
    pixels, above = bytearray(), bytearray(stride)
    for start in range(0, len(rows), stride + 1):
        kind, row = rows[start], bytearray(rows[start + 1 : start + 1 + stride])
        if kind:
            for place in range(stride):
                left = row[place - 3] if place >= 3 else 0
                corner = above[place - 3] if place >= 3 else 0
                row[place] = (row[place] + _guess(kind, left, above[place], corner)) & 255
        pixels += row
        above = row
    return bytes(pixels)


def _guess(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 2:
        return above
    if kind == 3:
        return (left + above) // 2
    distances = [(abs(above - corner), left), (abs(left - corner), above), (abs(left + above - 2 * corner), corner)]
    return min(distances, key=lambda each: each[0])[1]


def shrink(picture: Picture, width: int) -> Picture:
    """Return the picture at a smaller width, each pixel the mean of those that it stands for."""
    width = min(width, picture.width)
    height = max(1, picture.height * width // picture.width)
    pixels = bytearray()
    for y in range(height):
        top, bottom = y * picture.height // height, max((y + 1) * picture.height // height, y * picture.height // height + 1)
        for x in range(width):
            left, right = x * picture.width // width, max((x + 1) * picture.width // width, x * picture.width // width + 1)
            count = (bottom - top) * (right - left)
            for channel in range(3):
                total = sum(
                    sum(picture.pixels[(row * picture.width + left) * 3 + channel : (row * picture.width + right) * 3 : 3])
                    for row in range(top, bottom)
                )
                pixels.append(total // count)
    return Picture(width, height, bytes(pixels))


def paint(width: int, height: int, seed: int) -> Picture:
    """Return a picture of rings and stripes, another one for each seed."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            ring = ((x - width // 2) ** 2 + (y - height // 2) ** 2) // (40 + seed)
            pixels += bytes(((ring + seed * 37) & 255, (x * (1 + seed % 5) + seed * 11) & 255, (y * 2 + ring // 3) & 255))
    return Picture(width, height, bytes(pixels))
