"""Data files: read back as written, checked, and nothing in them that JSON has not got."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import datafiles
from tests.helpers import assert_equal_exact


def test_data_files_are_read_back_and_checked(tmp_path):
    path = tmp_path / "a.json"
    written = {"rows": [{"x": 1, "y": [0.1, None]}, {"x": 2, "y": []}], "name": "a", "image": datafiles.pack(np.eye(3))}
    datafiles.write(path, written, {"preset": "tiny"})
    assert datafiles.read(path).data == written
    assert_equal_exact(datafiles.unpack(datafiles.read(path).data["image"]), np.eye(3))
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.raises(ValueError, match="SHA-256"):
        datafiles.read(path)


def test_data_that_json_does_not_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        datafiles.write(tmp_path / "a.json", {"x": float("inf")}, {})
    assert not (tmp_path / "a.json").exists()
    assert (datafiles.finite(float("inf")), datafiles.finite(2)) == (None, 2.0)
