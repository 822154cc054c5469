"""WAV recordings: integers of 8, 16, 24 and 32 bits, floats of 32 and 64.

Samples of 24 bits are whole numbers from ``-2**23`` to ``2**23 - 1``; in four bytes they are what these hold.  Chunks
of cue points, comments and the like travel along.
"""

from __future__ import annotations

import base64
import io
import operator
import struct
from typing import Any, Literal

import numpy as np

from refinr.files.format import Format, FormatError, kind

Order = Literal["<", ">"]

# dtype of the samples, and bytes of one in a file
_TYPES = [("uint8", 1), ("int16", 2), ("int32", 3), ("int32", 4), ("float32", 4), ("float64", 8)]


_TAGS = {1: "integers", 3: "floats", 2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "ADPCM", 0x55: "MP3"}

_OURS = {b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"JUNK", b"PAD ", b"FLLR"}
"""Chunks that only say how samples are stored; all others travel along."""


def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of the bytes of a WAV file.

    Raises
    ------
    ValueError
        For content that is damaged or cut short, or holds samples of another kind.
    """
    order, chunks = _chunks(content)
    names = [name for name, _, _ in chunks]
    if names.count(b"data") != 1 or b"fmt " not in names[: names.index(b"data")]:
        raise FormatError(f"expected one chunk 'data', and 'fmt ' before it, got {_names(names)}")
    head = next(content[start:end] for name, start, end in chunks if name == b"fmt ")
    start, end = next((start, end) for name, start, end in chunks if name == b"data")
    dtype, width, channels, rate = _described(head, order)
    if (end - start) % (width * channels):
        raise FormatError(f"expected whole frames of {width * channels} bytes, got {end - start} bytes of samples")
    if width == 3:
        left = np.zeros(((end - start) // 3, 4), np.uint8)  # as the upper three bytes of four
        stored = np.frombuffer(content[start:end], np.uint8).reshape(-1, 3)
        left[:, 1:] = stored if order == "<" else stored[:, ::-1]
        samples = (left.reshape(-1).view("<i4") >> 8).astype(np.int32)
    else:
        samples = np.frombuffer(content[start:end], dtype.newbyteorder(order)).astype(dtype)
    info = {"channels": channels > 1, "rate": rate, "bits": 8 * width}
    carried = [
        [name.decode("latin-1"), base64.b64encode(content[a:b]).decode(), "after" if a > start else "before"]
        for name, a, b in chunks
        if name not in _OURS and order == "<"  # their numbers would have to be turned round, each as its kind wants
    ]
    return samples.reshape(-1, channels) if channels > 1 else samples, info | ({"chunks": carried} if carried else {})


def _names(names: list[bytes]) -> str:
    return ", ".join(repr(name.decode("latin-1")) for name in names[:9]) or "none"


def _chunks(content: bytes) -> tuple[Order, list[tuple[bytes, int, int]]]:
    """Byte order, and name, start and end of all chunks; the file's head may be wrong about their sum."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        raise FormatError("it does not begin like one, with RIFF, RIFX or RF64, and WAVE")
    order: Order = ">" if content[:4] == b"RIFX" else "<"
    found = list[tuple[bytes, int, int]]()
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from(order + "4sI", content, at)
        if name == content[:4]:
            break  # another recording
        start = at + 8
        if name == b"data" and size == 0xFFFFFFFF:
            size = _long(content, found, start)
        if start + size > len(content):
            if found and found[-1][0] != b"fmt " and any(known == b"data" for known, _, _ in found):
                break  # no chunk, but whatever follows them
            end = start + size
            raise FormatError(
                f"it is cut short: chunk {repr(name)[1:]} should end at byte {end}, got {len(content)} bytes"
            )
        found.append((name, start, start + size))
        at = start + size + size % 2  # chunks begin at even places
    if content[at:].strip(b"\0"):
        rest = len(content) - at
        raise FormatError(f"{rest} bytes follow its chunks, and would be lost; cut it at byte {at} if it should")
    return order, found


def _long(content: bytes, found: list[tuple[bytes, int, int]], start: int) -> int:
    """How many bytes of samples there are, where 32 bits do not say: in a chunk of its own, or up to the end."""
    for name, first, end in found:
        if name == b"ds64" and end - first >= 16:
            (size,) = struct.unpack_from("<Q", content, first + 8)
            return size
    return len(content) - start  # as programs write it whose output goes through a pipe


def _described(head: bytes, order: Order) -> tuple[np.dtype, int, int, int]:
    """Dtype of the samples, bytes of one, channels and rate."""
    if len(head) < 16:
        raise FormatError(f"expected a chunk 'fmt ' of 16 bytes or more, got {len(head)}")
    tag, channels, rate, a_second, frame, bits = struct.unpack_from(order + "HHIIHH", head)
    if tag == 0xFFFE and len(head) >= 26:
        (tag,) = struct.unpack_from(order + "H", head, 24)
    if tag not in (1, 3):
        found = _TAGS.get(tag, f"of kind {tag}")
        raise FormatError(f"its samples are {found}, expected integers or floats: another program can convert it")
    if channels == 0 or frame % channels:
        raise FormatError(f"expected whole bytes a sample, got frames of {frame} bytes for {channels} channels")
    width = frame // channels
    if -(-bits // 8) != width and (bits, width) != (24, 4):  # readers differ in which of the two they believe
        raise FormatError(f"expected samples of {bits} bits in {-(-bits // 8)} bytes, got {width}")
    if (bits, width) == (24, 4) and a_second == 3 * channels * rate:
        raise FormatError("its head speaks of samples of three bytes, and of four")
    name = f"float{8 * width}" if tag == 3 else {1: "uint8", 2: "int16", 3: "int32", 4: "int32"}.get(width, "")
    if (name, width) not in _TYPES:
        raise FormatError(f"expected 8, 16, 24 or 32 bits, or floats of 32 or 64, got {_TAGS[tag]} of {bits}")
    return np.dtype(name), width, channels, rate


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
    if width == 3 and samples.size and not -(2**23) <= samples.min() <= samples.max() < 2**23:
        raise ValueError(f"expected samples of 24 bits, got {samples.min()} to {samples.max()}")
    plain = io.BytesIO()
    if width == 3:
        with wave.open(plain, "wb") as writer:
            writer.setparams((channels, 3, rate, 0, "NONE", ""))
            writer.writeframes(samples.astype("<i4").reshape(-1, 1).view("u1")[:, :3].tobytes())
    else:
        wavfile.write(plain, rate, samples)
    _splice(file, plain.getvalue(), info.get("chunks", []))


def _splice(file: io.BytesIO, content: bytes, chunks: list[list[str]]) -> None:
    """Put other chunks before and after the samples."""
    if not chunks or content[:4] != b"RIFF":
        file.write(content)
        return
    parts = {"before": b"", "after": b"\0" * (len(content) % 2)}
    for name, data, where in chunks:
        body = base64.b64decode(data)
        parts[where] += name.encode("latin-1") + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    at = content.index(b"data", 12)
    body = content[8:at] + parts["before"] + content[at:] + parts["after"]
    file.write(b"RIFF" + struct.pack("<I", len(body)) + body)


FORMAT = Format(
    name="wav",
    suffixes=(".wav",),
    read=read,
    write=write,
    samples="(N,), or (N, C) for two and more channels; uint8, int16, int32 (24 bits too), float32, float64",
    keeps=("rate", "bits", "chunks"),
    carries="rate, bits, cue points and other chunks",
    loses="chunks of big-endian files",
)
