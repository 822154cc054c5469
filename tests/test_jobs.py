"""How to train: values out of range are refused, and the margin has a unit."""

from __future__ import annotations

import math

import pytest

from refinr.jobs import Options


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "l2"}, "loss: unknown name 'l2'; known are bce, mse, mae"),
        ({"lr": 0.0}, "lr: expected a positive step size, got 0.0"),
        ({"lr": -1e-3}, "lr: expected a positive step size, got -0.001"),
        ({"lr": math.nan}, "lr: expected a positive step size, got nan"),
        ({"lr": math.inf}, "lr: expected a positive step size, got inf"),
        ({"levels": 4}, "loss: 'bce' is for bits, and there are 4 levels: use 'mse' or 'mae'"),
        ({"margin": -0.1}, "margin: expected 0 or a finite number, got -0.1"),
        ({"margin": math.inf}, "margin: expected 0 or a finite number, got inf"),
        ({"margin": math.nan}, "margin: expected 0 or a finite number, got nan"),
        ({"loss": "mse", "margin": 1.0}, r"margin: expected 0 or a number below 1 \(half steps of mse\), got 1.0"),
        ({"loss": "mae", "margin": -1.0}, r"margin: expected 0 or a number below 1 \(half steps of mae\), got -1.0"),
        ({"max_steps": -1}, "max_steps: expected 0 or more, got -1"),
        ({"seed": -5}, "seed: expected 0 or more, got -5"),
        ({"patience": 0}, "patience: expected .*, got 0"),
        ({"patience": -3}, "patience: expected .*, got -3"),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Options(**values)


@pytest.mark.parametrize(("loss", "margin", "goal"), [("bce", 3.0, 3.0), ("mse", 0.5, 0.25), ("mae", 0.0, 0.0)])
def test_the_goal_is_in_logits_or_in_steps(loss, margin, goal):
    assert Options(loss=loss, margin=margin).goal == goal
