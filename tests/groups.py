"""Groups of networks to train, and what comes of each network, compared to the bit."""

from __future__ import annotations

import numpy as np

from refinr import coords, decisions
from refinr.jobs import Job, Options, Outcome
from refinr.mlp import MLP
from tests.helpers import assert_equal_exact

SPEC = MLP((2, 16, 16, 1), first_scale=tuple(0.5 * f for f in coords.nyquist((6, 6))))
OPTIONS = Options(max_steps=400)
ENDLESS = Options(max_steps=400_000, patience=None)  # minutes: a test that fails should still end


def noise_job(networks: list[int], seed: int = 0, levels: int = 2, side: int = 6, spec: MLP = SPEC) -> Job:
    """Noise: every network of the signal `seed` gets digits of its own, whatever the company."""
    x = coords.grid((side, side))
    digits = [np.random.default_rng([seed, n]).integers(0, levels, (side * side, 1)) for n in networks]
    return Job(spec, networks, x, np.stack([decisions.targets(d, levels) for d in digits]))


def sine_net(params: dict[str, np.ndarray], x: np.ndarray, omega: float = 30.0) -> np.ndarray:
    """The forward pass of a SIREN, written down in float64."""
    p = {name: value.astype(np.float64) for name, value in params.items()}
    h, layers = x.astype(np.float64), len(p) // 2
    for i in range(layers):
        h = h @ p[f"w{i}"] + p[f"b{i}"]
        h = np.sin(omega * h) if i < layers - 1 else h
    return h


def row_of(outcome: Outcome, i: int) -> dict[str, np.ndarray]:
    """All there is to know of one network."""
    rest = {name: np.array(getattr(outcome, name)[i]) for name in ("wrong", "margin", "steps", "restarts")}
    return {name: p[i] for name, p in outcome.params.items()} | rest


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert_equal_exact(a[name], b[name], bitwise=True)


def rows_of(results: list[tuple[Job, Outcome]]) -> dict[int, dict[str, np.ndarray]]:
    return {n: row_of(outcome, i) for job, outcome in results for i, n in enumerate(job.networks)}


def impossible_job(network: int) -> Job:
    """Zeros and ones at one and the same point."""
    job = noise_job([network])
    return job._replace(x=np.zeros_like(job.x))
