"""Long predictions: whole numbers as Python computes them, from samples before alone, and files a third as long."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr.codec import header, prediction
from refinr.codec.arrangement import Arrangement
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


@given(seeds, st.integers(1, 40), st.sampled_from([2, 256, 2**16, 2**24]))
def test_predictions_are_those_of_whole_numbers(seed, order, levels):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, (5, order))
    most = prediction.MOST_UNITS if rng.random() < 0.5 else 900
    lags = rng.integers(-most, most + 1, (order, 1))
    outside = int(rng.integers(0, levels))
    found = prediction.predict(values.astype(float), lags.astype(float), float(outside), levels)
    for row, p in zip(values.tolist(), found, strict=True):
        total = sum((v - outside) * w for v, w in zip(row, lags[:, 0].tolist(), strict=True))
        assert p == min(max(outside + ((total + 1024) >> 11), 0), levels - 1)


@given(st.integers(1, 5000), st.integers(1, 2), st.sampled_from([1, 8, 100]))
def test_what_is_weighed_comes_before(length, channels, order):
    shape = (length, channels) if channels > 1 else (length,)
    arrangement = Arrangement(shape, (1, 0) if channels > 1 else (0,), channels > 1)
    ordered = arrangement.order()
    rank = np.full(arrangement.size + 1, -1)
    rank[ordered.places] = np.repeat(np.arange(len(ordered.roles)), np.diff(ordered.bounds))
    before = prediction.before(arrangement, ordered.places, order)
    assert (rank[before] < rank[ordered.places][:, None]).all()
    known = before < arrangement.size
    assert_equal_exact(known.sum(1), np.minimum(ordered.places % arrangement.work_shape[-1], order))


@given(seeds, st.integers(1, 6))
def test_weights_are_those_of_reweighted_least_squares(seed, order):
    rng = np.random.default_rng(seed)
    outside = 100.0
    values = rng.integers(0, 200, (60, order)) * 1.0
    true = rng.uniform(-1.0, 1.0, order)
    samples = np.rint(outside + (values - outside) @ true + rng.standard_t(2, 60) * 5)
    x = values - outside
    y = samples - outside
    weight = np.ones(60)
    for _ in range(4):
        ridge = math.sqrt(1e-7 * float((weight[:, None] * x * x).sum()) / order + 1e-9) * np.eye(order)
        root = np.sqrt(weight)
        rows = np.concatenate([root[:, None] * x, ridge])
        lags = np.linalg.lstsq(rows, np.append(root * y, np.zeros(order)), rcond=None)[0]
        error = abs(y - x @ lags)
        weight = 1 / (error + np.median(error) + 1)
    found = prediction.fit(values, samples, outside)
    assert found.shape == (order, 1)
    assert found.dtype == np.int64
    assert np.abs(found[:, 0] - lags * 2048).max() < 0.51


def test_weights_of_nothing_and_the_largest_ones():
    assert prediction.fit(np.full((5, 3), 9.0), np.arange(5.0), 9.0).tolist() == [[0], [0], [0]]
    line = np.arange(50.0)
    assert prediction.fit(line[:, None], 99 * line, 0.0).tolist() == [[2**15 - 1]]
    assert prediction.fit(line[:, None], -99 * line, 0.0).tolist() == [[1 - 2**15]]


def test_weights_are_fitted_to_the_first_samples(monkeypatch):
    monkeypatch.setattr(prediction, "_FITTED", 30)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 99, (60, 2)) * 1.0
    samples = np.append(values[:30, 0], values[30:, 1])
    assert prediction.fit(values, samples, 0.0).tolist() == [[2048], [0]]


@given(seeds, st.integers(1, 30))
def test_bits_are_those_of_errors_as_large_as_the_twelve_before(seed, count):
    rng = np.random.default_rng(seed)
    error = np.rint(rng.normal(size=count) * 9)
    lags = rng.integers(-2000, 2000, (3, 1))
    total = sum(math.log2(2 * abs(w) + 2) for (w,) in lags.tolist())
    for i, e in enumerate(error):
        scale = (1.0 if i == 0 else sum(abs(error[max(0, i - 12) : i])) / 12) + 0.4
        total += math.log2(2 * scale) + abs(e) / scale / math.log(2)
    assert prediction.about_bits(error, lags) == pytest.approx(total, rel=1e-12)


def test_sums_that_might_be_rounded_are_refused():
    prediction.check(256, 2**30)
    with pytest.raises(ValueError, match="exact only below"):
        prediction.check(256, 2**32)


def test_pages_are_not_for_it():
    assert not prediction.applies(Arrangement((4, 5), (0, 1), False))
    assert prediction.applies(Arrangement((40, 2), (1, 0), True))
    assert prediction.applies(Arrangement((3, 1, 40), (0, 1, 2), False))
    assert not prediction.applies(Arrangement((1, 3, 40), (0, 1, 2), False))


def test_a_string_whose_period_is_longer_than_a_context():
    rng = np.random.default_rng(2)
    period = 41
    y = np.append(rng.uniform(-9000, 9000, period + 1), np.zeros(1200))
    for t in range(period + 1, len(y)):
        y[t] = 0.498 * (y[t - period] + y[t - period - 1])
    sound = (y + rng.normal(size=len(y)) * 3).astype("i2")
    data = refinr.compress(sound, steps=60)
    found, _ = header.read(data)
    assert found.coding.lags == 64
    assert 8 * len(data) < 0.75 * 16 * sound.size
    assert_equal_exact(refinr.decompress(data), sound)
