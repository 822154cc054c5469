"""Step sizes: the sweep goes on until its best has neighbours."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from paper_figures import tuning


def _run(best: float):
    """Fewer steps the nearer the step size is to the best one; too large ones diverge."""

    def run(lr: float, seed: int, most: int | None) -> dict:
        away = abs(math.log10(lr / best))
        return {"exact_at": None if lr > 20 * best else 10 + round(100 * away), "ber": [0.0 if lr < best else math.nan]}

    return run


@given(st.floats(-4.0, 0.0), st.floats(-1.5, 1.5))
def test_the_best_lies_inside_the_sweep_and_is_the_nearest(exponent, offset):
    best = 10.0**exponent
    found = tuning.tuned(_run(best), best * 10.0**offset, seeds=[0, 1, 2, 3])
    assert found["inside"]
    assert len(found["runs"]) == 3
    tried = [row["lr"] for row in found["sweep"]]
    assert tried == sorted(tried)
    assert min(tried) < found["lr"] < max(tried)
    assert abs(math.log10(found["lr"] / best)) <= 0.25 + 0.05  # half a factor, and two digits


def test_a_sweep_that_runs_out_says_so():
    found = tuning.tuned(_run(1e-9), 1.0, seeds=[0, 1], most=5)
    assert not found["inside"]
    assert len(found["sweep"]) <= 6


def test_seeds_of_the_sweep_are_not_reported():
    asked = []
    steps = []

    def run(lr: float, seed: int, most: int | None) -> dict:
        asked.append((lr, seed))
        steps.append((lr, seed, most))
        return {"exact_at": 1, "ber": [0.0]}

    tuning.tuned(run, 0.1, seeds=[7, 8, 9])
    assert {seed for _, seed in asked[:-2]} == {7}
    assert [seed for _, seed in asked[-2:]] == [8, 9]
    assert [most for *_, most in steps][:3] == [None, 1, 1]  # nobody has to be slower than the best so far
    assert [most for *_, most in steps][-2:] == [None, None]
    asked.clear()
    assert tuning.tuned(run, 0.1, seeds=[7, 8], most=1)["sweep"] == []
    assert asked == [(0.1, 8)]
