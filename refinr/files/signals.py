"""Files in, files out: the samples, and the side information needed to write them back.

With this you can `read` a NumPy array, a PNG or TIFF image or a WAV recording exactly as its file stores it, and
`write` samples to such a file so that reading it gives the same samples: same values, shape and dtype.

Nothing is converted on the way: no colour management, no rescaling, no clipping.  A file that is damaged, or that holds
fewer samples than it promises, raises; so does a format that cannot hold the samples it is given.
"""

from __future__ import annotations

import gzip
import io
import math
import operator
import os
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refinr.files import nifti
from refinr.files.atomic import replace_file

__all__ = ["FORMATS", "Signal", "format_of", "read", "write"]

FORMATS = {".npy": "npy", ".png": "png", ".tif": "tiff", ".tiff": "tiff", ".wav": "wav"}
FORMATS |= {".nii": "nifti", ".nii.gz": "nifti"}
"""Format by file suffix; suffixes are matched in any case."""

MAPPED = 1 << 26
"""Bytes from which on npy files are mapped into memory instead of read: they may be larger than it."""


class Signal(NamedTuple):
    """Samples and what else their file said.

    Attributes
    ----------
    samples : array
    info : dict
        Fit for JSON.  Always there are ``"format"``, one of the values of `FORMATS`, and ``"channels"``: True if the
        last axis counts channels, False if all axes belong to the grid, None where the file does not say.  PNG adds
        ``"bitdepth"``, ``"greyscale"`` and ``"alpha"``, WAV adds ``"rate"`` in Hz and ``"bits"`` a sample.
    """

    samples: np.ndarray
    info: dict[str, Any]


def read(path: str | os.PathLike[str]) -> Signal:
    """Samples and side information of a file, its format taken from the suffix.

    ======  ================================================  ====================================================
    format  samples                                           dtype
    ======  ================================================  ====================================================
    npy     any shape                                         as stored: boolean, integer or float, any byte order
    png     (H, W), or (H, W, C): grey + alpha, RGB, RGBA     uint8 up to 8 bits, uint16 for 16
    tiff    (..., H, W), or (..., H, W, C) for colour         boolean, integer or float, native byte order
    wav     (N,), or (N, C) for two and more channels         uint8, int16, int32 (24 bits too), float32, float64
    nifti   1 to 7 axes                                       integer or float, any byte order
    ======  ================================================  ====================================================

    PNG palettes and transparent colours become RGB and alpha.  Grey of 1, 2 and 4 bits keeps its values, 0 to 1, 3 or
    15, unless one of them is transparent: then it spans 0 to 255, as its alpha does.  WAV samples of 24 bits are whole
    numbers from ``-2**23`` to ``2**23 - 1``.

    Parameters
    ----------
    path : str or path
        Of a file with one of the suffixes in `FORMATS`.

    Raises
    ------
    ValueError
        For an unknown suffix, and for content that is damaged, cut short, of another format, or not numbers.
    OSError
        If the file is missing or cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder + "/a.wav", np.array([-3, 5], dtype="int16"), {"rate": 8000})
    ...     read(folder + "/a.wav")
    Signal(samples=array([-3,  5], dtype=int16), info={'format': 'wav', 'channels': False, 'rate': 8000, 'bits': 16})
    """
    path, name = _known(path)
    # all at once: an OSError is about the file, anything later about its content; but large arrays stay in their file
    content: Any = path if name == "npy" and path.stat().st_size > MAPPED else path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # a library's doubt about the content
            samples, info = _READERS[name](content)
        _check_dtype(samples)
    except Exception as error:  # the libraries let struct.error, zlib.error, IndexError, MemoryError and more through
        reason = " ".join(str(error).split()) or type(error).__name__  # libraries break lines and leave messages empty
        raise ValueError(f"{path}: cannot be read as {name.upper()}: {reason}") from error
    return Signal(samples, {"format": name, **info})


def write(path: str | os.PathLike[str], samples: np.ndarray, info: Mapping[str, Any] | None = None) -> None:
    """Write samples to a file in the format of its suffix, so that `read` gives them back.

    The file appears, or replaces an older one, only when it is complete.

    Parameters
    ----------
    path : str or path
        Its suffix, one of `FORMATS`, chooses the format.
    samples : array
        See `read` for the shapes and dtypes that a format holds.  Bytes are stored in the format's own order; only npy
        gives a foreign byte order back.
    info : mapping, optional
        Side information, as `read` returns it for this or another format.  WAV needs ``"rate"``, and stores int32 in
        three bytes if ``"bits"`` is 24.  PNG stores grey uint8 in ``"bitdepth"`` 1, 2 or 4 bits.  TIFF stores the last
        axis as colour if ``"channels"`` is True, as part of the grid if False; by default as colour if its length is 3
        or 4 and two axes come before it.  Otherwise the dtype decides, and what a format does not know is left out.

    Raises
    ------
    ValueError
        For an unknown suffix, samples that the format cannot hold, or missing side information.  Nothing is written.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> write("image.png", np.zeros((2, 2), dtype="float32"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: image.png: cannot be written as PNG: expected uint8 or uint16 of shape (H, W) or (H, W, 2 to 4), got ...
    """
    path, name = _known(path)
    samples, file = np.asarray(samples), io.BytesIO()
    try:
        _check_dtype(samples)
        _WRITERS[name](file, samples, dict(info or {}))
    except (ValueError, TypeError, struct.error) as error:
        raise ValueError(f"{path}: cannot be written as {name.upper()}: {error}") from error
    zipped = path.suffix.lower() == ".gz"
    replace_file(path, gzip.compress(file.getbuffer(), mtime=0) if zipped else file.getbuffer())


# --- shared by all formats -------------------------------------------------------------------------------------------


def _known(path: str | os.PathLike[str]) -> tuple[Path, str]:
    path = Path(path)
    if (name := format_of(path)) is None:
        raise ValueError(f"{path}: expected a name ending in one of {', '.join(FORMATS)}, got {path.suffix!r}")
    return path, name


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The format that a file's name speaks of; None if it speaks of none."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes[-2:]]
    return FORMATS.get("".join(suffixes)) or FORMATS.get("".join(suffixes[-1:]))


def _check_dtype(samples: np.ndarray) -> None:
    if samples.dtype.kind not in "biuf":
        raise ValueError(f"expected booleans, integers or floats, got {_kind(samples)}")


def _check_size(size: int, content: bytes) -> None:
    """Refuse headers that promise more than a file holds, before memory is asked for.

    Deflate makes at most 1032 bytes out of one; other methods may make more, of up to 16 MB.
    """
    if size > max(1032 * len(content), 1 << 24):
        raise ValueError(f"{len(content)} bytes cannot hold samples of {size}")


def _kind(samples: np.ndarray) -> str:
    return f"{samples.dtype} of shape {samples.shape}"


# --- NumPy arrays ----------------------------------------------------------------------------------------------------


def _read_npy(content: bytes | Path) -> tuple[np.ndarray, dict[str, Any]]:
    if isinstance(content, Path):
        return np.lib.format.open_memmap(content, mode="r"), {"channels": None}
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    size = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (min(shape, default=0) < 0 or size != len(content) - file.tell()):
        raise ValueError(f"expected {size} bytes for {dtype} {shape}, got {len(content) - file.tell()}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False), {"channels": None}  # np.load would read archives too


def _write_npy(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    np.lib.format.write_array(file, samples, allow_pickle=False)


# --- PNG images ------------------------------------------------------------------------------------------------------


def _read_png(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    import png

    reader = png.Reader(bytes=content)
    reader.preamble()
    reader.sbit = None  # how many bits were significant once: pypng would shift the others out of the stored samples
    _check_size(reader.height * reader.row_bytes, content)
    width, height, lines, meta = reader.asDirect()
    planes, bitdepth = meta["planes"], meta["bitdepth"]
    rows = np.array([np.asarray(line) for line in lines], dtype=np.uint8 if bitdepth <= 8 else np.uint16)
    if meta["alpha"] and bitdepth < 8:  # a transparent grey; PNG has alpha channels of 8 and 16 bits only
        rows, bitdepth = rows * (255 // (2**bitdepth - 1)), 8
    samples = rows.reshape((height, width, planes) if planes > 1 else (height, width))
    return samples, {"channels": planes > 1, "bitdepth": bitdepth} | {key: meta[key] for key in ("greyscale", "alpha")}


def _write_png(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import png

    image = samples.ndim == 2 or (samples.ndim == 3 and samples.shape[2] in (2, 3, 4))
    if samples.dtype.name not in ("uint8", "uint16") or samples.size == 0 or not image:
        raise ValueError(f"expected uint8 or uint16 of shape (H, W) or (H, W, 2 to 4), got {_kind(samples)}")
    height, width, planes = (*samples.shape, 1)[:3]
    few = samples.dtype == np.uint8 and planes == 1 and info.get("bitdepth") in (1, 2, 4)
    bitdepth = info["bitdepth"] if few else 8 * samples.itemsize
    if int(samples.max()) >> bitdepth:
        raise ValueError(f"expected values below {2**bitdepth} for a bitdepth of {bitdepth}, got {samples.max()}")
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes in (2, 4), bitdepth=bitdepth)
    rows = samples.astype(">u2" if bitdepth == 16 else "u1", order="C").view("u1").reshape(height, -1)
    writer.write_packed(file, png.pack_rows(rows, bitdepth) if bitdepth < 8 else rows)


# --- TIFF images and stacks ------------------------------------------------------------------------------------------


def _read_tiff(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    import tifffile

    tiff = tifffile.TiffFile(io.BytesIO(content))
    if len(tiff.series) != 1:
        raise ValueError(f"expected one image or pages all alike, got {len(tiff.series)} different series")
    series = tiff.series[0]
    _check_size(series.nbytes, content)
    end = _tiff_end(tiff, content)
    if end > len(content) or None in series.pages:
        raise ValueError(f"expected {end} bytes or more with all pages in them, got {len(content)}")
    samples, axes = series.asarray(), series.axes
    if "S" in axes:  # colours in planes of their own: (..., C, H, W)
        samples = np.moveaxis(samples, axes.index("S"), -1)
    return samples, {"channels": "S" in axes}


def _tiff_end(tiff: Any, content: bytes) -> int:
    """Where the file has to reach for the directories (one a page), their values and samples: tifffile fills gaps."""
    import tifffile

    form, ends, seen = tiff.tiff, [0], set[int]()
    # code, type, how many values, and where they are (or the values, if small)
    entry = struct.Struct(form.byteorder + ("HHQQ" if form.is_bigtiff else "HHII"))
    for page in tiff.pages:
        if page.offset in seen:
            raise ValueError(f"expected a page after the one at byte {page.offset}, got back there")
        seen.add(page.offset)
        at = page.offset + form.tagnosize
        (entries,) = struct.unpack_from(form.tagnoformat, content, page.offset)
        for _, kind, count, offset in entry.iter_unpack(content[at : at + entries * entry.size]):
            size = count * struct.calcsize("=" + tifffile.TIFF.DATA_FORMATS.get(kind, "B"))
            ends.append(offset + size if size > form.tagoffsetthreshold else 0)
        at += entries * entry.size
        if len(page.dataoffsets) != np.prod(page.chunked):
            raise ValueError(f"expected {np.prod(page.chunked)} strips or tiles in a page, got {len(page.dataoffsets)}")
        if 0 in page.databytecounts:  # tifffile would read zeros
            raise ValueError("expected samples in all strips or tiles of a page, got none in some")
        ends += [start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if tiff.pages[0].compression == tifffile.COMPRESSION.NONE:
        ends.append(tiff.series[0].size * tiff.pages[0].bitspersample // 8)
    (following,) = struct.unpack_from(form.offsetformat, content, at)
    if following:  # though tifffile found no more
        raise ValueError(f"expected a page at byte {following}, got none")
    return max(ends)


def _write_tiff(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import tifffile

    if samples.ndim < 2 or samples.size == 0:
        raise ValueError(f"expected one or more samples of shape (..., H, W), got {_kind(samples)}")
    colour = samples.shape[-1] in (3, 4) if info.get("channels") is None else info["channels"]
    contig = colour and samples.ndim > 2 and samples.shape[-1] > 1 and samples.dtype.kind != "b"
    photometric = "rgb" if contig and samples.shape[-1] in (3, 4) else "minisblack"
    tifffile.imwrite(file, samples, photometric=photometric, planarconfig="contig" if contig else None)


# --- WAV recordings --------------------------------------------------------------------------------------------------

# dtype of the samples, and bytes of one in a file
# dtype of the samples, and bytes of one in a file
_WAV_TYPES = [("uint8", 1), ("int16", 2), ("int32", 3), ("int32", 4), ("float32", 4), ("float64", 8)]


def _read_wav(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    from scipy.io import wavfile

    width, end = _wav_layout(content)
    # of chunks of comments, cue points and the like, which hold no samples; `read` restores the filters
    warnings.simplefilter("ignore", wavfile.WavFileWarning)
    rate, stored = wavfile.read(io.BytesIO(content[:end]))
    samples = stored >> 8 if width == 3 else stored  # scipy left-justifies samples of 24 bits
    samples = samples.astype(samples.dtype.newbyteorder("="))
    if (samples.dtype.name, width) not in _WAV_TYPES:
        raise ValueError(f"expected 8, 16, 24 or 32 bits, or floats of 32 or 64, got {samples.dtype} in {width} bytes")
    return samples, {"channels": samples.ndim == 2, "rate": int(rate), "bits": 8 * width}


def _wav_layout(content: bytes) -> tuple[int, int]:
    """Bytes of one sample, and where the samples end; scipy tells neither, nor whether they all are there."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        raise ValueError("expected RIFF, RIFX or RF64, and WAVE, at the beginning")
    order = ">" if content[:4] == b"RIFX" else "<"
    found, end = dict[bytes, int](), 12
    while b"data" not in found:
        start = end + end % 2 + 8  # chunks begin at even places
        name, size = struct.unpack_from(order + "4sI", content, start - 8)
        if name == b"data" and b"ds64" in found:  # more than 4 GiB: the size is in a chunk of its own
            (size,) = struct.unpack_from("<Q", content, found[b"ds64"] + 8)
        found[name], end = start, start + size
    (whole,) = struct.unpack_from(order + "I", content, 4)
    there = min(len(content), 8 + whole)  # the file's head says how long it is, too
    if b"fmt " not in found or end > there:
        raise ValueError(f"expected a chunk b'fmt ' and {end} bytes, got chunks {list(found)} and {there} bytes")
    channels, _, _, frame, bits = struct.unpack_from(order + "HIIHH", content, found[b"fmt "] + 2)
    if channels == 0 or frame % channels:
        raise ValueError(f"expected whole bytes a sample, got frames of {frame} bytes for {channels} channels")
    if -(-bits // 8) != frame // channels:  # readers differ in which of the two they believe
        raise ValueError(f"expected samples of {bits} bits in {-(-bits // 8)} bytes, got {frame // channels}")
    return frame // channels, end


def _write_wav(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import wave

    from scipy.io import wavfile

    recording = samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] > 1)
    if samples.dtype.name not in dict(_WAV_TYPES) or not recording:
        types = ", ".join(dict(_WAV_TYPES))
        raise ValueError(f"expected {types} of shape (N,) or (N, 2 or more), got {_kind(samples)}")
    if info.get("rate") is None:
        raise ValueError("info: expected 'rate', the sample rate in Hz, got none")
    rate, channels = operator.index(info["rate"]), (*samples.shape, 1)[1]
    width = 3 if samples.dtype.name == "int32" and info.get("bits") == 24 else samples.itemsize
    if rate < 1 or channels * width >= 2**16 or rate * channels * width >= 2**32:
        raise ValueError(f"a header cannot hold {channels} channels of {8 * width} bits at a rate of {rate} Hz")
    if width != 3:
        return wavfile.write(file, rate, samples)
    if samples.size and not -(2**23) <= samples.min() <= samples.max() < 2**23:
        raise ValueError(f"expected samples of 24 bits, got {samples.min()} to {samples.max()}")
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, 3, rate, 0, "NONE", ""))
        writer.writeframes(samples.astype("<i4").reshape(-1, 1).view("u1")[:, :3].tobytes())


_READERS = {"npy": _read_npy, "png": _read_png, "tiff": _read_tiff, "wav": _read_wav, "nifti": nifti.read}
_WRITERS = {"npy": _write_npy, "png": _write_png, "tiff": _write_tiff, "wav": _write_wav, "nifti": nifti.write}
