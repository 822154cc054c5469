"""Encodings: waves against single sines and exact fractions, and back from JSON as they were."""

from __future__ import annotations

import dataclasses
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import coords, encodings
from refinr.encodings import Fourier, Octaves, Triangle
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds

axes_shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
NAMES = pytest.mark.parametrize("name", list(encodings.ENCODINGS))


def _phase(wave: Fourier, index: tuple[int, ...], m: int) -> Fraction:
    """In turns, from 0 to 1."""
    return Fraction(sum(i * wave.steps[axis][m] for axis, i in enumerate(index)), wave.period) % 1


@given(seeds, axes_shapes, st.integers(1, 4))
def test_fourier_vs_single_sines(seed, axes, features):
    wave = encodings.choose("fourier", axes, features, seed)
    x = wave.inputs(axes)
    assert (x.shape, x.dtype) == ((math.prod(axes), 2 * features), np.float32)
    for row, index in zip(x, np.ndindex(*axes), strict=True):
        angles = [2 * math.pi * float(_phase(wave, index, m)) for m in range(features)]
        expected = [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
        assert_close(row, np.array(expected), dtype="float32", conditioning=1.0)


@given(seeds, axes_shapes, st.integers(1, 4))
def test_triangle_vs_exact_fractions(seed, axes, features):
    wave = encodings.choose("triangle", axes, features, seed)
    x = wave.inputs(axes)
    assert (x.shape, x.dtype) == ((math.prod(axes), 2 * features), np.float32)
    for row, index in zip(x, np.ndindex(*axes), strict=True):
        turns = [_phase(wave, index, m) for m in range(features)]
        turns += [(turn - Fraction(1, 4)) % 1 for turn in turns]  # a sine is a cosine a quarter later
        assert [Fraction(float(v)) for v in row] == [abs(4 * turn - 2) - 1 for turn in turns]


@given(seeds, axes_shapes, st.integers(1, 8))
def test_waves_reach_nyquist_and_no_further(seed, axes, features):
    wave = encodings.choose("fourier", axes, features, seed)
    assert len(wave.steps) == len(axes)
    assert all(2 * abs(step) <= wave.period for axis in wave.steps for step in axis)
    assert 8 * max(axes) <= wave.period < 16 * max(axes)
    assert encodings.choose("fourier", axes, features, seed) == wave


def test_steps_are_spread_over_all_frequencies():
    wave = encodings.choose("triangle", (32, 32), 2000, 0)
    steps = np.array(wave.steps)
    assert (steps.min(), steps.max()) == (-wave.period // 2, wave.period // 2)
    assert abs(steps.mean()) < 4 * wave.period / math.sqrt(12 * 4000)
    assert abs(np.corrcoef(steps)[0, 1]) < 4 / math.sqrt(2000)


def test_octaves_are_the_papers_encoding():
    x = Octaves(7).inputs((5, 3))
    assert (x.shape, x.dtype) == ((15, 30), np.float32)
    expected = coords.positional_encoding(coords.grid((5, 3), "float64"), 7)
    assert_equal_exact(x, expected.astype(np.float32))


@NAMES
def test_json_and_back(name):
    encoding = encodings.choose(name, (4, 3), 5, 0)
    assert encodings.from_json(json.loads(json.dumps(encodings.to_json(encoding)))) == encoding
    assert hash(encoding) == hash(dataclasses.replace(encoding))


def test_no_encoding():
    assert encodings.choose("none", (4, 3), 5, 0) is None
    assert encodings.to_json(None) is None
    assert encodings.from_json(None) is None


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="encoding: unknown name 'wavelets'; known are none, octaves"):
        encodings.choose("wavelets", (4, 3), 5, 0)
    with pytest.raises(ValueError, match="features: expected 1 or more, got 0"):
        encodings.choose("fourier", (4, 3), 0, 0)
    for steps in ((), ((),), ((1, 2), (3,))):
        with pytest.raises(ValueError, match="steps: expected as many numbers for every axis"):
            Fourier(steps, 8)
    with pytest.raises(TypeError):
        Triangle(((0.5,),), 8)
    for period in (0, 2, 12, -8):
        with pytest.raises(ValueError, match="period: expected a power of two from 4 to"):
            Triangle(((1,),), period)
    with pytest.raises(ValueError, match="octaves: expected 0 to 32"):
        Octaves(-1).inputs((2,))


@pytest.mark.parametrize("name", list(encodings.ENCODINGS))
@pytest.mark.parametrize("axes", [(5,), (4, 3), (2, 3, 4)])
def test_the_width_is_known_without_the_inputs(name, axes):
    encoding = encodings.choose(name, axes, features=3, seed=0)
    assert encoding.inputs(axes).shape == (math.prod(axes), encoding.width(axes))


@pytest.mark.parametrize("octaves", [-1, 33, 10**9])
def test_octaves_that_nobody_means(octaves):
    with pytest.raises(ValueError, match=f"octaves: expected 0 to 32, got {octaves}"):
        encodings.Octaves(octaves)


def test_waves_that_nobody_means():
    with pytest.raises(ValueError, match=r"period: expected a power of two from 4 to 2\^30"):
        encodings.Fourier(((1,),), 2**40)
    with pytest.raises(ValueError, match="steps: expected at most a period of 8, forward or back"):
        encodings.Fourier(((1, -9),), 8)
    with pytest.raises(ValueError, match="steps: expected 2 axes, got 1"):
        encodings.Fourier(((1, 2),), 8).width((3, 3))


def test_the_most_and_the_least_that_is_allowed():
    assert Octaves(0).inputs((4,)).tolist() == coords.grid((4,), "float32").tolist()
    assert Octaves(32).width((4,)) == 65
    for period in (4, 2**30):
        assert Fourier(((period, -period),), period).inputs((3,)).tolist() == [[1.0, 1.0, 0.0, 0.0]] * 3
    with pytest.raises(ValueError, match=r"period: expected a power of two from 4 to 2\^30"):
        Fourier(((1,),), 2**31)
