"""From a signal to networks that are solved: a fixed hidden layer, and readouts that reproduce every bit.

With this you can represent an array exactly by readouts of fixed features (`solve`), which takes seconds where training
takes minutes.

    samples -> codes -> tiles -> signs -> readouts -> parameters, which `refinr.measuring` decodes and compares
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from refinr import cpu
from refinr.completing import completed
from refinr.files import container, storing
from refinr.files.checksum import LosslessError
from refinr.incoming import as_samples
from refinr.inr import INR
from refinr.layout import Layout
from refinr.measuring import measure
from refinr.planning import plan_readouts
from refinr.progress import Progress
from refinr.readouts.finding import Found, Search, Task, find
from refinr.readouts.networks import Readouts
from refinr.tables import look_up
from refinr.tiled import Tiled
from refinr.units import Journalled, Kept, Unit, assembled, batches, units_of
from refinr.xp import get, name_of

WEIGHTS = ("real",)
"""What weights of readouts can be."""


def solve(
    samples: np.ndarray,
    *,
    # the signal
    bits: int | None = None,
    gray: bool = True,
    channels: bool | None = None,
    tile: int | Sequence[int] = 16,
    # the networks
    weights: str = "real",
    share: float | None = None,
    budget: float = 1.0,
    max_steps: int = Search.max_steps,
    seed: int = 0,
    # the machine
    executor: Executor | None = None,
    group: int | None = None,
    xp: ModuleType | str | None = None,
    progress: bool = False,
    # the file
    exact: bool = False,
    store: str = Search.store,
    journal: str | os.PathLike[str] | None = None,
    info: dict[str, Any] | None = None,
) -> INR:
    """Represent an array exactly by readouts of fixed features, one for every tile, plane and channel.

    The hidden layer is fixed, cosines up to the tile's Nyquist frequency, and shared by all networks.  What is left of
    a network are the weights of the last layer, and finding those that reproduce every bit is a convex problem
    (`refinr.readouts.real`).  A network that has none gets more features; with as many as the tile has samples there
    always are some.  The keywords stand in this order:

    - the signal: `bits`, `gray`, `channels`, `tile`;
    - the networks: `weights`, `share`, `budget`, `max_steps`, `seed`;
    - the machine: `executor`, `group`, `xp`, `progress`;
    - the file: `exact`, `store`, `journal`, `info`.

    Parameters
    ----------
    samples, bits, channels, executor, xp, info
        As for `refinr.fit`.
    gray : bool
        Planes of the Gray code, which are smoother.
    tile : int or sequence of ints
        As for `refinr.fit`; small tiles are solved faster.
    weights : {"real"}
        What the weights are.
    share : float, above 0 and at most 1, optional
        Features a sample that every network begins with; about half a feature is the limit for random bits.  By
        default as many as hold most of the energy of a network's plane.
    budget : float, above 0 and at most 1
        Features a sample that a network may get at most.
    max_steps : int
        Steps a network may take with one number of features before it gets more.
    seed : int
        Of the order of the features.  Same seed, same bytes, whatever the executor, the threads and the group size.
    group : int, optional
        Networks sent to a worker together, at least those that are solved together.
    progress : bool
        Show a progress bar.
    exact : bool
        Keep what a budget leaves wrong as a residual, instead of raising an error.
    store : {"float16", "bfloat16", "float32"}
        What files hold the weights in.  They are rounded to it before margins are asked for.
    journal : path, optional
        A file to keep networks in as they are solved, as for `refinr.fit`.

    Returns
    -------
    INR
        Outputs are scaled to root mean squares of 1, and keep at least 1e-4 of it from 0; on larger tiles as much as
        rounding in float32 may reach, so that `refinr.certify` can guarantee float32.

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
    samples = as_samples(samples)
    _check(weights, share, budget, max_steps, seed, group, store, info)
    library = get(xp)
    layout, network = plan_readouts(samples, bits=bits, gray=gray, channels=channels, tile=tile, seed=seed)
    search = Search(share, budget, max_steps, store)
    start = time.perf_counter()
    tiled = Tiled(layout, samples)
    units = units_of(layout)
    kept = Kept(units)
    if journal is not None:
        identity = [container.VERSION, tiled.checksum, layout.to_json(), repr(search), name_of(library)]
        kept = Journalled(units, journal, identity)
    _run(tiled, network, units, kept, search, executor, library, group, progress)
    found = assembled(layout, units, kept)
    if not (exact or found.solved.all()):
        raise LosslessError(_undecided(layout, np.flatnonzero(~found.solved), budget))
    return measure(
        tiled,
        network.params(found.features, found.weights, layout.outputs_each),
        seconds=time.perf_counter() - start,
        steps=float(found.taken.mean()),
        most_steps=int(found.taken.max()),
        restarts=int(found.climbed.sum()),
        info=info,
        exact=exact,
        store=store,
    )


def _check(
    weights: str,
    share: float | None,
    budget: float,
    max_steps: int,
    seed: int,
    group: int | None,
    store: str,
    info: dict[str, Any] | None,
) -> None:
    try:
        json.dumps(info, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"info: expected values that JSON has: {error}") from None
    if weights not in WEIGHTS:
        raise ValueError(f"weights: unknown name {weights!r}; known are {', '.join(WEIGHTS)}")
    if not 0.0 < budget <= 1.0:
        raise ValueError(f"budget: expected a number above 0 and at most 1, got {budget}")
    if share is not None and not 0.0 < share <= budget:
        raise ValueError(f"share: expected a number above 0 and at most the budget of {budget}, got {share}")
    if max_steps < 1:
        raise ValueError(f"max_steps: expected 1 or more, got {max_steps}")
    if group is not None and group < 1:
        raise ValueError(f"group: expected 1 or more, got {group}")
    look_up(storing.STORES, store, "store")  # raises for unknown names


def _run(
    tiled: Tiled,
    network: Readouts,
    units: list[Unit],
    kept: Kept,
    search: Search,
    executor: Executor | None,
    xp: ModuleType,
    group: int | None,
    visible: bool,
) -> None:
    """Solve the units that are not there yet."""
    layout = tiled.layout

    def task(number: int) -> Task:
        unit = units[number]
        codes = np.concatenate([tiled.codes(index) for index in unit.tiles], axis=1)  # (N, tiles C)
        return Task(number, network, layout.cut, unit.extent, codes)

    tracker = Progress(layout.networks, layout.outputs_each, visible)
    for number in kept.done:
        tracker.finish(units[number].networks)
    wanted = batches([n for n in range(len(units)) if n not in kept.done], (group or 1) // len(units[0].networks))
    pool = ThreadPoolExecutor(cpu.workers(xp)) if executor is None else executor
    call = partial(_find_all, search=search, xp=name_of(xp))
    try:
        for job, outcomes in completed(pool, call, ([task(n) for n in numbers] for numbers in wanted)):
            for (number, *_), found in zip(job, outcomes, strict=True):
                kept.add(number, found)
                tracker.update(units[number].networks, ~found.solved * layout.outputs_each)
                tracker.finish(units[number].networks)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {tracker.summary()}") from None
    finally:
        tracker.close()
        if executor is None:
            pool.shutdown()


def _find_all(tasks: list[Task], search: Search, xp: str) -> list[Found]:
    return [find(task, search, xp) for task in tasks]


def _undecided(layout: Layout, unsolved: np.ndarray, budget: float) -> str:
    """Which networks a budget is too small for, in words."""
    tile, within = divmod(int(unsolved[0]), layout.networks_each)
    channel, plane = divmod(within, layout.networks_each // layout.channels)
    return (
        f"budget: with {budget:g} features a sample {len(unsolved)} of {layout.networks} networks are undecided, the "
        f"first that of tile {tile}, channel {channel}, plane {plane}: give more (1 is always enough), more max_steps, "
        "or exact=True, which keeps what is wrong as a residual"
    )
