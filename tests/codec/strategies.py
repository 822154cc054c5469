"""Arrays of levels and networks for the codec's properties: drawn by seed and shape."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr.codec import cuts, header, models, network, parameters, prediction, rans, slabs, stream, values
from refinr.codec.arrangement import Arrangement, arrange_axes
from refinr.codec.stream import Model
from tests.strategies import seeds


class Case(NamedTuple):
    """Levels in an arrangement, and networks with weights of any size."""

    levels: np.ndarray
    arrangement: Arrangement
    model: Model

    @property
    def work(self) -> np.ndarray:
        return self.arrangement.work(self.levels, self.model.outside)


def walk(rng: np.random.Generator, shape: tuple[int, ...], top: int) -> np.ndarray:
    """Levels that are partly smooth and partly not, the ends among them."""
    smooth = rng.normal(size=shape)
    for axis in range(len(shape)):
        smooth = smooth.cumsum(axis)
    scaled = (smooth - smooth.min()) / max(1e-9, float(np.ptp(smooth))) * top
    noisy = np.where(rng.random(shape) < 0.1, rng.integers(0, top + 1, shape), np.rint(scaled))
    return np.clip(noisy, 0, top).astype(np.int64)


def random_network(rng: np.random.Generator, sizes: network.Sizes, most: int) -> network.Params:
    return network.from_units({k: rng.integers(-most, most + 1, s) for k, s in network.shapes(sizes).items()})


def case(
    shape: tuple[int, ...],
    channels: bool,
    top: int,
    hidden: int,
    most: int,
    seed: int,
    kind: str = "mixture",
    lags: int = 0,
) -> Case:
    rng = np.random.default_rng(seed)
    levels = walk(rng, shape, top)
    arrangement = Arrangement(shape, arrange_axes(levels, channels), channels)
    lags = lags if prediction.applies(arrangement) and top < 2**24 else 0
    sizes = [parameters.sizes(arrangement, role, hidden, kind, lags) for role in arrangement.roles]
    networks = [random_network(rng, s, most) for s in sizes]
    return Case(levels, arrangement, Model(networks, top + 1, float(rng.integers(0, top + 1)), kind, lags))


tops = st.sampled_from([1, 2, 15, 255, 1000, 2**16 - 1, 2**16, 2**24, 2**32 - 1])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to five axes, any number of levels, networks of small weights and of the largest there are."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=5, max_side=5))
    channels = len(shape) > 1 and shape[-1] <= 4 and draw(st.booleans())
    hidden, most = draw(st.sampled_from([0, 1, 5])), draw(st.sampled_from([0, 20, network.MOST_UNITS]))
    kind, lags = draw(st.sampled_from(header.NETWORKS)), draw(st.sampled_from([0, 1, 7]))
    return case(shape, channels, draw(tops), hidden, most, draw(seeds), kind, lags)


def coded_file(
    array: np.ndarray, *, channels: bool = False, hidden: int = 2, model: str = "mixture", predicted: bool = False
) -> bytes:
    """A file whose slabs all are coded with networks, whatever that gains, in as many lanes as there can be."""
    trained = models.train(
        models.look(array, channels), models.Wish(model), lambda done, total: None, predicted=predicted
    )
    assert trained is not None
    rng = np.random.default_rng(0)
    networks = tuple(units and _widened(units, hidden, rng) for units in trained.networks)
    hiddens = tuple(None if units is None else hidden for units in networks)
    given = trained._replace(networks=networks, coding=trained.coding._replace(hidden=hiddens))
    written = [_coded_slab(given, array[block]) for block in cuts.blocks(array.shape)]
    content = parameters.write([units for units in networks if units])
    coding = given.coding._replace(parameters=content)
    head = header.Header(array.dtype, array.shape, {}, coding, tuple(row for row, _ in written))
    return b"".join([head.to_bytes(), *(part for _, part in written)])


def counted_file(array: np.ndarray, *, channels: bool = False) -> bytes:
    """A file whose slabs all have their levels counted, whatever that gains."""
    given = models.counted(models.look(array, channels))
    assert given is not None
    written = [_coded_slab(given, array[block]) for block in cuts.blocks(array.shape)]
    head = header.Header(array.dtype, array.shape, {}, given.coding, tuple(row for row, _ in written))
    return b"".join([head.to_bytes(), *(part for _, part in written)])


def _widened(units: parameters.Units, hidden: int, rng: np.random.Generator) -> parameters.Units:
    shapes = {"w0": (len(units["w0"]), hidden), "b0": (1, hidden), "w1": (hidden, units["w1"].shape[1])}
    return units | {name: rng.integers(-5, 6, shape) for name, shape in shapes.items()}


def _coded_slab(given: slabs.Given, samples: np.ndarray) -> tuple[header.Slab, bytes]:
    levels, low = values.to_levels(samples, given.coding.recipe)
    arrangement = slabs._arrangement(given.coding, levels.shape)
    batches = stream.batches(arrangement, slabs.model(given), arrangement.work(levels, given.coding.outside))
    lanes = max(len(start) for start, _ in batches)
    content = rans.encode(batches, lanes)
    bits = b"" if low is None else slabs._write_low(low, given.coding.recipe.low_bits)
    return header.Slab(
        header.MODEL, len(content), slabs._digest(samples, content + bits), lanes, len(bits)
    ), content + bits
