"""Assertions about arrays, and derivatives to compare with.

Every assertion looks at the shape, then the dtype, then the values, and nothing equals NaN.  Tolerances follow from the
precision of the dtype and from the operation, never from looking at the result:

    tolerance = 8 eps sqrt(terms) (|expected| + conditioning)

with ``terms = 1`` for an elementwise function and ``conditioning`` what the function does to its input's rounding
(``omega |z|`` for a sine); and for a sum of n products, ``terms = n`` and ``conditioning = sum |a_i b_i|``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def assert_equal_exact(actual: Any, expected: Any, *, bitwise: bool = False) -> None:
    """Same shape, same dtype, equal values; `bitwise` compares bit patterns (NaN payloads, the sign of zero)."""
    _assert_same_kind(actual, expected, np.asarray(expected).dtype)
    expected = np.asarray(expected)
    # NaN == NaN is False
    same = (_bytes(actual) == _bytes(expected)).all(axis=-1) if bitwise else np.asarray(actual == expected)
    assert same.all(), _report(actual, expected, ~same)


def assert_close(actual: Any, expected: Any, *, dtype: Any = None, conditioning: Any = 0.0, terms: float = 1) -> None:
    """Same shape, `dtype` (that of `expected` if not given), values within the tolerance above."""
    expected = np.asarray(expected)
    dtype = np.dtype(expected.dtype if dtype is None else dtype)
    _assert_same_kind(actual, expected, dtype)
    tolerance = 8 * float(np.finfo(dtype).eps) * math.sqrt(terms) * (abs(expected.astype(float)) + conditioning)
    assert np.isfinite(expected).all(), "expected values are not finite: nothing can be close to them"
    assert np.isfinite(tolerance).all(), "the tolerance is not finite: everything would pass"
    near = abs(actual.astype(float) - expected) <= tolerance  # False for NaN
    assert near.all(), _report(actual, expected, ~near)


def complex_step(function: Callable[[np.ndarray], Any], at: np.ndarray, direction: np.ndarray) -> float:
    """Derivative of a real scalar `function` at `at` along `direction`, to rounding: ``Im f(x + i h d) / h``.

    No difference is taken, so nothing cancels and h can be as small as one likes.  The function has to be analytic and
    to run on complex arrays.
    """
    h = 1e-30
    return float(np.imag(function(at + 1j * h * direction))) / h


def complex_step_gradient(function: Callable[[np.ndarray], Any], at: np.ndarray) -> np.ndarray:
    """Gradient of a real scalar `function`, one complex step for each element of `at`."""
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        unit = np.zeros(at.shape)
        unit[index] = 1.0
        gradient[index] = complex_step(function, at, unit)
    return gradient


def _assert_same_kind(actual: Any, expected: Any, dtype: np.dtype) -> None:
    assert isinstance(actual, np.ndarray | np.generic), f"not a NumPy array: {type(actual).__name__}"
    assert actual.shape == np.shape(expected), f"shape {actual.shape}, expected {np.shape(expected)}"
    assert actual.dtype == dtype, f"dtype {actual.dtype}, expected {dtype}"


def _bytes(array: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).reshape((*np.shape(array), array.dtype.itemsize))


def _report(actual: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    where = np.argwhere(wrong)
    first = tuple(int(i) for i in where[0])
    return (
        f"{len(where)} of {wrong.size} values differ, first at {first}: {actual[first]!r}, expected {expected[first]!r}"
    )
