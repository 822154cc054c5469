"""Arrays and their description in one file, without pickle: safetensors, readable from every language.

With this you can write a dict of arrays and a JSON description (`write`) and read both back (`read`).

An `.inr` file is a safetensors file whose header carries, under the key ``refinr``, a JSON object with at least
``format`` ("refinr") and ``version``.  Nothing appears under the file's name until all of it is on disk.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

VERSION = 1


def replace_file(path: str | os.PathLike, write_to: Callable[[Path], Any]) -> None:
    """Call ``write_to(temporary path)`` in the folder of `path`, then rename: the old file, or all of the new one.

    Raises
    ------
    OSError
        If the folder cannot be written to.  Whatever happens, `path` is as it was and nothing else is left behind.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    try:
        write_to(Path(name))
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp made it private
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


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

    text = json.dumps({"format": "refinr", "version": VERSION} | description, allow_nan=False)
    content = save({name: np.ascontiguousarray(a) for name, a in arrays.items()}, {"refinr": text})
    replace_file(path, lambda temporary: temporary.write_bytes(content))


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
    except SafetensorError as error:
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
    return arrays, description
