"""Hostile files of any format: mutated, or forged where heads, chunks and directories have their numbers.

With this you can mutate any content (`mutate`), forge a file by its suffix (`FORGERS`) so that checksums and lengths
still match, and keep several files that are read together as one content (`pack`, `unpack`).
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from tests import forging_inr

NUMBERS = [0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**60, 2**63 - 1, 2**63, 2**64 - 1]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, overwrite, cut, extend, delete, repeat; one to four times."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at, end = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
        if rng.random() < 0.5:  # where headers are
            at, end = min(at, int(rng.integers(0, 200))), min(end, at + int(rng.integers(1, 40)))
        match int(rng.integers(0, 8)):
            case 0 if data:
                data[at % len(data)] ^= 1 << int(rng.integers(0, 8))
            case 1:
                data[at : at + 1] = rng.bytes(1)
            case 2:
                size = int(rng.choice([1, 2, 4, 8]))
                number = int(NUMBERS[rng.integers(0, len(NUMBERS))]) % 256**size
                data[at : at + size] = number.to_bytes(size, "little" if rng.random() < 0.6 else "big")
            case 3:
                del data[at:]
            case 4:
                data += (
                    rng.bytes(int(rng.integers(1, 100))) if rng.random() < 0.5 else bytes(int(rng.integers(1, 5000)))
                )
            case 5:
                del data[at:end]
            case 6:
                data[at:at] = data[at:end]
            case _:
                data[at:end] = rng.bytes(end - at)
    return bytes(data)


def forge_png(content: bytes, rng: np.random.Generator) -> bytes:
    """Other chunks, with the checksums to match."""
    chunks, at = [], 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks.append([content[at + 4 : at + 8], bytearray(content[at + 8 : at + 8 + size])])
        at += 12 + size
    for _ in range(rng.integers(1, 4)):
        which = int(rng.integers(0, len(chunks)))
        name, data = chunks[which]
        match int(rng.integers(0, 4)):
            case 0 if name == b"IHDR" or rng.random() < 0.3:
                field = int(rng.choice([0, 4]))
                data[field : field + 4] = (int(rng.choice(NUMBERS[:11])) % 2**32).to_bytes(4, "big")
            case 1:
                chunks[which][1] = bytearray(mutate(bytes(data), rng))
            case 2:
                chunks.insert(which, [name, bytearray(data)])
            case _ if len(chunks) > 1:
                del chunks[which]
    framed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return content[:8] + b"".join(framed)


def forge_gzip(content: bytes, rng: np.random.Generator) -> bytes:
    """Other bytes, with the checksum to match."""
    return gzip.compress(mutate(gzip.decompress(content), rng), mtime=0)


def forge_npz(content: bytes, rng: np.random.Generator) -> bytes:
    """Another array in the archive, with the checksum to match; perhaps under another name, or twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            changed = (mutate if rng.random() < 0.3 else forge_npy)(data, rng)
            archive.writestr(name if rng.random() < 0.9 else name[:-4], changed)
            if rng.random() < 0.1:
                archive.writestr(f"other{name}", data)
    return file.getvalue()


def forge_fits(content: bytes, rng: np.random.Generator) -> bytes:
    """Other values, or keywords, on the cards of a header."""
    data = bytearray(content)
    first = rng.choice([at for at in range(0, len(data), 2880) if data[at : at + 8] in (b"SIMPLE  ", b"XTENSION")])
    cards = [at for at in range(first, content.index(b"END".ljust(80), first) + 80, 80) if data[at : at + 80].strip()]
    for at in rng.choice(cards, int(rng.integers(1, 3))):
        if rng.random() < 0.8:
            value = str(int(NUMBERS[rng.integers(0, len(NUMBERS))]) * int(rng.choice([1, 1, 1, -1])))
            data[at + 10 : at + 80] = (
                rng.choice([value, "T", "'text'", "", "1.5", "16", "-64"]).rjust(20).ljust(70).encode()
            )
        else:
            data[at : at + 8] = bytes(data[rng.choice(cards) :][:8])
    return bytes(data)


# --- numbers at their places -----------------------------------------------------------------------------------------

Place = tuple[int, str]
"""Where a number is, and how `struct` reads it."""


def _number(rng: np.random.Generator, old: int) -> int:
    near = [old + 1, old - 1, 2 * old, old // 2, old ^ 1 << int(rng.integers(0, 16)), -old]
    return int(near[rng.integers(0, len(near))] if rng.random() < 0.6 else NUMBERS[rng.integers(0, len(NUMBERS))])


def _at_places(places: Callable[[bytes], Iterator[Place]]) -> Callable[[bytes, np.random.Generator], bytes]:
    """A forger of one to three of the numbers that are at these places."""

    def forge(content: bytes, rng: np.random.Generator) -> bytes:
        data = bytearray(content)
        there = list(places(content))
        for _ in range(rng.integers(1, 4)):
            at, form = there[rng.integers(0, len(there))]
            (old,) = struct.unpack_from(form, content, at)
            size = struct.calcsize(form)
            new = int.to_bytes(_number(rng, old) % 256**size, size, "big" if form[0] == ">" else "little")
            data[at : at + size] = new
        return bytes(data)

    return forge


def _fixed(*places: Place) -> Callable[[bytes], Iterator[Place]]:
    return lambda content: iter(places)


def _tiff(content: bytes) -> Iterator[Place]:
    """Tags, types, counts and values of all directories."""
    order = "<" if content[:2] == b"II" else ">"
    big = 43 in (content[2], content[3])
    wide, size = ("Q", 20) if big else ("I", 12)
    where = 8 if big else 4
    while at := struct.unpack_from(order + wide, content, where)[0]:
        yield where, order + wide
        (entries,) = struct.unpack_from(order + ("Q" if big else "H"), content, at)
        yield at, order + "H"
        at += 8 if big else 2
        for entry in range(at, at + entries * size, size):
            yield from ((entry, order + "H"), (entry + 2, order + "H"))
            yield from ((entry + 4, order + wide), (entry + size - (8 if big else 4), order + wide))
        where = at + entries * size


def _gif(content: bytes) -> Iterator[Place]:
    """Sizes, and of every frame its place, size, flags and first blocks."""
    yield from ((6, "<H"), (8, "<H"), (10, "<B"), (11, "<B"))
    at = 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)
    while at + 10 <= len(content) and content[at] in (0x21, 0x2C):
        if content[at] == 0x2C:
            yield from ((at + place, "<H") for place in (1, 3, 5, 7))
            yield from ((at + place, "<B") for place in (9, 10, 11))
            flags = content[at + 9]
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            yield from ((at + place, "<B") for place in range(1, 7))
            at += 2
        while at < len(content) and content[at]:
            at += 1 + content[at]
        at += 1


def _chunks(order: str) -> Callable[[bytes], Iterator[Place]]:
    """Lengths of the chunks of RIFF or FORM, and what their first bytes say."""

    def places(content: bytes) -> Iterator[Place]:
        yield 4, order + "I"
        at = 12
        while at + 8 <= len(content):
            (size,) = struct.unpack_from(order + "I", content, at + 4)
            yield at + 4, order + "I"
            yield from ((at + 8 + place, order + "H") for place in range(0, min(size, 40) - 1, 2))
            at += 8 + size + size % 2

    return places


def _jpeg(content: bytes) -> Iterator[Place]:
    """Markers, lengths and bytes of the segments before the samples."""
    at = 2
    while content[at] == 0xFF and content[at + 1] != 0xD9:
        (size,) = struct.unpack_from(">H", content, at + 2)
        yield from ((at + 1, ">B"), (at + 2, ">H"))
        yield from ((at + place, ">B") for place in range(4, min(size + 2, 40)))
        yield from ((at + place, ">H") for place in range(5, min(size + 1, 12), 2))
        at += 2 + size
        if content[at - size - 1] == 0xDA:
            return


def _dicom(content: bytes) -> Iterator[Place]:
    """Tags, lengths and values of elements that say of what kind they are, the least byte first."""
    at = 132
    while at + 12 <= len(content):
        long = content[at + 4 : at + 6] in (b"OB", b"OW", b"OD", b"OF", b"SQ", b"UN", b"UT", b"UC", b"UR")
        form = "<I" if long else "<H"
        start = at + (12 if long else 8)
        (size,) = struct.unpack_from(form, content, start - struct.calcsize(form))
        yield from ((at, "<H"), (at + 2, "<H"), (at + 4, "<H"), (start - struct.calcsize(form), form))
        yield from ((start + place, "<H") for place in range(0, min(size, 8) - 1, 2))
        at = start + size


def _aligned(content: bytes) -> Iterator[Place]:
    """All that may be numbers in the first two kilobytes, as in HDF5."""
    for at in range(8, min(len(content), 2048) - 8, 8):
        yield from ((at, "<Q"), (at, "<H"), (at + 2, "<H"), (at + 4, "<I"))


_NIFTI = _fixed(
    (0, "<i"), (344, "<I"), *((at, "<h") for at in (*range(40, 56, 2), 70, 72)), *((at, "<I") for at in (108, 112))
)
_BMP = _fixed(*((at, "<I") for at in (2, 10, 14, 18, 22, 30, 34, 46, 50)), (26, "<H"), (28, "<H"))
_FLAC = _fixed((4, ">I"), (8, ">H"), (10, ">H"), (12, ">I"), (18, ">I"), (22, ">I"), (42, ">I"), (50, ">H"))


# --- words -----------------------------------------------------------------------------------------------------------


def forge_words(content: bytes, rng: np.random.Generator) -> bytes:
    """Other numbers, comments or blanks in place of numbers in digits, at the beginning mostly."""
    found = list(re.finditer(rb"\d+", content[: 60 if rng.random() < 0.8 else None]))
    for one in sorted(rng.choice(len(found), int(rng.integers(1, 3))), reverse=True):
        start, end = found[one].span()
        old = int(found[one][0][:40])
        new = [b"%d" % _number(rng, old), b"#%d\n" % old, b"", b"%d 0" % old, b"0" * 5000, b"9" * 30, b"-1", b"1e9"]
        content = content[:start] + new[0 if rng.random() < 0.6 else rng.integers(0, len(new))] + content[end:]
    return content


def forge_npy(content: bytes, rng: np.random.Generator) -> bytes:
    """Another dtype, order or shape, as many bytes or not, and a head of that length."""
    with io.BytesIO(content[8:]) as file:
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        samples = content[8 + file.tell() :]
    types = [f"{order}{kind}{dtype.itemsize}" for order in "<>" for kind in "iuf"]
    shapes: list[object] = [
        shape[::-1],
        (int(np.prod(shape)),),
        (*shape, 1),
        shape[1:],
        (2**60, 0),
        (-1, 3),
        (2**40, 2**40),
    ]
    match int(rng.integers(0, 5)):
        case 0:
            said = {"descr": types[rng.integers(0, 6)], "fortran_order": fortran, "shape": shape}
        case 1:
            said = {"descr": dtype.str, "fortran_order": not fortran, "shape": shape[::-1]}
        case 2:
            said = {"descr": dtype.str, "fortran_order": fortran, "shape": shapes[rng.integers(0, len(shapes))]}
        case 3:
            strange = ["|O", "<c16", "<m8", "<f16", "|V1", [("a", "<f4")], "9" * 400, None]
            said = {"descr": strange[rng.integers(0, len(strange))], "fortran_order": fortran, "shape": shape}
        case _:
            said = {"descr": dtype.str, "fortran_order": fortran, "shape": shape}
    head = repr(said).encode() + b" " * int(rng.integers(0, 40)) + b"\n"
    head = forge_words(head, rng) if rng.random() < 0.2 else head
    return content[:8] + struct.pack("<H", len(head)) + head + samples


# --- several files ---------------------------------------------------------------------------------------------------

TOGETHER = (".zarr", ".hdr")
"""Suffixes of what is several files: a folder, or a header beside an image."""


def pack(files: dict[str, bytes]) -> bytes:
    """Files by name as one content."""
    return json.dumps({name: base64.b64encode(content).decode() for name, content in files.items()}).encode()


def unpack(content: bytes) -> dict[str, bytes]:
    """And back."""
    return {name: base64.b64decode(text) for name, text in json.loads(content).items()}


def forge_together(content: bytes, rng: np.random.Generator) -> bytes:
    """One or two of the files: another description or header, mutated, another's content, or none."""
    files = unpack(content)
    for _ in range(rng.integers(1, 3)):
        described = [name for name in files if name.endswith(("json", ".zarray", ".hdr"))]
        names = described if described and rng.random() < 0.6 else list(files)
        if not names:
            break
        name = names[rng.integers(0, len(names))]
        match int(rng.integers(0, 8)):
            case 0 if not name.endswith(".hdr"):  # without it there is no file
                del files[name]
            case 1:
                files[name] = files[list(files)[rng.integers(0, len(files))]]
            case 2 | 3:
                files[name] = mutate(files[name], rng)
            case _ if name.endswith(("json", ".zarray")):
                files[name] = _described(files[name], rng)
            case _ if name.endswith(".hdr") and len(files[name]) >= 348:
                files[name] = FORGERS[".nii"](files[name], rng)
    return pack(files)


def _described(text: bytes, rng: np.random.Generator) -> bytes:
    try:
        described = json.loads(text)
    except (ValueError, RecursionError):
        return mutate(text, rng)
    if isinstance(described, dict):
        forging_inr.change(described, rng)
    return forging_inr.as_json(described, rng).encode()


FORGERS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    ".aiff": _at_places(_chunks(">")),
    ".bmp": _at_places(_BMP),
    ".dcm": _at_places(_dicom),
    ".fits": forge_fits,
    ".flac": _at_places(_FLAC),
    ".gif": _at_places(_gif),
    ".h5": _at_places(_aligned),
    ".hdr": forge_together,
    ".jpg": _at_places(_jpeg),
    ".nii": _at_places(_NIFTI),
    ".nii.gz": forge_gzip,
    ".npy": forge_npy,
    ".npz": forge_npz,
    ".pgm": forge_words,
    ".png": forge_png,
    ".ppm": forge_words,
    ".tif": _at_places(_tiff),
    ".wav": _at_places(_chunks("<")),
    ".webp": _at_places(_chunks("<")),
    ".zarr": forge_together,
}
"""Who makes files that checksums and heads let pass, by suffix."""
