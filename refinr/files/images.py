"""Images of other formats: JPEG, WebP, JPEG XL, BMP, GIF and the portable pixmaps, as libraries decode them.

What a decoder says the samples are is what is represented, to the last bit: 16 bits stay 16 bits.  Nothing is turned
or converted, so orientation and colour profile are those of the file, and are not carried.  Formats that would change
samples are read and not written.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from refinr.files import frames, heads
from refinr.files.format import PAGES, Format, FormatError, kind

COLOURS = "(H, W), or (H, W, C) for colour"


def _result(samples: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    if samples.ndim not in (2, 3) or samples.size == 0:
        raise FormatError(f"expected one image, got {kind(samples)}; save the frame that is meant")
    return np.array(samples), {"channels": samples.ndim == 3}


def _by_imagecodecs(name: str) -> Callable[[bytes], tuple[np.ndarray, dict[str, Any]]]:
    def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
        import imagecodecs

        return _result(getattr(imagecodecs, f"{name}_decode")(content))

    return read


def _by_pillow(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Palettes are looked up."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["BMP", "GIF"]) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise FormatError(f"it is an animation of {image.n_frames} frames, expected one image: {PAGES}")
        looked_up = image.convert("RGBA" if "transparency" in image.info else "RGB") if image.mode == "P" else image
        return _result(np.asarray(looked_up))


def _frame(name: str, read: Callable[[bytes], tuple[np.ndarray, dict[str, Any]]]) -> Callable[..., Any]:
    """Of an animation as Pillow shows it; an image alone is read as ever."""

    def frame(content: bytes, number: str) -> tuple[np.ndarray, dict[str, Any]]:
        samples, info = frames.by_pillow(content, number, name)
        if info["page"] != "1 of 1":
            return samples, info
        samples, plain = read(content)
        return samples, info | plain

    return frame


def _write_bmp(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    from PIL import Image

    colour = samples.ndim == 3 and samples.shape[2] == 3
    if samples.dtype not in (np.uint8, bool) or samples.size == 0 or not (samples.ndim == 2 or colour):
        raise ValueError(f"expected booleans or uint8 of shape (H, W), or (H, W, 3), got {kind(samples)}")
    Image.fromarray(np.ascontiguousarray(samples)).save(file, "BMP")


def _write_webp(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import imagecodecs

    if samples.dtype != np.uint8 or samples.ndim != 3 or samples.shape[2] not in (3, 4) or max(samples.shape) > 16383:
        raise ValueError(f"expected uint8 of shape (H, W, 3 or 4) up to 16383, got {kind(samples)}")
    file.write(imagecodecs.webp_encode(np.ascontiguousarray(samples), lossless=True))


def _write_jxl(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    import imagecodecs

    image = samples.ndim == 2 or (samples.ndim == 3 and samples.shape[2] in (3, 4))
    if samples.dtype.name not in ("uint8", "uint16") or samples.size == 0 or not image:
        raise ValueError(f"expected uint8 or uint16 of shape (H, W), or (H, W, 3 or 4), got {kind(samples)}")
    native = samples.astype(samples.dtype.newbyteorder("="), order="C")
    file.write(imagecodecs.jpegxl_encode(native, lossless=True))


def _write_nothing(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    raise ValueError("it would change the samples; write .png or .tif, which keep them")


# --- portable pixmaps ------------------------------------------------------------------------------------------------


def read_pixmap(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """P5 and P6: grey and RGB of up to 16 bits, the most significant byte first; P2 and P3: the same in digits."""
    fields: list[bytes] = []
    at = 0
    while len(fields) < 4:
        while content[at : at + 1].isspace():
            at += 1
        if content[at : at + 1] == b"#":
            at = content.find(b"\n", at) + 1 or len(content)
            continue
        end = at
        while end < len(content) and not content[end : end + 1].isspace():
            end += 1
        if end == at or end - at > 9:
            raise FormatError("its head is cut short: expected P5 or P6, width, height and the largest value")
        fields.append(content[at:end])
        at = end
    if fields[0] not in (b"P2", b"P3", b"P5", b"P6") or not all(field.isdigit() for field in fields[1:]):
        raise FormatError(
            f"expected P2, P3, P5 or P6, width, height and the largest value, got {b' '.join(fields)!r:.60}"
        )
    width, height, most = (int(field) for field in fields[1:])
    planes = 3 if fields[0] in (b"P3", b"P6") else 1
    if width * height == 0 or not 0 < most < 65536:
        raise FormatError(f"expected samples with values up to 65535, got {width} x {height} up to {most}")
    dtype = np.dtype(">u2" if most > 255 else "u1")
    if fields[0] in (b"P2", b"P3"):
        samples = _numbers(content[at:], width * height * planes, most).astype(dtype.newbyteorder("="))
    else:
        size = width * height * planes * dtype.itemsize
        if len(content) - at - 1 != size:
            raise FormatError(f"expected {size} bytes of samples for one image, got {len(content) - at - 1}")
        samples = np.frombuffer(content, dtype, offset=at + 1).astype(dtype.newbyteorder("="))
    shape = (height, width, planes) if planes > 1 else (height, width)
    return samples.reshape(shape), {"channels": planes > 1, "most": most}


def _numbers(text: bytes, count: int, most: int) -> np.ndarray:
    """Samples that are written out, with comments between them."""
    digits = re.sub(rb"#[^\n]*", b"", text)
    if digits.strip(b"0123456789 \t\r\n\v\f"):
        raise FormatError("expected whole numbers and comments, got other characters")
    found = np.fromstring(digits, np.int64, sep=" ")
    if len(found) != count or found.max() > most:
        raise FormatError(f"expected {count} numbers up to {most}, got {len(found)} up to {max(found, default=0)}")
    return found


def write_pixmap(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Grey or RGB; the largest value that there may be is ``info["most"]``, or all that the dtype can hold."""
    colour = samples.ndim == 3 and samples.shape[2] == 3
    if samples.dtype.name not in ("uint8", "uint16") or samples.size == 0 or not (samples.ndim == 2 or colour):
        raise ValueError(f"expected uint8 or uint16 of shape (H, W), or (H, W, 3), got {kind(samples)}")
    most = info.get("most", 0)
    if not max(1, int(samples.max())) <= most < 1 << 8 * samples.itemsize or (most > 255) != (samples.itemsize == 2):
        most = (1 << 8 * samples.itemsize) - 1
    file.write(b"P%d\n%d %d\n%d\n" % (6 if colour else 5, samples.shape[1], samples.shape[0], most))
    file.write(samples.astype(">u2" if samples.itemsize == 2 else "u1").tobytes())


_FOREIGN: dict[str, Any] = {"extra": "images", "needs": ("imagecodecs", "PIL.Image"), "apart": True}

FORMATS = (
    Format(
        "jpeg",
        (".jpg", ".jpeg"),
        _by_imagecodecs("jpeg"),
        _write_nothing,
        f"read alone: {COLOURS}; uint8, uint16 of 12 bits",
        loses="orientation, profile, EXIF",
        asks=heads.jpeg,
        instead=".png",
        **_FOREIGN,
    ),
    Format(
        "webp",
        (".webp",),
        _by_imagecodecs("webp"),
        _write_webp,
        "(H, W, 3 or 4); uint8",
        loses="profile, EXIF",
        asks=heads.webp,
        member=_frame("WEBP", _by_imagecodecs("webp")),
        pages=True,
        **_FOREIGN,
    ),
    Format(
        "jxl",
        (".jxl",),
        _by_imagecodecs("jpegxl"),
        _write_jxl,
        f"{COLOURS}; uint8, uint16",
        loses="profile, EXIF, orientation",
        asks=heads.jxl,
        **_FOREIGN,
    ),
    Format(
        "bmp",
        (".bmp",),
        _by_pillow,
        _write_bmp,
        "(H, W), or (H, W, 3); booleans or uint8",
        loses="resolution, profile, palette",
        asks=heads.bmp,
        **_FOREIGN,
    ),
    Format(
        "gif",
        (".gif",),
        _by_pillow,
        _write_nothing,
        f"read alone: {COLOURS}; uint8",
        instead=".png",
        loses="palette, comments",
        asks=heads.gif,
        member=_frame("GIF", _by_pillow),
        pages=True,
        **_FOREIGN,
    ),
    Format(
        "pixmap",
        (".ppm", ".pgm", ".pnm"),
        read_pixmap,
        write_pixmap,
        "(H, W), or (H, W, 3); uint8 or uint16",
        keeps=("most",),
        carries="the largest value that there may be",
        loses="comments",
    ),
)
