"""NumPy arrays, as `numpy.save` writes them; large ones may stay in their file."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from refinr.files.format import Format, FormatError


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of an npy file.

    Raises
    ------
    ValueError
        For content that is cut short, or longer than its header says, or holds objects.
    """
    file = io.BytesIO(content)
    if content[:6] != b"\x93NUMPY":
        raise FormatError("it does not begin like one, with NUMPY")
    version = np.lib.format.read_magic(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a header of Python 2 takes longer to read
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
    if dtype.hasobject:
        raise FormatError("it holds Python objects, which may run code when they are read; expected numbers")
    size = math.prod(shape) * dtype.itemsize
    there = len(content) - file.tell()
    if min(shape, default=0) < 0 or size != there:
        what = "it is cut short" if size > there else f"{there - size} bytes follow its samples, which would be lost"
        raise FormatError(f"{what}: expected {size} bytes for {dtype} {shape}, got {there}")
    samples = np.frombuffer(content, dtype, math.prod(shape), file.tell()).copy()
    return samples.reshape(shape, order="F" if fortran else "C"), {"channels": None}


def read_mapped(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Like `read`, but the samples stay in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.lib.format.open_memmap(path, mode="r"), {"channels": None}


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write an npy file; any byte order stays as it is."""
    np.lib.format.write_array(file, samples, allow_pickle=False)


FORMAT = Format(
    name="npy",
    suffixes=(".npy",),
    read=read,
    write=write,
    samples="any shape; booleans, integers or floats in any byte order",
    map=read_mapped,
    carries="byte order",
)
