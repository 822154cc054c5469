"""Files in, files out: the samples, and the side information needed to write them back.

With this you can `read` a NumPy array, a PNG or TIFF image or a WAV recording exactly as its file stores it, and
`write` samples to such a file so that reading it gives the same samples: same values, shape and dtype.

Nothing is converted on the way: no colour management, no rescaling, no clipping.  A file that is damaged, or that holds
fewer samples than it promises, raises; so does a format that cannot hold the samples it is given.
"""

from __future__ import annotations

import io
import logging
import operator
import os
import secrets
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

__all__ = ["FORMATS", "Signal", "read", "write"]

FORMATS = {".npy": "npy", ".png": "png", ".tif": "tiff", ".tiff": "tiff", ".wav": "wav"}
"""Format by file suffix; suffixes are matched in any case."""


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
    path = Path(path)
    name = _format(path)
    content = path.read_bytes()  # so that an OSError is about the file, and all else about its content
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # a library's doubt about the content
            samples, info = _READERS[name](content)
    except (
        Exception
    ) as error:  # damaged content may raise anything: struct.error, zlib.error, IndexError, MemoryError, ...
        raise ValueError(f"{path}: cannot be read as {name.upper()}: {_reason(error)}") from error
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
    >>> write("image.png", np.zeros((2, 2), dtype="float32"))
    Traceback (most recent call last):
    ValueError: image.png: cannot be written as PNG: expected uint8 or uint16, got float32
    """
    path = Path(path)
    name = _format(path)
    samples = np.asarray(samples)
    with _replacing(path) as file:
        try:
            _check_dtype(samples)
            _WRITERS[name](file, samples, dict(info or {}))
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise ValueError(f"{path}: cannot be written as {name.upper()}: {_reason(error)}") from error


# --- shared by all formats -------------------------------------------------------------------------------------------


def _format(path: Path) -> str:
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise ValueError(f"{path}: expected a name ending in one of {', '.join(FORMATS)}, got {path.suffix!r}")
    return name


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__  # libraries break lines and leave messages empty


def _check_dtype(samples: np.ndarray) -> None:
    if samples.dtype.kind not in "biuf":
        raise ValueError(f"expected booleans, integers or floats, got {samples.dtype}")


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write to, moved to `path` (or where its symbolic link points) if all goes well, else removed."""
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{secrets.token_hex(8)}.part")  # in the same folder: a move there is atomic
    file = part.open("xb")  # not tempfile, whose files only their owner can read
    try:
        with file:
            yield file
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


# --- NumPy arrays ----------------------------------------------------------------------------------------------------


def _read_npy(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    samples = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)  # np.load would take .npz as well
    _check_dtype(samples)
    return samples, {"channels": None}


def _write_npy(file: BinaryIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    np.lib.format.write_array(file, samples, allow_pickle=False)


# --- PNG images ------------------------------------------------------------------------------------------------------


def _read_png(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    import png

    reader = png.Reader(bytes=content)
    reader.preamble()
    reader.sbit = None  # how many bits were significant once: pypng would shift the others out of the stored samples
    width, height, lines, meta = reader.asDirect()
    planes, bitdepth = meta["planes"], meta["bitdepth"]
    rows = np.array([np.asarray(line) for line in lines], dtype=np.uint8 if bitdepth <= 8 else np.uint16)
    if rows.shape != (height, width * planes):
        raise ValueError(f"expected {height} rows of {width * planes} values, got an array of shape {rows.shape}")
    if meta["alpha"] and bitdepth < 8:  # a transparent grey; PNG has alpha channels of 8 and 16 bits only
        rows, bitdepth = rows * (255 // (2**bitdepth - 1)), 8
    samples = rows.reshape(height, width, planes) if planes > 1 else rows  # (H, W, C) or (H, W)
    kind = {"bitdepth": bitdepth, "greyscale": bool(meta["greyscale"]), "alpha": bool(meta["alpha"])}
    return samples, {"channels": planes > 1, **kind}


def _write_png(file: BinaryIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import png

    if samples.dtype.name not in ("uint8", "uint16"):
        raise ValueError(f"expected uint8 or uint16, got {samples.dtype}")
    if not (samples.ndim == 2 or (samples.ndim == 3 and samples.shape[2] in (2, 3, 4))) or samples.size == 0:
        raise ValueError(f"expected one or more samples of shape (H, W) or (H, W, 2 to 4), got {samples.shape}")
    height, width, planes = (*samples.shape, 1)[:3]
    bitdepth = 8 * samples.dtype.itemsize
    if bitdepth == 8 and planes == 1 and info.get("bitdepth") in (1, 2, 4):
        bitdepth = info["bitdepth"]
    if int(samples.max()) >> bitdepth:
        raise ValueError(f"expected values below {2**bitdepth} for a bitdepth of {bitdepth}, got {samples.max()}")
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes in (2, 4), bitdepth=bitdepth)
    rows = samples.reshape(height, width * planes)
    if bitdepth < 8:
        writer.write(file, rows)
    else:  # most significant byte first
        writer.write_packed(file, (row.tobytes() for row in rows.astype(samples.dtype.newbyteorder(">"))))


# --- TIFF images and stacks ------------------------------------------------------------------------------------------


def _read_tiff(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    import tifffile

    with _no_complaints("tifffile"):
        tiff = tifffile.TiffFile(io.BytesIO(content))
        if len(tiff.series) != 1:
            raise ValueError(f"expected one image or pages all alike, got {len(tiff.series)} different series")
        series, first = tiff.series[0], tiff.pages[0]
        if any(page is None for page in series.pages):
            raise ValueError("a page is missing")
    # where bytes are missing tifffile would fill the gap, or ask for the memory of any shape that damage made up
    ends = [
        start + size for page in series.pages for start, size in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    if first.compression == tifffile.COMPRESSION.NONE:
        ends.append(series.size * first.bitspersample // 8)
    if max(ends, default=0) > len(content):
        raise ValueError(f"expected {max(ends)} bytes or more, got {len(content)}")
    with _no_complaints("tifffile"):
        samples, axes = series.asarray(), series.axes
    _check_dtype(samples)
    samples = samples.astype(samples.dtype.newbyteorder("="))
    if "S" in axes:  # colours in planes of their own: (..., C, H, W)
        samples = np.moveaxis(samples, axes.index("S"), -1)
    return samples, {"channels": "S" in axes}


def _write_tiff(file: BinaryIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import tifffile

    if samples.ndim < 2 or samples.size == 0:
        raise ValueError(f"expected one or more samples with two or more axes, got shape {samples.shape}")
    colour = info.get("channels")
    if colour is None:
        colour = samples.shape[-1] in (3, 4)
    if not colour or samples.ndim < 3 or samples.shape[-1] == 1 or samples.dtype.kind == "b":
        tifffile.imwrite(file, samples, photometric="minisblack")
    else:
        photometric = "rgb" if samples.shape[-1] in (3, 4) else "minisblack"
        tifffile.imwrite(file, samples, photometric=photometric, planarconfig="contig")


@contextmanager
def _no_complaints(library: str) -> Iterator[None]:
    """Raise what `library` has to say about a file, which it would only log."""
    heard: list[str] = []

    def listen(record: logging.LogRecord) -> bool:
        ours = record.levelno >= logging.WARNING and record.thread == threading.get_ident()
        if ours:
            heard.append(record.getMessage())
        return not ours

    logger = logging.getLogger(library)
    logger.addFilter(listen)
    try:
        yield
    finally:
        logger.removeFilter(listen)
    if heard:
        raise ValueError(heard[0])


# --- WAV recordings --------------------------------------------------------------------------------------------------

_WAV_DTYPES = ("uint8", "int16", "int32", "float32", "float64")


def _read_wav(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    from scipy.io import wavfile

    width, nbytes = _wav_layout(content)
    with warnings.catch_warnings():  # chunks of comments, cue points and the like hold no samples
        warnings.filterwarnings("ignore", "Chunk .non-data. not understood", wavfile.WavFileWarning)
        rate, stored = wavfile.read(io.BytesIO(content))
    samples = stored.astype(stored.dtype.newbyteorder("="))
    if width == 3:
        samples >>= 8  # scipy left-justifies them
    if samples.dtype.name not in _WAV_DTYPES or samples.itemsize != (4 if width == 3 else width):
        raise ValueError(f"expected 8, 16, 24 or 32 bits, or floats of 32 or 64, got {samples.dtype} in {width} bytes")
    if samples.size * width != nbytes:
        raise ValueError(f"expected {nbytes} bytes of samples, got {samples.size * width}")
    return samples, {"channels": samples.ndim == 2, "rate": int(rate), "bits": 8 * width}


def _wav_layout(content: bytes) -> tuple[int, int]:
    """Bytes of one sample, and of all samples, as the header promises them; scipy tells neither."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        raise ValueError("it does not begin as such a file does")
    order = ">" if content[:4] == b"RIFX" else "<"
    (rest,) = struct.unpack_from(order + "I", content, 4)
    data_size = None
    if content[:4] == b"RF64":  # 64-bit sizes for more than 4 GiB, in a chunk of their own
        rest, data_size = struct.unpack_from("<QQ", content, 20)
    at, end = 12, 8 + rest
    if end > len(content) + 1:  # a last byte of padding may be missing
        raise ValueError(f"expected {end} bytes, got {len(content)}")
    found: dict[bytes, tuple[int, int]] = {}
    while at < end:
        name, size = struct.unpack_from(order + "4sI", content, at)
        if name == b"data" and data_size is not None:
            size = data_size
        if at + 8 + size > len(content):
            raise ValueError(f"expected {size} bytes in chunk {name!r}, got {len(content) - at - 8}")
        if name in found:
            raise ValueError(f"expected one chunk {name!r}, got more")
        if name in (b"fmt ", b"data"):
            found[name] = at + 8, size
        at += 8 + size + size % 2  # chunks start at even places
    if len(found) != 2:
        raise ValueError(f"expected chunks b'fmt ' and b'data', got {list(found)}")
    channels, _, _, frame = struct.unpack_from(order + "HIIH", content, found[b"fmt "][0] + 2)
    if channels == 0 or frame % channels:
        raise ValueError(
            f"expected frames of one or more samples of whole bytes, got {frame} bytes, {channels} channels"
        )
    return frame // channels, found[b"data"][1]


def _write_wav(file: BinaryIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import wave

    from scipy.io import wavfile

    if samples.dtype.name not in _WAV_DTYPES:
        raise ValueError(f"expected {', '.join(_WAV_DTYPES)}, got {samples.dtype}")
    if not (samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] > 1)):
        raise ValueError(f"expected samples of shape (N,) or (N, 2 or more), got {samples.shape}")
    if info.get("rate") is None:
        raise ValueError("info: expected 'rate', the sample rate in Hz, got none")
    rate, channels = operator.index(info["rate"]), (*samples.shape, 1)[1]
    width = 3 if samples.dtype.name == "int32" and info.get("bits") == 24 else samples.itemsize
    if rate < 1 or channels * width >= 2**16 or rate * channels * width >= 2**32:
        raise ValueError(f"a header cannot hold {channels} channels of {8 * width} bits at a rate of {rate} Hz")
    samples = samples.astype(samples.dtype.newbyteorder("<"))
    if width != 3:
        wavfile.write(file, rate, samples)
        return
    if 3 * samples.size > 2**32 - 64:
        raise ValueError(f"expected up to 4 GiB of samples of 24 bits, got {3 * samples.size} bytes")
    if samples.size and not -(2**23) <= samples.min() <= samples.max() < 2**23:
        raise ValueError(f"expected samples of 24 bits, got {samples.min()} to {samples.max()}")
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, 3, rate, 0, "NONE", ""))
        writer.writeframes(samples.reshape(-1, 1).view(np.uint8)[:, :3].tobytes())


_READERS: dict[str, Callable[[bytes], tuple[np.ndarray, dict[str, Any]]]] = {
    "npy": _read_npy,
    "png": _read_png,
    "tiff": _read_tiff,
    "wav": _read_wav,
}
_WRITERS: dict[str, Callable[[BinaryIO, np.ndarray, dict[str, Any]], None]] = {
    "npy": _write_npy,
    "png": _write_png,
    "tiff": _write_tiff,
    "wav": _write_wav,
}
