"""NumPy arrays, as `numpy.save` writes them; large ones may stay in their file."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from refinr.files.format import Format


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of an npy file.

    Raises
    ------
    ValueError
        For content that is cut short, or longer than its header says, or holds objects.
    """
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    size = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (min(shape, default=0) < 0 or size != len(content) - file.tell()):
        raise ValueError(f"expected {size} bytes for {dtype} {shape}, got {len(content) - file.tell()}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False), {"channels": None}  # np.load would read archives too


def read_mapped(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Like `read`, but the samples stay in the file."""
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
)
