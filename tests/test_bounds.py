"""The picture of the bounds: what is kept is what the functions give, and a small one can be made anew."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np

from paper_figures import bounds
from refinr import constructive, demo, theory

KEPT = json.loads((bounds.RESULTS / "bounds.json").read_text())


def test_kept_numbers_are_what_the_functions_give():
    image = demo.synthetic(32)
    slope = Fraction(theory.neighbour_gain(image)[0], 2**16 - 1) * Fraction(31, 2)
    constant = theory.lipschitz_constant(2, slope)
    assert (KEPT["slope"], KEPT["C"]) == (float(slope), float(constant))
    assert [row["bits"] for row in KEPT["rows"]] == list(range(1, 17))
    for row in KEPT["rows"]:
        assert row["U"] == (2 ** (row["bits"] + 1) - 2) ** 4
        assert row["C U"] == float(constant * row["U"])
        assert row["written"] == constructive.parameters(1024, 2)
        assert row["written, not zero"] == constructive.nonzeros(1024, 2)
        assert row["least"] == 32 * row["bits"] <= row.get("trained", row["written"])


def test_what_was_drawn_as_exact_was_exact():
    assert all(row["written, wrong bits"] == 0 for row in KEPT["rows"])
    trained = {row["bits"]: row for row in KEPT["rows"] if "trained" in row}
    assert tuple(trained) == bounds.FITTED
    assert all(row["trained, wrong bits"] == 0 for row in trained.values())
    assert all(row["trained"] == 609 * n for n, row in trained.items())


def test_the_table_has_a_line_for_what_was_trained():
    header, *lines = bounds.table(KEPT).splitlines()
    assert len(lines) == len(bounds.FITTED)
    assert lines[-1].split() == ["16", "4.7e+24", "7,879,675", "24,056", "9,744", "512"]
    assert len({len(line) for line in (header, *lines)}) == 1


def test_a_small_one(tmp_path, monkeypatch):
    for name, value in {"SIZE": 4, "BITS": 2, "FITTED": (1, 2)}.items():
        monkeypatch.setattr(bounds, name, value)
    monkeypatch.setattr(demo, "synthetic", lambda size: (np.arange(size**2).reshape(size, size) % 4).astype("uint16"))
    result = bounds.compute(tmp_path / "bounds.json")
    assert [row["trained, wrong bits"] for row in result["rows"]] == [0, 0]
    assert result == json.loads((tmp_path / "bounds.json").read_text())
    bounds.plot(tmp_path / "bounds.json", tmp_path / "bounds.png")
    assert (tmp_path / "bounds.png").read_bytes().startswith(b"\x89PNG")
