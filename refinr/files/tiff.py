"""TIFF images and stacks of images."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from refinr.files.format import Format, FormatError, check_size, kind


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a TIFF file.

    Raises
    ------
    ValueError
        For content that is damaged or cut short, and for pages that are not all alike.
    """
    import tifffile

    tiff = tifffile.TiffFile(io.BytesIO(content))
    if len(tiff.series) != 1:
        raise FormatError(f"expected one image or pages all alike, got {len(tiff.series)} different series")
    series = tiff.series[0]
    check_size(series.nbytes, content)
    end = _tiff_end(tiff, content)
    if end > len(content) or None in series.pages:
        raise FormatError(f"expected {end} bytes or more with all pages in them, got {len(content)}")
    samples = series.asarray()
    axes = series.axes
    if "S" in axes:  # colours in planes of their own: (..., C, H, W)
        samples = np.moveaxis(samples, axes.index("S"), -1)
    return samples, {"channels": "S" in axes}


def _tiff_end(tiff: Any, content: bytes) -> int:
    """Where the file has to reach for the directories (one a page), their values and samples: tifffile fills gaps."""
    import tifffile

    form = tiff.tiff
    ends = [0]
    seen = set[int]()
    # code, type, how many values, and where they are (or the values, if small)
    entry = struct.Struct(form.byteorder + ("HHQQ" if form.is_bigtiff else "HHII"))
    for page in tiff.pages:
        if page.offset in seen:
            raise FormatError(f"expected a page after the one at byte {page.offset}, got back there")
        seen.add(page.offset)
        at = page.offset + form.tagnosize
        (entries,) = struct.unpack_from(form.tagnoformat, content, page.offset)
        for _, code, count, offset in entry.iter_unpack(content[at : at + entries * entry.size]):
            size = count * struct.calcsize("=" + tifffile.TIFF.DATA_FORMATS.get(code, "B"))
            ends.append(offset + size if size > form.tagoffsetthreshold else 0)
        at += entries * entry.size
        if len(page.dataoffsets) != np.prod(page.chunked):
            raise FormatError(f"expected {np.prod(page.chunked)} strips or tiles a page, got {len(page.dataoffsets)}")
        if 0 in page.databytecounts:  # tifffile would read zeros
            raise FormatError("expected samples in all strips or tiles of a page, got none in some")
        ends += [start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if tiff.pages[0].compression == tifffile.COMPRESSION.NONE:
        ends.append(tiff.series[0].size * tiff.pages[0].bitspersample // 8)
    (following,) = struct.unpack_from(form.offsetformat, content, at)
    if following:  # though tifffile found no more
        raise FormatError(f"expected a page at byte {following}, got none")
    return max(ends)


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write an image or a stack: the last axis as colour if ``info["channels"]`` is True, as part of the grid if False.

    By default it is colour if its length is 3 or 4 and two axes come before it.

    Raises
    ------
    ValueError
        For samples that TIFF cannot hold.
    """
    import tifffile

    if samples.ndim < 2 or samples.size == 0:
        raise ValueError(f"expected one or more samples of shape (..., H, W), got {kind(samples)}")
    colour = samples.shape[-1] in (3, 4) if info.get("channels") is None else info["channels"]
    contig = colour and samples.ndim > 2 and samples.shape[-1] > 1 and samples.dtype.kind != "b"
    photometric = "rgb" if contig and samples.shape[-1] in (3, 4) else "minisblack"
    tifffile.imwrite(file, samples, photometric=photometric, planarconfig="contig" if contig else None)


FORMAT = Format(
    name="tiff",
    suffixes=(".tif", ".tiff"),
    read=read,
    write=write,
    samples="(..., H, W), or (..., H, W, C) for colour; booleans, integers or floats in native byte order",
)
