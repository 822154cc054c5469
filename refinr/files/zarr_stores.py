"""Arrays in Zarr stores, which are folders: ``folder.zarr`` is one, or ``folder.zarr::name`` one of several.

With this you can `read` one.  Its description is read first: a store that names a codec which runs code, or reads other
files, is refused, and so is an array that is large for what is in the folder.  zarr reads the chunks (extra ``zarr``).
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from refinr.files.budget import Budget
from refinr.files.format import Format, FormatError

CODECS = {"bytes", "transpose", "gzip", "zstd", "blosc", "crc32c", "sharding_indexed", "refinr", "zlib", "bz2", "lzma"}
CODECS |= {"lz4", "delta", "shuffle"}
"""Codecs that make numbers of bytes and nothing else; ``numcodecs.`` before one changes nothing."""

_HEADS = ("zarr.json", ".zarray")


def _description(folder: Path) -> dict[str, Any] | None:
    for name in _HEADS:
        path = folder / name
        if path.is_file() and path.stat().st_size < 1 << 20:
            found = json.loads(path.read_bytes())
            if isinstance(found, dict) and (name == ".zarray" or found.get("node_type") == "array"):
                return found
    return None


def _codecs(value: Any) -> list[str]:
    """Names of all codecs of a description, those inside others too."""
    if isinstance(value, list):
        return [name for part in value for name in _codecs(part)]
    if not isinstance(value, dict):
        return []
    own = [str(value[key]) for key in ("name", "id") if key in value]
    inside = value.get("configuration", {})
    return own + [name for key in ("codecs", "index_codecs") for name in _codecs(inside.get(key, []))]


def read(source: Path | bytes, name: str = "", budget: Budget | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of one array.

    Parameters
    ----------
    source : path
        Of the folder.
    name : str
        Of the array; not needed where the folder is one.
    budget : Budget, optional
        What it may ask for; by default anything.

    Raises
    ------
    ValueError
        If there is no such array, or its description asks for what is refused.
    """
    if isinstance(source, bytes) or not source.is_dir():
        raise FormatError("expected a folder, as Zarr stores are")
    folder = source / name if name else source
    inside = folder.resolve().is_relative_to(source.resolve())
    found = _description(folder) if inside else None
    if found is None:
        heads = [path.parent for head in _HEADS for path in source.rglob(head) if _description(path.parent)]
        arrays = sorted({str(path.relative_to(source)) for path in heads} - {"."})
        listed = ", ".join(arrays[:9]) or "no arrays"
        raise FormatError(f"it holds {listed}; name one of them, as in {source.name}::{next(iter(arrays), 'name')}")
    if any(path.is_symlink() for path in (folder, *folder.rglob("*"))):
        raise FormatError("there are links in it, which may lead to other files; copy what they lead to into the store")
    used = [found.get(key) for key in ("codecs", "compressor", "filters", "storage_transformers")]
    unknown = [codec for codec in _codecs(used) if codec.removeprefix("numcodecs.") not in CODECS]
    if unknown:
        raise FormatError(f"its samples are encoded by {unknown[0]!r:.40}, expected one of {', '.join(sorted(CODECS))}")
    shape = found.get("shape")
    if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise FormatError(f"expected a shape of whole numbers, got {shape!r:.60}")
    dtype: np.dtype[Any] = np.dtype(object)
    with contextlib.suppress(TypeError):  # of a type that NumPy has not
        dtype = np.dtype(found.get("dtype") or found.get("data_type"))
    if dtype.kind not in "biuf":
        raise FormatError("expected booleans, integers or floats, got others")
    if budget is not None:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        budget.check(math.prod(shape) * dtype.itemsize, size)
    import zarr

    with zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1}):  # threads ask for memory, too
        return np.asarray(zarr.open_array(folder, mode="r")[...]), {"channels": None}


def _no_content(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    return read(content)


def _write_nothing(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    raise ValueError("a store is a folder of files; write .npy or .h5, of which Zarr makes one")


FORMAT = Format(
    name="zarr",
    suffixes=(".zarr",),
    read=_no_content,
    write=_write_nothing,
    samples="read alone: one array of any shape; booleans, integers or floats in any byte order",
    extra="zarr",
    needs=("zarr",),
    at=read,
    instead=".h5",
    loses="attributes, other arrays",
    apart=True,
)
