"""The network: coordinates in, values out, and the gradient by hand.

With this you can describe a network (`MLP`), draw its parameters (`init`), evaluate it (`forward`) and differentiate it
(`backward`): one network, or E of them in one call.

Parameters are a flat dict ``{"w0": (E, I, O), "b0": (E, 1, O), "w1": ...}``.  Layer after layer,

    z_i = h_i w_i + b_i,    h_(i+1) = activation(z_i),    the last layer without activation.

Ternary layers (`refinr.ternary`) put something else in place of the first equation; `freeze` makes of their trained
weights what is stored.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from functools import partial

import numpy as np

from refinr import activations
from refinr.description import MLP, Params, by_layer, pack, parameter_count, shapes, stored, unpack
from refinr.kinds import LAYERS, Layer, get_layer, widths
from refinr.xp import Array, Cache

__all__ = [
    "LAYERS",
    "MLP",
    "Layer",
    "Params",
    "backward",
    "by_layer",
    "forward",
    "freeze",
    "get_layer",
    "init",
    "init_one",
    "pack",
    "parameter_count",
    "shapes",
    "stored",
    "unpack",
    "widths",
]


# --- initialisation --------------------------------------------------------------------------------------------------


def init_one(spec: MLP, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Parameters of one network, float64 on the host, without the leading network axis.

    Examples
    --------
    >>> params = init_one(MLP(sizes=(2, 16, 1)), np.random.default_rng(0))
    >>> {name: p.shape for name, p in params.items()}
    {'w0': (2, 16), 'b0': (1, 16), 'w1': (16, 1), 'b1': (1, 1)}
    """
    shape = shapes(spec)
    drawn = {}
    for i in range(spec.depth):
        weight, bias = _bounds(spec, i)
        for name in get_layer(spec.layer).arrays:
            bound = weight if name == "w" else bias
            drawn[f"{name}{i}"] = bound * rng.uniform(-1.0, 1.0, shape[f"{name}{i}"])
    return drawn


def _bounds(spec: MLP, layer: int) -> tuple[float | np.ndarray, float]:
    """How far the first weights and biases of a layer reach: by the activation's law, or as `first_scale` says."""
    if layer == 0 and spec.first_scale is not None:
        scale = np.broadcast_to(np.asarray(spec.first_scale, dtype=float), (spec.sizes[0],))
        return scale[:, None] / spec.frequency, math.pi / spec.frequency
    law = activations.get(spec.activation).law
    return law(spec.sizes[layer], spec.sizes[layer + 1], layer == 0, spec.frequency)


def init(
    spec: MLP, nets: int | Iterable[int] = 1, seed: int = 0, dtype: str = "float32", *, attempt: int = 0
) -> dict[str, np.ndarray]:
    """Parameters of `nets` networks, each drawn from a stream of its own.

    Parameters
    ----------
    spec : MLP
    nets : int, or several ints
        How many (indices 0, 1, ...), or which: network 7 gets the same parameters in any company.
    seed : int
    dtype : str
        "float32" or "float64"; drawn in float64 and rounded.
    attempt : int
        Another number, another stream: for restarts.

    Returns
    -------
    params : dict of arrays (E, I, O) and (E, 1, O), on the host

    Examples
    --------
    >>> params = init(MLP(sizes=(2, 16, 1)), nets=3)
    >>> {name: p.shape for name, p in params.items()}
    {'w0': (3, 2, 16), 'b0': (3, 1, 16), 'w1': (3, 16, 1), 'b1': (3, 1, 1)}
    """
    indices = list(nets) if isinstance(nets, Iterable) else list(range(operator.index(nets)))
    if len(indices) < 1:
        raise ValueError(f"nets: expected at least one network, got {nets}")
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype: expected a float dtype, got {dtype}")
    drawn = [init_one(spec, np.random.default_rng([seed, int(index), attempt])) for index in indices]
    return {name: np.stack([one[name] for one in drawn]).astype(dtype) for name in drawn[0]}


def freeze(spec: MLP, params: Params) -> Params:
    """What is stored of trained parameters: for ternary layers codes, int8, and scales; for linear ones everything.

    `forward` takes either and gives the same outputs, to the bit.

    Examples
    --------
    >>> spec = MLP(sizes=(4, 16, 1), activation="relu", layer="ternary")
    >>> {name: (str(p.dtype), p.shape) for name, p in freeze(spec, init(spec, nets=3)).items()}
    {'w0': ('int8', (3, 4, 16)), 's0': ('float32', (3, 1, 1)), 'w1': ('int8', (3, 16, 1)), 's1': ('float32', (3, 1, 1))}
    """
    kind = get_layer(spec.layer)
    frozen: Params = {}
    for i in range(spec.depth):
        arrays = kind.freeze(*(params[f"{name}{i}"] for name in kind.arrays))
        frozen |= {f"{name}{i}": a for name, a in arrays.items()}
    return frozen


# --- forward and backward --------------------------------------------------------------------------------------------


def forward(spec: MLP, params: Params, x: Array) -> tuple[Array, list[Cache]]:
    """Outputs of all networks at all samples.

    Parameters
    ----------
    spec : MLP
    params : dict of arrays (E, I, O), (E, 1, O); or of one network, without the leading axis
    x : array (N, I) shared by all networks, or (E, N, I)

    Returns
    -------
    z : array (E, N, O)
        In the dtype that parameters and x share.
    cache : list
        For `backward`.

    Raises
    ------
    ValueError
        If the width of x is not ``spec.sizes[0]``, or x has a leading axis that is not the parameters'.

    Examples
    --------
    >>> spec = MLP(sizes=(2, 16, 1))
    >>> z, cache = forward(spec, init(spec, nets=3), np.zeros((5, 2), dtype="float32"))
    >>> z.shape
    (3, 5, 1)
    """
    _check(spec, params, x)
    layer = partial(get_layer(spec.layer).forward, **spec.layer_options)
    activation = partial(activations.get(spec.activation).forward, **spec.activation_options)
    *hidden, output = _folded(spec, params)
    cache: list[Cache] = []
    h = x
    for arrays in hidden:
        z, layer_cache = layer(h, *arrays)  # (E, N, D)
        h, activation_cache = activation(z)  # (E, N, D)
        cache.append((layer_cache, activation_cache))
    z, layer_cache = layer(h, *output)  # (E, N, O)
    return z, [*cache, (layer_cache, None)]


def backward(
    spec: MLP, params: Params, cache: list[Cache], dz: Array, *, input_gradient: bool = True
) -> tuple[Params, Array | None]:
    """Gradients of a scalar loss with respect to all parameters and the input.

    Parameters
    ----------
    spec : MLP
    params : dict, as given to `forward`
    cache : list, from `forward`
    dz : array (E, N, O)
        Gradient of the loss with respect to the outputs.
    input_gradient : bool
        Without it dx is None and not computed.

    Returns
    -------
    grads : dict with the names and shapes of `params`
    dx : array of the shape of x, or None

    Examples
    --------
    >>> spec = MLP(sizes=(2, 16, 1))
    >>> params = init(spec)
    >>> z, cache = forward(spec, params, np.zeros((5, 2), dtype="float32"))
    >>> grads, dx = backward(spec, params, cache, np.ones_like(z))
    >>> float(grads["b1"][0, 0, 0]), dx.shape
    (5.0, (5, 2))
    """
    layer = get_layer(spec.layer).backward
    activation = activations.get(spec.activation).backward
    *hidden, (layer_cache, _) = cache
    *output, d = layer(dz, layer_cache, input_gradient=input_gradient or bool(hidden))  # (E, N, D)
    gradients = [output]
    for i, (layer_cache, activation_cache) in reversed(list(enumerate(hidden))):
        d = activation(d, activation_cache)  # (E, N, D)
        *arrays, d = layer(d, layer_cache, input_gradient=input_gradient or i > 0)  # (E, N, D)
        gradients.append(arrays)
    return _unfolded(spec, params, gradients[::-1]), d


def _check(spec: MLP, params: Params, x: Array) -> None:
    if x.ndim < 2 or x.shape[-1] != spec.sizes[0]:
        raise ValueError(f"x: expected samples of width {spec.sizes[0]}, got shape {x.shape}")
    if x.ndim > 2 and x.shape[:-2] != params["w0"].shape[:-2]:
        raise ValueError(f"x: expected (N, I), or one (N, I) per network, got {x.shape} for w0 {params['w0'].shape}")


def _folded(spec: MLP, params: Params) -> list[list[Array]]:
    """Arrays of every layer, trained or stored; those of hidden layers times the frequency of a sine.

    ``sin(omega (h w + b)) = sin(h (omega w) + omega b)``: the factor is cheaper to have in the few parameters than in
    the many outputs.
    """
    gain = spec.gain
    arrays = by_layer(spec, params)
    if gain == 1.0:
        return arrays
    return [[gain * a for a in hidden] for hidden in arrays[:-1]] + arrays[-1:]


def _unfolded(spec: MLP, params: Params, gradients: list[list[Array]]) -> Params:
    """Gradients by the names of the parameters, from those with respect to the arrays of `_folded`."""
    gain = spec.gain
    if gain != 1.0:
        for hidden in gradients[:-1]:
            for g in hidden:
                g *= gain
    names = get_layer(spec.layer).arrays
    by_name = {f"{name}{i}": g for i, arrays in enumerate(gradients) for name, g in zip(names, arrays, strict=True)}
    return {name: by_name[name] for name in params}
