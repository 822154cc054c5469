"""The same computation in other people's hands: PyTorch and JAX, imported only where they are called.

With this you can build one training step of a SIREN in each framework (`steps`), and train with the official settings
of the paper (`official`).
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from refinr import coords, cpu, planes
from refinr.mlp import Params

Step = Callable[[], tuple[Any, list[Any]]]
"""Returns loss and gradients, these in the order and, up to axes of length 1, the shapes of the parameters."""


def steps(omega: float, params: Params, x: np.ndarray, bits: np.ndarray) -> dict[str, Step]:
    """Loss and gradients of one SIREN, by PyTorch, its compiler, and JAX.

    Parameters
    ----------
    omega : float
    params : dict of arrays (1, I, O), (1, 1, O), float32
    x : array (N, I) of float32
    bits : array (N, 1)
    """
    arrays = [p[0] for p in params.values()]  # (I, O), (1, O), ...
    eager, compiled = _torch_steps(omega, arrays, x, bits.astype(np.float32))
    return {"torch": eager, "compile": compiled, "jax": _jax_step(omega, arrays, x, bits.astype(np.float32))}


def _torch_steps(omega: float, arrays: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray) -> tuple[Step, Step]:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no helper processes beside what is timed
    import torch
    from torch.nn import functional

    torch.set_num_threads(cpu.cores())
    x = torch.from_numpy(inputs)
    bits = torch.from_numpy(targets)
    params = []
    for w, b in zip(arrays[::2], arrays[1::2], strict=True):  # torch has weights as (O, I) and biases as (O,)
        params += [torch.tensor(w.T, requires_grad=True), torch.tensor(b[0], requires_grad=True)]

    def loss(params: list[Any]) -> Any:
        *hidden, (w, b) = zip(params[::2], params[1::2], strict=True)
        h = x
        for v, c in hidden:
            h = torch.sin(omega * functional.linear(h, v, c))
        return functional.binary_cross_entropy_with_logits(functional.linear(h, w, b), bits)

    def step(loss: Callable[..., Any]) -> tuple[Any, list[Any]]:
        value = loss(params)
        return value.detach(), [g.T if g.ndim == 2 else g for g in torch.autograd.grad(value, params)]

    compiled = torch.compile(loss, dynamic=False)  # shapes are fixed: let it know
    return lambda: step(loss), lambda: step(compiled)


def _jax_step(omega: float, arrays: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray) -> Step:
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_platforms", "cpu")

    def loss(params: list[Any], x: Any, bits: Any) -> Any:
        *hidden, (w, b) = zip(params[::2], params[1::2], strict=True)
        h = x
        for v, c in hidden:
            h = jnp.sin(omega * (h @ v + c))
        z = h @ w + b
        return jnp.mean(jnp.maximum(z, 0) - z * bits + jnp.log1p(jnp.exp(-jnp.abs(z))))

    call = jax.jit(jax.value_and_grad(loss))
    given = jax.device_put((arrays, inputs, targets))
    return lambda: jax.block_until_ready(call(*given))


def official(
    samples: np.ndarray, width: int = 512, max_steps: int = 1000, max_seconds: float = 900.0
) -> dict[str, Any]:
    """The paper's settings, written in PyTorch: steps and seconds until all bits are right.

    One network with the bit as a coordinate from -1, the least significant, to 1; six sine layers of 512 at omega 30
    and a linear one; SIREN's weights, torch's biases; sigmoid, then cross-entropy on the probabilities; Adam at 1e-4;
    all samples at once; decisions by rounding the probabilities.

    References
    ----------
    Han et al., "Towards Lossless Implicit Neural Representation via Bit Plane Decomposition", CVPR 2025, and the
    authors' code, WooKyoungHan/LosslessINR.
    """
    import torch
    from torch import nn

    torch.set_num_threads(cpu.cores())
    torch.manual_seed(0)
    x = torch.from_numpy(coords.grid((*samples.shape, 16)).astype(np.float32))  # (N, 3)
    bits = torch.from_numpy(planes.to_planes(samples, 16).reshape(-1, 1).astype(np.float32))  # (N, 1)
    sizes = (3, *[width] * 6, 1)
    layers = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(sizes))
    for index, layer in enumerate(layers):
        bound = 1 / 3 if index == 0 else math.sqrt(6 / layer.in_features) / 30
        nn.init.uniform_(layer.weight, -bound, bound)
    adam = torch.optim.Adam(layers.parameters(), lr=1e-4)
    start = time.perf_counter()
    for step in range(max_steps + 1):
        h = x
        for layer in layers[:-1]:
            h = torch.sin(30 * layer(h))
        p = torch.sigmoid(layers[-1](h))
        wrong = int((p.detach().round() != bits).sum())
        seconds = time.perf_counter() - start
        if wrong == 0 or step == max_steps or seconds > max_seconds:
            break
        adam.zero_grad()
        nn.functional.binary_cross_entropy(p, bits).backward()
        adam.step()
    parameters = sum(p.numel() for p in layers.parameters())
    return {"steps": step, "seconds": seconds, "parameters": parameters, "wrong bits": wrong}
