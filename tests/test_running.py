"""Many groups: the same bytes from every executor and in any grouping; errors, interrupts and walking away."""

from __future__ import annotations

import threading
import time
import types
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from refinr import chunks, cpu, running, training
from refinr.jobs import Job, Options
from refinr.mlp import MLP
from tests.groups import ENDLESS, OPTIONS, assert_same, impossible_job, noise_job, row_of, rows_of

EXECUTORS = {
    "default": lambda: None,
    "one thread": lambda: ThreadPoolExecutor(1),
    "two threads": lambda: ThreadPoolExecutor(2),
    "two processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
}


@pytest.mark.parametrize("name", EXECUTORS)
def test_same_bytes_from_every_executor(name):
    options = Options(max_steps=60, patience=10)
    jobs = [noise_job([0, 1, 2]), noise_job([3, 4], side=5), noise_job([5])]
    expected = {n: row_of(training.train(job, options), i) for job in jobs for i, n in enumerate(job.networks)}
    executor = EXECUTORS[name]()
    try:
        actual = rows_of(list(running.run(jobs, options, executor=executor)))
    finally:
        if executor is not None:
            executor.shutdown()
    assert actual.keys() == expected.keys()
    for network in expected:
        assert_same(actual[network], expected[network])


@pytest.mark.parametrize("size", [1, 3, 8])
def test_same_bytes_in_groups_of_any_size(size):
    networks, options = list(range(8)), Options(max_steps=80, patience=8)
    jobs = [noise_job(networks[i : i + size]) for i in range(0, 8, size)]
    expected = rows_of([(noise_job(networks), training.train(noise_job(networks), options))])
    actual = rows_of(list(running.run(jobs, options)))
    for network in networks:
        assert_same(actual[network], expected[network])


class _Inline(Executor):
    """An executor that computes at once, and says how many workers it has or not; it counts what is asked of it."""

    def __init__(self, workers: int | None = 1) -> None:
        self.submitted = 0
        if workers is not None:
            self._max_workers = workers

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[override]
        self.submitted += 1
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("workers", [1, 3])
def test_jobs_are_drawn_as_they_are_needed(workers):
    drawn = 0

    def source() -> Iterator[Job]:
        nonlocal drawn
        for n in range(200):
            drawn += 1
            yield noise_job([n])

    with ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(running.run(source(), Options(max_steps=0), executor=pool)):
            assert drawn - done <= 8 * workers, "a few more than there are workers"
    assert drawn == 200


@pytest.mark.parametrize(("workers", "window"), [(1, 4), (3, 12), (None, 256)])
def test_four_jobs_a_worker_are_under_way(workers, window):
    """256 where an executor does not say how many workers it has: enough for a cluster."""
    executor = _Inline(workers)
    job = noise_job([0], side=1)
    next(running.run((job for _ in range(1000)), Options(max_steps=0), executor=executor))
    assert executor.submitted == window


def test_a_gpu_is_kept_busy_by_one_group_at_a_time():
    assert cpu.workers(types.SimpleNamespace(__name__="cupy")) == 1
    assert cpu.workers(np) == cpu.workers() == cpu.cores()


def test_any_executor_will_do():
    executor = _Inline()
    jobs = [noise_job([n]) for n in range(10)]
    results = list(running.run(jobs, Options(max_steps=2), executor=executor))
    assert executor.submitted == 10
    assert sorted(job.networks[0] for job, _ in results) == list(range(10))


def test_no_jobs_no_results():
    assert list(running.run([], OPTIONS)) == []


@pytest.mark.parametrize("name", ["default", "two threads", "two processes"])
def test_an_error_of_a_worker_comes_out(name):
    broken = noise_job([0])._replace(x=np.zeros((36, 3), dtype=np.float32))  # three inputs for a network of two
    executor = EXECUTORS[name]()
    try:
        with pytest.raises(ValueError, match=r"matmul|shape"):
            list(running.run([noise_job([1]), broken], Options(max_steps=1), executor=executor))
    finally:
        if executor is not None:
            executor.shutdown()


def _threads_of_workers() -> int:
    return sum("ThreadPoolExecutor" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("executor", [None, "own"])
def test_an_interrupt_in_a_worker_stops_the_others_promptly(executor):
    def notify(who, wrong, step):
        if 1 in who:
            raise KeyboardInterrupt

    before = _threads_of_workers()
    pool = ThreadPoolExecutor(2) if executor else None
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(running.run([impossible_job(n) for n in (0, 1, 2, 3)], ENDLESS, executor=pool, notify=notify))
    if pool is not None:
        pool.shutdown()
    assert time.monotonic() - start < 10
    assert _threads_of_workers() == before


def test_an_interrupted_consumer_stops_the_workers_promptly():
    before = _threads_of_workers()
    easy = noise_job([0])._replace(targets=np.full((1, 36, 1), -0.5, dtype=np.float32))
    start = time.monotonic()
    results = running.run([easy, *(impossible_job(n) for n in (1, 2, 3))], ENDLESS)
    job, outcome = next(results)
    assert list(job.networks) == [0]
    assert (outcome.wrong == 0).all()
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())
    assert time.monotonic() - start < 10
    assert _threads_of_workers() == before


def test_a_consumer_that_walks_away_stops_the_workers():
    before = _threads_of_workers()
    results = running.run([noise_job([n]) for n in range(20)], Options(max_steps=10))
    next(results)
    results.close()
    assert _threads_of_workers() == before


@pytest.mark.parametrize(
    ("library", "budget", "most"),
    [(None, 12 << 20, 64), (np, 12 << 20, 64), (types.SimpleNamespace(__name__="cupy"), 1 << 30, 1024)],
)
@pytest.mark.parametrize("hidden", [(16, 16, 16), (4,), (512,) * 4, (1000,), ()])
def test_a_group_is_as_large_as_fits(library, budget, most, hidden):
    spec = MLP((2, *hidden, 1))
    for samples in (1, 100, 1024, 10**6):
        size = running.group_size(spec, samples, library)
        # of a chunk: inputs and outputs of the activations (or of the only layer), four bytes each
        each = 2 * 4 * min(samples, chunks.chunk_length(spec)) * (sum(hidden) if hidden else 3)
        assert isinstance(size, int)
        assert 1 <= size <= most
        assert size == 1 or size * each <= budget
        assert size == most or (size + 1) * each > budget
