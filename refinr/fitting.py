"""From a signal to networks: plan, train, decode again, and count what is wrong.

With this you can represent an array exactly by small networks (`fit`).

    samples -> tiles -> codes -> targets -> training -> parameters, which `refinr.measuring` decodes and compares
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from refinr import advice, estimates, hints, keeping, mlp, running
from refinr.absent import Absent
from refinr.files import storing
from refinr.files.journal import Ledger
from refinr.incoming import as_signal, checked
from refinr.inr import INR
from refinr.jobs import Options
from refinr.measuring import measure
from refinr.optim import Optimiser, Schedule
from refinr.planning import AUTO, plan, plan_training, settings
from refinr.progress import Moment, Progress
from refinr.tables import look_up
from refinr.tiled import Tiled
from refinr.xp import get


@checked
def fit(
    samples: np.ndarray | str | os.PathLike[str],
    decomposition: str = "planes",
    *,
    # the signal
    bits: int | None = None,
    radix_bits: int = 1,
    gray: bool = False,
    channels: bool | None = None,
    tile: int | Sequence[int] = 32,
    # the networks
    preset: str | None = None,
    hidden: Sequence[int] | None = None,
    layer: str = "linear",
    activation: str | None = None,
    omega: float | None = None,
    scale: float | None = None,
    first_scale: str | float | Sequence[float] | None = AUTO,
    encoding: str | None = None,
    features: int | None = None,
    # the training
    loss: str | None = None,
    optimiser: str | Optimiser | None = None,
    lr: float | Schedule | None = None,
    margin: float = 0.5,
    max_steps: int = 2000,
    patience: int | str | None = AUTO,
    seed: int = 0,
    # the machine
    executor: Executor | None = None,
    group: int | None = None,
    xp: ModuleType | str | None = None,
    mixed: bool = False,
    progress: bool = False,
    callback: Callable[[Moment], None] | None = None,
    # the file
    exact: bool = False,
    store: str = "float32",
    journal: str | os.PathLike[str] | None = None,
    info: dict[str, Any] | None = None,
) -> INR:
    """Represent an array by networks, exactly if the budget allows or `exact` is asked for.

    What is stated and cannot be held raises.  What is not stated (None, or "auto") adapts to the rest.  The keywords
    stand in this order:

    - the signal: `bits`, `radix_bits`, `gray`, `channels`, `tile`;
    - the networks: `preset`, `hidden`, `layer`, `activation`, `omega`, `scale`, `first_scale`, `encoding`, `features`;
    - the training: `loss`, `optimiser`, `lr`, `margin`, `max_steps`, `patience`, `seed`;
    - the machine: `executor`, `group`, `xp`, `mixed`, `progress`, `callback`;
    - the file: `exact`, `store`, `journal`, `info`.

    Parameters
    ----------
    samples : array (*grid, C) or (*grid,), or path
        Of any boolean, integer or float dtype up to 64 bits.  NaN, infinities and -0.0 are data for bit planes.
        A path is that of a file that `refinr.files.signals.read` takes, whose `info` and `channels` stand where none
        are given.
    decomposition : {"planes", "bit-coordinate", "none"}
        One network for every tile, plane and channel; one for every tile and channel with the bit index as a coordinate
        (Eq. 8); one for every tile and channel for the value itself, for comparison.
    bits : int, optional
        Width of the codes.  By default what the samples need: the bits of the largest value (of the range, for signed
        integers), all bits of a float.
    radix_bits : int, 1 to 8
        Bits of each plane.
    gray : bool
        Planes of the Gray code.
    channels : bool, optional
        Whether the last axis counts channels.  By default it does if there is another and it is at most 4 long.
    tile : int or sequence of ints
        Shape of a tile, or an int t for t * t samples in any dimension; see `refinr.tiling.tile_shape`.
    preset : str, optional
        A name in `refinr.planning.PRESETS`: settings that stand where nothing else is given.  By default those that
        suit the kind of layer, `refinr.mlp.LAYERS` has them all.  For linear ones they are "fast": two hidden layers as
        wide as 0.9 parameters per output of a tile allow (`refinr.mlp.widths`: ``hidden=(27, 27)`` for planes of
        32 x 32 samples), ``activation="sine"``, ``encoding="none"``, ``lr=1e-2``.  "small", three
        layers of 13, has half the parameters and takes four times the steps.
    hidden : sequence of ints, optional
        Widths of the hidden layers.
    layer : {"linear", "ternary", "ternary-integer"}
        Ternary layers have weights in {-1, 0, 1}, stored in 1.6 bits each; "ternary-integer" also computes in whole
        numbers, so that every machine gets the same bits.
    activation : str, optional
        A name in `refinr.activations.ACTIVATIONS`, whose row says what a fit with it takes by default.
    omega : float, optional
        Frequency of sine, FINER and WIRE; 30 by default, and 4 for WIRE.
    scale : float, optional
        Inverse width of Gauss and WIRE; 1 and 0.12 by default.
    first_scale : "auto", "half-nyquist", None, float or sequence of floats
        Scale of the first layer, see `refinr.mlp.MLP`.  "auto" is half the tile's Nyquist frequency on every axis for
        activations that oscillate or peak, and None for relu, tanh and gelu and on top of an encoding.
    encoding : {"none", "fourier", "triangle", "octaves"}, optional
        Of the coordinates, see `refinr.encodings`; ternary layers need one, and whole numbers "triangle".  By default
        "fourier" for relu, tanh, gelu and Gauss, which cannot make high frequencies out of bare coordinates.
    features : int, optional
        Waves in a "fourier" or "triangle" encoding, drawn with `seed` up to the tile's Nyquist frequency; 60 by
        default.
    loss : {"bce", "mse", "mae"}, optional
        "bce" is for bits, and the default there; where there are more than two levels ("none", ``radix_bits > 1``) it
        is "mse".
    optimiser : str or instance, optional
        A name in `refinr.optim.OPTIMISERS`, or an instance such as ``optim.Adam(betas=(0.9, 0.995))``; "adam" by
        default.
    lr : float or callable, optional
        Step size, or a schedule; see `refinr.optim.schedule`.  Networks of more than two hidden layers have a default
        of their own, 3e-3, and direct regression ("none") has 1e-3.
    margin : float
        How far outputs must be from their threshold: in logits for "bce", in half steps between levels for others.
        How much of it rounding may use up on other machines, `refinr.certify` says.
    max_steps : int
        Steps a network may take in all.  With 0, and `exact`, there are no networks, and the residual is the array.
    patience : int, None or "auto"
        Steps without progress after which a network starts again; None: never.  "auto" is 300, and None for "none",
        which regresses values and is never started again.
    seed : int
        Same seed, same bytes, whatever the executor, the threads and the group size.
    executor : concurrent.futures.Executor, optional
        Who trains the groups of networks; threads of this process by default.
    group : int, optional
        Networks trained together; chosen for this machine's caches and cores by default, so give it for a cluster.
    xp : {"numpy", "cupy", "array-api-strict"} or the module of one of these, optional
        Array library to compute with.
    mixed : bool
        Let workers, and a journal, compute otherwise than this process: another processor rounds differently.  Results
        are then right as ever, but no longer the same bytes whoever computes what.
    progress : bool
        Show a progress bar with the error rate of the networks' decisions: for bit planes, the bit error rate.
    callback : callable, optional
        ``callback(moment)`` is told every few steps where the fit stands, see `refinr.progress.Moment`: the step, the
        error rate of each plane, networks left, seconds.  ``callback=refinr.Live()`` shows it in a line.  It is called
        by the threads that train, one at a time; where an executor has workers in other processes, as groups of
        networks are done.  What it raises ends the fit.
    exact : bool
        Keep what the networks have wrong as a compressed residual, so that decoding is exact whatever the budget.
    store : {"float32", "float16", "bfloat16"}
        What files hold the parameters in.  They are rounded to it before the report is counted, so half floats make
        files smaller and margins too; what is then wrong, `exact` makes up for.
    journal : path, optional
        A file to keep networks in as they are done.  If it is there already, those it has are not trained again: a fit
        that was interrupted goes on, to the same result.  Parameters then stay in this file, mapped into memory, so
        delete it only when the INR has been saved.
    info : dict, optional
        Side information to carry along, JSON values.

    Returns
    -------
    INR
        Its `report` says what the networks reached, counted on the samples they decode to, and `lossless` whether
        decoding is exact.

    Raises
    ------
    ValueError
        For empty or 0-d arrays, `bits` too small for the samples, unknown names, values out of range, settings that
        contradict each other, non-finite floats in direct regression, and a `journal` of other samples or settings.
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
    samples, info, channels = as_signal(samples, info, channels)
    hints.give(samples, channels)
    look_up(storing.STORES, store, "store")  # raises for unknown names
    library = get(xp)
    given = {
        "hidden": hidden,
        "activation": activation,
        "omega": omega,
        "scale": scale,
        "first_scale": None if isinstance(first_scale, str) and first_scale == AUTO else first_scale,
        "encoding": encoding,
        "features": features,
        "loss": loss,
        "optimiser": optimiser,
        "lr": lr,
    }
    chosen = settings(layer, preset, given, decomposition)
    layout = plan(
        samples,
        decomposition,
        bits=bits,
        radix_bits=radix_bits,
        gray=bool(gray),
        channels=channels,
        tile=tile,
        hidden=chosen["hidden"],
        layer=layer,
        activation=chosen["activation"],
        omega=chosen["omega"],
        scale=chosen["scale"],
        first_scale=first_scale,
        encoding=chosen["encoding"],
        features=chosen["features"],
        seed=seed,
    )
    options = plan_training(
        layout.cut,
        loss=chosen["loss"],
        optimiser=chosen["optimiser"],
        lr=chosen["lr"],
        margin=margin,
        max_steps=max_steps,
        patience=patience,
        seed=seed,
    )
    start = time.perf_counter()
    if exact and max_steps == 0:  # nothing is learnt, so nothing is kept of it
        without = Tiled(replace(layout, network=Absent()), samples)
        return measure(without, {}, seconds=time.perf_counter() - start, info=info, exact=True, store=store)
    tiled = Tiled(layout, samples)
    with keeping.ledger(journal, tiled, options, library, store, mixed) as ledger:
        _train(tiled, options, ledger, store, executor, library, group, progress, callback, mixed)
    inr = measure(
        tiled,
        ledger.params,
        seconds=time.perf_counter() - start,
        steps=float(ledger.steps.mean()),
        most_steps=int(ledger.steps.max()),
        restarts=int(ledger.restarts.sum()),
        info=info,
        exact=exact,
        store=store,
    )
    advice.give(inr, options, chosen, settings(layer, None, {"activation": layout.spec.activation}, decomposition))
    return inr


def _train(
    tiled: Tiled,
    options: Options,
    ledger: Ledger,
    store: str,
    executor: Executor | None,
    xp: ModuleType,
    group: int | None,
    visible: bool,
    callback: Callable[[Moment], None] | None,
    mixed: bool,
) -> None:
    """Train the networks that the ledger has not got yet, and keep them there in the precision of files."""
    layout = tiled.layout
    done = sorted(ledger.done)
    group, threads = running.shares(layout.networks, layout.spec, layout.outputs_each, xp, group)
    estimates.announce_fit(tiled, options, store, group, threads, visible)
    tracker = Progress(
        layout.networks, layout.outputs_each, visible, done, layout.networks_each // layout.channels, callback
    )
    try:
        trained = running.run(
            tiled.jobs(group, skip=frozenset(done)),
            options,
            executor=executor,
            threads=threads if executor is None else 1,
            xp=xp,
            notify=tracker.update,
            mixed=mixed,
        )
        with closing(trained):  # whatever is raised here, too, ends the workers
            for job, outcome in trained:
                rows = list(job.networks)
                kept = {k: storing.nearest(p, store) for k, p in mlp.freeze(layout.spec, outcome.params).items()}
                ledger.add(rows, kept, outcome.steps, outcome.restarts)
                tracker.finish(rows, outcome.wrong, int(outcome.steps.max()))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {tracker.summary()}") from None
    finally:
        tracker.close()
