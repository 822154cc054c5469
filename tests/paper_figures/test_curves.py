"""What is watched while a network learns."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import curves, datafiles, signals
from paper_figures.figures import channels
from refinr import planes
from tests.helpers import assert_equal_exact


@pytest.mark.parametrize(
    "cut", [curves.Outputs(8, 1), curves.Outputs(8, 2), curves.Outputs(8, 3), channels.AsOutputs(8),
            channels.AsCoordinate(8)],
)  # fmt: skip
def test_targets_decide_for_the_codes_they_were_made_from(cut):
    grid, colours = (3, 5), 1 if isinstance(cut, curves.Outputs) else 3
    codes = np.random.default_rng(0).integers(0, 256, (15, colours), dtype=np.uint8)
    targets = cut.targets(codes)
    x = cut.inputs(grid)
    assert targets.shape[0] == 1
    assert len(x) == targets.shape[1]
    assert x.shape[1] == len(cut.axes(grid))
    assert_equal_exact(cut.codes(targets), codes)


def test_a_curve_ends_where_nothing_is_wrong():
    signal = signals.image("elevation", 6)
    run = curves.follow(
        signal.codes, 10, curves.cut_named("planes", 10), curves.PLANES, [12] * 3, steps=200, seed=0, at=[0, 3],
        images_at=[2], by_plane=True,
    )  # fmt: skip
    assert run["at"] == [0, 2, 3, run["exact_at"]]
    assert run["ber"][-1] == [0.0] * 10
    assert run["psnr"][-1] is None
    assert min(np.mean(rates) for rates in run["ber"][:-1]) > 0
    assert_equal_exact(datafiles.unpack(run["images"][str(run["exact_at"])]), signal.codes)
    decoded = datafiles.unpack(run["images"]["2"])
    wrong = planes.to_planes(decoded ^ signal.codes, 16)[..., :10].mean(axis=(0, 1))
    np.testing.assert_array_equal(run["ber"][1], wrong)
    short = curves.follow(signal.codes, 10, curves.cut_named("planes", 10), curves.PLANES, [12] * 3, steps=3, seed=0)
    assert (short["exact_at"], short["at"]) == (None, [3])
    np.testing.assert_allclose(short["ber"][0], np.mean(run["ber"][2]), rtol=1e-5)
    assert run["multiply_adds"] == run["exact_at"] * 3 * (2 * 12 + 2 * 12 * 12 + 12) * 36 * 10


@pytest.mark.parametrize("table", ["a row a sample", "hash grid"])
def test_tables_learn_with_their_network(table):
    signal = signals.image("elevation", 6)
    method = curves.Method("tables", 3e-2, "relu", loss="bce", table=table, features=8)
    run = curves.watched(signal.codes, 10, curves.Outputs(10), method, [16], steps=300, seed=0)
    assert run["ber"][0] > 0.2
    assert run["exact_at"] is not None


def test_octaves_stay_below_nyquist():
    method = curves.BASELINES["ReLU+PE"]
    for size, octaves in ((4, 2), (48, 5), (64, 6), (256, 8)):
        spec, x = curves.specification(method, curves.cut_named("none", 8), (size, size), [8])
        assert x.shape[1] == spec.sizes[0] == 2 + 4 * octaves
        assert 2 ** (octaves - 1) <= size / 2 < 2**octaves * 1.001
