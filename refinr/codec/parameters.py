"""Networks as bytes: their parameters are coded like samples, with a distribution of one width for each array.

With this you can say which networks a file has (`sizes_of`), write their parameters (`write`) and read them back
(`read`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from refinr.codec import bits, contexts, header, mixture, network, prediction, rans, symbols
from refinr.codec.arrangement import Arrangement, Role

MOST = dict.fromkeys(network.UNITS, network.MOST_UNITS) | {network.LAGS: prediction.MOST_UNITS}
"""Largest magnitudes of parameters."""

LEVELS = 2 * max(MOST.values()) + 1
"""Values that a parameter can have at most."""

WIDTHS = tuple((4 + k % 4) / 4 * 2.0 ** (k // 4 - 2) for k in range(52))
"""Widths that a distribution can have, in units, a byte each; dyadic, so that they are the same everywhere."""

LANE = 1024
"""Parameters a lane."""

Units = dict[str, np.ndarray]


def sizes_of(coding: header.Coding, shape: tuple[int, ...]) -> list[network.Sizes | None]:
    """The sizes of the networks of a file, by role; None where there is none."""
    arrangement = Arrangement(shape, coding.axes, coding.channels)
    return [
        None if width is None else sizes(arrangement, role, width, coding.model, coding.lags)
        for role, width in zip(arrangement.roles, coding.hidden, strict=True)
    ]


def sizes(arrangement: Arrangement, role: Role, hidden: int, model: str, lags: int) -> network.Sizes:
    """The sizes of the network of a role, with so many hidden neurons."""
    inputs, linear = contexts.widths(arrangement, role)
    if model == "planes":
        return network.Sizes(inputs + bits.FEATURES, linear, hidden, bits.OUTPUTS, lags)
    return network.Sizes(inputs, linear, hidden, mixture.OUTPUTS, lags)


def write(networks: Sequence[Units]) -> bytes:
    """A byte for each array's width, then a coder's content; nothing if there are no networks.

    Parameters
    ----------
    networks : sequence of dicts of int64 arrays
        From `refinr.codec.network.to_units`.
    """
    if not networks:
        return b""
    widths = []
    batches = []
    for units in networks:
        for name in (name for name in MOST if name in units):
            values = units[name].reshape(-1) + float(MOST[name])
            levels = 2 * MOST[name] + 1
            coded = [symbols.write(_distribution(len(values), width, MOST[name]), values, levels) for width in WIDTHS]
            best = int(np.argmin([rans.price(batch) for batch in coded]))
            widths.append(best)
            batches += coded[best]
    return bytes(widths) + rans.encode(batches, _lanes(sum(len(start) for start, _ in batches)))


def read(content: bytes | memoryview, wanted: Sequence[network.Sizes]) -> list[Units]:
    """The inverse of `write`, for networks of these sizes.

    Raises
    ------
    ValueError
        If the content is damaged.
    """
    if not wanted and not content:
        return []
    arrays = [shape for size in wanted for shape in network.shapes(size).items()]
    count = sum(math.prod(shape) for _, shape in arrays)
    widths = content[: len(arrays)]
    rest = content[len(arrays) :]
    decoder = rans.Decoder(rest, _lanes(count))
    networks: list[Units] = []
    for (name, shape), width in zip(arrays, widths, strict=True):
        if width >= len(WIDTHS):
            raise ValueError(f"damaged: width {width} of {len(WIDTHS)}")
        given = _distribution(math.prod(shape), WIDTHS[width], MOST[name])
        values = symbols.read(given, decoder, 2 * MOST[name] + 1)
        if name == next(iter(network.UNITS)):
            networks.append({})
        networks[-1][name] = (values - float(MOST[name])).astype(np.int64).reshape(shape)
    decoder.finish()
    return networks


def _distribution(count: int, width: float, most: int) -> mixture.Distribution:
    """One logistic distribution about zero, for so many parameters."""
    shape = (count, 1, mixture.COMPONENTS)
    weights = np.zeros(shape)
    weights[:, :, 0] = 1.0
    uniform = np.full((count, 1), mixture.UNIFORM / (2 * most + 1))
    return mixture.Distribution(weights, np.full(shape, most + 0.5), np.full(shape, 1.0 / width), uniform)


def _lanes(count: int) -> int:
    return 1 + count // LANE
