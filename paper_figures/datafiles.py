"""Data files: what was computed, in JSON, with where it comes from and a checksum.

With this you can write data with their provenance (`write`), read them back checked (`read`), and carry arrays and
infinite numbers in JSON (`pack`, `unpack`, `finite`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Data = dict[str, Any]
"""What a figure computes: JSON values."""


class Result(NamedTuple):
    """A data file: the data, and how they came to be."""

    data: Data
    provenance: dict[str, Any]


def canonical(value: Any) -> str:
    """JSON in one form only: sorted keys, no spaces; ValueError for infinity and NaN, which JSON has not got.

    Examples
    --------
    >>> canonical({"b": 1, "a": [2, None]})
    '{"a":[2,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def checksum(data: Data) -> str:
    """SHA-256 of the data in their canonical form."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def write(path: Path, data: Data, provenance: dict[str, Any]) -> None:
    """Write a data file, whole or not at all; lists of rows get a line a row, so that changes can be seen."""
    lines = [f" {_plain(key)}: {_rows(value) if _is_table(value) else _plain(value)}" for key, value in data.items()]
    about = json.dumps(provenance | {"sha256": checksum(data)}, indent=1)
    beside = path.with_suffix(".tmp")
    beside.write_text('{"provenance": ' + about + ',\n"data": {\n' + ",\n".join(lines) + "\n}}\n")
    beside.replace(path)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _rows(rows: list[Any]) -> str:
    return "[\n  " + ",\n  ".join(map(_plain, rows)) + "\n ]"


def _plain(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def read(path: Path) -> Result:
    """Read a data file.

    Raises
    ------
    ValueError
        If its data are not those that its checksum speaks of.
    """
    record = json.loads(path.read_text())
    found = checksum(record["data"])
    expected = record["provenance"]["sha256"]
    if found != expected:
        raise ValueError(f"{path}: expected data with SHA-256 {expected}, got {found}")
    return Result(record["data"], record["provenance"])


def finite(value: float) -> float | None:
    """A number as JSON has it: None for infinity (the PSNR of equal images) and NaN.

    Examples
    --------
    >>> finite(2), finite(math.inf)
    (2.0, None)
    """
    return float(value) if math.isfinite(value) else None


def pack(array: np.ndarray) -> dict[str, Any]:
    """An array in JSON values: dtype, shape, and compressed bytes, little-endian.

    Examples
    --------
    >>> bool((unpack(pack(np.arange(6).reshape(2, 3))) == np.arange(6).reshape(2, 3)).all())
    True
    """
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    text = base64.b64encode(zlib.compress(little.tobytes(), level=9)).decode()  # 9: the smallest files
    return {"dtype": little.dtype.str, "shape": list(array.shape), "zlib": text}


def unpack(value: dict[str, Any]) -> np.ndarray:
    """The inverse of `pack`."""
    content = zlib.decompress(base64.b64decode(value["zlib"]))
    return np.frombuffer(content, value["dtype"]).reshape(value["shape"])
