"""How many bytes of samples the head of an image or a recording speaks of, read by code that asks for nothing itself.

With this you can refuse a few bytes that stand for gigabytes before a library sees them: a function for each format,
from its content to bytes.  Where only the library can tell what a pixel is, it is taken for four channels of a byte.
"""

from __future__ import annotations

import struct

from refinr.files.format import PAGES, FormatError

CUT_SHORT = "it is cut short: its head ends before it says how large the image is"


def jpeg(content: bytes) -> int:
    """Of a JPEG file: components of 8 bits, or of 12 in two bytes."""
    if content[:2] != b"\xff\xd8":
        raise FormatError("it does not begin like one")
    at = 2
    while at + 9 < len(content):
        marker = content[at + 1]
        if content[at] != 0xFF or marker == 0xFF:  # bytes between segments, which fill up
            at += 1
            continue
        (size,) = struct.unpack_from(">H", content, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            depth, height, width, components = struct.unpack_from(">BHHB", content, at + 4)
            if components > 3:  # which some programs store the other way round
                raise FormatError("its colours are inks (CMYK), expected grey or RGB: another program can convert it")
            return height * width * components * (1 if depth <= 8 else 2)
        at += 2 if 0xD0 <= marker <= 0xD9 or marker == 1 else 2 + size
    raise FormatError(CUT_SHORT)


def webp(content: bytes, page: str = "") -> int:
    """Of a WebP file, or a frame of it: four channels at most."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise FormatError("it does not begin like one")
    if len(content) < 30:
        raise FormatError(CUT_SHORT)
    match content[12:16]:
        case b"VP8X":
            if content[20] & 2 and not page:
                raise FormatError(f"it is an animation of several frames, expected one image: {PAGES}")
            width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
        case b"VP8L":
            packed = int.from_bytes(content[21:25], "little")
            width = 1 + (packed & 0x3FFF)
            height = 1 + (packed >> 14 & 0x3FFF)
        case _:
            width, height = (n & 0x3FFF for n in struct.unpack_from("<HH", content, 26))
    return 4 * width * height


def jxl(content: bytes) -> int:
    """Of a JPEG XL file, in boxes or bare: four bytes a pixel."""
    if content[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        content = _codestream(content)
    if content[:2] != b"\xff\x0a":
        raise FormatError("it does not begin like one")
    bits = int.from_bytes(content[2:20], "little")

    def take(n: int) -> int:
        nonlocal bits
        value = bits & (1 << n) - 1
        bits >>= n
        return value

    few = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if few else 1 + take((9, 13, 18, 30)[take(2)])

    height = side()
    ratio = take(3)
    across, down = [(0, 1), (1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)][ratio]
    width = height * across // down if ratio else side()
    return 4 * width * height


def _codestream(content: bytes) -> bytes:
    """The beginning of the image in a file of boxes."""
    at = 12
    while at + 16 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, at + 8)
            start += 8
        if name in (b"jxlc", b"jxlp"):
            start += 4 if name == b"jxlp" else 0
            return content[start : start + 20]
        if size < 8:
            break
        at += size
    raise FormatError(CUT_SHORT)


def bmp(content: bytes) -> int:
    """Of a BMP file: its pixels, of which palettes make three bytes."""
    if content[:2] != b"BM":
        raise FormatError("it does not begin like one")
    if len(content) < 30:
        raise FormatError(CUT_SHORT)
    old = content[14:18] == b"\x0c\0\0\0"
    width, height = struct.unpack_from("<HH" if old else "<ii", content, 18)
    (depth,) = struct.unpack_from("<H", content, 24 if old else 28)
    return abs(width * height) * max(3, depth // 8)


def gif(content: bytes, page: str = "") -> int:
    """Of a GIF file of one frame, or one of its frames: four bytes a pixel."""
    if content[:6] not in (b"GIF87a", b"GIF89a"):
        raise FormatError("it does not begin like one")
    if len(content) < 13:
        raise FormatError(CUT_SHORT)
    sizes = [struct.unpack_from("<HH", content, 6)]
    at = 13 + _table(content[10])
    while at + 10 <= len(content) and content[at] in (0x21, 0x2C):
        if content[at] == 0x2C:
            sizes.append(struct.unpack_from("<HH", content, at + 5))
            at += 11 + _table(content[at + 9])
        else:
            at += 2
        while at < len(content) and content[at]:
            at += 1 + content[at]
        at += 1
    if len(sizes) > 2 and not page:
        raise FormatError(f"it is an animation of {len(sizes) - 1} frames, expected one image: {PAGES}")
    return 4 * max(width * height for width, height in sizes)


def _table(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def flac(content: bytes) -> int:
    """Of a FLAC file: frames in two bytes or four."""
    if content[:4] != b"fLaC":
        raise FormatError("it does not begin like one")
    packed = int.from_bytes(content[18:26], "big")
    channels = 1 + (packed >> 41 & 7)
    depth = 1 + (packed >> 36 & 31)
    return (packed & (1 << 36) - 1) * channels * (2 if depth <= 16 else 4)


def aiff(content: bytes) -> int:
    """Of an AIFF file: nothing is compressed in the kinds that are read."""
    if content[:4] != b"FORM":
        raise FormatError("it does not begin like one")
    return 4 * len(content)
