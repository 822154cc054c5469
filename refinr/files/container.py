"""Arrays and their description in one file, without pickle: safetensors, readable from every language.

With this you can write a dict of arrays and a JSON description (`write`) and read both back (`read`).

An `.inr` file is a safetensors file whose metadata carry, under the key ``refinr``, a JSON object with at least
``format`` ("refinr") and ``version``; under ``arrays`` a SHA-256 of every array; and under ``digest`` one of all that
describes them.  So a damaged description is told from damaged arrays, which may still be of use (`inspect`).
docs/container.md has every byte.  Nothing appears under the file's name until all of it has been written.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from refinr.files.atomic import replace_file
from refinr.files.checksum import content

VERSION = 6
BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""The upper halves of float32 numbers; NumPy has no such dtype, so it stands for itself as a field of one."""

_NAMES = {f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
_NAMES |= {f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)} | {"BF16": BFLOAT16}


# --- write -----------------------------------------------------------------------------------------------------------


def write(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], description: dict[str, Any]) -> None:
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
    described: dict[str, Any] = {"format": "refinr", "version": VERSION} | description
    text = json.dumps(described, allow_nan=False)
    dtypes = {dtype: name for name, dtype in _NAMES.items()}
    header: dict[str, Any] = {"__metadata__": {"refinr": text} | _digests(arrays, text, described["version"])}
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


def _digests(arrays: Mapping[str, np.ndarray], text: str, version: int) -> dict[str, str]:
    """What the metadata hold besides the description: version 1 has one digest of everything."""
    if version == 1:
        return {"digest": _digest(arrays, text, lambda name: content(arrays[name]))}
    each = {name: _sha256(content(array)) for name, array in sorted(arrays.items())}
    return {"arrays": json.dumps(each), "digest": _digest(arrays, text, lambda name: [each[name].encode()])}


def _digest(arrays: Mapping[str, np.ndarray], text: str, said_of: Callable[[str], Iterable[bytes | memoryview]]) -> str:
    """SHA-256 of the description, then of name, dtype, shape of each array and what is said of it, by name."""

    def pieces() -> Iterator[bytes | memoryview]:
        yield text.encode()
        for name, array in sorted(arrays.items()):
            kind = "bfloat16" if array.dtype.names else array.dtype.newbyteorder("<").str
            yield f"\n{name} {kind} {','.join(map(str, array.shape))}\n".encode()
            yield from said_of(name)

    return _sha256(pieces())


def _sha256(pieces: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


# --- read ------------------------------------------------------------------------------------------------------------


class Content(NamedTuple):
    """What a file holds.

    Parameters
    ----------
    arrays : dict of arrays
    description : dict
    damaged : tuple of str
        Names of the arrays whose numbers are not those that were written.
    """

    arrays: dict[str, np.ndarray]
    description: dict[str, Any]
    damaged: tuple[str, ...]


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
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
    content = inspect(path)
    if content.damaged:
        raise ValueError(
            f"{path}: damaged, its content is not what was written, in {', '.join(content.damaged)}; of what is loaded "
            "with damaged='mask', all that is good can be read"
        )
    return content.arrays, content.description


def is_one(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like one that `write` wrote, damaged or not.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(40)[8:].startswith(b'{"__metadata__": {"refinr": ')


def inspect(path: str | os.PathLike[str]) -> Content:
    """Read a file whose arrays may be damaged; their names, dtypes, shapes, and the description are not.

    Raises
    ------
    OSError, ValueError
        As `read` does, but for damage within arrays.  Of files of version 1 nothing says where they are damaged.
    """
    metadata, arrays = _safetensors(path)
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
    if version == 1:
        if metadata.get("digest") != _digests(arrays, text, version)["digest"]:
            raise ValueError(f"{path}: damaged, its content is not what was written")
        return Content(arrays, description, ())
    try:
        each = json.loads(metadata["arrays"])
        described = metadata["digest"] == _digest(arrays, text, lambda name: [each[name].encode()])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        described = False
    if not described:
        raise ValueError(f"{path}: damaged, its description is not what was written")
    return Content(
        arrays, description, tuple(name for name, array in arrays.items() if _sha256(content(array)) != each[name])
    )


def same_arrays(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    """Whether two files would hold the same arrays, to the bit: -0.0 is not 0.0, and a NaN is itself."""
    if a.keys() != b.keys():
        return False
    kinds = all((a[name].dtype, a[name].shape) == (b[name].dtype, b[name].shape) for name in a)
    return kinds and all(a[name].tobytes() == b[name].tobytes() for name in a)


def _safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and arrays of any safetensors file."""
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
    return metadata, arrays


def _array(entry: dict[str, Any], body: np.ndarray) -> np.ndarray:
    if entry["dtype"] not in _NAMES:
        raise ValueError(f"arrays of {entry['dtype']}")
    start, end = entry["data_offsets"]
    return body[start:end].view(_NAMES[entry["dtype"]]).reshape(entry["shape"])
