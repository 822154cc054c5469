"""DICOM images, as scanners send them: the stored values, before any rescaling, window or colour conversion.

With this you can `read` the samples of a ``.dcm`` file and all that stands around them, and `write` them back.  What
was not compressed comes back byte for byte; what was is written without compression.  All other elements travel along,
names of patients too.  pydicom reads them (extra ``medical``).
"""

from __future__ import annotations

import base64
import contextlib
import io
import warnings
from typing import Any

import numpy as np

from refinr.files.format import Format, FormatError, kind

_ELEMENTS = ["Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated"]


def _dataset(content: bytes, **options: Any) -> Any:
    import pydicom

    if content[128:132] != b"DICM":
        raise FormatError("it does not begin like one, with DICM behind 128 bytes")
    return pydicom.dcmread(io.BytesIO(content), **options)


def _promised(found: Any) -> int:
    """Bytes of samples."""
    rows, columns, planes, frames, bits = (int(found.get(name) or 1) for name in _ELEMENTS)
    return rows * columns * planes * frames * max(1, bits // 8)


def asks(content: bytes) -> int:
    """How many bytes of samples the elements before them speak of."""
    return _promised(_dataset(content, stop_before_pixels=True, specific_tags=_ELEMENTS))


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a DICOM file.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    samples : array (H, W), (H, W, 3), (frames, H, W) or (frames, H, W, 3)
    info : dict
        "channels"; "dicom": what stands before and behind the samples, in base 64.

    Raises
    ------
    ValueError
        If it holds no image, is damaged, or cut short.
    """
    from pydicom.pixels import pixel_array

    warnings.simplefilter("ignore")  # about other elements, and bytes that fill up; what is missing is an error
    found = _dataset(content)
    if "PixelData" not in found and "FloatPixelData" not in found and "DoubleFloatPixelData" not in found:
        raise FormatError(f"it holds no image, but {found.get('SOPClassUID', None) or found.get('Modality', 'text')}")
    syntax = found.file_meta.TransferSyntaxUID
    try:
        samples = pixel_array(found, raw=True)
    except RuntimeError as error:  # its words name packages that decode
        raise FormatError(
            f"its samples are compressed as {syntax.name}, for which a decoder is missing: "
            "pip install pylibjpeg[all], or gdcmconv --raw"
        ) from error
    colour = int(found.get("SamplesPerPixel") or 1) > 1
    native = samples.astype(samples.dtype.newbyteorder("="))
    if "PixelData" not in found:
        return native, {"channels": colour}  # floats are kept as numbers alone
    stored = _stored(found, native, colour)
    if (syntax.is_compressed or syntax.is_deflated or _value(content, stored) is None) and found.BitsAllocated != 1:
        with contextlib.suppress(ValueError):  # bytes in words of the other order: numbers alone
            content = _plain(found, native)
            stored = native.tobytes()
    at = _value(content, stored)
    if at is None:
        return native, {"channels": colour}
    around = [content[:at], content[at + len(stored) :]]
    return native, {"channels": colour, "dicom": [base64.b64encode(part).decode() for part in around]}


def _stored(found: Any, samples: np.ndarray, colour: bool) -> bytes:
    """The samples as they stand in a file that is not compressed."""
    if int(found.BitsAllocated) == 1:
        packed = np.packbits(samples, bitorder="little").tobytes()
        return packed + bytes(len(packed) % 2)
    if colour and found.get("PlanarConfiguration") == 1:
        samples = np.moveaxis(samples, -1, -3)
    little = found.file_meta.TransferSyntaxUID.is_little_endian
    if not little and samples.itemsize == 1 and found["PixelData"].VR == "OW":  # bytes in words
        stored = samples.tobytes() + bytes(samples.nbytes % 2)
        return np.frombuffer(stored, "<u2").byteswap().tobytes()
    return samples.astype(samples.dtype.newbyteorder("<" if little else ">")).tobytes()


def _value(content: bytes, stored: bytes) -> int | None:
    """Where the samples begin; None if they are not there as they are."""
    at = _dataset(content)["PixelData"].file_tell
    return at if at is not None and content[at : at + len(stored)] == stored else None


def _plain(found: Any, samples: np.ndarray) -> bytes:
    """The same dataset with the samples as they are."""
    from pydicom.uid import ExplicitVRLittleEndian

    found.PixelData = samples.tobytes() + bytes(samples.nbytes % 2)
    found["PixelData"].VR = "OB" if samples.itemsize == 1 else "OW"
    found["PixelData"].is_undefined_length = False
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if int(found.get("SamplesPerPixel") or 1) > 1:
        found.PlanarConfiguration = 0
    file = io.BytesIO()
    found.save_as(file, enforce_file_format=True)
    return file.getvalue()


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write samples between what stood around them, or as an image of its own that says no more than they are.

    Raises
    ------
    ValueError
        For samples that DICOM cannot hold, or that are not those the elements speak of.
    """
    if "dicom" in info:
        before, after = (base64.b64decode(part) for part in info["dicom"])
        found = _dataset(before + samples.tobytes() + after)
        colour = int(found.get("SamplesPerPixel") or 1) > 1
        planar = colour and found.get("PlanarConfiguration") == 1
        stored = _stored(found, samples, colour)
        if _promised(found) != samples.nbytes or (planar and samples.ndim < 3):
            raise ValueError(f"expected {_promised(found)} bytes of samples as its elements say, got {kind(samples)}")
        file.write(before + stored + after)
        return
    colour = samples.ndim >= 3 and samples.shape[-1] == 3 and samples.dtype == np.uint8 and info.get("channels") is True
    grid = samples.shape[:-1] if colour else samples.shape
    if samples.dtype.name not in ("uint8", "uint16", "int16") or len(grid) not in (2, 3) or samples.size == 0:
        raise ValueError(f"expected uint8, uint16 or int16 of shape (H, W) or (frames, H, W), got {kind(samples)}")
    if max(grid[-2:]) >= 2**16:
        raise ValueError(f"expected up to 65535 rows and columns, got {kind(samples)}")
    file.write(_plain(_bare(samples, grid, colour), samples.astype(samples.dtype.newbyteorder("<"))))


def _bare(samples: np.ndarray, grid: tuple[int, ...], colour: bool) -> Any:
    """A dataset that says what the samples are; its name comes from them, so that the same make the same file."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import generate_uid

    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7" if len(grid) == 2 else "1.2.840.10008.5.1.4.1.1.7.2"
    found.SOPInstanceUID = generate_uid(entropy_srcs=[str(samples.shape), samples.tobytes().hex()])
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.SamplesPerPixel = 3 if colour else 1
    found.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    found.Rows, found.Columns = grid[-2:]
    if len(grid) == 3:
        found.NumberOfFrames = grid[0]
    found.BitsAllocated = found.BitsStored = 8 * samples.itemsize
    found.HighBit = found.BitsStored - 1
    found.PixelRepresentation = int(samples.dtype.kind == "i")
    return found


FORMAT = Format(
    name="dicom",
    suffixes=(".dcm", ".dicom"),
    read=read,
    write=write,
    samples="(H, W) or (frames, H, W), with RGB as a last axis; uint8, uint16, int16 and what scanners store",
    keeps=("dicom",),
    carries="all elements, byte for byte where nothing was compressed",
    loses="compression",
    extra="medical",
    needs=("pydicom", "pydicom.pixels"),
    asks=asks,
    apart=True,
)
