"""TIFF images and stacks of images.

What the samples mean travels along: whether zero is white, a palette (the samples stay its indices), inks, resolution,
orientation, colour profile and places on the earth.
"""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import numpy as np

from refinr.files import directories, frames, segments
from refinr.files.format import PAGES, Format, FormatError, kind


def read(content: bytes, page: str = "") -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a TIFF file: all of its pages, or the one of a number.

    Raises
    ------
    ValueError
        For content that is damaged or cut short, and for pages that are not all alike.
    """
    import tifffile

    for _ in directories.walk(content):  # each leads on, which the library takes for granted
        pass
    tiff = tifffile.TiffFile(io.BytesIO(content))
    kinds = {(series.shape, series.dtype, series.axes) for series in tiff.series}
    if len(kinds) != 1 and not page:
        different = f"got {len(tiff.series)} different series in {len(tiff.pages)} pages"
        raise FormatError(f"expected one image or pages all alike, {different}: {PAGES}")
    wanted = frames.number(page, len(tiff.pages)) if page else 0
    end = _tiff_end(tiff, content)
    if end > len(content) or any(None in series.pages for series in tiff.series):
        raise FormatError(f"expected {end} bytes or more with all pages in them, got {len(content)}")
    first = tiff.pages[max(0, wanted - 1)].aspage()  # pages like an earlier one know little of themselves
    try:
        for one in [first] if page else tiff.pages:
            segments.check(one, content)
        parts = [part.asarray(maxworkers=1) for part in ([first] if page else tiff.series)]
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImportError("imagecodecs", name="imagecodecs") from error
        raise
    axes = first.axes if page else tiff.series[0].axes
    samples = parts[0]
    if len(parts) > 1:  # pages that were appended one by one
        samples = np.stack(parts)
        axes = "Q" + axes
    if "S" in axes:  # colours in planes of their own: (..., C, H, W)
        samples = np.moveaxis(samples, axes.index("S"), -1)
    said = frames.which(wanted, len(tiff.pages)) if page else {}
    return samples, {"channels": "S" in axes} | _meaning(first) | said


_PHOTOMETRIC = ("MINISWHITE", "PALETTE", "SEPARATED", "CIELAB", "ICCLAB")
"""What samples mean, where it is not what their number says: brightness, or red, green and blue."""

_TAGS = {274: "orientation", 271: "make", 272: "model", 306: "time", 315: "artist", 33432: "copyright"}
_TAGS |= {34675: "colour profile", 33550: "pixel scale", 33922: "tie points", 34264: "transformation"}
_TAGS |= {34735: "geo keys", 34736: "geo numbers", 34737: "geo text", 42112: "GDAL", 42113: "no data"}
"""Tags that mean the same beside samples that are stored another way, by their number."""


def _meaning(page: Any) -> dict[str, Any]:
    """Side information of a page: of the first, which speaks for all, where all are read."""
    info: dict[str, Any] = {}
    if page.photometric.name in _PHOTOMETRIC:
        info["photometric"] = page.photometric.name.lower()
    if page.photometric.name == "PALETTE":
        info["palette"] = page.colormap.tolist()
    tags = [page.tags[code] for code in _TAGS if code in page.tags]
    if tags:
        info["tags"] = [[tag.code, int(tag.dtype), tag.count, _plain(tag.value)] for tag in tags]
    x, y, unit = (page.tags[code].value if code in page.tags else () for code in (282, 283, 296))
    if x and y and (x, y) != ((1, 1), (1, 1)):
        info["resolution"] = [list(x), list(y), int(unit or 2)]  # inches, where nothing is said
    return info


def _plain(value: Any) -> Any:
    """Fit for JSON: bytes in base 64."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, str):
        return value
    return [number.item() if hasattr(number, "item") else number for number in np.ravel(value)]


def _tags(info: dict[str, Any]) -> dict[str, Any]:
    """What `imwrite` is told of them."""
    tags = []
    for code, dtype, count, value in info.get("tags", []):
        stored = base64.b64decode(value["bytes"]) if isinstance(value, dict) else value
        if isinstance(stored, list):
            stored = stored[0] if len(stored) == 1 else tuple(stored)
        tags.append((code, dtype, 0 if isinstance(stored, str) else count, stored, True))
    options: dict[str, Any] = {"extratags": tags}
    if "resolution" in info:
        x, y, unit = info["resolution"]
        options |= {"resolution": (tuple(x), tuple(y)), "resolutionunit": unit}
    return options


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
    options = _tags(info)
    said = info.get("photometric")
    if said == "palette" and samples.dtype in (np.uint8, np.uint16) and samples.ndim == 2:
        photometric = said
        options["colormap"] = np.array(info["palette"], np.uint16)
    elif said == ("separated" if contig and samples.shape[-1] == 4 else "miniswhite" if not contig else "cielab"):
        photometric = said
    file_options = {"photometric": photometric, "planarconfig": "contig" if contig else None}
    tifffile.imwrite(file, samples, **file_options, **options)


FORMAT = Format(
    name="tiff",
    suffixes=(".tif", ".tiff"),
    read=read,
    write=write,
    samples="(..., H, W), or (..., H, W, C) for colour; booleans, integers or floats in native byte order",
    keeps=("photometric", "palette", "tags", "resolution"),
    carries="whether zero is white, palette, inks, resolution, orientation, profile, places on the earth",
    loses="compression, description, other tags",
    extra="images",
    needs=("tifffile", "imagecodecs"),
    asks=directories.asks,
    member=read,
    pages=True,
    apart=True,
)
