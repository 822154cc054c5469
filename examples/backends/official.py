"""The paper's network, loss and gradients in PyTorch, beside refinr's: the same parameters, the same numbers.

    python -m examples.backends.official

The network is written as the authors' repository describes it: `nn.Linear` modules, ``sin(30 (W x + b))``, a linear
last layer, the sigmoid, and `binary_cross_entropy` on its result.
"""

import numpy as np
import torch
from torch import nn

from refinr import coords, losses, mlp


def official(spec, params, x, targets):
    """Outputs, loss and gradients of one network, by modules and autograd."""
    layers = []
    for i in range(spec.depth):
        layer = nn.Linear(spec.sizes[i], spec.sizes[i + 1], dtype=torch.from_numpy(x).dtype)
        layer.weight.data = torch.from_numpy(params[f"w{i}"][0].T.copy())
        layer.bias.data = torch.from_numpy(params[f"b{i}"][0, 0].copy())
        layers.append(layer)
    h = torch.from_numpy(x)
    for layer in layers[:-1]:
        h = torch.sin(30 * layer(h))
    z = layers[-1](h)
    loss = nn.functional.binary_cross_entropy(torch.sigmoid(z), torch.from_numpy(targets))
    loss.backward()
    grads = {}
    for i, layer in enumerate(layers):
        grads |= {f"w{i}": layer.weight.grad.numpy().T, f"b{i}": layer.bias.grad.numpy()[None]}
    return z.detach().numpy(), loss.item(), grads


def main():
    print("largest difference from PyTorch, over the largest number of the tensor\n")
    print(f"{'dtype':8} {'last bias':>9} {'outputs':>9} {'loss':>9} {'gradients':>9}")
    spec = mlp.MLP.official(width=64, hidden=5)
    x = coords.grid((8, 8, 16))
    targets = np.random.default_rng(0).integers(0, 2, (len(x), 1))
    for dtype in ("float64", "float32"):
        for shift in (0.0, 14.0, 20.0, 40.0):  # the further, the more bits that are confidently wrong
            params = mlp.init(spec, seed=1, dtype=dtype)
            params[f"b{spec.depth - 1}"] += shift
            z, cache = mlp.forward(spec, params, x.astype(dtype))
            loss, dz = losses.bce_of_sigmoid(z, targets.astype(dtype)[None])
            grads, _ = mlp.backward(spec, params, cache, dz)
            other_z, other_loss, others = official(spec, params, x.astype(dtype), targets.astype(dtype))
            size = max(abs(g).max() for g in others.values()) or 1.0
            worst = max(abs(grads[name][0] - g).max() for name, g in others.items()) / size
            row = abs(z[0] - other_z).max() / abs(other_z).max(), abs(float(loss) - other_loss) / other_loss, worst
            print(f"{dtype:8} {shift:9g} " + " ".join(f"{value:9.1e}" for value in row))


if __name__ == "__main__":
    main()
