"""Training whose every step is the same bits on every machine: exact gradients, and Adam element by element.

With this you can take the gradient of a network's loss (`gradients`), step along it (`Stepper`), and solve the first
linear prediction (`solve`): an encoder that trains so writes the same file everywhere, and a decoder can go on
training.

The network computes with its parameters rounded, as in a file, and the gradient is taken as if they had not been.
What a loss says of each output is rounded to a multiple of 2^-10, so all products of matrices are exact in any order,
as those of `refinr.codec.network.evaluate` are.  The rest is done element by element with sums, products, quotients and
roots, which IEEE 754 rounds in one way, and with tables.
"""

from __future__ import annotations

import numpy as np

from refinr.codec import exact, mixture, network
from refinr.codec.exact import dyadic

GRADIENT_UNIT = 10
"""Gradients of outputs are multiples of 2^-10."""

MOST_GRADIENT = 8.0
"""And end there."""

MOST_SAMPLES = 1 << 14
"""Of a step."""

BETAS = (0.9, 0.99)
_EPS = 1e-6

_C = mixture.COMPONENTS


def gradients(
    params: network.Params, inputs: np.ndarray, linear: np.ndarray, targets: mixture.Targets, levels: int
) -> network.Params:
    """The gradient of the sum of -ln P(sample), about: whole multiples of a power of two.

    Parameters
    ----------
    params : dict of float64 arrays
        From `refinr.codec.network.from_units`.
    inputs, linear : float64 arrays (N, I), (N, L)
        As `network.evaluate` takes them, N at most `MOST_SAMPLES`.
    targets : mixture.Targets
        float64.
    levels : int
    """
    first = np.matmul(inputs, params["w0"]) + params["b0"]
    hidden = np.clip(dyadic(first, network.HIDDEN_UNIT), 0.0, network.MOST_HIDDEN)
    z = dyadic(np.matmul(hidden, params["w1"]) + params["b1"], network.OUTPUT_UNIT)
    s = np.matmul(linear, params["skip"])
    dz, ds = _of_outputs(z, s, targets, levels)
    d_first = np.matmul(dz, params["w1"].T) * ((first > 0) & (first < network.MOST_HIDDEN))
    d_first = np.clip(dyadic(d_first, GRADIENT_UNIT), -MOST_GRADIENT, MOST_GRADIENT)
    ones = np.ones((1, len(z)))
    return {
        "w0": np.matmul(inputs.T, d_first),
        "b0": np.matmul(ones, d_first),
        "w1": np.matmul(hidden.T, dz),
        "b1": np.matmul(ones, dz),
        "skip": np.matmul(linear.T, ds),
    }


def _of_outputs(z: np.ndarray, s: np.ndarray, targets: mixture.Targets, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of -ln P(sample) with respect to outputs: `mixture.loss` with tables for functions."""
    most = float(exact.MOST_EXPONENT)
    top = np.max(z[:, :_C], axis=1, keepdims=True)
    weights = exact.exponential(np.clip(z[:, :_C] - top, -most, 0.0))
    weights = weights / _total(weights)
    width = z[:, 2 * _C :]
    rate = exact.exponential(-np.clip(width, mixture.NARROWEST, mixture.WIDEST))
    centre = (targets.t - s - z[:, _C : 2 * _C]) * rate
    step = 2.0 * targets.half * rate
    upper = exact.logistic(centre + 0.5 * step)
    lower = exact.logistic(centre - 0.5 * step)
    share = upper - lower
    mixed = _total(weights * share)
    p = (1.0 - mixture.UNIFORM) * mixed + mixture.UNIFORM / levels
    factor = -(1.0 - mixture.UNIFORM) / p * weights
    lean = share * (upper + lower - 1.0)
    slopes = upper * (1.0 - upper) + lower * (1.0 - lower)
    free = (width > mixture.NARROWEST) & (width < mixture.WIDEST)
    places = factor * lean * rate
    dz = np.concatenate(
        [factor * (share - mixed), places, factor * (centre * lean - 0.5 * step * slopes) * free], axis=1
    )
    return _rounded(dz), _rounded(_total(places))


def _total(x: np.ndarray) -> np.ndarray:
    """The sum over components, one after the other: a sum's order would be the library's."""
    total = x[:, :1]
    for i in range(1, _C):
        total = total + x[:, i : i + 1]
    return total


def _rounded(gradient: np.ndarray) -> np.ndarray:
    return np.clip(dyadic(gradient, GRADIENT_UNIT), -MOST_GRADIENT, MOST_GRADIENT)


class Stepper:
    """Adam, with powers of its decay by multiplication.

    Parameters
    ----------
    params : dict of float64 arrays
    """

    def __init__(self, params: network.Params) -> None:
        self.params = params
        self._m = {name: np.zeros_like(p) for name, p in params.items()}
        self._v = {name: np.zeros_like(p) for name, p in params.items()}
        self._left = [1.0, 1.0]

    def step(self, grads: network.Params, lr: float) -> None:
        """One step of size `lr`, about, against gradients; new arrays."""
        b1, b2 = BETAS
        self._left = [self._left[0] * b1, self._left[1] * b2]
        for name, g in grads.items():
            self._m[name] = b1 * self._m[name] + (1.0 - b1) * g
            self._v[name] = b2 * self._v[name] + (1.0 - b2) * (g * g)
            rate = np.sqrt(self._v[name] / (1.0 - self._left[1])) + _EPS
            self.params[name] = self.params[name] - lr * (self._m[name] / (1.0 - self._left[0])) / rate


def solve(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The solution of linear equations whose matrix is symmetric and positive definite, by elimination row by row.

    Parameters
    ----------
    matrix : float64 array (L, L)
    wanted : float64 array (L, 1)

    Examples
    --------
    >>> solve(np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([[2.0], [5.0]])).tolist()
    [[-0.5], [2.0]]
    """
    rows = np.concatenate([matrix, wanted], axis=1)
    for i in range(len(rows)):
        rows[i] = rows[i] / rows[i, i]
        factors = rows[:, i].copy()
        factors[i] = 0.0
        rows = rows - factors[:, None] * rows[i]
    return rows[:, -1:]
