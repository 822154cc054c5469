"""The picture of the bounds: what is kept is what the functions give, and verdicts follow from it."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from paper_figures import claims, datafiles, registry
from paper_figures.figures import bounds
from refinr import constructive, theory
from refinr.cli import demo

KEPT = datafiles.read(registry.data_path(registry.RESULTS / "small", "bounds")).data
SMALL = bounds.PRESETS["small"]


def test_kept_numbers_are_what_the_functions_give():
    image = demo.synthetic(32)
    slope = Fraction(theory.neighbour_gain(image)[0], 2**16 - 1) * Fraction(31, 2)
    constant = theory.lipschitz_constant(2, slope)
    assert (KEPT["slope"], KEPT["C"]) == (float(slope), float(constant))
    assert KEPT["U_5(8)"] == 510**10
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
    assert list(trained) == SMALL["fitted"]
    assert all(row["trained, wrong bits"] == 0 for row in trained.values())
    assert all(row["trained"] == 609 * n for n, row in trained.items())


def test_the_table_has_a_line_for_what_was_trained():
    (rows,) = bounds.tables(KEPT).values()
    assert [row["bits"] for row in rows] == SMALL["fitted"]
    assert list(rows[-1].values())[2:6] == [7_879_675, 24_056, 9_744, 512]


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        ({}, [claims.PARTLY, claims.PARTLY, claims.HOLDS, claims.HOLDS]),
        ({"written, wrong bits": 1}, [claims.PARTLY, claims.PARTLY, claims.FAILS, claims.HOLDS]),
        ({"trained, wrong bits": 1}, [claims.PARTLY, claims.PARTLY, claims.HOLDS, claims.FAILS]),
        ({"least": 100}, [claims.PARTLY, claims.PARTLY, claims.HOLDS, claims.PARTLY]),
        ({"U": 1}, [claims.PARTLY, claims.FAILS, claims.HOLDS, claims.HOLDS]),
    ],
)
def test_verdicts_follow_the_data(change, verdicts):
    changed = json.loads(json.dumps(KEPT))
    changed["rows"][-1] |= change
    assert [claim.judge(changed).verdict for claim in bounds.CLAIMS] == verdicts


def test_a_printed_bound_that_agrees_holds():
    verdicts = [bounds.CLAIMS[0].judge(KEPT | {"U_5(8)": number}).verdict for number in (1.231e27, 2.5e27)]
    assert verdicts == [claims.HOLDS, claims.FAILS]


def test_a_small_one(monkeypatch):
    monkeypatch.setattr(demo, "synthetic", lambda size: (np.arange(size**2).reshape(size, size) << 11).astype("uint16"))
    result = bounds.compute("tiny", np.random.default_rng(0))
    assert [row["trained, wrong bits"] for row in result["rows"]] == [0, 0]
    assert [row["written, wrong bits"] for row in result["rows"]] == [0, 0]
    assert result["slope"] == 5 * 2**11 / (2**16 - 1) * 2  # the smallest preset has five rows
