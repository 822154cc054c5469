"""Which layout an array gets: how many bits, which tiles, what the networks are given and how wide they are.

With this you can plan a layout for an array (`plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from refinr import activations, coords, encodings, planes, tiling
from refinr.decompositions import DECOMPOSITIONS, Decomposition, Direct
from refinr.encodings import Encoding
from refinr.layout import Layout
from refinr.mlp import MLP


def plan(
    samples: np.ndarray,
    decomposition: str,
    *,
    bits: int | None,
    tile: int | Sequence[int],
    hidden: Sequence[int],
    activation: str,
    omega: float,
    first_scale: str | float | Sequence[float] | None,
    radix_bits: int,
    gray: bool,
    channels: bool | None,
    layer: str = "linear",
    encoding: str = "none",
    features: int = 60,
    seed: int = 0,
) -> Layout:
    """The layout for an array; parameters and errors as in `refinr.fit`.

    Examples
    --------
    >>> image = np.arange(64, dtype="uint8").reshape(8, 8)
    >>> layout = plan(image, "planes", bits=None, tile=4, hidden=(8,), activation="sine", omega=30.0,
    ...               first_scale=None, radix_bits=1, gray=False, channels=None)
    >>> layout.cut.bits, layout.tile, layout.networks
    (6, (4, 4), 24)
    """
    if samples.ndim == 0 or samples.size == 0:
        raise ValueError(f"samples: expected at least one axis and one sample, got shape {samples.shape}")
    _, width = planes.to_codes(samples[:0])  # raises for dtypes without codes
    with np.errstate(invalid="ignore"):  # signalling NaNs
        ends = np.array([samples.min(), samples.max()], samples.dtype)  # no copy: they may be mapped from a large file
    low, high = map(int, planes.to_codes(ends)[0])
    cut = _cut(decomposition, ends, _bits(samples.dtype.kind, low, high, width, bits), radix_bits, gray)
    channel_axis = samples.ndim > 1 and samples.shape[-1] <= 4 if channels is None else channels
    if channel_axis and samples.ndim < 2:
        raise ValueError(f"channels: samples of shape {samples.shape} have no axis left for a grid")
    tile = tiling.tile_shape(samples.shape[:-1] if channel_axis else samples.shape, tile)
    axes = cut.axes(tile)
    lift = _encoding(encoding, layer, axes, features, seed)
    width = len(axes) if lift is None else lift.width(axes)
    if first_scale == "half-nyquist" and lift is not None:
        first_scale = None  # the frequencies are in the encoding
    spec = MLP((width, *hidden, 1), activation, omega, _first_scale(first_scale, activation, axes), layer)
    offset = low if samples.dtype.kind == "i" else 0
    return Layout(samples.dtype.str, samples.shape, channel_axis, offset, tile, cut, spec, lift)


def _bits(kind: str, low: int, high: int, width: int, bits: int | None) -> int:
    needed = width if kind == "f" else (high - low if kind == "i" else high).bit_length()
    if bits is None:
        return max(1, needed)
    planes.count(bits)  # raises for what is no width
    if bits < needed:
        raise ValueError(f"bits: the samples need {needed}, got {bits}")
    return bits


def _cut(name: str, ends: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Decomposition:
    if name not in DECOMPOSITIONS:
        raise ValueError(f"decomposition: unknown name {name!r}; known are {', '.join(DECOMPOSITIONS)}")
    if name != "none":
        return DECOMPOSITIONS[name](bits, radix_bits, gray)
    if radix_bits != 1 or gray:
        raise ValueError("decomposition: direct regression ('none') has no planes, so no radix_bits and no gray")
    if ends.dtype.kind != "f":
        return Direct(bits)
    if not np.isfinite(ends).all():  # NaN among the samples makes both ends NaN
        raise ValueError("samples: direct regression ('none') needs finite values; bit planes take NaN and infinities")
    return Direct(bits, ends.dtype.str, *ends.tolist())


def _encoding(name: str, layer: str, axes: tuple[int, ...], features: int, seed: int) -> Encoding | None:
    encoding = encodings.choose(name, axes, features, seed)
    if layer == "ternary" and encoding is None:
        raise ValueError(
            "encoding: a ternary layer normalises its input, which leaves of two bare coordinates only the sign of "
            "their difference: choose 'fourier' or 'octaves'"
        )
    if layer == "ternary-integer" and not isinstance(encoding, encodings.Triangle):
        raise ValueError(f"encoding: whole numbers only come from 'triangle', got {name!r} for 'ternary-integer'")
    return encoding


def _first_scale(value: str | float | Sequence[float] | None, activation: str, axes: tuple[int, ...]) -> Any:
    if isinstance(value, str):
        if value != "half-nyquist":
            raise ValueError(f"first_scale: expected 'half-nyquist', None or numbers, got {value!r}")
        return tuple(0.5 * f for f in coords.nyquist(axes)) if activations.get(activation).frequency else None
    return value
