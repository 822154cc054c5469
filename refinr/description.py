"""What a network looks like: widths, activation, kind of layer; names, shapes and number of its parameters.

With this you can describe a network (`MLP`), count its parameters (`parameter_count`), list those that are trained
(`shapes`) or stored (`stored`), and move them between arrays by name and rows (`pack`, `unpack`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from refinr import activations
from refinr.kinds import get_layer
from refinr.xp import Array, namespace

Params = dict[str, Array]


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
        get_layer(self.layer).check(self)
        for name in ("omega", "scale"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)}")
            object.__setattr__(self, name, float(getattr(self, name)))  # a NumPy scalar would widen float32 arrays
        if self.first_scale is not None:
            scales = tuple(float(s) for s in np.ravel(self.first_scale))
            if np.ndim(self.first_scale) and np.shape(self.first_scale) != (self.sizes[0],):
                raise ValueError(f"first_scale: expected {self.sizes[0]} numbers, one per input, got {scales}")
            if not all(0.0 < s < math.inf for s in scales):
                raise ValueError(f"first_scale: expected positive numbers, got {scales}")
            object.__setattr__(self, "first_scale", scales if np.ndim(self.first_scale) else scales[0])

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

    @property
    def frequency(self) -> float:
        """The factor by which the activation multiplies its input; 1 where it has none."""
        name = activations.get(self.activation).frequency
        return getattr(self, name) if name else 1.0

    @property
    def gain(self) -> float:
        """The same if the hidden layers' arrays may be multiplied by it instead, else 1."""
        folds = activations.get(self.activation).folds and get_layer(self.layer).folds
        return self.frequency if folds else 1.0

    @property
    def activation_options(self) -> dict[str, Any]:
        """What the activation's functions are called with, above arrays that are multiplied by `gain`."""
        row = activations.get(self.activation)
        options = {**row.constants} | {name: getattr(self, name) for name in row.parameters}
        return options if self.gain == 1.0 else options | {str(row.frequency): 1.0}

    @property
    def layer_options(self) -> dict[str, Any]:
        """What the layer's functions are called with."""
        return {name: getattr(self, name) for name in get_layer(self.layer).options}


# --- parameters -------------------------------------------------------------------------------------------------------


def parameter_count(spec: MLP) -> int:
    """Parameters of one network: ``sum_i (sizes[i] + 1) sizes[i + 1]``; without the 1, for the biases, if ternary.

    Examples
    --------
    >>> parameter_count(MLP(sizes=(2, 16, 16, 16, 1)))
    609
    """
    return sum(math.prod(shape) for shape in shapes(spec).values())


def shapes(spec: MLP) -> dict[str, tuple[int, ...]]:
    """Names of the arrays that are trained, in order, and their shapes in one network.

    Examples
    --------
    >>> shapes(MLP(sizes=(2, 16, 1)))
    {'w0': (2, 16), 'b0': (1, 16), 'w1': (16, 1), 'b1': (1, 1)}
    """
    return {
        f"{name}{i}": tuple(letters[letter] for letter in shape)
        for i, letters in enumerate(_letters(spec))
        for name, shape in get_layer(spec.layer).arrays.items()
    }


def stored(spec: MLP, nets: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Names, shapes and dtypes of what is stored of E = `nets` networks: of what `freeze` makes of float32 parameters.

    Examples
    --------
    >>> stored(MLP(sizes=(16, 1), activation="relu", layer="ternary"), nets=3)
    {'w0': ((3, 16, 1), 'int8'), 's0': ((3, 1, 1), 'float32')}
    """
    return {
        f"{name}{i}": ((nets, *(letters[letter] for letter in shape)), dtype)
        for i, letters in enumerate(_letters(spec))
        for name, (shape, dtype) in get_layer(spec.layer).stored.items()
    }


def by_layer(spec: MLP, params: Params) -> list[list[Array]]:
    """The arrays of every layer, trained or stored, as its kind takes them.

    Examples
    --------
    >>> params = {"w0": np.ones((2, 16)), "b0": np.ones((1, 16))}
    >>> [[a.shape for a in arrays] for arrays in by_layer(MLP(sizes=(2, 16)), params)]
    [[(2, 16), (1, 16)]]
    """
    names = get_layer(spec.layer).names
    return [[params[f"{name}{i}"] for name in names if f"{name}{i}" in params] for i in range(spec.depth)]


def _letters(spec: MLP) -> Iterator[dict[str, int]]:
    """What the letters in the shapes of `refinr.kinds.Layer` mean, layer after layer."""
    for fan_in, fan_out in pairwise(spec.sizes):
        yield {"1": 1, "I": fan_in, "O": fan_out}


def pack(params: Params) -> Array:
    """All parameters of each network in one row (E, P): few large arrays move faster than many small ones.

    Examples
    --------
    >>> pack({"w0": np.ones((3, 2, 16)), "b0": np.ones((3, 1, 16))}).shape
    (3, 48)
    """
    arrays = list(params.values())
    xp = namespace(arrays[0])
    return xp.concat([xp.reshape(a, (a.shape[0], -1)) for a in arrays], axis=1)


def unpack(spec: MLP, rows: Array) -> Params:
    """The inverse of `pack`: views of the rows (E, P), where the library has views.

    Examples
    --------
    >>> {name: p.shape for name, p in unpack(MLP(sizes=(2, 16, 1)), np.ones((3, 65))).items()}
    {'w0': (3, 2, 16), 'b0': (3, 1, 16), 'w1': (3, 16, 1), 'b1': (3, 1, 1)}
    """
    params = {}
    first = 0
    for name, shape in shapes(spec).items():
        last = first + math.prod(shape)
        params[name] = namespace(rows).reshape(rows[:, first:last], (rows.shape[0], *shape))
        first = last
    return params
