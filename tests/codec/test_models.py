"""From samples to networks: what is looked at, which examples a network gets, and which prediction; by hand."""

from __future__ import annotations

import numpy as np
import pytest

from refinr.codec import (
    contexts,
    counts,
    cuts,
    exact,
    header,
    models,
    network,
    parameters,
    prediction,
    stream,
    training,
    values,
)
from refinr.codec.arrangement import Arrangement, arrange_axes
from tests.codec.strategies import walk
from tests.helpers import assert_equal_exact

VOLUME = walk(np.random.default_rng(0), (6, 14, 11), 200).astype("u1")
COLOURS = walk(np.random.default_rng(1), (25, 20, 3), 900).astype("u2")
IMAGE = walk(np.random.default_rng(2), (30, 26), 255).astype("u1")
SOUND = walk(np.random.default_rng(3), (700,), 9000).astype("i2")
STEREO = walk(np.random.default_rng(4), (600, 2), 9000).astype("i2")


def _silent(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("looked_at", [64, 5, 4, 1])
@pytest.mark.parametrize("array", [VOLUME, IMAGE, COLOURS], ids=["volume", "image", "colours"])
def test_what_is_looked_at(monkeypatch, array, looked_at):
    monkeypatch.setattr(cuts, "SLAB", 90)
    monkeypatch.setattr(models, "_LOOKED_AT", looked_at)
    channels = array is COLOURS
    seen = models.look(array, channels)
    assert seen is not None
    blocks = cuts.blocks(array.shape)
    assert len(blocks) > 8
    assert seen.slabs == len(blocks)
    assert len(seen.blocks) <= looked_at
    every = -(-len(blocks) // looked_at)
    assert seen.blocks == [block for i, block in enumerate(blocks) if i % every == 0]
    assert seen.array is array
    assert seen.channels == channels
    assert seen.recipe == values.survey(array)
    assert seen.levels == seen.recipe.coded_levels()
    middle = values.to_levels(array[seen.blocks[len(seen.blocks) // 2]], seen.recipe)[0]
    assert_equal_exact(seen.middle, middle)
    assert seen.axes == arrange_axes(middle, channels)
    assert seen.outside == int(np.median(middle))


def test_where_there_is_but_one_level_there_is_nothing_to_predict():
    assert models.look(np.full((3, 4), 7), False) is None
    assert models.look(np.array([[7, 8]]), False) is not None


@pytest.mark.parametrize("levels", [2, 16, 17])
def test_few_levels_are_counted(levels):
    array = np.arange(4 * 17 * 3).reshape(17, 4, 3) * 7 % levels
    seen = models.look(array, True)
    given = models.counted(seen)
    if levels > counts.MOST_LEVELS:
        assert given is None
        return
    coding = header.Coding(seen.recipe, seen.axes, True, seen.outside, "counts", 0, (None,) * 3, b"")
    assert given == (coding, (None,) * 3, array.dtype)


def test_levels_with_lower_bits_aside_are_not_counted():
    array = np.array([0, 1, 2**33, 2**60 + 1] * 9, "u8")
    seen = models.look(array, False)
    assert seen.recipe.low_bits
    assert models.counted(seen._replace(levels=4)) is None


def _trained_by_hand(seen: models.Seen, wish: models.Wish, lags: list[np.ndarray]) -> list:
    """Networks of all roles that have samples, or might have."""
    rng = np.random.default_rng(wish.seed)
    roles = Arrangement(seen.middle.shape, seen.axes, seen.channels).roles
    model = stream.Model(
        [{"lags": each.astype(float)} for each in lags], seen.levels, float(seen.outside), wish.model,
        len(lags[0]) if lags else 0,
    )  # fmt: skip
    parts: list[list[training.Data]] = [[] for _ in roles]
    samples = [0] * len(roles)
    most = models._TRAINED_ON // len(seen.blocks) // max(1, len(roles) // 4)
    for block in seen.blocks:
        levels = values.to_levels(seen.array[block], seen.recipe)[0]
        arrangement = Arrangement(levels.shape, seen.axes, seen.channels)
        order = arrangement.order()
        predictor = stream.Predictor(arrangement, model, arrangement.work(levels, seen.outside))
        predictor.know_all(order)
        role_of = np.repeat(order.roles, np.diff(order.bounds))
        for role in range(len(roles)):
            places = order.places[role_of == role]
            samples[role] += len(places)
            parts[role].append(stream.data(predictor, role, rng.permutation(places)[:most]))
    examples = []
    for each in parts:
        chosen = rng.permutation(sum(len(part.inputs) for part in each)) if len(each) > 1 else slice(None)
        fields = [np.concatenate(field)[chosen] for field in zip(*(part.targets for part in each), strict=True)]
        inputs, linear = (np.concatenate([part[i] for part in each])[chosen] for i in range(2))
        examples.append(training.Data(inputs, linear, type(each[0].targets)(*fields), seen.levels))
    found: list = []
    for i, (data, count) in enumerate(zip(examples, samples, strict=True)):
        if count == 0 and len(seen.blocks) == seen.slabs:
            found.append(None)
            continue
        width = training.hidden_width(count * seen.slabs // len(seen.blocks)) if wish.steps else 0
        arrangement = Arrangement(seen.middle.shape, seen.axes, seen.channels)
        sizes = parameters.sizes(arrangement, roles[i], width, wish.model, len(lags[0]) if lags else 0)
        units = training.train(data, sizes, wish.steps, rng, reproducible=wish.reproducible)
        found.append(units | {"lags": lags[i]} if lags else units)
    return found


def _same(networks, expected) -> None:
    assert len(networks) == len(expected)
    for units, other in zip(networks, expected, strict=True):
        assert (units is None) == (other is None)
        if units is not None:
            assert list(units) == list(other)
            for name in units:
                assert_equal_exact(units[name], other[name])


@pytest.mark.parametrize(
    ("array", "slab", "looked_at", "trained_on", "wish"),
    [
        (IMAGE, 2000, 64, 10**6, models.Wish()),
        (IMAGE, 2000, 64, 500, models.Wish(steps=3, seed=2)),
        (IMAGE, 200, 64, 500, models.Wish(steps=3, reproducible=True)),
        (IMAGE, 200, 64, 500, models.Wish("planes", steps=2)),
        (COLOURS, 400, 2, 900, models.Wish("adaptive", steps=2)),
        (VOLUME, 2000, 64, 300, models.Wish(steps=2)),
        (VOLUME[:, :, :1] + VOLUME[:, :1], 40, 3, 300, models.Wish(steps=2)),
        (np.stack([VOLUME] * 2), 200, 64, 3000, models.Wish(steps=1)),
    ],
)
def test_networks_are_trained_on_samples_of_their_role_from_all_slabs_that_are_looked_at(
    monkeypatch, array, slab, looked_at, trained_on, wish
):
    monkeypatch.setattr(cuts, "SLAB", slab)
    monkeypatch.setattr(models, "_LOOKED_AT", looked_at)
    monkeypatch.setattr(models, "_TRAINED_ON", trained_on)
    monkeypatch.setattr(training, "hidden_width", lambda samples: 1 + samples // 100 % 5)
    seen = models.look(array, array is COLOURS)
    told: list[tuple[int, int]] = []
    given = models.train(seen, wish, lambda *done: told.append(done))
    expected = _trained_by_hand(seen, wish, [])
    _same(given.networks, expected)
    hidden = tuple(None if units is None else units["w0"].shape[1] for units in expected)
    assert given.coding == header.Coding(
        seen.recipe, seen.axes, seen.channels, seen.outside, wish.model, 0, hidden, b""
    )
    assert given.dtype == array.dtype
    steps = wish.steps * sum(units is not None for units in expected)
    assert bool(told) == bool(steps)
    if told:
        assert told == [(i, told[0][1]) for i in range(1, len(told) + 1)]
        assert len(told) == told[0][1] <= steps


def test_a_role_that_no_sample_has_gets_no_network_and_one_that_was_not_looked_at_does(monkeypatch):
    array = np.random.default_rng(0).integers(0, 99, (5, 2, 2))
    monkeypatch.setattr(cuts, "SLAB", 4)
    seen = models.look(array, False)
    assert [block[0] for block in seen.blocks] == [slice(i, i + 1) for i in range(5)]
    given = models.train(seen, models.Wish(), _silent)
    assert [units is None for units in given.networks] == [False, True]
    monkeypatch.setattr(models, "_LOOKED_AT", 2)
    given = models.train(models.look(array, False), models.Wish(), _silent)
    assert [units is None for units in given.networks] == [False, False]


def _lags_by_hand(arrangement: Arrangement, levels: np.ndarray, outside: int, count: int, orders) -> list[np.ndarray]:
    work = arrangement.work(levels, outside)
    order = arrangement.order()
    role_of = np.repeat(order.roles, np.diff(order.bounds))
    tried = []
    for length in orders:
        lags = []
        size = 0.0
        for role in range(len(arrangement.roles)):
            places = order.places[role_of == role]
            places = np.sort(places[:: -(-len(places) // models._FITTED)])
            before = work[prediction.before(arrangement, places, length)]
            lags.append(prediction.fit(before, work[places], outside))
            expected = prediction.predict(before, lags[-1] * 1.0, float(outside), count)
            size += prediction.about_bits(work[places] - expected, lags[-1])
        tried.append((size, lags))
    return min(tried, key=lambda pair: pair[0])[1]


@pytest.mark.parametrize(
    ("array", "orders"), [(SOUND, (32, 64)), (STEREO, (32, 64)), (SOUND[:256], (32,)), (SOUND[:511], (32,))]
)
@pytest.mark.parametrize("fitted", [1 << 15, 300])
def test_the_order_of_a_prediction_is_that_which_seems_best(monkeypatch, array, orders, fitted):
    monkeypatch.setattr(models, "_FITTED", fitted)
    seen = models.look(array, array.ndim > 1)
    arrangement = Arrangement(seen.middle.shape, seen.axes, seen.channels)
    expected = _lags_by_hand(arrangement, seen.middle, seen.outside, seen.levels, orders)
    found = models._lags(arrangement, seen.middle, seen.outside, seen.levels)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert_equal_exact(a, b)
    given = models.train(seen, models.Wish(steps=2), _silent, predicted=True)
    _same(given.networks, _trained_by_hand(seen, models.Wish(steps=2), expected))
    assert given.coding.lags == len(expected[0])


def test_a_longer_prediction_is_taken_where_it_is_better():
    rng = np.random.default_rng(0)
    y = np.append(rng.uniform(-9000, 9000, 101), np.zeros(2500))
    for t in range(101, len(y)):
        y[t] = 0.499 * (y[t - 100] + y[t - 101])
    levels = (np.rint(y + 3 * rng.normal(size=len(y))) + 20_000).astype(np.int64)
    assert len(models._lags(Arrangement(levels.shape, (0,), False), levels, 20_000, 40_000)[0]) == 128


def test_all_channels_count_where_an_order_is_chosen():
    rng = np.random.default_rng(0)
    y = np.append(rng.uniform(-9000, 9000, 101), np.zeros(1200))
    for t in range(101, len(y)):
        y[t] = 0.499 * (y[t - 100] + y[t - 101])
    levels = np.rint(np.stack([y + 3 * rng.normal(size=len(y)), 3 * rng.normal(size=len(y))], 1)).astype(np.int64)
    arrangement = Arrangement(levels.shape, (1, 0), True)
    assert [len(each) for each in models._lags(arrangement, levels + 20_000, 20_000, 40_000)] == [128, 128]


def test_many_roles_share_what_is_trained_on(monkeypatch):
    monkeypatch.setattr(models, "_TRAINED_ON", 81)
    array = walk(np.random.default_rng(0), (2, 9, 8, 10, 2), 99)
    seen = models.look(array, True)
    roles = Arrangement(array.shape, seen.axes, True).roles
    assert len(roles) == 8
    model = stream.Model([{}] * 8, 100, 0.0)
    examples, samples = models._examples(seen, model, np.random.default_rng(0))
    assert sum(samples) == array.size
    assert [len(data.inputs) for data in examples] == [min(count, 40) for count in samples]
    assert max(samples) > 81


def test_where_no_prediction_is_tried():
    def tried(array: np.ndarray, levels: int = 9001) -> int:
        arrangement = Arrangement(array.shape, tuple(range(array.ndim)), False)
        found = models._lags(arrangement, array, 0, levels)
        return len(found[0]) if found else 0

    line = np.arange(600) % 9
    assert tried(line[:255]) == 0
    assert tried(line[:256]) == 32
    assert tried(line.reshape(20, 30)) == 0
    assert tried(line[:256], 2**53 // (32 * prediction.MOST_UNITS) + 1) == 0, "a sum might be rounded"
    assert tried(line[:256], 2**53 // (32 * prediction.MOST_UNITS)) == 32
    assert 2**53 % (32 * prediction.MOST_UNITS), "or else the line above were beyond"
    assert models.train(models.look(IMAGE, False), models.Wish(), _silent, predicted=True) is None


def test_networks_whose_sums_might_be_rounded_are_refused(monkeypatch):
    monkeypatch.setattr(contexts, "MOST_LINEAR", 2.0**40)
    with pytest.raises(ValueError, match="exact only below"):
        models.train(models.look(IMAGE, False), models.Wish(), _silent)
    assert exact.EXACT == 2**53
    assert network.MOST_UNITS == 2047
