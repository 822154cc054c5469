"""From a signal to networks: plan, train, decode again, and count what is wrong.

With this you can represent an array exactly by small networks (`fit`).

    samples -> codes -> tiles -> targets -> training -> parameters, which `refinr.recount.measured` decodes and compares
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

from refinr import cpu, mlp, training
from refinr.inr import INR
from refinr.layout import Layout, plan
from refinr.progress import Progress
from refinr.recount import measured
from refinr.xp import get


def fit(
    samples: np.ndarray,
    decomposition: str = "planes",
    *,
    bits: int | None = None,
    tile: int | Sequence[int] = 32,
    hidden: Sequence[int] = (16, 16, 16),
    activation: str = "sine",
    loss: str = "bce",
    lr: float | Callable = 3e-3,
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
    exact: bool = False,
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
    hidden : sequence of ints
        Widths of the hidden layers.
    activation : str
        A name in `refinr.activations.ACTIVATIONS`.
    loss : {"bce", "mse", "mae"}
        "bce" is for bits; where there are more than two levels ("none", ``radix_bits > 1``) it stands for "mse".
    lr : float or callable
        Step size of Adam, or a schedule; see `refinr.optim.schedule`.
    margin : float
        How far outputs must be from their threshold: in logits for "bce", in half steps between levels for others.
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
    exact : bool
        Keep what the networks have wrong as a compressed residual, so that decoding is exact whatever the budget.

    Returns
    -------
    INR
        Its `report` says what the networks reached, counted on the samples they decode to, and `lossless` whether
        decoding is exact.

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
    layout = plan(
        samples,
        decomposition,
        bits=bits,
        tile=tile,
        hidden=hidden,
        activation=activation,
        omega=omega,
        first_scale=first_scale,
        radix_bits=radix_bits,
        gray=gray,
        channels=channels,
    )
    options = training.Options(
        levels=layout.cut.levels,
        loss="mse" if loss == "bce" and layout.cut.levels > 2 else loss,
        lr=lr,
        margin=margin,
        max_steps=max_steps,
        patience=None if decomposition == "none" else patience,
        seed=seed,
    )
    if group is not None and group < 1:
        raise ValueError(f"group: expected 1 or more, got {group}")
    start = time.perf_counter()
    params, steps, restarts = _train(layout, samples, options, executor, get(xp), progress, group)
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
        exact=exact,
    )


def _train(
    layout: Layout,
    samples: np.ndarray,
    options: training.Options,
    executor: Executor | None,
    xp: ModuleType,
    visible: bool,
    group: int | None,
) -> tuple[dict[str, np.ndarray], np.ndarray, int]:
    n = layout.networks
    template = mlp.init(layout.spec)
    params = {name: np.empty((n, *p.shape[1:]), p.dtype) for name, p in template.items()}
    steps, restarts = np.zeros(n, dtype=int), 0
    size = math.prod(layout.cut.axes(layout.tile))
    cores = cpu.cores()
    if group is None:  # as large as the cache allows, and as many as the cores can share evenly
        rounds = -(-n // (training.group_size(layout.spec, size, xp) * cores))
        group = -(-n // (rounds * cores))
    threads = max(1, cores // -(-n // group)) if executor is None else 1  # few groups: threads within them
    tracker = Progress(n, size, visible)
    try:
        jobs = layout.jobs(samples, group)
        for job, outcome in training.run(
            jobs, options, executor=executor, threads=threads, xp=xp, notify=tracker.update
        ):
            rows = list(job.networks)
            for name, p in outcome.params.items():
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
