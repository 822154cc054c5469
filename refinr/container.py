"""Arrays and their description in one file, without pickle: safetensors, readable from every language.

With this you can write a dict of arrays and a JSON description (`write`) and read both back (`read`).

An `.inr` file is a safetensors file whose header carries, under the key ``refinr``, a JSON object with at least
``format`` ("refinr"), ``version`` and ``digest``, a SHA-256 of the description and all arrays.  Nothing appears under
the file's name until all of it has been written.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

VERSION = 1


def replace_file(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Write to a temporary file, then rename: under that name is the old file or all of the new one, never a part.

    Raises
    ------
    OSError
        If the folder cannot be written to.  Whatever happens, `path` is as it was and nothing else is left behind.
    """
    target = Path(os.path.realpath(path))  # where a symbolic link points
    part = target.with_name(f".{os.urandom(8).hex()}.part")  # in the same folder, so that the move is atomic
    try:
        part.write_bytes(content)
        os.replace(part, target)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not the name of the temporary file
        raise
    finally:
        part.unlink(missing_ok=True)


def checksum(samples: np.ndarray) -> str:
    """SHA-256 of the samples' bytes, little-endian and row-major.

    Examples
    --------
    >>> checksum(np.zeros(2, dtype=">u2")) == checksum(np.zeros(2, dtype="<u2"))
    True
    """
    little = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<"))
    return hashlib.sha256(little.view(np.uint8).data).hexdigest()


def write(path: str | os.PathLike, arrays: dict[str, np.ndarray], description: dict[str, Any]) -> None:
    """Write a file, all or nothing.

    Parameters
    ----------
    path : path
    arrays : dict of host arrays
    description : dict
        JSON values only; no infinities, no NaN.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
    description = {"format": "refinr", "version": VERSION} | description
    text = json.dumps(description | {"digest": _digest(arrays, description)}, allow_nan=False)
    content = save(arrays, {"refinr": text})
    replace_file(path, content)


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

    with open(path, "rb"):
        pass  # a missing or unreadable file is the system's error, in the system's words
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, AttributeError, TypeError) as error:  # the latter two for dtypes that NumPy has not
        raise ValueError(f"{path}: not an .inr file, or a damaged one ({error})") from None
    try:
        description = json.loads(metadata["refinr"])
        known = description["format"] == "refinr" and isinstance(description["version"], int)
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"{path}: a safetensors file, but not one of refinr's")
    if description["version"] > VERSION:
        raise ValueError(
            f"{path}: version {description['version']}, newer than {VERSION}, the newest this refinr reads"
        )
    if description.pop("digest", None) != _digest(arrays, description):
        raise ValueError(f"{path}: damaged, its content is not what was written")
    return arrays, description


def _digest(arrays: dict[str, np.ndarray], description: dict[str, Any]) -> str:
    """SHA-256 of everything a file says."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
