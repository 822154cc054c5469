"""NumPy arrays whose products, sums and functions are somebody else's: the reference computes with them as it stands.

With this you can run code that was written for NumPy on other arithmetic (`Means`, `on`, `Library`): sums in another
order, functions that are off by some units in the last place, results below the normal numbers flushed to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

FUNCTIONS = {"sin", "cos", "exp", "expm1", "tanh", "log", "log2", "log10", "log1p"}
"""Those that libraries round in their own ways; roots are rounded correctly everywhere."""


class Means(NamedTuple):
    """What arrays compute with, where it is not NumPy's own."""

    product: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    """Of stacks of matrices."""
    total: Callable[[np.ndarray, Any], np.ndarray] | None = None
    """``total(array, axes)``: a sum, axes kept."""
    function: Callable[[str, np.ndarray], np.ndarray] | None = None
    """``function(name, x)``, of `FUNCTIONS`."""
    result: Callable[[np.ndarray], np.ndarray] | None = None
    """What becomes of the result of every operation."""


class _On(np.ndarray):
    """An array that computes with `means`, as does all that comes of it."""

    means = Means()

    def __array_finalize__(self, parent: Any) -> None:
        self.means = getattr(parent, "means", self.means)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        out = keywords.pop("out", None)
        result = self._computed(ufunc, method, [_plain(a) for a in inputs], keywords)
        if self.means.result and isinstance(result, np.ndarray | np.generic):
            result = self.means.result(np.asarray(result))
        if out is None:
            return self._infected(result)
        _plain(out[0])[...] = result
        return out[0]

    def _computed(self, ufunc: np.ufunc, method: str, inputs: list[Any], keywords: dict[str, Any]) -> Any:
        means = self.means
        if means.function and method == "__call__" and ufunc.__name__ in FUNCTIONS:
            return means.function(ufunc.__name__, np.asarray(inputs[0]))
        if means.product and ufunc is np.matmul and method == "__call__":
            return _matrices(means.product, *map(np.asarray, inputs))
        if means.total and ufunc is np.add and method == "reduce" and np.asarray(inputs[0]).dtype.kind == "f":
            return _summed(means.total, np.asarray(inputs[0]), *inputs[1:], **keywords)
        return getattr(ufunc, method)(*inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return self._infected(super().__array_function__(function, types, arguments, keywords))

    def _infected(self, result: Any) -> Any:
        if isinstance(result, tuple | list):
            return type(result)(self._infected(r) for r in result) if type(result) in (tuple, list) else result
        return on(self.means, np.asarray(result)) if isinstance(result, np.ndarray | np.generic) else result


def on(means: Means, array: np.ndarray) -> np.ndarray:
    """The same numbers, on these means.

    Examples
    --------
    >>> upwards = Means(result=np.ceil)
    >>> float(on(upwards, np.array([0.25, 0.5])).sum() * 0.25)
    1.0
    """
    view = array.view(_On)
    view.means = means
    return view


class Library(ModuleType):
    """NumPy whose arrays are on these means: for code that is told which library to make its arrays in."""

    def __init__(self, means: Means) -> None:
        super().__init__("numpy")
        self.means = means

    def asarray(self, values: Any, **keywords: Any) -> np.ndarray:
        """As in NumPy."""
        return on(self.means, np.asarray(values, **keywords))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _plain(array: Any) -> Any:
    return array.view(np.ndarray) if isinstance(array, _On) else array


def _matrices(product: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of stacks of matrices or of vectors, as ``np.matmul`` takes them, in the dtype of the result."""
    dtype = np.result_type(a, b)
    row = a.astype(dtype, copy=False)[None, :] if a.ndim == 1 else a.astype(dtype, copy=False)
    column = b.astype(dtype, copy=False)[:, None] if b.ndim == 1 else b.astype(dtype, copy=False)
    if row.shape[-1] != column.shape[-2]:
        raise ValueError(f"expected {row.shape[-1]} rows, got {column.shape[-2]}")
    result = product(row, column)
    result = result[..., 0, :] if a.ndim == 1 else result
    return result[..., 0] if b.ndim == 1 else result


def _summed(
    total: Callable[[np.ndarray, Any], np.ndarray],
    a: np.ndarray,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    **others: Any,
) -> np.ndarray:
    """As ``np.add.reduce`` sums."""
    if any(value is not np._NoValue and value is not True for value in others.values()):
        return np.add.reduce(a, axis, dtype, keepdims=keepdims, **others)
    axes = tuple(range(a.ndim)) if axis is None else axis
    result = total(a.astype(dtype or a.dtype, copy=False), axes)
    return result if keepdims else np.squeeze(result, axes)
