"""NumPy archives: one array of a file, the one that it holds or the one that is named, ``file.npz::name``."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from refinr.files import npy
from refinr.files.format import Format, FormatError, check_size


def read(content: bytes, member: str | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of one array.

    Parameters
    ----------
    content : bytes
    member : str, optional
        Its name; not needed where there is one array.

    Raises
    ------
    ValueError
        For content that is damaged, for a name that it does not have, and for several arrays of which none is named.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
        if member is None and len(sizes) == 1:
            (member,) = sizes
        if member not in sizes:
            found = ", ".join(sizes) or "no arrays"
            raise FormatError(f"it holds {found}; name one of them, as in file.npz::{next(iter(sizes), 'name')}")
        check_size(sizes[member], content)
        return npy.read(archive.read(f"{member}.npy"))


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write an archive of one array, compressed."""
    np.savez_compressed(file, samples)


FORMAT = Format(
    name="npz",
    suffixes=(".npz",),
    read=read,
    write=write,
    samples="one array of any shape; booleans, integers or floats in any byte order",
    member=read,
)
