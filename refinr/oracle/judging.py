"""What a backend's answer is worth: the result of a case, and in words what is wrong with it.

With this you can judge what was returned for a case (`judged`), and an exception in place of it (`raised`); `context`
says what went in where the answer is worst.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np

from refinr.oracle.case import BITS, Case
from refinr.oracle.compare import judge, worst_place
from refinr.oracle.facts import facts
from refinr.oracle.reporting import Result


def judged(case: Case, got: Mapping[str, Any], dtype: str) -> Result:
    """The result of a case for which this was returned.

    Examples
    --------
    >>> from refinr.oracle.families import cases
    >>> (case,) = cases("losses.mse.1x1")
    >>> judged(case, case.expected("float32"), "float32").state
    'passed'
    """
    if case.refused:
        text = f"{case.name}: answered, where a call must raise: {case.refused}"
        return not_called(case, "differ", text)._replace(share=np.inf)
    difference, shares = judge(got, case, dtype)
    if not shares and difference is None:
        return not_called(case, "not implemented")
    text = ""
    if difference:
        text = "\n".join([difference.text, *(f"  {line}" for line in context(case, got, difference.tensor, dtype))])
    return Result(
        case.name,
        case.operation,
        "differ" if difference else "passed",
        text,
        left_out=tuple(name for name in case.outputs if name not in shares),
        share=max(shares.values(), default=np.inf),
        facts=about(case),
    )


def not_called(case: Case, state: str, text: str = "", trace: str = "") -> Result:
    """The result of a case without an answer.

    Examples
    --------
    >>> from refinr.oracle.families import cases
    >>> not_called(cases("losses.mse.1x1")[0], "not implemented").state
    'not implemented'
    """
    return Result(case.name, case.operation, state, text, trace=trace, facts=about(case))


def raised(case: Case, error: BaseException) -> Result:
    """The result of a case whose call raised: what a case of a call that must raise asks for.

    Examples
    --------
    >>> from refinr.oracle.families import cases
    >>> raised(cases("losses.mse.1x1")[0], ZeroDivisionError("of 1 by 0")).text
    'losses.mse.1x1: raised ZeroDivisionError: of 1 by 0'
    """
    if isinstance(error, NotImplementedError):
        return not_called(case, "not implemented")
    if case.refused and isinstance(error, Exception):
        return not_called(case, "passed")
    return not_called(case, "raised", in_words(case.name, error), trace_of(error))


def about(case: Case) -> dict[str, Any]:
    """Sizes and options of a case.

    Examples
    --------
    >>> from refinr.oracle.families import cases
    >>> about(cases("coords.grid.3x5")[0])
    {'axes of ends': 1, 'shape': [3, 5]}
    """
    return facts(case.operation, case.arrays, case.options)


# --- in words --------------------------------------------------------------------------------------------------------


def in_words(name: str, error: BaseException) -> str:
    """An exception in a line.

    Examples
    --------
    >>> in_words("mine", KeyError("x"))
    "mine: raised KeyError: 'x'"
    """
    text = " ".join(str(error).split())
    return f"{name}: raised {type(error).__name__}: {text}"


def trace_of(error: BaseException) -> str:
    """Where an exception came from."""
    return "".join(traceback.format_exception(error))


def context(case: Case, got: Mapping[str, Any], tensor: str, dtype: str) -> list[str]:
    """What went in where the tensor is worst, and the options.

    Examples
    --------
    >>> from refinr.oracle.families import cases
    >>> (case,) = cases("activations.sine.30-special")
    >>> context(case, {"y": 2.0 + case.outputs["y"].values}, "y", "float64")
    ['there: z = 0.0, dy = 1.0', 'options: omega = 30.0']
    """
    lines = []
    output = case.outputs.get(tensor)
    if output is not None and (output.kind == BITS or case.fixed or dtype in output.dtypes):
        place = worst_place(got[tensor], output, case.dtype(dtype))
        inputs = case.inputs(dtype)
        alike = {name: array for name, array in inputs.items() if array.shape == output.values.shape and array.ndim}
        if place is not None and alike:
            lines.append("there: " + ", ".join(f"{name} = {array[place]}" for name, array in alike.items()))
    if case.options:
        lines.append("options: " + ", ".join(f"{name} = {value}" for name, value in case.options.items()))
    return lines
