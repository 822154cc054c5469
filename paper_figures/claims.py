"""What the paper claims, and how a claim is judged from data.

With this you can state a claim with its rule (`Claim`), turn what was found into a verdict (`verdict`, `none_exact`),
and compare the runs of two cases (`sooner`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from paper_figures import tuning

HOLDS = "holds"
PARTLY = "partly"
FAILS = "does not hold"
UNTRIED = "not tried"


class Finding(NamedTuple):
    """What the data say about a claim: ours, in words and numbers, and one of the verdicts above."""

    ours: str
    verdict: str


class Claim(NamedTuple):
    """A claim of the paper, in our words, and what decides about it here."""

    claim: str
    paper: str
    """The paper's numbers, where it has any."""
    rule: str
    """When it holds, when it holds partly; otherwise it does not hold."""
    judge: Callable[[dict[str, Any]], Finding]

    @property
    def is_ours(self) -> bool:
        """Whether it is not the paper's."""
        return self.claim.startswith("(Ours.)")


class Untried(NamedTuple):
    """A claim that no figure here is about."""

    where: str
    claim: str
    why: str


def verdict(holds: bool, partly: bool = False) -> str:
    """The verdict of a rule in two steps.

    Examples
    --------
    >>> verdict(True), verdict(False, True), verdict(False)
    ('holds', 'partly', 'does not hold')
    """
    return HOLDS if holds else PARTLY if partly else FAILS


def none_exact(found: Iterable[tuple[int, int]]) -> str:
    """The verdict on methods of which none should be exact, from the exact runs of each and all of its runs.

    Partly if fewer than half of all runs are exact, and no method is in all of its own.

    Examples
    --------
    >>> none_exact([(0, 3), (0, 3)]), none_exact([(1, 3), (1, 3)]), none_exact([(0, 3), (3, 3)])
    ('holds', 'partly', 'does not hold')
    """
    methods = list(found)
    total = sum(exact for exact, _ in methods)
    few = 2 * total < sum(of for _, of in methods) and all(exact < of for exact, of in methods)
    return verdict(total == 0, few)


def count(number: float | None, most: int | None = None) -> str:
    """A number of steps in words; None is one that was not reached.

    Examples
    --------
    >>> count(71.5), count(None, 600)
    ('72', 'over 600')
    """
    return f"{number:.0f}" if number is not None else f"over {most:,}" if most is not None else "never"


def sooner(row: dict[str, Any], other: dict[str, Any]) -> tuple[bool, bool]:
    """Whether every run of a case is exact before any of the other's, and whether they are on average.

    Examples
    --------
    >>> run = {"exact_at": 10, "ber": [0.0], "multiply_adds": 0.0, "seconds": 0.0}
    >>> sooner({"runs": [run, run | {"exact_at": 14}]}, {"runs": [run | {"exact_at": 13}]})
    (False, True)
    """
    first, second = ([run["exact_at"] or math.inf for run in case["runs"]] for case in (row, other))
    return max(first) < min(second), tuning.summary(row).steps < tuning.summary(other).steps
