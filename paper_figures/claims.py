"""What the paper claims, and how a claim is judged from data.

With this you can state a claim with its rule (`Claim`) and turn what was found into a verdict (`verdict`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

HOLDS = "holds"
DIFFERS = "differs"
FAILS = "does not hold"


class Finding(NamedTuple):
    """What the data say about a claim: ours, in words and numbers, and one of the three verdicts."""

    ours: str
    verdict: str


class Claim(NamedTuple):
    """A claim of the paper, in our words, and what decides about it here."""

    claim: str
    paper: str
    """The paper's numbers, where it has any."""
    rule: str
    """When it holds, when it differs; otherwise it does not hold."""
    judge: Callable[[dict[str, Any]], Finding]


def verdict(holds: bool, differs: bool = False) -> str:
    """The verdict of a rule in two steps.

    Examples
    --------
    >>> verdict(True), verdict(False, True), verdict(False)
    ('holds', 'differs', 'does not hold')
    """
    return HOLDS if holds else DIFFERS if differs else FAILS


def count(number: float | None, most: int | None = None) -> str:
    """A number of steps in words; None is one that was not reached.

    Examples
    --------
    >>> count(71.5), count(None, 600)
    ('72', 'over 600')
    """
    return f"{number:.0f}" if number is not None else f"over {most:,}" if most is not None else "never"
