"""From a signal to networks that are solved: a fixed hidden layer, and readouts that reproduce every bit.

With this you can represent an array exactly by readouts of fixed features (`solve`), which takes seconds where training
takes minutes.

    samples -> codes -> tiles -> signs -> readouts -> parameters, which `refinr.measuring` decodes and compares
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from refinr import cpu, estimates, hints
from refinr.arithmetic import Alike
from refinr.completing import completed
from refinr.files import container
from refinr.files.checksum import LosslessError
from refinr.incoming import as_signal, checked
from refinr.inr import INR
from refinr.layout import Layout
from refinr.measuring import measure
from refinr.planning import signal_of
from refinr.progress import Progress
from refinr.readouts import choosing, packing
from refinr.readouts.finding import SMALLEST, Found, Search, Task, find
from refinr.readouts.networks import Readouts
from refinr.readouts.ragged import raw_bytes
from refinr.readouts.signs import SignReadouts, signs_for
from refinr.tables import look_up
from refinr.tiled import Tiled
from refinr.units import Journalled, Kept, Unit, assembled, batches, units_of
from refinr.xp import get, name_of

WEIGHTS = ("real", *choosing.INTEGER)
"""What weights of readouts can be."""

WORTH_TIMING = 64
"""Units of a job of which the first is solved for its time, too."""

STORES = (*packing.REAL, SMALLEST)
"""What files can hold real weights in."""


@checked
def solve(
    samples: np.ndarray | str | os.PathLike[str],
    *,
    # the signal
    bits: int | None = None,
    gray: bool = True,
    channels: bool | None = None,
    tile: int | Sequence[int] = 16,
    # the networks
    weights: str = "real",
    effort: str = Search.effort,
    share: float | None = None,
    budget: float = Search.budget,
    seed: int = 0,
    # the machine
    executor: Executor | None = None,
    group: int | None = None,
    xp: ModuleType | str | None = None,
    mixed: bool = False,
    progress: bool = False,
    # the file
    exact: bool = False,
    store: str | None = None,
    journal: str | os.PathLike[str] | None = None,
    info: dict[str, Any] | None = None,
) -> INR:
    """Represent an array exactly by readouts of fixed features, one for every tile, plane and channel.

    The hidden layer is fixed, cosines up to the tile's Nyquist frequency, and shared by all networks.  What is left of
    a network are the weights of the last layer, and finding those that reproduce every bit is a convex problem
    (`refinr.readouts.real`).  A network that has none gets more features; with as many as the tile has samples there
    always are some.  The keywords stand in this order:

    - the signal: `bits`, `gray`, `channels`, `tile`;
    - the networks: `weights`, `effort`, `share`, `budget`, `seed`;
    - the machine: `executor`, `group`, `xp`, `mixed`, `progress`;
    - the file: `exact`, `store`, `journal`, `info`.

    Parameters
    ----------
    samples, bits, channels, executor, xp, mixed, info
        As for `refinr.fit`.
    gray : bool
        Planes of the Gray code, which are smoother.
    tile : int or sequence of ints
        As for `refinr.fit`; small tiles are solved faster.
    weights : {"real", "ternary", "binary"}
        What the weights are.  Those of a few levels are of features of -1 and 1, so that outputs are whole numbers, the
        same on every machine.
    effort : {"fast", "small", "smallest"}
        Give networks more features until one number of them does; or search for the fewest; or do that for the smallest
        file: "smallest" is "small" with that `store`, unless another is named.
    share : float, above 0 and at most 1, optional
        Features a sample that every network of real weights begins with, if effort is "fast"; half a feature a sample
        is about the limit for random bits.  By default as many as hold most of the energy of a network's plane.
    budget : float, above 0 and at most 1
        Features a sample that a network of real weights may get at most.
    seed : int
        Of the order of the features.  Same seed, same bytes, whatever the executor, the threads and the group size.
    group : int, optional
        Networks sent to a worker together, at least those that are solved together.
    progress : bool
        Show a progress bar.
    exact : bool
        Keep networks that stay undecided within the budget as their raw bits, instead of raising an error.
    store : {"float16", "bfloat16", "float32", "int8", "int5", "smallest"}, optional
        What files hold real weights in, "float16" by default.  They are rounded to it before margins are asked for, and
        a network whose margins do not survive gets more features.  "smallest" is "int5", and raw bits where those are
        fewer.  Weights of a few levels have a store of their own.
    journal : path, optional
        A file to keep networks in as they are solved, as for `refinr.fit`.

    Returns
    -------
    INR
        Outputs of real weights keep at least 1e-4 of their root mean square from 0, and on long axes as much as
        rounding in float32 may reach, so that `refinr.certify` guarantees float32.  A network for which no readout is
        found, or none that is smaller, is its raw bits, as features that are one-hot: `info` counts them.

    Raises
    ------
    ValueError
        As `refinr.fit` does, and for tiles of more than 2048 samples on an axis.
    LosslessError
        If networks stay undecided within the budget, and `exact` is not asked for.
    TypeError, RuntimeError, OSError, KeyboardInterrupt
        As `refinr.fit` does.

    Examples
    --------
    >>> image = (np.arange(256).reshape(16, 16) * 37 % 251).astype("uint8")
    >>> inr = solve(image)
    >>> bool((inr.decode() == image).all()), inr.report.parameters_per_bit < 1
    (True, True)
    """
    samples, info, channels = as_signal(samples, info, channels)
    hints.give(samples, channels)
    search = Search(effort, share, budget, _store(weights, effort, store))
    _check(weights, search, group)
    library = get(xp)
    layout, network = _plan(samples, bits, gray, channels, tile, weights, effort, seed)
    start = time.perf_counter()
    tiled = Tiled(layout, samples)
    units = units_of(layout)
    kept = Kept(units)
    exactly = isinstance(network, SignReadouts)  # whole numbers: the same on every machine
    if journal is not None:
        identity = [container.VERSION, tiled.checksum, layout.to_json(), repr(search), name_of(library)]
        most = max(network.ladder) if isinstance(network, SignReadouts) else layout.outputs_each  # features
        bytes_raw = raw_bytes(layout.outputs_each)
        unlike = None if exactly else mixed
        kept = Journalled(units, most, bytes_raw, search.dtype, journal, identity, unlike)
    with kept:
        _run(tiled, network, units, kept, search, executor, library, group, progress, mixed or exactly)
    found = assembled(layout, units, kept, search.dtype)
    if found.undecided.any() and not exact:
        raise LosslessError(_undecided(layout, found, budget))
    return measure(
        tiled,
        network.params(found.features, found.weights, found.raw, layout.outputs_each),
        seconds=time.perf_counter() - start,
        steps=float(found.taken.mean()),
        most_steps=int(found.taken.max()),
        info=info,
        store=search.holds,
    )


def _store(weights: str, effort: str, store: str | None) -> str:
    """What files hold the weights in."""
    if weights != "real":
        if store is not None:
            raise ValueError(f"store: {weights} weights have one of their own, expected None, got {store!r}")
        return weights
    if store is not None:
        return store
    return SMALLEST if effort == SMALLEST else Search.store


def _check(weights: str, search: Search, group: int | None) -> None:
    if weights not in WEIGHTS:
        raise ValueError(f"weights: unknown name {weights!r}; known are {', '.join(WEIGHTS)}")
    look_up(choosing.EFFORTS, search.effort, "effort")  # raises for unknown names
    if weights == "real" and search.store not in STORES:
        raise ValueError(f"store: unknown name {search.store!r}; known are {', '.join(STORES)}")
    if not 0.0 < search.budget <= 1.0:
        raise ValueError(f"budget: expected a number above 0 and at most 1, got {search.budget}")
    if search.share is not None and not 0.0 < search.share <= search.budget:
        raise ValueError(f"share: expected above 0 and at most the budget of {search.budget}, got {search.share}")
    if search.share is not None and search.effort != "fast":
        raise ValueError(f"share: effort {search.effort!r} looks for the fewest features itself, expected None")
    if weights != "real" and (search.share is not None or search.budget != 1.0):
        raise ValueError(f"share, budget: {weights} weights take what features they need, expected neither")
    if group is not None and group < 1:
        raise ValueError(f"group: expected 1 or more, got {group}")


def _plan(
    samples: np.ndarray,
    bits: int | None,
    gray: bool,
    channels: bool | None,
    tile: int | Sequence[int],
    weights: str,
    effort: str,
    seed: int,
) -> tuple[Layout, Readouts | SignReadouts]:
    """The layout for an array whose planes are readouts of fixed features, and these."""
    signal = signal_of(samples, "planes", bits, 1, gray, channels, tile)
    _, whole, _, _, shape, _ = signal
    network: Readouts | SignReadouts
    if weights == "real":
        network = Readouts(order=1.0 if len(shape) == 1 else 2.0, seed=seed)
    else:
        network = signs_for(whole[: len(shape)], shape, weights, effort)
    network.check(shape)
    return Layout(*signal, network), network


def _run(
    tiled: Tiled,
    network: Readouts | SignReadouts,
    units: list[Unit],
    kept: Kept,
    search: Search,
    executor: Executor | None,
    xp: ModuleType,
    group: int | None,
    visible: bool,
    mixed: bool,
) -> None:
    """Solve the units that are not there yet."""
    layout = tiled.layout

    def task(number: int) -> Task:
        unit = units[number]
        codes = np.concatenate([tiled.codes(index) for index in unit.tiles], axis=1)  # (N, tiles C)
        return Task(number, network, layout.cut, layout.tile, unit.extent, codes)

    if visible and len(units) >= WORTH_TIMING:
        times = len(units) / cpu.workers(xp)
        estimates.say(estimates.repeated(lambda: find(task(0), search, name_of(xp)), times, tiled.samples.nbytes))
    tracker = Progress(layout.networks, layout.outputs_each, visible)
    for number in kept.done:
        tracker.finish(units[number].networks)
    wanted = batches([n for n in range(len(units)) if n not in kept.done], (group or 1) // len(units[0].networks))
    pool = ThreadPoolExecutor(cpu.workers(xp)) if executor is None else executor
    call: Callable[..., list[Found]] = partial(_find_all, search=search, xp=name_of(xp))
    if not (mixed or isinstance(pool, ThreadPoolExecutor)):
        call = Alike(call)
    try:
        for job, outcomes in completed(pool, call, ([task(n) for n in numbers] for numbers in wanted)):
            for (number, *_), found in zip(job, outcomes, strict=True):
                kept.add(number, found)
                tracker.update(units[number].networks, np.zeros_like(found.features))
                tracker.finish(units[number].networks)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {tracker.summary()}") from None
    finally:
        tracker.close()
        if executor is None:
            pool.shutdown()


def _find_all(tasks: list[Task], search: Search, xp: str) -> list[Found]:
    return [find(task, search, xp) for task in tasks]


def _undecided(layout: Layout, found: Found, budget: float) -> str:
    """Which networks a budget is too small for, in words."""
    networks = np.flatnonzero(found.undecided)
    tile, within = divmod(int(networks[0]), layout.networks_each)
    channel, plane = divmod(within, layout.networks_each // layout.channels)
    impossible = np.flatnonzero(found.impossible)
    proved = f" ({_planes(layout, impossible)})" if impossible.size else ""
    return (
        f"budget: {budget:g} features a sample leave {networks.size} of {layout.networks} networks undecided, the "
        f"first that of tile {tile}, channel {channel}, plane {plane}, all {_planes(layout, networks)}; for "
        f"{impossible.size} there is a proof that no weights will do{proved}: give more features (1 a sample is always "
        "enough), effort='small', or exact=True, which keeps those networks as raw bits"
    )


def _planes(layout: Layout, networks: np.ndarray) -> str:
    """Of which planes and how many tiles some networks are."""
    each = layout.networks_each
    planes = np.unique(networks % (each // layout.channels)).tolist()
    tiles = len(np.unique(networks // each))
    several = planes == list(range(planes[0], planes[-1] + 1)) and len(planes) > 2
    named = f"{planes[0]} to {planes[-1]}" if several else ", ".join(map(str, planes))
    return f"of plane{'s' * (len(planes) > 1)} {named} in {tiles} of {len(layout.tiles)} tiles"
