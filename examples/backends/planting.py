"""Faults planted into the reference: what a defect is, and whether the oracle sees it.

With this you can plant a fault into what goes into an operation or comes out of it (`before`, `after`), and look for it
(`find`, `found`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refinr import oracle
from refinr.oracle import operations
from refinr.oracle.reporting import FAILED, Report
from refinr.oracle.reporting import Result as Seen

Result = dict[str, Any]


class Defect(NamedTuple):
    """A defect: where it should be found, and the functions that have it."""

    what: str
    family: str
    functions: dict[str, Callable[..., Result]]
    dtype: str = "float32"
    seen: str = "differ"
    """"differ"; "raised", if some layouts of inputs make it raise; "repeat", if only many calls show it; "none", if
    nothing does, and `why` not."""
    why: str = ""


class Broken:
    """The reference with some of its functions replaced."""

    def __init__(self, functions: dict[str, Callable]) -> None:
        self.functions = functions

    def __getattr__(self, name: str) -> Any:
        return self.functions.get(name) or getattr(operations, name)


MANY = 30
"""Calls with the same inputs, where `Defect.seen` is "repeat"."""


def find(defect: Defect, seed: int = 0) -> Report:
    """The report of the family that should find the defect."""
    with np.errstate(all="ignore"):
        return oracle.check_backend(
            Broken(defect.functions),
            defect.family,
            defect.dtype,
            seed=seed,
            quiet=True,
            repeat=MANY if defect.seen == "repeat" else 0,
        )


def found(report: Report) -> list[Seen]:
    """What failed."""
    return [result for result in report.results if result.state in FAILED]


def after(operation: str, change: Callable[[Result, dict], Result]) -> dict[str, Callable]:
    """The operation, its result changed: ``change(result, arguments)`` returns what is different."""
    call = getattr(operations, operation)

    def changed(**arguments: Any) -> Result:
        result = call(**arguments)
        return result | change(result, arguments)

    return {operation: changed}


def before(operation: str, change: Callable[[dict], dict]) -> dict[str, Callable]:
    """The operation on arguments that have been changed: ``change(arguments)`` returns what is different."""
    call = getattr(operations, operation)
    return {operation: lambda **arguments: call(**(arguments | change(arguments)))}


def like(value: Any, array: np.ndarray) -> np.ndarray:
    return np.asarray(value).astype(array.dtype)
