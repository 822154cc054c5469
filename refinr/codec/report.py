"""What is worth saying of a `.rinr` file beside what its header says: bits of each plane, and other formats' lengths.

With this you can count what every plane of the levels takes (`plane_bits`) and how long files of other formats would be
(`others`), as far as their packages are installed.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from refinr.codec import bits, cuts, header, mixture, parameters, slabs, stream, values
from refinr.codec.arrangement import Arrangement


def plane_bits(data: bytes, samples: np.ndarray) -> list[float] | None:
    """What each plane of the levels takes, in bits a sample, from the least significant one on.

    Bits of a plane are counted given those above it and the neighbours; their sum is what the samples take in all.
    None if the file has no networks.

    Parameters
    ----------
    data : bytes
        From `refinr.compress`.
    samples : array
        What it holds.

    Examples
    --------
    >>> import refinr
    >>> y, x = np.mgrid[:32, :32]
    >>> noise = np.random.default_rng(0).normal(size=(32, 32))
    >>> image = (128 + 64 * np.sin(x / 9) * np.cos(y / 7) + noise).astype("uint8")
    >>> [b < 0.5 for b in plane_bits(refinr.compress(image, steps=0), image)]
    [False, False, False, True, True, True, True, True]
    """
    found, _ = header.read(data)
    if found.coding is None or found.coding.model == header.COUNTS or samples.size == 0:
        return None
    grid = cuts.grid_of(found.shape)
    wanted = parameters.sizes_of(found.coding, grid)
    read = iter(parameters.read(found.coding.parameters, [sizes for sizes in wanted if sizes is not None]))
    networks = tuple(None if sizes is None else next(read) for sizes in wanted)
    model = slabs.model(slabs.Given(found.coding, networks, found.dtype))
    total = np.zeros(bits.planes(model.levels))
    for block in cuts.blocks(grid):
        levels, _ = values.to_levels(samples.reshape(grid)[block], found.coding.recipe)
        arrangement = Arrangement(levels.shape, found.coding.axes, found.coding.channels)
        for places, expected, work in stream.expectations(arrangement, model, arrangement.work(levels, model.outside)):
            total += _of_planes(expected, work[places])
    return [float(b) for b in total / samples.size]


def _of_planes(expected: stream.Expected | bits.Bits, samples: np.ndarray) -> np.ndarray:
    """Minus log2 of the probabilities of the samples' bits, summed plane by plane."""
    if isinstance(expected, bits.Bits):
        written = [np.sum(24.0 - np.log2(frequency)) for _, frequency in expected.write(samples)]
        return np.array(written[::-1])
    found = []
    v = samples[:, None]
    for plane in range(bits.planes(expected.levels)):
        low = np.floor(v / 2.0 ** (plane + 1)) * 2.0 ** (plane + 1)
        ends = [np.minimum(low + i * 2.0**plane, float(expected.levels)) for i in range(3)]
        one = mixture.bit_probability(expected.distribution, *ends)
        found.append(-np.log2(np.where(v >= ends[1], one, 1.0 - one)).sum())
    return np.array(found)


def others(samples: np.ndarray) -> dict[str, int]:
    """Bytes of the same samples in other lossless formats, those that take them and whose packages are there."""
    whole = samples.dtype.kind in "u" and samples.dtype.itemsize <= 2
    picture = whole and (samples.ndim == 2 or (samples.ndim == 3 and samples.shape[-1] == 3)) and min(samples.shape) > 1
    sound = samples.dtype == np.int16 and (samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] <= 8))
    found: dict[str, int] = {}
    if picture and importlib.util.find_spec("imagecodecs"):
        import imagecodecs

        encoders: dict[str, Callable[[], Any]] = {
            "PNG": lambda: imagecodecs.png_encode(samples, level=9),
            "JPEG-LS": lambda: imagecodecs.jpegls_encode(samples),
            "JPEG XL": lambda: imagecodecs.jpegxl_encode(samples, lossless=True, effort=7),
        }
        found |= {name: len(encode()) for name, encode in encoders.items()}
    if sound and importlib.util.find_spec("soundfile"):
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, samples, 44100, format="FLAC", subtype="PCM_16", compression_level=1.0)
        found["FLAC"] = len(file.getvalue())
    return found
