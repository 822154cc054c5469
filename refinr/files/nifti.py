"""NIfTI volumes, as MRI scanners and their programs write them: the stored numbers, not the scaled ones.

With this you can `read` the samples of a ``.nii`` or ``.nii.gz`` file and all that stands before them, and `write` them
back so that the file is the same, byte for byte (before gzip).

A NIfTI file stores integers and says by which slope and intercept they become physical values.  The integers are what
is represented; slope, intercept, orientation and extensions travel along.  nibabel reads headers (extra ``volumes``).
"""

from __future__ import annotations

import base64
import gzip
import io
import math
from typing import Any

import numpy as np

from refinr.files.format import Format, FormatError, kind


def _header(content: bytes) -> tuple[Any, int]:
    """The header, parsed, and its version, 1 or 2."""
    import nibabel

    for version, header in ((1, nibabel.Nifti1Header), (2, nibabel.Nifti2Header)):
        if header.sizeof_hdr in (int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big")):
            return header(content[: header.sizeof_hdr], check=False), version
    raise FormatError("expected the header of NIfTI-1 or NIfTI-2 at the beginning")


def _described(header: Any) -> tuple[np.dtype, tuple[int, ...]]:
    dtype = header.get_data_dtype()
    dims = [int(n) for n in header["dim"]]
    if not 1 <= dims[0] <= 7 or dtype.kind not in "iuf" or min(dims[1 : dims[0] + 1]) < 1:
        raise FormatError(f"expected integers or floats with 1 to 7 axes, got {dtype} with dim {dims}")
    return dtype, tuple(dims[1 : dims[0] + 1])


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a NIfTI-1 or NIfTI-2 file, gzipped or not.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    samples : array of integers or floats, in the file's byte order
    info : dict
        "channels": False; "header": all that stands before the samples, in base 64.

    Raises
    ------
    ValueError
        If it is no NIfTI file, or says of itself more than it holds.
    """
    if content[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            content = file.read(1032 * len(content))  # deflate makes no more of them
    header, version = _header(content)
    dtype, shape = _described(header)
    start = int(header["vox_offset"])
    end = start + dtype.itemsize * math.prod(shape)
    if header["magic"].item()[:3] != b"n+%d" % version or start < header.sizeof_hdr or end != len(content):
        raise FormatError(f"expected samples from byte {start} to the end at {end}, got {len(content)} bytes")
    samples = np.frombuffer(content, dtype, offset=start).reshape(shape, order="F")
    head = base64.b64encode(content[:start]).decode()
    return np.ascontiguousarray(samples), {"channels": False, "header": head}


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write samples behind what stood before them, or behind a plain header.

    Raises
    ------
    ValueError
        For samples that NIfTI cannot hold, or that are not those the header speaks of.
    """
    from nibabel import Nifti1Header
    from nibabel.spatialimages import HeaderDataError

    if samples.dtype.kind not in "iuf" or not 1 <= samples.ndim <= 7 or samples.size == 0:
        raise ValueError(f"expected integers or floats with 1 to 7 axes, got {kind(samples)}")
    head = base64.b64decode(info.get("header", ""))
    if not head:
        order = "<" if samples.dtype.newbyteorder("<") == samples.dtype else ">"
        plain = Nifti1Header(endianness=order)
        try:
            plain.set_data_shape(samples.shape)
            plain.set_data_dtype(samples.dtype)
        except HeaderDataError as error:
            raise ValueError(str(error)) from None
        plain["vox_offset"] = 352
        plain["magic"] = b"n+1"
        head = plain.binaryblock + bytes(4)
    described = _described(_header(head)[0])
    if described != (samples.dtype, samples.shape):
        raise ValueError(f"expected the header's {described}, got {kind(samples)}")
    file.write(head + samples.tobytes(order="F"))


FORMAT = Format(
    name="nifti",
    suffixes=(".nii", ".nii.gz"),
    read=read,
    write=write,
    samples="1 to 7 axes; integers or floats in any byte order",
    keeps=("header",),
    extra="volumes",
)
