"""Numbers that carry their rounding error: every rule by what a small change really does, and the jumps."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from refinr import activations, oracle
from refinr.oracle.rounding import Rounding
from refinr.oracle.tracked import Tracked
from tests.strategies import seeds

# what is computed from a (3, 4), b (3, 4), c (4, 2), all between 1/4 and 1; no rule is left out, see below
RULES = {
    "sin": lambda xp, a, b, c: xp.sin(a),
    "cos": lambda xp, a, b, c: xp.cos(a),
    "exp": lambda xp, a, b, c: xp.exp(a),
    "tanh": lambda xp, a, b, c: xp.tanh(a),
    "log1p": lambda xp, a, b, c: xp.log1p(a),
    "sqrt": lambda xp, a, b, c: xp.sqrt(a),
    "abs": lambda xp, a, b, c: xp.abs(-a),
    "maximum": lambda xp, a, b, c: xp.maximum(a, b),
    "where": lambda xp, a, b, c: xp.where(np.eye(3, 4) > 0, a, b),
    "sum": lambda xp, a, b, c: xp.sum(a),
    "sum, one axis": lambda xp, a, b, c: xp.sum(a, axis=0),
    "mean": lambda xp, a, b, c: xp.mean(a, axis=-1, keepdims=True),
    "sum, axis kept": lambda xp, a, b, c: xp.sum(a, axis=0, keepdims=True),
    "maximum, number": lambda xp, a, b, c: xp.maximum(a, 0.5),
    "min": lambda xp, a, b, c: xp.min(a, axis=0),
    "transpose": lambda xp, a, b, c: xp.matmul(a.T, b),
    "full_like": lambda xp, a, b, c: a + xp.full_like(a, 0.5),
    "max": lambda xp, a, b, c: xp.max(a, axis=-1, keepdims=True),
    "clip": lambda xp, a, b, c: xp.clip(a, 0.3, 0.9),
    "take": lambda xp, a, b, c: xp.take(a, np.array([3, 0, 3]), axis=-1),
    "reshape": lambda xp, a, b, c: xp.reshape(a, (2, 6)),
    "asarray": lambda xp, a, b, c: xp.asarray(a, copy=True),
    "* power of two": lambda xp, a, b, c: 8.0 * a,
    "matmul": lambda xp, a, b, c: xp.matmul(a, c),
    "matrix_transpose": lambda xp, a, b, c: xp.matrix_transpose(a),
    "permute_dims": lambda xp, a, b, c: xp.permute_dims(a, (1, 0)),
    "concat": lambda xp, a, b, c: xp.concat([a, b], axis=-1),
    "+": lambda xp, a, b, c: a + b,
    "+ number": lambda xp, a, b, c: 0.1 + a,
    "-": lambda xp, a, b, c: a - b,
    "number -": lambda xp, a, b, c: 1.0 - a,
    "*": lambda xp, a, b, c: a * b,
    "* number": lambda xp, a, b, c: math.pi * a,
    "/": lambda xp, a, b, c: a / b,
    "/ number": lambda xp, a, b, c: a / 3.0,
    "number /": lambda xp, a, b, c: 2.0 / a,
    "negative": lambda xp, a, b, c: -a,
    "index": lambda xp, a, b, c: a[1:, ::2],
    "in place": lambda xp, a, b, c: _in_place(a + b, a),
    "normal_cdf": lambda xp, a, b, c: activations.normal_cdf(a),
}
SMOOTH = pytest.mark.parametrize("rule", RULES)


def _in_place(total, a):
    total *= a
    return total


def _draw(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.25, 1.0, shape) for shape in ((3, 4), (3, 4), (4, 2))], rng


@SMOOTH
@settings(max_examples=10)
@given(seeds)
def test_values_are_those_of_numpy(rule, seed):
    values, _ = _draw(seed)
    model = Rounding()
    tracked = RULES[rule](model, *(model.array(v) for v in values))
    np.testing.assert_array_equal(tracked.value, RULES[rule](np, *values))


@SMOOTH
@settings(max_examples=10)
@given(seeds)
def test_errors_of_the_inputs_are_passed_on_at_least_as_strongly_as_a_change_of_them(rule, seed):
    values, rng = _draw(seed)
    errors = [rng.uniform(0.5, 2.0, v.shape) for v in values]
    inherited = []
    for sizes in (errors, [0.0, 0.0, 0.0]):
        model = Rounding()
        result = RULES[rule](model, *(model.array(v, r) for v, r in zip(values, sizes, strict=True)))
        inherited.append(result.error)
    h = 1e-7
    change = [h * r * rng.choice([-1.0, 1.0], r.shape) for r in errors]
    moved = RULES[rule](np, *(v + d for v, d in zip(values, change, strict=True))) - RULES[rule](np, *values)
    allowed = inherited[0] - inherited[1]
    # second derivatives are below 200 here, a change below 4e-7, and 1e-13 is for the rounding of both results
    assert (abs(moved) <= h * allowed + 200 * (2e-7) ** 2 + 1e-13).all()
    assert (allowed <= 1e3).all()


@SMOOTH
@settings(max_examples=10)
@given(seeds)
def test_the_error_covers_what_single_precision_does(rule, seed):
    values, _ = _draw(seed)
    short = [v.astype(np.float32) for v in values]
    model = Rounding()
    tracked = RULES[rule](model, *(model.array(v) for v in short))
    error = abs(RULES[rule](np, *short).astype(float) - tracked.value)
    assert (error <= 2.0**-23 * (tracked.error + abs(tracked.value))).all()  # functions are good to an ulp or two


def test_no_rule_is_forgotten():
    own = {name for name, _ in inspect.getmembers(Rounding, inspect.isfunction) if not name.startswith("_")}
    assert own - {"array", "rounded", "jump", "lost", "sign", "round", "floor", "zeros_like", "ones_like"} <= {
        r.split(",")[0] for r in RULES
    }


def test_rules_by_hand():
    model = Rounding()
    a, b = model.array([3.0], [1.0]), model.array([-2.0], [10.0])
    assert (a + b).error.tolist() == [1.0 + 10.0 + 1.0]
    assert (a * b).error.tolist() == [3.0 * 10.0 + 2.0 * 1.0 + 6.0]
    assert (a / b).error.tolist() == [(1.0 + 1.5 * 10.0) / 2.0 + 1.5]
    assert (a * 0.5).error.tolist() == [0.5]  # a power of two rounds nothing
    assert (a * 1.5).error.tolist() == [1.5 + 4.5]  # a constant of few bits is exact ...
    assert model.asarray([0.5, 0.1]).error.tolist() == [0.0, 0.1]  # so of arrays of constants
    assert (a * 0.1).error[0] == pytest.approx(0.1 + 0.3 + 0.3)  # ... another is rounded too
    assert model.sum(model.array(np.ones(4))).error == 2.0 * 4.0
    assert model.matmul(model.array(np.ones((1, 9))), model.array(np.ones((9, 1)))).error.tolist() == [[3.0 * 9.0]]


def test_absolute_rounding_adds_one_unit_whatever_the_size():
    model = Rounding(relative=False)
    a = model.array([1e-30])
    assert ((a + a) * 100.0).error.tolist() == [1.0 * 100.0 + 1.0]


@given(st.floats(-8.0, 8.0))
def test_normal_cdf_is_one_step(z):
    model = Rounding()
    tracked = activations.normal_cdf(model.array([z], [2.0]))
    assert tracked.value[0] == pytest.approx(special.ndtr(z), rel=1e-12)
    assert tracked.error[0] == pytest.approx(2.0 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) + 1.0)


@pytest.mark.parametrize(
    "jump",
    [
        lambda z: z.model.where(z > 0, z.model.ones_like(z), -z.model.ones_like(z)),
        lambda z: z.model.where(z >= 0.0, z, z + 9.0),
        lambda z: z.model.where(z < 0, z.model.ones_like(z), -z.model.ones_like(z)),
        lambda z: z.model.sign(z),
        lambda z: z.model.where(z.model.maximum(z, z * 0.0) > 0, z + 9.0, z * 0.0),  # the slope of ReLU
    ],
)
def test_a_jump_notes_its_distance_over_the_error(jump):
    model = Rounding()
    jump(model.array([-3.0, 0.5, 0.0], [1.0, 0.25, 0.0]))  # an exact 0 is a tie that everybody sees
    assert model.slack == 2.0


def test_where_both_sides_meet_there_is_no_jump_but_the_error_of_either():
    model = Rounding()
    z = model.array([-3.0, 2.0**-20, -(2.0**-20), 0.0], [1.0, 1.0, 1.0, 1.0])
    assert model.maximum(z, z * 0.0).value.tolist() == [0.0, 2.0**-20, 0.0, 0.0]
    sigmoid = model.where(z >= 0, model.ones_like(z), model.exp(-model.abs(z)))
    assert model.slack == 3.0  # far from where they meet, the distance counts
    assert (sigmoid.error[1:] >= 0.99).all()  # ones are exact, but which side it is, nobody knows


@pytest.mark.parametrize(
    ("name", "values", "whole", "distance"),
    [("round", [2.25, -0.5, 3.5], [2.0, -0.0, 4.0], 0.25), ("floor", [2.25, -0.5, 3.0], [2.0, -1.0, 3.0], 0.25)],
)
def test_rounding_is_exact_and_a_jump(name, values, whole, distance):
    model = Rounding()
    result = getattr(model, name)(model.array(values, [0.125, 0.0, 0.0]))
    assert result.value.tolist() == whole
    assert result.error.tolist() == [0.0, 0.0, 0.0]
    assert model.slack == distance / 0.125


def test_the_nearest_jump_of_all_counts():
    model = Rounding()
    for distance in (8.0, 2.0, 4.0):
        model.sign(model.array([distance], [1.0]))
    assert model.slack == 2.0


def test_the_largest_number_is_noted():
    model = Rounding()
    a = model.array([3.0])
    assert isinstance(a * 100.0 - 299.0, Tracked)
    assert model.peak == 300.0


def test_an_operator_in_place_changes_the_array_that_others_hold():
    model = Rounding()
    gradients = [model.array([3.0], [1.0])]
    for g in gradients:
        g *= 4.0
        g += model.array([1.0], [2.0])
        g -= 0.5
        g /= 2.0
    (once,) = gradients
    assert once.value.tolist() == [6.25]
    assert once.error.tolist() == [((4.0 + 2.0 + 13.0) + 12.5) / 2.0 + 6.25]


@pytest.mark.parametrize("name", ["siren-7", "wire", "gauss"])
def test_the_factor_of_an_activation_is_in_the_bound_of_the_gradients(name):
    """A gradient is at least as far off as its last product: with a factor that is no power of two, two roundings."""
    (case,) = oracle.cases(f"mlp.mlp.{name}")
    for tensor in ("dw0", "db0"):
        output = case.outputs[tensor]
        assert (output.units >= 3.0 * abs(output.values)).all()
