"""Arrays that carry a bound on their rounding error, and comparisons that carry their distance.

With this you can compute with such arrays (`Tracked`) as with any other; what each function of an array library does to
errors is known to the library that made them, `refinr.oracle.rounding.Rounding`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Side(NamedTuple):
    """On which side of a jump values are: a comparison, whose distance to it is noted where it is used."""

    is_true: np.ndarray
    distance: np.ndarray
    error: np.ndarray


class Tracked:
    """An array with a bound on its error, in units of eps; made by `Rounding`."""

    __array_ufunc__ = None  # NumPy's arrays leave operators to this class

    def __init__(self, value: np.ndarray, error: np.ndarray, model: Any) -> None:
        self.value = value
        self.error = error
        self.model = model
        self.shape = value.shape
        self.ndim = value.ndim
        self.size = value.size
        self.dtype = value.dtype
        self.device = None
        self.side: Side | None = None
        """How far it is from where it would be zero, or would not: of a maximum; otherwise that is its size."""

    def __array_namespace__(self) -> Any:
        return self.model

    @property
    def T(self) -> Tracked:  # noqa: N802 (the name in the array API standard)
        """Its transpose."""
        return self.model.matrix_transpose(self)

    def _other(self, other: Any) -> tuple[Any, Any]:
        """Value and error of an operand; a constant is rounded to the dtype unless few bits hold it."""
        if isinstance(other, Tracked):
            return other.value, other.error
        return other, float(self.model.lost(np.asarray(other)))

    def __add__(self, other: Any) -> Tracked:
        b, rb = self._other(other)
        return self.model.rounded(self.value + b, self.error + rb)

    def __sub__(self, other: Any) -> Tracked:
        return self + -other

    def __rsub__(self, other: Any) -> Tracked:
        return -self + other

    def __mul__(self, other: Any) -> Tracked:
        b, rb = self._other(other)
        if self.model.relative and not isinstance(other, Tracked) and abs(math.frexp(b)[0]) == 0.5:
            return self.model.array(self.value * b, self.error * abs(b))  # a power of two: nothing is rounded
        return self.model.rounded(self.value * b, abs(self.value) * rb + self.error * abs(b))

    def __truediv__(self, other: Any) -> Tracked:
        b, rb = self._other(other)
        quotient = self.value / b
        with np.errstate(divide="ignore", invalid="ignore"):
            self.model.room = float(np.fmin.reduce(np.ravel(np.divide(abs(b), rb)), initial=self.model.room))
        return self.model.rounded(quotient, (self.error + abs(quotient) * rb) / abs(b))

    def __rtruediv__(self, other: Any) -> Tracked:
        return self.model.array(other) / self

    def __neg__(self) -> Tracked:
        return self.model.array(-self.value, self.error)

    __radd__ = __add__
    __rmul__ = __mul__

    # in place, as arrays do it: whoever else holds this array sees it

    def _become(self, other: Tracked) -> Tracked:
        self.value = other.value
        self.error = other.error
        self.side = other.side
        return self

    def __iadd__(self, other: Any) -> Tracked:
        return self._become(self + other)

    def __isub__(self, other: Any) -> Tracked:
        return self._become(self - other)

    def __imul__(self, other: Any) -> Tracked:
        return self._become(self * other)

    def __itruediv__(self, other: Any) -> Tracked:
        return self._become(self / other)

    def _compare(self, relation: Callable[[Any, Any], Any], other: Any) -> Side:
        b, rb = self._other(other)
        if self.side is not None and not np.any(b):
            return Side(relation(self.value, b), self.side.distance, self.side.error)
        return Side(relation(self.value, b), abs(self.value - b), self.error + rb)

    def __gt__(self, other: Any) -> Side:
        return self._compare(operator.gt, other)

    def __ge__(self, other: Any) -> Side:
        return self._compare(operator.ge, other)

    def __lt__(self, other: Any) -> Side:
        return self._compare(operator.lt, other)

    def __le__(self, other: Any) -> Side:
        return self._compare(operator.le, other)

    def __getitem__(self, index: Any) -> Tracked:
        return self.model.array(self.value[index], self.error[index])
