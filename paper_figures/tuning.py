"""Every method at a step size of its own, and at several seeds.

With this you can sweep step sizes until the best one lies inside the sweep, and then repeat (`tuned`), compare
cases (`summary`), and put them into words and tables (`steps_in_words`, `columns`, `sweeps_in_words`).

What is compared is then no longer whether somebody else's step size suits our sizes.  The sweep has a seed of its own,
which is not among those that are reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Row = dict[str, Any]

FACTOR = math.sqrt(10.0)
"""From one step size to the next."""

MOST = 9
"""Step sizes of a sweep at most: four decades."""


def tuned(run: Callable[[float, int, int | None], Row], start: float, seeds: Sequence[int], most: int = MOST) -> Row:
    """The best step size for `run`, and what comes of it at several seeds.

    Parameters
    ----------
    run : callable
        ``run(lr, seed, most)``: a dict with ``exact_at`` (steps to zero wrong bits, or None) and ``ber`` (a list of bit
        error rates, the last one counts).  `most` are the steps after which it may give up, None: as many as it has;
        in a sweep nobody needs to be slower than the best so far.
    start : float
        Where the sweep starts; it goes on in factors of `FACTOR` on whichever side the best is at the edge.
    seeds : sequence of ints
        The first is the sweep's, the others are those of the runs.
    most : int
        Step sizes at most.  1 takes `start` unseen.

    Returns
    -------
    dict with ``lr``, ``inside`` (whether both neighbours of the best were tried), ``sweep`` and ``runs``

    Examples
    --------
    >>> def run(lr, seed, most):
    ...     return {"exact_at": None, "ber": [abs(math.log10(lr) + 2)]}
    >>> found = tuned(run, 1.0, seeds=[0, 1, 2])
    >>> found["lr"], found["inside"], [row["lr"] for row in found["sweep"]], len(found["runs"])
    (0.01, True, [0.0032, 0.01, 0.032, 0.1, 0.32, 1.0, 3.2], 2)
    """
    found: dict[int, Row] = {}
    best = 0
    nearby = [0, -1, 1] if most > 1 else []
    while len(found) < most and (missing := [k for k in nearby if k not in found]):
        for k in missing:
            fastest = min((row["exact_at"] for row in found.values() if row["exact_at"]), default=None)
            found[k] = _outcome(run(_rate(start, k), seeds[0], fastest))
        best = min(found, key=lambda k: (score(found[k]), k))  # where all diverge, on to smaller steps
        nearby = [best - 1, best + 1]
    lr = _rate(start, best)
    return {
        "lr": lr,
        "inside": best - 1 in found and best + 1 in found,
        "sweep": [{"lr": _rate(start, k)} | found[k] for k in sorted(found)],
        "runs": [run(lr, seed, None) for seed in seeds[1:]],
    }


def _rate(start: float, k: int) -> float:
    return float(f"{start * FACTOR**k:.2g}")


def _outcome(run: Row) -> Row:
    return {"exact_at": run["exact_at"], "ber": mean_rate(run)}


def mean_rate(run: Row) -> float:
    """Bit error rate at the end of a run, all planes together."""
    return float(np.mean(run["ber"][-1]))


def score(outcome: Row) -> tuple[float, float]:
    """What is better comes first: fewer steps to zero wrong bits, then fewer wrong bits; NaN is last.

    Examples
    --------
    >>> score({"exact_at": 7, "ber": 0.0}) < score({"exact_at": None, "ber": 0.1}) < score({"exact_at": None, "ber": 1})
    True
    """
    ber = outcome["ber"]
    return outcome["exact_at"] or math.inf, ber if math.isfinite(ber) else math.inf


class Summary(NamedTuple):
    """Several runs in numbers: means, and half the distance of the extremes."""

    exact: int
    of: int
    steps: float
    """Infinite if one did not become exact."""
    steps_spread: float
    ber: float
    ber_spread: float
    multiply_adds: float
    """Of training, until exact or to the end."""
    seconds: float
    """Of a processor."""


def summary(row: Row) -> Summary:
    """Of the runs of one case.

    Examples
    --------
    >>> one = {"exact_at": 10, "ber": [0.5, 0.0], "multiply_adds": 7.0, "seconds": 1.0}
    >>> found = summary({"runs": [one, one | {"exact_at": 14}]})
    >>> found.exact, found.steps, found.steps_spread
    (2, 12.0, 2.0)
    """
    runs = row["runs"]
    steps = [math.inf if run["exact_at"] is None else float(run["exact_at"]) for run in runs]
    rates = [mean_rate(run) for run in runs]
    exact = sum(s < math.inf for s in steps)
    return Summary(
        exact, len(runs), float(np.mean(steps)), _half_range(steps) if exact == len(runs) else math.inf,
        float(np.mean(rates)), _half_range(rates), float(np.mean([run["multiply_adds"] for run in runs])),
        float(np.mean([run["seconds"] for run in runs])),
    )  # fmt: skip


def _half_range(values: list[float]) -> float:
    return (max(values) - min(values)) / 2


def steps_in_words(row: Row, limit: int) -> str:
    """Mean and spread of the steps to zero wrong bits; if some runs did not get there, how many did.

    Examples
    --------
    >>> run = {"exact_at": 10, "ber": [0.0], "multiply_adds": 0.0, "seconds": 0.0}
    >>> steps_in_words({"runs": [run, run | {"exact_at": 14}]}, 100)
    '12 +- 2'
    >>> steps_in_words({"runs": [run, run | {"exact_at": None}]}, 100)
    '1 of 2 within 100'
    """
    found = summary(row)
    if found.exact < found.of:
        return f"{found.exact} of {found.of} within {limit:,}"
    return f"{found.steps:.0f} +- {found.steps_spread:.0f}"


def columns(row: Row, limit: int) -> Row:
    """What tables say of a case: step size, steps, work, time, wrong bits."""
    found = summary(row)
    edge = "" if row["inside"] else " (edge)"
    return {
        "step size": f"{row['lr']:g}{edge}",
        "steps to zero wrong bits": steps_in_words(row, limit),
        "10^9 multiply-adds": f"{found.multiply_adds / 1e9:.3g}",
        "processor seconds": f"{found.seconds:.2g}",
        "BER at the end": f"{found.ber:.4f} +- {found.ber_spread:.4f}" if found.ber else "0",
    }


def sweeps_in_words(rows: Sequence[Row]) -> str:
    """How many sweeps have their best inside.

    Examples
    --------
    >>> sweeps_in_words([{"inside": True}, {"inside": False}])
    'best step size inside its sweep in 1 of 2 cases'
    """
    return f"best step size inside its sweep in {sum(row['inside'] for row in rows)} of {len(rows)} cases"
