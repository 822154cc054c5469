"""From samples to the networks that predict them.

With this you can decide how an array is coded and train its networks (`train`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refinr.codec import header, mixture, network, slabs, stream, training, values
from refinr.codec.arrangement import Arrangement, arrange_axes

_TRAINED_ON = 1 << 18
"""Most samples that a network is trained on, if there are up to four networks."""

_LOOKED_AT = 64
"""Most slabs that they are taken from."""


def train(
    array: np.ndarray, channels: bool, steps: int, seed: int, progress: Callable[[int, int], None]
) -> slabs.Given | None:
    """How the slabs of an array are coded; None if there is nothing to predict.

    Parameters
    ----------
    array : array of the grid's axes, not empty
        May be a memory map: it is gone through slab by slab.
    channels : bool
        Whether the last axis counts channels.
    steps : int
    seed : int
    progress : callable (steps done, steps in all)
    """
    recipe = values.survey(array)
    if recipe.coded_levels() == 1:
        return None
    blocks = header.blocks(array.shape)
    looked_at = blocks[:: -(-len(blocks) // _LOOKED_AT)]
    middle, _ = values.to_levels(np.asarray(array[looked_at[len(looked_at) // 2]]), recipe)
    axes = arrange_axes(middle, channels)
    outside = int(np.median(middle))
    rng = np.random.default_rng(seed)
    examples, counts = _examples(array, looked_at, axes, channels, recipe, outside, rng)
    every_role_seen = len(looked_at) == len(blocks)
    networks: list[dict[str, np.ndarray] | None] = []
    active = sum(count > 0 for count in counts)
    for data, count in zip(examples, counts, strict=True):
        if count == 0 and every_role_seen:
            networks.append(None)
            continue
        begun = sum(units is not None for units in networks)
        width = training.hidden_width(count * len(blocks) // len(looked_at)) if steps else 1
        sizes = network.Sizes(data.inputs.shape[1], data.linear.shape[1], width, mixture.OUTPUTS)
        network.largest_sums(sizes)  # proves that all sums will be exact
        told = _told(progress, begun * steps, active * steps)
        networks.append(training.train(data, sizes, steps, rng, told))
    hidden = tuple(0 if units is None else units["w0"].shape[1] for units in networks)
    coding = header.Coding(recipe, axes, channels, outside, hidden, 0)
    return slabs.Given(coding, tuple(networks), array.dtype)


def _told(progress: Callable[[int, int], None], before: int, total: int) -> Callable[[int], None]:
    return lambda step: progress(before + step, total)


def _examples(
    array: np.ndarray,
    blocks: list[tuple[slice, ...]],
    axes: tuple[int, ...],
    channels: bool,
    recipe: values.Recipe,
    outside: int,
    rng: np.random.Generator,
) -> tuple[list[training.Data], list[int]]:
    """For each role, examples in random order from all blocks, and how many samples there are."""
    found: list[list[training.Data]] = []
    counts: list[int] = []
    for block in blocks:
        levels, _ = values.to_levels(np.asarray(array[block]), recipe)
        arrangement = Arrangement(levels.shape, axes, channels)
        work = arrangement.work(levels, outside)
        roles = len(arrangement.roles)
        found = found or [[] for _ in range(roles)]
        counts = counts or [0] * roles
        most = _TRAINED_ON // len(blocks) // max(1, roles // 4)
        for role, places in enumerate(stream.places_of_roles(arrangement.order(), roles)):
            chosen = rng.permutation(places)[:most]
            found[role].append(stream.data(arrangement, role, chosen, work, recipe.coded_levels()))
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
    t = np.concatenate([part.targets.t for part in parts])[order]
    half = np.concatenate([part.targets.half for part in parts])[order]
    return training.Data(inputs, linear, mixture.Targets(t, half), parts[0].levels)
