"""Tables of features against loops over single numbers, the complex step and JAX; and what such tables can hold."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import decisions, lookups, losses, mlp, optim
from refinr.lookups import Grid
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

sides = st.integers(1, 5)


def _grid(seed: int) -> Grid:
    """Two levels over three to ten samples, some rows read by many, some by none."""
    rng = np.random.default_rng(seed)
    samples = int(rng.integers(3, 11))
    levels = []
    for _ in range(2):
        length = int(rng.integers(1, 7))
        rows = rng.integers(0, length, (samples, int(rng.integers(1, 5))))
        levels.append(lookups.lookup(rows, rng.standard_normal(rows.shape), length))
    return tuple(levels)


def _case(seed: int, e: int, f: int) -> tuple[Grid, dict[str, np.ndarray], np.ndarray]:
    grid = _grid(seed)
    rng = np.random.default_rng(seed + 1)
    tables = {f"t{i}": rng.standard_normal((e, len(level.readers), f)) for i, level in enumerate(grid)}
    return grid, tables, rng.standard_normal((e, len(grid[0].rows), 2 * f))


def _naive(grid: Grid, table: np.ndarray, level: int) -> np.ndarray:
    rows, weights = grid[level].rows, grid[level].weights
    y = np.zeros((len(table), len(rows), table.shape[-1]))
    for e, n, f in np.ndindex(y.shape):
        y[e, n, f] = math.fsum(w * table[e, t, f] for t, w in zip(rows[n], weights[n], strict=True))
    return y


def _naive_backward(grid: Grid, dy: np.ndarray, level: int, features: int) -> np.ndarray:
    """The scatter, entry by entry."""
    rows, weights = grid[level].rows, grid[level].weights
    dtable = np.zeros((len(dy), len(grid[level].readers), features))
    for e, n, k in np.ndindex((len(dy), *rows.shape)):
        dtable[e, rows[n, k]] += weights[n, k] * dy[e, n, level * features : (level + 1) * features]
    return dtable


def _magnitudes(grid: Grid) -> Grid:
    return tuple(level._replace(weights=abs(level.weights)) for level in grid)


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_forward_vs_naive_loop(seed, e, f):
    grid, tables, _ = _case(seed, e, f)
    y, _ = lookups.forward(tables, grid)
    for i, table in enumerate(tables.values()):
        conditioning = _naive(_magnitudes(grid), abs(table), i)
        assert_close(y[..., i * f : (i + 1) * f], _naive(grid, table, i), conditioning=conditioning, terms=4)


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_backward_vs_naive_scatter(seed, e, f):
    grid, tables, dy = _case(seed, e, f)
    grads = lookups.backward(dy, lookups.forward(tables, grid)[1])
    for i in range(2):
        conditioning = _naive_backward(_magnitudes(grid), abs(dy), i, f)
        assert_close(grads[f"t{i}"], _naive_backward(grid, dy, i, f), conditioning=conditioning, terms=40)


@given(seeds)
def test_backward_vs_complex_step(seed):
    grid, tables, dy = _case(seed, 2, 2)
    grads = lookups.backward(dy, lookups.forward(tables, grid)[1])
    for i, name in enumerate(tables):
        rest = {other: table + 0j for other, table in tables.items()}
        expected = complex_step_gradient(
            lambda t, name=name, rest=rest: (lookups.forward(rest | {name: t}, grid)[0] * dy).sum(), tables[name]
        )
        assert_close(grads[name], expected, conditioning=_naive_backward(_magnitudes(grid), abs(dy), i, 2), terms=40)


def test_backward_vs_jax():
    """Through a network as well: the gradient at the tables is that of the whole."""
    grid = lookups.hash_grid((5, 6), levels=3, coarsest=2, growth=1.6, length=20)
    spec = mlp.MLP((6, 8, 1), activation="tanh")
    tables = {name: 1e4 * table for name, table in lookups.init(grid, 2, nets=2, seed=3, dtype="float64").items()}
    params = mlp.init(spec, nets=2, seed=4, dtype="float64")
    x, looked = lookups.forward(tables, grid)
    z, cache = mlp.forward(spec, params, x)
    _, dx = mlp.backward(spec, params, cache, np.ones_like(z))
    grads = lookups.backward(dx, looked)

    def total(tables: dict) -> jax.Array:
        parts = [
            (tables[f"t{i}"][:, level.rows] * level.weights[..., None]).sum(axis=2) for i, level in enumerate(grid)
        ]
        h = jnp.concatenate(parts, axis=-1)
        return (jnp.tanh(h @ params["w0"] + params["b0"]) @ params["w1"] + params["b1"]).sum()

    expected = jax.grad(total)({name: jnp.asarray(table) for name, table in tables.items()})
    for name, grad in grads.items():
        reference = np.asarray(expected[name])
        assert_close(grad, reference, conditioning=float(abs(reference).max()), terms=1000)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    grid = lookups.hash_grid((4, 4), levels=2, coarsest=1, growth=2.0, length=8)
    tables = lookups.init(grid, 2, dtype=dtype)
    grid = lookups.beside(grid, tables["t0"])
    y, cache = lookups.forward(tables, grid)
    assert {y.dtype, *(g.dtype for g in lookups.backward(y, cache).values())} == {np.dtype(dtype)}


def test_rows_beyond_24_bits_stay_what_they_are():
    rows = np.array([[2**24 + 1]])
    (moved,) = lookups.beside((lookups.Lookup(rows, np.ones((1, 1)), rows, np.ones((1, 1))),), np.ones(2, "float32"))
    assert_equal_exact(moved.rows, rows)
    assert_equal_exact(moved.readers, rows)


# --- who reads a row -------------------------------------------------------------------------------------------------


def test_readers_of_a_row_are_in_the_order_of_the_samples():
    """Sums over them are then the same wherever they are computed; what sorts quickly would not keep it."""
    rows = np.random.default_rng(0).integers(0, 2, (2000, 1))
    found = lookups.lookup(rows, np.ones(rows.shape), 2)
    for row, (readers, back) in enumerate(zip(found.readers, found.back, strict=True)):
        assert_equal_exact(readers[back == 1], np.flatnonzero(rows[:, 0] == row))


@pytest.mark.parametrize(("samples", "length"), [(1, 2), (1, 1), (0, 3)])
def test_a_row_that_nobody_reads_has_the_first_sample_with_weight_zero(samples, length):
    rows = np.zeros((samples, 1), dtype=np.int64)
    found = lookups.lookup(rows, np.ones((samples, 1)), length)
    assert_equal_exact(found.readers, np.zeros((length, 1), dtype=np.int64))
    assert_equal_exact(found.back, np.array([[1.0] * samples or [0.0], *[[0.0]] * (length - 1)]))


def test_a_row_a_sample_is_that_samples_features():
    table = np.random.default_rng(0).standard_normal((5, 2))
    y, cache = lookups.forward({"t0": table}, lookups.per_sample(5))
    assert_equal_exact(y, table)
    assert_equal_exact(lookups.backward(y, cache)["t0"], table)


# --- the grids -------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 40))
def test_weights_of_a_sample_add_up_to_one(shape, levels, coarsest, length):
    for level in lookups.hash_grid(shape, levels, coarsest, 1.5, length):
        assert level.weights.min() >= 0
        assert_close(level.weights.sum(axis=1), np.ones(math.prod(shape)), terms=2 ** len(shape))
        assert level.rows.min() >= 0
        assert level.rows.max() < len(level.readers) <= length


def test_a_grid_that_fits_interpolates_every_linear_function():
    """Corners with the values of ``1 + 2 x - 3 y`` give that function at the samples."""
    (level,) = lookups.hash_grid((6, 7), levels=1, coarsest=3, growth=1.0, length=100)
    corners = np.array([[1 + 2 * i / 3 - 3 * j / 3] for i in range(4) for j in range(4)])
    y, _ = lookups.forward({"t0": corners}, (level,))
    expected = [[1 + 2 * i / 5 - 3 * j / 6] for i in range(6) for j in range(7)]
    assert_close(y, np.array(expected), conditioning=6.0, terms=4)


def test_the_hash_is_the_papers():
    """Rows of a level that does not fit, one by one in Python's integers."""
    (level,) = lookups.hash_grid((3, 3, 3), levels=1, coarsest=2, growth=1.0, length=7)
    for n, (i, j, k) in enumerate(np.ndindex(3, 3, 3)):
        heaviest = int(level.weights[n].argmax())  # samples are on corners here
        assert level.weights[n, heaviest] == 1.0
        product = (i ^ (j * 2654435761 & 0xFFFFFFFF)) ^ (k * 805459861 & 0xFFFFFFFF)
        assert level.rows[n, heaviest] == product % 7


def test_wrong_grids_are_refused():
    with pytest.raises(ValueError, match="shape: expected 1 to 3 axes, got 4"):
        lookups.hash_grid((2,) * 4, 1, 1, 1.0, 1)
    for shape, levels, coarsest, length in (((0, 2), 1, 1, 1), ((2, 2), 0, 1, 1), ((2, 2), 1, 0, 1), ((2, 2), 1, 1, 0)):
        with pytest.raises(ValueError, match="expected positive numbers"):
            lookups.hash_grid(shape, levels, coarsest, 1.0, length)
    for growth in (0.9, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="growth: expected 1 or more"):
            lookups.hash_grid((2, 2), 1, 1, growth, 1)
    with pytest.raises(ValueError, match="samples: expected 1 or more"):
        lookups.per_sample(0)


def test_network_7_gets_the_same_table_in_any_company():
    grid = lookups.per_sample(4)
    alone = lookups.init(grid, 2, nets=1, seed=5)["t0"]
    assert_equal_exact(lookups.init(grid, 2, nets=3, seed=5)["t0"][:1], alone)
    assert_equal_exact(lookups.init(grid, 2)["t0"], lookups.init(grid, 2, seed=0)["t0"])
    assert lookups.parameter_count(grid, 2) == alone[0].size


# --- what a table can hold -------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 40), st.integers(1, 8))
def test_a_row_a_sample_holds_any_bits_after_one_step_without_a_network(seed, samples, planes):
    """DINER's table as the outputs themselves: Adam's first step is ``-lr sign(dz)``, which is the sign of the bit."""
    bits = np.random.default_rng(seed).integers(0, 2, (samples, planes))
    grid = lookups.per_sample(samples)
    tables = lookups.init(grid, features=planes, seed=seed)
    z, cache = lookups.forward(tables, grid)
    _, dz = losses.bce_with_logits(z, bits[None].astype(z.dtype))
    tables, _ = optim.adam_step(tables, lookups.backward(dz, cache), optim.adam_init(tables), lr=1e-2)
    z, _ = lookups.forward(tables, grid)
    assert_equal_exact(decisions.decide(z[0], 2), bits.astype(np.uint8))


@given(seeds, sides, sides)
def test_a_grid_as_fine_as_the_samples_is_a_row_a_sample(seed, height, width):
    """One cell between neighbours: any values at the corners are those of the samples, so nothing is left to learn."""
    side = max(height, width) + 1
    (level,) = lookups.hash_grid((side, side), levels=1, coarsest=side - 1, growth=1.0, length=side * side)
    values = np.random.default_rng(seed).standard_normal((side * side, 3))
    y, _ = lookups.forward({"t0": values}, (level,))
    assert_equal_exact(y, values)
