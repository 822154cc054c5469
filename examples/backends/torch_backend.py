"""A backend in PyTorch: eager operations, gradients by autograd.

    refinr oracle check examples.backends.torch_backend

Every function has the name and the arguments of one in `refinr.oracle.operations`, gets NumPy arrays, and returns a
dict of NumPy arrays; the dtype of what comes in is that of what goes out.  What is not here (planes, metrics, files)
counts as not implemented.
"""

import math

import numpy as np
import torch
from torch.nn import functional


def _tensor(array, grad=False):
    if array.dtype.name == "bfloat16":  # NumPy and PyTorch exchange these as integers
        return torch.from_numpy(array.copy().view(np.int16)).view(torch.bfloat16).requires_grad_(grad)
    return torch.tensor(array.copy()).requires_grad_(grad)  # a copy: arrays may run backwards or be read-only


def _array(tensor):
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _arrays(**tensors):
    return {name: _array(tensor) for name, tensor in tensors.items()}


def _pull(function, dy, **inputs):
    """``y = function(**inputs)``, and the gradients of ``sum(y dy)`` by autograd."""
    leaves = {name: _tensor(array, grad=True) for name, array in inputs.items()}
    y = function(**leaves)
    grads = torch.autograd.grad(y, list(leaves.values()), _tensor(dy))
    return _arrays(y=y, **{f"d{name}": g for name, g in zip(leaves, grads, strict=True)})


# --- coordinates and encodings ---------------------------------------------------------------------------------------


def grid(ends, shape):
    first, last = _tensor(ends)
    axes = [
        torch.linspace(first, last, n, dtype=first.dtype) if n > 1 else torch.zeros_like(first)[None] for n in shape
    ]
    mesh = torch.meshgrid(*axes, indexing="ij")
    return _arrays(x=torch.stack([axis.reshape(-1) for axis in mesh], -1))


def _encode(x, octaves):
    parts = [x]
    for k in range(octaves):
        u = 2.0**k * math.pi * x
        parts += [torch.sin(u), torch.cos(u)]
    return torch.cat(parts, -1)


def positional_encoding(x, dy, octaves):
    return _pull(lambda x: _encode(x, octaves), dy, x=x)


def fourier_features(x, frequencies, dy):
    f = _tensor(frequencies)
    return _pull(lambda x: torch.cat([torch.cos(x @ f), torch.sin(x @ f)], -1), dy, x=x)


# --- activations -----------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "sine": lambda z, omega, scale: torch.sin(omega * z),
    "finer": lambda z, omega, scale: torch.sin(omega * (z.abs() + 1) * z),
    "finer-stopped": lambda z, omega, scale: torch.sin(omega * (z.abs() + 1).detach() * z),
    "gauss": lambda z, omega, scale: torch.exp(-((scale * z) ** 2)),
    "wire": lambda z, omega, scale: torch.cos(omega * z) * torch.exp(-((scale * z) ** 2)),
    "relu": lambda z, omega, scale: torch.relu(z),
    "tanh": lambda z, omega, scale: torch.tanh(z),
    "gelu": lambda z, omega, scale: functional.gelu(z),
}


def _activation(name, z, dy, omega=None, scale=None):
    return _pull(lambda z: ACTIVATIONS[name](z, omega, scale), dy, z=z)


def sine(z, dy, omega):
    return _activation("sine", z, dy, omega)


def finer(z, dy, omega, stopped):
    return _activation("finer-stopped" if stopped else "finer", z, dy, omega)


def gauss(z, dy, scale):
    return _activation("gauss", z, dy, scale=scale)


def wire(z, dy, omega, scale):
    return _activation("wire", z, dy, omega, scale)


def relu(z, dy):
    return _activation("relu", z, dy)


def tanh(z, dy):
    return _activation("tanh", z, dy)


def gelu(z, dy):
    return _activation("gelu", z, dy)


# --- layers, losses, networks ----------------------------------------------------------------------------------------


def linear(x, w, b, dy):
    return _pull(lambda x, w, b: x @ w + b, dy, x=x, w=w, b=b)


def _bce(z, targets):
    return functional.binary_cross_entropy_with_logits(z, targets, reduction="none").mean((-2, -1)).sum()


def _mse(z, targets):
    return ((z - targets) ** 2).mean((-2, -1)).sum()


def _mae(z, targets):
    return (z - targets).abs().mean((-2, -1)).sum()


LOSSES = {"bce": _bce, "mse": _mse, "mae": _mae}


def _loss(name, z, targets):
    if z.shape != targets.shape:
        raise ValueError(f"targets: expected shape {z.shape}, got {targets.shape}")  # or they would be stretched
    z = _tensor(z, grad=True)
    value = LOSSES[name](z, _tensor(targets))
    return _arrays(loss=value, dz=torch.autograd.grad(value, z)[0])


def bce_with_logits(z, targets):
    return _loss("bce", z, targets)


def mse(z, targets):
    return _loss("mse", z, targets)


def mae(z, targets):
    return _loss("mae", z, targets)


def init(activation, omega, scale, first_scale, **draws):
    params = {}
    for name, draw in draws.items():
        i, (fan_in, fan_out) = int(name[1:]), draws[f"w{name[1:]}"].shape
        default = 1 / math.sqrt(fan_in)
        weight, bias = default, default
        if activation in ("sine", "finer", "finer-stopped"):
            weight = 1 / fan_in if i == 0 else math.sqrt(6 / fan_in) / omega
            bias = 1.0 if i == 0 and activation != "sine" else default
        elif activation in ("relu", "gelu"):
            weight, bias = math.sqrt(6 / fan_in), 0.0
        elif activation == "tanh":
            weight, bias = math.sqrt(6 / (fan_in + fan_out)), 0.0
        if i == 0 and first_scale is not None:
            gain = {"gauss": scale, "relu": 1.0, "tanh": 1.0, "gelu": 1.0}.get(activation, omega)
            weight, bias = torch.tensor(first_scale, dtype=torch.float64).reshape(-1, 1) / gain, math.pi / gain
        params[name] = ((weight if name[0] == "w" else bias) * _tensor(draw)).to(_tensor(draw).dtype)
    return _arrays(**params)


def _network(params, h, activation, omega, scale=None):
    """Everything by name, in forward order: z0, h1, z1, ..."""
    steps, depth = {}, len(params) // 2
    for i in range(depth):
        z = steps[f"z{i}"] = h @ params[f"w{i}"] + params[f"b{i}"]
        if i < depth - 1:
            h = steps[f"h{i + 1}"] = ACTIVATIONS[activation](z, omega, scale)
    return steps, z


def mlp(x, targets, activation, omega, scale, loss, octaves, **params):
    x, params = _tensor(x, grad=True), {name: _tensor(p, grad=True) for name, p in params.items()}
    encoded = {"h0": _encode(x, octaves)} if octaves else {}
    steps, z = _network(params, encoded.get("h0", x), activation, omega, scale)
    value = LOSSES[loss](z, _tensor(targets))
    leaves = {"z": z, **params, "x": x}
    grads = torch.autograd.grad(value, list(leaves.values()))
    return _arrays(**encoded, **steps, loss=value, **{f"d{name}": g for name, g in zip(leaves, grads, strict=True)})


# --- optimisation and decoding ---------------------------------------------------------------------------------------


def adam(p, g, lr, beta1, beta2, eps):
    p = torch.nn.Parameter(_tensor(p))
    optimiser = torch.optim.Adam([p], lr=lr, betas=(beta1, beta2), eps=eps)
    for gradient in _tensor(g):
        p.grad = gradient
        optimiser.step()
    return _arrays(m=optimiser.state[p]["exp_avg"], v=optimiser.state[p]["exp_avg_sq"], p=p)


def train(x, targets, activation, omega, lr, steps, **params):
    x, targets = _tensor(x), _tensor(targets)
    params = {name: torch.nn.Parameter(_tensor(p)) for name, p in params.items()}
    optimiser, losses = torch.optim.Adam(params.values(), lr=lr), []
    for step in range(steps + 1):
        _, z = _network(params, x, activation, omega)
        losses.append(_bce(z, targets))
        if step < steps:
            optimiser.zero_grad()
            losses[-1].backward()
            optimiser.step()
    bits = z > 0
    wrong = (bits != (targets > 0.5)).sum()
    return _arrays(losses=torch.stack(losses), z=z, bits=bits.to(torch.uint8), wrong=wrong)


def decide(z):
    return _arrays(bits=(_tensor(z) > 0).to(torch.uint8))


def decode(x, bits, cut, activation, omega, **params):
    _, z = _network({name: _tensor(p) for name, p in params.items()}, _tensor(x), activation, omega)
    # (C P, N, 1), or (C, N P, 1) with the bit as a coordinate; either way to (N, C, P)
    by_bit = (
        z.reshape(-1, bits, x.shape[0]).movedim(2, 0) if cut == "planes" else z.reshape(len(z), -1, bits).movedim(0, 1)
    )
    codes = ((by_bit > 0).long() << torch.arange(bits)).sum(-1)
    width = next(width for width in (8, 16, 32, 64) if width >= bits)
    return _arrays(z=z) | {"codes": _array(codes).astype(f"uint{width}")}
