"""One case of the oracle: an operation, what goes in, what comes out, and how far each number may be off.

With this you can describe what is expected (`Output`, `Case`) in any of the dtypes that have bounds (`EPS`), and take
arrays there (`numpy_dtype`, `cast`).

A case holds float64 arrays.  What is checked in a dtype gets its inputs rounded to it, and has to return results in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refinr.files.floats import FLOAT_TYPES

# --- the dtypes ------------------------------------------------------------------------------------------------------

EPS = {name: found.eps for name, found in FLOAT_TYPES.items()}
"""The step from 1 to the next number."""
TINY = {name: found.tiny for name, found in FLOAT_TYPES.items()} | {"float16": FLOAT_TYPES["float16"].subnormal}
"""The size below which results may vanish: many machines flush numbers below the normal ones to zero; those for halves
do not."""
LARGEST = {name: found.power for name, found in FLOAT_TYPES.items()}
"""The last power of two before infinity."""
DTYPES = tuple(EPS)


def numpy_dtype(name: str) -> np.dtype:
    """The dtype of that name; "bfloat16" needs the package ml_dtypes.

    Raises
    ------
    ValueError
        For a dtype that has no bounds here.
    RuntimeError
        For "bfloat16" without that package.

    Examples
    --------
    >>> numpy_dtype("float16")
    dtype('float16')
    """
    if name not in EPS:
        raise ValueError(f"dtype: expected one of {', '.join(EPS)}, got {name!r}")
    if hasattr(np, name):
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise RuntimeError(f"dtype: {name} needs the package ml_dtypes, which is not installed") from None
    return np.dtype(getattr(ml_dtypes, name))


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """A float64 array in `dtype`, any other as it is.

    Examples
    --------
    >>> cast(np.ones(1), "float32").dtype, cast(np.ones(1, dtype="uint8"), "float32").dtype
    (dtype('float32'), dtype('uint8'))
    """
    with np.errstate(over="ignore"):  # of a range that a dtype has not, no case of that dtype comes
        return array.astype(numpy_dtype(dtype)) if array.dtype == np.float64 else array


# --- what is expected ------------------------------------------------------------------------------------------------

BITS = "bits"
"""Comparison class: the same bits; not-a-number's payload and the sign of zero count."""
BOUNDED = "bounded"
"""Comparison class: every value within a bound of its own."""
TRAJECTORY = "trajectory"
"""Comparison class: the Euclidean norm of all differences within one bound, for what comes of many steps."""
CLASSES = (BITS, BOUNDED, TRAJECTORY)


class Output(NamedTuple):
    """An expected tensor and what may differ from it."""

    values: np.ndarray
    kind: str = BITS
    """Its comparison class, one of `CLASSES`."""
    units: np.ndarray | float = 0.0
    """How many eps values may be off: of the shape of `values`; one number for a trajectory."""
    floor: float = 0.0
    """How many times `TINY` they may be off besides."""
    dtypes: tuple[str, ...] = DTYPES
    """In which its values say something; in others only shape and dtype are compared."""


@dataclass(frozen=True)
class Case:
    """One thing to compute: an operation, what goes in, and what comes out in forward order.

    Parameters
    ----------
    name : str
        "family.operation.variant".
    operation : str
        A name in `refinr.oracle.operations.OPERATIONS`.
    arrays : dict of arrays
        Those of float64 are given in the dtype that is checked, and are exact in it; others as they are.
    options : dict of JSON values
    outputs : dict of Output
        Forward order, then the loss, then gradients from the last layer to the first.
    dtypes : tuple of str
        In which the case says something: some tensor's values do, and all inputs are exact.
    fixed : bool
        All arrays keep their dtypes, whatever dtype is checked.
    refused : str
        Why the call must raise; then there are no outputs.
    """

    name: str
    operation: str
    arrays: dict[str, np.ndarray]
    options: dict[str, Any]
    outputs: dict[str, Output]
    dtypes: tuple[str, ...] = DTYPES
    fixed: bool = False
    refused: str = ""

    @property
    def family(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    def inputs(self, dtype: str = "float64") -> dict[str, np.ndarray]:
        """The arrays that go in: copies, so that nobody's writing into them spoils the case."""
        return {name: cast(array, self.dtype(dtype)).copy() for name, array in self.arrays.items()}

    def expected(self, dtype: str = "float64") -> dict[str, np.ndarray]:
        """The arrays that should come out, rounded to `dtype`."""
        return {name: cast(output.values, self.dtype(dtype)) for name, output in self.outputs.items()}

    def dtype(self, asked: str) -> str:
        """The dtype whose bounds hold for the case when `asked` is checked."""
        return "float64" if self.fixed else asked
