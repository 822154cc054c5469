"""What a file format is: all that other modules need to know of it, in one row.

With this you can describe a format (`Format`), and say why samples or bytes are none of its (`kind`, `check_size`).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


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
        Samples and side information of a file's bytes.  Whatever it raises says that the content is none or damaged.
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
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[bytes], tuple[np.ndarray, dict[str, Any]]]
    write: Callable[[io.BytesIO, np.ndarray, dict[str, Any]], None]
    samples: str
    keeps: tuple[str, ...] = ()
    map: Callable[[Path], tuple[np.ndarray, dict[str, Any]]] | None = None
    extra: str | None = None


def check_size(size: int, content: bytes) -> None:
    """Refuse headers that promise more than a file holds, before memory is asked for.

    Deflate makes at most 1032 bytes out of one; other methods may make more, of up to 16 MB.

    Raises
    ------
    ValueError
        If `size` bytes of samples cannot be in `content`.
    """
    if size > max(1032 * len(content), 1 << 24):
        raise ValueError(f"{len(content)} bytes cannot hold samples of {size}")


def kind(samples: np.ndarray) -> str:
    """Dtype and shape, for errors.

    Examples
    --------
    >>> kind(np.zeros((2, 3), "uint8"))
    'uint8 of shape (2, 3)'
    """
    return f"{samples.dtype} of shape {samples.shape}"
