"""What a file format is: all that other modules need to know of it, in one row.

With this you can describe a format (`Format`), and say why samples or bytes are none of its (`FormatError`, `kind`,
`looks_like`, `recognised`).
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
    carries : str
        The same in words.
    loses : str
        What else its files may say, in words: it is not in the side information.
    map : callable (path) -> (samples, info), optional
        Like `read` for files that may be larger than memory: the samples stay in the file.
    extra : str, optional
        The extra of refinr that installs the library it needs.
    needs : tuple of str
        The modules of that library: they are loaded before it is limited what reading may take.
    member : callable (content, name) -> (samples, info), optional
        Like `read` for one of the arrays that a file holds: ``file.npz::name``.
    pages : bool
        Whether the names of these are numbers of pages or frames, from 1 on.
    at : callable (path or content, name, budget) -> (samples, info), optional
        In place of `read` for what is more than the content of one file: two files, a folder, one that stays where it
        is.  It checks itself what is asked for; the budget is None for what is trusted.
    instead : str
        What can be written in place of it, by its suffix, for a format that is read alone.
    asks : callable (content) -> int, optional
        How many bytes of samples the head speaks of, found by code that asks for nothing itself; for formats whose
        samples may take more than the file does.  Given a name beside the content where there is a `member`.
    apart : bool or callable (path or content) -> bool
        Whether a library reads it whose memory and time only the system can limit, see `refinr.files.apart`.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[bytes], tuple[np.ndarray, dict[str, Any]]]
    write: Callable[[io.BytesIO, np.ndarray, dict[str, Any]], None]
    samples: str
    keeps: tuple[str, ...] = ()
    carries: str = ""
    loses: str = ""
    map: Callable[[Path], tuple[np.ndarray, dict[str, Any]]] | None = None
    extra: str | None = None
    needs: tuple[str, ...] = ()
    member: Callable[[bytes, str], tuple[np.ndarray, dict[str, Any]]] | None = None
    pages: bool = False
    at: Callable[[Any, str, Any], tuple[np.ndarray, dict[str, Any]]] | None = None
    instead: str = ""
    asks: Callable[..., int] | None = None
    apart: bool | Callable[[Path | bytes], bool] = False


PAGES = "--page N or page=N takes one of them"
"""The way on from several pages or frames where one is expected."""

_BEGINNINGS = [
    (128, b"DICM", "DICOM", "dicom"),
    (0, b"\x89PNG", "PNG", "png"),
    (0, b"\xff\xd8\xff", "JPEG", "jpeg"),
    (0, b"GIF8", "GIF", "gif"),
    (0, b"II*\0", "TIFF", "tiff"),
    (0, b"MM\0*", "TIFF", "tiff"),
    (0, b"II+\0", "TIFF", "tiff"),
    (0, b"MM\0+", "TIFF", "tiff"),
    (0, b"BM", "BMP", "bmp"),
    (8, b"WAVE", "WAV", "wav"),
    (8, b"WEBP", "WebP", "webp"),
    (0, b"RIFF", "WAV or WebP", ""),
    (0, b"\xff\x0a", "JPEG XL", "jxl"),
    (4, b"JXL ", "JPEG XL", "jxl"),
    (0, b"P5", "a portable pixmap", "pixmap"),
    (0, b"P6", "a portable pixmap", "pixmap"),
    (0, b"fLaC", "FLAC", "flac"),
    (0, b"OggS", "Ogg", ""),
    (0, b"ID3", "MP3", ""),
    (0, b"FORM", "AIFF", "aiff"),
    (0, b"\x93NUMPY", "NPY", "npy"),
    (0, b"PK\3\4", "a zip archive, as NPZ is", "npz"),
    (0, b"\x1f\x8b", "gzip", "nifti"),
    (0, b"\x5c\1\0\0", "NIfTI", "nifti"),
    (0, b"\0\0\1\x5c", "NIfTI", "nifti"),
    (0, b"\x1c\2\0\0", "NIfTI", "nifti"),
    (0, b"\0\0\2\x1c", "NIfTI", "nifti"),
    (0, b"\x89HDF", "HDF5", "hdf5"),
    (0, b"SIMPLE", "FITS", "fits"),
    (0, b"%PDF", "PDF", ""),
    (0, b"<", "a page of HTML or XML, perhaps what a server sent instead", ""),
    (0, b"\x80\4", "a Python pickle", ""),
]
"""Where a file has which bytes, what it is then in words, and the name of its format, if it is one of ours."""

HEAD = 132
"""Bytes that tell them all apart."""


def _beginning(content: bytes) -> tuple[str, str]:
    for at, start, words, name in _BEGINNINGS:
        if content[at : at + len(start)] == start:
            return words, name
    return "", ""


def looks_like(content: bytes) -> str:
    """What content begins like, in words; empty where there is no telling.

    Examples
    --------
    >>> looks_like(b"GIF89a...")
    'GIF'
    """
    return _beginning(content)[0] if content else "nothing: it is empty"


def recognised(content: bytes) -> str:
    """The name of the format that content begins like; empty where there is no telling.

    Examples
    --------
    >>> recognised(b"fLaC..."), recognised(b"%PDF...")
    ('flac', '')
    """
    return _beginning(content)[1]


def kind(samples: np.ndarray) -> str:
    """Dtype and shape, for errors.

    Examples
    --------
    >>> kind(np.zeros((2, 3), "uint8"))
    'uint8 of shape (2, 3)'
    """
    return f"{samples.dtype} of shape {samples.shape}"
