"""Cases of the ternary layers: codes, the layers made of them, and whole networks.

With this you can make one family's cases (`ternary`).  Rounding jumps, so inputs keep away from halves (`clear_rows`,
`clear_weights`), or are drawn again (`refinr.oracle.making.until_clear`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from refinr.oracle.bounds import known
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, short, uniform, until_clear


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
    yield from _larger_ternary(rng)


def _larger_ternary(rng: Draw) -> Iterator[Case]:
    """Long sums, other bits, rows that are constant or zero, networks of zeros, inputs to be clipped."""
    w = clear_weights(rng, 17, 33, 5) * 2.0 ** rng.integers(-3, 3, (17, 1, 1))
    w[3] = 0.0
    for name, values in (("many", w), ("flat", clear_weights(rng, 67, 35)), ("equal", np.full((2, 3, 3), -0.75))):
        yield make(f"ternary.weight_codes.{name}", {"w": values})
    rows = clear_rows(rng, 9, 67) * 2.0 ** rng.integers(-3, 3, (9, 1))
    rows[2] = 0.0
    rows[5] = -0.5
    rows[6] = 0.0
    rows[6, 66] = -0.25  # all but the last: a maximum over whole vectors alone misses it
    for bits in (2, 5, 8):
        yield make(f"ternary.activation_codes.rows-{bits}", {"x": rows}, bits=bits)
    yield make("ternary.activation_codes.stacked", {"x": clear_rows(rng, 2, 3, 17)}, bits=6)
    constant = uniform(rng, 5, 37)
    constant[1] = 0.5
    constant[3] = 0.0
    constant[4] = short(constant[4] + 64.0)
    far = rng.integers(-512, 512, (3, 35)) / 512.0 + 2048.0  # where a variance from a mean of squares has no digit left
    for name, x in (("constant", constant), ("far", far), ("33x67", uniform(rng, 33, 67)), ("9x2", uniform(rng, 9, 2))):
        yield make(f"ternary.layer_norm.{name}", {"x": x, "dy": uniform(rng, *x.shape)})
    for E, N, fan_in, fan_out, bits in ((2, 9, 67, 17, 4), (17, 3, 5, 2, 3), (1, 17, 16, 8, 4), (2, 5, 2, 1, 2)):
        size = f"{E}x{N}x{fan_in}x{fan_out}-{bits}"
        for name, faithful in (("integer_linear", ""), ("ternary_linear", None), ("ternary_linear", "official")):
            options = {"bits": bits} | ({} if faithful == "" else {"faithful": faithful})
            variant = f"ternary.{name}.{'official-' * (faithful == 'official')}{size}"
            inputs = partial(_inputs, rng, E, N, fan_in, fan_out)
            yield until_clear(partial(_made, variant, inputs, options))
    for layer, activation, bits, shape in (
        ("ternary", "tanh", 5, (17, 3, 1)),
        ("ternary-integer", "relu", 4, (9, 17, 2)),
    ):
        sizes = (shape[0], 33, shape[2])
        options = {"activation": activation, "layer": layer, "bits": bits}
        name = f"ternary.ternary_mlp.{layer}-wide"
        yield until_clear(partial(_made, name, partial(_network, rng, sizes, shape[1]), options))


def _made(name: str, inputs: Callable[[], dict[str, np.ndarray]], options: dict[str, Any]) -> Case:
    return make(name, inputs(), **options)


def _inputs(rng: Draw, E: int, N: int, fan_in: int, fan_out: int) -> dict[str, np.ndarray]:
    x = uniform(rng, N, fan_in, scale=1.5)  # some beyond 1, where fixed point is clipped, and some at 1
    x[:, -1] = np.where(np.arange(N) % 2, 1.0, -1.0)
    return {"x": x, "w": clear_weights(rng, E, fan_in, fan_out), "dy": uniform(rng, E, N, fan_out)}


def _network(rng: Draw, sizes: tuple[int, ...], rows: int) -> dict[str, np.ndarray]:
    arrays = {"x": uniform(rng, rows, sizes[0]), "targets": rng.integers(0, 2, (3, rows, sizes[-1])).astype(float)}
    return arrays | {f"w{i}": clear_weights(rng, 3, *pair) for i, pair in enumerate(pairwise(sizes))}


def clear_weights(rng: Draw, *shape: int) -> np.ndarray:
    """Weights whose quotients by their mean, about 0.45, keep away from halves, whatever rounds otherwise."""
    lows = np.array([0.01, 0.32, 0.72])[rng.integers(0, 3, shape)]
    sizes = lows + rng.uniform(0.0, 0.14, shape) * np.where(lows > 0.5, 2.0, 1.0)
    return short(sizes * rng.choice([-1.0, 1.0], shape))


def clear_rows(rng: Draw, *shape: int) -> np.ndarray:
    """Rows of n / 256 whose maximum is 251 / 256, a prime: no quotient by it is half an odd number of levels."""
    rows = rng.integers(-250, 250, shape, endpoint=True) / 256.0
    rows[..., rng.integers(shape[-1])] = 251.0 / 256.0
    return rows
