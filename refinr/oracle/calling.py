"""A backend called: case by case, and with what may go wrong around a call.

With this you can call a backend on a case (`call`), and look at what surrounds a call (`around`): whether inputs stay
as they are, whether results stay when the operation is called again, whether the same call gives the same bits, and
whether inputs may be read-only, in column-major order, with gaps, or backwards.
"""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from refinr.oracle.case import BITS, Case
from refinr.oracle.compare import as_numpy, judge, worst_place
from refinr.oracle.facts import facts
from refinr.oracle.operations import OPERATIONS
from refinr.oracle.reporting import Result, Times

Take = Callable[[np.ndarray], Any]
"""From a NumPy array to what a backend is given."""


# --- one call --------------------------------------------------------------------------------------------------------


def run(backend: Any, case: Case, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the backend answers; its warnings are its own affair.

    Raises
    ------
    TypeError
        If it is no dict.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        got = getattr(backend, case.operation)(**inputs, **case.options)
    if not isinstance(got, Mapping):
        raise TypeError(f"expected a dict of arrays, got {type(got).__name__}")
    return got


@dataclass
class Session:
    """A check under way: what is given to the backend and how, and what has been seen so far."""

    backend: Any
    dtype: str
    take: Take
    repeat: int = 0
    """How often the same call is made again and must give the same bits."""
    kept: dict[str, list[tuple[str, Mapping[str, Any], dict[str, bytes]]]] = field(default_factory=dict)
    """By operation: cases, results as the backend gave them, and the bytes that they had then."""
    written: dict[str, str] = field(default_factory=dict)
    """By operation, which input of which case was written to."""
    times: dict[str, Times] = field(default_factory=dict)

    def call(self, case: Case) -> Result:
        """Call the backend on a case, and judge."""
        about = facts(case.operation, case.arrays, case.options)
        if getattr(self.backend, case.operation, None) is None:
            return Result(case.name, case.operation, "not implemented", facts=about)
        if not case.fixed and self.dtype not in case.dtypes:
            return Result(case.name, case.operation, "not offered", facts=about)
        try:
            got = self._answer(case, case.inputs(self.dtype))
            if case.refused:
                text = f"{case.name}: answered, where a call must raise: {case.refused}"
                return Result(case.name, case.operation, "differ", text, share=np.inf, facts=about)
            difference, shares = judge(got, case, self.dtype)
            self.kept.setdefault(case.operation, []).append((case.name, got, _bytes(got)))
        except NotImplementedError:
            return Result(case.name, case.operation, "not implemented", facts=about)
        except (Exception, SystemExit) as error:  # whatever goes wrong in there is a line in the table
            if case.refused and isinstance(error, Exception):
                return Result(case.name, case.operation, "passed", facts=about)
            return Result(
                case.name, case.operation, "raised", _raised(case.name, error), trace=_trace(error), facts=about
            )
        if not shares and difference is None:
            return Result(case.name, case.operation, "not implemented", facts=about)
        left_out = tuple(name for name in case.outputs if name not in shares)
        worst = max(shares.values(), default=np.inf)
        if difference:
            lines = [difference.text, *(f"  {line}" for line in context(case, got, difference.tensor, self.dtype))]
            return Result(case.name, case.operation, "differ", "\n".join(lines), left_out, worst, facts=about)
        return Result(case.name, case.operation, "passed", "", left_out, worst, facts=about)

    def _answer(self, case: Case, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        """Call, and see whether inputs are as they were."""
        before = {name: array.tobytes() for name, array in inputs.items()}
        given = {name: self.take(array) for name, array in inputs.items()}
        try:
            return run(self.backend, case, given)
        finally:
            changed = [name for name, array in given.items() if as_numpy(array).tobytes() != before[name]]
            if changed:
                self.written.setdefault(case.operation, f"{changed[0]} of {case.name}")

    # --- around a call ---

    def around(self, cases: list[Case]) -> Iterator[Result]:
        """Of one operation, cases of which all pass: what surrounds a call."""
        operation = cases[0].operation
        probes = _probes(cases, self.dtype)
        if not probes:
            return
        checks: dict[str, Callable[[list[Case]], str]]
        checks = {"again": self._again, "kept": self._kept, "inputs": self._inputs}
        checks |= {name: partial(self._laid_out, name) for name in LAYOUTS}
        for name, check in checks.items():
            try:
                text = check(probes)
                trace = ""
            except (Exception, SystemExit) as error:
                text = _raised(f"call.{operation}.{name}", error)
                trace = _trace(error)
            state = ("raised" if trace else "differ") if text else "passed"
            yield Result(f"call.{operation}.{name}", operation, state, text, share=np.inf if text else 0.0, trace=trace)

    def _again(self, probes: list[Case]) -> str:
        """A second call is as right as the first, after one with other numbers; and of many, if asked, bits agree."""
        for case in probes:
            first = _bytes(self._answer(case, case.inputs(self.dtype)))
            for count in range(2, max(self.repeat, 1) + 2):
                if case.operation not in ALONE:
                    self._answer(case, {name: _other(array) for name, array in case.inputs(self.dtype).items()})
                start = time.perf_counter()
                got = self._answer(case, case.inputs(self.dtype))
                self._time(case, time.perf_counter() - start)
                difference = judge(got, case, self.dtype).difference
                if difference:
                    return f"call.{case.operation}.again: in call {count} with the same inputs, {difference.text}"
                wrong = [name for name, content in _bytes(got).items() if first.get(name) != content]
                if wrong and self.repeat:
                    what = f"{wrong[0]} of {case.name} has other bits in call {count} with the same inputs"
                    return f"call.{case.operation}.again: {what}"
        return ""

    def _time(self, case: Case, seconds: float) -> None:
        """Beside the reference, on the largest probe: the last one."""
        inputs = case.inputs(self.dtype)
        row = OPERATIONS.get(case.operation)
        if row is None or any(array.dtype.name == "bfloat16" for array in inputs.values()):
            return
        start = time.perf_counter()
        with np.errstate(all="ignore"):
            row.call(**inputs, **case.options)
        self.times[case.operation] = Times(case.name, seconds, time.perf_counter() - start)

    def _kept(self, probes: list[Case]) -> str:
        """Results are what they were when they were returned."""
        operation = probes[0].operation
        for case in probes:
            got = self._answer(case, case.inputs(self.dtype))
            self.kept.setdefault(operation, []).append((case.name, got, _bytes(got)))
            if operation not in ALONE:
                self._answer(case, {name: _other(array) for name, array in case.inputs(self.dtype).items()})
        for case_name, got, before in self.kept.get(operation, []):
            after = _bytes(got)
            for name in before:
                if after[name] != before[name]:
                    return f"call.{operation}.kept: a later call has overwritten {name}, the result of {case_name}"
        return ""

    def _inputs(self, probes: list[Case]) -> str:
        operation = probes[0].operation
        return f"call.{operation}.inputs: wrote into {self.written[operation]}" if operation in self.written else ""

    def _laid_out(self, name: str, probes: list[Case]) -> str:
        """The same numbers, otherwise in memory."""
        lay = LAYOUTS[name]
        for case in probes:
            inputs = {key: lay(array) for key, array in case.inputs(self.dtype).items()}
            got = run(self.backend, case, {key: self.take(array) for key, array in inputs.items()})
            difference = judge(got, case, self.dtype).difference
            if difference:
                return f"call.{case.operation}.{name}: with inputs so laid out, {difference.text}"
        return ""


# --- in memory -------------------------------------------------------------------------------------------------------


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

ALONE = ("decode_file", "grid")
"""Operations whose inputs mean nothing when they are turned round."""


def _other(array: np.ndarray) -> np.ndarray:
    """Other numbers of the same shape, as valid as these: digits of a code stay together."""
    if array.dtype.kind in "biu" and array.ndim > 1:
        return np.flip(array, tuple(range(array.ndim - 1))).copy()
    flipped = np.flip(array).copy()
    return flipped if array.dtype.kind in "biu" else -flipped


def _probes(cases: list[Case], dtype: str) -> list[Case]:
    """A small case, one between, and the largest."""
    asked = [case for case in cases if not case.refused and (case.fixed or dtype in case.dtypes)]
    sizes = {case.name: sum(array.size for array in case.arrays.values()) for case in asked}
    full = [case for case in asked if all(array.size for array in case.arrays.values())]
    full.sort(key=lambda case: sizes[case.name])
    return [full[i] for i in sorted({0, len(full) // 2, len(full) - 1})] if full else []


def _bytes(got: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: as_numpy(value).tobytes() for name, value in got.items()}


# --- in words --------------------------------------------------------------------------------------------------------


def _raised(name: str, error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{name}: raised {type(error).__name__}: {text}"


def _trace(error: BaseException) -> str:
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
