"""A backend checked: case after case, and a report that names the first wrong tensor.

With this you can check a backend (`check_backend`), and use the cases in tests of your own (`parametrize_cases`,
`assert_matches`).

A backend is a module or an object with functions named and called like those of `refinr.oracle.operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from refinr.incoming import checked
from refinr.oracle.around import LOOKS, look, probes
from refinr.oracle.backends import Take, find_backend, name_of, taking
from refinr.oracle.calling import Session
from refinr.oracle.case import Case, numpy_dtype
from refinr.oracle.compare import judge
from refinr.oracle.corpus import choose
from refinr.oracle.expecting import Expectations
from refinr.oracle.families import matches
from refinr.oracle.isolation import Isolated
from refinr.oracle.judging import context
from refinr.oracle.reporting import FAILED, Report, Result

# --- checking --------------------------------------------------------------------------------------------------------


@checked
def check_backend(
    backend: Any,
    families: str | Iterable[str] | None = None,
    dtype: str = "float32",
    *,
    seed: int | None = None,
    given: Iterable[Case] | None = None,
    quiet: bool = False,
    expect: Expectations | None = None,
    repeat: int = 0,
    take: str | Take | None = None,
    isolate: bool = False,
    timeout: float | None = None,
    notify: Notify | None = None,
    source: str = "",
) -> Report:
    """Run a backend through the cases, look at what surrounds its calls, and print the table.

    Parameters
    ----------
    backend : module, object or str
        With functions as in `refinr.oracle.operations`; those it has not got, or that raise NotImplementedError, count
        as not implemented.  A str is its name, as `find_backend` takes it.
    families : str or several, optional
        As for `cases`.
    dtype : {"float64", "float32", "float16", "bfloat16"}
    seed : int, optional
        Of the cases' numbers.  By default they are those of the frozen corpus, where it is found, else of seed 0.
    given : cases, optional
        Take these, from `load` or `make`.
    quiet : bool
        Print nothing.
    expect : Expectations, optional
        What is required, what is known to fail, and where bounds are wider.
    repeat : int
        How often the same call is made again and must give the same bits: many times find races.
    take : str or callable, optional
        In which arrays the backend is given numbers: "numpy", "torch", "jax", "cupy", or a function from NumPy arrays
        to its own.
    isolate : bool
        Call the backend, given by its name, in a process of its own: one that ends the process has failed there.  In a
        script, do so below ``if __name__ == "__main__":``.
    timeout : float, optional
        Seconds for each call of an isolated backend; one that takes longer has failed.
    notify : callable, optional
        Is told the name of each case before the call.
    source : str
        Of cases that are given: where they are from, for the heading.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        For what is not known, or cannot be imported; if what is not isolated has a time limit, or what is isolated no
        name.

    Examples
    --------
    >>> from refinr.oracle import operations
    >>> report = check_backend(operations, "coords", quiet=True)
    >>> report.ok, report.count("passed")
    (True, 20)
    """
    numpy_dtype(dtype)
    expect = expect or Expectations()
    chosen, source = choose(families, seed, given, source)
    expect.check(chosen)
    asked = [expect.loosened(case) for case in chosen]
    if isolate:
        if not isinstance(backend, str):
            raise ValueError(f"backend: expected the name of one to be isolated, got {name_of(backend)}")
        with Isolated(backend, dtype, take, repeat, timeout) as child:
            results = tuple(steps(child.call, child.look, asked, dtype, notify))
        report = Report(child.name, dtype, results, source, times=child.times)
    else:
        if timeout is not None:
            raise ValueError("timeout: only an isolated backend can be stopped")
        backend = find_backend(backend) if isinstance(backend, str) else backend
        session = Session(backend, dtype, taking(take), repeat)
        results = tuple(steps(session.call, partial(look, session), asked, dtype, notify))
        report = Report(name_of(backend), dtype, results, source, times=session.times)
    report = expect.report(report)
    if not quiet:
        print(report)
    return report


Notify = Callable[[str], None]


def steps(
    call: Callable[[Case], Result],
    look: Callable[[str, list[Case]], Result],
    chosen: Iterable[Case],
    dtype: str,
    notify: Notify | None = None,
) -> Iterator[Result]:
    """Results one after the other: of all cases, and then, for each operation that passes, of what surrounds a call.

    `notify` is told the name of a case before the call.
    """
    by_operation: dict[str, list[Case]] = {}
    bad = set()
    for case in chosen:
        if notify:
            notify(case.name)
        result = call(case)
        if result.state == "passed":
            by_operation.setdefault(case.operation, []).append(case)
        elif result.state in FAILED:
            bad.add(case.operation)
        yield result
    for operation, passed in by_operation.items():
        probed = probes(passed, dtype)
        for name in LOOKS if probed and operation not in bad else ():  # what is wrong already needs no second look
            if notify:
                notify(f"call.{operation}.{name}")
            yield look(name, probed)


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
    >>> from refinr.oracle.families import cases
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


def parametrize_cases(
    families: str | Iterable[str], *, xfail: Mapping[str, str] | None = None, seed: int | None = None
) -> Any:
    """A pytest decorator: one test a case, given as ``case``.

    Parameters
    ----------
    families : str or several
        As for `cases`.
    xfail : dict, optional
        Names or patterns of cases that are known to fail, and why; one that passes is then an error.
    seed : int, optional
        As for `check_backend`.

    Examples
    --------
    >>> @parametrize_cases("layers.*")
    ... def test_layers(case):
    ...     x = case.inputs("float32")
    """
    import pytest

    known = dict(xfail or {})
    chosen, _ = choose(families, seed)
    for pattern in known:
        if not any(matches(case, pattern) for case in chosen):
            raise ValueError(f"xfail: {pattern!r} matches no case of {families!r}")

    def marks(case: Case) -> list[Any]:
        reasons = [reason for pattern, reason in known.items() if matches(case, pattern)]
        return [pytest.mark.xfail(reason=reasons[0], strict=True)] if reasons else []

    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in chosen])
