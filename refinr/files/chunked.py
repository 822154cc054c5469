"""The chunks of which PNG files consist.

With this you can go from one to the next (`chunks_of`), and make one (`chunk`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from refinr.files.format import FormatError

HEAD = b"\x89PNG\r\n\x1a\n"


def chunks_of(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all chunks; each is whole, and the last one ends the file."""
    if not content.startswith(HEAD):
        raise FormatError("it does not begin like one")
    at = len(HEAD)
    while True:
        if at + 12 > len(content):
            raise FormatError(f"it is cut short: a chunk should begin at byte {at}, and there are {len(content)} bytes")
        size, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + size
        if end > len(content):
            raise FormatError(
                f"it is cut short: chunk {repr(name)[1:]} should end at byte {end}, got {len(content)} bytes"
            )
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise FormatError(f"it is damaged: the checksum of the chunk {repr(name)[1:]} at byte {at} is another")
        yield name.decode("latin-1"), content[at + 8 : end - 4]
        at = end
        if name == b"IEND":
            break
    if at < len(content):
        raise FormatError(
            f"{len(content) - at} bytes follow its end, and would be lost; cut it at byte {at} if it should"
        )


def chunk(name: str, data: bytes) -> bytes:
    """A chunk as files have it, with its length and checksum.

    Examples
    --------
    >>> list(chunks_of(HEAD + chunk("IEND", b"")))
    [('IEND', b'')]
    """
    named = name.encode("latin-1") + data
    return struct.pack(">I", len(data)) + named + struct.pack(">I", zlib.crc32(named))
