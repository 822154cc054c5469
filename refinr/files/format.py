"""What a file format is: all that other modules need to know of it, in one row.

With this you can describe a format (`Format`), and say why samples or bytes are none of its (`FormatError`, `kind`,
`check_size`, `looks_like`).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


class FormatError(ValueError):
    """Why content is not taken, in words for people: what was found, what was expected, and the way on."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Parameters
    ----------
    name : str
        What side information and errors call it.
    suffixes : tuple of str
        What names of its files end in, in small letters, dots and all.
    read : callable (content) -> (samples, info)
        Samples and side information of a file's bytes.  Whatever it raises says that the content is none or damaged;
        the words of a `FormatError` are shown.
        ``info`` is fit for JSON and has at least ``"channels"``, see `refinr.files.signals.Signal`.
    write : callable (file, samples, info)
        Write samples to a binary file; ValueError for what the format cannot hold.  Side information of other formats
        does no harm.
    samples : str
        The shapes and dtypes that it holds.
    keeps : tuple of str
        Keys of the side information that it keeps beside the samples.
    map : callable (path) -> (samples, info), optional
        Like `read` for files that may be larger than memory: the samples stay in the file.
    extra : str, optional
        The extra of refinr that installs the library it needs.
    member : callable (content, name) -> (samples, info), optional
        Like `read` for one of the arrays that a file holds: ``file.npz::name``.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[bytes], tuple[np.ndarray, dict[str, Any]]]
    write: Callable[[io.BytesIO, np.ndarray, dict[str, Any]], None]
    samples: str
    keeps: tuple[str, ...] = ()
    map: Callable[[Path], tuple[np.ndarray, dict[str, Any]]] | None = None
    extra: str | None = None
    member: Callable[[bytes, str], tuple[np.ndarray, dict[str, Any]]] | None = None


def check_size(size: int, content: bytes) -> None:
    """Refuse headers that promise more than a file holds, before memory is asked for.

    Deflate makes at most 1032 bytes out of one; other methods may make more, of up to 16 MB.

    Raises
    ------
    ValueError
        If `size` bytes of samples cannot be in `content`.
    """
    if size > max(1032 * len(content), 1 << 24):
        raise FormatError(f"its {len(content)} bytes cannot hold the {size} bytes of samples that it promises")


_BEGINNINGS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"RIFF": "WAV or WebP",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3": "MP3",
    b"FORM": "AIFF",
    b"\x93NUMPY": "NPY",
    b"PK\3\4": "a zip archive, as NPZ is",
    b"\x1f\x8b": "gzip",
    b"\x89HDF": "HDF5",
    b"SIMPLE": "FITS",
    b"%PDF": "PDF",
    b"<": "a page of HTML or XML, perhaps what a server sent instead",
    b"\x80\4": "a Python pickle",
}


def looks_like(content: bytes) -> str:
    """What content begins like, in words; empty where there is no telling.

    Examples
    --------
    >>> looks_like(b"GIF89a...")
    'GIF'
    """
    if not content:
        return "nothing: it is empty"
    return next((name for start, name in _BEGINNINGS.items() if content.startswith(start)), "")


def kind(samples: np.ndarray) -> str:
    """Dtype and shape, for errors.

    Examples
    --------
    >>> kind(np.zeros((2, 3), "uint8"))
    'uint8 of shape (2, 3)'
    """
    return f"{samples.dtype} of shape {samples.shape}"
