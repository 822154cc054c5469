"""A backend in PyTorch whose functions `torch.compile` has fused into loops in C++ (Triton on a GPU), forward and back.

    refinr oracle check examples.backends.torch_compiled --families activations,layers,losses

Compiled for any size, dtype by dtype; where an axis has length 1 or 0, PyTorch compiles once more.  Options come as
arrays, or each value would be compiled by itself.  What is not here counts as not implemented.
"""

import math

import torch
from torch.nn import functional

from examples.backends.torch_backend import _arrays, _tensor

torch._dynamo.config.recompile_limit = 64  # beyond it, functions would silently not be compiled
torch._dynamo.config.fail_on_recompile_limit_hit = True


def compiled(function):
    """A backend's function: y, and gradients by the compiled backward pass."""
    fused = torch.compile(function, dynamic=True, fullgraph=True)

    def run(dy, **arguments):
        leaves = {name: _tensor(a, grad=True) for name, a in arguments.items() if hasattr(a, "dtype")}
        dtype = next(iter(leaves.values())).dtype
        options = {name: torch.tensor(a, dtype=dtype) for name, a in arguments.items() if name not in leaves}
        y = fused(*leaves.values(), *options.values())
        gradients = torch.autograd.grad(y, list(leaves.values()), _tensor(dy))
        return _arrays(y=y, **{f"d{name}": g for name, g in zip(leaves, gradients, strict=True)})

    return run


sine = compiled(lambda z, omega: torch.sin(omega * z))
gauss = compiled(lambda z, scale: torch.exp(-((scale * z) ** 2)))
wire = compiled(lambda z, omega, scale: torch.cos(omega * z) * torch.exp(-((scale * z) ** 2)))
relu = compiled(torch.relu)
tanh = compiled(torch.tanh)
gelu = compiled(lambda z: z * (0.5 * (1.0 + torch.erf(z / math.sqrt(2.0)))))
linear = compiled(lambda x, w, b: x @ w + b)
_finer = {
    False: compiled(lambda z, omega: torch.sin(omega * (z.abs() + 1.0) * z)),
    True: compiled(lambda z, omega: torch.sin(omega * (z.abs() + 1.0).detach() * z)),
}


def finer(z, dy, omega, stopped):
    return _finer[stopped](z=z, dy=dy, omega=omega)


def loss(function):
    """The mean over samples and outputs, summed over networks, and its gradient."""
    fused = torch.compile(lambda z, t: function(z, t).mean((-2, -1)).sum(), dynamic=True, fullgraph=True)

    def run(z, targets):
        if z.shape != targets.shape:
            raise ValueError(f"targets: expected shape {z.shape}, got {targets.shape}")
        leaf = _tensor(z, grad=True)
        value = fused(leaf, _tensor(targets))
        return _arrays(loss=value, dz=torch.autograd.grad(value, leaf)[0])

    return run


# max(z, 0) - z t + log(1 + exp(-|z|)) has the wrong slope at 0 under autograd, which takes 0 there for both kinks
bce_with_logits = loss(lambda z, t: functional.binary_cross_entropy_with_logits(z, t, reduction="none"))
mse = loss(lambda z, t: (z - t) ** 2)
mae = loss(lambda z, t: (z - t).abs())
