"""Two tensors beside each other: how far may rounding take them apart, and did anything else?

With this you can describe what is expected (`Output`, `Case`), ask how far a value may be off in some precision
(`tolerance`), and compare (`compare`, `first_difference`): shape, then dtype, then values.

An expected float comes with the number of units by which rounding may move it, worked out when it was made
(`refinr.oracle.rounding`).  In every dtype the same formula gives the bound:

    tolerance = 8 (eps units + tiny floor)

with the dtype's eps (the step from 1 to the next number) and the size ``tiny`` below which results may vanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

FACTOR = 8.0
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
# many machines flush numbers below the normal ones to zero; those for halves do not
TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-24, "bfloat16": 2.0**-126}
LARGEST = {"float64": 2.0**1023, "float32": 2.0**127, "float16": 2.0**15, "bfloat16": 2.0**127}
KINDS = ("exact", "elementwise", "reduction", "trajectory")


class Output(NamedTuple):
    """An expected tensor and what may differ from it.

    ``kind`` is its comparison class: "exact" (the same bits), "elementwise" and "reduction" (every value within its
    bound), "trajectory" (the Euclidean norm of all differences within one bound).
    """

    values: np.ndarray
    kind: str = "exact"
    units: np.ndarray | float = 0.0
    """Of the shape of `values`; one number for a trajectory."""
    floor: float = 0.0


@dataclass(frozen=True)
class Case:
    """One thing to compute: an operation, what goes in, and what comes out in forward order.

    Parameters
    ----------
    name : str
        "family.operation.variant".
    operation : str
        A name in `refinr.oracle.operations`.
    arrays : dict of arrays
        Those of float64 are given in the dtype that is checked, and are exact in it; others as they are.
    options : dict of JSON values
    outputs : dict of Output
        Forward order, then the loss, then gradients from the last layer to the first.
    dtypes : tuple of str
        In which the case says something.
    fixed : bool
        All arrays keep their dtypes, whatever dtype is checked.
    """

    name: str
    operation: str
    arrays: dict[str, np.ndarray]
    options: dict[str, Any]
    outputs: dict[str, Output]
    dtypes: tuple[str, ...] = tuple(EPS)
    fixed: bool = False

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


class Difference(NamedTuple):
    """A tensor that is not what it should be, and where: ``str`` of it is the report."""

    tensor: str
    text: str

    def __str__(self) -> str:
        return self.text


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
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise RuntimeError("dtype: bfloat16 needs the package ml_dtypes, which is not installed") from None
    return np.dtype(ml_dtypes.bfloat16)


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """A float64 array in `dtype`, any other as it is.

    Examples
    --------
    >>> cast(np.ones(1), "float32").dtype, cast(np.ones(1, dtype="uint8"), "float32").dtype
    (dtype('float32'), dtype('uint8'))
    """
    with np.errstate(over="ignore"):  # of a range that a dtype has not, no case of that dtype comes
        return array.astype(numpy_dtype(dtype)) if array.dtype == np.float64 else array


def tolerance(output: Output, dtype: str) -> np.ndarray:
    """How far values may be off in `dtype`: 8 (eps units + tiny floor).

    Examples
    --------
    >>> float(tolerance(Output(np.array(3.0), "elementwise", 3.0), "float32")) / 2.0**-23
    24.0
    """
    return FACTOR * (EPS[dtype] * np.asarray(output.units) + TINY[dtype] * output.floor)


def first_difference(got: Mapping[str, Any], case: Case, dtype: str) -> Difference | None:
    """The first tensor in forward order that is not what it should be; None if there is none.

    Tensors that `got` leaves out are left out; names that the case does not know count as differences.

    Examples
    --------
    >>> case = Case("a.b", "b", {}, {}, {"y": Output(np.ones(2), "elementwise", np.ones(2))})
    >>> print(first_difference({"y": np.array([1.0, -1.0])}, case, "float64").text.splitlines()[0])
    a.b: y differs
    """
    unknown = [name for name in got if name not in case.outputs]
    if unknown:
        unnamed = f"{case.name}: returned {unknown[0]!r}, which is none of its tensors: {', '.join(case.outputs)}"
        return Difference(unknown[0], unnamed)
    found = {}
    for name, output in case.outputs.items():
        if name in got:
            lines, _ = compare(got[name], output, case.dtype(dtype))
            if lines:
                found[name] = lines
    if not found:
        return None
    first, *later = found
    named = [name for name in case.outputs if name in got]
    before = named[: named.index(first)]
    text = [f"{case.name}: {first} differs"]
    text.append(f"  in forward order, agree before it: {', '.join(before) or 'none'}")
    text += [f"  {line}" for line in found[first]]
    if later:
        text.append(f"  after it differ as well: {', '.join(later)}")
    return Difference(first, "\n".join(text))


def compare(got: Any, output: Output, dtype: str) -> tuple[list[str], float]:
    r"""Compare one tensor: lines about the difference, none if there is none; and the largest share of a bound used.

    Not-a-number and infinities pass only where the same are expected.

    Examples
    --------
    >>> lines, share = compare(np.float32(1.5), Output(np.array(1.0), "elementwise", np.array(1.0)), "float32")
    >>> print("\n".join(lines))
    1 of 1 values differ; shape (), float32, elementwise
    largest error: 0.5 absolute, 0.5 relative, 4.19e+06 ulp
    worst at []: got 1.5, expected 1.0, bound 9.54e-07, exceeded 5.24e+05 times
    """
    got, expected = np.asarray(got), cast(output.values, dtype)
    if got.shape != expected.shape:
        return [f"shape {got.shape}, expected {expected.shape}"], np.inf
    if got.dtype != expected.dtype:
        return [f"dtype {got.dtype}, expected {expected.dtype}"], np.inf
    if expected.size == 0:
        return [], 0.0
    if output.kind == "exact":
        share = np.where(_bits(got) == _bits(expected), 0.0, np.inf)
        bound = np.zeros(expected.shape)
    else:
        share, bound = _shares(got, output, dtype)
    worst = float(share.max())
    if worst <= 1.0:
        return [], worst
    return _lines(got, expected, output, dtype, share, bound), worst


def _shares(got: np.ndarray, output: Output, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Error over bound of every value; infinite wherever something is not a number."""
    exact, value = output.values.astype(np.float64), got.astype(np.float64)
    bound = np.broadcast_to(tolerance(output, dtype), exact.shape)
    same = (value == exact) | (np.isnan(value) & np.isnan(exact))  # infinity minus itself is no number
    special = ~(np.isfinite(value) & np.isfinite(exact))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.where(special, 0.0, abs(value - exact))
        if output.kind == "trajectory":
            error = np.full(exact.shape, np.sqrt((error * error).sum()))
        share = np.where(error == 0.0, 0.0, error / bound)
    return np.where(special, np.where(same, 0.0, np.inf), np.where(np.isnan(share), np.inf, share)), bound


def _lines(
    got: np.ndarray, expected: np.ndarray, output: Output, dtype: str, share: np.ndarray, bound: np.ndarray
) -> list[str]:
    wrong = share > 1.0
    head = f"{wrong.sum()} of {got.size} values differ; shape {got.shape}, {got.dtype}, {output.kind}"
    # in exact arithmetic of Python where there are no floats: 64-bit integers do not fit into them
    number = int if got.dtype.kind in "biu" else float
    places = [tuple(int(i) for i in place) for place in np.argwhere(wrong)]
    errors = [abs(number(got[p]) - number(expected[p])) for p in places]
    lines = [head]
    if number is int:
        place = places[0]
        lines.append(f"largest error: {max(errors)}")
        return [*lines, f"first at {list(place)}: got {got[place]}, expected {expected[place]}"]
    sizes = np.array([abs(float(expected[p])) for p in places])
    with np.errstate(all="ignore"):
        relative = np.array(errors) / sizes
        ulp = np.array(errors) / np.maximum(
            _spacing(sizes, dtype if output.kind != "exact" else str(got.dtype)), 5e-324
        )
    place = max(places, key=lambda p: (share[p], abs(float(got[p]) - float(expected[p])))) if places else ()
    lines.append(
        f"largest error: {_largest(errors):.3g} absolute, {_largest(relative):.3g} relative, {_largest(ulp):.3g} ulp"
    )
    where = f"worst at {list(place)}: got {got[place]}, expected {expected[place]}"
    if output.kind == "exact":
        return [*lines, where]
    what = "norm of all errors" if output.kind == "trajectory" else "bound"
    times = "by far" if not np.isfinite(share[place]) else f"{share[place]:.3g} times"
    return [*lines, f"{where}, {what} {'at most ' * (what != 'bound')}{bound[place]:.3g}, exceeded {times}"]


def _largest(errors: Any) -> float:
    errors = np.asarray(errors, dtype=float)
    return float("nan") if np.isnan(errors).any() else float(errors.max())


def _spacing(sizes: np.ndarray, dtype: str) -> np.ndarray:
    """The step from a number to the next one of its dtype."""
    normal = np.maximum(np.where(np.isfinite(sizes), sizes, 1.0), TINY[dtype])
    return np.ldexp(EPS[dtype], np.frexp(normal)[1] - 1)


def _bits(array: np.ndarray) -> np.ndarray:
    """The values' bit patterns: NaN payloads count, and the sign of zero."""
    flat = np.ascontiguousarray(array).reshape(array.shape)
    return flat.view(f"u{array.dtype.itemsize}") if array.dtype.kind not in "biu" else flat
