"""Cases of whole networks and what comes of them: gradients, optimiser, training, metrics, decoding, files.

With this you can make each family's cases (`mlp`, `optim`, `training`, `metrics`, `inr`, `container`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from refinr import mlp as networks
from refinr.fitting import fit
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


def training(rng: Draw) -> Iterator[Case]:
    """Short runs on random bits, until every decision is clear."""
    for name, sizes, shape in (("line", (1, 8, 8, 1), (7,)), ("plane", (2, 8, 8, 1), (3, 5))):
        spec = MLP(sizes, first_scale=4.0)
        params = networks.init(spec, 2, int(rng.integers(2**31)), "float64")
        params = {key: short(p) for key, p in params.items()}
        x = short(leaf_operations.grid(np.ones(2), shape)["x"])
        targets = rng.integers(0, 2, (2, len(x), 1)).astype(float)
        options: dict[str, Any] = {"activation": spec.activation, "omega": spec.omega, "lr": 1e-2}
        steps = _steps(spec, params, x, targets, options["lr"])
        arrays = {"x": x, "targets": targets, **params}
        yield make(f"training.train.{name}", arrays, rng=rng, **options, steps=steps)


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


# --- results ---------------------------------------------------------------------------------------------------------


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


def inr(rng: Draw) -> Iterator[Case]:
    """Decisions at the threshold, and fitted networks to codes."""
    special = np.array([0.0, -0.0, 2.0**-24, -(2.0**-24), np.inf, -np.inf, np.nan])
    small = np.array([2.0**-126, -(2.0**-126), 2.0**-100])  # below these, many machines see zeros
    for name, z in (
        ("ties", special),
        ("small", small),
        ("random", uniform(rng, 3, 7)),
        ("empty", np.zeros((0, 2))),
    ):
        yield make(f"inr.decide.{name}", {"z": z})
    for name, cut, samples in _signals(rng):
        inr = fit(samples, cut, tile=8, hidden=(8, 8), lr=1e-2, seed=int(rng.integers(2**31)))
        layout = inr.layout
        arrays = {"x": layout.inputs(layout.grid).astype(float)} | {k: p.astype(float) for k, p in inr.params.items()}
        spec = layout.spec
        options: dict[str, Any] = {
            "bits": layout.cut.bits,
            "cut": cut,
            "activation": spec.activation,
            "omega": spec.omega,
        }
        yield make(f"inr.decode.{name}", arrays, **options)


def _signals(rng: Draw) -> Iterator[tuple[str, str, np.ndarray]]:
    yield "uint8", "planes", rng.integers(0, 256, (5, 7), dtype="uint8")
    yield "uint8-colour", "planes", rng.integers(0, 16, (3, 3, 3), dtype="uint8")
    yield "float16", "planes", np.array([[1.5, -0.0, np.nan], [np.inf, 2.0**-24, -7.25]], dtype="float16")
    yield "bit-coordinate", "bit-coordinate", rng.integers(0, 16, (7,), dtype="uint8")


def container(rng: Draw) -> Iterator[Case]:
    """Files to samples."""
    for name, cut, samples in _signals(rng):
        inr = fit(samples, cut, tile=8, hidden=(8, 8), lr=1e-2, seed=int(rng.integers(2**31)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "case.inr"
            inr.save(path)
            file = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        yield make(f"container.decode_file.{name}", {"file": file})
