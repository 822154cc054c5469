"""From inputs to a case: what the reference answers, how far that may be off, and in which dtypes that says something.

With this you can make a case from an operation's inputs (`make`; `until_clear`, until none is near a jump), or of a
call that must raise (`make_refused`), and draw inputs that are exact in as many dtypes as
possible (`uniform`, `short`).

`make` runs the operation on float64 arrays for the values; the operation's row in `refinr.oracle.operations.OPERATIONS`
says how bounds are found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from refinr.files.floats import FLOAT_TYPES
from refinr.oracle.bounds import Errors, Question
from refinr.oracle.case import BITS, BOUNDED, EPS, LARGEST, TINY, TRAJECTORY, Case, Output
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

    It is offered in a dtype only if it says something there: inputs are exact, nothing overflows, nothing vanishes that
    is divided by, no decision is nearer to its threshold than the bound, and of some tensor the bound is less than half
    of what it bounds.  The values of the other tensors are not compared in that dtype.

    Parameters
    ----------
    name : str
        "family.operation.variant".
    arrays : dict of arrays
        Floats in the narrowest dtype that is to be asked for: numbers of float64 are seldom numbers of float32, and
        where they are not, the case says nothing in float32.
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
    if not row.fixed:
        arrays = {key: _widened(array) for key, array in arrays.items()}
    values = {key: np.asarray(value) for key, value in row.call(**arrays, **options).items()}
    question = Question(row.call, arrays, options, values, rng)
    usual = Rounding()
    vanishing = Rounding(relative=False)
    outputs = _outputs(row, errors or row.errors, question, usual, vanishing)
    if row.fixed:
        return Case(name, operation, arrays, options, outputs, row.dtypes, fixed=True)
    asked = [dtype for dtype in row.dtypes if _can_be_asked(dtype, arrays, usual, vanishing)]
    outputs = {
        key: output._replace(dtypes=tuple(dtype for dtype in asked if _narrow(output, dtype)))
        for key, output in outputs.items()
    }
    fits = [dtype for dtype in asked if any(dtype in output.dtypes for output in outputs.values())]
    return Case(name, operation, arrays, options, outputs, tuple(fits))


def _widened(array: np.ndarray) -> np.ndarray:
    """Floats as float64, which holds the numbers of all narrower dtypes."""
    narrow = array.dtype.name in EPS
    return array.astype(np.float64) if narrow and array.dtype != np.float64 else array


def until_clear(draw: Callable[[], Case], dtype: str = "float32") -> Case:
    """The first case drawn that is offered in `dtype`: of many roundings, one is sometimes too near a half.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> "float32" in until_clear(lambda: make("ternary.weight_codes.any", {"w": uniform(rng, 5, 1)})).dtypes
    True
    """
    for _ in range(100):
        case = draw()
        if dtype in case.dtypes:
            return case
    raise ValueError(f"{case.name}: in none of a hundred draws clear in {dtype}")


def make_refused(name: str, arrays: dict[str, np.ndarray], why: str, **options: Any) -> Case:
    """A case of a call that must raise, because of `why`; the reference does.

    Examples
    --------
    >>> arrays = {"a": np.zeros((3, 3), "uint8"), "b": np.zeros((3, 3), "uint8")}
    >>> make_refused("refused.ssim.small", arrays, "an image smaller than a window", bits=8).refused
    'an image smaller than a window'
    """
    operation = name.split(".")[1]
    row = OPERATIONS[operation]
    try:
        row.call(**arrays, **options)
    except Exception:  # of whatever kind: that is the backend's own affair, too
        return Case(name, operation, arrays, options, {}, row.dtypes, row.fixed, why)
    raise ValueError(f"{name}: the reference does not refuse {why}")


def _outputs(
    row: Operation, errors: Errors, question: Question, usual: Rounding, vanishing: Rounding
) -> dict[str, Output]:
    bounded = row.kind != BITS
    units = errors(question, usual) if bounded else {}
    floors = errors(question, vanishing) if row.kind == BOUNDED else {}
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


def _can_be_asked(dtype: str, arrays: dict[str, np.ndarray], model: Rounding, vanishing: Rounding) -> bool:
    floats = [array for array in arrays.values() if array.dtype == np.float64]
    return (
        all(_exact(array, dtype) for array in floats)
        and model.peak <= LARGEST[dtype]
        and model.slack > FACTOR * EPS[dtype]
        and vanishing.room > FACTOR * TINY[dtype]
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
