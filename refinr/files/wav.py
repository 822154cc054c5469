"""WAV recordings: integers of 8, 16, 24 and 32 bits, floats of 32 and 64.

Samples of 24 bits are whole numbers from ``-2**23`` to ``2**23 - 1``.
"""

from __future__ import annotations

import io
import operator
import struct
import warnings
from typing import Any

import numpy as np

from refinr.files.format import Format, kind

# dtype of the samples, and bytes of one in a file
_TYPES = [("uint8", 1), ("int16", 2), ("int32", 3), ("int32", 4), ("float32", 4), ("float64", 8)]


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a WAV file.

    Raises
    ------
    ValueError
        For content that is damaged or cut short, or holds samples of another kind.
    """
    from scipy.io import wavfile

    width, end = _layout(content)
    # of chunks of comments, cue points and the like, which hold no samples; `read` restores the filters
    warnings.simplefilter("ignore", wavfile.WavFileWarning)
    rate, stored = wavfile.read(io.BytesIO(content[:end]))
    samples = stored >> 8 if width == 3 else stored  # scipy left-justifies samples of 24 bits
    samples = samples.astype(samples.dtype.newbyteorder("="))
    if (samples.dtype.name, width) not in _TYPES:
        raise ValueError(f"expected 8, 16, 24 or 32 bits, or floats of 32 or 64, got {samples.dtype} in {width} bytes")
    return samples, {"channels": samples.ndim == 2, "rate": int(rate), "bits": 8 * width}


def _layout(content: bytes) -> tuple[int, int]:
    """Bytes of one sample, and where the samples end; scipy tells neither, nor whether they all are there."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        raise ValueError("expected RIFF, RIFX or RF64, and WAVE, at the beginning")
    order = ">" if content[:4] == b"RIFX" else "<"
    found = dict[bytes, int]()
    end = 12
    while b"data" not in found:
        start = end + end % 2 + 8  # chunks begin at even places
        name, size = struct.unpack_from(order + "4sI", content, start - 8)
        if name == b"data" and b"ds64" in found:  # more than 4 GiB: the size is in a chunk of its own
            (size,) = struct.unpack_from("<Q", content, found[b"ds64"] + 8)
        found[name] = start
        end = start + size
    (whole,) = struct.unpack_from(order + "I", content, 4)
    there = min(len(content), 8 + whole)  # the file's head says how long it is, too
    if b"fmt " not in found or end > there:
        raise ValueError(f"expected a chunk b'fmt ' and {end} bytes, got chunks {list(found)} and {there} bytes")
    channels, _, _, frame, bits = struct.unpack_from(order + "HIIHH", content, found[b"fmt "] + 2)
    if channels == 0 or frame % channels:
        raise ValueError(f"expected whole bytes a sample, got frames of {frame} bytes for {channels} channels")
    if -(-bits // 8) != frame // channels:  # readers differ in which of the two they believe
        raise ValueError(f"expected samples of {bits} bits in {-(-bits // 8)} bytes, got {frame // channels}")
    return frame // channels, end


def write(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    """Write a recording at ``info["rate"]`` Hz; int32 in three bytes if ``info["bits"]`` is 24.

    Raises
    ------
    ValueError
        For samples or a rate that WAV cannot hold, and for no rate at all.
    """
    import wave

    from scipy.io import wavfile

    recording = samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] > 1)
    if samples.dtype.name not in dict(_TYPES) or not recording:
        types = ", ".join(dict(_TYPES))
        raise ValueError(f"expected {types} of shape (N,) or (N, 2 or more), got {kind(samples)}")
    if info.get("rate") is None:
        raise ValueError("info: expected 'rate', the sample rate in Hz, got none")
    rate = operator.index(info["rate"])
    channels = (*samples.shape, 1)[1]
    width = 3 if samples.dtype.name == "int32" and info.get("bits") == 24 else samples.itemsize
    if rate < 1 or channels * width >= 2**16 or rate * channels * width >= 2**32:
        raise ValueError(f"a header cannot hold {channels} channels of {8 * width} bits at a rate of {rate} Hz")
    if width != 3:
        return wavfile.write(file, rate, samples)
    if samples.size and not -(2**23) <= samples.min() <= samples.max() < 2**23:
        raise ValueError(f"expected samples of 24 bits, got {samples.min()} to {samples.max()}")
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, 3, rate, 0, "NONE", ""))
        writer.writeframes(samples.astype("<i4").reshape(-1, 1).view("u1")[:, :3].tobytes())


FORMAT = Format(
    name="wav",
    suffixes=(".wav",),
    read=read,
    write=write,
    samples="(N,), or (N, C) for two and more channels; uint8, int16, int32 (24 bits too), float32, float64",
    keeps=("rate", "bits"),
)
