"""From a signal to networks: plan, train, decode again, and count what is wrong.

With this you can represent an array exactly by small networks (`fit`).

    samples -> codes -> tiles -> targets -> training -> parameters, which `refinr.inr.measured` decodes and compares
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from types import ModuleType
from typing import Any

import numpy as np

from refinr import mlp, training
from refinr.inr import INR, measured
from refinr.layout import Layout, plan
from refinr.progress import Progress
from refinr.xp import get


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
) -> INR:
    """Represent an array by networks, exactly if the budget allows.

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

    Returns
    -------
    INR
        Its `report` and `lossless` say what was reached; they are counted on the decoded samples.

    Raises
    ------
    ValueError
        For empty or 0-d arrays, `bits` too small for the samples, unknown names, values out of range, and non-finite
        floats in direct regression.
    TypeError
        For dtypes without codes.
    RuntimeError
        If an array library is asked for that does not work here.
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
    cells = layout.cells(samples)
    params, steps, restarts = _train(layout, cells, options, executor, get(xp), progress, group)
    seconds = time.perf_counter() - start
    return measured(
        layout,
        params,
        samples,
        seconds=seconds,
        steps=float(steps.mean()),
        most_steps=int(steps.max()),
        restarts=restarts,
        info=info,
    )


def _train(
    layout: Layout,
    cells: np.ndarray,
    options: training.Options,
    executor: Executor | None,
    xp: ModuleType,
    visible: bool,
    group: int | None,
) -> tuple[dict[str, np.ndarray], np.ndarray, int]:
    n = layout.networks
    params = {name: np.empty(shape, dtype) for name, (shape, dtype) in mlp.stored(layout.spec, n).items()}
    steps, restarts = np.zeros(n, dtype=int), 0
    samples = math.prod(layout.cut.axes(layout.tile))
    cores = training.workers(xp)
    if group is None:  # as large as the cache allows, and as many as the cores can share evenly
        rounds = -(-n // (training.group_size(layout.spec, samples, xp) * cores))
        group = -(-n // (rounds * cores))
    threads = max(1, cores // -(-n // group)) if executor is None else 1  # few groups: threads within them
    tracker = Progress(n, samples, visible)
    try:
        jobs = layout.jobs(cells, group)
        for job, outcome in training.run(
            jobs, options, executor=executor, threads=threads, xp=xp, notify=tracker.update
        ):
            rows = list(job.networks)
            for name, p in mlp.freeze(layout.spec, outcome.params).items():
                params[name][rows] = p
            steps[rows] = outcome.steps
            restarts += int(outcome.restarts.sum())
            tracker.update(rows, outcome.wrong)
            tracker.finish(rows)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {tracker.summary()}") from None
    finally:
        tracker.close()
    return params, steps, restarts
