"""A backend checked: case after case, and a report that names the first wrong tensor.

With this you can find a backend by name (`find_backend`), check it (`check_backend`), and use the cases in tests of
your own (`parametrize_cases`, `assert_matches`).

A backend is a module or an object with functions named and called like those of `refinr.oracle.operations`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np

from refinr.oracle.calling import Session, Take, context
from refinr.oracle.case import Case, numpy_dtype
from refinr.oracle.compare import judge
from refinr.oracle.expecting import Expectations
from refinr.oracle.families import cases, matches, select
from refinr.oracle.reporting import FAILED, Report, Result

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
    expect: Expectations | None = None,
    repeat: int = 0,
    take: Take | None = None,
) -> Report:
    """Run a backend through the cases, look at what surrounds its calls, and print the table.

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
    expect : Expectations, optional
        What is required, what is known to fail, and where bounds are wider.
    repeat : int
        How often the same call is made again and must give the same bits: many times find races.
    take : callable, optional
        From NumPy arrays to what the backend is given: ``torch.asarray``, ``jax.numpy.asarray``, ``cupy.asarray``.

    Returns
    -------
    Report

    Examples
    --------
    >>> from refinr.oracle import operations
    >>> report = check_backend(operations, "coords", quiet=True)
    >>> report.ok, report.count("passed")
    (True, 20)
    """
    numpy_dtype(dtype)
    expect = expect or Expectations()
    chosen = cases(families, seed=seed) if given is None else select(given, families)
    expect.check(chosen)
    session = Session(backend, dtype, take or np.asarray, repeat)
    results = list(steps(session, [expect.loosened(case) for case in chosen]))
    name = getattr(backend, "__name__", type(backend).__name__)
    source = f"cases made here from seed {seed}" if given is None else f"{len(chosen)} cases given"
    report = expect.report(Report(name, dtype, tuple(results), source, times=session.times))
    if not quiet:
        print(report)
    return report


def steps(session: Session, chosen: Iterable[Case], notify: Callable[[str], None] | None = None) -> Iterator[Result]:
    """Results one after the other: of all cases, and then, for each operation that passes, of what surrounds a call.

    `notify` is told the name of a case before the call.
    """
    by_operation: dict[str, list[Case]] = {}
    bad = set()
    for case in chosen:
        if notify:
            notify(case.name)
        result = session.call(case)
        if result.state == "passed":
            by_operation.setdefault(case.operation, []).append(case)
        elif result.state in FAILED:
            bad.add(case.operation)
        yield result
    for operation, passed in by_operation.items():
        if operation not in bad:  # what is wrong already needs no second look
            if notify:
                notify(f"call.{operation}.again")
            yield from session.around(passed)


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
    dtype = floats[0] if floats else "float64"
    difference = judge(known, replace(case, outputs=demanded), dtype).difference
    assert difference is None, "\n  ".join([difference.text, *context(case, got, difference.tensor, dtype)])


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
