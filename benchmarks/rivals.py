"""Solved, trained, and trained by others: refinr's own recipe, batched over networks, in PyTorch and in JAX.

With this you can run ``python -m benchmarks.rivals``.

Independent random bits are represented exactly, by `refinr.solve`, by `refinr.fit`, and as somebody would who has one
of the frameworks at hand (`train`): all networks in one batch, gradients by autodiff, Adam, and a look at the bits
every few steps.  What is trained, with what initial weights and step size, is what `refinr.fit` does by default.
Speed is bits over processor time, of one thread in PyTorch, whose others would wait aloud; without compilation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import refinr
from benchmarks import report, solve
from refinr import mlp, planning
from refinr.tiled import Tiled

LOOK = 10
"""Steps between looks at the bits."""

MOST = 1500
"""Steps after which a network that still has wrong bits is left as it is."""

SIZE = 64
"""Samples on a side."""

Runner = Callable[..., Iterator[np.ndarray]]
"""From parameters, inputs (N, I), targets (E, N, 1), omega and step size to outputs (E, N, 1) every `LOOK` steps."""


def train(framework: str, samples: np.ndarray) -> dict[str, Any]:
    """Train until all bits are right, and a row of a table on it; compilation is not in the seconds.

    Parameters
    ----------
    framework : {"PyTorch", "PyTorch, compiled", "JAX"}
    samples : array
        Of a shape that its tiles divide, so that all networks have as many samples.
    """
    layout = refinr.fit(samples, max_steps=1, exact=True).layout
    tiled = Tiled(layout, samples)
    wanted = np.concatenate([tiled.part(index).targets for index in range(len(layout.tiles))])
    targets = (wanted > 0).astype(np.float32)
    params = list(mlp.init(layout.spec, nets=layout.networks, seed=0).values())
    omega = layout.spec.omega
    given = (params, layout.inputs(layout.tile), targets, omega, planning.PRESETS["fast"]["lr"])
    next(RUNNERS[framework](*given))  # pays for what is compiled and set up on first use
    wall = time.perf_counter()
    processor = time.process_time()
    for look, z in enumerate(RUNNERS[framework](*given)):
        wrong = int(((z > 0) != (targets > 0)).sum())
        if not wrong or LOOK * look >= MOST:
            break
    processor = time.process_time() - processor
    wall = time.perf_counter() - wall
    return {
        "way": f"trained, {framework}",
        "samples": " x ".join(map(str, samples.shape)),
        "p/b": sum(p.size for p in params) / targets.size,
        "wall s": wall,
        "processor s": processor,
        "Mbit/s": targets.size / 1e6 / wall,
        "Mbit/s, processor": targets.size / 1e6 / processor,
        "exact": not wrong,
    }


def _torch(
    arrays: list[np.ndarray],
    inputs: np.ndarray,
    targets: np.ndarray,
    omega: float,
    lr: float,
    *,
    compiled: bool = False,
) -> Iterator[np.ndarray]:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no helper processes beside what is timed
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)  # threads that wait would count as time of the processor
    x = torch.from_numpy(inputs).expand(len(targets), -1, -1)
    bits = torch.from_numpy(targets)
    params = [torch.tensor(p, requires_grad=True) for p in arrays]

    def outputs() -> Any:
        h = x
        for w, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            h = torch.sin(omega * torch.baddbmm(b, h, w))
        return torch.baddbmm(params[-1], h, params[-2])

    def loss() -> tuple[Any, Any]:
        z = outputs()
        return functional.binary_cross_entropy_with_logits(z, bits, reduction="sum") / bits.shape[1], z.detach()

    call = torch.compile(loss, dynamic=False) if compiled else loss
    adam = torch.optim.Adam(params, lr=lr)
    while True:
        for _ in range(LOOK):
            adam.zero_grad()
            value, z = call()
            value.backward()
            adam.step()
        yield z.numpy()


def _torch_compiled(*given: Any) -> Iterator[np.ndarray]:
    return _torch(*given, compiled=True)


def _jax(
    arrays: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray, omega: float, lr: float
) -> Iterator[np.ndarray]:
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_platforms", "cpu")

    def outputs(params: list[Any]) -> Any:
        h = inputs
        for w, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            h = jnp.sin(omega * (h @ w + b))
        return h @ params[-2] + params[-1]

    def loss(params: list[Any]) -> tuple[Any, Any]:
        z = outputs(params)
        errors = jnp.maximum(z, 0) - z * targets + jnp.log1p(jnp.exp(-jnp.abs(z)))
        return jnp.sum(errors) / targets.shape[1], z

    def step(state: Any, t: Any) -> tuple[Any, Any]:
        params, m, v = state
        gradients, z = jax.grad(loss, has_aux=True)(params)
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients, strict=True)]
        v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradients, strict=True)]
        rate = lr * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        params = [p - rate * a / (jnp.sqrt(b) + 1e-8) for p, a, b in zip(params, m, v, strict=True)]
        return (params, m, v), z

    def steps(state: Any, first: Any) -> tuple[Any, Any]:
        state, z = jax.lax.scan(step, state, first + jnp.arange(1.0, LOOK + 1.0))
        return state, z[-1]

    call = _compiled.setdefault("jax", jax.jit(steps))
    params = [jnp.asarray(p) for p in arrays]
    zeros = [jnp.zeros_like(p) for p in params]
    state = (params, zeros, zeros)
    done = 0.0
    while True:
        state, z = call(state, done)
        done += LOOK
        yield np.asarray(z)


_compiled: dict[str, Any] = {}
"""What JAX has compiled: the same function for one signal."""

RUNNERS: dict[str, Runner] = {"PyTorch": _torch, "PyTorch, compiled": _torch_compiled, "JAX": _jax}


SHOWN = ("way", "samples", "p/b", "wall s", "processor s", "Mbit/s", "Mbit/s, processor", "exact")
"""Of what is measured."""


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("rivals", __doc__)
    samples = solve.noise_of(16 if run.quick else SIZE)
    ways: dict[str, tuple[Callable[..., Any], dict[str, Any]]]
    ways = {"solved": (refinr.solve, {"share": 0.7}), "trained, refinr": (refinr.fit, {})}
    rows = []
    for way, (call, settings) in ways.items():
        row = solve.measure("noise", samples, way, call, settings)
        rows.append({name: row[name] for name in SHOWN})
    for framework in () if run.quick else RUNNERS:
        report.log(f"trained, {framework}")
        rows.append(train(framework, samples))
    targets = [
        report.Target("ways that are not exact", sum(not row["exact"] for row in rows), "<=", 0),
        report.Target(
            "solved: how many times less processor time than the fastest that is trained",
            min(row["processor s"] for row in rows[1:]) / rows[0]["processor s"],
            ">=",
            20.0,
        ),
    ]
    run.publish(f"Noise of {len(samples)} x {len(samples)} x 16 bits, solved and trained", {"Rows": rows}, targets)


if __name__ == "__main__":
    main()
