"""Cases of what comes of networks: metrics, decisions, codes.

With this you can make the cases of two families (`metrics`, `inr`), and small arrays to represent (`signals`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from refinr import tiling
from refinr.fitting import fit
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, uniform


def metrics(rng: Draw) -> Iterator[Case]:
    """Integer codes, equal and not."""
    for bits, dtype, shape in (
        (8, "uint8", (3, 7)),
        (12, "uint16", (1,)),
        (16, "uint16", (7, 1, 3)),
        (64, "uint64", (5,)),
    ):
        a, b = rng.integers(0, 2**bits - 1, (2, *shape), dtype=dtype, endpoint=True)
        a.flat[0] = 0
        b.flat[0] = 2**bits - 1  # differences without a sign wrap around
        for what, other in (("random", b), ("equal", a)):
            name = f"{bits}-{what}"
            arrays = {"a": a, "b": other}
            yield make(f"metrics.bit_error_rate.{name}", arrays, bits=bits)
            yield make(f"metrics.rmse.{name}", arrays)
            yield make(f"metrics.psnr.{name}", arrays, bits=bits)
    for shape, bits in (((12, 13), 8), ((11, 11, 3), 16)):
        a, b = rng.integers(0, 2**bits, (2, *shape), dtype=f"uint{bits}")
        similar = (0.9 * a + 0.1 * b).astype(a.dtype)
        yield make(f"metrics.ssim.{bits}", {"a": a, "b": similar}, bits=bits)
    for bits, dtype, shape in (
        (1, "uint8", (33,)),
        (7, "uint16", (17, 5)),
        (33, "uint64", (3, 23)),
        (9, "uint16", (37, 35)),
        (24, "uint32", (67,)),
    ):
        a, b = rng.integers(0, 2**bits - 1, (2, *shape), dtype=dtype, endpoint=True)
        b.flat[::2] = a.flat[::2]
        arrays = {"a": a, "b": b}
        yield make(f"metrics.bit_error_rate.{bits}-half", arrays, bits=bits)
        yield make(f"metrics.rmse.{bits}-half", arrays)
        yield make(f"metrics.psnr.{bits}-half", arrays, bits=bits)
    for shape, bits in (((23, 37), 12), ((17, 11, 2), 8), ((11, 14), 1)):
        a, b = rng.integers(0, 2**bits, (2, *shape), dtype="uint16")
        for what, other in (
            ("half", np.where(np.arange(shape[1]).reshape(-1, *[1] * (a.ndim - 2)) % 2, a, b)),
            ("equal", a),
        ):
            yield make(f"metrics.ssim.{'x'.join(map(str, shape))}-{what}", {"a": a, "b": other}, bits=bits)


def inr(rng: Draw) -> Iterator[Case]:
    """Decisions at the threshold, and fitted networks to codes."""
    special = np.array([0.0, -0.0, 2.0**-24, -(2.0**-24), np.inf, -np.inf, np.nan])
    small = np.array([2.0**-126, -(2.0**-126), 2.0**-100])  # below these, many machines see zeros
    for name, z in (
        ("ties", special),
        ("small", small),
        ("random", uniform(rng, 3, 7)),
        ("empty", np.zeros((0, 2))),
        ("17x67", uniform(rng, 17, 67)),
        ("2x3x5", uniform(rng, 2, 3, 5)),
    ):
        yield make(f"inr.decide.{name}", {"z": z})
    for name, cut, samples, keywords in (*((*signal, {}) for signal in signals(rng)), *_other_signals(rng)):
        channels = tiling.has_channels(samples.shape)
        settings: dict[str, Any] = {"tile": 8, "hidden": (8, 8), "lr": 1e-2, "channels": channels} | keywords
        inr = fit(samples, cut, **settings, seed=int(rng.integers(2**31)))
        layout = inr.layout
        arrays = {"x": layout.inputs(layout.grid).astype(float)} | {k: p.astype(float) for k, p in inr.params.items()}
        spec, bits = layout.spec, layout.cut.bits
        options: dict[str, Any] = {"bits": bits, "cut": cut, "activation": spec.activation, "omega": spec.omega}
        yield make(f"inr.decode.{name}", arrays, **options)


def signals(rng: Draw) -> Iterator[tuple[str, str, np.ndarray]]:
    """Names, decompositions and samples of small arrays."""
    yield "uint8", "planes", rng.integers(0, 256, (5, 7), dtype="uint8")
    yield "uint8-colour", "planes", rng.integers(0, 16, (3, 3, 3), dtype="uint8")
    yield "float16", "planes", np.array([[1.5, -0.0, np.nan], [np.inf, 2.0**-24, -7.25]], dtype="float16")
    yield "bit-coordinate", "bit-coordinate", rng.integers(0, 16, (7,), dtype="uint8")


def _other_signals(rng: Draw) -> Iterator[tuple[str, str, np.ndarray, dict[str, Any]]]:
    yield "uint16-wide", "planes", rng.integers(0, 2**12, (3, 5), dtype="uint16"), {"hidden": (35,)}
    yield "bit-coordinate-colour", "bit-coordinate", rng.integers(0, 8, (4, 3, 3), dtype="uint8"), {"omega": 20.0}
    yield "tanh", "planes", rng.integers(0, 8, (7,), dtype="uint8"), {"activation": "tanh", "hidden": (17,), "lr": 3e-2}
    yield "bool", "planes", rng.integers(0, 2, (9, 8), dtype="uint8").astype(bool), {"tile": 16}
