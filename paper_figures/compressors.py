"""Other lossless compressors, in settings that make short files, and what they make of samples.

With this you can compress samples by one of them (`png`, `webp`, `jpeg_ls`, `jpeg_xl`, `jpeg_2000`, `tiff`, `flac`),
each a `Compressor`, and know which samples those take that signals are compared with, and what they need
(`COMPRESSORS`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np

Compressor = Callable[[np.ndarray, int], bytes]
"""From samples, C-contiguous, and how many bits of each count."""


def png(samples: np.ndarray, bits: int) -> bytes:
    """With the filters that make it shortest."""
    import imagecodecs

    filters = (8, 16, 32, 64, 128, 248)  # none, each of the four, and a choice for every row
    return min((bytes(imagecodecs.png_encode(samples, level=9, filter=f)) for f in filters), key=len)


def webp(samples: np.ndarray, bits: int) -> bytes:
    """Grey ones in three equal colours."""
    import imagecodecs

    colours = samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
    return bytes(imagecodecs.webp_encode(colours, level=100, lossless=True, method=6))


def jpeg_ls(samples: np.ndarray, bits: int) -> bytes:
    """Without loss."""
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(samples))


def jpeg_xl(samples: np.ndarray, bits: int, efforts: Sequence[int] = (7, 9)) -> bytes:
    """The shortest of what comes of these efforts."""
    import imagecodecs

    def encode(effort: int) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(samples, effort=effort, lossless=True, bitspersample=bits))

    return min(map(encode, efforts), key=len)


def flac(samples: np.ndarray, bits: int) -> bytes:
    """Samples (N,) or (N, channels) of 16 bits, at the highest level of compression."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, 44100, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return file.getvalue()


def jpeg_2000(samples: np.ndarray, bits: int) -> bytes:
    """By the reversible transform."""
    import imagecodecs

    return bytes(imagecodecs.jpeg2k_encode(samples, reversible=True, level=0))


def tiff(samples: np.ndarray, bits: int) -> bytes:
    """Differences in a row, by zlib."""
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, samples, compression="zlib", predictor=True)
    return file.getvalue()


def _any(samples: np.ndarray, bits: int) -> bool:
    return True


def _bytes_only(samples: np.ndarray, bits: int) -> bool:
    return samples.dtype == np.uint8


COMPRESSORS: dict[str, tuple[str, Callable[[np.ndarray, int], bool], Compressor]] = {
    "PNG": ("imagecodecs", _any, png),
    "WebP": ("imagecodecs", _bytes_only, webp),
    "JPEG-LS": ("imagecodecs", _any, jpeg_ls),
    "JPEG XL": ("imagecodecs", _any, jpeg_xl),
    "FLAC": ("soundfile", _any, flac),
}
"""The package it is in, whether it takes such samples, and samples as bytes."""
