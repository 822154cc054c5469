"""Ways in which errors are found: each against what rounding or a change really does."""

from __future__ import annotations

import numpy as np
import pytest

from refinr import oracle
from refinr.oracle import bounds, operations
from refinr.oracle.bounds import Question, known
from refinr.oracle.operations import OPERATIONS
from refinr.oracle.rounding import Rounding


def _question(case):
    values = {name: output.values for name, output in case.outputs.items()}
    return Question(OPERATIONS[case.operation].call, case.arrays, case.options, values, np.random.default_rng(0))


def test_a_known_error_is_of_the_values_size_and_finite_where_they_are_not():
    question = Question(dict, {}, {}, {"y": np.array([3.0, -1.0, np.inf, 0.0])})
    assert known(2.0, 1.0)(question, Rounding())["y"].tolist() == [7.0, 3.0, 1.0, 1.0]


def test_only_what_carries_an_error_has_one():
    (case,) = oracle.cases("inr.decode.uint8")
    model = Rounding()
    assert list(bounds.outputs(_question(case), model)) == ["z"]
    z = case.outputs["z"]
    assert model.slack == (abs(z.values) / z.units).min()  # every output is a decision


@pytest.mark.parametrize("name", ["1-step", "10-steps", "other-betas"])
def test_adams_bound_covers_what_its_constants_lose_in_single_precision(name):
    """The constants computed in float32, all else in float64: their error alone."""
    (case,) = oracle.cases(f"optim.adam.{name}")
    one, beta1, beta2 = np.float32(1.0), np.float32(case.options["beta1"]), np.float32(case.options["beta2"])
    p = case.arrays["p"]
    m = 0.0
    v = 0.0
    for t, g in enumerate(case.arrays["g"], 1):
        m = float(beta1) * m + float(one - beta1) * g
        v = float(beta2) * v + float(one - beta2) * g * g
        mean = m / float(one - beta1**t)
        square = v / float(one - beta2**t)
        p = p - case.options["lr"] * mean / (np.sqrt(square) + case.options["eps"])
    question = _question(case)
    lost = bounds.of_adam(question, Rounding())
    without = bounds.running(question, Rounding())
    for key, value in {"m": m, "v": v, "p": p}.items():
        error = abs(value - question.values[key])
        assert (error <= 2.0**-23 * lost[key] + 1e-15 * abs(value)).all()
    if name != "other-betas":  # there 1 - beta2 is 0.1, and hardly anything is lost
        assert (abs(v - question.values["v"]) > 8.0 * 2.0**-23 * without["v"]).any()
    vanishing = [errors(question, Rounding(relative=False)) for errors in (bounds.of_adam, bounds.running)]
    for key in lost:
        np.testing.assert_array_equal(vanishing[0][key], vanishing[1][key])


@pytest.mark.parametrize("operation", ["bit_error_rate", "rmse", "psnr", "ssim"])
def test_bounds_of_metrics_cover_another_order_of_summation(operation):
    for case in oracle.cases(f"metrics.{operation}.*"):
        turned = {key: np.flip(np.moveaxis(a, 0, 1) if a.ndim > 1 else a) for key, a in case.arrays.items()}
        got = getattr(operations, operation)(**turned, **case.options)
        for name, output in case.outputs.items():
            same = got[name] == output.values
            with np.errstate(invalid="ignore"):
                near = abs(got[name] - output.values) <= 2.0**-52 * output.units
            assert (same | near).all()


def test_a_measured_bound_covers_single_precision_and_hardly_depends_on_the_noise():
    for case in oracle.cases("training"):
        units = bounds.disturbed(_question(case), Rounding())
        single = operations.train(**case.inputs("float32"), **case.options)
        for key in ("losses", "z"):
            off = np.linalg.norm(single[key] - case.outputs[key].values)
            assert 0.0 < off <= 2.0**-23 * units[key]
            assert 0.2 < units[key] / case.outputs[key].units < 5.0
