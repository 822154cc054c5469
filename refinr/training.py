"""Networks to zero wrong decisions: one group, freezing, restarts.

With this you can train a group of networks until each has reached its margin (`train`).  `refinr.jobs` says what such a
group is and how it is to be trained, and `refinr.running` trains many at once.

Whatever is split over whomever, the result of a network depends on the seed and on the network's own index alone: its
random stream is its own, every array operation treats it apart from its neighbours, sums over samples have one order,
and whether it stops or starts again is decided from its own past.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refinr import cpu, mlp, optim
from refinr.chunks import Step, gradients
from refinr.jobs import Job, Options, Outcome
from refinr.xp import Array, asarray_like, get, namespace, to_host

NOTIFY_EVERY = 8
"""Steps between two calls of `notify`."""


UNKNOWN = np.iinfo(int).max
"""Wrong decisions of a network that has not been looked at."""


def train(
    job: Job,
    options: Options,
    *,
    threads: int = 1,
    xp: ModuleType | str | None = None,
    notify: Callable[[Sequence[int], np.ndarray, int], None] | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train the networks of one job until each has reached its margin or used up its steps.

    A network leaves the batch as soon as it has reached its margin; one that stalls starts again.  What is returned of
    a network is the best seen at the end of an attempt, or whenever all its decisions were right; of networks that
    regress (`Options.by_error`) and have decisions wrong, the one of the least error.

    Parameters
    ----------
    job : Job
    options : Options
    threads : int
        Threads over which the chunks of samples are spread.
    xp : array library or its name
        Where to compute; NumPy if None.
    notify : callable, optional
        Told now and then the indices of the networks still training, their wrong decisions, and the step.
    stop : threading.Event, optional
        Checked before every step; when set, training ends as if the steps had been used up.

    Returns
    -------
    Outcome
        On the host.
    """
    cpu.recycle_memory()
    with cpu.single_threaded_blas():
        group = _Group(job, options, get(xp))
        if threads == 1:
            return _train(group, options, None, notify, stop)
        with ThreadPoolExecutor(threads) as pool:
            return _train(group, options, pool, notify, stop)


def _train(
    group: _Group,
    options: Options,
    pool: ThreadPoolExecutor | None,
    notify: Callable[[Sequence[int], np.ndarray, int], None] | None,
    stop: threading.Event | None,
) -> Outcome:
    for step in range(options.max_steps + 1):
        now = group.gradients(pool)
        seen = group.look(now)
        last = step == options.max_steps or (stop is not None and stop.is_set())
        group.keep(now, seen, step, (seen.wrong == 0) | seen.stalled | last)
        leaves = seen.done | last | (seen.stalled & group.has_solution())
        if notify is not None and (step % NOTIFY_EVERY == 0 or leaves.any()):
            notify(group.networks(), seen.wrong, step)
        if leaves.all():
            break
        group.move(now)
        group.restart(seen.stalled & ~leaves)
        if leaves.any():
            group.drop(leaves)
    return group.best


class _Look(NamedTuple):
    """What a step shows of the networks still active: arrays (A,)."""

    wrong: np.ndarray
    margin: np.ndarray
    done: np.ndarray
    """Whether all decisions are right and the margin is reached."""
    stalled: np.ndarray
    """Whether patience has run out."""


class _Group:
    """The networks of a job while they train.  Arrays with a leading axis A hold the networks still active.

    Parameters, their gradients and moments are rows (A, P): the optimiser's dozen operations on one array instead of on
    every weight and bias, for the reason that `refinr.chunks.SHORTEST` gives.
    """

    def __init__(self, job: Job, options: Options, xp: ModuleType) -> None:
        E = len(job.networks)
        self.job = job
        self.options = options
        self.schedule = optim.schedule(options.lr)
        self.x = xp.asarray(job.x)  # (N, I)
        self.targets = xp.asarray(job.targets)  # (A, N, O)
        start = self._draw(job.networks, attempt=0)
        self.rows = asarray_like(start, self.x)  # (A, P)
        self.state = options.optimiser.init(self.rows)  # of arrays (A, P)
        self.age = np.zeros((E, 1), dtype=int)  # (A, 1) steps since the attempt began
        self.position = np.arange(E)  # (A,) where in the job
        self.attempt = np.zeros(E, dtype=int)  # (A,)
        self.fewest = np.full(E, UNKNOWN)  # (A,) fewest wrong decisions in this attempt
        self.since = np.zeros(E, dtype=int)  # (A,) steps since it last got better
        self.lowest = np.full(E, np.inf)  # (E,) least error
        self.best_rows = start  # (E, P)
        self.best = Outcome(
            params=mlp.unpack(job.spec, start),  # views: what goes into the rows is in the outcome
            wrong=np.full(E, UNKNOWN),
            margin=np.full(E, -np.inf),
            steps=np.zeros(E, dtype=int),
            restarts=np.zeros(E, dtype=int),
        )

    def networks(self) -> list[int]:
        """Index in the signal of those still active."""
        return [self.job.networks[int(i)] for i in self.position]

    def has_solution(self) -> np.ndarray:
        """Whether what is kept of them decides everything right: (A,)."""
        return self.best.wrong[self.position] == 0

    def gradients(self, pool: ThreadPoolExecutor | None) -> Step:
        """Loss, gradients and decisions of the parameters as they are."""
        params = mlp.unpack(self.job.spec, self.rows)
        loss = self.options.loss
        levels = self.options.levels
        return gradients(self.job.spec, params, self.x, self.targets, loss=loss, levels=levels, pool=pool)

    def look(self, now: Step) -> _Look:
        """Who is done, and who has made no progress for too long."""
        wrong = to_host(now.wrong)
        margin = to_host(now.margin).astype(float)
        wider = (wrong == 0) & (margin > self.best.margin[self.position])
        progress = (wrong < self.fewest) | wider
        self.fewest = np.minimum(wrong, self.fewest)
        self.since = np.where(progress, 0, self.since + 1)
        patience = math.inf if self.options.patience is None else self.options.patience
        done = (wrong == 0) & (margin >= self.options.goal)
        return _Look(wrong, margin, done, self.since >= patience)

    def keep(self, now: Step, seen: _Look, step: int, candidates: np.ndarray) -> None:
        """Store the parameters of those candidates that are better than what is stored."""
        best = self.best
        at = self.position
        best.steps[at] = step
        fewer = seen.wrong < best.wrong[at]
        wider = (seen.wrong == best.wrong[at]) & ~(seen.margin <= best.margin[at])
        better = candidates & (fewer | wider)
        if self.options.by_error:
            error = to_host(now.error).astype(float)
            solved = (seen.wrong == 0) | (best.wrong[at] == 0)
            better = np.where(solved, better, error < self.lowest[at])
            self.lowest[at] = np.fmin(self.lowest[at], error)
        chosen = np.flatnonzero(better)
        if len(chosen) == 0:
            return
        best.wrong[at[chosen]] = seen.wrong[chosen]
        best.margin[at[chosen]] = seen.margin[chosen]
        best.restarts[at[chosen]] = self.attempt[chosen]
        self.best_rows[at[chosen]] = to_host(_take(self.rows, chosen))

    def move(self, now: Step) -> None:
        """One step of the optimiser; after each restart a smaller one."""
        lr = self.schedule(self.age) * self.options.backoff ** self.attempt[:, None]  # (A, 1)
        self.age = self.age + 1
        self.rows, self.state = self.options.optimiser.step(self.rows, mlp.pack(now.grads), self.state, self.age, lr)

    def restart(self, stalled: np.ndarray) -> None:
        """Begin again: new parameters, and the optimiser's state as at first."""
        for i in np.flatnonzero(stalled):
            self.attempt[i] += 1
            self.fewest[i] = UNKNOWN
            self.since[i] = 0
            self.age[i] = 0
            network = self.job.networks[self.position[i]]
            fresh = asarray_like(self._draw([network], int(self.attempt[i])), self.rows)  # (1, P)
            # the optimiser has just made these arrays: they are ours to write into
            self.rows[i, ...] = fresh[0, ...]
            for array, first in zip(self.state, self.options.optimiser.init(fresh), strict=True):
                array[i, ...] = first[0, ...]

    def drop(self, leaves: np.ndarray) -> None:
        """Go on without those networks."""
        stay = np.flatnonzero(~leaves)
        self.targets = _take(self.targets, stay)
        self.rows = _take(self.rows, stay)
        self.state = type(self.state)(*(_take(array, stay) for array in self.state))
        self.age = self.age[stay]
        self.position = self.position[stay]
        self.attempt = self.attempt[stay]
        self.fewest = self.fewest[stay]
        self.since = self.since[stay]

    def _draw(self, networks: Sequence[int], attempt: int) -> np.ndarray:
        dtype = str(self.job.x.dtype)
        return mlp.pack(mlp.init(self.job.spec, networks, self.options.seed, dtype, attempt=attempt))


def _take(array: Array, rows: np.ndarray) -> Array:
    xp = namespace(array)
    if xp is np:
        return array[rows]
    indices = xp.asarray(rows) if xp.__name__ == "cupy" else xp.asarray(rows, device=array.device)
    return xp.take(array, indices, axis=0)
