"""Networks as bytes: which there are, the width that is cheapest for each array, and lanes; by hand."""

from __future__ import annotations

import numpy as np
import pytest

from refinr.codec import bits, contexts, header, mixture, network, parameters, rans, symbols
from refinr.codec.arrangement import Arrangement
from refinr.codec.values import Recipe
from tests.helpers import assert_equal_exact


def _networks(*sizes: network.Sizes, most: int = 300) -> list[parameters.Units]:
    rng = np.random.default_rng(0)
    return [
        {
            name: np.clip(np.rint(rng.normal(size=shape) * most / 2**i), -2047, 2047).astype(np.int64)
            for i, (name, shape) in enumerate(network.shapes(size).items())
        }
        for size in sizes
    ]


def _given(count: int, k: int, most: int) -> mixture.Distribution:
    width = (4 + k % 4) / 4 * 2.0 ** (k // 4 - 2)
    weights = np.tile([1.0, 0.0, 0.0], (count, 1, 1))
    places = np.full((count, 1, 3), most + 0.5)
    return mixture.Distribution(
        weights, places, np.full((count, 1, 3), 1 / width), np.full((count, 1), 2.0**-12 / (2 * most + 1))
    )


def _by_hand(networks: list[parameters.Units]) -> bytes:
    widths = []
    batches = []
    for units in networks:
        for name, array in units.items():
            most = 2**15 - 1 if name == "lags" else 2047
            coded = [
                symbols.write(_given(array.size, k, most), array.reshape(-1) + float(most), 2 * most + 1)
                for k in range(52)
            ]
            prices = [rans.price(each) for each in coded]
            widths.append(prices.index(min(prices)))
            batches += coded[widths[-1]]
    count = sum(array.size for units in networks for array in units.values())
    return bytes(widths) + rans.encode(batches, 1 + count // 1024)


@pytest.mark.parametrize(
    ("sizes", "most"),
    [
        ([network.Sizes(4, 3, 2, 9)], 300),
        ([network.Sizes(4, 3, 2, 9)], 0),
        ([network.Sizes(4, 3, 0, 9), network.Sizes(5, 2, 1, 1)], 4000),
        ([network.Sizes(4, 3, 2, 9, 32)], 20_000),
        ([network.Sizes(20, 16, 33, 9)], 20),
    ],
)
def test_each_array_has_the_width_that_is_cheapest(sizes, most):
    networks = _networks(*sizes, most=most)
    content = parameters.write(networks)
    assert content == _by_hand(networks)
    back = parameters.read(content, sizes)
    assert len(back) == len(sizes)
    for units, found in zip(networks, back, strict=True):
        assert list(found) == list(units)
        for name in units:
            assert_equal_exact(found[name], units[name])


@pytest.mark.parametrize(("count", "lanes"), [(1023, 1), (1024, 2), (2047, 2), (2048, 3)])
def test_a_lane_takes_1024_parameters(count, lanes):
    size = network.Sizes(1, count - 1 - 1 - 2, 1, 1)  # w0, b0, w1, b1, and the linear part
    assert network.count(size) == count
    content = parameters.write(_networks(size))
    rans.Decoder(content[5:], lanes)
    starts = np.frombuffer(content[5:], "<u8", lanes)
    assert (starts >= 1 << 31).all()
    assert_equal_exact(parameters.read(content, [size])[0]["skip"], _networks(size)[0]["skip"])
    assert content == _by_hand(_networks(size))


def test_no_networks_are_no_bytes():
    assert parameters.write([]) == b""
    assert parameters.read(b"", []) == []
    with pytest.raises(ValueError, match="expected 1 states"):
        parameters.read(b"a", [])
    with pytest.raises(ValueError, match="expected 1 states"):
        parameters.read(b"", [network.Sizes(1, 1, 1, 1)])


def test_a_width_that_is_none_is_refused():
    size = network.Sizes(1, 1, 1, 1)
    content = parameters.write(_networks(size))
    for place in range(5):
        for width in (52, 255):
            with pytest.raises(ValueError, match=f"width {width} of 52"):
                parameters.read(content[:place] + bytes([width]) + content[place + 1 :], [size])
    coded = [symbols.write(_given(1, 51, 2047), np.array([v]), 4095)[0] for v in (2047.0, 2050.0, 0.0, 4094.0, 9.0)]
    found = parameters.read(bytes([51] * 5) + rans.encode(coded, 1), [size])[0]
    assert [int(array[0, 0]) for array in found.values()] == [0, 3, -2047, 2047, 9 - 2047]
    with pytest.raises(ValueError, match="not in the state"):
        parameters.read(bytes([51] * 5) + rans.encode(coded, 1) + bytes(4), [size])


@pytest.mark.parametrize("model", header.NETWORKS)
def test_which_networks_a_file_has(model):
    recipe = Recipe(-1, 0, 1, 0, 200, b"")
    coding = header.Coding(recipe, (2, 0, 1), True, 0, model, 7, (3, None, 0), b"")
    arrangement = Arrangement((5, 6, 3), (2, 0, 1), True)
    expected = []
    for role, hidden in zip(arrangement.roles, (3, None, 0), strict=True):
        inputs, linear = contexts.widths(arrangement, role)
        planes = model == "planes"
        size = network.Sizes(inputs + 4 * planes, linear, hidden or 0, 1 if planes else 9, 7)
        expected.append(None if hidden is None else size)
    assert parameters.sizes_of(coding, (5, 6, 3)) == expected
    assert (bits.FEATURES, bits.OUTPUTS, mixture.OUTPUTS) == (4, 1, 9)
