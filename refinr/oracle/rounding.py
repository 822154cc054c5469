"""Numbers that carry their rounding error: how far can a correct program be off?

With this you can run any function of the package on arrays that carry, beside their values, a bound on what rounding
has done to them so far (`Rounding.array`), and read it off in the end (``.error``), in units of eps.

This is running error analysis: every operation passes on the errors of what goes in, times how strongly it reacts, and
adds the rounding of its own result.

    a + b            r_a + r_b                            + |a + b|
    a b              |a| r_b + |b| r_a                    + |a b|
    f(a)             |f'(a)| r_a                          + |f(a)|
    sum_i a_i b_i    sum_i (|a_i| r_b_i + |b_i| r_a_i)    + sqrt(n) sum_i |a_i b_i|

The bound is for any order of evaluation in which a careful author may write the operation: sine and cosine count as
steep as they get, and products with constants as rounded twice.  Where a result jumps (a sign, a comparison), no bound
helps: there the distance to the jump is noted instead, over the error (`Rounding.slack`).

References
----------
Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, Secs. 3.1 and 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refinr import activations
from refinr.oracle.case import EPS
from refinr.oracle.tracked import Side, Tracked


class Rounding:
    """An array library whose arrays (`Tracked`) carry the error that rounding may have caused.

    Parameters
    ----------
    relative : bool
        Every result is rounded by at most its own size (times eps), the usual kind; or, with False, by one unit
        whatever its size, which is what happens to results too small for the dtype.

    Examples
    --------
    >>> model = Rounding()
    >>> y = model.sum(model.array(np.array([3.0, -2.0, 1.0])))
    >>> float(y.value), round(float(y.error) / math.sqrt(3), 6)
    (2.0, 6.0)
    """

    __name__ = "rounding"  # array libraries are modules

    def __init__(self, relative: bool = True) -> None:
        self.relative = relative
        self.slack = math.inf
        """Smallest distance from a jump met so far, over the error there."""
        self.peak = 0.0
        """Largest number met so far."""
        self.room = math.inf
        """Smallest divisor met so far, over its error: where that is all of it, the quotient may be infinite."""

    def array(self, value: Any, error: Any = 0.0) -> Tracked:
        """`value` as exact data, or with an error."""
        value = np.asarray(value, dtype=np.float64)
        return Tracked(value, np.broadcast_to(np.asarray(error, dtype=np.float64), value.shape), self)

    def rounded(self, value: Any, error: Any, terms: Any = None) -> Tracked:
        """A new result: its rounding added to what it has inherited (`terms`: what a sum's rounding is instead)."""
        value = np.asarray(value)
        if value.size:
            self.peak = max(self.peak, float(abs(value).max()))
        own = abs(value) if terms is None else terms
        return self.array(value, error + (own if self.relative else np.ones_like(value)))

    def jump(self, distance: Any, error: Any) -> None:
        """Note how far a value is from where the result jumps."""
        distance, error = np.broadcast_arrays(distance, error)
        at_risk = error > 0
        if self.relative and at_risk.any():
            self.slack = min(self.slack, float((abs(distance[at_risk]) / error[at_risk]).min()))

    # --- the functions of an array library, by their usual names ---

    def sin(self, z: Tracked) -> Tracked:
        return self.rounded(np.sin(z.value), z.error)

    def cos(self, z: Tracked) -> Tracked:
        return self.rounded(np.cos(z.value), z.error)

    def exp(self, z: Tracked) -> Tracked:
        y = np.exp(z.value)
        return self.rounded(y, y * z.error)

    def tanh(self, z: Tracked) -> Tracked:
        y = np.tanh(z.value)
        return self.rounded(y, (1.0 - y) * (1.0 + y) * z.error)

    def log1p(self, z: Tracked) -> Tracked:
        # the unit of 1 allows for log(1 + z), as some libraries have it
        return self.rounded(np.log1p(z.value), (z.error + self.relative) / (1.0 + z.value))

    def sqrt(self, z: Tracked) -> Tracked:
        y = np.sqrt(z.value)
        return self.rounded(y, np.divide(z.error, 2.0 * y, out=np.zeros_like(y), where=y > 0))

    def abs(self, z: Tracked) -> Tracked:
        return self.array(abs(z.value), z.error)

    def sign(self, z: Tracked) -> Tracked:
        self.jump(z.value, z.error)
        return self.array(np.sign(z.value))

    def maximum(self, a: Tracked, b: Any) -> Tracked:
        b = b if isinstance(b, Tracked) else self.array(b)
        result = self.where(a.value > b.value, a, b)
        # no jump, but whoever asks whether the result is zero meets the one that a - b had
        result.side = Side(np.zeros(0), abs(a.value - b.value), a.error + b.error)
        return result

    def where(self, condition: Side | np.ndarray, a: Tracked, b: Tracked) -> Tracked:
        if not isinstance(condition, Side):
            return self.array(np.where(condition, a.value, b.value), np.where(condition, a.error, b.error))
        is_a, distance, error = np.broadcast_arrays(*condition)
        # where both meet, being on the wrong side does no more than the errors that they carry
        apart = abs(a.value - b.value)
        meets = (apart <= distance) & (apart * error <= distance * (a.error + b.error))
        self.jump(np.where(meets, math.inf, distance), error)
        near = meets & (distance <= NEAR * error)
        error = np.where(near, np.maximum(a.error, b.error), np.where(is_a, a.error, b.error))
        return self.array(np.where(is_a, a.value, b.value), error)

    def sum(self, z: Tracked, axis: int | None = None, keepdims: bool = False) -> Tracked:
        value, error, size = (part.sum(axis, keepdims=keepdims) for part in (z.value, z.error, abs(z.value)))
        n = z.value.size // max(size.size, 1)
        return self.rounded(value, error, math.sqrt(n) * size)

    def matmul(self, a: Tracked, b: Tracked) -> Tracked:
        error = abs(a.value) @ b.error + a.error @ abs(b.value)
        return self.rounded(a.value @ b.value, error, math.sqrt(a.shape[-1]) * (abs(a.value) @ abs(b.value)))

    def mean(self, z: Tracked, axis: int, keepdims: bool) -> Tracked:
        parts = [np.mean(part, axis, keepdims=keepdims) for part in (z.value, z.error, abs(z.value))]
        return self.rounded(parts[0], parts[1], math.sqrt(z.shape[axis]) * parts[2])

    def max(self, z: Tracked, axis: int, keepdims: bool) -> Tracked:
        return self.array(*(np.max(part, axis, keepdims=keepdims) for part in (z.value, z.error)))

    def min(self, z: Tracked, axis: int) -> Tracked:
        return self.array(z.value.min(axis), z.error.max(axis))

    def clip(self, z: Tracked, low: float, high: float = math.inf) -> Tracked:
        return self.array(np.clip(z.value, low, high), z.error)

    def round(self, z: Tracked) -> Tracked:
        self.jump(z.value - np.floor(z.value) - 0.5, z.error)
        return self.array(np.rint(z.value))

    def floor(self, z: Tracked) -> Tracked:
        self.jump(z.value - np.rint(z.value), z.error)
        return self.array(np.floor(z.value))

    def matrix_transpose(self, z: Tracked) -> Tracked:
        return self.array(np.matrix_transpose(z.value), np.matrix_transpose(z.error))

    def permute_dims(self, z: Tracked, axes: tuple[int, ...]) -> Tracked:
        return self.array(np.permute_dims(z.value, axes), np.permute_dims(z.error, axes))

    def concat(self, arrays: list[Tracked], axis: int = 0) -> Tracked:
        values, errors = ([getattr(a, part) for a in arrays] for part in ("value", "error"))
        return self.array(np.concatenate(values, axis), np.concatenate(errors, axis))

    def take(self, z: Tracked, indices: np.ndarray, axis: int) -> Tracked:
        return self.array(np.take(z.value, indices, axis), np.take(z.error, indices, axis))

    def reshape(self, z: Any, shape: tuple[int, ...]) -> Any:
        if not isinstance(z, Tracked):  # whole numbers carry no error
            return np.reshape(z, shape)
        return self.array(np.reshape(z.value, shape), np.reshape(z.error, shape))

    def asarray(self, z: Any, dtype: Any = None, device: None = None, copy: bool = False) -> Tracked:
        if not isinstance(z, Tracked):
            return self.array(z, self.lost(np.asarray(z)))
        return self.array(z.value, z.error) if copy else z

    def lost(self, constants: np.ndarray) -> np.ndarray:
        """What constants lose when they are rounded to a dtype: nothing where few bits hold them."""
        mantissa = np.frexp(constants)[0] * 256.0
        return np.where(mantissa == np.rint(mantissa), 0.0, abs(constants) * self.relative)

    def zeros_like(self, z: Tracked) -> Tracked:
        return self.array(np.zeros_like(z.value))

    def ones_like(self, z: Tracked) -> Tracked:
        return self.array(np.ones_like(z.value))

    def full_like(self, z: Tracked, value: float) -> Tracked:
        return self.array(np.full_like(z.value, value))


NEAR = 8.0 * EPS["bfloat16"]
"""As far as errors take a number in any dtype, for each unit: `refinr.oracle.compare.FACTOR` times the largest eps."""


@activations.normal_cdf.register
def _(z: Tracked) -> Tracked:
    # as one step: a bound that follows the series term by term would be useless.  The unit of 1 allows for
    # (1 + erf) / 2, as most libraries have it, which cancels on the left
    density = np.exp(-0.5 * z.value * z.value) / math.sqrt(2.0 * math.pi)
    return z.model.rounded(activations.normal_cdf(z.value), density * z.error, 1.0)
