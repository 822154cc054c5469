"""FLAC and AIFF recordings, by libsndfile: the stored integers or floats, not shares of full scale."""

from __future__ import annotations

import io
import operator
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from refinr.files import heads
from refinr.files.format import Format, FormatError, kind

_WIDTHS = {
    "PCM_S8": ("int8", 8, "int16"),
    "PCM_16": ("int16", 16, "int16"),
    "PCM_24": ("int32", 24, "int32"),
    "PCM_32": ("int32", 32, "int32"),
    "FLOAT": ("float32", 32, "float32"),
    "DOUBLE": ("float64", 64, "float64"),
}
"""Dtype and bits of samples by libsndfile's name for them, and the dtype that it left-justifies them in.

Not AIFF of 8 bits: where it has an odd number of bytes, libsndfile takes the one that fills up for a sample.
"""


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a recording.

    Raises
    ------
    ValueError
        For content that is damaged or cut short, or holds samples of another kind.
    """
    import soundfile

    if content[:4] not in (b"fLaC", b"FORM"):  # libsndfile would take others, too
        raise FormatError("it does not begin like one")
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        if file.subtype not in _WIDTHS or (content[:4] == b"FORM" and file.subtype == "PCM_S8"):
            raise FormatError(f"its samples are {file.subtype}, expected {', '.join(_WIDTHS)}")
        dtype, bits, inside = _WIDTHS[file.subtype]
        stored = file.read(dtype=inside)
        promised = _promised(content) or file.frames
        if len(stored) < promised:
            raise FormatError(f"it is cut short: expected {promised} frames, got {len(stored)}")
        stored = stored[:promised]
        rate = file.samplerate
    if stored.dtype.kind == "i":
        stored >>= 8 * stored.itemsize - bits
    return stored.astype(dtype, copy=False), {"channels": stored.ndim == 2, "rate": rate, "bits": bits}


def _promised(content: bytes) -> int:
    """How many frames the head of an AIFF file speaks of; 0 in other files."""
    at = 12
    while content[:4] == b"FORM" and at + 18 <= len(content):
        name, size = struct.unpack_from(">4sI", content, at)
        if name == b"COMM":
            return int.from_bytes(content[at + 10 : at + 14], "big")
        at += 8 + size + size % 2
    return 0


def _writer(container: str, *subtypes: str) -> Callable[[io.BytesIO, np.ndarray, dict[str, Any]], None]:
    def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
        import soundfile

        if info.get("rate") is None:
            raise ValueError("info: expected 'rate', the sample rate in Hz, got none")
        fitting = {_WIDTHS[name][:2]: name for name in subtypes}
        named = dict(fitting.keys())
        native = samples.dtype.newbyteorder("=").name
        bits = info.get("bits") if (native, info.get("bits")) in fitting else named.get(native)
        if bits is None or samples.ndim not in (1, 2) or samples.shape[1:] == (1,) or samples.size == 0:
            wanted = ", ".join(f"{dtype} of {width} bits" for dtype, width in fitting)
            raise ValueError(f"expected {wanted} of shape (N,) or (N, 2 or more), got {kind(samples)}")
        if samples.dtype.kind == "i" and not -(1 << bits - 1) <= samples.min() <= samples.max() < 1 << bits - 1:
            raise ValueError(f"expected samples of {bits} bits, got {samples.min()} to {samples.max()}")
        subtype = fitting[native, bits]
        inside = samples.astype(_WIDTHS[subtype][2])
        if samples.dtype.kind == "i":
            inside = inside << (8 * inside.itemsize - bits)
        try:
            soundfile.write(file, inside, operator.index(info["rate"]), subtype, format=container)
        except soundfile.LibsndfileError as error:
            shape = f"{kind(samples)} at {info['rate']} Hz"
            raise ValueError(f"expected up to 8 channels and a usual rate, got {shape}") from error

    return write


FORMATS = (
    Format(
        "flac",
        (".flac",),
        read,
        _writer("FLAC", "PCM_S8", "PCM_16", "PCM_24"),
        "(N,), or (N, C) for 2 to 8 channels; int8, int16, int32 of 24 bits",
        keeps=("rate", "bits"),
        carries="rate, bits",
        loses="tags, pictures",
        extra="sound",
        needs=("soundfile",),
        asks=heads.flac,
        apart=True,
    ),
    Format(
        "aiff",
        (".aiff", ".aif"),
        read,
        _writer("AIFF", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"),
        "(N,), or (N, C) for two and more channels; int16, int32 (24 bits too), float32, float64",
        keeps=("rate", "bits"),
        carries="rate, bits",
        loses="markers, tags",
        extra="sound",
        needs=("soundfile",),
        asks=heads.aiff,
        apart=True,
    ),
)
