"""What may go wrong around a call: state, results and inputs, and how inputs lie in memory.

With this you can choose cases of an operation to look at (`probes`), and look at one thing at a time (`look`, of
`LOOKS`): whether a second call is as right as the first, whether results stay when the operation is called again,
whether inputs stay as they are, and whether inputs may be read-only, in column-major order, with gaps, or backwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace

import numpy as np

from refinr.oracle.calling import Session, contents, run
from refinr.oracle.case import Case
from refinr.oracle.compare import judge
from refinr.oracle.judging import in_words, trace_of
from refinr.oracle.operations import OPERATIONS
from refinr.oracle.reporting import Result, Times

ALONE = ("decode_file", "grid", "codec_decode", "codec_frequencies")
"""Operations whose inputs mean nothing when they are turned round."""


def probes(cases: Iterable[Case], dtype: str) -> list[Case]:
    """A small case, one between, and the largest.

    Examples
    --------
    >>> from refinr.oracle.families import cases
    >>> [case.name for case in probes(cases("coords"), "float32")][0]
    'coords.grid.1'
    """
    asked = [case for case in cases if not case.refused and (case.fixed or dtype in case.dtypes)]
    sizes = {case.name: sum(array.size for array in case.arrays.values()) for case in asked}
    full = [case for case in asked if all(array.size for array in case.arrays.values())]
    full.sort(key=lambda case: sizes[case.name])
    return [full[i] for i in sorted({0, len(full) // 2, len(full) - 1})] if full else []


def look(session: Session, name: str, chosen: list[Case]) -> Result:
    """One of `LOOKS`, at cases of one operation that pass."""
    operation = chosen[0].operation
    case = f"call.{operation}.{name}"
    try:
        text = LOOKS[name](session, chosen)
    except (Exception, SystemExit) as error:
        return Result(case, operation, "raised", in_words(case, error), share=np.inf, trace=trace_of(error))
    return (
        Result(case, operation, "differ", f"{case}: {text}", share=np.inf)
        if text
        else Result(case, operation, "passed")
    )


# --- state, results, inputs ------------------------------------------------------------------------------------------


def _again(session: Session, chosen: list[Case]) -> str:
    """A second call is as right as the first, after one with other numbers; and of many, if asked, bits agree."""
    for case in chosen:
        first = contents(session.answer(case, case.inputs(session.dtype)))
        for count in range(2, max(session.repeat, 1) + 2):
            _call_on_others(session, case)
            got = session.answer(case, case.inputs(session.dtype))
            difference = judge(got, case, session.dtype).difference
            if difference:
                return f"in call {count} with the same inputs, {difference.text}"
            wrong = [name for name, content in contents(got).items() if first.get(name) != content]
            if wrong and session.repeat:
                return f"{wrong[0]} of {case.name} has other bits in call {count} with the same inputs"
    _time(session, chosen[-1])
    return ""


TIMED = 3
"""So many calls are timed; the shortest counts, which others disturb least."""


def _time(session: Session, case: Case) -> None:
    """How long a call takes, and the reference beside it, on the largest probe."""
    inputs = case.inputs(session.dtype)
    row = OPERATIONS.get(case.operation)
    if row is None or any(array.dtype.name == "bfloat16" for array in inputs.values()):
        return
    calls = {
        "backend": partial(run, session.backend, case, {key: session.take(array) for key, array in inputs.items()}),
        "reference": partial(run, SimpleNamespace(**{case.operation: row.call}), case, inputs),
    }
    best = dict.fromkeys(calls, np.inf)
    for _ in range(TIMED):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    session.times[case.operation] = Times(case.name, **best)


def _kept(session: Session, chosen: list[Case]) -> str:
    """Results are what they were when they were returned."""
    for case in chosen:
        session.keep(case, session.answer(case, case.inputs(session.dtype)))
        _call_on_others(session, case)
    for case_name, got, before in session.kept.get(chosen[0].operation, []):
        after = contents(got)
        for name in before:
            if after[name] != before[name]:
                return f"a later call has overwritten {name}, the result of {case_name}"
    return ""


def _inputs(session: Session, chosen: list[Case]) -> str:
    operation = chosen[0].operation
    return f"wrote into {session.written[operation]}" if operation in session.written else ""


def _call_on_others(session: Session, case: Case) -> None:
    if case.operation not in ALONE:
        session.answer(case, {name: _other(array) for name, array in case.inputs(session.dtype).items()})


def _other(array: np.ndarray) -> np.ndarray:
    """Other numbers of the same shape, as valid as these: digits of a code stay together."""
    if array.dtype.kind in "biu" and array.ndim > 1:
        return np.flip(array, tuple(range(array.ndim - 1))).copy()
    flipped = np.flip(array).copy()
    return flipped if array.dtype.kind in "biu" else -flipped


# --- in memory -------------------------------------------------------------------------------------------------------


def _laid_out(name: str, session: Session, chosen: list[Case]) -> str:
    """The same numbers, otherwise in memory."""
    lay = LAYOUTS[name]
    for case in chosen:
        inputs = {key: lay(array) for key, array in case.inputs(session.dtype).items()}
        got = run(session.backend, case, {key: session.take(array) for key, array in inputs.items()})
        difference = judge(got, case, session.dtype).difference
        if difference:
            return f"with inputs so laid out, {difference.text}"
    return ""


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def _with_gaps(array: np.ndarray) -> np.ndarray:
    """Every second number of the last axis and every third row of a larger array; between them is what looks real."""
    if array.ndim == 0:
        return array
    wide = np.full((*(3 * n for n in array.shape[:-1]), 2 * array.shape[-1]), 1, array.dtype)
    view = wide[(*[slice(1, None, 3)] * (array.ndim - 1), slice(1, None, 2))]
    view[...] = array
    return view


def _backwards(array: np.ndarray) -> np.ndarray:
    return np.flip(np.ascontiguousarray(np.flip(array)))


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "read-only": _read_only,
    "column-major": np.asfortranarray,
    "gaps": _with_gaps,
    "backwards": _backwards,
}
"""By name, the same array otherwise in memory."""

LOOKS: dict[str, Callable[[Session, list[Case]], str]] = {"again": _again, "kept": _kept, "inputs": _inputs}
LOOKS |= {name: partial(_laid_out, name) for name in LAYOUTS}
"""By name, what surrounds a call: functions that say in words what is wrong with it."""
