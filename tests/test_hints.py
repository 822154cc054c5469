"""What samples may deceive about: one warning for each, at the caller's line, and none where all is as it seems."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import refinr
from refinr.hints import SamplesWarning, _first, hints
from tests.helpers import assert_equal_exact

SMALL = np.arange(16, dtype="u1").reshape(4, 4)
FIRST = np.zeros((3, 5, 6), "u1")
DECEPTIVE = {
    "shares of 255": (np.arange(40).reshape(5, 8) / np.float32(255), "all samples are whole 255ths between 0 and 1"),
    "shares of 65535": ((np.arange(40) * 1000).reshape(5, 8) / 65535, "all samples are whole 65535ths"),
    "a small image": (SMALL, "the last axis, 4 long, counts as channels"),
    "a narrow one": (np.zeros((16, 2), "f4"), "the last axis, 2 long, counts as channels"),
    "channels first": (FIRST, "axis 0, 3 long, counts as depth"),
    "a batch of them": (np.zeros((2, 3, 5, 6), "u1"), "axis 1, 3 long, counts as depth"),
}
VERBS = {
    "fit": lambda samples, **options: refinr.fit(samples, max_steps=0, exact=True, **options),
    "solve": lambda samples, **options: refinr.solve(samples, **options),
    "compress": lambda samples, **options: refinr.compress(samples, steps=0, **options),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", DECEPTIVE)
def test_each_kind_is_one_warning_that_names_the_caller_s_line(name, verb):
    samples, words = DECEPTIVE[name]
    with pytest.warns(SamplesWarning, match=words) as caught:
        VERBS[verb](samples)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("samples", [SMALL, FIRST])
@pytest.mark.parametrize("channels", [False, True])
def test_who_says_what_the_last_axis_is_hears_nothing(verb, samples, channels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VERBS[verb](samples[..., :4] if channels else samples, channels=channels)


def test_only_the_first_samples_are_looked_at():
    """Also where samples do not lie one behind the other: a copy of these would take terabytes."""
    rows = np.linspace(0, 1, 1 << 20, dtype="float32")[:, None]
    assert hints(np.broadcast_to(rows, (1 << 20, 1 << 20)), channels=False) == []


@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (3, 4, 5), (5, 4, 3), (1, 60), (60, 1), (2,) * 6, (1,) * 40])
@pytest.mark.parametrize("count", [1, 3, 8, 59, 60, 61])
def test_the_first_samples_are_those_of_all_in_a_row(shape, count):
    samples = np.asfortranarray(np.random.default_rng(0).random(shape))
    assert_equal_exact(_first(samples, count), samples.reshape(-1)[:count])


def test_a_place_hears_it_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            refinr.compress(SMALL, steps=0)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "samples",
    [
        np.random.default_rng(0).random((5, 8)).astype("f4"),
        np.zeros((5, 8), "f4"),
        np.linspace(0, 1, 6),  # fifths
        np.random.default_rng(0).random((5, 8)).astype("f2"),  # so coarse that any number is near one
        np.array([[0.0, 0.5, np.nan, 1.0, 0.1]]),
        np.array([0x7FA00000, 0], "u4").view("f4"),  # a signalling NaN
        np.zeros((5, 6, 7), "u1"),
        np.zeros((60, 80, 3), "u1"),  # an image in colour
        np.zeros((3, 4, 3), "u1"),
        np.zeros((8000, 2), "i2"),  # a recording
        np.zeros((5, 1), "u1"),  # one channel or one column: the same networks
        np.zeros((0, 4), "u1"),
        np.zeros((), "u1"),
        np.zeros(4, "u1"),
        np.zeros((5, 6, 4), "u1"),
    ],
)
def test_what_is_as_it_seems_gets_none(samples):
    assert hints(samples) == []
