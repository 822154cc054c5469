"""Weights on planes: equal ones change nothing, and the order of learning follows the others."""

from __future__ import annotations

import numpy as np

from paper_figures import curves, signals
from paper_figures.figures import bit_weights


def test_equal_weights_are_the_plain_loss_and_others_turn_the_order():
    signal = signals.image("bathymetry", 8)
    hidden = [24] * 3
    plain = curves.watched(
        signal.codes, signal.bits, curves.cut_named("bit-coordinate", signal.bits), curves.OURS, hidden, steps=300,
        seed=0,
    )  # fmt: skip
    runs = {}
    for base in (0.7, 1.0, 1.4):
        weights = base ** np.arange(signal.bits)
        runs[base] = bit_weights.weighted(signal, weights / weights.mean(), curves.OURS.lr, hidden, 300, seed=0)
    assert runs[1.0]["exact_at"] == plain["exact_at"] is not None
    assert runs[1.0]["multiply_adds"] == plain["multiply_adds"]
    high = {base: bit_weights.ordered({"runs": [run]})[0] for base, run in runs.items()}
    assert high[0.7] < high[1.0] < high[1.4]
