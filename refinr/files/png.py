"""PNG images, of 1, 2, 4, 8 and 16 bits.

Palettes and transparent colours become RGB and alpha.  Grey of 1, 2 and 4 bits keeps its values, 0 to 1, 3 or 15,
unless one of them is transparent: then it spans 0 to 255, as its alpha does.

Gamma, colour profile, physical size, text and other chunks that say what the samples mean travel along.  Numbers are
read by imagecodecs where it is installed (extra ``images``), and where it is not by pypng, which takes ten times as
long and more.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from refinr.files import frames
from refinr.files.chunked import HEAD, chunk, chunks_of
from refinr.files.format import PAGES, Format, FormatError, kind

CARRIED = {"gAMA", "cHRM", "sRGB", "iCCP", "cICP", "mDCV", "cLLI", "pHYs", "sCAL", "oFFs", "tEXt", "zTXt", "iTXt"}
CARRIED |= {"eXIf", "tIME"}
"""Chunks that mean the same beside samples that are stored another way, in the order of the standard's sections."""


def _checked(content: bytes) -> list[tuple[str, bytes]]:
    chunks = list(chunks_of(content))
    names = [name for name, _ in chunks]
    for name in ("IHDR", "PLTE", "tRNS"):
        if names.count(name) > 1:
            raise FormatError(f"it has {names.count(name)} chunks {name}, expected one at most")
    if names[0] != "IHDR" or len(chunks[0][1]) != 13 or "IDAT" not in names:
        raise FormatError(f"expected chunks IHDR, first, and IDAT, got {', '.join(names[:5])}")
    return chunks


def _animated(chunks: list[tuple[str, bytes]]) -> int | None:
    """How many frames there are; None of an image, also where it is the only frame itself."""
    names = [name for name, _ in chunks]
    count = int.from_bytes(dict(chunks).get("acTL", b"")[:4], "big")
    return count if "acTL" in names and (count != 1 or "fdAT" in names) else None


class _Head(NamedTuple):
    width: int
    height: int
    depth: int
    colour: int
    compression: int
    filtering: int
    interlaced: int

    @property
    def planes(self) -> int:
        """Numbers that are stored for a pixel."""
        return {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[self.colour]


_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a number, by what IHDR says of colours."""


def _head(content: bytes) -> _Head:
    head = _Head(*struct.unpack_from(">IIBBBBB", content, 16))
    if head.depth not in _DEPTHS.get(head.colour, ()) or head.compression or head.filtering or head.interlaced > 1:
        raise FormatError(f"its head makes no sense: expected bits and colours of the standard, got {head[2:]}")
    if not 0 < head.width < 1 << 31 or not 0 < head.height < 1 << 31:
        raise FormatError(f"expected a width and a height of 1 or more, got {head.width} x {head.height}")
    return head


def asks(content: bytes, page: str = "") -> int:
    """How many bytes of samples the head speaks of, with an alpha channel if there may be one."""
    if content[12:16] != b"IHDR" or len(content) < 33:
        return 0  # `read` says what is wrong
    head = _head(content)
    return head.height * head.width * (2 if head.colour in (0, 4) else 4) * (2 if head.depth == 16 else 1)


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a PNG file.

    Raises
    ------
    ValueError
        For content that is damaged, is an animation, has more behind its end, or promises more than it holds.
    """
    chunks = _checked(content)
    if (count := _animated(chunks)) is not None:
        raise FormatError(f"it is an animation of {count} frames, expected one image: {PAGES}")
    head = _head(content)
    if head.height * -(-head.width * head.planes * head.depth // 8) > 1032 * len(content):  # all that deflate makes
        raise FormatError(f"its {len(content)} bytes cannot hold the samples that it promises")
    _check_inflated(head, chunks)
    found = _fast(head, chunks)
    samples, bitdepth = _any(head, content, chunks) if found is None else found
    info = {
        "channels": samples.ndim == 3,
        "bitdepth": bitdepth,
        "greyscale": samples.shape[2:] in ((), (2,)),
        "alpha": samples.shape[2:] in ((2,), (4,)),
    }
    return samples, info | _carried(chunks)


def _carried(chunks: list[tuple[str, bytes]]) -> dict[str, Any]:
    carried = [[name, base64.b64encode(data).decode()] for name, data in chunks if name in CARRIED]
    return {"chunks": carried} if carried else {}


def frame(content: bytes, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of one frame of an animation, or of the one image that there is.

    Raises
    ------
    ValueError
        As `read` does, and for frames of which Pillow would change the samples: other than 8 bits, and no palette.
    """
    chunks = _checked(content)
    if _animated(chunks) is None:
        number = frames.number(name, 1)
        samples, info = read(content)
        return samples, info | frames.which(number, 1)
    head = _head(content)
    if head.depth != 8 and head.colour != 3:
        raise FormatError(f"it is an animation of {head.depth} bits, of which frames are not read, expected 8 bits")
    samples, info = frames.by_pillow(content, name, "PNG")
    return samples, info | _carried(chunks)


def _fast(head: _Head, chunks: list[tuple[str, bytes]]) -> tuple[np.ndarray, int] | None:
    """By the library; None without it, and for the one kind of rows that it would have to take apart.

    It gets the numbers and nothing that they mean.  Numbers of a few bits stay packed: bytes of grey are filtered in
    the same way.
    """
    try:
        import imagecodecs
    except ImportError:
        return None
    if head.depth < 8 and head.interlaced:
        return None
    width = head.width if head.depth >= 8 else -(-head.width * head.depth // 8)
    colour = 0 if head.colour == 3 else head.colour
    plain = struct.pack(">IIBBBBB", width, head.height, max(8, head.depth), colour, 0, 0, head.interlaced)
    stored = b"".join(data for name, data in chunks if name == "IDAT")
    try:
        rows = imagecodecs.png_decode(HEAD + chunk("IHDR", plain) + chunk("IDAT", stored) + chunk("IEND", b""))
    except Exception as error:  # its own kinds
        raise FormatError("it is damaged: its compressed samples are not whole") from error
    if head.depth < 8:
        shifts = np.arange(8 - head.depth, -1, -head.depth, dtype=np.uint8)
        rows = (rows[..., None] >> shifts & (1 << head.depth) - 1).reshape(head.height, -1)[:, : head.width]
    return _meant(head, rows, dict(chunks))


def _meant(head: _Head, samples: np.ndarray, chunks: dict[str, bytes]) -> tuple[np.ndarray, int]:
    """Colours for indices, and alpha for a colour that is transparent; and the bits of these."""
    keys = chunks.get("tRNS")
    if head.colour == 3:
        return _looked_up(samples, chunks.get("PLTE", b""), keys), 8
    if keys is None:
        return samples, head.depth
    if len(keys) != 2 * head.planes or head.colour > 3:
        raise FormatError(f"expected one transparent colour, got a chunk tRNS of {len(keys)} bytes")
    key = np.frombuffer(keys, ">u2") & (1 << head.depth) - 1
    planes = samples.reshape(head.height, head.width, head.planes)
    opaque = (planes != key).any(axis=2, keepdims=True)
    depth = max(8, head.depth)
    most = samples.dtype.type((1 << depth) - 1)
    return np.concatenate([planes * (most // samples.dtype.type((1 << head.depth) - 1)), opaque * most], axis=2), depth


def _looked_up(indices: np.ndarray, palette: bytes, alpha: bytes | None) -> np.ndarray:
    if not palette or len(palette) % 3 or len(palette) > 768 or len(alpha or b"") > len(palette) // 3:
        raise FormatError(f"expected a palette of 1 to 256 colours, got {len(palette)} bytes and {len(alpha or b'')}")
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    if indices.max() >= len(colours):
        raise FormatError(f"expected indices into a palette of {len(colours)} colours, got {indices.max()}")
    if alpha is not None:
        opacity = np.frombuffer(alpha.ljust(len(colours), b"\xff"), np.uint8)[:, None]
        return np.concatenate([colours, opacity], axis=1)[indices]
    return colours[indices]


def _any(head: _Head, content: bytes, chunks: list[tuple[str, bytes]]) -> tuple[np.ndarray, int]:
    import png

    if head.depth < 16 and head.colour in (0, 2) and "tRNS" in dict(chunks):  # of which pypng takes too many bits
        masked = (chunk(name, _masked(data, head.depth) if name == "tRNS" else data) for name, data in chunks)
        content = HEAD + b"".join(masked)
    reader = png.Reader(bytes=content)
    reader.preamble()
    reader.sbit = None  # how many bits were significant once: pypng would shift the others out of the stored samples
    width, height, lines, meta = reader.asDirect()
    planes, bitdepth = (meta[name] for name in ("planes", "bitdepth"))
    rows = np.array([np.asarray(line) for line in lines], dtype=np.uint8 if bitdepth <= 8 else np.uint16)
    if meta["alpha"] and bitdepth < 8:  # a transparent grey; PNG has alpha channels of 8 and 16 bits only
        rows = rows * (255 // (2**bitdepth - 1))
        bitdepth = 8
    return rows.reshape((height, width, planes) if planes > 1 else (height, width)), bitdepth


def _masked(key: bytes, depth: int) -> bytes:
    """A transparent colour with the bits that count."""
    return (np.frombuffer(key, ">u2") & (1 << depth) - 1).astype(">u2").tobytes()


_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
"""Interlaced pixels come in seven passes: the first column and row of each, and the steps from there."""


def _check_inflated(head: _Head, chunks: list[tuple[str, bytes]]) -> None:
    """Inflate in pieces what libraries would at once, or past the end, and refuse what is not the rows of the image."""
    expected = 0
    for column, row, right, down in _PASSES if head.interlaced else [(0, 0, 1, 1)]:
        width, height = -(-(head.width - column) // right), -(-(head.height - row) // down)
        bits = width * head.planes * head.depth
        expected += height * (1 + -(-bits // 8)) if width > 0 and height > 0 else 0
    inflater = zlib.decompressobj()
    found = 0
    for data in (data for name, data in chunks if name == "IDAT"):
        while data and not inflater.eof and found <= expected:
            found += len(inflater.decompress(data, 1 << 16))
            data = inflater.unconsumed_tail
    found += len(inflater.decompress(b"", 1 << 16))
    if found != expected:
        there = "more" if found > expected else found
        raise FormatError(f"it is damaged: expected {expected} bytes of filtered samples, got {there}")


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write an image, its chunks too; grey uint8 in ``info["bitdepth"]`` 1, 2 or 4 bits if it is one of these.

    Raises
    ------
    ValueError
        For samples that PNG cannot hold, or that do not fit into the bits asked for.
    """
    import png

    image = samples.ndim == 2 or (samples.ndim == 3 and samples.shape[2] in (2, 3, 4))
    if samples.dtype.name not in ("uint8", "uint16") or samples.size == 0 or not image:
        raise ValueError(f"expected uint8 or uint16 of shape (H, W) or (H, W, 2 to 4), got {kind(samples)}")
    height, width, planes = (*samples.shape, 1)[:3]
    few = samples.dtype == np.uint8 and planes == 1 and info.get("bitdepth") in (1, 2, 4)
    bitdepth = info["bitdepth"] if few else 8 * samples.itemsize
    if int(samples.max()) >> bitdepth:
        raise ValueError(f"expected values below {2**bitdepth} for a bitdepth of {bitdepth}, got {samples.max()}")
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes in (2, 4), bitdepth=bitdepth)
    rows = samples.astype(">u2" if bitdepth == 16 else "u1", order="C").view("u1").reshape(height, -1)
    plain = io.BytesIO()
    writer.write_packed(plain, png.pack_rows(rows, bitdepth) if bitdepth < 8 else rows)
    content = plain.getvalue()
    file.write(content[:33])  # the head and IHDR: colours have to be said before the samples
    for name, data in info.get("chunks", []):
        if name in CARRIED:
            file.write(chunk(name, base64.b64decode(data)))
    file.write(content[33:])


FORMAT = Format(
    name="png",
    suffixes=(".png",),
    read=read,
    write=write,
    samples="(H, W), or (H, W, C) for grey and alpha, RGB, RGBA; uint8 up to 8 bits, uint16 for 16",
    keeps=("bitdepth", "greyscale", "alpha", "chunks"),
    carries="gamma, profile, physical size, text, EXIF, time",
    loses="palette, background, significant bits",
    needs=("imagecodecs", "png"),
    member=frame,
    pages=True,
    asks=asks,
    apart=True,
)
