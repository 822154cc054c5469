"""From inputs to a case: what the reference answers, how far that may be off, and in which dtypes that says something.

With this you can make a case from an operation's inputs (`make`), and draw inputs that are exact in as many dtypes as
possible (`uniform`, `short`).

`make` runs the operation on float64 arrays for the values; the operation's row in `refinr.oracle.operations.OPERATIONS`
says how bounds are found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refinr.files.floats import FLOAT_TYPES
from refinr.oracle.bounds import Errors, Question
from refinr.oracle.case import BITS, BOUNDED, EPS, LARGEST, TRAJECTORY, Case, Output
from refinr.oracle.compare import FACTOR, tolerance
from refinr.oracle.operations import OPERATIONS, Operation
from refinr.oracle.rounding import Rounding

Draw = np.random.Generator


def make(
    name: str,
    arrays: dict[str, np.ndarray],
    *,
    rng: Draw | None = None,
    errors: Errors | None = None,
    **options: Any,
) -> Case:
    """A case from its inputs.

    It is offered in a dtype only if it says something there: inputs are exact, nothing overflows, no decision is nearer
    to its threshold than the bound, and the bound is less than half of what it bounds.

    Parameters
    ----------
    name : str
        "family.operation.variant".
    arrays : dict of arrays
    rng : Generator, optional
        For operations whose bounds are measured.
    errors : callable, optional
        How errors are found, where these inputs allow for less than the operation's row says.
    **options
        Of the operation.

    Examples
    --------
    >>> case = make("activations.sine.example", {"z": np.array([0.5]), "dy": np.array([1.0])}, omega=2.0)
    >>> list(case.outputs), case.dtypes[:2]
    (['y', 'dz'], ('float64', 'float32'))
    """
    operation = name.split(".")[1]
    row = OPERATIONS[operation]
    values = {key: np.asarray(value) for key, value in row.call(**arrays, **options).items()}
    question = Question(row.call, arrays, options, values, rng)
    usual = Rounding()
    outputs = _outputs(row, errors or row.errors, question, usual)
    fits = [dtype for dtype in row.dtypes if row.fixed or _says_something(dtype, arrays, outputs, usual)]
    return Case(name, operation, arrays, options, outputs, tuple(fits), row.fixed)


def _outputs(row: Operation, errors: Errors, question: Question, usual: Rounding) -> dict[str, Output]:
    bounded = row.kind != BITS
    units = errors(question, usual) if bounded else {}
    floors = errors(question, Rounding(relative=False)) if row.kind == BOUNDED else {}
    outputs = {}
    for key, value in question.values.items():
        if bounded and value.dtype == np.float64:
            # how much a unit that vanished anywhere on the way may have grown; 1 for the result's own
            floor = float(np.max(floors[key], initial=1.0)) if floors else 0.0
            outputs[key] = Output(value, row.kind, np.array(units[key]), floor)
        else:
            outputs[key] = Output(value)
    return outputs


# --- does it say something? ------------------------------------------------------------------------------------------

MEANINGFUL = 0.5
"""Largest bound over the size of what it bounds: a wrong sign, twice the size off, cannot pass."""


def _says_something(dtype: str, arrays: dict[str, np.ndarray], outputs: dict[str, Output], model: Rounding) -> bool:
    floats = [array for array in arrays.values() if array.dtype == np.float64]
    return (
        all(_exact(array, dtype) for array in floats)
        and model.peak <= LARGEST[dtype]
        and model.slack > FACTOR * EPS[dtype]
        and all(_narrow(output, dtype) for output in outputs.values())
    )


def _exact(array: np.ndarray, dtype: str) -> bool:
    """Whether all values are numbers of that type: whole multiples of the step there, and not too large."""
    kind = FLOAT_TYPES[dtype]
    finite = array[np.isfinite(array)]
    _, exponents = np.frexp(finite)
    steps = np.maximum(np.ldexp(1.0, exponents - kind.precision), kind.subnormal)
    return bool(np.all((finite % steps == 0.0) & (np.abs(finite) <= kind.largest)))


def _narrow(output: Output, dtype: str) -> bool:
    if output.kind == BITS or not output.values.any():
        return True
    bounds = tolerance(output, dtype)
    if output.kind != TRAJECTORY:  # of that it is one for all values already
        bounds = np.broadcast_to(bounds, output.values.shape)
    size = np.linalg.norm(np.where(np.isfinite(output.values), output.values, 0.0))
    return bool(np.linalg.norm(bounds) <= MEANINGFUL * size)


# --- inputs ----------------------------------------------------------------------------------------------------------

SHORT = 8
"""Significant bits of a number that all four dtypes hold; bfloat16 has no more."""
SHORT_STEP = 2.0**-24
"""The smallest step of float16."""


def short(values: Any, bits: int = SHORT) -> np.ndarray:
    """Rounded to `bits` significant bits; 8: exact in all four dtypes, multiples of 2^-24.

    Examples
    --------
    >>> float(short(0.1)), float(short(1.0 + 2.0**-9))
    (0.10009765625, 1.0)
    """
    mantissa, exponent = np.frexp(np.asarray(values, dtype=float))
    rounded = np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits)
    return np.rint(rounded / SHORT_STEP) * SHORT_STEP if bits == SHORT else rounded


def uniform(rng: Draw, *shape: int, scale: float = 1.0, bits: int = SHORT) -> np.ndarray:
    """Numbers between -scale and scale, rounded by `short`.

    Examples
    --------
    >>> uniform(np.random.default_rng(0), 3, 2).shape
    (3, 2)
    """
    return short(rng.uniform(-scale, scale, shape), bits)
