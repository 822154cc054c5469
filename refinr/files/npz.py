"""NumPy archives: one array of a file, the one that it holds or the one that is named, ``file.npz::name``."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from refinr.files import npy
from refinr.files.format import Format, FormatError


def _found(archive: zipfile.ZipFile, member: str | None) -> zipfile.ZipInfo:
    """The entry of the array that is meant."""
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    if member is None and len(entries) == 1:
        (member,) = entries
    if member is None or member not in entries:
        found = ", ".join(entries) or "no arrays"
        raise FormatError(f"it holds {found}; name one of them, as in file.npz::{next(iter(entries), 'name')}")
    entry = entries[member]
    if not entry.filename.endswith(".npy"):
        raise FormatError(f"expected arrays, in files that end in .npy, got {entry.filename!r}")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others do not end where they are told
        raise FormatError("its arrays are compressed in another way than NumPy's; save it by numpy.savez_compressed")
    return entry


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
        entry = _found(archive, member)
        with archive.open(entry) as file:
            # no more is inflated than the archive promises: without a number it would be, and thrown away
            return npy.read(file.read(entry.file_size + 1))


def asks(content: bytes, member: str | None = None) -> int:
    """How many bytes of samples the archive's directory speaks of."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _found(archive, member).file_size


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
    carries="byte order",
    loses="other arrays of the archive",
    asks=asks,
)
