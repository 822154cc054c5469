"""Readouts of signs as networks: what they can be, their ladders, and outputs of rows one at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import tiling
from refinr.balls import Machines
from refinr.decompositions import Place, Planes
from refinr.readouts import choosing
from refinr.readouts.choosing import INTEGER, ladder
from refinr.readouts.ragged import Ragged, pack_bits
from refinr.readouts.signs import SignReadouts, signs_for
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: SignReadouts("real", 4, (3,)), "weights, samples: got 'real' and 4"),
        (lambda: SignReadouts("binary", 0, (3,)), "weights, samples: .* and 0"),
        (lambda: SignReadouts("binary", 4097, (3,)), "weights, samples: .* and 4097"),
        (lambda: SignReadouts("binary", 4, ()), "ladder: expected 1 to 255"),
        (lambda: SignReadouts("binary", 4, (3,) * 256), "ladder: expected 1 to 255"),
        (lambda: SignReadouts("binary", 4, (3, 0)), "ladder: expected 1 to 255"),
        (lambda: SignReadouts("binary", 4, (25,)), "ladder: expected 1 to 255"),
        (lambda: SignReadouts("binary", 4, (3,), 1), "scrambled: expected true or false, got 1"),
        (lambda: signs_for((65, 64), (65, 64), "binary", "fast"), "tile: expected at most 4096 .* binary"),
    ],
)
def test_what_they_cannot_be(make, wrong):
    with pytest.raises(ValueError, match=wrong):
        make()


def test_what_is_the_least_and_the_most():
    assert SignReadouts("ternary", 1, [1, 18]).ladder == (1, 18)
    assert SignReadouts("binary", 1, (3,)).ladder == (3,)
    assert SignReadouts("binary", 4096, (8208,) * 255).sizes(np.array([255, 0])).tolist() == [8208, 0]
    assert signs_for((64, 64), (64, 64), "binary", "fast").samples == 4096
    network = SignReadouts("binary", 4, (3, 7), True)
    with pytest.raises(ValueError, match="rungs: expected at most 2"):
        network._check_numbers(np.array([1, 3]), np.array([4, 4]))
    network._check_numbers(np.array([0, 2]), np.array([4, 4]))
    assert list(network.compressed("binary")) == ["rungs"]
    assert not SignReadouts("binary", 4, (3, 7)).compressed("binary")
    (kind, value), *_ = json.loads(json.dumps(network.to_json())).items()
    assert (kind, SignReadouts.from_json(value)) == ("signs", network)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=3), st.data())
def test_the_ladder_is_for_all_tiles_of_a_grid(axes, data):
    tile = tuple(t for _, t in axes)
    grid = tuple(max(n, t) for n, t in axes)
    weights, effort = (
        data.draw(st.sampled_from(list(INTEGER))),
        data.draw(st.sampled_from(["fast", "small", "smallest"])),
    )
    network = signs_for(grid, tile, weights, effort)
    first = INTEGER[weights]["fast" if effort == "fast" else "small"][0]
    counts = {int(np.prod(tiling.extent(where))) for where in tiling.tiles(grid, tile)}
    assert network.samples == max(counts)
    assert network.ladder == tuple(ladder(max(counts), first, counts - {max(counts)}).tolist())
    assert network.scrambled
    assert network.weights == weights


def test_a_grid_has_as_many_axes_as_its_tiles():
    with pytest.raises(ValueError, match="zip"):
        signs_for((8, 8), (8,), "binary", "fast")


@given(seeds, st.integers(1, 9), st.booleans())
def test_outputs_are_sums_of_rows(seed, networks, scrambled):
    rng = np.random.default_rng(seed)
    network = SignReadouts("ternary", 12, (5, 13, 29), scrambled)
    sizes = rng.choice([0, 5, 13, 29], networks)
    weights = [rng.integers(-1, 2, size) for size in sizes]
    bits = rng.integers(0, 2, (int((sizes == 0).sum()), 12))
    params = network.params(sizes, np.concatenate(weights), pack_bits(bits), 12)
    assert {name: array.dtype.name for name, array in params.items()} == {
        "rungs": "uint8", "weights": "int8", "raw": "uint8",
    }  # fmt: skip
    assert_equal_exact(network.sizes(params["rungs"]), sizes)
    assert isinstance(network.ragged(params), Ragged)
    z = network.evaluator(params, None, (3, 4), np)(range(networks), (2, 4))
    assert (z.dtype, z.shape) == (np.float32, (networks, 8, 1))
    raw = iter(bits)
    for row, size, w in zip(z[:, :, 0], sizes, weights, strict=True):
        F = choosing.legendre(12, int(size), scrambled).matrix()[:8].astype(int) if size else None
        expected = 2 * next(raw)[:8] - 1 if F is None else F @ w
        assert row.tolist() == expected.tolist()
    place = Place(range(networks), (2, 4), Planes(1), (3, 4))
    which = rng.permutation(8)[:3]
    (ball,) = network.enclosed(Machines(["float32", "bfloat16"]), params, place, which)
    assert_equal_exact(ball.mid, z[:, which].astype(np.float64))
    assert not ball.rad.any()
    assert not np.any(network.apart(params, place, z))
    points = np.argwhere(np.ones((2, 4))).astype(float)
    assert_equal_exact(network.at(params, place, points[which], np), z[:, which])
    with pytest.raises(ValueError, match="points: expected samples"):
        network.at(params, place, points + 0.5, np)
