"""Arrays in HDF5 files, each by its name: ``file.h5::group/dataset``.

With this you can `read` one, and `write` a file of one.  Attributes that are numbers or text travel along.  h5py reads
them (extra ``hdf5``).  Names that lead to other files are not followed: whoever made a file could read yours.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from refinr.files.budget import Budget
from refinr.files.format import Format, FormatError, kind

LISTED = 9
"""Names in an error at most."""


def read(source: Path | bytes, name: str = "", budget: Budget | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of one array.

    Parameters
    ----------
    source : path or bytes
    name : str
        Of the dataset; not needed where there is one that holds numbers.
    budget : Budget, optional
        What it may ask for; by default anything.

    Raises
    ------
    ValueError
        If there is no such array, it is damaged, or its samples are elsewhere.
    """
    import h5py

    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    with h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as file:
        if not name:
            names = list(_datasets(file))
            if len(names) != 1:
                listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "") or "no arrays of numbers"
                raise FormatError(f"it holds {listed}; name one of them, as in file.h5::{next(iter(names), 'name')}")
            (name,) = names
        found = _at(file, name)
        if not isinstance(found, h5py.Dataset) or found.shape is None:
            raise FormatError(f"{name!r} is no array; it holds {', '.join(list(_datasets(file))[:LISTED]) or 'none'}")
        if found.is_virtual or found.external:
            raise FormatError(f"the samples of {name!r} are in other files, which are not opened; copy them into one")
        if budget is not None:
            budget.check(found.dtype.itemsize * found.size, size)
        info = {"channels": None, "dataset": name} | _attributes(found)
        return np.asarray(found[()], found.dtype), info


def _at(file: Any, name: str) -> Any:
    """What has a name, by links within the file alone."""
    import h5py

    found = file
    for part in name.strip("/").split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if isinstance(link, h5py.SoftLink):
            raise FormatError(f"{name!r} is another name of {link.path!r}; give that")
        if not isinstance(link, h5py.HardLink):
            raise FormatError(f"there is no {name!r} in it; it holds {', '.join(list(_datasets(file))[:LISTED])}")
        found = found[part]
    return found


def _datasets(group: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """Names of all arrays of numbers; links can make circles."""
    import h5py

    for name in group if depth < 20 else ():
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        found = group[name]
        if isinstance(found, h5py.Group):
            yield from _datasets(found, f"{path}{name}/", depth + 1)
        elif isinstance(found, h5py.Dataset) and found.dtype.kind in "biuf":
            yield f"{path}{name}"


def _attributes(found: Any) -> dict[str, Any]:
    """Those that JSON has."""
    kept = {}
    for name in found.attrs:
        try:
            value = found.attrs[name]
        except (OSError, TypeError):  # of a type that NumPy has not
            continue
        value = value.tolist() if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iufb" else value
        if isinstance(value, str | int | float | list):
            kept[name] = value
    return {"attributes": kept} if kept else {}


def _no_content(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    return read(content)


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write a file of one array, under the name it had, or "samples".

    Raises
    ------
    ValueError
        For a name that HDF5 does not take.
    """
    import h5py

    if samples.dtype.kind not in "biuf":
        raise ValueError(f"expected booleans, integers or floats, got {kind(samples)}")
    with h5py.File(file, "w") as made:
        dataset = made.create_dataset(
            info.get("dataset", "samples"), samples.shape, samples.dtype, samples, track_times=False
        )
        for name, value in info.get("attributes", {}).items():
            dataset.attrs[name] = value


FORMAT = Format(
    name="hdf5",
    suffixes=(".h5", ".hdf5", ".he5"),
    read=_no_content,
    write=write,
    samples="one array of any shape; booleans, integers or floats in any byte order",
    keeps=("dataset", "attributes"),
    carries="its name; attributes that are numbers or text",
    loses="other arrays, groups, scales, compression",
    extra="hdf5",
    needs=("h5py",),
    at=read,
    apart=True,
)
