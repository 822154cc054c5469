"""Files written by earlier versions decode to the samples they were made of, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import refinr

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.inr"))


def test_there_are_fixtures_of_all_three_kinds():
    assert {"image", "ternary", "floats"} <= set(NAMES)  # linear, whole numbers with a residual, rounded parameters


@pytest.mark.parametrize("name", NAMES)
def test_an_old_file_decodes_to_its_samples(name):
    samples = np.load(FIXTURES / f"{name}.npy")
    inr = refinr.load(FIXTURES / f"{name}.inr")
    decoded = inr.decode()
    assert inr.lossless
    assert (decoded.dtype, decoded.shape) == (samples.dtype, samples.shape)
    assert decoded.tobytes() == samples.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_old_file_is_written_again_byte_for_byte(name, tmp_path):
    refinr.load(FIXTURES / f"{name}.inr").save(tmp_path / "again.inr")
    assert (tmp_path / "again.inr").read_bytes() == (FIXTURES / f"{name}.inr").read_bytes()
