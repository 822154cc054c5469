"""A network of a few hundred parameters beside a linear map: trained in float32, evaluated exactly.

With this you can start a network (`init`), train it (`forward`, `backward`), round its parameters to whole numbers of
units (`to_units`, `from_units`) and evaluate it so that every machine gets the same bits (`evaluate`).

    z = relu(inputs w0 + b0) w1 + b1        (N, O)
    s = linear skip                         (N, 1)

What z and s mean is the business of a probability model such as `refinr.codec.mixture`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from refinr.activations import relu, relu_backward
from refinr.codec import contexts
from refinr.codec.exact import dyadic, largest_sum
from refinr.layers import linear, linear_backward
from refinr.xp import Array, namespace

Params = dict[str, Array]

UNITS = {"w0": 4, "b0": 4, "w1": 6, "b1": 6, "skip": 8}
"""Parameters are multiples of 2^-4, 2^-6, 2^-8, ..."""

LAGS = "lags"
"""What stands beside the parameters of some, in whole units: weights of samples before."""

MOST_UNITS = 2047
"""Of magnitudes up to so many units."""

HIDDEN_UNIT = OUTPUT_UNIT = 7
"""Hidden values and outputs are rounded to multiples of 2^-7."""

MOST_HIDDEN = 255.0
"""Hidden values end there."""


class Sizes(NamedTuple):
    """Numbers of inputs, linear inputs, hidden neurons and outputs; and of samples before that count by themselves."""

    inputs: int
    linear: int
    hidden: int
    outputs: int
    lags: int = 0


def shapes(sizes: Sizes) -> dict[str, tuple[int, int]]:
    """Shapes of the parameters.

    Examples
    --------
    >>> shapes(Sizes(17, 16, 24, 9))
    {'w0': (17, 24), 'b0': (1, 24), 'w1': (24, 9), 'b1': (1, 9), 'skip': (16, 1)}
    """
    i, n, h, o, lags = sizes
    found = {"w0": (i, h), "b0": (1, h), "w1": (h, o), "b1": (1, o), "skip": (n, 1)}
    return found | {LAGS: (lags, 1)} if lags else found


def count(sizes: Sizes) -> int:
    """How many parameters that are.

    Examples
    --------
    >>> count(Sizes(17, 16, 24, 9))
    673
    """
    return sum(math.prod(shape) for shape in shapes(sizes).values())


def init(sizes: Sizes, rng: np.random.Generator) -> Params:
    """He's normal law for the hidden layer, a small one for the outputs, zeros elsewhere; float32."""
    params = {name: np.zeros(shape) for name, shape in shapes(sizes._replace(lags=0)).items()}
    params["w0"] = rng.normal(0.0, math.sqrt(2.0 / sizes.inputs), params["w0"].shape)
    params["w1"] = rng.normal(0.0, 0.3 / math.sqrt(max(1, sizes.hidden)), params["w1"].shape)
    return {name: p.astype(np.float32) for name, p in params.items()}


def forward(params: Params, inputs: Array, linear_inputs: Array) -> tuple[Array, Array, Any]:
    """Z (N, O), s (N, 1), and what `backward` needs."""
    hidden, first = linear(inputs, params["w0"], params["b0"])
    y, kink = relu(hidden)
    z, second = linear(y, params["w1"], params["b1"])
    s = namespace(z).matmul(linear_inputs, params["skip"])
    return z, s, (first, kink, second, linear_inputs)


def backward(dz: Array, ds: Array, cache: Any, *, input_gradient: bool = False) -> tuple[Params, Array | None]:
    """Gradients of the parameters, and of the inputs if they are asked for."""
    first, kink, second, linear_inputs = cache
    xp = namespace(dz)
    dw1, db1, dy = linear_backward(dz, second)
    dw0, db0, dx = linear_backward(relu_backward(dy, kink), first, input_gradient=input_gradient)
    dskip = xp.matmul(xp.matrix_transpose(linear_inputs), ds)
    return {"w0": dw0, "b0": db0, "w1": dw1, "b1": db1, "skip": dskip}, dx


# --- exact -----------------------------------------------------------------------------------------------------------


def to_units(params: Params) -> dict[str, np.ndarray]:
    """The nearest whole numbers of units; int64.

    Examples
    --------
    >>> to_units({"w0": np.array([[0.26, 999.0]])})["w0"].tolist()
    [[4, 2047]]
    """
    return {
        name: np.clip(np.rint(p * 2.0 ** UNITS[name]), -MOST_UNITS, MOST_UNITS).astype(np.int64)
        for name, p in params.items()
        if name in UNITS
    }


def from_units(units: dict[str, np.ndarray], dtype: str = "float64") -> Params:
    """The inverse of `to_units`: dyadic numbers; lags stay whole."""
    return {name: (u / 2.0 ** UNITS.get(name, 0)).astype(dtype) for name, u in units.items()}


def evaluate(params: Params, inputs: Array, linear_inputs: Array) -> tuple[Array, Array]:
    """Z and s as `forward` has them, hidden values and z rounded: the same bits on every machine.

    Parameters
    ----------
    params : dict
        From `from_units`, float64.
    inputs : array (N, I) of float64
        Multiples of 2^-7 below 16 in magnitude.
    linear_inputs : array (N, L) of float64
        Multiples of 2^-6, at most 8 in magnitude.
    """
    xp = namespace(inputs)
    hidden, _ = relu(linear(inputs, params["w0"], params["b0"])[0])
    hidden = xp.clip(dyadic(hidden, HIDDEN_UNIT), 0.0, MOST_HIDDEN)
    z, _ = linear(hidden, params["w1"], params["b1"])
    return dyadic(z, OUTPUT_UNIT), xp.matmul(linear_inputs, params["skip"])


def largest_sums(sizes: Sizes) -> tuple[int, int, int]:
    """Bounds of the sums in `evaluate`, in units: hidden layer, outputs, linear part; below 2^53, or ValueError.

    Examples
    --------
    >>> all(largest < 2**34 for largest in largest_sums(Sizes(101, 100, 64, 9)))
    True
    """
    most_input = int(contexts.MOST_SCALE * 2**contexts.SQUASHED_UNIT)
    most_linear = int(contexts.MOST_LINEAR * 2**contexts.LINEAR_UNIT)
    most_hidden = int(MOST_HIDDEN * 2**HIDDEN_UNIT)
    return (
        largest_sum(sizes.inputs, most_input, MOST_UNITS, bias=MOST_UNITS << contexts.SQUASHED_UNIT),
        largest_sum(sizes.hidden, most_hidden, MOST_UNITS, bias=MOST_UNITS << HIDDEN_UNIT),
        largest_sum(sizes.linear, most_linear, MOST_UNITS),
    )
