"""Bit-spectral bias: codes by their alternations."""

from __future__ import annotations

import numpy as np

from paper_figures.figures import bit_spectral
from refinr import planes
from tests.helpers import assert_equal_exact


def test_alternations_are_those_of_the_codes():
    codes, alternations = bit_spectral.alternating(8, np.random.default_rng(0))
    bits = planes.to_planes(codes, 16).astype(int)
    assert_equal_exact(np.abs(np.diff(bits, axis=-1)).sum(axis=-1), alternations)
    assert np.bincount(alternations.ravel()).tolist() == [4] * 16
