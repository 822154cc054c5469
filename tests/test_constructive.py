"""Networks written down: pieces against NumPy, the tree against the matrices, exact INRs end to end, bad input."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import cli, constructive, decompositions, mlp, optim, theory
from refinr.constructive import Nodes
from refinr.decompositions import Integers
from refinr.tiled import Tiled
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds


def _image(shape, seed=0, dtype="uint16"):
    return np.random.default_rng(seed).integers(0, 2**16, shape).astype(dtype)


def _nodes(K: int, d: int, seed: int = 0) -> Nodes:
    rng = np.random.default_rng(seed)
    return Nodes(rng.uniform(-1, 1, (K, d)), rng.uniform(-1, 1, K), 2.0)


# --- the pieces ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(seeds, st.integers(1, 6))
def test_one_norm(dtype, seed, d):
    x = np.random.default_rng(seed).integers(-1000, 1001, (7, d)).astype(dtype)
    spec, params = constructive.one_norm(d, dtype)
    assert (spec.sizes, spec.activation) == ((d, 2 * d, 1), "relu")
    assert_equal_exact(mlp.forward(spec, params, x)[0][0, :, 0], abs(x).sum(axis=1))
    assert sum(np.count_nonzero(p) for p in params.values()) == 4 * d


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("K", [*range(1, 20), 63, 64, 65])
def test_maximum(dtype, K):
    x = np.random.default_rng(K).integers(-1000, 1001, (50, K)).astype(dtype)
    spec, params = constructive.maximum(K, dtype)
    assert spec.sizes == (K, *constructive.sizes(K, 1)[2:])
    assert spec.depth == constructive.depth(K) - 1
    assert_equal_exact(mlp.forward(spec, params, x)[0][0, :, 0], x.max(axis=1))


def test_dtypes():
    """float32 for the pieces, float64 for what approximates, and what is asked for."""
    for network in (constructive.one_norm(2), constructive.maximum(3)):
        assert {p.dtype.name for p in network[1].values()} == {"float32"}
    for call in (
        lambda **dtype: constructive.maximum_convolution(_nodes(3, 2), **dtype)[1],
        lambda **dtype: constructive.lipschitz(lambda x: x[:, 0], 1, 0.5, 1, **dtype)[1],
    ):
        assert {p.dtype.name for p in call().values()} == {"float64"}
        assert {p.dtype.name for p in call(dtype="float32").values()} == {"float32"}


def test_parameters_are_ordinary_ones():
    """Stacked, packed, differentiated and optimised like any others."""
    spec, params = constructive.maximum_convolution(_nodes(5, 2), "float32")
    rows = mlp.pack(params)
    again = mlp.unpack(spec, rows)
    assert all((again[name] == p).all() for name, p in params.items())
    z, cache = mlp.forward(spec, params, np.zeros((3, 2), dtype="float32"))
    grads, _ = mlp.backward(spec, params, cache, np.ones_like(z))
    stepped, _ = optim.adam_step(params, grads, optim.adam_init(params), lr=1e-3)
    assert {name: (p.shape, p.dtype) for name, p in stepped.items()} == {
        name: (p.shape, p.dtype) for name, p in params.items()
    }


def test_no_negative_zeros():
    _, params = constructive.maximum_convolution(Nodes(np.zeros((5, 2)), np.zeros(5), 0.0))
    assert not any(np.signbit(p[p == 0]).any() for p in params.values())


def test_nodes_of_integers_and_lists():
    nodes = Nodes([[0], [1]], [3, 5], 2)
    x = np.array([[0.0], [0.5], [1.0]])
    assert mlp.forward(*constructive.maximum_convolution(nodes), x)[0].ravel().tolist() == [3.0, 4.0, 5.0]
    assert constructive.tree(nodes, x).tolist() == [3.0, 4.0, 5.0]


def test_nodes_of_narrow_types_are_computed_with_in_float64():
    nodes = Nodes(
        np.array([[0], [1]], dtype="int8"), np.array([0, 2**24], dtype="float32"), np.float32(1)
    )  # raised by 1
    x = np.array([[0.0], [1.0]])
    for found in (mlp.forward(*constructive.maximum_convolution(nodes), x)[0].ravel(), constructive.tree(nodes, x)):
        assert found.tolist() == [2.0**24 - 1, 2.0**24]


def test_what_is_given_is_not_written_to():
    nodes = _nodes(5, 2)
    for array in nodes[:2]:
        array.setflags(write=False)
    x = np.zeros((3, 2))
    x.setflags(write=False)
    constructive.maximum_convolution(nodes)
    constructive.tree(nodes, x)


# --- the tree --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (2,), (9,), (5, 7), (3, 4, 5), (16, 16)])
def test_the_tree_is_the_network_to_the_bit(shape):
    nodes = constructive.integer_nodes(_image(shape))
    x = nodes.points.astype("float32")
    z, _ = mlp.forward(*constructive.maximum_convolution(nodes, "float32"), x)
    assert_equal_exact(constructive.tree(nodes, x), z[0, :, 0], bitwise=True)


@pytest.mark.parametrize(
    "nodes",
    [
        Nodes(np.array([[0.0], [1.0]]), np.array([0.0, 2.0**24]), 1.0),  # raised by 1
        Nodes(np.array([[0.0], [2.0**24 + 1]]), np.zeros(2), 1.0),
    ],
    ids=["values", "points"],
)
def test_the_tree_rounds_what_the_network_rounds(nodes):
    x = nodes.points.astype("float32")
    z, _ = mlp.forward(*constructive.maximum_convolution(nodes, "float32"), x)
    assert_equal_exact(constructive.tree(nodes, x), z[0, :, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("K", "d"), [(1, 1), (2, 3), (37, 2), (64, 2)])
def test_the_tree_is_the_network_up_to_rounding(dtype, K, d):
    nodes = _nodes(K, d)
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (33, d)).astype(dtype)
    z, _ = mlp.forward(*constructive.maximum_convolution(nodes, dtype), x)
    size = nodes.slope * 3 * d + 2  # of the sums: slope times the largest distance, and the values
    direct = (nodes.values - nodes.slope * abs(x[:, None, :] - nodes.points).sum(axis=-1)).max(axis=1)
    for found in (z[0, :, 0], constructive.tree(nodes, x)):
        assert_close(found, direct, dtype=dtype, conditioning=size, terms=2 * d * K)


def test_the_tree_works_in_portions():
    codes = _image((64, 40))
    nodes = constructive.integer_nodes(codes)
    assert len(codes.ravel()) * 2 * 2 * nodes.points.shape[0] > 20 * 2**18
    assert_equal_exact(constructive.tree(nodes, nodes.points.astype("float32")), codes.ravel().astype("float32"))


def test_more_nodes_than_a_portion_has_numbers():
    nodes = constructive.integer_nodes(np.arange(300_000, dtype="uint32"))
    x = np.array([[0.0], [123_456.0], [299_999.0]], dtype="float32")
    assert constructive.tree(nodes, x).tolist() == [0.0, 123_456.0, 299_999.0]


def test_no_points_no_values():
    assert_equal_exact(constructive.tree(_nodes(3, 2), np.empty((0, 2))), np.empty(0))


# --- exact INRs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [True, False])
@pytest.mark.parametrize("tile", [None, 2, 3, (4, 3), (9, 9)])
def test_tiles_and_channels(tile, channels):
    samples = _image((7, 8, 3))
    if np.iterable(tile) and not channels:
        tile = (*tile, 2)
    inr = constructive.exact(samples, tile, channels=channels)
    assert_equal_exact(inr.decode(), samples)
    assert inr.layout.channels == (3 if channels else 1)
    assert inr.layout.networks == len(inr.layout.tiles) * inr.layout.channels
    assert inr.layout.spec.sizes == constructive.sizes(math.prod(inr.layout.tile), len(inr.layout.tile))


def test_a_cut_tile_repeats_its_last_samples():
    samples = _image((5,))
    inr = constructive.exact(samples, (3,))
    nodes = constructive.integer_nodes(samples[[3, 4, 4]])
    _, expected = constructive.maximum_convolution(nodes, "float32")
    for name, p in expected.items():
        assert_equal_exact(inr.params[name][1], p[0])


def test_logits_are_the_codes():
    samples = np.array([0, 1, 2, 3], dtype="uint8")
    logits = constructive.exact(samples).logits()
    assert_equal_exact(logits.ravel(), samples.astype("float32"))


def test_the_report_counts_what_the_networks_represent():
    inr = constructive.exact(np.array([0, 1, 2, 7], dtype="uint8"))
    last = f"b{inr.layout.spec.depth - 1}"
    params = inr.params | {last: inr.params[last] + 0.75}
    report = refinr.measuring.measure(Tiled(inr.layout, inr.decode()), params, seconds=0.0).report
    assert report.wrong_bits == (3, 1, 0)  # 0 1 2 7 read as 1 2 3 7: the top has nothing above it
    assert report.margin == pytest.approx(-0.25)
    assert not report.lossless


def test_the_command_line_knows_such_files(tmp_path, capsys):
    np.save(tmp_path / "x.npy", _image((6, 5)))
    constructive.exact(_image((6, 5))).save(tmp_path / "x.inr")
    assert cli.main(["verify", str(tmp_path / "x.npy"), str(tmp_path / "x.inr")]) == 0
    assert cli.main(["decode", str(tmp_path / "x.inr"), str(tmp_path / "back.npy")]) == 0
    assert_equal_exact(np.load(tmp_path / "back.npy"), _image((6, 5)))
    assert cli.main(["info", str(tmp_path / "x.inr")]) == 0
    said = capsys.readouterr().out
    assert "Integers, 16 bits" in said
    assert f"{constructive.parameters(30, 2)} parameters" in said
    assert "lossless" in said


def test_a_machine_that_rounds_is_found_out(monkeypatch):
    monkeypatch.setattr(
        constructive,
        "measure",
        lambda tiled, params, seconds: refinr.measuring.measure(
            tiled, {name: p * 0.5 for name, p in params.items()}, seconds=seconds
        ),
    )
    with pytest.raises(refinr.LosslessError, match="rounded"):
        constructive.exact(_image((3, 3)))


def test_the_report_has_the_seconds_it_took(monkeypatch):
    moments = iter([10.0, 12.5])
    monkeypatch.setattr(constructive.time, "perf_counter", lambda: next(moments))
    assert constructive.exact(_image((3, 3))).report.seconds == 2.5


def test_fewer_parameters_in_smaller_tiles():
    samples = _image((8, 8))
    counts = [constructive.exact(samples, tile).report.parameters for tile in (None, 4, 2, 1)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 64 * constructive.parameters(1, 2)


# --- the decomposition -----------------------------------------------------------------------------------------------


def test_integers_round_to_the_nearest_code_within_range():
    z = np.array([-np.inf, -3.0, -0.4, 0.4, 0.6, 6.9, 7.2, 1e9, np.inf, np.nan], dtype="float32").reshape(1, -1, 1)
    assert Integers(3).codes(z).ravel().tolist() == [0, 0, 0, 0, 1, 7, 7, 7, 7, 0]
    assert Integers(3).codes(z).dtype == np.uint8


@given(st.lists(st.floats(-10.0, 300.0, width=32), min_size=1), st.integers(1, 8))
def test_distances_vs_exact_fractions(values, bits):
    thresholds = [Fraction(2 * k + 1, 2) for k in range(2**bits - 1)]
    found = Integers(bits).distances(np.array(values, dtype="float32")[None, :, None])
    assert found.shape == (1, len(values), 1)
    for value, distance in zip(values, found.ravel().tolist(), strict=True):
        exact = min(abs(Fraction(value) - t) for t in thresholds)
        assert exact * (1 - Fraction(1, 2**49)) <= Fraction(distance) <= exact


@given(seeds, st.integers(1, 25), st.integers(1, 3))
def test_integers_come_back(seed, bits, channels):
    codes = np.random.default_rng(seed).integers(0, min(2**bits, 2**24 + 1), (5, channels)).astype("uint32")
    cut = Integers(bits)
    z = cut.targets(codes)
    assert (z.shape, z.dtype, cut.networks(channels)) == ((channels, 5, 1), np.float32, channels)
    assert (cut.codes(z) == codes).all()
    assert_equal_exact(cut.by_sample(z)[..., 0], codes.astype("float32"))


def test_margins_of_integers():
    z, targets = (
        np.array(values).reshape(1, -1, 1) for values in ([-9.0, 0.75, 1.25, 2.0, 7.0], [0.0, 1.0, 1.0, 1.0, 3.0])
    )
    assert Integers(2).margins(z, targets).ravel().tolist() == [0.5, 0.25, 0.25, -0.5, 0.5]


@pytest.mark.parametrize("bits", [0, 26])
def test_integers_that_float32_does_not_hold(bits):
    with pytest.raises(ValueError, match=f"bits: expected 1 to 25, which float32 holds, got {bits}"):
        Integers(bits)


def test_no_fit_for_what_is_only_written_down():
    assert not decompositions.DECOMPOSITIONS.keys() & decompositions.WRITTEN_DOWN.keys()
    with pytest.raises(ValueError, match="decomposition: unknown name 'integers'"):
        refinr.fit(_image((3, 5)), "integers")


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "U3", "datetime64[s]", object])
def test_only_integers_are_exact(dtype):
    with pytest.raises(TypeError, match="samples: expected integers or booleans, got"):
        constructive.exact(np.ones((2, 2)).astype(dtype))


@pytest.mark.parametrize("samples", [np.array(3), np.empty((0, 3), dtype="uint8")])
def test_no_samples(samples):
    with pytest.raises(ValueError, match="samples: expected at least one axis and one sample"):
        constructive.exact(samples)


def test_steps_too_steep_for_the_size():
    samples = np.zeros(1000, dtype="uint16")
    samples[500] = 2**16 - 1
    with pytest.raises(ValueError, match=r"largest step 65535 x diameter 999\) \+ 65535 \(range\): use smaller tiles"):
        constructive.exact(samples)
    assert constructive.exact(samples, (200,)).lossless


def test_dense_networks_that_are_too_large():
    count = constructive.parameters(128 * 128, 2)
    way_out = r"; give smaller tiles \(tile=\), or use constructive\.tree of integer_nodes, which needs no matrices$"
    with pytest.raises(ValueError, match=rf"{count} numbers are {4 * count} bytes.*{way_out}"):
        constructive.exact(_image((128, 128)))
    with pytest.raises(
        ValueError,
        match=r"dense network for 16384 nodes in 2 dimensions.*; use constructive\.tree, which needs no matrices$",
    ):
        constructive.maximum_convolution(constructive.integer_nodes(_image((128, 128)) // 2))
    with pytest.raises(
        ValueError, match=r"cover by 1048576 nodes an axis in 2 dimensions.*; a larger eps needs fewer$"
    ):
        constructive.lipschitz(lambda x: x[:, 0], 1, 2**-19, 2)


def test_the_limit_is_what_arrays_take(monkeypatch):
    def cover():
        return constructive.cover(lambda x: x[:, 0], 1, 0.5, 2)  # 4 x 4 nodes, of two coordinates and a value

    dense = constructive.parameters(9, 2)
    monkeypatch.setattr(constructive, "LIMIT", 2 * 4 * dense)
    assert constructive.exact(_image((3, 6)), (3, 3)).lossless
    for call, size, what in [
        (lambda: constructive.exact(_image((3, 6)), (3, 3)), 2 * 4 * dense, "dense networks, 2 for 9 nodes"),
        (lambda: constructive.maximum_convolution(_nodes(9, 2), "float32"), 4 * dense, "dense network for 9 nodes"),
        (lambda: constructive.maximum_convolution(_nodes(9, 2)), 8 * dense, "dense network for 9 nodes"),
        (cover, 16 * 3 * 8, "cover by 4 nodes an axis"),
    ]:
        monkeypatch.setattr(constructive, "LIMIT", size)
        call()
        monkeypatch.setattr(constructive, "LIMIT", size - 1)
        with pytest.raises(
            ValueError, match=rf"{what} in 2 dimensions: .* {size} bytes, more than constructive\.LIMIT {size - 1}"
        ):
            call()


@pytest.mark.parametrize("number", [0, -1])
def test_counts_below_one(number):
    for call in (constructive.sizes, constructive.parameters, constructive.nonzeros):
        with pytest.raises(ValueError, match=f"K: expected 1 or more, got {number}"):
            call(number, 1)
        with pytest.raises(ValueError, match=f"d: expected 1 or more, got {number}"):
            call(1, number)
        with pytest.raises(ValueError, match=f"d: expected 1 or more, got {number}"):
            call(2, number)
    for call in (constructive.depth, constructive.maximum):
        with pytest.raises(ValueError, match=f"K: expected 1 or more, got {number}"):
            call(number)
    with pytest.raises(ValueError, match=f"d: expected 1 or more, got {number}"):
        constructive.one_norm(number)


@pytest.mark.parametrize(
    ("points", "values", "slope", "text"),
    [
        (np.empty((0, 2)), np.empty(0), 1.0, r"points \(K, d\) and values \(K,\).*got \(0, 2\) and \(0,\)"),
        (np.zeros((2, 0)), np.zeros(2), 1.0, r"got \(2, 0\)"),
        (np.zeros(3), np.zeros(3), 1.0, r"got \(3,\) and \(3,\)"),
        (np.zeros((3, 1)), np.zeros(2), 1.0, r"got \(3, 1\) and \(2,\)"),
        (np.zeros((3, 1)), np.zeros(3), -1.0, "slope of 0 or more, got slope -1.0"),
        (np.zeros((3, 1)), np.zeros(3), math.nan, "slope nan"),
        (np.zeros((3, 1)), np.zeros(3), math.inf, "slope inf"),
        (np.full((3, 1), np.nan), np.zeros(3), 1.0, "finite points"),
        (np.zeros((3, 1)), np.full(3, np.inf), 1.0, "finite points and values"),
    ],
)
def test_nodes_that_are_none(points, values, slope, text):
    for call in (constructive.maximum_convolution, lambda nodes: constructive.tree(nodes, np.zeros((1, 1)))):
        with pytest.raises(ValueError, match=text):
            call(Nodes(points, values, slope))


@pytest.mark.parametrize("x", [np.zeros(2), np.zeros((4, 3)), np.zeros((4, 2), dtype=int), np.zeros((1, 4, 2))])
def test_points_that_are_none(x):
    with pytest.raises(ValueError, match=r"x: expected floats \(N, 2\), got"):
        constructive.tree(_nodes(3, 2), x)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"L": -1}, "L: expected a slope of 0 or more, got -1"),
        ({"L": math.nan}, "L: expected a slope"),
        ({"L": math.inf}, "L: expected a slope"),
        ({"eps": 0}, "eps: expected a positive tolerance, got 0"),
        ({"eps": -0.5}, "eps: expected a positive tolerance, got -0.5"),
        ({"eps": math.nan}, "eps: expected a positive"),
        ({"eps": math.inf}, "eps: expected a positive"),
        ({"d": 0}, "d: expected 1 or more, got 0"),
        ({"low": 1.0}, "low, high: expected the ends of an interval, got 1.0 and 1.0"),
        ({"high": math.inf}, "low, high"),
        ({"low": -math.inf}, "low, high"),
        ({"f": lambda x: x}, r"f: expected 4 finite values for points \(4, 1\), got shape \(4, 1\)"),
        ({"f": lambda x: x[:, 0] * np.nan}, "f: expected 4 finite values"),
    ],
)
def test_functions_that_are_not_lipschitz(changes, text):
    arguments = {"f": lambda x: x[:, 0], "L": 1, "eps": 0.25, "d": 1} | changes
    with pytest.raises(ValueError, match=text):
        constructive.lipschitz(**arguments)


def test_a_cover_for_the_tree():
    def f(x):
        return np.sin(x).sum(axis=1)

    nodes = constructive.cover(f, 1, 0.125, 2, low=-1, high=1)
    assert nodes.points.shape == (32**2, 2)
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    F = constructive.tree(nodes, x)
    assert (f(x) - 0.125 <= F).all()
    assert (f(x) + 1e-12 >= F).all()
    assert theory.lipschitz_constant(2, 1) / 0.125**4 >= constructive.parameters(32**2, 2)


def test_a_cover_is_of_the_unit_cube_in_row_major_order():
    nodes = constructive.cover(lambda x: (x[:, 0] > 0.5).astype(int), 1, 0.5, 2)
    expected = list(itertools.product([0.125, 0.375, 0.625, 0.875], repeat=2))
    assert_equal_exact(nodes.points, np.array(expected))
    assert_equal_exact(nodes.values, np.repeat([0.0, 1.0], 8))
