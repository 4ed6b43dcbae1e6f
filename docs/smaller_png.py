"""Make a picture of a page smaller: the 256 colours that it has most of, packed as well as can be.

A browser packs its pictures quickly rather than well. A page has few colours, and some thousand
more in the edges of its letters, which nobody tells from their neighbours.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_HEAD = b"\x89PNG\r\n\x1a\n"
_RGB, _PALETTE = 2, 3  # of a PNG's kinds of colour, with the one that has transparency too
_RGBA = 6
_BITS = 8  # a colour of a pixel
_COLOURS = 256

Colour = tuple[int, int, int]


def smaller(picture: bytes) -> bytes:
    """The same picture with a palette. Raises `ValueError` for another than a browser makes."""
    width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", picture[16:29])
    if (
        not picture.startswith(_HEAD)
        or depth != _BITS
        or kind not in (_RGB, _RGBA)
        or rest != [0] * 3
    ):
        raise ValueError("expected a PNG of 8 bits a colour, not interlaced")
    channels = 3 if kind == _RGB else 4
    packed = b"".join(content for name, content in _chunks(picture) if name == b"IDAT")
    rows = list(_rows(zlib.decompress(packed), width * channels, channels))
    pixels = [
        list(zip(row[0::channels], row[1::channels], row[2::channels], strict=True)) for row in rows
    ]
    counted: Counter[Colour] = Counter()
    for row in pixels:
        counted.update(row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS)]
    places = {colour: _nearest(colour, palette) for colour in counted}
    lines = b"".join(b"\0" + bytes(places[pixel] for pixel in row) for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    return (
        _HEAD
        + _chunk(b"IHDR", header)
        + _chunk(b"PLTE", b"".join(map(bytes, palette)))
        + _chunk(b"IDAT", zlib.compress(lines, 9))
        + _chunk(b"IEND", b"")
    )


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    """The place in the palette of the colour that looks most alike."""

    def far(place: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, palette[place], strict=True))

    return min(range(len(palette)), key=far)


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_HEAD)
    while at < len(picture):
        [length] = struct.unpack(">I", picture[at : at + 4])
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def _rows(lines: bytes, width: int, step: int) -> Iterator[bytearray]:
    """The lines as they were before a filter made each of them differences (PNG 1.2, §6)."""
    before = bytearray(width)
    for at in range(0, len(lines), width + 1):
        row, how = bytearray(lines[at + 1 : at + 1 + width]), lines[at]
        for x in range(width if how else 0):
            left = row[x - step] if x >= step else 0
            above, corner = before[x], before[x - step] if x >= step else 0
            guess = (0, left, above, (left + above) // 2, _paeth(left, above, corner))[how]
            row[x] = (row[x] + guess) & 0xFF
        yield row
        before = row


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))
