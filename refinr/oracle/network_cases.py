"""Cases of whole networks: gradients, optimiser, training.

With this you can make each family's cases (`mlp`, `optim`, `training`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from refinr import mlp as networks
from refinr.mlp import MLP
from refinr.oracle import leaf_operations, network_operations
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, short, uniform

# --- networks --------------------------------------------------------------------------------------------------------


def _network(
    rng: Draw, spec: MLP, nets: int, samples: int, shared: bool = True, octaves: int = 0
) -> dict[str, np.ndarray]:
    ones = [networks.init_one(spec, rng) for _ in range(nets)]
    params = {name: short(np.stack([one[name] for one in ones])) for name in ones[0]}
    width = spec.sizes[0] // (1 + 2 * octaves)
    x = uniform(rng, *(samples, width) if shared else (nets, samples, width))
    targets = rng.integers(0, 2, (nets, samples, spec.sizes[-1])).astype(float)
    return {"x": x, "targets": targets, **params}


LOSSES = (("bce", ""), ("mse", "-mse"))
"""Losses of whole networks, and what cases of theirs have at the end of their names."""


def mlp(rng: Draw) -> Iterator[Case]:
    """Whole networks of every activation, and their initial parameters."""
    settings: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
        ("siren-7", {"sizes": (2, 8, 8, 1)}, (2, 7)),
        ("siren-7-again", {"sizes": (2, 8, 8, 1)}, (2, 7)),
        ("siren-1", {"sizes": (2, 8, 8, 1)}, (1, 1)),
        ("siren-own-inputs", {"sizes": (3, 7, 5, 2)}, (3, 3, False)),
        ("siren-nyquist", {"sizes": (2, 8, 8, 1), "first_scale": (8.0, 5.0)}, (2, 7)),
        ("siren-deep", {"sizes": (3, 8, 8, 8, 8, 1)}, (1, 7)),
        ("siren-width-1", {"sizes": (1, 1, 1)}, (2, 3)),
        ("finer", {"sizes": (2, 8, 8, 1), "activation": "finer", "omega": 5.0}, (2, 7)),
        ("finer-stopped", {"sizes": (2, 7, 1), "activation": "finer-stopped", "omega": 5.0}, (2, 7)),
        ("gauss", {"sizes": (2, 7, 1), "activation": "gauss", "scale": 2.0}, (2, 7)),
        ("wire", {"sizes": (2, 7, 1), "activation": "wire", "omega": 4.0, "scale": 2.0}, (2, 7)),
        ("relu-encoded", {"sizes": (10, 7, 7, 1), "activation": "relu"}, (2, 7, True, 2)),
        ("tanh-encoded", {"sizes": (6, 7, 1), "activation": "tanh"}, (1, 7, True, 1)),
        ("tanh", {"sizes": (2, 5, 1), "activation": "tanh"}, (2, 7)),
        ("gelu-encoded", {"sizes": (6, 7, 2), "activation": "gelu"}, (2, 3, True, 1)),
        ("tanh-1", {"sizes": (2, 2, 1), "activation": "tanh"}, (1, 1)),
        ("linear", {"sizes": (3, 1)}, (2, 7)),
        ("linear-1", {"sizes": (3, 1)}, (2, 1)),
    ]
    for name, fields, shape in settings:
        spec = MLP(**fields)
        octaves = shape[3] if len(shape) > 3 else 0
        for loss, ending in LOSSES if name in ("siren-7", "tanh") else LOSSES[:1]:
            arrays = _network(rng, spec, *shape)
            common: dict[str, Any] = {"activation": spec.activation, "omega": spec.omega, "scale": spec.scale}
            yield make(f"mlp.mlp.{name}{ending}", arrays, **common, loss=loss, octaves=octaves)
        if octaves == 0:
            draws: dict[str, Any] = {}
            for i, (fan_in, fan_out) in enumerate(pairwise(spec.sizes)):
                draws |= {f"w{i}": uniform(rng, fan_in, fan_out), f"b{i}": uniform(rng, 1, fan_out)}
            scales = list(spec.first_scale) if isinstance(spec.first_scale, tuple) else spec.first_scale
            yield make(f"mlp.init.{name}", draws, **common, first_scale=scales)
    yield from _larger(rng)


LARGER: list[tuple[str, str, dict[str, Any], tuple[Any, ...]]] = [
    ("siren-wide", "bce", {"sizes": (2, 67, 35, 1)}, (2, 37)),
    ("siren-4", "bce", {"sizes": (4, 4, 4, 4)}, (4, 4)),
    ("siren-16", "mse", {"sizes": (16, 16, 16, 16), "omega": 10.0}, (1, 16)),
    ("siren-64", "bce", {"sizes": (3, 64, 64, 1), "omega": 5.0}, (1, 17)),
    ("siren-many", "bce", {"sizes": (2, 5, 1)}, (17, 9)),
    ("siren-rows", "bce", {"sizes": (1, 9, 1), "omega": 12.0, "first_scale": 20.0}, (1, 300)),
    ("siren-own-17", "mae", {"sizes": (3, 17, 33, 2), "omega": 15.0}, (5, 17, False)),
    ("siren-long", "bce", {"sizes": (2, 9, 5, 1), "omega": 9.0}, (2, 9)),
    ("siren-slow", "bce", {"sizes": (2, 5, 1), "omega": 1.5}, (2, 7)),
    ("siren-slow-deep", "mse", {"sizes": (2, 3, 3, 1), "omega": 1.0}, (3, 9)),
    ("siren-encoded", "bce", {"sizes": (14, 9, 1), "omega": 4.0}, (3, 9, False, 3)),
    ("finer-wide", "bce", {"sizes": (3, 33, 17, 1), "activation": "finer", "omega": 3.0}, (3, 17)),
    ("finer-slow", "bce", {"sizes": (2, 5, 1), "activation": "finer", "omega": 1.0}, (2, 9)),
    ("finer-stopped-own", "mse", {"sizes": (2, 9, 5, 1), "activation": "finer-stopped", "omega": 2.0}, (2, 9, False)),
    ("gauss-wide", "bce", {"sizes": (2, 33, 17, 1), "activation": "gauss", "scale": 3.0}, (2, 17)),
    ("gauss-slow", "mse", {"sizes": (2, 5, 1), "activation": "gauss", "scale": 1.0}, (2, 9)),
    ("wire-wide", "bce", {"sizes": (2, 33, 9, 1), "activation": "wire", "omega": 6.0, "scale": 1.5}, (3, 9)),
    ("wire-slow", "bce", {"sizes": (2, 5, 1), "activation": "wire", "omega": 1.0, "scale": 0.5}, (2, 9)),
    ("relu-wide", "mse", {"sizes": (10, 35, 33, 3), "activation": "relu"}, (2, 17, True, 2)),
    ("relu-own", "mae", {"sizes": (2, 9, 1), "activation": "relu"}, (3, 9, False)),
    ("tanh-mae", "mae", {"sizes": (2, 9, 1), "activation": "tanh"}, (2, 17)),
    ("tanh-wide", "bce", {"sizes": (5, 65, 3), "activation": "tanh"}, (2, 33)),
    ("gelu-wide", "mae", {"sizes": (2, 35, 9, 1), "activation": "gelu"}, (2, 33)),
]
"""Variant, loss, network, and E, N, whether x is shared, octaves."""


def _larger(rng: Draw) -> Iterator[Case]:
    """Widths, samples and networks on both sides of what fast kernels take at a time; other options, soft targets."""
    for i, (name, loss, fields, shape) in enumerate(LARGER):
        spec = MLP(**fields)
        arrays = _network(rng, spec, *shape)
        if name.endswith("-long"):  # all 24 bits of float32: products that are cut short show
            arrays = {key: a if key == "targets" else short(a * (1.0 + 2.0**-9 / 3.0), 24) for key, a in arrays.items()}
        if i % 3 == 2:
            arrays["targets"] = short(rng.uniform(0.0, 1.0, arrays["targets"].shape))
        common: dict[str, Any] = {"activation": spec.activation, "omega": spec.omega, "scale": spec.scale}
        octaves = shape[3] if len(shape) > 3 else 0
        yield make(f"mlp.mlp.{name}", arrays, **common, loss=loss, octaves=octaves)
    scaled: list[tuple[str, dict[str, Any], Any]] = [
        ("finer-scaled", {"sizes": (3, 9, 5, 2), "activation": "finer", "omega": 12.0}, [4.0, 2.0, 1.0]),
        ("gauss-scaled", {"sizes": (2, 9, 5, 1), "activation": "gauss", "scale": 3.0}, 6.0),
        ("wire-scaled", {"sizes": (2, 17, 33, 1), "activation": "wire", "omega": 6.0, "scale": 3.0}, [5.0, 8.0]),
        ("relu-scaled", {"sizes": (5, 33, 17, 1), "activation": "relu"}, 3.0),
        ("tanh-wide", {"sizes": (5, 67, 35, 3), "activation": "tanh"}, None),
        ("siren-omega-7", {"sizes": (2, 35, 17, 1), "omega": 7.0}, None),
        ("siren-scaled", {"sizes": (2, 9, 9, 1), "omega": 7.0}, 5.0),
    ]
    for name, fields, first_scale in scaled:
        spec = MLP(**fields)
        draws: dict[str, np.ndarray] = {}
        for i, (fan_in, fan_out) in enumerate(pairwise(spec.sizes)):
            draws |= {f"w{i}": uniform(rng, fan_in, fan_out), f"b{i}": uniform(rng, 1, fan_out)}
        common = {"activation": spec.activation, "omega": spec.omega, "scale": spec.scale}
        yield make(f"mlp.init.{name}", draws, **common, first_scale=first_scale)


def optim(rng: Draw) -> Iterator[Case]:
    """Adam on given gradients, some zero, some so small that eps counts."""
    settings: dict[str, Any] = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    for name, steps, shape, changed in (
        ("1-step", 1, (3, 7), {}),
        ("10-steps", 10, (3, 7), {}),
        ("other-betas", 10, (5,), {"beta1": 0.5, "beta2": 0.9}),
        ("large-eps", 3, (7,), {"eps": 1e-3}),
    ):
        options = settings | changed
        p = uniform(rng, *shape)
        g = uniform(rng, steps, *shape, scale=2.0)
        sizes = 2.0 ** np.array([0, 0, -12, 0, -20, 6, 0.0])[: shape[-1]]  # eps matters for some
        g = short(g * sizes)
        g[..., 0] = 0.0
        yield make(f"optim.adam.{name}", {"p": p, "g": g}, **options)
    for name, steps, size, changed in (
        ("70-values", 5, (2, 67), {"lr": 0.3}),
        ("40-steps", 40, (17,), {"beta2": 0.99}),
        ("no-momentum", 6, (3, 5), {"beta1": 0.0, "beta2": 0.5, "lr": 1e-3}),
        ("tiny-eps", 4, (33,), {"eps": 1e-12, "beta1": 0.8}),
        ("eps-and-few-steps", 2, (5,), {"eps": 1e-2, "lr": 1.0}),
        ("1-step-of-one-network", 1, (1, 3, 9), {"lr": 1e-4}),
    ):
        p = uniform(rng, *size, scale=0.5)
        g = uniform(rng, steps, *size) * 2.0 ** rng.integers(-6, 3, size)
        g[:, ..., 1] = np.where(np.arange(steps) % 2, 0.0, g[:, ..., 1].T).T  # a gradient that comes and goes
        yield make(f"optim.adam.{name}", {"p": p, "g": short(g)}, **(settings | changed))


def training(rng: Draw) -> Iterator[Case]:
    """Short runs on random bits, until every decision is clear."""
    for name, sizes, shape, nets, lr, fields in RUNS:
        spec = MLP(sizes, first_scale=4.0, **fields)
        params = networks.init(spec, nets, int(rng.integers(2**31)), "float64")
        params = {key: short(p) for key, p in params.items()}
        x = short(leaf_operations.grid(np.ones(2), shape)["x"])
        targets = rng.integers(0, 2, (nets, len(x), sizes[-1])).astype(float)
        options: dict[str, Any] = {"activation": spec.activation, "omega": spec.omega, "lr": lr}
        steps = _steps(spec, params, x, targets, options["lr"])
        arrays = {"x": x, "targets": targets, **params}
        yield make(f"training.train.{name}", arrays, rng=rng, **options, steps=steps)


RUNS: list[tuple[str, tuple[int, ...], tuple[int, ...], int, float, dict[str, Any]]] = [
    ("line", (1, 8, 8, 1), (7,), 2, 1e-2, {}),
    ("plane", (2, 8, 8, 1), (3, 5), 2, 1e-2, {}),
    ("wide", (2, 33, 17, 1), (5, 7), 3, 4e-3, {"omega": 12.0}),
    ("tanh", (1, 9, 2), (5,), 5, 3e-2, {"activation": "tanh"}),
]
"""Variant, sizes, grid, networks, step size, and what else describes them."""

CLEAR = 0.25
"""Outputs further than this from 0 are decided, whatever rounding does to a run."""
LONGEST = 100
"""Steps of a run that is never clear."""


def _steps(spec: MLP, params: dict[str, np.ndarray], x: np.ndarray, targets: np.ndarray, lr: float) -> int:
    run = network_operations.descent(spec, params, x, targets, lr, LONGEST)
    for step, (_, z) in enumerate(run):
        if abs(z).min() > CLEAR and ((z > 0) == targets).all():
            return step
    return LONGEST
