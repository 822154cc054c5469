"""Many groups of networks at once, on any executor.

With this you can choose how many networks to train together (`group_size`, `shares`), and train such groups (`run`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu, training
from refinr.arithmetic import Alike
from refinr.chunks import chunk_length
from refinr.completing import completed
from refinr.jobs import Job, Options, Outcome
from refinr.mlp import MLP
from refinr.xp import get, name_of


class Room(NamedTuple):
    """What a group may take: bytes of activations, and networks."""

    bytes: int
    networks: int


CACHES = Room(bytes=12 << 20, networks=64)
"""Measured: about the caches of a core of today's servers; more networks no longer make a step cheaper."""

GPU = Room(bytes=1 << 30, networks=1024)
"""Enough to keep all of a GPU busy, and a small part of its memory."""


def group_size(spec: MLP, samples: int, xp: ModuleType | None = None) -> int:
    """How many networks to train together: few enough for a step's activations to stay in the machine's caches, many
    enough for the threads to compute more than they wait (or to fill a GPU).

    Examples
    --------
    >>> group_size(MLP(sizes=(2, 16, 16, 16, 1)), 1024)
    32
    """
    room = GPU if cpu.on_gpu(xp) else CACHES
    values = min(samples, chunk_length(spec)) * sum(spec.sizes[1:-1] or spec.sizes)
    bytes_each = 2 * 4 * values  # inputs and outputs of the activations, 4 bytes each
    return max(1, min(room.networks, room.bytes // bytes_each))


def shares(networks: int, spec: MLP, samples: int, xp: ModuleType | None, group: int | None) -> tuple[int, int]:
    """Networks in a group, as many as asked for or as the caches take, and threads within each group.

    Groups are as large as the caches allow, and as many as the cores can share evenly; where there are fewer than
    cores, several threads work on one.

    Examples
    --------
    >>> shares(100, MLP(sizes=(2, 16, 16, 16, 1)), 1024, None, group=100) == (100, cpu.cores())
    True
    """
    cores = cpu.workers(xp)
    if group is None:
        rounds = -(-networks // (group_size(spec, samples, xp) * cores))
        group = -(-networks // (rounds * cores))
    return group, max(1, cores // -(-networks // group))


def run(
    jobs: Iterable[Job],
    options: Options,
    *,
    executor: Executor | None = None,
    threads: int = 1,
    xp: ModuleType | str | None = None,
    mixed: bool = False,
    notify: Callable[[Sequence[int], np.ndarray, int], None] | None = None,
) -> Generator[tuple[Job, Outcome]]:
    """Train all jobs and yield each with its outcome as it is ready, in no particular order.

    Parameters
    ----------
    jobs : iterable of Job
        Drawn as they are needed: a few more than there are workers are under way at any time.
    options : Options
    executor : concurrent.futures.Executor, optional
        Threads of this process by default; processes, or a cluster's own executor, serve as well.
    threads, xp, notify
        For `train`; notify reaches workers in this process only.
    mixed : bool
        Whether workers may compute otherwise than this process.

    Raises
    ------
    KeyboardInterrupt
        After the workers in this process have been told to stop and have.
    """
    xp = get(xp)
    pool = ThreadPoolExecutor(cpu.workers(xp)) if executor is None else executor
    stop = threading.Event()
    call: Any = partial(training.train, options=options, threads=threads, xp=name_of(xp))
    if isinstance(pool, ThreadPoolExecutor):
        call = partial(call, notify=notify, stop=stop)
    elif not mixed:
        call = Alike(call)
    try:
        with cpu.single_threaded_blas():
            yield from completed(pool, call, jobs)
    finally:
        stop.set()
        if executor is None:
            pool.shutdown()
