"""NumPy arrays: any byte order and shape, no code, nothing but numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given

from refinr.files.signals import read, write
from tests import strategies
from tests.files.formats import assert_survives


@given(samples=strategies.samples())
def test_npy_round_trip(folder, samples):
    assert assert_survives(folder / "a.npy", samples, {}).info == {"format": "npy", "channels": None}


@pytest.mark.parametrize("dtype", ["c8", "U3", "S3", "M8[s]", "O", "u1,f4"])
def test_npy_of_anything_but_numbers_raises(tmp_path, dtype):
    array = np.zeros(3, dtype)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as NPY: "):
        read(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"b\.npy: cannot be written as NPY: expected booleans, integers or floats"):
        write(tmp_path / "b.npy", array)


class Intruder:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (self.trace, "x")


def test_npy_runs_no_code(tmp_path):
    np.save(tmp_path / "a.npy", np.array([Intruder(os.fspath(tmp_path / "trace"))], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as NPY: Object arrays"):
        read(tmp_path / "a.npy")
    assert not (tmp_path / "trace").exists()
