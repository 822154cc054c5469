"""Files in, files out: the samples, and the side information needed to write them back.

With this you can `read` an array, an image, a recording or a volume exactly as its file stores it, and `write` samples
to such a file so that reading it gives the same samples: same values, shape and dtype.  Each format is a module beside
this one and a row of `FORMATS`.

Nothing is converted on the way: no colour management, no rescaling, no clipping.  A file that is damaged, or that holds
fewer samples than it promises, raises; so does a format that cannot hold the samples it is given.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import os
import struct
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refinr.files import apart, dicom, fits, hdf5, images, nifti, npy, npz, png, sound, tiff, wav, zarr_stores
from refinr.files.atomic import replace_file
from refinr.files.budget import Budget
from refinr.files.checksum import plain
from refinr.files.format import HEAD, Format, FormatError, kind, looks_like, recognised

__all__ = ["FORMATS", "Signal", "by_suffix", "format_of", "known", "left_behind", "load", "parsed", "read", "write"]

_ROWS: tuple[Format, ...] = (
    npy.FORMAT,
    png.FORMAT,
    tiff.FORMAT,
    wav.FORMAT,
    nifti.FORMAT,
    npz.FORMAT,
    *images.FORMATS,
    *sound.FORMATS,
)
_ROWS += (nifti.PAIR, fits.FORMAT, dicom.FORMAT, hdf5.FORMAT, zarr_stores.FORMAT)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
"""File formats by name."""

STREAM = "-"
"""A name for standard input and output."""

MAPPED = 1 << 26
"""Bytes from which on files are mapped into memory, where their format can: they may be larger than it."""


class Signal(NamedTuple):
    """Samples and what else their file said.

    Attributes
    ----------
    samples : array
    info : dict
        Fit for JSON.  Always there are ``"format"``, one of the names in `FORMATS`, and ``"channels"``: True if the
        last axis counts channels, False if all axes belong to the grid, None where the file does not say.  Each
        format adds what its row ``keeps``: WAV the ``"rate"`` in Hz and the ``"bits"`` of a sample, say.
    """

    samples: np.ndarray
    info: dict[str, Any]


def read(
    path: str | os.PathLike[str], *, page: int | None = None, trusted: bool = False, budget: Budget | None = None
) -> Signal:
    """Samples and side information of a file, its format taken from the suffix.

    The row of a format says which shapes and dtypes there are: ``FORMATS["png"].samples``.

    Parameters
    ----------
    path : str or path
        Of a file with one of the suffixes in `FORMATS`, in any case; ``file.npz::name`` is one of several arrays,
        and so is ``folder.zarr::name``.  ``-`` is standard input, its format known by how it begins.
    page : int, optional
        Which page or frame is read of a TIFF file or an animation (PNG, WebP, GIF), from 1 on; ``file.gif::2`` is the
        second, too.  By default all pages of a TIFF file, and an animation is refused.
    trusted : bool
        Take a file that asks for any amount of memory and time, too.  Other libraries then read it in this process.
    budget : Budget, optional
        What a file may ask for that is not trusted; by default 500 MB or 64 bytes for each of its own, and time in
        proportion to its size, see `refinr.files.budget.Budget`.

    Raises
    ------
    ValueError
        For an unknown suffix.
    FormatError
        For content that is damaged, cut short, of another format, or not numbers, or that takes more than the budget:
        a ValueError that says so in one sentence, and what caused it as its cause.
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
    path, _, name = os.fspath(path).partition("::")
    # at once: an OSError is about the file, anything later about its content
    source, row = _opened(path, name)
    if page is not None:
        name = _numbered(path, row, name, page)
    allowed = None if trusted else budget or Budget()
    try:
        if row.map and isinstance(source, Path) and source.stat().st_size > MAPPED:  # it stays in its file
            samples, info = row.map(source)
            _check_dtype(samples)
            samples = plain(samples)
        elif allowed is not None and (row.apart(source) if callable(row.apart) else row.apart):
            samples, info = apart.read(row.name, source, name, allowed)
        else:
            samples, info = parsed(row.name, source, name, allowed)
    except Exception as error:  # the libraries let struct.error, zlib.error, IndexError, MemoryError and more through
        reason = _missing(row, error) or _reason(row, error, source)
        raise FormatError(f"{path}: cannot be read as {row.name.upper()}: {reason}") from error
    return Signal(samples, {"format": row.name, **info})


def _opened(path: str, name: str) -> tuple[Path | bytes, Format]:
    """A file, a folder where the format is one, or the content of what can be read once; and the format."""
    if path == STREAM:
        content = sys.stdin.buffer.read()
        if not (found := recognised(content)):
            words = looks_like(content) or repr(content[:16])
            raise ValueError(f"standard input: expected a file of a known format, got what begins like {words}")
        return content, FORMATS[found]
    file, row = known(path)
    if name and (not name.isdigit() if row.pages else row.member is None and row.at is None):
        way = ": pages have numbers, from 1 on" if row.pages else ""
        raise ValueError(f"{path}: {row.name.upper()} holds one signal, which has no name, got {name!r}{way}")
    if row.at and file.is_dir():
        return file, row
    with file.open("rb") as opened:
        return (file, row) if file.is_file() else (opened.read(), row)


def _numbered(path: str, row: Format, name: str, page: int) -> str:
    """The name of a page: its number."""
    if not row.pages:
        raise ValueError(f"{path}: {row.name.upper()} has no pages or frames, expected no page, got {page}")
    if name:
        raise ValueError(f"{path}: expected page {name!r} or page {page}, not both")
    if page < 1:
        raise ValueError(f"{path}: expected a page from 1 on, got {page}")
    return str(page)


def parsed(
    format: str, source: Path | bytes, name: str = "", budget: Budget | None = None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a file or its content, by the row of its format, in this process.

    Parameters
    ----------
    format : str
        One of `FORMATS`.
    source : path or bytes
    name : str
        Of one of several arrays, or empty.
    budget : Budget, optional
        What the head may ask for; by default anything.

    Raises
    ------
    Exception
        Whatever the format's reader does: `read` says it in our words.
    """
    row = FORMATS[format]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # a library's doubt about the content
        samples, info = row.at(source, name, budget) if row.at else _from_content(row, source, name, budget)
    _check_dtype(samples)
    return plain(samples), info


def write(path: str | os.PathLike[str], samples: np.ndarray, info: Mapping[str, Any] | None = None) -> None:
    """Write samples to a file in the format of its suffix, so that `read` gives them back.

    The file appears, or replaces an older one, only when it is complete.

    Parameters
    ----------
    path : str or path
        Its suffix, one of `FORMATS`, chooses the format.  ``-`` is standard output: the format is the one that
        ``info`` speaks of, or one that can be written in place of it, or NPY.
    samples : array
        Bytes are stored in the format's own order; only npy and NIfTI give a foreign byte order back.
    info : mapping, optional
        Side information, as `read` returns it for this or another format.  A format takes what it ``keeps``, see the
        modules of the formats (WAV needs a ``"rate"``), and leaves out what it does not know.

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
    refinr.files.format.FormatError: image.png: cannot be written as PNG: expected uint8 or uint16 of shape (H, W) ...
    """
    stream = os.fspath(path) == STREAM
    path, row = (Path("standard output"), _native(info or {})) if stream else known(path)
    samples = plain(np.asarray(samples))
    file = io.BytesIO()
    try:
        _check_dtype(samples)
        row.write(file, samples, dict(info or {}))
    except (ValueError, TypeError, struct.error, ImportError) as error:
        reason = _missing(row, error) or str(error)
        if reason.startswith("expected") and row is not npy.FORMAT:
            reason += "; .npy holds any array"
        raise FormatError(f"{path}: cannot be written as {row.name.upper()}: {reason}") from error
    if stream:
        sys.stdout.buffer.write(file.getbuffer())
        sys.stdout.buffer.flush()
        return
    zipped = path.suffix.lower() == ".gz"
    replace_file(path, gzip.compress(file.getbuffer(), mtime=0) if zipped else file.getbuffer())


def left_behind(path: str | os.PathLike[str], info: Mapping[str, Any]) -> list[str]:
    """Keys of the side information that the format of a name does not keep.

    Examples
    --------
    >>> left_behind("a.png", {"format": "wav", "channels": True, "rate": 8000, "bits": 16})
    ['rate', 'bits']
    """
    row = _native(info) if os.fspath(path) == STREAM else known(path)[1]
    if info.get("format") == row.name:
        return []
    return [key for key in info if key not in ("format", "channels", *row.keeps)]


def _native(info: Mapping[str, Any]) -> Format:
    """The format that samples came in, or what can be written in place of it."""
    row = FORMATS.get(str(info.get("format")), npy.FORMAT)
    return by_suffix()[row.instead] if row.instead else row


def load(format: str) -> None:
    """Load the libraries that read a format, as far as they are there."""
    for name in FORMATS[format].needs:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def by_suffix() -> dict[str, Format]:
    """The formats by what names of files end in.

    Examples
    --------
    >>> by_suffix()[".tif"].name
    'tiff'
    """
    return {suffix: row for row in FORMATS.values() for suffix in row.suffixes}


def format_of(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file's name speaks of; None if it speaks of none.

    Examples
    --------
    >>> format_of("scan.NII.gz").name, format_of("scan.inr")
    ('nifti', None)
    """
    suffixes = [suffix.lower() for suffix in Path(os.fspath(path).partition("::")[0]).suffixes[-2:]]
    known = by_suffix()
    return known.get("".join(suffixes)) or known.get("".join(suffixes[-1:]))


def known(path: str | os.PathLike[str]) -> tuple[Path, Format]:
    """A path and the format that its name speaks of.

    Raises
    ------
    ValueError
        If it speaks of none.
    """
    path = Path(path)
    if (row := format_of(path)) is None:
        raise ValueError(f"{path}: expected a name ending in one of {', '.join(by_suffix())}, got {path.suffix!r}")
    return path, row


def _from_content(
    row: Format, source: Path | bytes, name: str, budget: Budget | None
) -> tuple[np.ndarray, dict[str, Any]]:
    content = source if isinstance(source, bytes) else source.read_bytes()
    which = (name,) if name and row.member else ()
    if budget is not None and row.asks is not None:
        budget.check(row.asks(content, *which), len(content))
    return row.member(content, name) if which and row.member else row.read(content)


def _reason(row: Format, error: Exception, source: Path | bytes) -> str:
    """In our words: those of a library are about itself, and stay the cause of the error."""
    head = source if isinstance(source, bytes) else b""
    if isinstance(source, Path) and source.is_file():
        with source.open("rb") as file:
            head = file.read(HEAD)
    found, name = looks_like(head), recognised(head)
    ours = row.name.upper() in found.upper() or (name and row.name.startswith(name))
    if found and not ours and not (isinstance(source, Path) and source.is_dir()):
        return f"it begins like {found}; give it the name of what it is"
    if isinstance(error, FormatError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "there is not enough memory for its samples"
    return "it is damaged, or of a kind that is not known here"


def _missing(row: Format, error: Exception) -> str | None:
    """Which library is not installed, and how it comes to be, if that is what is wrong."""
    if not isinstance(error, ImportError) or row.extra is None:
        return None
    return f"it needs {error.name}: pip install 'refinr[{row.extra}]'"


def _check_dtype(samples: np.ndarray) -> None:
    if samples.dtype.kind not in "biuf":
        raise FormatError(f"expected booleans, integers or floats, got {kind(samples)}")
