"""Cases of the leaves: encodings, activations, layers, lookups, losses.

With this you can make each family's cases (`encodings`, `activations`, `layers`, `lookups`, `losses`): sizes that are
small, odd, and on both sides of what a fast kernel takes at a time, other options, extreme values and ties.
A family draws inputs; `refinr.oracle.making.make` asks the reference for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from refinr import lookups as grids
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, short, uniform

ROWS = (0, 1, 3, 7)


def encodings(rng: Draw) -> Iterator[Case]:
    """Octaves and chosen frequencies."""
    for rows, d, octaves in ((0, 2, 3), (1, 2, 0), (3, 1, 4), (7, 2, 3), (7, 3, 6)):
        x = uniform(rng, rows, d)
        dy = uniform(rng, rows, d * (1 + 2 * octaves))
        name = f"encodings.positional_encoding.{rows}x{d}-{octaves}"
        yield make(name, {"x": x, "dy": dy}, octaves=octaves)
    for rows, d, waves in ((0, 2, 3), (1, 1, 1), (3, 2, 5), (7, 3, 4)):
        arrays = {"x": uniform(rng, rows, d), "frequencies": uniform(rng, d, waves, scale=20.0)}
        arrays["dy"] = uniform(rng, rows, 2 * waves)
        yield make(f"encodings.fourier_features.{rows}x{d}-{waves}", arrays)
    for rows, d, octaves in ((70, 3, 5), (300, 2, 4), (33, 1, 10), (17, 5, 1)):
        arrays = {"x": uniform(rng, rows, d), "dy": uniform(rng, rows, d * (1 + 2 * octaves))}
        yield make(f"encodings.positional_encoding.{rows}x{d}-{octaves}", arrays, octaves=octaves)
    for rows, d, waves, scale in ((70, 3, 37, 20.0), (300, 1, 4, 5.0), (17, 2, 65, 1.0), (18, 2, 65, 1.0)):
        arrays = {"x": uniform(rng, rows, d), "frequencies": uniform(rng, d, waves, scale=scale)}
        arrays["dy"] = uniform(rng, rows, 2 * waves)
        yield make(f"encodings.fourier_features.{rows}x{d}-{waves}", arrays)


def activations(rng: Draw) -> Iterator[Case]:
    """Random, special and subnormal inputs."""
    settings: list[tuple[str, dict[str, Any], float]] = [
        ("sine", {"omega": 30.0}, 1.0),
        ("sine", {"omega": 1.0}, 4.0),
        ("finer", {"omega": 30.0, "stopped": False}, 1.0),
        ("finer", {"omega": 5.0, "stopped": True}, 1.0),
        ("gauss", {"scale": 10.0}, 0.3),
        ("wire", {"omega": 10.0, "scale": 10.0}, 0.3),
        ("relu", {}, 3.0),
        ("tanh", {}, 3.0),
        ("gelu", {}, 4.0),
    ]
    special = [0.0, -0.0, 2.0**-24, -(2.0**-24), 0.5, -0.5, 40.0]
    small = [2.0**-149, -(2.0**-149), 2.0**-127, 2.0**-126, 0.5, 0.25, -0.5]
    for i, (name, options, scale) in enumerate(settings):
        variant = "-".join(f"{value:g}" if isinstance(value, float) else key for key, value in options.items() if value)
        for rows in dict.fromkeys((ROWS[i % 3], 7)):
            arrays = {"z": uniform(rng, rows, 3, scale=scale), "dy": uniform(rng, rows, 3)}
            yield make(f"activations.{name}.{variant or 'random'}-{rows}", arrays, **options)
        for what, values in (("special", special), ("subnormal", small)):
            if (name, what) == ("relu", "subnormal"):
                continue  # its gradient there hangs on whether the machine has such numbers
            arrays = {"z": np.array(values)[:, None], "dy": np.array([1.0, -1.0, 1.0, 0.5, -1.0, 1.0, 1.0])[:, None]}
            yield make(f"activations.{name}.{variant or 'random'}-{what}", arrays, **options)
    for name, options, scale in OTHER_OPTIONS:
        yield from _larger(rng, name, options, scale)


OTHER_OPTIONS: list[tuple[str, dict[str, Any], float]] = [
    ("sine", {"omega": 10.0}, 1.0),
    ("sine", {"omega": 2.5}, 3.0),
    ("sine", {"omega": -7.0}, 1.0),
    ("finer", {"omega": 12.0, "stopped": False}, 1.0),
    ("finer", {"omega": 1.5, "stopped": True}, 2.0),
    ("gauss", {"scale": 1.0}, 2.0),
    ("gauss", {"scale": 3.5}, 1.0),
    ("wire", {"omega": 30.0, "scale": 2.0}, 1.0),
    ("wire", {"omega": 3.0, "scale": 0.75}, 2.0),
    ("relu", {}, 3.0),
    ("tanh", {}, 6.0),
    ("gelu", {}, 6.0),
]
"""Of larger cases: functions, options that differ from each other and from the defaults, and the size of z."""


def _larger(rng: Draw, name: str, options: dict[str, Any], scale: float) -> Iterator[Case]:
    """Whole vectors and what is left over, one axis to three; and where functions have come to their ends."""
    variant = "-".join(f"{value:g}" if isinstance(value, float) else key for key, value in options.items() if value)
    for shape in ((67,), (2, 17, 5), (9, 37)):
        arrays = {"z": uniform(rng, *shape, scale=scale), "dy": uniform(rng, *shape)}
        yield make(f"activations.{name}.{variant or 'random'}-{'x'.join(map(str, shape))}", arrays, **options)
    ends = np.array([9.25, -9.25, 18.5, -18.5, 88.5, -88.5, 100.0, -100.0, 2.0**13, -(2.0**13)])
    if name in ("finer", "gauss", "wire"):  # whose arguments grow with the square
        ends = ends[:8] / 32.0
    arrays = {"z": short(ends), "dy": uniform(rng, len(ends))}
    yield make(f"activations.{name}.{variant or 'random'}-ends", arrays, **options)


def layers(rng: Draw) -> Iterator[Case]:
    """Networks alone and together, shared inputs, no samples, long sums."""
    shapes = [(1, 7, 3, 5), (3, 7, 3, 5), (2, 0, 2, 3), (2, 1, 1, 1), (1, 3, 7, 2), (2, 3, 5, 1), (1, 300, 7, 5)]
    for E, N, fan_in, fan_out, again in [*((*shape, "") for shape in shapes), (*shapes[1], "-again")]:
        for shared in (True, False):
            for bits in (8, 24):  # short ones are exact in every dtype, long ones show products that are cut short
                x = uniform(rng, *(N, fan_in) if shared else (E, N, fan_in), bits=bits)
                w = uniform(rng, E, fan_in, fan_out, bits=bits)
                b = uniform(rng, E, 1, fan_out, bits=bits)
                arrays = {"x": x, "w": w, "b": b, "dy": uniform(rng, E, N, fan_out, bits=bits)}
                variant = f"{E}x{N}x{fan_in}x{fan_out}{'-shared' * shared}{'-long' * (bits > 8)}{again}"
                yield make(f"layers.linear.{variant}", arrays)
    for E, N, fan_in, fan_out, shared, bits in LARGER_LAYERS:
        x = uniform(rng, *(N, fan_in) if shared else (E, N, fan_in), bits=bits)
        arrays = {"x": x, "w": uniform(rng, E, fan_in, fan_out, bits=bits), "b": uniform(rng, E, 1, fan_out, bits=bits)}
        arrays["dy"] = uniform(rng, E, N, fan_out, bits=bits)
        variant = f"{E}x{N}x{fan_in}x{fan_out}{'-shared' * shared}{'-long' * (bits > 8)}"
        yield make(f"layers.linear.{variant}", arrays)


LARGER_LAYERS = [
    (2, 4, 4, 4, True, 8),
    (2, 5, 9, 3, False, 8),
    (1, 8, 8, 8, False, 24),
    (2, 9, 17, 9, True, 24),
    (1, 16, 16, 16, True, 8),
    (2, 17, 33, 15, False, 24),
    (1, 32, 32, 32, False, 8),
    (1, 33, 65, 17, True, 24),
    (1, 64, 64, 64, True, 8),
    (1, 65, 5, 33, False, 8),
    (17, 3, 5, 2, True, 24),
    (17, 5, 3, 4, False, 8),
    (5, 70, 67, 37, True, 24),
    (33, 1, 2, 1, True, 8),
    (1, 3, 5, 2, True, 24),  # small, after larger ones: what those left behind shows
]
"""E, N, I, O, shared, significant bits: on both sides of the sizes that fast kernels take at a time."""


def lookups(rng: Draw) -> Iterator[Case]:
    """A row a sample, rows that many share and nobody reads, a row twice in one sample, levels of a grid."""
    for E, N, K, T, F in ((1, 5, 1, 5, 2), (3, 7, 2, 4, 3), (2, 4, 3, 9, 1), (1, 1, 1, 1, 1), (2, 70, 4, 3, 2),
                          (17, 33, 4, 65, 5), (1, 300, 8, 300, 2)):  # fmt: skip
        for bits in (8, 24):
            rows = rng.permutation(N)[:, None] if K == 1 else rng.integers(0, T, (N, K))
            arrays = {"table": uniform(rng, E, T, F, bits=bits), "rows": rows}
            arrays |= {"weights": uniform(rng, N, K, bits=bits), "dy": uniform(rng, E, N, F, bits=bits)}
            yield make(f"lookups.lookup.{E}x{N}x{K}-of-{T}x{F}{'-long' * (bits > 8)}", arrays)
    for shape, cells, length in (
        ((5, 4), 2, 9),
        ((6, 6), 5, 12),
        ((3, 4, 3), 2, 10),
    ):  # of the last two, rows are hashed
        (level,) = grids.hash_grid(shape, 1, cells, 1.0, length)
        samples = len(level.rows)
        arrays = {"table": uniform(rng, 2, len(level.readers), 2), "rows": level.rows}
        arrays |= {"weights": short(level.weights), "dy": uniform(rng, 2, samples, 2)}
        yield make(f"lookups.lookup.grid-{'x'.join(map(str, shape))}-{cells}", arrays)


def losses(rng: Draw) -> Iterator[Case]:
    """Random logits, confidently right and wrong ones, ties."""
    extreme = np.array(
        [0.0, -0.0, 16.75, -16.75, 88.5, -88.5, 104.0, -104.0, 800.0, -800.0, 2.0**-24, 2.0**13, -(2.0**13)]
    )
    extreme = short(extreme)[:, None]
    wide = np.array([2.0**99, -(2.0**99), 2.0**-140, -(2.0**-140), 3.0])[:, None]
    for loss, shift, sets, ties_count in (
        ("bce_with_logits", 0.0, ("extreme", "wide"), False),
        ("mse", -0.5, (), True),
        ("mae", -0.5, ("extreme",), True),
    ):
        for shape in ((1, 1), (3, 2), (7, 1), (2, 7, 3), (3, 1, 1)):
            arrays = {"z": uniform(rng, *shape, scale=6.0), "targets": rng.integers(0, 2, shape).astype(float) + shift}
            yield make(f"losses.{loss}.{'x'.join(map(str, shape))}", arrays)
        for what, z in (("extreme", extreme), ("wide", wide)):
            for side in (0.0, 1.0):
                arrays = {"z": z, "targets": np.full_like(z, side)}
                if what in sets:
                    yield make(f"losses.{loss}.{what}-{side:g}", arrays)
        ties = uniform(rng, 7, 1, scale=2.0)
        targets = np.where(np.arange(7)[:, None] % 3 == 0, ties + 1.0, ties)
        if ties_count:
            yield make(f"losses.{loss}.ties", {"z": ties, "targets": short(targets)})
    middle = short(np.concatenate([np.linspace(16.0, 88.0, 19), -np.linspace(16.0, 88.0, 19)]))[:, None]
    for loss in ("bce_with_logits", "mse", "mae"):
        for shape in ((70, 1), (2, 33, 3), (17, 9, 2), (300, 1)):
            arrays = {"z": uniform(rng, *shape, scale=9.0), "targets": rng.integers(0, 2, shape).astype(float)}
            if loss != "bce_with_logits":
                arrays["targets"] = arrays["targets"] - 0.5
            yield make(f"losses.{loss}.{'x'.join(map(str, shape))}", arrays)
        soft = {"z": uniform(rng, 3, 17, 2, scale=4.0), "targets": short(rng.uniform(0.0, 1.0, (3, 17, 2)))}
        yield make(f"losses.{loss}.soft", soft)
        for side in (0.0, 1.0):
            yield make(f"losses.{loss}.middle-{side:g}", {"z": middle, "targets": np.full_like(middle, side)})
