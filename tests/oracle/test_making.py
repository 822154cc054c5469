"""Making a case: what is offered in a dtype says something there, and inputs are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import oracle
from refinr.oracle.bounds import known
from refinr.oracle.case import BOUNDED, DTYPES, EPS, cast
from refinr.oracle.compare import tolerance
from refinr.oracle.making import make, short


def test_a_case_says_something_in_every_dtype_it_is_offered_in():
    for case in oracle.cases():
        for dtype in case.dtypes:
            for array in case.arrays.values():  # every dtype starts from the same numbers
                if array.dtype == np.float64 and not case.fixed:
                    cast = case.inputs(dtype)
                    assert all(np.array_equal(cast[n].astype(float), a, equal_nan=True) for n, a in case.arrays.items())
            said = [output for output in case.outputs.values() if case.fixed or dtype in output.dtypes]
            assert said or case.refused, case.name
            for output in said:
                if output.kind == BOUNDED and output.values.any() and not case.fixed:
                    finite = np.where(np.isfinite(output.values), output.values, 0.0)
                    bound = np.broadcast_to(tolerance(output, dtype), finite.shape)
                    assert np.linalg.norm(bound) <= 0.5 * np.linalg.norm(finite)  # a wrong sign cannot pass


def _kink(distance):
    """One ReLU at two samples; at the first its argument, 1/2 - 1/2 + distance, is that far from the kink."""
    one, x = np.ones((1, 1, 1)), np.array([[1.0], [8.0]])
    arrays = {"x": x, "targets": 0.5 * x[None], "w0": 0.5 * one, "b0": distance - 0.5 * one, "w1": one, "b1": one}
    options = {"activation": "relu", "omega": 1.0, "scale": 1.0, "loss": "mse", "octaves": 0}
    return make("mlp.mlp.kink", arrays, **options).dtypes


def test_a_decision_within_its_bound_is_not_asked_for():
    # the argument may be off by one rounding of the product and one of the sum
    assert "float32" in _kink(2.0**-16)
    assert _kink(2.0**-21) == ("float64",)


def test_a_number_too_large_for_a_dtype_is_not_asked_for():
    arrays = {"z": np.array([[300.0]]), "targets": np.array([[0.0]])}
    assert make("losses.mse.large", arrays).dtypes == ("float64", "float32", "bfloat16")


def test_inputs_that_a_dtype_rounds_are_not_asked_for():
    arrays = {"z": np.array([[1.0 + 2.0**-10]]), "targets": np.array([[0.0]])}
    assert make("losses.mse.long", arrays).dtypes == ("float64", "float32", "float16")


def test_bounds_may_be_given_for_inputs_that_allow_for_less():
    arrays = {"w": np.array([[2.0, -0.5], [0.5, -2.0], [1.5, -1.5], [0.0, 0.0]])}  # some weights are half their mean
    assert make("ternary.weight_codes.ties", arrays).dtypes == ()
    exact = make("ternary.weight_codes.ties", arrays, errors=known(0.0))
    assert exact.dtypes == DTYPES
    assert not exact.outputs["t"].units.any()


def test_an_unknown_operation_is_refused():
    with pytest.raises(KeyError, match="cosine"):
        make("activations.cosine.1", {})


def test_a_measured_bound_needs_a_generator():
    (case,) = oracle.cases("training.train.line")
    with pytest.raises(ValueError, match="rng: expected a generator"):
        make("training.train.again", case.arrays, **case.options)


@given(st.floats(-1000.0, 1000.0))
def test_a_short_number_is_near_and_exact_in_every_dtype(value):
    rounded = short(value)
    assert abs(rounded - value) <= 2.0**-8 * abs(value) + 2.0**-25
    for dtype in DTYPES:
        assert cast(np.asarray(rounded), dtype).astype(float) == rounded


def test_floats_of_any_precision_become_cases_that_start_from_the_same_numbers():
    z = np.linspace(-1.0, 1.0, 50)
    for dtype, offered in (("float64", {"float64"}), ("float32", {"float64", "float32"}), ("float16", set(EPS))):
        case = make("mine.relu.50", {"z": z.astype(dtype), "dy": np.ones(50)})
        assert case.arrays["z"].dtype == np.float64
        assert set(case.dtypes) - {"bfloat16"} == offered - {"bfloat16"}
    samples = make("mine.to_codes.5", {"samples": np.ones(5, "float32")})
    assert samples.arrays["samples"].dtype == np.float32
