"""A backend called on a case, and what is kept of its calls.

With this you can call a backend case by case (`Session.call`), and have what it answers for other inputs of a case
(`Session.answer`): `refinr.oracle.around` looks at what surrounds a call.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refinr.oracle.backends import Take
from refinr.oracle.case import Case
from refinr.oracle.compare import as_numpy
from refinr.oracle.judging import judged, not_called, raised
from refinr.oracle.reporting import Result, Times


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


def contents(got: Mapping[str, Any]) -> dict[str, bytes]:
    r"""The bytes of all arrays, by name.

    Examples
    --------
    >>> contents({"y": np.ones(1, "uint8")})
    {'y': b'\x01'}
    """
    return {name: as_numpy(value).tobytes() for name, value in got.items()}


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
        if getattr(self.backend, case.operation, None) is None:
            return not_called(case, "not implemented")
        if not case.fixed and self.dtype not in case.dtypes:
            return not_called(case, "not offered")
        try:
            got = self.answer(case, case.inputs(self.dtype))
            result = judged(case, got, self.dtype)
            if not case.refused:
                self.keep(case, got)
        except (Exception, SystemExit) as error:  # whatever goes wrong in there is a line in the table
            return raised(case, error)
        return result

    def answer(self, case: Case, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        """Call, and see whether inputs are as they were."""
        before = {name: array.tobytes() for name, array in inputs.items()}
        given = {name: self.take(array) for name, array in inputs.items()}
        try:
            return run(self.backend, case, given)
        finally:
            changed = [name for name, array in given.items() if as_numpy(array).tobytes() != before[name]]
            if changed:
                self.written.setdefault(case.operation, f"{changed[0]} of {case.name}")

    def keep(self, case: Case, got: Mapping[str, Any]) -> None:
        """Remember a result, as it is and as its bytes are now."""
        self.kept.setdefault(case.operation, []).append((case.name, got, contents(got)))
