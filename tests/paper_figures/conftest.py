"""Fixtures: a user's folder of signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refinr.files import signals as files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: one small file for each of the paper's sets."""
    rng = np.random.default_rng(0)
    for name, bits, suffix in (
        ("kodak", 8, "png"),
        ("div2k", 8, "png"),
        ("testimages", 16, "png"),
        ("fivek", 16, "tif"),
    ):
        (tmp_path / name).mkdir()
        samples = rng.integers(0, 1 << bits, (18, 26, 3)).astype(f"u{bits // 8}")
        files.write(tmp_path / name / f"one.{suffix}", samples)
    (tmp_path / "librispeech").mkdir()
    files.write(tmp_path / "librispeech" / "a.wav", rng.integers(-9, 9, 64, dtype=np.int16), {"rate": 16000})
    (tmp_path / "kodak" / "notes.txt").write_text("no image")
    return tmp_path
