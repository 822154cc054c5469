"""The directories of a TIFF file, one a page, read by code that asks for nothing itself.

With this you can go from one to the next (`walk`), and add up how many bytes of samples they speak of (`asks`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from refinr.files.format import FormatError

_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""How whole numbers are stored, by the number of their type."""


def walk(content: bytes) -> Iterator[dict[int, int]]:
    """The first value of every tag that is a whole number, page by page.

    Raises
    ------
    ValueError
        If the content is no TIFF file, a directory is outside it, or one leads back to another.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2], "")
    if not order or len(content) < 16:
        raise FormatError("it does not begin like one, or ends before its first page")
    (version,) = struct.unpack_from(order + "H", content, 2)
    if version not in (42, 43):
        raise FormatError(f"it does not begin like one, with the number 42 or 43, but with {version}")
    offset, count, entry = ("I", "H", "HHI4s") if version == 42 else ("Q", "Q", "HHQ8s")
    (at,) = struct.unpack_from(order + offset, content, 4 if version == 42 else 8)
    seen = set[int]()
    while at:
        if at in seen:
            raise FormatError(f"expected a page after the one at byte {max(seen)}, got back to the one at byte {at}")
        seen.add(at)
        start = at + struct.calcsize(count)
        if start > len(content):
            raise FormatError(f"expected a page at byte {at}, got {len(content)} bytes")
        (entries,) = struct.unpack_from(order + count, content, at)
        size = struct.calcsize(order + entry)
        end = start + entries * size
        if end + struct.calcsize(offset) > len(content):
            raise FormatError(f"expected {entries} tags in {entries * size} bytes at byte {at}, got fewer")
        tags = {}
        for code, kind, _, value in struct.iter_unpack(order + entry, content[start:end]):
            if kind in _SIZES and struct.calcsize(_SIZES[kind]) <= len(value):
                (tags[code],) = struct.unpack_from(order + _SIZES[kind], value)
        yield tags
        (at,) = struct.unpack_from(order + offset, content, end)


_WIDTH, _HEIGHT, _BITS, _SAMPLES, _DEPTH = 256, 257, 258, 277, 32997


def asks(content: bytes, page: str = "") -> int:
    """How many bytes of samples all pages speak of, or the largest, where one of them is meant.

    Of their bits and channels, the least that tags may mean.
    """
    sizes = [
        tags.get(_WIDTH, 0)
        * tags.get(_HEIGHT, 0)
        * max(1, tags.get(_DEPTH, 1))
        * max(1, tags.get(_SAMPLES, 1))
        * max(1, (_bits(tags) + 7) // 8)
        for tags in walk(content)
    ]
    return max(sizes, default=0) if page else sum(sizes)


def _bits(tags: dict[int, int]) -> int:
    """Bits of the first channel, where they fit into the tag and are no offset of several numbers."""
    found = tags.get(_BITS, 1)
    return found if found <= 64 else 8
