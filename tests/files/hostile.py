"""Small files that stand for gigabytes, or lead their readers in circles: by name, suffix and content.

With this you can run ``python -m tests.files.hostile FOLDER``: it reads them all there, and says what it took.
"""

from __future__ import annotations

import gzip
import json
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np

GIBI = 1 << 30


def inflating(size: int, wbits: int = 15) -> bytes:
    """A deflate stream of zeros: one block of 16 MB, again and again."""
    block = min(size, 1 << 24)
    packer = zlib.compressobj(9, wbits=-15)
    first = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    stream = first * (size // block) + b"\3\0"
    if wbits < 0:
        return stream
    return b"\x78\xda" + stream + (size % 65521 << 16 | 1).to_bytes(4, "big")  # Adler-32 of zeros


def png(width: int, height: int, depth: int, colour: int, data: bytes, *, interlaced: int = 0) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(tags: list[tuple[int, int, int, int]], data: bytes = b"", following: int = 0) -> bytes:
    """One page: code, type, count and value of each tag, and samples from byte 8 on."""
    body = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    at = 8 + len(data)
    return b"II*\0" + struct.pack("<I", at) + data + struct.pack("<H", len(tags)) + body + struct.pack("<I", following)


def tiff_of(width: int, height: int, compression: int, data: bytes, *, pages_on: int = 0) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(data))]
    return tiff(tags, data, pages_on)


def nifti(shape: tuple[int, ...], more: int) -> bytes:
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into(f"<{1 + len(shape)}h", head, 40, len(shape), *shape)
    struct.pack_into("<hh", head, 70, 2, 8)
    struct.pack_into("<f", head, 108, 352)
    head[344:348] = b"n+1\0"
    start = zlib.compressobj(wbits=-15)
    stream = start.compress(bytes(head)) + start.flush(zlib.Z_FULL_FLUSH) + inflating(more, -15)
    return gzip.compress(b"")[:10] + stream + bytes(8)


def archive(promised: int, kind: int = 8) -> bytes:
    """A gigabyte behind a directory that speaks of so many bytes."""
    stream = inflating(GIBI, -15)
    name = b"a.npy"
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, kind, 0, 0, 0, len(stream), promised, 5, 0) + name
    entry = struct.pack("<4sHHHHHHIIIHH", b"PK\1\2", 20, 20, 0, kind, 0, 0, 0, len(stream), promised, 5, 0)
    entry += bytes(14) + name
    size = len(local) + len(stream)
    return local + stream + entry + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), size, 0)


def gif(frames: int, side: int = 65535) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6) + frame * frames + b"\x3b"


def jpeg(side: int) -> bytes:
    import imagecodecs

    content = bytearray(imagecodecs.jpeg_encode(np.zeros((16, 16, 3), np.uint8)))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(content)


def webp(side: int) -> bytes:
    data = b"\x2f" + ((side - 1) | (side - 1) << 14).to_bytes(4, "little") + bytes(20)
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def jxl() -> bytes:
    """Of 2^30 pixels a side."""
    bits = 0 | 3 << 1 | ((1 << 30) - 1) << 3 | 1 << 33
    return b"\xff\x0a" + bits.to_bytes(12, "little") + bytes(20)


def flac() -> bytes:
    """2^36 - 1 frames of eight channels."""
    packed = 44100 << 44 | 7 << 41 | 15 << 36 | (1 << 36) - 1
    return b"fLaC\x80\0\0\x22" + struct.pack(">HH", 4096, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)


def bombs() -> dict[str, tuple[str, bytes]]:
    """All of them, by what they do."""
    many = inflating(GIBI)
    side = 20_000
    return {
        "png of one pixel": (".png", png(1, 1, 8, 0, many)),
        "png of one pixel, interlaced": (".png", png(1, 1, 1, 0, many, interlaced=1)),
        "png palette": (".png", png(side, side, 1, 3, inflating(side * 2501))),
        "png palette, few bytes": (".png", png(1 << 30, 1 << 30, 8, 3, many[:16_000])),
        "png interlaced": (".png", png(side, side, 2, 3, inflating(1 << 27), interlaced=1)),
        "tiff of one pixel": (".tif", tiff_of(1, 1, 8, many)),
        "tiff of many": (".tif", tiff_of(1 << 20, 1 << 20, 8, many[:99])),
        "tiff that leads back": (".tif", tiff_of(1, 1, 1, b"\0", pages_on=9)),
        "tiff of no tags": (".tif", tiff([], following=8)),
        "tiff strips without end": (".tif", tiff([(256, 4, 1, 1), (257, 4, 1, 2**32 - 1), (278, 4, 1, 1)])),
        "nifti of one voxel": (".nii.gz", nifti((1,), GIBI)),
        "nifti of many": (".nii.gz", nifti((32767,) * 7, 1 << 24)),
        "npz": (".npz", archive(GIBI)),
        "npz by bzip2": (".npz", archive(99, zipfile.ZIP_BZIP2)),
        "npz that lies": (".npz", archive(200)),
        "gif": (".gif", gif(1)),
        "gif of many frames": (".gif", gif(9000, 4000)),
        "jpeg": (".jpg", jpeg(65500)),
        "webp": (".webp", webp(16384)),
        "jxl": (".jxl", jxl()),
        "bmp": (".bmp", b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 2**31 - 1, 2**31 - 1, 1, 8, 1) + bytes(60)),
        "flac": (".flac", flac()),
    }


def main() -> None:
    """Read all files of a folder: what is said of each, the seconds it took, and the most memory at once, in kB."""
    from refinr.files import apart, signals

    found = {}
    for path in sorted(Path(sys.argv[1]).iterdir()):
        start = time.process_time()
        try:
            said = str(signals.read(path).samples.shape)
        except ValueError as error:
            said = str(error)
        found[path.name] = (said, time.process_time() - start)
    assert apart._worker is not None
    # not what the system reports of resources: that counts what there was before this program was loaded
    status = [Path(f"/proc/{process}/status").read_text() for process in ("self", apart._worker.process.pid)]
    peaks = [int(text.split("VmHWM:")[1].split()[0]) for text in status]
    print(json.dumps({"found": found, "peaks": peaks}))


if __name__ == "__main__":
    main()
