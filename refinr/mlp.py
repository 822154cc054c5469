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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refinr import activations, layers, ternary
from refinr.xp import Array, namespace

Params = dict[str, Array]


class Layer(NamedTuple):
    """A kind of layer: ``forward(x, *arrays, **options) -> (y, cache)``, ``backward(dy, cache) -> (*gradients, dx)``.

    ``arrays`` names those that are trained, ``options`` what a network's description supplies, and ``defaults`` what
    `refinr.fit` takes where it is told nothing.
    """

    forward: Callable[..., tuple]
    backward: Callable[..., tuple]
    arrays: tuple[str, ...]
    options: tuple[str, ...]
    defaults: dict[str, Any]


_LINEAR: dict[str, Any] = {"hidden": (16, 16, 16), "activation": "sine", "encoding": "none", "lr": 3e-3}
_TERNARY: dict[str, Any] = {"hidden": (32, 32), "activation": "relu", "encoding": "fourier", "lr": 6e-3}
_INTEGER = _TERNARY | {"hidden": (56, 56), "encoding": "triangle", "lr": 1e-2}

LAYERS = {
    "linear": Layer(layers.linear, layers.linear_backward, ("w", "b"), (), _LINEAR),
    "ternary": Layer(ternary.linear, ternary.linear_backward, ("w",), ("bits",), _TERNARY),
    "ternary-integer": Layer(ternary.integer_linear, ternary.integer_linear_backward, ("w",), ("bits",), _INTEGER),
}


def get_layer(name: str) -> Layer:
    """The kind of layer of that name.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> get_layer("ternary").arrays
    ('w',)
    """
    if name not in LAYERS:
        raise ValueError(f"layer: unknown name {name!r}; known are {', '.join(LAYERS)}")
    return LAYERS[name]


@dataclass(frozen=True)
class MLP:
    """What a network looks like; all of its description, none of its parameters.

    Parameters
    ----------
    sizes : tuple of ints
        Width of the input, of every hidden layer, and of the output.
    activation : str
        A name in `refinr.activations.ACTIVATIONS`.
    omega : float
        Frequency of the sine, FINER and WIRE activations.
    first_scale : None, float or tuple of floats, one an axis
        None: the activation's own first layer (SIREN: U(+-1/I), times omega in effect).  A number s: first weights such
        that the *effective* ones, omega (for Gauss: scale) included, are U(+-s), and effective biases U(+-pi).  Half
        the grid's Nyquist frequency (`refinr.coords.nyquist`) is what makes fits take tens of steps, not thousands.
    layer : {"linear", "ternary", "ternary-integer"}
        Ternary layers have no biases.
    scale : float
        Inverse width of the Gauss and WIRE activations.
    bits : int, 2 to 16
        Of the numbers between ternary layers.
    experimental : bool
        Allow ternary layers with activations that oscillate or peak, which collapse.

    Raises
    ------
    ValueError
        For fewer than two sizes, sizes below one, unknown names, or a `first_scale` that does not match the input.

    Examples
    --------
    >>> MLP(sizes=(2, 16, 16, 16, 1)).depth
    4
    """

    sizes: tuple[int, ...]
    activation: str = "sine"
    omega: float = 30.0
    first_scale: float | tuple[float, ...] | None = None
    layer: str = "linear"
    scale: float = 10.0
    bits: int = 8
    experimental: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(operator.index(n) for n in self.sizes))
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"sizes: expected two or more positive widths, got {self.sizes}")
        activations.get(self.activation)
        get_layer(self.layer)
        if self.layer != "linear":
            self._check_ternary()
        for name in ("omega", "scale"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)}")
            object.__setattr__(self, name, float(getattr(self, name)))  # a NumPy scalar would widen float32 arrays
        if self.first_scale is not None:
            scales = tuple(float(s) for s in np.ravel(self.first_scale))
            if np.ndim(self.first_scale) and np.shape(self.first_scale) != (self.sizes[0],):
                raise ValueError(f"first_scale: expected {self.sizes[0]} numbers, one an input, got {scales}")
            if not all(0.0 < s < math.inf for s in scales):
                raise ValueError(f"first_scale: expected positive numbers, got {scales}")
            object.__setattr__(self, "first_scale", scales if np.ndim(self.first_scale) else scales[0])

    def _check_ternary(self) -> None:
        ternary.check_bits(self.bits)
        if activations.get(self.activation).frequency and not self.experimental:
            raise ValueError(
                f"activation: ternary weights lose the initialisation that {self.activation!r} lives by and the fit "
                "collapses: take 'relu', 'gelu' or 'tanh', or set experimental=True to see it"
            )
        if self.first_scale is not None:
            raise ValueError("first_scale: ternary weights have no scale to choose, expected None")
        largest = ternary.largest_sum(max(self.sizes), self.bits)
        if self.layer == "ternary-integer" and (self.activation != "relu" or largest >= 1 << 23):
            raise ValueError(
                "layer: 'ternary-integer' needs relu and sums below 2^23 to be exact, "
                f"got {self.activation} and {largest}"
            )

    @classmethod
    def official(cls, inputs: int = 3, outputs: int = 1, width: int = 512, hidden: int = 5) -> MLP:
        """The network of the paper's code: one sine layer and `hidden` further ones, omega 30, SIREN's first layer.

        With `refinr.losses.bce_of_sigmoid` for its loss, the same parameters and coordinates give its outputs and
        gradients.  (It counts only the further layers as hidden, and its coordinates end with the bit's.)

        Examples
        --------
        >>> MLP.official().sizes
        (3, 512, 512, 512, 512, 512, 512, 1)
        """
        return cls((inputs, *[width] * (hidden + 1), outputs), "sine", omega=30.0)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.sizes) - 1


def parameter_count(spec: MLP) -> int:
    """Parameters of one network: ``sum_i (sizes[i] + 1) sizes[i + 1]``; without the 1, for the biases, if ternary.

    Examples
    --------
    >>> parameter_count(MLP(sizes=(2, 16, 16, 16, 1)))
    609
    """
    return sum(math.prod(shape) for shape in shapes(spec).values())


def shapes(spec: MLP) -> dict[str, tuple[int, int]]:
    """Names of the arrays that are trained, in order, and their shapes in one network.

    Examples
    --------
    >>> shapes(MLP(sizes=(2, 16, 1)))
    {'w0': (2, 16), 'b0': (1, 16), 'w1': (16, 1), 'b1': (1, 1)}
    """
    return {
        f"{name}{i}": (fan_in if name == "w" else 1, fan_out)
        for i, (fan_in, fan_out) in enumerate(pairwise(spec.sizes))
        for name in LAYERS[spec.layer].arrays
    }


def stored(spec: MLP, nets: int) -> dict[str, tuple[tuple[int, int, int], str]]:
    """Names, shapes and dtypes of what is stored of E = `nets` networks: of what `freeze` makes of float32 parameters.

    Examples
    --------
    >>> stored(MLP(sizes=(16, 1), activation="relu", layer="ternary"), nets=3)
    {'w0': ((3, 16, 1), 'int8'), 's0': ((3, 1, 1), 'float32')}
    """
    result = {}
    for name, shape in shapes(spec).items():
        result[name] = (nets, *shape), "float32" if spec.layer == "linear" else "int8"
        if spec.layer == "ternary":
            result[name.replace("w", "s")] = (nets, 1, 1), "float32"
    return result


# --- initialisation --------------------------------------------------------------------------------------------------


def _bounds(spec: MLP, layer: int) -> tuple[Any, float]:
    """Bounds of the uniform laws that a layer's weights and biases are drawn from, by the activation's own paper."""
    fan_in, fan_out = spec.sizes[layer], spec.sizes[layer + 1]
    torch_default = 1.0 / math.sqrt(fan_in)
    if layer == 0 and spec.first_scale is not None:
        frequency = activations.get(spec.activation).frequency
        gain = getattr(spec, frequency) if frequency else 1.0
        scale = np.broadcast_to(np.asarray(spec.first_scale, dtype=float), (fan_in,))
        return scale[:, None] / gain, math.pi / gain
    match spec.activation:
        case "sine" | "finer" | "finer-stopped":  # SIREN, Sec. 3.2; FINER, Sec. 3.3, with k = 1 for the first bias
            weight = 1.0 / fan_in if layer == 0 else math.sqrt(6.0 / fan_in) / spec.omega
            bias = 1.0 if layer == 0 and spec.activation != "sine" else torch_default
            return weight, bias
        case "relu" | "gelu":  # He et al., "Delving Deep into Rectifiers", ICCV 2015
            return math.sqrt(6.0 / fan_in), 0.0
        case "tanh":  # Glorot and Bengio, "Understanding the difficulty of training ...", AISTATS 2010
            return math.sqrt(6.0 / (fan_in + fan_out)), 0.0
        case _:  # Gauss and WIRE: the default of the framework their authors used
            return torch_default, torch_default


def init_one(spec: MLP, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Parameters of one network, float64 on the host, without the leading network axis.

    Examples
    --------
    >>> params = init_one(MLP(sizes=(2, 16, 1)), np.random.default_rng(0))
    >>> {name: p.shape for name, p in params.items()}
    {'w0': (2, 16), 'b0': (1, 16), 'w1': (16, 1), 'b1': (1, 1)}
    """
    bounds = {
        f"{name}{i}": bound for i in range(spec.depth) for name, bound in zip("wb", _bounds(spec, i), strict=True)
    }
    return {name: bounds[name] * rng.uniform(-1.0, 1.0, shape) for name, shape in shapes(spec).items()}


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


def pack(params: Params) -> Array:
    """All parameters of each network in one row (E, P): few large arrays move faster than many small ones.

    Examples
    --------
    >>> pack(init(MLP(sizes=(2, 16, 1)), nets=3)).shape
    (3, 65)
    """
    arrays = list(params.values())
    xp = namespace(arrays[0])
    return xp.concat([xp.reshape(a, (a.shape[0], -1)) for a in arrays], axis=1)


def unpack(spec: MLP, rows: Array) -> Params:
    """The inverse of `pack`: views of the rows (E, P), where the library has views.

    Examples
    --------
    >>> spec = MLP(sizes=(2, 16, 1))
    >>> {name: p.shape for name, p in unpack(spec, pack(init(spec, nets=3))).items()}
    {'w0': (3, 2, 16), 'b0': (3, 1, 16), 'w1': (3, 16, 1), 'b1': (3, 1, 1)}
    """
    params, first = {}, 0
    for name, shape in shapes(spec).items():
        last = first + math.prod(shape)
        params[name] = namespace(rows).reshape(rows[:, first:last], (rows.shape[0], *shape))
        first = last
    return params


def freeze(spec: MLP, params: Params) -> Params:
    """What is stored of trained parameters: for ternary layers codes, int8, and scales; for linear ones everything.

    `forward` takes either and gives the same outputs, to the bit.

    Examples
    --------
    >>> spec = MLP(sizes=(4, 16, 1), activation="relu", layer="ternary")
    >>> {name: (str(p.dtype), p.shape) for name, p in freeze(spec, init(spec, nets=3)).items()}
    {'w0': ('int8', (3, 4, 16)), 's0': ('float32', (3, 1, 1)), 'w1': ('int8', (3, 16, 1)), 's1': ('float32', (3, 1, 1))}
    """
    if spec.layer == "linear":
        return params
    frozen = {}
    for i in range(spec.depth):
        w = params[f"w{i}"]
        codes, scale = ternary.weight_codes(w)
        frozen[f"w{i}"] = namespace(w).astype(codes, namespace(w).int8)
        if spec.layer == "ternary":
            frozen[f"s{i}"] = scale
    return frozen


# --- forward and backward --------------------------------------------------------------------------------------------


def forward(spec: MLP, params: Params, x: Array) -> tuple[Array, list]:
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
    if x.ndim < 2 or x.shape[-1] != spec.sizes[0]:
        raise ValueError(f"x: expected samples of width {spec.sizes[0]}, got shape {x.shape}")
    if x.ndim > 2 and x.shape[:-2] != params["w0"].shape[:-2]:
        raise ValueError(f"x: expected (N, I), or one (N, I) a network, got {x.shape} for w0 {params['w0'].shape}")
    layer, activation, gain = LAYERS[spec.layer], *_activation(spec)
    options = {**activation.constants} | {name: getattr(spec, name) for name in activation.parameters}
    if gain != 1.0:  # folded: see `_activation`
        options[str(activation.frequency)] = 1.0
    layer_options = {name: getattr(spec, name) for name in layer.options}
    cache: list = []
    h = x
    for i in range(spec.depth):
        last = i == spec.depth - 1
        arrays = [params[f"{name}{i}"] for name in (*layer.arrays, "s") if f"{name}{i}" in params]
        if not last and gain != 1.0:
            arrays = [gain * a for a in arrays]
        z, layer_cache = layer.forward(h, *arrays, **layer_options)  # (E, N, D)
        h, activation_cache = (z, None) if last else activation.forward(z, **options)  # (E, N, D)
        cache.append((layer_cache, activation_cache))
    return h, cache


def backward(
    spec: MLP, params: Params, cache: list, dz: Array, *, input_gradient: bool = True
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
    layer, activation, gain = LAYERS[spec.layer], *_activation(spec)
    grads: Params = {}
    d = dz
    for i in reversed(range(spec.depth)):
        layer_cache, activation_cache = cache[i]
        if activation_cache is not None:
            d = activation.backward(d, activation_cache)  # (E, N, D)
        *dparams, d = layer.backward(d, layer_cache, input_gradient=i > 0 or input_gradient)
        for name, g in zip(layer.arrays, dparams, strict=True):
            if activation_cache is not None and gain != 1.0:
                g *= gain
            grads[f"{name}{i}"] = g
    return {name: grads[name] for name in params}, d


def _activation(spec: MLP) -> tuple[activations.Activation, float]:
    """The activation, and a factor of its input that is cheaper to have in the few parameters than in the many outputs.

    ``sin(omega (h w + b)) = sin(h (omega w) + omega b)``.
    """
    activation = activations.get(spec.activation)
    name = activation.frequency if activation.folds and spec.layer == "linear" else None
    return activation, getattr(spec, name) if name else 1.0
