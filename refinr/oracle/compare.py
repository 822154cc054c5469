"""Two tensors beside each other: how far may rounding take them apart, and did anything else?

With this you can ask how far a value may be off in some dtype (`tolerance`), compare one tensor (`compare`), and judge
all that an operation returned (`judge`): shape, then dtype, then values.  Reports, tests of other people's and cases
read from files all go through `judge`.

An expected float comes with the number of units by which rounding may move it, worked out when the case was made
(`refinr.oracle.rounding`).  In every dtype the same formula gives the bound:

    tolerance = FACTOR (eps units + tiny floor)

with the dtype's eps (the step from 1 to the next number) and the size ``tiny`` below which results may vanish.

**What is a theorem here and what a choice.**  Rounding to nearest moves a result by at most eps / 2 of its size, and to
first order in eps an operation passes on the errors of its arguments times its derivatives: so ``eps units / 2`` is a
bound for additions, products, quotients and roots, in the order in which `refinr.oracle.operations` has them.  That is
the theorem.  Two numbers are choices:

- A sum of n products is within ``n eps / 2`` times the sum of their magnitudes, in any order.  `units` has ``sqrt(n)``
  in place of n: roundings have random signs, and so wide a bound as n would hide the loss of a term.  With FACTOR the
  theorem holds again as long as ``n / 2 <= 8 sqrt(n)``, up to 256 terms.
- FACTOR = 8 is sixteen times the theorem's 1/2.  It leaves room for elementary functions that are off by up to 4 ulp
  where the theorem has them rounded correctly, for the other formulas and orders that a careful author may take, and
  for terms of second order.  What is wrong is hundreds of times beyond the bound: 4 or 16 would do as well.

A trajectory has no theorem.  Its units are measured: see `refinr.oracle.bounds.disturbed`.

References
----------
Higham and Mary, "A New Approach to Probabilistic Rounding Error Analysis", SIAM J. Sci. Comput. 41, 2019: sqrt(n).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from refinr.oracle.case import BITS, EPS, TINY, TRAJECTORY, Case, Output, cast, numpy_dtype

FACTOR = 8.0


def tolerance(output: Output, dtype: str) -> np.ndarray:
    """How far values may be off in `dtype`: FACTOR (eps units + tiny floor).

    Examples
    --------
    >>> float(tolerance(Output(np.array(3.0), "bounded", 3.0), "float32")) / 2.0**-23
    24.0
    """
    return FACTOR * (EPS[dtype] * np.asarray(output.units) + TINY[dtype] * output.floor)


# --- all that an operation returned ----------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A tensor that is not what it should be, and where: ``str`` of it is the report."""

    tensor: str
    text: str

    def __str__(self) -> str:
        return self.text


class Verdict(NamedTuple):
    """What came of comparing all tensors that were returned."""

    difference: Difference | None
    """The first tensor in forward order that is not what it should be; None if there is none."""
    shares: dict[str, float]
    """Of those that were returned, in forward order: the largest error over its bound, above 1 if it differs."""


def judge(got: Mapping[str, Any], case: Case, dtype: str) -> Verdict:
    """Compare what was returned with what a case expects.

    Tensors that `got` leaves out are left out; names that the case does not know count as differences.  Of a tensor
    whose values say nothing in `dtype`, shape and dtype are compared.

    Examples
    --------
    >>> case = Case("a.b.c", "b", {}, {}, {"y": Output(np.ones(2), "bounded", np.ones(2))})
    >>> verdict = judge({"y": np.array([1.0, -1.0])}, case, "float64")
    >>> print(verdict.difference.text.splitlines()[0])
    a.b.c: y differs
    """
    shares = {}
    found = {}
    for name, output in case.outputs.items():
        if name in got:
            said = case.fixed or dtype in output.dtypes
            lines, shares[name] = (compare if said else compare_form)(as_numpy(got[name]), output, case.dtype(dtype))
            if lines:
                found[name] = lines
    for name in got:
        if name not in case.outputs:
            text = f"{case.name}: returned {name!r}, which is none of its tensors: {', '.join(case.outputs)}"
            return Verdict(Difference(name, text), shares)
    return Verdict(_first(case, list(shares), found) if found else None, shares)


def _first(case: Case, returned: list[str], found: dict[str, list[str]]) -> Difference:
    first, *later = found
    before = returned[: returned.index(first)]
    text = [f"{case.name}: {first} differs"]
    text.append(f"  in forward order, agree before it: {', '.join(before) or 'none'}")
    text += [f"  {line}" for line in found[first]]
    if later:
        text.append(f"  after it differ as well: {', '.join(later)}")
    return Difference(first, "\n".join(text))


# --- one tensor ------------------------------------------------------------------------------------------------------


def as_numpy(value: Any) -> np.ndarray:
    """An array of any library, wherever it is, as a NumPy array: by ``__array__``, or by DLPack from a device.

    Tensors of PyTorch may belong to a graph of gradients, and be of bfloat16.

    Examples
    --------
    >>> as_numpy(1.5)
    array(1.5)
    """
    if getattr(value, "requires_grad", False):
        value = value.detach()
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":  # NumPy has no such dtype, nor has DLPack to NumPy
        return as_numpy(value.view(sys.modules["torch"].int16)).view(numpy_dtype("bfloat16"))
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        if not hasattr(value, "__dlpack__"):
            raise
    return np.from_dlpack(value, device="cpu", copy=True)


def worst_place(got: Any, output: Output, dtype: str) -> tuple[int, ...] | None:
    """Where the error is furthest beyond its bound; None if shape or dtype differ, or nothing does.

    Examples
    --------
    >>> worst_place(np.array([1.0, 7.0]), Output(np.array([1.0, 2.0]), "bounded", np.ones(2)), "float64")
    (1,)
    """
    got = as_numpy(got)
    if output.values.size == 0 or compare_form(got, output, dtype)[0]:
        return None
    expected = cast(output.values, dtype)
    share = _unequal(got, expected) if output.kind == BITS else _shares(got, output, dtype)
    place = np.unravel_index(int(np.argmax(share)), share.shape)
    return tuple(int(i) for i in place) if share[place] > 1.0 else None


def compare_form(got: Any, output: Output, dtype: str) -> tuple[list[str], float]:
    """Compare shape and dtype of one tensor: a line about the difference, and infinity or 0 for a share.

    Examples
    --------
    >>> compare_form(np.ones(2), Output(np.array(1.0), "bounded", np.array(1.0)), "float64")
    (['shape (2,), expected ()'], inf)
    """
    got = np.asarray(got)
    if got.shape != output.values.shape:
        return [f"shape {got.shape}, expected {output.values.shape}"], np.inf
    expected = cast(output.values, dtype).dtype
    if got.dtype != expected:
        return [f"dtype {got.dtype}, expected {expected}"], np.inf
    return [], 0.0


def compare(got: Any, output: Output, dtype: str) -> tuple[list[str], float]:
    r"""Compare one tensor: lines about the difference, none if there is none; and the largest share of a bound used.

    Not-a-number and infinities pass only where the same are expected.

    Examples
    --------
    >>> lines, share = compare(np.float32(1.5), Output(np.array(1.0), "bounded", np.array(1.0)), "float32")
    >>> print("\n".join(lines))
    1 of 1 values differ; shape (), float32, bounded
    largest error: 0.5 absolute, 0.5 relative, 4.19e+06 ulp
    worst at []: got 1.5, expected 1.0, bound 9.54e-07, exceeded 5.24e+05 times
    """
    got = np.asarray(got)
    expected = cast(output.values, dtype)
    lines, worst = compare_form(got, output, dtype)
    if lines or expected.size == 0:
        return lines, worst
    share = _unequal(got, expected) if output.kind == BITS else _shares(got, output, dtype)
    worst = float(share.max())
    if worst <= 1.0:
        return [], worst
    head = f"{(share > 1.0).sum()} of {got.size} values differ; shape {got.shape}, {got.dtype}, {output.kind}"
    describe = _integers if got.dtype.kind in "biu" else _floats
    return [head, *describe(got, expected, share, output, dtype)], worst


def _shares(got: np.ndarray, output: Output, dtype: str) -> np.ndarray:
    """Error over bound of every value; infinite wherever something is not a number."""
    exact = output.values.astype(np.float64)
    value = got.astype(np.float64)
    same = (value == exact) | (np.isnan(value) & np.isnan(exact))  # infinity minus itself is no number
    special = ~(np.isfinite(value) & np.isfinite(exact))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.where(special, 0.0, abs(value - exact))
        if output.kind == TRAJECTORY:
            error = np.full(exact.shape, np.sqrt((error * error).sum()))
        share = np.where(error == 0.0, 0.0, error / tolerance(output, dtype))
    return np.where(special, np.where(same, 0.0, np.inf), np.where(np.isnan(share), np.inf, share))


def _unequal(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.where(_bits(got) == _bits(expected), 0.0, np.inf)


def _bits(array: np.ndarray) -> np.ndarray:
    """The values' bit patterns: NaN payloads count, and the sign of zero."""
    flat = np.ascontiguousarray(array).reshape(array.shape)
    return flat.view(f"u{array.dtype.itemsize}") if array.dtype.kind not in "biu" else flat


# --- in words --------------------------------------------------------------------------------------------------------

_LEAST = 5e-324  # the smallest float64, where a step between numbers is too small for one


def _wrong(share: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(i) for i in place) for place in np.argwhere(share > 1.0)]


def _integers(got: np.ndarray, expected: np.ndarray, share: np.ndarray, output: Output, dtype: str) -> list[str]:
    # in exact arithmetic of Python: 64-bit integers do not fit into floats
    places = _wrong(share)
    largest = max(abs(int(got[p]) - int(expected[p])) for p in places)
    first = places[0]
    where = f"first at {list(first)}: got {got[first]}, expected {expected[first]}"
    return [f"largest error: {largest}", where, _in_hexadecimal(got[first], expected[first])]


def _in_hexadecimal(got: np.generic, expected: np.generic) -> str:
    digits = 2 * expected.dtype.itemsize
    one, other = (int.from_bytes(value.tobytes(), sys.byteorder) for value in (got, expected))
    return f"bits: got 0x{one:0{digits}x}, expected 0x{other:0{digits}x}, different 0x{one ^ other:0{digits}x}"


def _floats(got: np.ndarray, expected: np.ndarray, share: np.ndarray, output: Output, dtype: str) -> list[str]:
    places = _wrong(share)
    errors = np.array([abs(float(got[p]) - float(expected[p])) for p in places])
    sizes = np.array([abs(float(expected[p])) for p in places])
    spacing = _spacing(sizes, str(got.dtype) if output.kind == BITS else dtype)
    with np.errstate(all="ignore"):
        relative = errors / sizes
        ulp = errors / np.maximum(spacing, _LEAST)
    largest = f"{errors.max():.3g} absolute, {relative.max():.3g} relative, {ulp.max():.3g} ulp"
    worst = max(places, key=lambda p: (share[p], abs(float(got[p]) - float(expected[p]))))
    where = f"worst at {list(worst)}: got {got[worst]}, expected {expected[worst]}"
    if output.kind != BITS:
        bound = np.broadcast_to(tolerance(output, dtype), got.shape)[worst]
        what = f"norm of all errors at most {bound:.3g}" if output.kind == TRAJECTORY else f"bound {bound:.3g}"
        times = f"{share[worst]:.3g} times" if np.isfinite(share[worst]) else "by far"
        where = f"{where}, {what}, exceeded {times}"
        return [f"largest error: {largest}", where]
    return [f"largest error: {largest}", where, _in_hexadecimal(got[worst], expected[worst])]


def _spacing(sizes: np.ndarray, dtype: str) -> np.ndarray:
    """The step from a number to the next one of its dtype."""
    normal = np.maximum(np.where(np.isfinite(sizes), sizes, 1.0), TINY[dtype])
    return np.ldexp(EPS[dtype], np.frexp(normal)[1] - 1)
