"""From samples to the networks that predict them.

With this you can look at an array (`look`), and then train networks for it (`train`), or have its levels counted
(`counted`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refinr.codec import counts, cuts, exact, header, network, parameters, prediction, slabs, stream, training, values
from refinr.codec.arrangement import Arrangement, arrange_axes

_TRAINED_ON = 1 << 18
"""Most samples that a network is trained on, if there are up to four networks."""

_FITTED = 1 << 15
"""Samples of a role that weights of a long prediction are fitted to."""

_LOOKED_AT = 64
"""Most slabs that they are taken from."""


class Wish(NamedTuple):
    """How networks are to be.

    Attributes
    ----------
    model : str
        Of `refinr.codec.header.NETWORKS`.
    steps : int
        Of training.
    seed : int
    reproducible : bool
        Whether every machine gets the same networks.
    """

    model: str = "mixture"
    steps: int = 0
    seed: int = 0
    reproducible: bool = False


class Seen(NamedTuple):
    """An array, and what is to be known of it before anything else.

    Attributes
    ----------
    array : array
    channels : bool
        Whether its last axis counts channels.
    recipe : refinr.codec.values.Recipe
    levels : int
        How many the coder is to tell apart.
    blocks : list of tuples of slices
        Slabs that networks are trained on: all, if they are not too many.
    middle : int64 array
        Levels of one of them.
    axes : tuple of int
        As in an `Arrangement`.
    outside : int
        The level that stands for what is outside.
    slabs : int
        How many there are in all.
    """

    array: np.ndarray
    channels: bool
    recipe: values.Recipe
    levels: int
    blocks: list[tuple[slice, ...]]
    middle: np.ndarray
    axes: tuple[int, ...]
    outside: int
    slabs: int


def look(array: np.ndarray, channels: bool) -> Seen | None:
    """What is to be known of an array, which is gone through once for it; None if there is nothing to predict.

    Parameters
    ----------
    array : array of the grid's axes, not empty
        May be a memory map: it is gone through slab by slab.
    channels : bool
        Whether the last axis counts channels.
    """
    recipe = values.survey(array)
    levels = recipe.coded_levels()
    if levels == 1:
        return None
    blocks = cuts.blocks(array.shape)
    looked_at = blocks[:: -(-len(blocks) // _LOOKED_AT)]
    middle, _ = values.to_levels(np.asarray(array[looked_at[len(looked_at) // 2]]), recipe)
    axes = arrange_axes(middle, channels)
    return Seen(array, channels, recipe, levels, looked_at, middle, axes, int(np.median(middle)), len(blocks))


def counted(seen: Seen) -> slabs.Given | None:
    """How the slabs of an array of a few levels are coded without networks; None if it has more."""
    if seen.levels > counts.MOST_LEVELS or seen.recipe.low_bits:
        return None
    networks = (None,) * len(Arrangement(seen.middle.shape, seen.axes, seen.channels).roles)
    coding = header.Coding(seen.recipe, seen.axes, seen.channels, seen.outside, header.COUNTS, 0, networks, b"")
    return slabs.Given(coding, networks, seen.array.dtype)


def train(
    seen: Seen, wish: Wish, progress: Callable[[int, int], None], *, predicted: bool = False
) -> slabs.Given | None:
    """How the slabs of an array are coded, with networks trained on it.

    Parameters
    ----------
    seen : Seen
    wish : Wish
    progress : callable (steps done, steps in all)
    predicted : bool
        Whether networks see the errors of a long prediction; None where that is not for this array.
    """
    levels = seen.levels
    outside = seen.outside
    arrangement = Arrangement(seen.middle.shape, seen.axes, seen.channels)
    lags = _lags(arrangement, seen.middle, outside, levels) if predicted else []
    if predicted and not lags:
        return None
    rng = np.random.default_rng(wish.seed)
    order = len(lags[0]) if lags else 0
    known: list[network.Params | None] = [{network.LAGS: each.astype(np.float64)} for each in lags]
    model = stream.Model(known, levels, float(outside), wish.model, order)
    examples, samples = _examples(seen, model, rng)
    networks: list[dict[str, np.ndarray] | None] = []
    active = sum(count > 0 for count in samples)
    for role, (data, count) in enumerate(zip(examples, samples, strict=True)):
        if count == 0 and len(seen.blocks) == seen.slabs:
            networks.append(None)
            continue
        begun = sum(units is not None for units in networks)
        width = training.hidden_width(count * seen.slabs // len(seen.blocks)) if wish.steps else 0
        sizes = parameters.sizes(arrangement, arrangement.roles[role], width, wish.model, order)
        network.largest_sums(sizes)  # proves that all sums will be exact
        told = _told(progress, begun * wish.steps, active * wish.steps)
        units = training.train(data, sizes, wish.steps, rng, told, reproducible=wish.reproducible)
        networks.append(units | {network.LAGS: lags[role]} if lags else units)
    hidden = tuple(None if units is None else units["w0"].shape[1] for units in networks)
    coding = header.Coding(seen.recipe, seen.axes, seen.channels, outside, wish.model, order, hidden, b"")
    return slabs.Given(coding, tuple(networks), seen.array.dtype)


def _told(progress: Callable[[int, int], None], before: int, total: int) -> Callable[[int], None]:
    return lambda step: progress(before + step, total)


def _lags(arrangement: Arrangement, levels: np.ndarray, outside: int, count: int) -> list[np.ndarray]:
    """Weights for every role, of the order that seems best; none where samples are in no lines, or too few."""
    if not prediction.applies(arrangement):
        return []
    work = arrangement.work(levels, outside)
    roles = stream.places_of_roles(arrangement.order(), len(arrangement.roles))
    best: tuple[float, list[np.ndarray]] = (math.inf, [])
    for order in prediction.ORDERS:
        if count * order * prediction.MOST_UNITS >= exact.EXACT or order * 8 > min(map(len, roles)):
            break
        lags = []
        size = 0.0
        for places in roles:
            chosen = np.sort(places[:: -(-len(places) // _FITTED)])
            before = work[prediction.before(arrangement, chosen, order)]
            lags.append(prediction.fit(before, work[chosen], outside))
            guess = prediction.predict(before, lags[-1].astype(np.float64), outside, count)
            size += prediction.about_bits(work[chosen] - guess, lags[-1])
        best = min(best, (size, lags), key=lambda pair: pair[0])
    return best[1]


def _examples(seen: Seen, model: stream.Model, rng: np.random.Generator) -> tuple[list[training.Data], list[int]]:
    """For each role, examples in random order from all blocks, and how many samples there are."""
    found: list[list[training.Data]] = []
    counts: list[int] = []
    for block in seen.blocks:
        levels, _ = values.to_levels(np.asarray(seen.array[block]), seen.recipe)
        arrangement = Arrangement(levels.shape, seen.axes, seen.channels)
        order = arrangement.order()
        predictor = stream.Predictor(arrangement, model, arrangement.work(levels, model.outside))
        predictor.know_all(order)
        roles = len(arrangement.roles)
        found = found or [[] for _ in range(roles)]
        counts = counts or [0] * roles
        most = _TRAINED_ON // len(seen.blocks) // max(1, roles // 4)
        for role, places in enumerate(stream.places_of_roles(order, roles)):
            chosen = rng.permutation(places)[:most]
            found[role].append(stream.data(predictor, role, chosen))
            counts[role] += len(places)
    found.reverse()
    return [_mixed(found.pop(), rng) for _ in counts], counts  # so that no role is held twice


def _mixed(parts: list[training.Data], rng: np.random.Generator) -> training.Data:
    """Examples of several slabs in one random order."""
    if len(parts) == 1:
        return parts[0]
    order = rng.permutation(sum(len(part.inputs) for part in parts))
    inputs = np.concatenate([part.inputs for part in parts])[order]
    linear = np.concatenate([part.linear for part in parts])[order]
    fields = zip(*(part.targets for part in parts), strict=True)
    targets = type(parts[0].targets)(*(np.concatenate(field)[order] for field in fields))
    return training.Data(inputs, linear, targets, parts[0].levels)
