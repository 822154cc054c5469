"""A backend checked: case after case, and a report that names the first wrong tensor.

With this you can find a backend by name (`find_backend`), check it (`check_backend`), and use the cases in tests of
your own (`parametrize_cases`, `assert_matches`).

A backend is a module or an object with functions named and called like those of `refinr.oracle.operations`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from refinr.oracle.case import Case, numpy_dtype
from refinr.oracle.compare import judge
from refinr.oracle.families import cases, matches, select

STATES = ("passed", "differ", "raised", "not implemented", "not offered")
FAILED = ("differ", "raised")

# --- what is reported ------------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """What came of one case."""

    case: str
    operation: str
    state: str
    """One of `STATES`; "not offered": the case says nothing in this dtype."""
    text: str = ""
    left_out: int = 0
    """Tensors that the backend did not return."""
    share: float = 0.0
    """Largest error over its bound: above 1 something differs."""


@dataclass(frozen=True)
class Report:
    """What came of all cases; `str` of it is the table, and it is true if all is well."""

    backend: str
    dtype: str
    results: tuple[Result, ...]

    def count(self, state: str) -> int:
        """Number of cases in that state."""
        return sum(result.state == state for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether nothing differs, nothing was raised, and something was checked at all."""
        return self.count("passed") > 0 and self.count("differ") == self.count("raised") == 0

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [f"{self.backend}, checked against refinr in {self.dtype}", "", *self._table()]
        wrong = self._by_operation(*FAILED)
        for operation, (first, *others) in wrong.items():
            lines.append(f"\n{first.text}")
            if others:
                names = ", ".join(result.case for result in others[:3]) + (", ..." if len(others) > 3 else "")
                lines.append(f"  {operation} fails in {len(others)} more: {names}")
        missing = self._by_operation("not implemented")
        if missing:
            lines.append(f"\nnot implemented: {', '.join(missing)}")
        verdict = "nothing differs" if self.ok else "nothing was checked" if not wrong else f"fails: {', '.join(wrong)}"
        return "\n".join([*lines, f"\n{verdict}"])

    def _by_operation(self, *states: str) -> dict[str, list[Result]]:
        found: dict[str, list[Result]] = {}
        for result in self.results:
            if result.state in states:
                found.setdefault(result.operation, []).append(result)
        return found

    def _table(self) -> list[str]:
        families: dict[str, list[Result]] = {}
        for result in self.results:
            families.setdefault(result.case.partition(".")[0], []).append(result)
        rows: list[tuple[str, ...]] = [("family", "cases", *STATES, "tensors left out", "error / bound")]
        rows += [_row(family, results) for family, results in [*families.items(), ("all", list(self.results))]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        ]


def _row(family: str, results: list[Result]) -> tuple[str, ...]:
    counts = [sum(result.state == state for result in results) for state in STATES]
    left_out = sum(result.left_out for result in results)
    share = max((result.share for result in results if result.state in ("passed", "differ")), default=0.0)
    return (family, str(len(results)), *map(str, counts), str(left_out), f"{share:.2g}")


# --- backends --------------------------------------------------------------------------------------------------------


def find_backend(path: str) -> Any:
    """The backend at ``module`` or ``module:object``; modules are looked for in the current folder too.

    Classes and functions are called, without arguments, to get the backend.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> find_backend("refinr.oracle.operations").__name__
    'refinr.oracle.operations'
    """
    module, _, name = path.partition(":")
    sys.path.insert(0, "")
    try:
        backend = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"backend: cannot import {module}: {error}") from None
    finally:
        sys.path.remove("")
    for part in name.split(".") if name else []:
        if not hasattr(backend, part):
            raise ValueError(f"backend: {module} has no {name}")
        backend = getattr(backend, part)
    return backend() if isinstance(backend, type | FunctionType) else backend


# --- checking --------------------------------------------------------------------------------------------------------


def check_backend(
    backend: Any,
    families: str | Iterable[str] | None = None,
    dtype: str = "float32",
    *,
    seed: int = 0,
    given: Iterable[Case] | None = None,
    quiet: bool = False,
) -> Report:
    """Run a backend through the cases, and print the table.

    Parameters
    ----------
    backend : module or object
        With functions as in `refinr.oracle.operations`; those it has not got, or that raise NotImplementedError, count
        as not implemented.
    families : str or several, optional
        As for `cases`.
    dtype : {"float64", "float32", "float16", "bfloat16"}
    seed : int
        Of the cases' numbers.
    given : cases, optional
        Take these, from `load`, instead of making them.
    quiet : bool
        Print nothing.

    Returns
    -------
    Report

    Examples
    --------
    >>> from refinr.oracle import operations
    >>> report = check_backend(operations, "layers", quiet=True)
    >>> report.ok, report.count("passed")
    (True, 32)
    """
    numpy_dtype(dtype)
    chosen = cases(families, seed=seed) if given is None else select(given, families)
    name = getattr(backend, "__name__", type(backend).__name__)
    report = Report(name, dtype, tuple(_check(backend, case, dtype) for case in chosen))
    if not quiet:
        print(report)
    return report


def _check(backend: Any, case: Case, dtype: str) -> Result:
    function = getattr(backend, case.operation, None)
    if function is None:
        return Result(case.name, case.operation, "not implemented")
    if not case.fixed and dtype not in case.dtypes:
        return Result(case.name, case.operation, "not offered")
    try:
        got = function(**case.inputs(dtype), **case.options)
        if not isinstance(got, Mapping):
            raise TypeError(f"expected a dict of arrays, got {type(got).__name__}")
        difference, shares = judge(got, case, dtype)
    except NotImplementedError:
        return Result(case.name, case.operation, "not implemented")
    except Exception as error:  # whatever goes wrong in there is a line in the table
        text = " ".join(str(error).split())
        return Result(case.name, case.operation, "raised", f"{case.name}: raised {type(error).__name__}: {text}")
    if not shares and difference is None:
        return Result(case.name, case.operation, "not implemented")
    left_out = len(case.outputs) - len(shares)
    worst = max(shares.values(), default=np.inf)
    if difference:
        return Result(case.name, case.operation, "differ", difference.text, left_out, worst)
    return Result(case.name, case.operation, "passed", "", left_out, worst)


# --- in tests of your own --------------------------------------------------------------------------------------------


def assert_matches(got: Mapping[str, Any], expected: Mapping[str, np.ndarray], case: Case) -> None:
    """Assert that tensors are what a case expects, within its bounds.

    Parameters
    ----------
    got : dict of arrays
        All that `expected` names.
    expected : dict of arrays
        ``case.expected(dtype)``, or a part of it; its dtype is the one demanded, and sets the bounds.
    case : Case

    Raises
    ------
    AssertionError
        Naming the first tensor that differs, in forward order.

    Examples
    --------
    >>> case = cases("losses.mse.1x1")[0]
    >>> assert_matches(case.expected("float32"), case.expected("float32"), case)
    """
    missing = [name for name in expected if name not in got]
    assert not missing, f"{case.name}: {missing[0]} is missing"
    demanded = {name: output for name, output in case.outputs.items() if name in expected}
    assert demanded, f"{case.name}: nothing is expected, so nothing is checked"
    floats = [expected[name].dtype.name for name, output in demanded.items() if output.values.dtype == np.float64]
    for name, output in demanded.items():
        demanded[name] = output._replace(values=expected[name].astype(output.values.dtype))
    known = {name: array for name, array in got.items() if name in demanded or name not in case.outputs}
    difference = judge(known, replace(case, outputs=demanded), floats[0] if floats else "float64").difference
    assert difference is None, str(difference)


def parametrize_cases(families: str | Iterable[str], *, xfail: Mapping[str, str] | None = None, seed: int = 0) -> Any:
    """A pytest decorator: one test a case, given as ``case``.

    Parameters
    ----------
    families : str or several
        As for `cases`.
    xfail : dict, optional
        Names or patterns of cases that are known to fail, and why; one that passes is then an error.
    seed : int

    Examples
    --------
    >>> @parametrize_cases("layers.*")
    ... def test_layers(case):
    ...     x = case.inputs("float32")
    """
    import pytest

    known = dict(xfail or {})
    chosen = cases(families, seed=seed)
    for pattern in known:
        if not any(matches(case, pattern) for case in chosen):
            raise ValueError(f"xfail: {pattern!r} matches no case of {families!r}")

    def marks(case: Case) -> list[Any]:
        reasons = [reason for pattern, reason in known.items() if matches(case, pattern)]
        return [pytest.mark.xfail(reason=reasons[0], strict=True)] if reasons else []

    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in chosen])
