"""NIfTI volumes, as MRI scanners and their programs write them: the stored numbers, not the scaled ones.

With this you can `read` the samples of a ``.nii`` or ``.nii.gz`` file and all that stands before them, and `write` them
back so that the file is the same, byte for byte (before gzip).

A NIfTI file stores integers and says by which slope and intercept they become physical values.  The integers are what
is represented; slope, intercept, orientation and extensions travel along.  nibabel reads headers (extra ``volumes``).
Colours have an axis of their own, the last; header and image may be two files (`read_pair`).
"""

from __future__ import annotations

import base64
import gzip
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refinr.files.budget import Budget
from refinr.files.format import Format, FormatError, kind


def _header(content: bytes) -> tuple[Any, int]:
    """The header, parsed, and its version, 1 or 2."""
    import nibabel

    for version, header in ((1, nibabel.Nifti1Header), (2, nibabel.Nifti2Header)):
        if header.sizeof_hdr in (int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big")):
            return header(content[: header.sizeof_hdr], check=False), version
    raise FormatError("expected the header of NIfTI-1 or NIfTI-2 at the beginning")


def _described(header: Any) -> tuple[np.dtype, tuple[int, ...], int]:
    """Dtype, grid, and how many numbers a voxel has: colours have three or four."""
    dtype = header.get_data_dtype()
    planes = len(dtype.fields or "1")
    dtype = np.dtype(np.uint8) if dtype.fields else dtype
    dims = [int(n) for n in header["dim"]]
    if not 1 <= dims[0] <= 7 or dtype.kind not in "iuf" or min(dims[1 : dims[0] + 1]) < 1:
        raise FormatError(f"expected integers, floats or colours with 1 to 7 axes, got {dtype} with dim {dims}")
    return dtype, tuple(dims[1 : dims[0] + 1]), planes


def _head(content: bytes) -> bytes:
    """What the header may be in, inflated."""
    return _inflated(content, 540)[:540]


class _Placed(NamedTuple):
    """What the header says of samples."""

    header: Any
    version: int
    dtype: np.dtype
    grid: tuple[int, ...]
    planes: int

    @property
    def start(self) -> int:
        """Where they begin, and `size`, how many bytes they take."""
        return int(self.header["vox_offset"])

    @property
    def size(self) -> int:
        return self.dtype.itemsize * self.planes * math.prod(self.grid)


def _placed(head: bytes) -> _Placed:
    header, version = _header(head)
    return _Placed(header, version, *_described(header))


def asks(content: bytes) -> int:
    """How many bytes the header speaks of, up to the end of the samples."""
    placed = _placed(_head(content))
    return placed.start + placed.size


def _inflated(content: bytes, most: int) -> bytes:
    """Content, the first bytes of it if it is compressed."""
    if content[:2] != b"\x1f\x8b":
        return content
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return file.read(most)


def _arranged(data: bytes | memoryview, placed: _Placed) -> tuple[np.ndarray, dict[str, Any]]:
    stored = np.frombuffer(data, placed.dtype).reshape((placed.planes, *placed.grid), order="F")
    colour = placed.planes > 1
    samples = np.moveaxis(stored, 0, -1) if colour else stored[0]
    return np.ascontiguousarray(samples), {"channels": colour}


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a NIfTI-1 or NIfTI-2 file, gzipped or not.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    samples : array of integers or floats, in the file's byte order
    info : dict
        "channels": whether voxels are colours; "header": all that stands before the samples, in base 64.

    Raises
    ------
    ValueError
        If it is no NIfTI file, or says of itself more than it holds.
    """
    placed = _placed(_head(content))
    start = placed.start
    end = start + placed.size
    if placed.header["magic"].item()[:3] != b"n+%d" % placed.version or start < placed.header.sizeof_hdr:
        raise FormatError(f"expected samples behind the header in the same file, got them from byte {start}")
    content = _inflated(content, end + 1)  # what follows the samples is refused, however much it is
    if end != len(content):
        there = "more" if end < len(content) else len(content)
        raise FormatError(f"expected samples from byte {start} to the end at {end}, got {there} bytes")
    samples, info = _arranged(memoryview(content)[start:], placed)
    return samples, info | {"header": base64.b64encode(content[:start]).decode()}


def read_pair(source: Path | bytes, name: str = "", budget: Budget | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a header and an image in two files, found by the name of either.

    The header becomes that of one file, as `write` needs it: ``.nii`` means the same.

    Raises
    ------
    ValueError
        As `read` does, and if one of the two is not there.
    """
    if isinstance(source, bytes):
        raise FormatError("it is one of two files; expected the path of either")
    gz = ".gz" if source.suffix.lower() == ".gz" else ""
    stem = source.name.removesuffix(source.suffix) if gz else source.name
    paths = [source.with_name(Path(stem).stem + suffix + gz) for suffix in (".hdr", ".img")]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise FormatError(f"header and image are two files, and {missing[0]!r} is not there")
    head, content = (path.read_bytes() for path in paths)
    head = _inflated(head, 1 << 20)
    placed = _placed(head)
    size = placed.header.sizeof_hdr
    if placed.header["magic"].item()[:3] != b"ni%d" % placed.version or placed.start < 0:
        raise FormatError("expected the header of a NIfTI pair, with the mark ni1 or ni2")
    end = placed.start + placed.size
    if budget is not None:
        budget.check(end, len(content))
    content = _inflated(content, end + 1)
    if len(content) != end:
        there = "more" if end < len(content) else len(content)
        raise FormatError(f"expected samples from byte {placed.start} to the end at {end}, got {there} bytes")
    samples, info = _arranged(memoryview(content)[placed.start :], placed)
    rest = head[size:] or bytes(4)
    placed.header["magic"] = b"n+%d" % placed.version
    placed.header["vox_offset"] = size + len(rest)
    return samples, info | {"header": base64.b64encode(placed.header.binaryblock + rest).decode()}


def _write_pair(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    raise ValueError("it takes two files; write .nii, which holds both")


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write samples behind what stood before them, or behind a plain header.

    Raises
    ------
    ValueError
        For samples that NIfTI cannot hold, or that are not those the header speaks of.
    """
    from nibabel import Nifti1Header
    from nibabel.spatialimages import HeaderDataError

    if samples.dtype.kind not in "iuf" or samples.ndim < 1 or samples.size == 0:
        raise ValueError(f"expected integers or floats with 1 to 7 axes, got {kind(samples)}")
    head = base64.b64decode(info.get("header", ""))
    if not head:
        order = "<" if samples.dtype.newbyteorder("<") == samples.dtype else ">"
        colour = info.get("channels") is True and samples.dtype == np.uint8 and samples.shape[-1] in (3, 4)
        plain = Nifti1Header(endianness=order)
        try:
            plain.set_data_shape(samples.shape[:-1] if colour else samples.shape)
            plain.set_data_dtype({3: "RGB", 4: "RGBA"}[samples.shape[-1]] if colour else samples.dtype)
        except HeaderDataError as error:
            raise ValueError(str(error)) from None
        plain["vox_offset"] = 352
        plain["magic"] = b"n+1"
        head = plain.binaryblock + bytes(4)
    placed = _placed(head)
    shape = (*placed.grid, placed.planes) if placed.planes > 1 else placed.grid
    if (placed.dtype, shape) != (samples.dtype, samples.shape):
        raise ValueError(f"expected the header's {placed.dtype} of shape {shape}, got {kind(samples)}")
    file.write(head + (np.moveaxis(samples, -1, 0) if placed.planes > 1 else samples).tobytes(order="F"))


FORMAT = Format(
    name="nifti",
    suffixes=(".nii", ".nii.gz"),
    read=read,
    write=write,
    samples="1 to 7 axes, and RGB or RGBA of uint8; integers or floats in any byte order",
    keeps=("header",),
    carries="the header, byte for byte",
    extra="volumes",
    asks=asks,
)

PAIR = Format(
    name="nifti pair",
    suffixes=(".hdr", ".img", ".hdr.gz", ".img.gz"),
    read=read,
    write=_write_pair,
    samples="read alone, by the name of either file: as nifti, which they can be written to",
    keeps=("header",),
    carries="the header, as that of one file",
    extra="volumes",
    at=read_pair,
    instead=".nii",
)
