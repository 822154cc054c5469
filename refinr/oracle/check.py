"""The oracle: someone else's fast backend, checked against the reference until the first wrong number.

With this you can find a backend by name (`find_backend`), check it (`check_backend`), use the cases in tests of your
own (`parametrize_cases`, `assert_matches`), and keep them in files that any language reads (`export`, `load`).

A backend is a module or an object with functions named and called like those of `refinr.oracle.operations`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from refinr.oracle.compare import Case, compare, first_difference, numpy_dtype
from refinr.oracle.families import FAMILIES, generate

STATES = ("passed", "differ", "raised", "not implemented", "not offered")


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
        families: dict[str, list[Result]] = {}
        for result in self.results:
            families.setdefault(result.case.partition(".")[0], []).append(result)
        rows: list[tuple[str, ...]] = [("family", "cases", *STATES, "tensors left out", "error / bound")]
        for family, results in [*families.items(), ("all", list(self.results))]:
            counts = (sum(result.state == state for result in results) for state in STATES)
            share = max((result.share for result in results if result.state in ("passed", "differ")), default=0.0)
            left_out = sum(result.left_out for result in results)
            rows.append((family, *(str(n) for n in (len(results), *counts, left_out)), f"{share:.2g}"))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [f"{self.backend}, checked against refinr in {self.dtype}", ""]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            lines.append("  ".join(cells))
        wrong: dict[str, list[Result]] = {}
        for result in self.results:
            if result.state in ("differ", "raised"):
                wrong.setdefault(result.operation, []).append(result)
        for operation, (first, *others) in wrong.items():
            lines.append(f"\n{first.text}")
            if others:
                names = ", ".join(result.case for result in others[:3]) + (", ..." if len(others) > 3 else "")
                lines.append(f"  {operation} fails in {len(others)} more: {names}")
        missing = dict.fromkeys(result.operation for result in self.results if result.state == "not implemented")
        if missing:
            lines.append(f"\nnot implemented: {', '.join(missing)}")
        verdict = "nothing differs" if self.ok else "nothing was checked" if not wrong else f"fails: {', '.join(wrong)}"
        return "\n".join([*lines, f"\n{verdict}"])


def cases(families: str | Iterable[str] | None = None, *, seed: int = 0) -> list[Case]:
    """Cases whose family or name matches.

    Parameters
    ----------
    families : str or several, optional
        Families ("layers"), or patterns of whole names ("mlp.mlp.siren*"); all by default.
    seed : int
        Other numbers in the same places.

    Raises
    ------
    ValueError
        For a pattern that matches nothing.

    Examples
    --------
    >>> [case.name for case in cases("coords.grid.?")]
    ['coords.grid.1', 'coords.grid.2', 'coords.grid.7']
    """
    return _select(generate(seed), families)


def _select(every: Iterable[Case], families: str | Iterable[str] | None) -> list[Case]:
    every = list(every)
    if families is None:
        return every
    patterns = [families] if isinstance(families, str) else list(families)
    for pattern in patterns:
        if not any(_matches(case, pattern) for case in every):
            raise ValueError(f"families: {pattern!r} matches no case; families are {', '.join(FAMILIES)}")
    return [case for case in every if any(_matches(case, pattern) for pattern in patterns)]


def _matches(case: Case, pattern: str) -> bool:
    return fnmatch(case.name, pattern if "." in pattern else f"{pattern}.*")


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
    chosen = _select(generate(seed) if given is None else given, families)
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
        difference = first_difference(got, case, dtype)
        shares = [compare(got[key], case.outputs[key], case.dtype(dtype))[1] for key in got if key in case.outputs]
    except NotImplementedError:
        return Result(case.name, case.operation, "not implemented")
    except Exception as error:  # whatever goes wrong in there is a line in the table
        text = " ".join(str(error).split())
        return Result(case.name, case.operation, "raised", f"{case.name}: raised {type(error).__name__}: {text}")
    if not shares and difference is None:
        return Result(case.name, case.operation, "not implemented")
    state, text = ("differ", difference.text) if difference else ("passed", "")
    return Result(case.name, case.operation, state, text, len(case.outputs) - len(shares), max(shares, default=np.inf))


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
    outputs = {name: case.outputs[name] for name in case.outputs if name in expected}
    assert outputs, f"{case.name}: nothing is expected, so nothing is checked"
    floats = [expected[name].dtype.name for name, output in outputs.items() if output.values.dtype == np.float64]
    outputs = {
        name: output._replace(values=expected[name].astype(output.values.dtype)) for name, output in outputs.items()
    }
    known = {name: array for name, array in got.items() if name in outputs or name not in case.outputs}
    difference = first_difference(known, replace(case, outputs=outputs), floats[0] if floats else "float64")
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
        if not any(_matches(case, pattern) for case in chosen):
            raise ValueError(f"xfail: {pattern!r} matches no case of {families!r}")

    def marks(case: Case) -> list:
        reasons = [reason for pattern, reason in known.items() if _matches(case, pattern)]
        return [pytest.mark.xfail(reason=reasons[0], strict=True)] if reasons else []

    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in chosen])
