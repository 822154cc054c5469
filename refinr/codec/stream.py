"""A slab of samples as bytes, and back: the coder is told what the networks expect, wave by wave.

With this you can collect what networks are trained on (`data`), say what the coder is told (`batches`) and read samples
back (`decode`).

Whoever writes a slab and whoever reads it ask the same `Predictor`, in the same groups of waves.  An adaptive model
goes on learning there: after every group its networks take an exact step (`refinr.codec.dyadic`) along the gradient
of what that group took, which both sides know by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from refinr.codec import bits, contexts, counts, dyadic, mixture, network, prediction, rans, symbols, training
from refinr.codec.arrangement import Arrangement, Order

CHUNK = 1 << 14
"""Samples whose contexts are made at once."""

ADAPTED = 2048
"""Samples after which an adaptive model takes a step, about."""

ADAPTIVE_LR = 2.0**-9


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
    kind : str
        Of `refinr.codec.header.MODELS`.
    lags : int
        How many samples before are weighed for a prediction.
    """

    networks: Sequence[network.Params | None]
    levels: int
    outside: float
    kind: str = "mixture"
    lags: int = 0


class Expected(NamedTuple):
    """What a network expects of samples: their distributions, one symbol or a few each."""

    distribution: mixture.Distribution
    levels: int

    def write(self, samples: np.ndarray) -> list[rans.Batch]:
        """See `refinr.codec.symbols.write`."""
        return symbols.write(self.distribution, samples, self.levels)

    def read(self, decoder: rans.Decoder) -> np.ndarray:
        """See `refinr.codec.symbols.read`."""
        return symbols.read(self.distribution, decoder, self.levels)


class Predictor:
    """What is known of a slab, and what its networks make of it.

    Parameters
    ----------
    arrangement : Arrangement
    model : Model
    work : float64 array
        From `Arrangement.work`; places that are not known yet hold anything.
    """

    def __init__(self, arrangement: Arrangement, model: Model, work: np.ndarray) -> None:
        self.arrangement = arrangement
        self.model = model
        self.work = work
        self._errors = np.zeros_like(work) if model.lags else work
        self._params = list(model.networks)
        self._steppers: dict[int, dyadic.Stepper] = {}
        self._seen: list[tuple[int, np.ndarray, contexts.Context]] = []

    def around(self, role: int, places: np.ndarray) -> np.ndarray:
        """Places of what samples' contexts are made of, a row each."""
        near = contexts.neighbours(self.arrangement, self.arrangement.roles[role], places)
        if not self.model.lags:
            return near
        return np.concatenate([near, prediction.before(self.arrangement, places, self.model.lags)], axis=1)

    def context(self, role: int, around: np.ndarray) -> contexts.Context:
        """The context of samples, from the places around them."""
        chosen = self.arrangement.roles[role]
        if not self.model.lags:
            return contexts.contexts(self.arrangement, chosen, self.work[around])
        near, before = np.split(around, [around.shape[1] - self.model.lags], axis=1)
        lags = self._network(role)[network.LAGS]
        base = prediction.predict(self.work[before], lags, self.model.outside, self.model.levels)
        return contexts.contexts(self.arrangement, chosen, self._errors[near], base)

    def expect(self, role: int, places: np.ndarray, around: np.ndarray) -> Expected | bits.Bits:
        """What the network of a role expects of samples at these places."""
        context = self.context(role, around)
        params = self._network(role)
        if self.model.kind == "adaptive":
            self._seen.append((role, places, context))
        if self.model.kind == "planes":
            return bits.bits(params, context, self.model.levels)
        z, s = network.evaluate(params, context.inputs, context.linear)
        return Expected(mixture.distribution(z, s, context.base, context.scale, self.model.levels), self.model.levels)

    def know(self, role: int, places: np.ndarray, around: np.ndarray) -> None:
        """The samples at these places are in the work array now."""
        if self.model.lags:
            before = self.work[around[:, around.shape[1] - self.model.lags :]]
            lags = self._network(role)[network.LAGS]
            base = prediction.predict(before, lags, self.model.outside, self.model.levels)
            self._errors[places] = self.work[places] - base

    def know_all(self, order: Order) -> None:
        """All samples are in the work array already."""
        if self.model.lags:
            for role, places in enumerate(places_of_roles(order, len(self.arrangement.roles))):
                for part in _chunks(len(places)):
                    self.know(role, places[part], self.around(role, places[part]))

    def learn(self) -> None:
        """After a group of waves: an adaptive model takes a step."""
        for role in sorted({role for role, _, _ in self._seen}):
            rows = [(places, context) for seen, places, context in self._seen if seen == role]
            context = contexts.Context(*(np.concatenate(fields) for fields in zip(*(c for _, c in rows), strict=True)))
            samples = self.work[np.concatenate([places for places, _ in rows])]
            most = slice(dyadic.MOST_SAMPLES)
            wanted = mixture.Targets(*(field[most] for field in mixture.targets(context, samples)))
            params = self._network(role)
            if role not in self._steppers:
                self._steppers[role] = dyadic.Stepper({name: params[name] for name in network.UNITS})
            grads = dyadic.gradients(params, context.inputs[most], context.linear[most], wanted, self.model.levels)
            self._steppers[role].step(grads, ADAPTIVE_LR)
            self._params[role] = params | network.from_units(network.to_units(self._steppers[role].params))
        self._seen = []

    def _network(self, role: int) -> network.Params:
        params = self._params[role]
        if params is None:
            raise ValueError(f"damaged: no network for samples of role {role}")
        return params


def places_of_roles(order: Order, roles: int) -> list[np.ndarray]:
    """Places by role, in the order in which they are coded."""
    role = np.repeat(order.roles, np.diff(order.bounds))
    return [order.places[role == i] for i in range(roles)]


def data(predictor: Predictor, role: int, places: np.ndarray) -> training.Data:
    """What the network of a role is trained on, at these places of the work array, all of which is known."""
    inputs, linear = contexts.widths(predictor.arrangement, predictor.arrangement.roles[role])
    count = len(places)
    planes = predictor.model.kind == "planes"
    kind, dtype, fields = (bits.Targets, np.float64, 3) if planes else (mixture.Targets, np.float32, 2)
    targets = [np.empty((count, 1), dtype) for _ in range(fields)]
    found = training.Data(
        np.empty((count, inputs), np.float32),
        np.empty((count, linear), np.float32),
        kind(*targets),
        predictor.model.levels,
    )
    for part in _chunks(count):
        context = predictor.context(role, predictor.around(role, places[part]))
        samples = predictor.work[places[part]]
        found.inputs[part] = context.inputs
        found.linear[part] = context.linear
        wanted = bits.targets(context, samples) if planes else mixture.targets(context, samples)
        for target, field in zip(targets, wanted, strict=True):
            target[part] = field
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
    if model.kind == "counts":
        return counts.batches(arrangement, model.levels, work)
    order = arrangement.order()
    told = expectations(arrangement, model, work)
    found: list[rans.Batch] = []
    for first, last in _groups(order, model):
        roles = list(_by_role(order, first, last))
        coded = {role: expected.write(work[places]) for role, (places, expected, _) in zip(roles, told, strict=False)}
        done = dict.fromkeys(roles, 0)
        for i in range(first, last):
            role = int(order.roles[i])
            part = slice(done[role], done[role] + int(order.bounds[i + 1] - order.bounds[i]))
            done[role] = part.stop
            found += [(start[part], frequency[part]) for start, frequency in coded[role]]
    return found


def expectations(
    arrangement: Arrangement, model: Model, work: np.ndarray
) -> Iterator[tuple[np.ndarray, Expected | bits.Bits, np.ndarray]]:
    """Where all of the work array is known: places, what the networks expect there, and the work array again.

    One after another for every role of every group of waves, in the order in which these are coded.
    """
    order = arrangement.order()
    predictor = Predictor(arrangement, model, work)
    predictor.know_all(order)
    for first, last in _groups(order, model):
        for role, places in _by_role(order, first, last).items():
            yield places, predictor.expect(role, places, predictor.around(role, places)), work
        predictor.learn()


def decode(arrangement: Arrangement, model: Model, content: bytes | memoryview, lanes: int) -> np.ndarray:
    """The work array that was written.

    Raises
    ------
    ValueError
        If the content is damaged.
    """
    if model.kind == "counts":
        return counts.decode(arrangement, model.levels, model.outside, content, lanes)
    decoder = rans.Decoder(content, lanes)
    order = arrangement.order()
    work = np.full(arrangement.size + 1, model.outside)
    predictor = Predictor(arrangement, model, work)
    for first, last in _groups(order, model):
        around = {role: predictor.around(role, places) for role, places in _by_role(order, first, last).items()}
        done = dict.fromkeys(around, 0)
        for i in range(first, last):
            role = int(order.roles[i])
            places = order.places[order.bounds[i] : order.bounds[i + 1]]
            near = around[role][done[role] : done[role] + len(places)]
            done[role] += len(places)
            work[places] = predictor.expect(role, places, near).read(decoder)
            predictor.know(role, places, near)
        predictor.learn()
    decoder.finish()
    return work


def _by_role(order: Order, first: int, last: int) -> dict[int, np.ndarray]:
    """Places of some batches by role, in the order in which they are coded."""
    places = order.places[order.bounds[first] : order.bounds[last]]
    role_of = np.repeat(order.roles[first:last], np.diff(order.bounds[first : last + 1]))
    return {role: places[role_of == role] for role in sorted(set(role_of.tolist()))}


def _chunks(count: int) -> Iterator[slice]:
    for i in range(0, count, CHUNK):
        yield slice(i, min(i + CHUNK, count))


def _groups(order: Order, model: Model) -> Iterator[tuple[int, int]]:
    """Runs of batches, of about a chunk of samples each, or what an adaptive model takes a step after."""
    size = ADAPTED if model.kind == "adaptive" else CHUNK
    first = 0
    while first < len(order.roles):
        last = int(np.searchsorted(order.bounds, order.bounds[first] + size, side="right")) - 1
        last = max(first + 1, last)
        yield first, last
        first = last
