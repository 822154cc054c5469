"""Bit bias: the staircase."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures.figures import bit_bias
from refinr import planes


@pytest.mark.parametrize("error", [0, 1, -3, 5, 12, 100])
def test_the_staircase_is_what_equal_errors_do_to_all_codes(error):
    bits = 6
    codes = np.arange(1 << 10)  # every phase of every period equally often
    wrong = planes.to_planes(((codes + error) % (1 << 10)).astype("u2") ^ codes.astype("u2"), 16)[:, :bits]
    np.testing.assert_array_equal(bit_bias.staircase(np.array([error]), bits), wrong.mean(axis=0))
