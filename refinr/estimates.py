"""What a long or large job will take, said before it: about how long, about how large.

With this you can announce a fit (`announce_fit`) and the decoding of a file (`announce_decoding`), estimate any job
that repeats (`repeated`), and say it (`line`, `say`, `duration`).  Times are measured on a small part
of the job, on this machine as it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refinr import cpu, mlp
from refinr.files import storing
from refinr.inr import INR
from refinr.jobs import Options
from refinr.tiled import Tiled
from refinr.training import train

STEPS = 60
"""Steps that a network takes at the defaults, about."""

LONG = 10.0
"""Seconds from which on a job is announced."""

LARGE = 10_000_000
"""Bytes from which on a file is announced, if it is larger than the samples."""

MANY_TILES = 256
"""Of a file of which the first is decoded for its time, too."""

WORTH_TIMING = 1e11
"""Multiply-adds of a job that is not over before its time is measured."""


class Estimate(NamedTuple):
    """About how long, and how large.

    Parameters
    ----------
    seconds : float
    bytes : int
        Of the file, without what is known only afterwards; 0 if nothing is known before.
    samples : int
        Bytes of the samples.
    """

    seconds: float
    bytes: int
    samples: int


def announce_fit(tiled: Tiled, options: Options, store: str, group: int, threads: int, visible: bool) -> None:
    """Say what training the networks of an array will take, if that is much.

    Parameters
    ----------
    tiled : Tiled
    options : Options
    store : str
        What files hold the parameters in, one of `refinr.files.storing.STORES`.
    group : int
        Networks trained together.
    threads : int
        Threads within each group.
    visible : bool
        Without it nothing is said, nor measured.
    """
    if not visible:
        return
    layout = tiled.layout
    steps = min(options.max_steps, STEPS)
    stored = mlp.stored(layout.spec, layout.networks).items()
    size = storing.packed_bytes({k: np.broadcast_to(np.zeros((), dtype), shape) for k, (shape, dtype) in stored}, store)
    seconds = 0.0
    if 3.0 * steps * mlp.parameter_count(layout.spec) * layout.outputs_in_all > WORTH_TIMING:
        job = next(iter(tiled.jobs(group)))
        start = time.perf_counter()
        train(job, replace(options, max_steps=1))
        of_a_step = (time.perf_counter() - start) / 2.0  # the last one only looks
        at_once = min(cpu.cores(), threads * -(-layout.networks // group))
        seconds = of_a_step / len(job.networks) * layout.networks * steps / at_once
    say(Estimate(seconds, size, tiled.samples.nbytes))


def announce_decoding(inr: INR) -> None:
    """Say how long decoding all of it will take, if that is long."""
    tiles = inr.layout.tiles
    if len(tiles) > MANY_TILES:
        say(repeated(lambda: inr.region(tiles[0]), len(tiles) / cpu.workers(), 0))


def repeated(part: Callable[[], object], times: float, samples: int) -> Estimate:
    """What so many repetitions of a part take, done once.

    Examples
    --------
    >>> repeated(lambda: time.sleep(0.01), 1000, 0).seconds > 9
    True
    """
    start = time.perf_counter()
    part()
    return Estimate((time.perf_counter() - start) * times, 0, samples)


def line(estimate: Estimate) -> str | None:
    """An estimate in words; None for jobs that are neither long nor large.

    Examples
    --------
    >>> line(Estimate(seconds=200.0, bytes=240_000_000, samples=12_000_000))
    'about 3 min, and a file of about 240 MB, 20 times the samples'
    >>> line(Estimate(seconds=1.0, bytes=2000, samples=100)) is None
    True
    """
    parts = []
    if estimate.seconds >= LONG:
        parts.append(f"about {duration(estimate.seconds)}")
    if estimate.bytes >= LARGE and estimate.bytes > estimate.samples:
        parts.append(
            f"a file of about {estimate.bytes / 1e6:,.0f} MB, {estimate.bytes / estimate.samples:.2g} times the samples"
        )
    return ", and ".join(parts) or None


def say(estimate: Estimate) -> None:
    """The line on standard error, if there is one."""
    if text := line(estimate):
        print(f"refinr: {text}", file=sys.stderr)


def duration(seconds: float) -> str:
    """Seconds in words.

    Examples
    --------
    >>> duration(89.4), duration(95.0), duration(7200.0)
    ('89 s', '2 min', '2.0 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
