"""The oracle: someone else's fast backend, checked against the reference until the first wrong number.

With this you can find a backend by name (`find_backend`), check it (`check_backend`), use the cases in tests of your
own (`parametrize_cases`, `assert_matches`), keep them in files that any language reads (`export`, `load`; `frozen` are
those that never change), and judge what a program in any language answered (`compare_answers`).

A backend is a module or an object with functions named and called like those of `refinr.oracle.operations`.
"""

from refinr.oracle.answers import compare_answers
from refinr.oracle.backends import find_backend
from refinr.oracle.check import assert_matches, check_backend, parametrize_cases
from refinr.oracle.corpus import frozen
from refinr.oracle.expecting import Expectations, Wider, read_known
from refinr.oracle.families import cases, select
from refinr.oracle.making import make
from refinr.oracle.reporting import Report, Result
from refinr.oracle.vectors import export, load

__all__ = [
    "Expectations",
    "Report",
    "Result",
    "Wider",
    "assert_matches",
    "cases",
    "check_backend",
    "compare_answers",
    "export",
    "find_backend",
    "frozen",
    "load",
    "make",
    "parametrize_cases",
    "read_known",
    "select",
]
