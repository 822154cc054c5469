"""Digits in all formats: every format gives them back, and nothing is tried without the packages."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import claims, datafiles, registry
from paper_figures.figures import digits

KEPT = datafiles.read(registry.data_path(registry.RESULTS / "small", "digits")).data


def test_everything_kept_was_exact_with_every_seed():
    ours = [row for row in KEPT["rows"] if row["format"] == digits.OURS]
    assert len(ours) == 6
    assert all(row["exact"] for row in ours)


def test_the_formats_of_the_paper_are_lossless():
    imagecodecs = pytest.importorskip("imagecodecs")
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    for name, decode in (("JPEG 2000", imagecodecs.jpeg2k_decode), ("TIFF", imagecodecs.tiff_decode),
                         ("JPEG XL", imagecodecs.jpegxl_decode)):  # fmt: skip
        np.testing.assert_array_equal(np.squeeze(decode(digits.FORMATS[name](image, 8))), image)


def test_without_the_packages_nothing_was_tried(monkeypatch):
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    data = digits.compute("small", np.random.default_rng(0))
    assert {claim.judge(data).verdict for claim in digits.CLAIMS} == {claims.UNTRIED}
    assert digits.tables(data) == {}
