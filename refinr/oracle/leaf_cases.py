"""Cases of the leaves: planes, coordinates, encodings, activations, layers, losses, ternary layers.

With this you can make each family's cases (`planes`, `coords`, `encodings`, `activations`, `layers`, `losses`,
`ternary`), in small and odd sizes, with extreme values and ties.  A family draws inputs; `refinr.oracle.making.make`
asks the reference for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from refinr.oracle import leaf_operations
from refinr.oracle.bounds import known
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, short, uniform

ROWS = (0, 1, 3, 7)


# --- integers --------------------------------------------------------------------------------------------------------


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


# --- leaves ----------------------------------------------------------------------------------------------------------


def coords(rng: Draw) -> Iterator[Case]:
    """Grids of one to three axes, some of length one."""
    for shape in ([1], [2], [7], [3, 5], [4, 1, 3], [2, 3, 16], [33]):
        yield make(f"coords.grid.{'x'.join(map(str, shape))}", {"ends": np.array([-1.0, 1.0])}, shape=shape)


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


def ternary(rng: Draw) -> Iterator[Case]:
    """Codes of weights and activations, with exact halves; the layers made of them, and two whole networks."""
    for name, w in (("random", uniform(rng, 2, 7, 3)), ("one", uniform(rng, 5, 1)), ("zeros", np.zeros((1, 3, 2)))):
        yield make(f"ternary.weight_codes.{name}", {"w": w})
    for name, x in (("random", uniform(rng, 3, 5)), ("empty", np.zeros((0, 3)))):
        yield make(f"ternary.activation_codes.{name}", {"x": x}, bits=4)
    # scales of exactly 1, however they are computed: these are ties that everybody sees
    w = np.array([[2.0, -0.5], [0.5, -2.0], [1.5, -1.5], [0.0, 0.0]])
    yield make("ternary.weight_codes.halves", {"w": w}, errors=known(0.0))
    x = np.array([[7.0, 0.5, 1.5, -2.5], [-7.0, -0.5, -1.5, 2.5], [0.0, 0.0, 0.0, 0.0]])
    yield make("ternary.activation_codes.halves", {"x": x}, errors=known(0.0), bits=4)
    for E, N, fan_in, fan_out in ((1, 1, 3, 1), (2, 3, 7, 2), (2, 7, 5, 1)):
        arrays = {"x": uniform(rng, N, fan_in), "dy": uniform(rng, N, fan_in)}
        yield make(f"ternary.layer_norm.{N}x{fan_in}", arrays)
        size = f"{E}x{N}x{fan_in}x{fan_out}"
        for name, number, bits, faithful in (("integer_linear", 8, 8, ""), ("ternary_linear", 8, 4, None),
                                             ("ternary_linear", 24, 16, "official")):  # fmt: skip
            arrays = {"x": uniform(rng, N, fan_in, bits=number), "w": uniform(rng, E, fan_in, fan_out, bits=number)}
            arrays["dy"] = uniform(rng, E, N, fan_out, bits=number)
            options: dict[str, Any] = {"bits": bits} | ({} if faithful == "" else {"faithful": faithful})
            variant = f"{faithful}-{size}" if faithful else size
            yield make(f"ternary.{name}.{variant}", arrays, **options)
    # a sum of codes is often 0, where ReLU has no slope: only whole numbers, which have a half added, come with it
    for layer, activation, bits in (("ternary", "tanh", 4), ("ternary-integer", "relu", 8)):
        arrays = {"x": uniform(rng, 3, 5), "targets": rng.integers(0, 2, (2, 3, 1)).astype(float)}
        arrays |= {f"w{i}": uniform(rng, 2, *shape) for i, shape in enumerate(((5, 6), (6, 6), (6, 1)))}
        options = {"activation": activation, "layer": layer, "bits": bits}
        yield make(f"ternary.ternary_mlp.{layer}", arrays, **options)
