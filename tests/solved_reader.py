"""Step 4b of docs/container.md by the standard library: what solved readouts output, sample by sample."""

from __future__ import annotations

import functools
import itertools
import lzma
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def readouts(description: dict[str, Any], stored: dict[str, Any]) -> Callable[..., float]:
    """A function of a network, a sample's number and place in the tile, and the tile's lengths."""
    layout = description["layout"]
    full = math.prod(layout["tile"])
    arrays = stored | {name: _inflated(name, full, stored) for name in ("features", "rungs", "weights", "raw")}
    if "signs" in layout:
        counts = [[0, *layout["signs"]["ladder"]][rung] for rung in arrays["rungs"][1]]
    else:
        counts = arrays["features"][1]
    weights = arrays["weights"][1]
    if "weights" in stored:
        weights = _weights(description["store"], weights, sum(counts))
    assert len(weights) == sum(counts)
    ends = list(itertools.accumulate(counts))
    raw_before = [0, *itertools.accumulate(count == 0 for count in counts)]
    raw_bytes = -(-full // 8)

    def output(network: int, p: int, place: tuple[int, ...], extent: list[int]) -> float:
        D = counts[network]
        if D == 0:
            packed = arrays["raw"][1][raw_before[network] * raw_bytes :]
            return 2 * (packed[p // 8] >> (p % 8) & 1) - 1
        mine = weights[ends[network] - D : ends[network]]
        if "signs" in layout:
            prime = _prime(max(full, D))
            squares = {k * k % prime for k in range(prime)}
            turned = 1
            if layout["signs"].get("scrambled"):
                turned = 1 if (p + 1) % 4099 in _squares() else -1
            return turned * sum(w if (k - p) % prime in squares else -w for k, w in enumerate(mine))
        kind = layout["readouts"]
        ranked = _ranked(kind["order"], kind["seed"], tuple(extent))
        return sum(w * _cosine(ranked[k], place, extent) for k, w in enumerate(mine))

    return output


def _inflated(name: str, full: int, arrays: dict[str, Any]) -> Any:
    """An array that may be a stream."""
    for codec, inflate in (("zlib", zlib.decompress), ("xz", lzma.decompress)):
        if f"{name}_{codec}" in arrays:
            assert name not in arrays
            content = inflate(arrays[f"{name}_{codec}"][2])
            code = {"raw": "B", "weights": "b", "features": "B" if full <= 2**8 else "H" if full <= 2**16 else "I"}[
                name.replace("rungs", "features")
            ]
            numbers = struct.unpack(f"<{len(content) // struct.calcsize(code)}{code}", content)
            return None, numbers, content
    return arrays.get(name)


@functools.cache
def _squares() -> set[int]:
    return {k * k % 4099 for k in range(4099)}


@functools.cache
def _prime(least: int) -> int:
    return next(n for n in itertools.count(least) if n % 4 == 3 and all(n % m for m in range(2, n)))


def _cosine(number: int, place: tuple[int, ...], extent: list[int]) -> float:
    """A product of waves, one of each axis; features are numbered in row-major order."""
    value = 1.0
    for i, n in reversed(list(zip(place, extent, strict=True))):
        number, wave = divmod(number, n)
        value *= math.sqrt((2 if wave else 1) / n) * math.cos(math.pi * (2 * i + 1) * wave / (2 * n))
    return value


@functools.cache
def _ranked(order: float, seed: int, extent: tuple[int, ...]) -> list[int]:
    """The numbers of the features, in the order of their ranks."""
    waves = itertools.product(*map(range, extent))
    lengths = [math.sqrt(sum((k / n) ** 2 for k, n in zip(wave, extent, strict=True))) for wave in waves]
    u = [(int(raw) >> 11) / 2**53 for raw in np.random.PCG64(seed).random_raw(len(lengths))]  # the page says NumPy's
    places = [order * f / (lengths[-1] or 1e-300) + v for f, v in zip(lengths, u, strict=True)]
    return sorted(range(len(places)), key=places.__getitem__)


def _weights(store: str, stored: Sequence[float], count: int) -> list[float]:
    if store == "ternary":
        trits = [byte // 3**k % 3 - 1 for byte in stored for k in range(5)]
        return trits[:count]
    if store in ("float32", "float16", "bfloat16"):
        assert len(stored) == count
        return list(stored)
    bits, lowest, step = {"int8": (8, -128, 1), "int5": (5, -16, 1), "binary": (1, -1, 2)}[store]
    together = sum(byte << (8 * i) for i, byte in enumerate(stored))
    assert together >> (bits * count) == 0
    return [lowest + step * (together >> (bits * i) & (2**bits - 1)) for i in range(count)]
