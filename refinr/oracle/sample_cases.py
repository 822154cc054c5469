"""Cases of samples and their places: codes, planes, coordinates.

With this you can make the cases of two families (`planes`, `coords`): every sample dtype from end to end, planes of
every kind, grids of one axis to four.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from refinr.oracle import leaf_operations
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make

ROWS = (0, 1, 3, 7)


def _samples(rng: Draw, dtype: str, rows: int) -> np.ndarray:
    """Any bit patterns, and for floats both zeros, infinities, subnormals and not-a-number with a payload."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.integers(0, 2, rows).astype(bool)
    raw = rng.integers(0, 2 ** (8 * kind.itemsize), rows, dtype=f"u{kind.itemsize}", endpoint=False) if rows else None
    values = np.zeros(0, dtype) if raw is None else raw.view(dtype)
    if kind.kind == "f" and rows == 7:
        one = np.array([1], f"u{kind.itemsize}").view(dtype)  # the smallest subnormal
        values[:6] = [0.0, -0.0, np.inf, -np.inf, one[0], -one[0]]
        values[6:] = (np.array([np.nan], dtype).view(f"u{kind.itemsize}") | np.array(3, f"u{kind.itemsize}")).view(
            dtype
        )
    return values


def planes(rng: Draw) -> Iterator[Case]:
    """Codes of every sample dtype, planes of every kind."""
    for i, dtype in enumerate(("bool", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64")):
        for rows in (7, ROWS[i % 3]):
            samples = _samples(rng, dtype, rows)
            yield make(f"planes.to_codes.{dtype}-{rows}", {"samples": samples})
            codes = leaf_operations.to_codes(samples)["codes"]
            yield make(f"planes.from_codes.{dtype}-{rows}", {"codes": codes}, dtype=dtype)
    settings = [
        (8, 1, False),
        (12, 1, False),
        (16, 1, True),
        (10, 3, False),
        (8, 1, True),
        (64, 8, False),
        (33, 1, True),
    ]
    for i, (bits, radix_bits, gray) in enumerate(settings):
        for rows in (7, ROWS[i % 3]):
            dtype = f"uint{next(width for width in (8, 16, 32, 64) if width >= bits)}"
            codes = rng.integers(0, 2**bits - 1, rows, dtype=dtype, endpoint=True)
            codes[:2] = [0, 2**bits - 1][: len(codes)]
            options: dict[str, Any] = {"bits": bits, "radix_bits": radix_bits, "gray": gray}
            variant = f"{bits}-by-{radix_bits}{'-gray' * gray}-{rows}"
            yield make(f"planes.to_planes.{variant}", {"codes": codes}, **options)
            digits = leaf_operations.to_planes(codes, **options)["planes"]
            yield make(f"planes.from_planes.{variant}", {"planes": digits}, **options, dtype=dtype)
    yield from _ends()
    yield from _other_planes(rng)


def _ends() -> Iterator[Case]:
    """The ends of the range of every dtype, and what lies beside zero and beside the middle."""
    for dtype in (*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), *FLOATS):
        kind = np.dtype(dtype)
        bits = 8 * kind.itemsize
        # as bit patterns: 0, 1, 2, the last before the sign bit, the sign bit, the next, the last two
        patterns = [0, 1, 2, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2 ** (bits - 1) + 1, 2**bits - 2, 2**bits - 1]
        samples = np.array(patterns, f"u{kind.itemsize}").view(dtype)
        if kind.kind == "f":
            samples = np.concatenate([samples, _floats(kind)])
        yield make(f"planes.to_codes.{dtype}-ends", {"samples": samples})
        codes = leaf_operations.to_codes(samples)["codes"]
        yield make(f"planes.from_codes.{dtype}-ends", {"codes": codes}, dtype=dtype)


FLOATS = ("float16", "float32", "float64")


def _floats(kind: np.dtype) -> np.ndarray:
    """Infinities, the largest and the smallest normal numbers, not-a-number of both signs, quiet and signalling."""
    limits = np.finfo(kind)
    values = np.array(
        [np.inf, -np.inf, limits.max, limits.min, limits.tiny, -limits.tiny, np.nan, np.nan, np.nan], kind
    )
    patterns = values.view(f"u{kind.itemsize}")
    quiet = patterns[-1]
    infinity = patterns[0]
    sign = patterns[0] ^ patterns[1]
    patterns[-3:] = [quiet | sign, infinity | 5, infinity | sign | 5]  # ORed in as integers: no conversion touches them
    return values


def _other_planes(rng: Draw) -> Iterator[Case]:
    """Gray codes in digits, one digit for all, codes in wider dtypes; several axes, and more than a vector's length."""
    for bits, radix_bits, gray, width in (
        (1, 1, False, 8),
        (8, 8, False, 8),
        (16, 3, True, 16),
        (24, 5, True, 32),
        (32, 7, False, 32),
        (64, 1, True, 64),
        (7, 2, False, 32),
        (12, 4, True, 64),
        (11, 1, False, 16),
    ):
        for shape in ((3, 5), (67,), (2, 1, 9)):
            codes = rng.integers(0, 2**bits - 1, shape, dtype=f"uint{width}", endpoint=True)
            codes.flat[:2] = [0, 2**bits - 1]
            options: dict[str, Any] = {"bits": bits, "radix_bits": radix_bits, "gray": gray}
            variant = f"{bits}-by-{radix_bits}{'-gray' * gray}-{'x'.join(map(str, shape))}-of-{width}"
            yield make(f"planes.to_planes.{variant}", {"codes": codes}, **options)
            digits = leaf_operations.to_planes(codes, **options)["planes"]
            yield make(f"planes.from_planes.{variant}", {"planes": digits}, **options, dtype=f"uint{width}")


def coords(rng: Draw) -> Iterator[Case]:
    """Grids of one to four axes, some of length one."""
    for shape in SHAPES:
        yield make(f"coords.grid.{'x'.join(map(str, shape))}", {"ends": np.array([-1.0, 1.0])}, shape=shape)


SHAPES = ([1], [2], [7], [3, 5], [4, 1, 3], [2, 3, 16], [33], [300], [17, 5], [8, 64], [1, 1], [5, 4, 3, 2], [1, 70])
