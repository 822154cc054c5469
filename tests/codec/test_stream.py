"""Slabs of samples: whatever the networks say, they come back; and the file is as long as the loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import (
    bits,
    contexts,
    dyadic,
    mixture,
    network,
    parameters,
    prediction,
    rans,
    stream,
    symbols,
    training,
)
from tests.codec.strategies import case, cases, walk
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


@given(cases(), st.integers(1, 4))
def test_random_networks_are_lossless(case, lanes):
    content = rans.encode(stream.batches(case.arrangement, case.model, case.work), lanes)
    back = stream.decode(case.arrangement, case.model, content, lanes)
    assert_equal_exact(case.arrangement.samples(back), case.levels.astype(np.float64))


@pytest.mark.parametrize(
    ("shape", "channels", "kind", "lags"),
    [
        ((3000,), False, "mixture", 0),
        ((2601, 2), True, "mixture", 0),  # what the last segment lacks is beside a sample of the other channel
        ((1500,), False, "adaptive", 9),
        ((40, 50, 3), True, "mixture", 0),
        ((70, 80), False, "adaptive", 0),
        ((30, 40, 2), True, "planes", 0),
    ],
)
def test_larger_ones_too(shape, channels, kind, lags):
    given_ = case(shape, channels, 255, 4, 30, seed=1, kind=kind, lags=lags)
    content = rans.encode(stream.batches(given_.arrangement, given_.model, given_.work), 2)
    back = stream.decode(given_.arrangement, given_.model, content, 2)
    assert_equal_exact(given_.arrangement.samples(back), given_.levels.astype(np.float64))


def test_chunks_change_nothing(monkeypatch):
    given_ = case((9, 7, 2), True, 99, 3, 30, seed=2)
    whole = rans.encode(stream.batches(given_.arrangement, given_.model, given_.work), 2)
    monkeypatch.setattr(stream, "CHUNK", 5)
    assert rans.encode(stream.batches(given_.arrangement, given_.model, given_.work), 2) == whole
    back = stream.decode(given_.arrangement, given_.model, whole, 2)
    assert_equal_exact(given_.arrangement.samples(back), given_.levels.astype(np.float64))


@given(cases(), seeds)
def test_damaged_content_raises_or_differs(case, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(rans.encode(stream.batches(case.arrangement, case.model, case.work), 2))
    content[rng.integers(0, len(content))] ^= 1 << int(rng.integers(0, 8))
    try:
        back = stream.decode(case.arrangement, case.model, bytes(content), 2)
    except ValueError:
        return
    assert (case.arrangement.samples(back) != case.levels).any()


@given(
    seeds,
    st.lists(
        st.builds(
            network.Sizes,
            st.integers(1, 20),
            st.integers(1, 20),
            st.integers(0, 9),
            st.just(9),
            st.sampled_from([0, 0, 3]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([0, 3, 300, network.MOST_UNITS]),
)
def test_parameters_come_back(seed, sizes, most):
    rng = np.random.default_rng(seed)
    networks = [
        {
            name: rng.integers(-min(most, parameters.MOST[name]), most + 1, shape)
            for name, shape in network.shapes(size).items()
        }
        for size in sizes
    ]
    back = parameters.read(parameters.write(networks), sizes)
    for a, b in zip(networks, back, strict=True):
        assert list(a) == list(b)
        for name in a:
            assert_equal_exact(b[name], a[name])


def _trained(levels: np.ndarray, steps: int, hidden: int = 8, kind: str = "mixture", **options: bool) -> tuple:
    start = case(levels.shape, False, 255, hidden, 0, seed=0, kind=kind)
    work = start.arrangement.work(levels, 128.0)
    places = np.random.default_rng(0).permutation(start.arrangement.order().places)
    data = stream.data(stream.Predictor(start.arrangement, start.model, work), 0, places)
    sizes = parameters.sizes(start.arrangement, start.arrangement.roles[0], hidden, kind, 0)
    units = training.train(data, sizes, steps, np.random.default_rng(0), **options)
    return data, units, start.arrangement, work


def _image() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    return np.clip(np.rint(120 + 60 * np.sin(x / 9) * np.cos(y / 14) + rng.normal(size=x.shape) * 3), 0, 255).astype(
        int
    )


def test_the_file_is_as_long_as_the_loss():
    """Within 0.1 % and 64 bits a lane of what the exact frequencies say; and that within 1 % of the training's loss."""
    data, units, arrangement, work = _trained(_image(), 60)
    model = stream.Model([network.from_units(units)], 256, 128.0)
    coded = stream.batches(arrangement, model, work)
    for lanes in (1, 4):
        assert 8 * len(rans.encode(coded, lanes)) <= 1.001 * rans.ideal_bits(coded) + 64 * lanes
    z, s, _ = network.forward(network.from_units(units, "float32"), data.inputs, data.linear)
    nats, _, _ = mixture.loss(z, s, data.targets, 256)
    assert rans.ideal_bits(coded) == pytest.approx(float(nats) / np.log(2) * work[:-1].size, rel=0.01)


def test_bit_by_bit_the_file_is_as_long_as_the_loss_too():
    data, units, arrangement, work = _trained(_image(), 40, kind="planes")
    coded = stream.batches(arrangement, stream.Model([network.from_units(units)], 256, 128.0, "planes"), work)
    nats, _ = bits.loss(network.from_units(units, "float32"), data.inputs, data.linear, data.targets, 256)
    assert rans.ideal_bits(coded) == pytest.approx(nats / np.log(2) * work[:-1].size, rel=0.01)


def test_learning_while_coding_makes_files_of_untrained_networks_smaller():
    levels = np.tile(_image(), (2, 2))
    sizes = []
    for kind in ("mixture", "adaptive"):
        _, units, arrangement, work = _trained(levels, 0, hidden=4, kind=kind)
        model = stream.Model([network.from_units(units)], 256, 128.0, kind)
        sizes.append(rans.ideal_bits(stream.batches(arrangement, model, work)))
    assert sizes[1] < 0.995 * sizes[0]


@pytest.mark.parametrize(
    ("kind", "options"), [("mixture", {}), ("mixture", {"reproducible": True}), ("planes", {}), ("adaptive", {})]
)
def test_training_makes_files_smaller(kind, options):
    sizes = []
    for steps in (0, 30, 150):
        _, units, arrangement, work = _trained(_image(), steps, kind=kind, **options)
        coded = stream.batches(arrangement, stream.Model([network.from_units(units)], 256, 128.0, kind), work)
        sizes.append(rans.ideal_bits(coded) / work[:-1].size)
    # Gaussian noise of 3 has 3.63 bits
    assert 3.6 < sizes[2] < sizes[1] < sizes[0] < 5


def test_a_network_without_hidden_neurons_trains():
    """What is left are a linear prediction, and widths that are the same everywhere."""
    _, units, arrangement, work = _trained(_image(), 30, hidden=0)
    assert [units[name].size for name in network.UNITS] == [0, 0, 0, 9, 16]
    coded = stream.batches(arrangement, stream.Model([network.from_units(units)], 256, 128.0), work)
    back = stream.decode(arrangement, stream.Model([network.from_units(units)], 256, 128.0), rans.encode(coded, 9), 9)
    assert_equal_exact(back[:-1], work[:-1])
    assert rans.ideal_bits(coded) / work[:-1].size < 5


def test_the_same_training_gives_the_same_parameters():
    first, second = (_trained(walk(np.random.default_rng(0), (40, 40), 255), 20)[1] for _ in range(2))
    for name in first:
        assert_equal_exact(first[name], second[name])


# --- by hand ---------------------------------------------------------------------------------------------------------


def _context(case, role: int, places: np.ndarray, params: network.Params) -> contexts.Context:
    chosen = case.arrangement.roles[role]
    near = contexts.neighbours(case.arrangement, chosen, places)
    if not case.model.lags:
        return contexts.contexts(case.arrangement, chosen, case.work[near])

    def base(at: np.ndarray) -> np.ndarray:
        before = prediction.before(case.arrangement, at, case.model.lags)
        return prediction.predict(case.work[before], params[network.LAGS], case.model.outside, case.model.levels)

    errors = np.zeros(case.arrangement.size + 1)
    order = case.arrangement.order()
    errors[order.places] = case.work[order.places] - base(order.places)  # one channel: all have the same weights
    return contexts.contexts(case.arrangement, chosen, errors[near], base(places))


def _batches_by_hand(case, size: int) -> tuple[list, list]:
    """What the coder is told, with steps at the ends of groups of at most so many samples; and the groups."""
    order = case.arrangement.order()
    params = [dict(p) for p in case.model.networks]
    steppers = {}
    found = []
    groups = [[0, 0]]
    seen: dict[int, list[np.ndarray]] = {}
    for i, role in enumerate(order.roles.tolist()):
        places = order.places[order.bounds[i] : order.bounds[i + 1]]
        if order.bounds[i + 1] - order.bounds[groups[-1][0]] > size and groups[-1][1] > groups[-1][0]:
            groups.append([i, i])
            for each in seen if case.model.kind == "adaptive" else ():
                at = np.concatenate(seen[each])[: dyadic.MOST_SAMPLES]
                context = _context(case, each, at, params[each])
                wanted = mixture.targets(context, case.work[at])
                if each not in steppers:
                    steppers[each] = dyadic.Stepper({name: params[each][name] for name in network.UNITS})
                steppers[each].step(
                    dyadic.gradients(params[each], context.inputs, context.linear, wanted, case.model.levels), 2.0**-9
                )
                params[each] |= network.from_units(network.to_units(steppers[each].params))
            seen = {}
        groups[-1][1] = i + 1
        seen.setdefault(role, []).append(places)
        context = _context(case, role, places, params[role])
        samples = case.work[places]
        if case.model.kind == "planes":
            found += bits.bits(params[role], context, case.model.levels).write(samples)
        else:
            z, s = network.evaluate(params[role], context.inputs, context.linear)
            given_ = mixture.distribution(z, s, context.base, context.scale, case.model.levels)
            found += symbols.write(given_, samples, case.model.levels)
    return found, [tuple(group) for group in groups]


@pytest.mark.parametrize("size", [1, 9, 50])
@pytest.mark.parametrize(
    ("shape", "channels", "top", "kind", "lags"),
    [
        ((6, 7), False, 255, "mixture", 0),
        ((4, 5, 3), True, 99, "adaptive", 0),
        ((3, 4, 5), False, 2**20, "adaptive", 0),
        ((3, 4, 2), False, 30, "planes", 0),
        ((80,), False, 255, "adaptive", 5),
        ((80,), False, 255, "mixture", 5),
    ],
)
def test_the_coder_is_told_what_is_computed_by_hand(monkeypatch, shape, channels, top, kind, lags, size):
    monkeypatch.setattr(stream, "CHUNK", size)
    monkeypatch.setattr(stream, "ADAPTED", size)
    monkeypatch.setattr(dyadic, "MOST_SAMPLES", 6)
    given_ = case(shape, channels, top, 3, 30, seed=4, kind=kind, lags=lags)
    expected, groups = _batches_by_hand(given_, size)
    assert list(stream._groups(given_.arrangement.order(), given_.model)) == groups
    found = stream.batches(given_.arrangement, given_.model, given_.work)
    assert len(found) == len(expected)
    for (start, frequency), (first, second) in zip(found, expected, strict=True):
        assert_equal_exact(start, first)
        assert_equal_exact(frequency, second)
    content = rans.encode(found, 3)
    back = stream.decode(given_.arrangement, given_.model, content, 3)
    assert_equal_exact(given_.arrangement.samples(back), given_.levels.astype(np.float64))


@pytest.mark.parametrize("kind", ["mixture", "planes", "adaptive"])
@pytest.mark.parametrize("chunk", [7, 1 << 14])
def test_what_networks_are_trained_on(monkeypatch, kind, chunk):
    monkeypatch.setattr(stream, "CHUNK", chunk)
    given_ = case((8, 9, 2), True, 99, 3, 30, seed=4, kind=kind)
    predictor = stream.Predictor(given_.arrangement, given_.model, given_.work)
    for role, places in enumerate(stream.places_of_roles(given_.arrangement.order(), 2)):
        chosen = places[::-2]
        found = stream.data(predictor, role, chosen)
        context = _context(given_, role, chosen, {})
        targets = (bits if kind == "planes" else mixture).targets(context, given_.work[chosen])
        assert_equal_exact(found.inputs, context.inputs.astype(np.float32))
        assert_equal_exact(found.linear, context.linear.astype(np.float32))
        assert type(found.targets) is type(targets)
        assert found.levels == 100
        for a, b in zip(found.targets, targets, strict=True):
            assert_equal_exact(a, b if kind == "planes" else b.astype(np.float32))


def test_samples_of_a_role_without_a_network_are_refused():
    given_ = case((3, 4, 5), False, 99, 3, 30, seed=4)
    model = given_.model._replace(networks=[given_.model.networks[0], None])
    with pytest.raises(ValueError, match="no network for samples of role 1"):
        stream.batches(given_.arrangement, model, given_.work)
