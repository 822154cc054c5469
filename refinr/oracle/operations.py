"""The reference as a backend: every operation that the oracle checks, in the form in which a backend offers it.

With this you can see what to write: a backend is a module, or an object, with functions of these names.  A function
takes arrays and plain options by name and returns a dict of arrays; gradients are in the same call as the forward.
Leave out what you have not got, functions as well as tensors of a result: the report counts it.

Functions of `mlp`, `init` and `train` get a network's parameters as ``w0``, ``b0``, ``w1``, ... beside the rest.
Weights are (E, I, O), biases (E, 1, O), samples (N, I) shared by all networks or (E, N, I).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinr import (
    activations,
    coords,
    decisions,
    decompositions,
    layers,
    loading,
    losses,
    metrics,
    optim,
    planes,
    ternary,
)
from refinr import mlp as networks
from refinr.mlp import MLP
from refinr.xp import Array, namespace, to_host

Result = dict[str, Array]

# --- samples, codes, planes ------------------------------------------------------------------------------------------


def to_codes(samples: Array) -> Result:
    """`refinr.planes.to_codes`."""
    return {"codes": planes.to_codes(samples)[0]}


def from_codes(codes: Array, dtype: str) -> Result:
    """`refinr.planes.from_codes`."""
    return {"samples": planes.from_codes(codes, dtype)}


def to_planes(codes: Array, bits: int, radix_bits: int, gray: bool) -> Result:
    """`refinr.planes.to_planes`: least significant digit first."""
    return {"planes": planes.to_planes(codes, bits, radix_bits=radix_bits, gray=gray)}


def from_planes(planes: Array, bits: int, radix_bits: int, gray: bool, dtype: str) -> Result:
    """`refinr.planes.from_planes`."""
    return {"codes": _from_planes(planes, bits, radix_bits=radix_bits, gray=gray, dtype=dtype)}


_from_planes = planes.from_planes

# --- coordinates and encodings ---------------------------------------------------------------------------------------


def grid(ends: Array, shape: Sequence[int]) -> Result:
    """`refinr.coords.grid`: row-major, from ``ends[0] = -1`` to ``ends[1] = 1``, in their dtype."""
    return {"x": coords.grid(shape, dtype=ends.dtype)}


def positional_encoding(x: Array, dy: Array, octaves: int) -> Result:
    """``x, sin(2^k pi x), cos(2^k pi x)`` and the gradient of ``sum(y dy)``."""
    dx = coords.positional_encoding_backward(dy, x, octaves)
    return {"y": coords.positional_encoding(x, octaves), "dx": dx}


def fourier_features(x: Array, frequencies: Array, dy: Array) -> Result:
    """``cos(x F), sin(x F)``."""
    dx = coords.fourier_features_backward(dy, x, frequencies)
    return {"y": coords.fourier_features(x, frequencies), "dx": dx}


# --- activations -----------------------------------------------------------------------------------------------------


def _activation(name: str, z: Array, dy: Array, **options: Any) -> Result:
    activation = activations.get(name)
    y, cache = activation.forward(z, **activation.constants, **options)
    return {"y": y, "dz": activation.backward(dy, cache)}


def sine(z: Array, dy: Array, omega: float) -> Result:
    """``y = sin(omega z)``."""
    return _activation("sine", z, dy, omega=omega)


def finer(z: Array, dy: Array, omega: float, stopped: bool) -> Result:
    """``y = sin(omega (|z| + 1) z)``; stopped: ``|z| + 1`` is a constant in the gradient."""
    return _activation("finer-stopped" if stopped else "finer", z, dy, omega=omega)


def gauss(z: Array, dy: Array, scale: float) -> Result:
    """``y = exp(-(scale z)^2)``."""
    return _activation("gauss", z, dy, scale=scale)


def wire(z: Array, dy: Array, omega: float, scale: float) -> Result:
    """``y = cos(omega z) exp(-(scale z)^2)``."""
    return _activation("wire", z, dy, omega=omega, scale=scale)


def relu(z: Array, dy: Array) -> Result:
    """``y = max(z, 0)``; the gradient at 0 is 0."""
    return _activation("relu", z, dy)


def tanh(z: Array, dy: Array) -> Result:
    """``y = tanh(z)``."""
    return _activation("tanh", z, dy)


def gelu(z: Array, dy: Array) -> Result:
    """``y = z Phi(z)``, with the exact normal distribution function."""
    return _activation("gelu", z, dy)


# --- layers, losses, networks ----------------------------------------------------------------------------------------


def linear(x: Array, w: Array, b: Array, dy: Array) -> Result:
    """``y = x w + b``; dx is summed over networks if they share x."""
    y, cache = layers.linear(x, w, b)
    dw, db, dx = layers.linear_backward(dy, cache)
    return {"y": y, "dw": dw, "db": db, "dx": dx}


def weight_codes(w: Array) -> Result:
    """`refinr.ternary.weight_codes`: codes -1, 0, 1 in the dtype of w, and the scale."""
    t, s = ternary.weight_codes(w)
    return {"s": s, "t": t}


def activation_codes(x: Array, bits: int) -> Result:
    """`refinr.ternary.activation_codes`: whole numbers in the dtype of x, and a scale a row."""
    a, s = ternary.activation_codes(x, bits)
    return {"s": s, "a": a}


def layer_norm(x: Array, dy: Array) -> Result:
    """``y = (x - mean) / sqrt(var + 1e-5)`` of every row."""
    y, cache = ternary.layer_norm(x)
    return {"y": y, "dx": ternary.layer_norm_backward(dy, cache)}


def ternary_linear(x: Array, w: Array, dy: Array, bits: int, faithful: str | None) -> Result:
    """`refinr.ternary.linear`; faithful: None, or "official" for the quantisers of the paper's code."""
    y, cache = ternary.linear(x, w, bits=bits, faithful=faithful)
    dw, dx = ternary.linear_backward(dy, cache)
    return {"y": y, "dw": dw, "dx": dx}


def integer_linear(x: Array, w: Array, dy: Array, bits: int) -> Result:
    """`refinr.ternary.integer_linear`: fixed point."""
    y, cache = ternary.integer_linear(x, w, bits=bits)
    dw, dx = ternary.integer_linear_backward(dy, cache)
    return {"y": y, "dw": dw, "dx": dx}


def bce_with_logits(z: Array, targets: Array) -> Result:
    """Mean over samples and outputs, summed over networks; so are the other losses."""
    loss, dz = losses.bce_with_logits(z, targets)
    return {"loss": loss, "dz": dz}


def mse(z: Array, targets: Array) -> Result:
    """``mean((z - t)^2)``."""
    loss, dz = losses.mse(z, targets)
    return {"loss": loss, "dz": dz}


def mae(z: Array, targets: Array) -> Result:
    """``mean(|z - t|)``; the gradient at equality is 0."""
    loss, dz = losses.mae(z, targets)
    return {"loss": loss, "dz": dz}


def spec_of(params: Result, **options: Any) -> MLP:
    """The network that these parameters belong to."""
    sizes = [params["w0"].shape[-2], *(w.shape[-1] for name, w in params.items() if name.startswith("w"))]
    return MLP(tuple(sizes), **options)


class _Draws:
    """What `refinr.mlp.init_one` takes for a generator: numbers between -1 and 1 that are already there."""

    def __init__(self, arrays: Any) -> None:
        self.arrays = iter(arrays)

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Array:
        return next(self.arrays)


def init(activation: str, omega: float, scale: float, first_scale: Any, **draws: Array) -> Result:
    """Initial parameters from numbers drawn uniformly from (-1, 1), in the parameters' places; one network."""
    spec = spec_of(draws, activation=activation, omega=omega, scale=scale, first_scale=first_scale)
    params = networks.init_one(spec, _Draws(draws.values()))  # type: ignore[arg-type]
    return {name: p.astype(draws[name].dtype) for name, p in params.items()}


def mlp(
    x: Array,
    targets: Array,
    activation: str,
    omega: float,
    scale: float,
    loss: str,
    octaves: int,
    **params: Array,
) -> Result:
    """A whole network, its loss and all gradients, with everything between by name.

    ``h0`` is the encoded input (if ``octaves`` > 0), ``z0 = h0 w0 + b0``, ``h1`` the activation of ``z0``, and so on;
    the last ``z`` is the output and ``dz`` the loss's gradient there.
    """
    spec = spec_of(params, activation=activation, omega=omega, scale=scale)
    h0 = coords.positional_encoding(x, octaves) if octaves else x
    z, cache = networks.forward(spec, params, h0)
    value, dz = losses.get(loss)(z, targets)
    grads, dx = networks.backward(spec, params, cache, dz)
    result = {"h0": h0} if octaves else {}
    for i, (linear_cache, _) in enumerate(cache):
        h = linear_cache[0]
        if i > 0:
            result[f"h{i}"] = h
        result[f"z{i}"] = layers.linear(h, params[f"w{i}"], params[f"b{i}"])[0] if i < spec.depth - 1 else z
    result |= {"loss": value, "dz": dz}
    for i in reversed(range(spec.depth)):
        result |= {f"dw{i}": grads[f"w{i}"], f"db{i}": grads[f"b{i}"]}
    return result | {"dx": coords.positional_encoding_backward(dx, x, octaves) if octaves else dx}


def ternary_mlp(x: Array, targets: Array, activation: str, layer: str, bits: int, **params: Array) -> Result:
    """A whole network of ternary layers, its cross-entropy and all gradients, with the names of `mlp`.

    ``layer`` is "ternary" or "ternary-integer"; the weights are those that are trained, not their codes.
    """
    spec = spec_of(params, activation=activation, layer=layer, bits=bits)
    z, cache = networks.forward(spec, params, x)
    value, dz = losses.bce_with_logits(z, targets)
    grads, dx = networks.backward(spec, params, cache, dz)
    result, h = {}, x
    for i in range(spec.depth):
        z, _ = networks.get_layer(layer).forward(h, params[f"w{i}"], bits=bits)
        result[f"z{i}"] = z
        if i < spec.depth - 1:
            h, _ = activations.get(activation).forward(z)
            result[f"h{i + 1}"] = h
    result |= {"loss": value, "dz": dz}
    return result | {f"dw{i}": grads[f"w{i}"] for i in reversed(range(spec.depth))} | {"dx": dx}


# --- optimisation ----------------------------------------------------------------------------------------------------


def adam(p: Array, g: Array, lr: float, beta1: float, beta2: float, eps: float) -> Result:
    """Adam from rest on given gradients (T, *p.shape), T steps: moments and parameters after the last."""
    params, state = {"p": p}, optim.adam_init({"p": p})
    for t in range(g.shape[0]):
        params, state = optim.adam_step(params, {"p": g[t, ...]}, state, lr, betas=(beta1, beta2), eps=eps)
    return {"m": state.m["p"], "v": state.v["p"], "p": params["p"]}


def train(x: Array, targets: Array, activation: str, omega: float, lr: float, steps: int, **params: Array) -> Result:
    """Adam (torch's defaults) on the cross-entropy of all samples, for so many steps.

    ``losses`` before every step and at the end (steps + 1,); the outputs ``z`` at the end; their decisions ``bits`` and
    the number of ``wrong`` ones.
    """
    spec = spec_of(params, activation=activation, omega=omega)
    state, values = optim.adam_init(params), []
    for step in range(steps + 1):
        z, cache = networks.forward(spec, params, x)
        value, dz = losses.bce_with_logits(z, targets)
        values.append(value)
        if step < steps:
            grads, _ = networks.backward(spec, params, cache, dz, input_gradient=False)
            params, state = optim.adam_step(params, grads, state, lr)
    xp = namespace(x)
    bits = z > 0
    wrong = xp.sum(xp.astype(bits != (targets > 0.5), xp.int64))
    return {"losses": xp.stack(values), "z": z, "bits": xp.astype(bits, xp.uint8), "wrong": wrong}


# --- results ---------------------------------------------------------------------------------------------------------


def bit_error_rate(a: Array, b: Array, bits: int) -> Result:
    """Counted on integer codes; per plane, least significant first.  Metrics are float64, whatever is checked."""
    per_plane = metrics.bit_error_rate_per_plane(a, b, bits)
    return {"per_plane": per_plane, "total": np.asarray(metrics.bit_error_rate(a, b, bits))}


def rmse(a: Array, b: Array) -> Result:
    """Root of the mean squared difference."""
    return {"rmse": np.asarray(metrics.rmse(a, b))}


def psnr(a: Array, b: Array, bits: int) -> Result:
    """In decibels; infinite for equal codes."""
    return {"psnr": np.asarray(metrics.psnr(a, b, bits))}


def ssim(a: Array, b: Array, bits: int) -> Result:
    """Over windows of 11 x 11."""
    return {"ssim": np.asarray(metrics.ssim(a, b, bits))}


def decide(z: Array) -> Result:
    """The bit that an output means: ``z > 0``, never a rounded sigmoid."""
    return {"bits": decisions.decide(to_host(z), 2)}


def decode(x: Array, bits: int, cut: str, activation: str, omega: float, **params: Array) -> Result:
    """Networks to codes: outputs ``z``, then the codes (N, C) whose planes they decide.

    ``cut`` is "planes" (networks (C P), channel by channel, a plane each) or "bit-coordinate" (a network a channel, and
    samples (N P, I), the plane's index running fastest).
    """
    z, _ = networks.forward(spec_of(params, activation=activation, omega=omega), params, x)
    return {"z": z, "codes": decompositions.DECOMPOSITIONS[cut](bits).codes(to_host(z))}


def decode_file(file: Array) -> Result:
    """The bytes of an `.inr` file to samples."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.inr"
        path.write_bytes(file.tobytes())
        return {"samples": loading.load(path).decode()}
