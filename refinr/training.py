"""Networks to zero wrong decisions: groups, freezing, restarts.

With this you can train one group of networks until each has reached its margin (`train`), and run many groups on any
`concurrent.futures` executor (`run`).

Whatever is split over whomever, the result of a network depends on the seed and on the network's own index alone: its
random stream is its own, every array operation treats it apart from its neighbours, sums over samples have one order,
and whether it stops or starts again is decided from its own past.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu, losses, mlp, optim
from refinr.chunks import chunk_length, gradients
from refinr.mlp import MLP
from refinr.xp import Array, asarray_like, get, name_of, namespace, to_host


@dataclass(frozen=True)
class Options:
    """How to train; the same for all networks of a signal.

    Parameters
    ----------
    levels : int
        Number of different digits the outputs stand for; 2 for bits.
    loss : str
        A name in `refinr.losses.LOSSES`.
    lr : float or callable
        Step size, or a schedule from `refinr.optim`.
    margin : float, >= 0
        How far every output must be from its nearest threshold before a network may stop: in logits for "bce", in half
        steps between levels (so below 1) for the others.
    max_steps : int, >= 0
        Steps a network may take, restarts included.
    patience : int or None
        A network whose number of wrong decisions has not fallen for so many steps starts again, with a new random
        stream and its step size times `backoff`; one that has none but whose margin no longer grows stops.  None: never
        either.
    backoff : float
    seed : int

    Raises
    ------
    ValueError
        For values out of range, unknown losses, and "bce" with more than two levels.
    """

    levels: int = 2
    loss: str = "bce"
    lr: float | Callable = 3e-3
    margin: float = 0.5
    max_steps: int = 2000
    patience: int | None = 300
    backoff: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        losses.get(self.loss)
        optim.schedule(self.lr)
        if self.loss == "bce" and self.levels != 2:
            raise ValueError(f"loss: 'bce' is for bits, and there are {self.levels} levels: use 'mse' or 'mae'")
        if not 0.0 <= self.margin < (math.inf if self.loss == "bce" else 1.0):
            limit = "a finite number" if self.loss == "bce" else f"a number below 1 (half steps of {self.loss})"
            raise ValueError(f"margin: expected 0 or {limit}, got {self.margin}")
        if self.max_steps < 0:
            raise ValueError(f"max_steps: expected 0 or more, got {self.max_steps}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience: expected 1 or more steps, or None, got {self.patience}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed}")

    @property
    def goal(self) -> float:
        """`margin` in the unit of `refinr.decisions.margins`."""
        return self.margin if self.loss == "bce" else 0.5 * self.margin


class Job(NamedTuple):
    """A group of networks that share their inputs: the unit of work, and all a worker needs to know."""

    spec: MLP
    networks: Sequence[int]
    """Index of each network in the signal; its random stream hangs on it."""
    x: np.ndarray
    """(N, I)"""
    targets: np.ndarray
    """(E, N, O), as made by `refinr.decisions.targets`"""


class Outcome(NamedTuple):
    """What came of a `Job`: one entry a network, in the job's order."""

    params: dict[str, np.ndarray]
    wrong: np.ndarray
    """Wrong decisions left, int (E,)."""
    margin: np.ndarray
    """Smallest margin over all samples, float64 (E,); negative or NaN where decisions are wrong."""
    steps: np.ndarray
    """Steps taken, int (E,)."""
    restarts: np.ndarray
    """int (E,)"""


# --- one group -------------------------------------------------------------------------------------------------------


def train(
    job: Job,
    options: Options,
    *,
    threads: int = 1,
    xp: ModuleType | str | None = None,
    notify: Callable[[Sequence[int], np.ndarray], None] | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train the networks of one job until each has reached its margin or used up its steps.

    A network leaves the batch as soon as it has reached its margin; one that stalls starts again.  What is returned of
    a network is the best seen at the end of an attempt, or whenever all its decisions were right.

    Parameters
    ----------
    job : Job
    options : Options
    threads : int
        Threads over which the chunks of samples are spread.
    xp : array library or its name
        Where to compute; NumPy if None.
    notify : callable, optional
        Told now and then the indices of the networks still training, and their wrong decisions.
    stop : threading.Event, optional
        Checked before every step; when set, training ends as if the steps had been used up.

    Returns
    -------
    Outcome
        On the host.
    """
    cpu.recycle_memory()
    with cpu.single_threaded_blas():
        if threads == 1:
            return _Group(job, options, get(xp)).train(None, notify, stop)
        with ThreadPoolExecutor(threads) as pool:
            return _Group(job, options, get(xp)).train(pool, notify, stop)


class _Group:
    """The networks of a job while they train.  Arrays with a leading axis A hold the networks still active.

    Parameters, their gradients and moments are rows (A, P): Adam's dozen operations on one array instead of on every
    weight and bias, for the reason that `refinr.chunks.chunk_length` gives.
    """

    def __init__(self, job: Job, options: Options, xp: ModuleType) -> None:
        self.job, self.options, self.schedule = job, options, optim.schedule(options.lr)
        E = len(job.networks)
        self.x = xp.asarray(job.x)  # (N, I)
        self.targets = xp.asarray(job.targets)  # (A, N, O)
        start = self._draw(job.networks, attempt=0)
        self.rows = {"all": asarray_like(start, self.x)}  # (A, P)
        self.state = optim.adam_init(self.rows)
        self.age = np.zeros((E, 1), dtype=int)  # (A, 1) steps since the attempt began
        self.position = np.arange(E)  # (A,) where in the job
        self.attempt = np.zeros(E, dtype=int)  # (A,)
        self.fewest = np.full(E, np.iinfo(int).max)  # (A,) fewest wrong decisions in this attempt
        self.since = np.zeros(E, dtype=int)  # (A,) steps since it last got better
        unknown = np.full(E, np.iinfo(int).max)
        self.best_rows, best = start, mlp.unpack(job.spec, start)  # views: what goes into the rows is in the outcome
        self.best = Outcome(best, unknown, np.full(E, -np.inf), np.zeros(E, dtype=int), np.zeros(E, dtype=int))

    def train(self, pool: ThreadPoolExecutor | None, notify: Callable | None, stop: threading.Event | None) -> Outcome:
        options = self.options
        for step in range(options.max_steps + 1):
            params = mlp.unpack(self.job.spec, self.rows["all"])
            now = gradients(
                self.job.spec, params, self.x, self.targets, loss=options.loss, levels=options.levels, pool=pool
            )
            wrong, margin = to_host(now.wrong), to_host(now.margin).astype(float)
            progress = (wrong < self.fewest) | ((wrong == 0) & (margin > self.best.margin[self.position]))
            self.fewest = np.minimum(wrong, self.fewest)
            self.since = np.where(progress, 0, self.since + 1)
            stalled = self.since >= (math.inf if options.patience is None else options.patience)
            last = step == options.max_steps or (stop is not None and stop.is_set())
            done = (wrong == 0) & (margin >= options.goal)
            self._keep((wrong == 0) | stalled | last, wrong, margin)
            self.best.steps[self.position] = step
            leaves = done | last | (stalled & (self.best.wrong[self.position] == 0))
            if notify is not None and (step % 8 == 0 or leaves.any()):
                notify([self.job.networks[int(i)] for i in self.position], wrong)
            if leaves.all():
                break
            rate = self.schedule(self.age) * options.backoff ** self.attempt[:, None]
            state = self.state._replace(t=self.age)
            self.rows, self.state = optim.adam_step(self.rows, {"all": mlp.pack(now.grads)}, state, rate)
            self.age = self.age + 1
            self._restart(stalled & ~leaves)
            if leaves.any():
                self._drop(leaves)
        return self.best

    def _keep(self, candidates: np.ndarray, wrong: np.ndarray, margin: np.ndarray) -> None:
        """Store the parameters of those candidates that are better than what is stored."""
        best, at = self.best, self.position
        closer = (wrong == best.wrong[at]) & ~(margin <= best.margin[at])
        chosen = np.flatnonzero(candidates & ((wrong < best.wrong[at]) | closer))
        if len(chosen) == 0:
            return
        best.wrong[at[chosen]], best.margin[at[chosen]] = wrong[chosen], margin[chosen]
        best.restarts[at[chosen]] = self.attempt[chosen]
        self.best_rows[at[chosen]] = to_host(_take(self.rows["all"], chosen))

    def _draw(self, networks: Sequence[int], attempt: int) -> np.ndarray:
        dtype = str(self.job.x.dtype)
        return mlp.pack(mlp.init(self.job.spec, networks, self.options.seed, dtype, attempt=attempt))

    def _restart(self, stalled: np.ndarray) -> None:
        """Begin again: new parameters, empty moments, a smaller step."""
        for i in np.flatnonzero(stalled):
            self.attempt[i] += 1
            self.fewest[i], self.since[i], self.age[i] = np.iinfo(int).max, 0, 0
            network = self.job.networks[self.position[i]]
            fresh = self._draw([network], int(self.attempt[i]))
            rows = self.rows["all"]  # adam_step has just made these arrays: they are ours to write into
            rows[i, ...] = asarray_like(fresh[0], rows)
            self.state.m["all"][i, ...] = 0.0
            self.state.v["all"][i, ...] = 0.0

    def _drop(self, leaves: np.ndarray) -> None:
        """Go on without those networks."""
        stay = np.flatnonzero(~leaves)
        self.targets = _take(self.targets, stay)
        self.rows, m, v = ({"all": _take(rows["all"], stay)} for rows in (self.rows, self.state.m, self.state.v))
        self.state = optim.AdamState(m, v, 0)  # `age` says what t is
        self.position, self.attempt, self.age = self.position[stay], self.attempt[stay], self.age[stay]
        self.fewest, self.since = self.fewest[stay], self.since[stay]


def _take(array: Array, rows: np.ndarray) -> Array:
    xp = namespace(array)
    if xp is np:
        return array[rows]
    indices = xp.asarray(rows) if xp.__name__ == "cupy" else xp.asarray(rows, device=array.device)
    return xp.take(array, indices, axis=0)


# --- many groups -----------------------------------------------------------------------------------------------------


def group_size(spec: MLP, samples: int, xp: ModuleType | None = None) -> int:
    """How many networks to train together: few enough for a step's activations to stay in the machine's caches, many
    enough for the threads to compute more than they wait (or to fill a GPU).

    Examples
    --------
    >>> group_size(MLP(sizes=(2, 16, 16, 16, 1)), 1024)
    32
    """
    budget, most = (1 << 30, 1024) if cpu.on_gpu(xp) else (12 << 20, 64)  # bytes; networks
    values = min(samples, chunk_length(spec)) * sum(spec.sizes[1:-1] or spec.sizes)
    return max(1, min(most, budget // (2 * 4 * values)))  # inputs and outputs of the activations, 4 bytes each


def run(
    jobs: Iterable[Job],
    options: Options,
    *,
    executor: Executor | None = None,
    threads: int = 1,
    xp: ModuleType | str | None = None,
    notify: Callable[[Sequence[int], np.ndarray], None] | None = None,
) -> Iterator[tuple[Job, Outcome]]:
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

    Raises
    ------
    KeyboardInterrupt
        After the workers in this process have been told to stop and have.
    """
    xp = get(xp)
    pool = ThreadPoolExecutor(cpu.workers(xp)) if executor is None else executor
    stop = threading.Event()
    call: Any = partial(train, options=options, threads=threads, xp=name_of(xp))
    if isinstance(pool, ThreadPoolExecutor):
        call = partial(call, notify=notify, stop=stop)
    window = 4 * getattr(pool, "_max_workers", 64)
    waiting: dict[Future, Job] = {}
    source = iter(jobs)
    try:
        with cpu.single_threaded_blas():
            while True:
                for job in source:
                    waiting[pool.submit(call, job)] = job
                    if len(waiting) >= window:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
    finally:
        stop.set()
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown()
