"""k bits a plane: the printed bounds."""

from __future__ import annotations

import pytest

from refinr import theory


def test_the_printed_bounds_are_the_papers():
    assert [float(theory.upper_bound(k, 2)) for k in (1, 2, 4)] == [16, 1296, 810000]
    assert float(theory.upper_bound(8, 2)) == pytest.approx(67.7e9, rel=1e-3)
