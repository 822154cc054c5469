"""What is particular about a case: its sizes by letter, its options; and what some cases have and others have not.

With this you can list a case's sizes and options (`facts`), and find what tells failures from the rest (`told_apart`).
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from refinr.oracle.operations import OPERATIONS

Facts = dict[str, Any]

STEPS = (64, 32, 16, 8, 4)
"""Sizes that fast kernels take at a time."""


def facts(operation: str, arrays: dict[str, np.ndarray], options: dict[str, Any]) -> Facts:
    """Sizes by the letters of the operation's docstring ("E", "N", "I", ...), axes of arrays, dtypes, and options.

    Examples
    --------
    >>> facts("linear", {"x": np.ones((7, 3)), "w": np.ones((2, 3, 5))}, {})
    {'axes of x': 2, 'N': 7, 'I': 3, 'axes of w': 3, 'E': 2, 'O': 5}
    """
    found: Facts = {}
    row = OPERATIONS.get(operation)
    letters = _letters(inspect.getdoc(row.call) or "") if row else {}
    for name, array in arrays.items():
        found[f"axes of {name}"] = array.ndim
        if array.dtype.kind in "biu":
            found[f"dtype of {name}"] = array.dtype.name
        for axes in letters.get(name, ()):
            if len(axes) == array.ndim:
                found |= {letter: n for letter, n in zip(axes, array.shape, strict=True) if letter not in found}
    return found | options


def _letters(text: str) -> dict[str, list[tuple[str, ...]]]:
    """Of a docstring's parameters, by name: the shapes it speaks of, as tuples of letters."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in text.partition("Parameters\n")[2].partition("Returns\n")[0].splitlines():
        names = re.match(r"([\w, ]+) : arrays?", line)
        shapes = [tuple(shape.split(", ")) for shape in re.findall(r"\(([A-Za-z](?:, [A-Za-z])*),?\)", line)]
        if names:
            found |= dict.fromkeys(names[1].split(", "), shapes)
        for name, shape in re.findall(r"``(\w+)`` \(([\w, ]+)\)", line):
            found[name] = [tuple(shape.split(", "))]
    return found


SEVERAL = 3
"""So many failures at least, where two facts together are to tell them apart: of fewer, some pair always does."""


def told_apart(failed: Iterable[Facts], passed: Iterable[Facts]) -> str:
    """A fact, or two, that hold for all that failed and for none that passed; empty if there is none.

    Examples
    --------
    >>> told_apart([{"E": 1, "N": 7}, {"E": 1, "N": 3}], [{"E": 2, "N": 7}, {"E": 3, "N": 3}])
    'E = 1'
    """
    failed = list(failed)
    passed = [one for one in passed if not _is_empty(one)]  # of no samples, nothing can be wrong
    keys = [key for key in failed[0] if all(key in one for one in failed)]
    found = {}  # by text: of which that passed it holds as well
    for tests in (_value, _size, _tail):
        for key in keys:
            for text, holds in tests(key, failed[0][key]):
                if all(holds(one[key]) for one in failed):
                    found[text] = {i for i, one in enumerate(passed) if key in one and holds(one[key])}
                    if not found[text]:
                        return text
    simple = {text: which for text, which in found.items() if text.endswith(" > 1") or " = " in text}
    for (one, these), (other, those) in combinations(simple.items(), 2):
        if len(failed) >= SEVERAL and not these & those:
            return f"{one} and {other}"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Test = tuple[str, Callable[[Any], bool]]


def _value(key: str, value: Any) -> Iterator[Test]:
    yield f"{key} = {value}", partial(operator.eq, value)


def _size(key: str, value: Any) -> Iterator[Test]:
    if not _is_number(value):
        return
    yield f"{key} > 1", partial(_compares, operator.gt, 1)
    for step in STEPS:
        yield f"{key} >= {step}", partial(_compares, operator.ge, step)
        yield f"{key} > {step}", partial(_compares, operator.gt, step)
        yield f"{key} < {step}", partial(_compares, operator.lt, step)
        if _is_letter(key):
            yield f"{key} not a multiple of {step}", partial(_compares, operator.mod, step)


def _tail(key: str, value: Any) -> Iterator[Test]:
    """More than one block, and the last one not full: where loops over blocks go wrong."""
    if _is_number(value) and _is_letter(key):
        for step in STEPS:
            yield f"{key} > {step} and no multiple of it", partial(_has_a_tail, step)


def _is_letter(key: str) -> bool:
    """A size, over which loops run, and no option."""
    return len(key) == 1 and key.isupper()


def _is_empty(one: Facts) -> bool:
    return any(value == 0 for key, value in one.items() if _is_letter(key))


def _has_a_tail(step: int, value: Any) -> bool:
    return _compares(operator.gt, step, value) and _compares(operator.mod, step, value)


def _compares(relation: Callable[[Any, Any], Any], step: int, value: Any) -> bool:
    return _is_number(value) and bool(relation(value, step))
