"""Arrays and their description in one file, without pickle: safetensors, readable from every language.

With this you can write a dict of arrays and a JSON description (`write`) and read both back (`read`).

An `.inr` file is a safetensors file whose metadata carry, under the key ``refinr``, a JSON object with at least
``format`` ("refinr") and ``version``, and under ``digest`` a SHA-256 of it and of all arrays; docs/container.md has
every byte.  Nothing appears under the file's name until all of it has been written.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from refinr.files.atomic import replace_file
from refinr.files.checksum import content

VERSION = 2
BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""The upper halves of float32 numbers; NumPy has no such dtype, so it stands for itself as a field of one."""

_NAMES = {f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
_NAMES |= {f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)} | {"BF16": BFLOAT16}


# --- write -----------------------------------------------------------------------------------------------------------


def write(path: str | os.PathLike, arrays: dict[str, np.ndarray], description: dict[str, Any]) -> None:
    """Write a file, all or nothing.

    Parameters
    ----------
    path : path
    arrays : dict of host arrays
        Integers and floats of up to 64 bits, and `BFLOAT16`.
    description : dict
        JSON values only; no infinities, no NaN.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        For arrays of other dtypes.
    """
    text = json.dumps({"format": "refinr", "version": VERSION} | description, allow_nan=False)
    dtypes = {dtype: name for name, dtype in _NAMES.items()}
    header: dict[str, Any] = {"__metadata__": {"refinr": text, "digest": _digest(arrays, text)}}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # so that numbers are aligned
    end = 0
    for name in order:
        array = arrays[name]
        start = end
        end = start + array.nbytes
        dtype = dtypes.get(array.dtype if array.dtype.names else array.dtype.newbyteorder("<"))
        if dtype is None:
            raise TypeError(f"arrays: expected integers or floats of up to 64 bits, got {array.dtype} for {name}")
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [start, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)

    def pieces() -> Iterator[bytes | memoryview]:
        yield struct.pack("<Q", len(head)) + head
        for name in order:
            yield from content(arrays[name])

    replace_file(path, pieces())


def _digest(arrays: dict[str, np.ndarray], text: str) -> str:
    """SHA-256 of everything a file says: the description, then each array in the order of the names."""
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        kind = "bfloat16" if array.dtype.names else array.dtype.newbyteorder("<").str
        digest.update(f"\n{name} {kind} {','.join(map(str, array.shape))}\n".encode())
        for block in content(array):
            digest.update(block)
    return digest.hexdigest()


# --- read ------------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a file that `write` wrote.

    Returns
    -------
    arrays : dict of arrays
    description : dict

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a refinr file, is damaged or cut short, or was written by a newer version.
    """
    from safetensors import SafetensorError, safe_open

    stored = np.fromfile(path, np.uint8)  # a missing or unreadable file is the system's error, in the system's words
    try:
        with safe_open(path, framework="np") as file:  # sizes, offsets, nothing left over: all is checked here
            metadata = file.metadata() or {}
        (length,) = struct.unpack("<Q", stored[:8].tobytes())
        header = json.loads(stored[8 : 8 + length].tobytes())
        body = stored[8 + length :]
        arrays = {name: _array(entry, body) for name, entry in header.items() if name != "__metadata__"}
    except (SafetensorError, KeyError, ValueError, RecursionError, struct.error) as error:
        raise ValueError(f"{path}: not an .inr file, or a damaged one ({error})") from None
    try:
        text = metadata["refinr"]
        description = json.loads(text)
        version = description["version"]
        known = description["format"] == "refinr" and isinstance(version, int) and version > 0
    except (KeyError, TypeError, ValueError, RecursionError):
        known = False
    if not known:
        raise ValueError(f"{path}: a safetensors file, but not one of refinr's")
    if version > VERSION:
        raise ValueError(f"{path}: version {version}, newer than {VERSION}, the newest this refinr reads")
    if metadata.get("digest") != _digest(arrays, text):
        raise ValueError(f"{path}: damaged, its content is not what was written")
    return arrays, description


def _array(entry: dict[str, Any], body: np.ndarray) -> np.ndarray:
    if entry["dtype"] not in _NAMES:
        raise ValueError(f"arrays of {entry['dtype']}")
    start, end = entry["data_offsets"]
    return body[start:end].view(_NAMES[entry["dtype"]]).reshape(entry["shape"])
