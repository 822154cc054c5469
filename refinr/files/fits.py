"""FITS images, as telescopes and their programs write them: the stored numbers, not the scaled ones.

With this you can `read` the samples of a file's image and all that stands around them, and `write` them back so that
the file is the same, byte for byte.  Of several images one is named, by number or name: ``file.fits::1``.

A header is cards of 80 characters, ``BITPIX  = 16``; numbers come in blocks of 2880 bytes, the most significant byte
first, the first axis fastest.  ``BSCALE`` and ``BZERO`` say how they become physical values, and travel along.
Compressed images are read by astropy, see `refinr.files.fits_tiles`, and written as plain ones.
"""

from __future__ import annotations

import base64
import io
import math
import mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refinr.files import fits_tiles
from refinr.files.fits_tiles import BLOCK, whole
from refinr.files.format import Format, FormatError, kind

_TYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""Dtypes by what ``BITPIX`` says."""


class _Unit(NamedTuple):
    """A header and the numbers behind it."""

    start: int
    data: int
    end: int
    cards: dict[str, str]
    shape: tuple[int, ...]

    @property
    def image(self) -> bool:
        """Whether it holds samples."""
        named = self.cards.get("XTENSION", "'IMAGE   '").strip("' ")
        grouped = self.cards.get("GROUPS") == "T" or self.cards.get("GCOUNT", "1") != "1"
        return named in ("IMAGE", "IUEIMAGE") and not grouped and math.prod(self.shape) > 0 and self.shape != ()


def _cards(content: bytes | mmap.mmap, at: int) -> tuple[dict[str, str], int]:
    """Values by keyword, the first of each, as they are written; and where the header ends."""
    found: dict[str, str] = {}
    begun = at
    while True:
        card = content[at : at + 80]
        if len(card) < 80:
            raise FormatError(f"it is cut short: the header at byte {begun} has no end")
        at += 80
        name = card[:8].decode("latin-1").strip()
        if name == "END":
            return found, begun + -(-(at - begun) // BLOCK) * BLOCK
        if card[8:10] == b"= ":
            found.setdefault(name, card[10:].decode("latin-1").partition("/")[0].strip())


def _units(content: bytes | mmap.mmap) -> list[_Unit]:
    if content[:6] != b"SIMPLE":
        raise FormatError("it does not begin like one, with SIMPLE")
    found = list[_Unit]()
    at = 0
    while at < len(content) and content[at : at + 8] in (b"SIMPLE  ", b"XTENSION"):
        cards, data = _cards(content, at)
        axes = whole(cards, "NAXIS")
        if not 0 <= axes <= 999:
            raise FormatError(f"expected up to 999 axes, got {axes}")
        shape = tuple(whole(cards, f"NAXIS{axis}") for axis in range(axes, 0, -1))
        if min(shape, default=0) < 0:
            raise FormatError(f"expected axes of 0 or more, got {shape}")
        bits = whole(cards, "BITPIX")
        sides = shape[:-1] if cards.get("GROUPS") == "T" else shape
        count = (math.prod(sides) if axes else 0) + whole(cards, "PCOUNT", 0)
        size = abs(bits) // 8 * whole(cards, "GCOUNT", 1) * count
        if bits not in _TYPES or size < 0:
            raise FormatError(f"expected numbers of 8, 16, 32 or 64 bits, or floats of 32 or 64, got BITPIX {bits}")
        if data + size > len(content):
            raise FormatError(f"it is cut short: its samples should end at byte {data + size}, got {len(content)}")
        found.append(_Unit(at, data, data + size, cards, shape))
        at = data + -(-size // BLOCK) * BLOCK
    return found


def read(content: bytes, name: str | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of one image.

    Parameters
    ----------
    content : bytes
    name : str, optional
        Its number, 0 for the first, or its name; not needed where there is one that holds samples.

    Raises
    ------
    ValueError
        For content that is damaged or cut short, for tables, and for several images of which none is named.
    """
    units = _units(content)
    unit = _chosen(units, name)
    if fits_tiles.is_one(unit.cards):
        samples, header = fits_tiles.unpacked(content, units.index(unit))
        around = [_behind(header), bytes(-samples.nbytes % BLOCK)]
        return samples, {"channels": False, "fits": [base64.b64encode(part).decode() for part in around]}
    if not unit.image:
        raise FormatError("it holds a table or groups, expected an image")
    stored = np.dtype(_TYPES[whole(unit.cards, "BITPIX")])
    samples = np.frombuffer(content, stored, math.prod(unit.shape), unit.data).reshape(unit.shape)
    alone = sum(unit.end > unit.data for unit in units) == 1
    around = (
        [content[: unit.data], content[unit.end :]]
        if alone
        else [_behind(content[unit.start : unit.data]), _padding(unit)]
    )
    kept = [base64.b64encode(part).decode() for part in around]
    return samples.astype(stored.newbyteorder("=")), {"channels": False, "fits": kept}


def _chosen(units: list[_Unit], name: str | None) -> _Unit:
    """The unit of that number or name, or the one that holds samples."""
    names = {str(i): unit for i, unit in enumerate(units) if unit.end > unit.data}
    if name is not None:
        named = {unit.cards.get("EXTNAME", "").strip("' "): unit for unit in reversed(names.values())}
        unit = names.get(name) or named.get(name)
    else:
        unit = next(iter(names.values())) if len(names) == 1 else None
    if unit is None:
        called = {i: u.cards.get("EXTNAME", u.cards.get("XTENSION", "the first")).strip("' ") for i, u in names.items()}
        listed = ", ".join(f"{i} ({text})" for i, text in called.items()) or "no samples"
        raise FormatError(f"it holds {listed}; name one of them, as in file.fits::{next(iter(names), 0)}")
    return unit


def asks(content: bytes, name: str | None = None) -> int:
    """How many bytes of samples the chosen image unpacks to; 0 of one that is there as it is."""
    unit = _chosen(_units(content), name)
    return fits_tiles.asks(unit.cards) if fits_tiles.is_one(unit.cards) else 0


def _has_tiles(source: Path | bytes) -> bool:
    """Whether there is a compressed image; of what is damaged, `read` says so."""
    try:
        if isinstance(source, bytes):
            return any(fits_tiles.is_one(unit.cards) for unit in _units(source))
        with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(fits_tiles.is_one(unit.cards) for unit in _units(content))
    except ValueError:
        return False


def _behind(header: bytes) -> bytes:
    """A header, behind one without samples if it is not that of a file's first unit."""
    return header if header.startswith(b"SIMPLE") else _EMPTY + header


def _padding(unit: _Unit) -> bytes:
    return bytes(-(unit.end - unit.data) % BLOCK)


def _header(cards: dict[str, str]) -> bytes:
    text = "".join(f"{name:<8}= {value:>20}".ljust(80) for name, value in cards.items()) + "END".ljust(80)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")


_EMPTY = _header({"SIMPLE": "T", "BITPIX": "8", "NAXIS": "0", "EXTEND": "T"})
"""What stands before an image that is no first one."""


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write samples between what stood around them, or behind a plain header.

    Raises
    ------
    ValueError
        For samples that FITS cannot hold, or that are not those the header speaks of.
    """
    bits = {np.dtype(stored): bits for bits, stored in _TYPES.items()}.get(samples.dtype.newbyteorder(">"))
    if bits is None or samples.ndim == 0 or samples.size == 0:
        types = ", ".join(np.dtype(stored).newbyteorder("=").name for stored in _TYPES.values())
        raise ValueError(f"expected {types} with one axis or more, got {kind(samples)}")
    if "fits" in info:
        before, after = (base64.b64decode(part) for part in info["fits"])
        units = _units(before + bytes(samples.nbytes))
        said = [(whole(unit.cards, "BITPIX"), unit.shape) for unit in units if unit.end > unit.data]
        if said != [(bits, samples.shape)]:
            raise ValueError(f"expected samples as its header says, {said} of BITPIX and axes, got {kind(samples)}")
    else:
        axes = {f"NAXIS{i + 1}": str(n) for i, n in enumerate(reversed(samples.shape))}
        before = _header({"SIMPLE": "T", "BITPIX": str(bits), "NAXIS": str(samples.ndim), **axes})
        after = bytes(-samples.nbytes % BLOCK)
    file.write(before + samples.astype(_TYPES[bits]).tobytes() + after)


FORMAT = Format(
    name="fits",
    suffixes=(".fits", ".fit", ".fts"),
    read=read,
    write=write,
    samples="any number of axes; uint8, int16, int32, int64, float32, float64",
    keeps=("fits",),
    carries="the header, byte for byte",
    loses="compression; other images and tables, where one of several is named",
    extra="astronomy",
    needs=("astropy.io.fits",),
    member=read,
    asks=asks,
    apart=_has_tiles,
)
