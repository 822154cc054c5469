"""PNG images, of 1, 2, 4, 8 and 16 bits.

Palettes and transparent colours become RGB and alpha.  Grey of 1, 2 and 4 bits keeps its values, 0 to 1, 3 or 15,
unless one of them is transparent: then it spans 0 to 255, as its alpha does.

Gamma, colour profile, physical size, text and other chunks that say what the samples mean travel along.  Grey and
colours of 8 and 16 bits are read by imagecodecs where it is installed (extra ``images``), the rest, and all of them
where it is not, by pypng, which takes ten times as long and more.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from refinr.files.format import Format, FormatError, check_size, kind

_HEAD = b"\x89PNG\r\n\x1a\n"

CARRIED = {"gAMA", "cHRM", "sRGB", "iCCP", "cICP", "mDCV", "cLLI", "pHYs", "sCAL", "oFFs", "tEXt", "zTXt", "iTXt"}
CARRIED |= {"eXIf", "tIME"}
"""Chunks that mean the same beside samples that are stored another way, in the order of the standard's sections."""


def _chunks(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all chunks; each is whole, and the last one ends the file."""
    if not content.startswith(_HEAD):
        raise FormatError("it does not begin like one")
    at = len(_HEAD)
    while True:
        if at + 12 > len(content):
            raise FormatError(f"it is cut short: a chunk should begin at byte {at}, and there are {len(content)} bytes")
        size, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + size
        if end > len(content):
            raise FormatError(f"it is cut short: chunk {name!r} should end at byte {end}, got {len(content)} bytes")
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise FormatError(f"it is damaged: the checksum of the chunk {name!r} at byte {at} is another")
        yield name.decode("latin-1"), content[at + 8 : end - 4]
        at = end
        if name == b"IEND":
            break
    if at < len(content):
        raise FormatError(
            f"{len(content) - at} bytes follow its end, and would be lost; cut it at byte {at} if it should"
        )


def _checked(content: bytes) -> list[tuple[str, bytes]]:
    chunks = list(_chunks(content))
    names = [name for name, _ in chunks]
    for name in ("IHDR", "PLTE", "tRNS"):
        if names.count(name) > 1:
            raise FormatError(f"it has {names.count(name)} chunks {name}, expected one at most")
    if names[0] != "IHDR" or len(chunks[0][1]) != 13 or "IDAT" not in names:
        raise FormatError(f"expected chunks IHDR, first, and IDAT, got {', '.join(names[:5])}")
    if "acTL" in names:
        frames = int.from_bytes(dict(chunks)["acTL"][:4], "big")
        raise FormatError(f"it is an animation of {frames} frames; expected one image: save the frame that is meant")
    return chunks


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a PNG file.

    Raises
    ------
    ValueError
        For content that is damaged, is an animation, has more behind its end, or promises more than it holds.
    """
    chunks = _checked(content)
    width, height, depth, colour, _, _, _ = struct.unpack(">IIBBBBB", chunks[0][1])
    planes = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    check_size(height * (width * planes * depth // 8), content)
    plain = depth in (8, 16) and colour != 3 and all(name != "tRNS" for name, _ in chunks)
    samples, bitdepth = (_fast(content) if plain else None) or _any(content)
    carried = [[name, base64.b64encode(data).decode()] for name, data in chunks if name in CARRIED]
    info = {"channels": samples.ndim == 3, "bitdepth": bitdepth, "greyscale": samples.shape[2:] in ((), (2,))}
    info["alpha"] = samples.shape[2:] in ((2,), (4,))
    return samples, info | ({"chunks": carried} if carried else {})


def _fast(content: bytes) -> tuple[np.ndarray, int] | None:
    """Grey and colours of 8 and 16 bits; None without the library."""
    try:
        import imagecodecs
    except ImportError:
        return None
    try:
        samples = imagecodecs.png_decode(content)
    except Exception as error:  # its own kinds
        raise FormatError("it is damaged: its compressed samples are not whole") from error
    return samples, 8 * samples.itemsize


def _any(content: bytes) -> tuple[np.ndarray, int]:
    import png

    reader = png.Reader(bytes=content)
    reader.preamble()
    reader.sbit = None  # how many bits were significant once: pypng would shift the others out of the stored samples
    check_size(reader.height * reader.row_bytes, content)
    width, height, lines, meta = reader.asDirect()
    planes = meta["planes"]
    bitdepth = meta["bitdepth"]
    rows = np.array([np.asarray(line) for line in lines], dtype=np.uint8 if bitdepth <= 8 else np.uint16)
    if meta["alpha"] and bitdepth < 8:  # a transparent grey; PNG has alpha channels of 8 and 16 bits only
        rows = rows * (255 // (2**bitdepth - 1))
        bitdepth = 8
    return rows.reshape((height, width, planes) if planes > 1 else (height, width)), bitdepth


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
        if name not in CARRIED:
            continue
        chunk = name.encode("ascii") + base64.b64decode(data)
        file.write(struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    file.write(content[33:])


FORMAT = Format(
    name="png",
    suffixes=(".png",),
    read=read,
    write=write,
    samples="(H, W), or (H, W, C) for grey and alpha, RGB, RGBA; uint8 up to 8 bits, uint16 for 16",
    keeps=("bitdepth", "greyscale", "alpha", "chunks"),
)
