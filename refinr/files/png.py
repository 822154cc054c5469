"""PNG images, of 1, 2, 4, 8 and 16 bits.

Palettes and transparent colours become RGB and alpha.  Grey of 1, 2 and 4 bits keeps its values, 0 to 1, 3 or 15,
unless one of them is transparent: then it spans 0 to 255, as its alpha does.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from refinr.files.format import Format, check_size, kind


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a PNG file.

    Raises
    ------
    ValueError
        For content that is damaged, or promises more than it holds.
    """
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
    samples = rows.reshape((height, width, planes) if planes > 1 else (height, width))
    return samples, {"channels": planes > 1, "bitdepth": bitdepth} | {key: meta[key] for key in ("greyscale", "alpha")}


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write an image; grey uint8 in ``info["bitdepth"]`` 1, 2 or 4 bits if it is one of these.

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
    writer.write_packed(file, png.pack_rows(rows, bitdepth) if bitdepth < 8 else rows)


FORMAT = Format(
    name="png",
    suffixes=(".png",),
    read=read,
    write=write,
    samples="(H, W), or (H, W, C) for grey and alpha, RGB, RGBA; uint8 up to 8 bits, uint16 for 16",
    keeps=("bitdepth", "greyscale", "alpha"),
)
