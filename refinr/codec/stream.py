"""A slab of samples as bytes, and back: the coder is told what the networks expect, wave by wave.

With this you can collect what networks are trained on (`data`), say what the coder is told (`batches`) and read samples
back (`decode`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from refinr.codec import contexts, mixture, network, rans, symbols, training
from refinr.codec.arrangement import Arrangement, Order

CHUNK = 1 << 14
"""Samples whose contexts are made at once."""


class Model(NamedTuple):
    """What a slab is coded with.

    Attributes
    ----------
    networks : sequence of dicts of float64 arrays, or None
        One for each of the arrangement's roles, from `refinr.codec.network.from_units`; None where no sample has it.
    levels : int
        Samples are 0, 1, ..., levels - 1.
    outside : float
        What stands for samples where none is known.
    """

    networks: Sequence[network.Params | None]
    levels: int
    outside: float


def places_of_roles(order: Order, roles: int) -> list[np.ndarray]:
    """Places by role, in the order in which they are coded."""
    role = np.repeat(order.roles, np.diff(order.bounds))
    return [order.places[role == i] for i in range(roles)]


def data(arrangement: Arrangement, role: int, places: np.ndarray, work: np.ndarray, levels: int) -> training.Data:
    """What the network of a role is trained on, at these places of the work array."""
    chosen = arrangement.roles[role]
    inputs, linear = contexts.widths(arrangement, chosen)
    found = training.Data(
        np.empty((len(places), inputs), np.float32),
        np.empty((len(places), linear), np.float32),
        mixture.Targets(np.empty((len(places), 1), np.float32), np.empty((len(places), 1), np.float32)),
        levels,
    )
    for part in _chunks(len(places)):
        around = contexts.neighbours(arrangement, chosen, places[part])
        context = contexts.contexts(arrangement, chosen, work[around])
        found.inputs[part] = context.inputs
        found.linear[part] = context.linear
        found.targets.t[part], found.targets.half[part] = mixture.targets(context, work[places[part]])
    return found


def batches(arrangement: Arrangement, model: Model, work: np.ndarray) -> list[rans.Batch]:
    """What the coder is told, in the order of reading.

    Parameters
    ----------
    arrangement : Arrangement
    model : Model
    work : float64 array
        From `Arrangement.work`.
    """
    order = arrangement.order()
    digits = len(symbols.digits(model.levels))
    coded: list[list[rans.Batch]] = []  # of each role, and of each digit
    for role, places in enumerate(places_of_roles(order, len(arrangement.roles))):
        parts = []
        for part in _chunks(len(places)):
            given = _distribution(arrangement, model, role, work[_around(arrangement, role, places[part])])
            parts.append(symbols.write(given, work[places[part]], model.levels))
        coded.append([_joined([part[i] for part in parts]) for i in range(digits)])
    found = []
    done = [0] * len(coded)
    for role, count in zip(order.roles, np.diff(order.bounds), strict=True):
        part = slice(done[role], done[role] + count)
        done[role] += count
        found += [(start[part], frequency[part]) for start, frequency in coded[role]]
    return found


def decode(arrangement: Arrangement, model: Model, content: bytes | memoryview, lanes: int) -> np.ndarray:
    """The work array that was written.

    Raises
    ------
    ValueError
        If the content is damaged.
    """
    decoder = rans.Decoder(content, lanes)
    order = arrangement.order()
    work = np.full(arrangement.size + 1, model.outside)
    for first, last in _groups(order):
        places = order.places[order.bounds[first] : order.bounds[last]]
        role_of = np.repeat(order.roles[first:last], np.diff(order.bounds[first : last + 1]))
        around = {role: _around(arrangement, role, places[role_of == role]) for role in set(role_of.tolist())}
        done = dict.fromkeys(around, 0)
        for i in range(first, last):
            role = int(order.roles[i])
            count = int(order.bounds[i + 1] - order.bounds[i])
            near = around[role][done[role] : done[role] + count]
            done[role] += count
            given = _distribution(arrangement, model, role, work[near])
            work[order.places[order.bounds[i] : order.bounds[i + 1]]] = symbols.read(given, decoder, model.levels)
    decoder.finish()
    return work


def _around(arrangement: Arrangement, role: int, places: np.ndarray) -> np.ndarray:
    return contexts.neighbours(arrangement, arrangement.roles[role], places)


def _distribution(arrangement: Arrangement, model: Model, role: int, values: np.ndarray) -> mixture.Distribution:
    """What a network expects where its neighbours have these values."""
    params = model.networks[role]
    if params is None:
        raise ValueError(f"damaged: no network for samples of role {role}")
    context = contexts.contexts(arrangement, arrangement.roles[role], values)
    z, s = network.evaluate(params, context.inputs, context.linear)
    return mixture.distribution(z, s, context.base, context.scale, model.levels)


def _joined(parts: list[rans.Batch]) -> rans.Batch:
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *(a for a, _ in parts)]), np.concatenate([empty, *(b for _, b in parts)])


def _chunks(count: int) -> Iterator[slice]:
    for i in range(0, count, CHUNK):
        yield slice(i, min(i + CHUNK, count))


def _groups(order: Order) -> Iterator[tuple[int, int]]:
    """Runs of batches, of about a chunk of samples each."""
    first = 0
    while first < len(order.roles):
        last = int(np.searchsorted(order.bounds, order.bounds[first] + CHUNK, side="right")) - 1
        last = max(first + 1, last)
        yield first, last
        first = last
