"""From a signal to networks: plan, train, decode again, and count what is wrong.

With this you can represent an array exactly by small networks (`fit`).

    samples -> codes -> tiles -> targets -> training -> parameters, which `refinr.measuring` decodes and compares
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import time
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from types import ModuleType
from typing import Any

import numpy as np

from refinr import cpu, mlp, running, tiling, training
from refinr.files import container, storing
from refinr.files.checksum import checksum
from refinr.files.journal import Journal, Ledger
from refinr.inr import INR
from refinr.layout import Layout
from refinr.measuring import measure
from refinr.planning import plan
from refinr.progress import Progress
from refinr.tables import look_up
from refinr.xp import get, name_of


def fit(
    samples: np.ndarray,
    decomposition: str = "planes",
    *,
    bits: int | None = None,
    tile: int | Sequence[int] = 32,
    hidden: Sequence[int] | None = None,
    activation: str | None = None,
    loss: str = "bce",
    lr: float | Callable | None = None,
    margin: float = 0.5,
    max_steps: int = 2000,
    seed: int = 0,
    radix_bits: int = 1,
    gray: bool = False,
    executor: Executor | None = None,
    xp: ModuleType | str | None = None,
    progress: bool = False,
    channels: bool | None = None,
    omega: float = 30.0,
    first_scale: str | float | Sequence[float] | None = "half-nyquist",
    patience: int | None = 300,
    group: int | None = None,
    info: dict[str, Any] | None = None,
    layer: str = "linear",
    encoding: str | None = None,
    features: int = 60,
    exact: bool = False,
    store: str = "float32",
    journal: str | os.PathLike | None = None,
) -> INR:
    """Represent an array by networks, exactly if the budget allows or `exact` is asked for.

    Parameters
    ----------
    samples : array (*grid, C) or (*grid,)
        Of any boolean, integer or float dtype up to 64 bits.  NaN, infinities and -0.0 are data for bit planes.
    decomposition : {"planes", "bit-coordinate", "none"}
        One network a tile, plane and channel; one a tile and channel with the bit index as a coordinate (Eq. 8; a full
        tile needs more than the default widths: ``hidden=(64,) * 4``, ``lr=1e-3``); one a tile and channel for the
        value itself, for comparison.
    bits : int, optional
        Width of the codes.  By default what the samples need: the bits of the largest value (of the range, for signed
        integers), all bits of a float.
    tile : int or sequence of ints
        Shape of a tile, or an int t for t * t samples in any dimension; see `refinr.tiling.tile_shape`.
    hidden : sequence of ints, optional
        Widths of the hidden layers.  By default those that suit the kind of layer, as for the activation, the step size
        and the encoding: ``(16, 16, 16)``, "sine", 3e-3 and "none" for linear ones; `refinr.mlp.LAYERS` has them all.
    activation : str, optional
        A name in `refinr.activations.ACTIVATIONS`.
    loss : {"bce", "mse", "mae"}
        "bce" is for bits; where there are more than two levels ("none", ``radix_bits > 1``) it stands for "mse".
    lr : float or callable, optional
        Step size of Adam, or a schedule; see `refinr.optim.schedule`.
    margin : float
        How far outputs must be from their threshold: in logits for "bce", in half steps between levels for others.
        How much of it rounding may use up on other machines, `refinr.certify` says.
    max_steps : int
        Steps a network may take in all.
    seed : int
        Same seed, same bytes, whatever the executor, the threads and the group size.
    radix_bits : int, 1 to 8
        Bits a plane.
    gray : bool
        Planes of the Gray code.
    executor : concurrent.futures.Executor, optional
        Who trains the groups of networks; threads of this process by default.
    xp : {"numpy", "cupy", "array-api-strict"} or the module of one of these, optional
        Array library to compute with.
    progress : bool
        Show a progress bar with the error rate of the networks' decisions: for bit planes, the bit error rate.
    channels : bool, optional
        Whether the last axis counts channels.  By default it does if there is another and it is at most 4 long.
    omega : float
        Frequency of sine, FINER and WIRE.
    first_scale : "half-nyquist", None, float or sequence of floats
        Scale of the first layer, see `refinr.mlp.MLP`.  The default is half the tile's Nyquist frequency on every axis
        for activations that oscillate or peak, and None for relu, tanh and gelu.
    patience : int or None
        Steps without progress after which a network starts again; None: never, as always for "none".
    group : int, optional
        Networks trained together; chosen for this machine's caches and cores by default, so give it for a cluster.
    info : dict, optional
        Side information to carry along, JSON values.
    layer : {"linear", "ternary", "ternary-integer"}
        Ternary layers have weights in {-1, 0, 1}, stored in 1.6 bits each; "ternary-integer" also computes in whole
        numbers, so that every machine gets the same bits.
    encoding : {"none", "fourier", "triangle", "octaves"}, optional
        Of the coordinates, see `refinr.encodings`; ternary layers need one, and whole numbers "triangle".
    features : int
        Waves in a "fourier" or "triangle" encoding, drawn with `seed` up to the tile's Nyquist frequency.
    exact : bool
        Keep what the networks have wrong as a compressed residual, so that decoding is exact whatever the budget.
    store : {"float32", "float16", "bfloat16"}
        What files hold the parameters in.  They are rounded to it before the report is counted, so half floats make
        files smaller and margins too; what is then wrong, `exact` makes up for.
    journal : path, optional
        A file to keep networks in as they are done.  If it is there already, those it has are not trained again: a fit
        that was interrupted goes on, to the same result.  Parameters then stay in this file, mapped into memory, so
        delete it only when the INR has been saved.

    Returns
    -------
    INR
        Its `report` says what the networks reached, counted on the samples they decode to, and `lossless` whether
        decoding is exact.

    Raises
    ------
    ValueError
        For empty or 0-d arrays, `bits` too small for the samples, unknown names, values out of range, non-finite floats
        in direct regression, and a `journal` of other samples or settings.
    TypeError
        For dtypes without codes.
    RuntimeError
        If an array library is asked for that does not work here, or the executor's workers die.
    OSError
        If the journal cannot be written.
    KeyboardInterrupt
        When interrupted, saying what was reached.

    Examples
    --------
    >>> image = (np.arange(64).reshape(8, 8) * 37 % 251).astype("uint8")
    >>> inr = fit(image)
    >>> bool((inr.decode() == image).all()), inr.report.ber
    (True, 0.0)
    """
    samples = np.asarray(samples)
    try:
        json.dumps(info, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"info: expected values that JSON has: {error}") from None
    given: dict[str, Any] = {"hidden": hidden, "activation": activation, "encoding": encoding, "lr": lr}
    chosen = mlp.get_layer(layer).defaults | {name: value for name, value in given.items() if value is not None}
    layout = plan(
        samples,
        decomposition,
        bits=bits,
        tile=tile,
        hidden=chosen["hidden"],
        activation=chosen["activation"],
        omega=omega,
        first_scale=first_scale,
        radix_bits=radix_bits,
        gray=gray,
        channels=channels,
        layer=layer,
        encoding=chosen["encoding"],
        features=features,
        seed=seed,
    )
    options = training.Options(
        levels=layout.cut.levels,
        loss="mse" if loss == "bce" and layout.cut.levels > 2 else loss,
        lr=chosen["lr"],
        margin=margin,
        max_steps=max_steps,
        patience=None if decomposition == "none" else patience,
        seed=seed,
    )
    if group is not None and group < 1:
        raise ValueError(f"group: expected 1 or more, got {group}")
    start = time.perf_counter()
    look_up(storing.STORES, store, "store")
    ledger = _ledger(journal, layout, samples, options, get(xp), store)
    _train(layout, samples, options, executor, get(xp), progress, group, ledger, store)
    seconds = time.perf_counter() - start
    return measure(
        layout,
        ledger.params,
        samples,
        seconds=seconds,
        steps=float(ledger.steps.mean()),
        most_steps=int(ledger.steps.max()),
        restarts=int(ledger.restarts.sum()),
        info=info,
        exact=exact,
        store=store,
    )


def _train(
    layout: Layout,
    samples: np.ndarray,
    options: training.Options,
    executor: Executor | None,
    xp: ModuleType,
    visible: bool,
    group: int | None,
    ledger: Ledger,
    store: str,
) -> None:
    n, done = layout.networks, sorted(ledger.done)
    size = math.prod(layout.cut.axes(layout.tile))
    cores = cpu.workers(xp)
    if group is None:  # as large as the cache allows, and as many as the cores can share evenly
        rounds = -(-n // (running.group_size(layout.spec, size, xp) * cores))
        group = -(-n // (rounds * cores))
    threads = max(1, cores // -(-n // group)) if executor is None else 1  # few groups: threads within them
    tracker = Progress(n, size, visible)
    tracker.update(done, [0] * len(done))
    tracker.finish(done)
    try:
        jobs = _jobs(layout, samples, group, skip=frozenset(done))
        for job, outcome in running.run(
            jobs, options, executor=executor, threads=threads, xp=xp, notify=tracker.update
        ):
            rows = list(job.networks)
            kept = mlp.freeze(layout.spec, outcome.params)
            ledger.add(rows, {k: storing.nearest(p, store) for k, p in kept.items()}, outcome.steps, outcome.restarts)
            tracker.update(rows, outcome.wrong)
            tracker.finish(rows)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {tracker.summary()}") from None
    finally:
        tracker.close()


def _jobs(layout: Layout, samples: np.ndarray, group: int, skip: Container[int]) -> Iterator[training.Job]:
    """The networks' tasks but for those to `skip`, in groups; tiles of one shape together, the largest first."""
    by_extent: dict[tuple[int, ...], list[int]] = {}
    for index, tile in enumerate(layout.tiles):
        by_extent.setdefault(tiling.extent(tile), []).append(index)
    for extent in sorted(by_extent, key=math.prod, reverse=True):
        x = layout.inputs(extent)
        tasks = itertools.chain.from_iterable(_tasks(layout, samples, index, skip) for index in by_extent[extent])
        while batch := list(itertools.islice(tasks, group)):
            networks, targets = zip(*batch, strict=True)
            yield training.Job(layout.spec, networks, x, np.stack(targets))


def _tasks(layout: Layout, samples: np.ndarray, index: int, skip: Container[int]) -> Iterator[tuple[int, np.ndarray]]:
    """The networks of one tile, and what they should represent."""
    each = layout.cut.networks(layout.channels)
    wanted = [i for i in range(each) if index * each + i not in skip]
    if wanted:
        targets = layout.cut.targets(layout.cells(samples[layout.tiles[index]]).reshape(-1, layout.channels))
        yield from ((index * each + i, targets[i]) for i in wanted)


def _ledger(
    path: str | os.PathLike | None,
    layout: Layout,
    samples: np.ndarray,
    options: training.Options,
    xp: ModuleType,
    store: str,
) -> Ledger:
    """Where networks are kept: in memory, or in the journal of these samples and settings."""
    one = {name: np.empty(shape, dtype) for name, (shape, dtype) in mlp.stored(layout.spec, 1).items()}
    if path is None:
        return Ledger(layout.networks, one)
    if callable(options.lr):
        raise ValueError("journal: expected lr to be a number: whether two schedules are the same, nobody can tell")
    settings = [container.VERSION, checksum(samples), layout.to_json(), asdict(options), name_of(xp), store]
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).digest()
    return Journal(path, key, layout.networks, one)
